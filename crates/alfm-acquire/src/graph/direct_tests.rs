use alfm_core::{ClassId, SeedTree};
use proptest::prelude::*;

use super::super::testing::{Case, cases, cycle, rows};
use super::*;
use crate::{Pool, select_with_oracle};

fn request<'a>(pool: &'a Pool<'a>, budget: usize) -> Request<'a> {
    let budget = budget.min(pool.candidates().len());
    Request { pool, budget, seed: SeedTree::new(0), strategy: "direct" }
}

/// With the given uniform numbers, `chunk` rows at a time, every answer told at once.
fn run(case: &Case, direct: Direct, budget: usize, chunk: usize, numbers: &[f64]) -> Vec<usize> {
    case.with_pool(|pool| {
        let mut search = Search::new(direct, &request(pool, budget), cycle(numbers)).unwrap();
        rows(&case.drive(&mut search, chunk, false))
    })
}

/// The rule as it is written: lists, recounts, no state between rounds.
struct Naive<'a> {
    case: &'a Case,
    direct: Direct,
    labels: Vec<Option<usize>>,
    askable: Vec<bool>,
    picks: Vec<usize>,
    left_next: bool,
    /// Whether answers come within the batch.
    answers: bool,
    random: Box<dyn FnMut() -> f64>,
}

impl<'a> Naive<'a> {
    fn new(case: &'a Case, direct: Direct, answers: bool, numbers: &[f64]) -> Self {
        Self {
            case,
            direct,
            labels: case.labels(),
            askable: case.askable(),
            picks: Vec::new(),
            left_next: true,
            answers,
            random: Box::new(cycle(numbers)),
        }
    }

    fn ask(&mut self, row: usize) {
        self.askable[row] = false;
        self.picks.push(row);
        if self.answers {
            self.labels[row] = Some(self.case.answers[row].index());
        }
    }

    fn weights(&self, order: &[usize], class: usize) -> Vec<i64> {
        let weight = |row: &usize| self.labels[*row].map_or(0, |k| if k == class { 1 } else { -1 });
        order.iter().map(weight).collect()
    }

    fn agreement(&self, order: &[usize], class: usize, threshold: usize) -> i64 {
        let weights = self.weights(order, class);
        weights[..threshold].iter().sum::<i64>() - weights[threshold..].iter().sum::<i64>()
    }

    fn askable_in(&self, order: &[usize], left: usize, right: usize) -> Vec<usize> {
        (left..=right).filter(|at| self.askable[order[*at]]).collect()
    }

    fn run(mut self, budget: usize) -> Vec<usize> {
        let budget = budget.min(self.case.candidates.len());
        let (classes, share) = self.phase_1_shares(budget);
        for class in classes {
            self.narrow(class, share);
        }
        let rest = budget - self.picks.len();
        let count = self.case.classes;
        let mut order: Vec<usize> = (0..count).collect();
        let permutation: Vec<usize> = (0..count)
            .map(|_| order.remove(draw::position((self.random)(), order.len())))
            .collect();
        for (turn, class) in permutation.into_iter().enumerate() {
            self.ask_around(class, rest * (turn + 1) / count - rest * turn / count);
        }
        self.picks
    }

    fn phase_1_shares(&self, budget: usize) -> (Vec<usize>, usize) {
        let count = self.case.classes;
        let labels = |class: usize| self.labels.iter().filter(|k| **k == Some(class)).count();
        let (even, floor) = (budget / count / 2, self.direct.minimum_per_class);
        let (mut classes, share) = match self.direct.split {
            PhaseSplit::Paper => ((0..count).collect(), even),
            PhaseSplit::Reference => ((0..count).collect(), even.min(floor)),
            PhaseSplit::Rare if even >= floor => ((0..count).collect(), even),
            PhaseSplit::Rare => {
                let mut classes: Vec<usize> = (0..count).collect();
                classes.sort_by_key(|class| labels(*class));
                let some = 1.max(budget / (2 * floor));
                (classes[..some].to_vec(), floor.min(budget / 2))
            }
        };
        classes.sort_by_key(|class| (count * 100 - labels(*class), *class));
        (classes, share)
    }

    fn narrow(&mut self, class: usize, mut share: usize) {
        let order = &self.case.order(class);
        let weights = self.weights(order, class);
        let labelled: Vec<usize> = (0..order.len()).filter(|at| weights[*at] != 0).collect();
        let prefix = labelled.iter().take_while(|at| weights[**at] == 1);
        let suffix = labelled.iter().rev().take_while(|at| weights[**at] == -1);
        let mut left = prefix.last().copied().unwrap_or(0);
        let mut right = suffix.last().copied().unwrap_or(order.len() - 1);
        let annotators = self.direct.parallel_annotators;
        while share > 0 {
            let mut open = self.askable_in(order, left, right);
            let count = annotators.min(share).min(open.len());
            if count == 0 {
                return;
            }
            for _ in 0..count {
                let at = open.remove(draw::position((self.random)(), open.len()));
                self.ask(order[at]);
            }
            let askable = self.askable_in(order, left, right).len();
            let rounds = share / annotators;
            if rounds >= 2 && askable > 0 {
                let target = askable as f64 / (askable as f64).powf(1.0 / rounds as f64);
                (left, right) = match self.direct.shrink {
                    Shrink::PointerWalk => self.walk(order, class, (left, right), target),
                    Shrink::BestWindow => self.window(order, class, (left, right), target),
                };
            }
            share -= annotators.min(share);
        }
    }

    fn walk(
        &mut self,
        order: &[usize],
        class: usize,
        (mut left, mut right): (usize, usize),
        target: f64,
    ) -> (usize, usize) {
        while self.askable_in(order, left, right).len() as f64 > target.ceil() {
            let ends = [left, right].map(|end| self.agreement(order, class, end));
            let left_moves = match ends[0].cmp(&ends[1]) {
                std::cmp::Ordering::Equal if self.direct.ties == TieBreak::Coin => {
                    (self.random)() < 0.5
                }
                std::cmp::Ordering::Equal => {
                    self.left_next = !self.left_next;
                    !self.left_next
                }
                order => order.is_lt(),
            };
            if left_moves { left += 1 } else { right -= 1 }
        }
        (left, right)
    }

    fn window(
        &self,
        order: &[usize],
        class: usize,
        (left, right): (usize, usize),
        target: f64,
    ) -> (usize, usize) {
        let all = (left..=right).flat_map(|i| (i..=right).map(move |j| (i, j)));
        let fits =
            |(i, j): &(usize, usize)| self.askable_in(order, *i, *j).len() as f64 == target.ceil();
        let better = |(i, j): &(usize, usize)| {
            let ends = [*i, *j].map(|end| self.agreement(order, class, end));
            let first = self.askable_in(order, *i, *j)[0];
            let worse = ends[0].min(ends[1]);
            (-worse, first, -ends[0], right - i, -ends[1], *j)
        };
        all.filter(fits).min_by_key(better).unwrap()
    }

    fn ask_around(&mut self, class: usize, share: usize) {
        let order = self.case.order(class);
        let threshold = (0..=order.len())
            .rev()
            .max_by_key(|threshold| self.agreement(&order, class, *threshold))
            .unwrap();
        let (mut below, mut above, mut asked) = ((0..threshold).rev(), threshold..order.len(), 0);
        while asked < share {
            for side in [below.next(), above.next()] {
                let row = side.map(|at| order[at]).filter(|row| self.askable[*row]);
                if let Some(row) = row.filter(|_| asked < share) {
                    self.ask(row);
                    asked += 1;
                }
            }
        }
    }
}

/// `B2 = 6` for class 0 alone, and 4 of the 8 questions of phase 2.
#[test]
fn worked_example_of_both_phases() {
    let case = Case::line("+++++-+---------", &[0, 12]);
    let direct = Direct {
        parallel_annotators: 2,
        minimum_per_class: 6,
        split: PhaseSplit::Rare,
        ties: TieBreak::Alternate,
        ..Direct::default()
    };
    let numbers = [0.25, 0.75, 0.1, 0.6, 0.3, 0.8, 0.0, 0.0];
    let picks = run(&case, direct, 14, 2, &numbers);
    assert_eq!(picks[..6], [3, 9, 4, 7, 5, 6]);
    assert_eq!(picks[6..10], [2, 1, 8, 10]);
    assert_eq!(picks.len(), 14);
}

#[test]
fn shares_of_phase_1() {
    let split = |split, budget: usize, labels: &[usize]| {
        Direct { split, ..Direct::default() }.shares(labels, budget)
    };
    let labels = [5, 90, 5, 0];
    for (kind, budget, classes, share) in [
        (PhaseSplit::Paper, 1000, &[1, 0, 2, 3][..], 125),
        (PhaseSplit::Paper, 7, &[1, 0, 2, 3], 0),
        (PhaseSplit::Reference, 1000, &[1, 0, 2, 3], 60),
        (PhaseSplit::Reference, 100, &[1, 0, 2, 3], 12),
        (PhaseSplit::Rare, 1000, &[1, 0, 2, 3], 125),
        (PhaseSplit::Rare, 250, &[0, 3], 60),
        (PhaseSplit::Rare, 50, &[3], 25),
    ] {
        assert_eq!(split(kind, budget, &labels), (classes.to_vec(), share), "{kind:?} {budget}");
    }
}

/// Public code takes the branch of the minimum the wrong way round: it never looks at the rare classes only.
#[test]
fn the_minimum_per_class_selects_the_rare_classes() {
    let direct = Direct { split: PhaseSplit::Rare, ..Direct::default() };
    assert_eq!(direct.shares(&[900, 100, 10], 100), (vec![2], 50));
}

/// Public code keeps the share of a class with few askable rows for all classes after it.
#[test]
fn a_class_with_few_askable_rows_takes_nothing_from_the_next() {
    // Line 0 is the order of the rows and line 1 its reverse; on both only row 2 lies between the labels.
    // Class 2 has no label, and the middle rows are the least unlike it.
    let mut case = Case::line(&"-".repeat(20), &[0, 1, 3]);
    let first = |row: usize| 0.96 * (1.0 - (row + 1) as f32 / 21.0);
    case.classes = 3;
    case.probabilities = (0..20).flat_map(|row| [first(row), 0.96 - first(row), 0.04]).collect();
    (case.observed[0], case.observed[1]) = (Some(ClassId::new(0)), Some(ClassId::new(0)));
    case.with_pool(|pool| {
        let mut session = Direct::default().begin(&request(pool, 17)).unwrap();
        let class_0 = session.ask(17);
        assert_eq!(rows(&class_0), [2]);
        session.tell(2, ClassId::new(1)).unwrap();
        assert_eq!(session.ask(17).len(), 2, "class 1 has no row to ask, class 2 its full share");
    });
}

/// Public code returns a short batch once its lines run out of rows.
#[test]
fn an_almost_exhausted_pool_is_asked_to_the_end() {
    let case = Case::line("+++-+---", &[0, 2, 3, 4, 7]);
    for split in [PhaseSplit::Paper, PhaseSplit::Reference, PhaseSplit::Rare] {
        let mut picks = run(&case, Direct { split, ..Direct::default() }, 99, 1, &[0.4, 0.9]);
        picks.sort_unstable();
        assert_eq!(picks, [1, 5, 6]);
    }
}

#[test]
fn a_class_without_labels_is_asked_where_it_is_most_likely() {
    let case = Case::line("--------", &[7]);
    // No phase 1; class 0 comes first and has half of the batch.
    let direct = Direct { minimum_per_class: 0, split: PhaseSplit::Reference, ..Direct::default() };
    assert_eq!(run(&case, direct, 4, 1, &[0.0])[..2], [0, 1]);
}

#[test]
fn one_annotator_and_more_annotators_than_questions() {
    let case = Case::line("+++++-+---------", &[0, 12]);
    for parallel_annotators in [1, 3, 1000, usize::MAX] {
        let direct = Direct { parallel_annotators, ..Direct::default() };
        assert_eq!(run(&case, direct, 10, 7, &[0.2, 0.7, 0.4]).len(), 10);
    }
}

#[test]
fn without_an_annotator_nothing_is_asked() {
    let case = Case::line("++--", &[0]);
    let direct = Direct { parallel_annotators: 0, ..Direct::default() };
    let error = case.with_pool(|pool| direct.select(pool, 1, &SeedTree::new(0))).unwrap_err();
    assert_eq!(
        error.to_string(),
        "option `parallel_annotators` of strategy `direct` is 0: it must be a whole number of at least 1"
    );
    assert!(case.with_pool(|pool| direct.begin(&request(pool, 1)).is_err()));
}

#[test]
fn a_round_waits_for_its_answers() {
    let case = Case::line("+++++-+---------", &[0, 12]);
    let direct = Direct { parallel_annotators: 3, ..Direct::default() };
    case.with_pool(|pool| {
        let mut session = direct.begin(&request(pool, 12)).unwrap();
        let first = rows(&session.ask(12));
        assert_eq!(first.len(), 3, "a round, not the batch");
        assert!(session.ask(12).is_empty());
        assert_eq!(session.tell(12, ClassId::new(0)), Err(AcquireError::NotAsked { row: 12 }));
        for row in first {
            assert!(session.ask(12).is_empty());
            session.tell(row, case.answers[row]).unwrap();
        }
        assert!(!session.ask(12).is_empty());
    });
}

prop_compose! {
    fn directs()(
        parallel_annotators in 1usize..6,
        minimum_per_class in 0usize..8,
        split in prop::sample::select(vec![PhaseSplit::Paper, PhaseSplit::Reference, PhaseSplit::Rare]),
        shrink in prop::sample::select(vec![Shrink::PointerWalk, Shrink::BestWindow]),
        ties in prop::sample::select(vec![TieBreak::Coin, TieBreak::Alternate]),
    ) -> Direct {
        Direct { parallel_annotators, minimum_per_class, split, shrink, ties }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn agrees_with_the_rule_as_it_is_written(
        case in cases(),
        direct in directs(),
        budget in 1usize..40,
        numbers in prop::collection::vec(0.0f64..1.0, 1..20),
    ) {
        prop_assume!(!case.candidates.is_empty());
        let expected = Naive::new(&case, direct, true, &numbers).run(budget);
        prop_assert_eq!(expected.len(), budget.min(case.candidates.len()));
        prop_assert_eq!(run(&case, direct, budget, 1, &numbers), expected);
    }

    #[test]
    fn a_batch_without_answers_is_one_draw_a_class(
        case in cases(),
        direct in directs(),
        budget in 1usize..40,
        numbers in prop::collection::vec(0.0f64..1.0, 1..20),
    ) {
        prop_assume!(!case.candidates.is_empty());
        let direct = Direct { parallel_annotators: usize::MAX, ..direct };
        let expected = Naive::new(&case, direct, false, &numbers).run(budget);
        let asked = case.with_pool(|pool| {
            let search = Search::new(direct, &request(pool, budget), cycle(&numbers)).unwrap();
            rows(&search.without_answers().ask(budget))
        });
        prop_assert_eq!(asked, expected);
    }

    /// Public code reads the clean label array; here a label that was not told cannot matter.
    #[test]
    fn clean_labels_do_not_leak(
        case in cases(), direct in directs(), told in 0usize..20, other in 0u32..2,
    ) {
        let ask = |case: &Case| {
            case.with_pool(|pool| {
                let oracle =
                    &mut |rows: &[usize]| Some(rows.iter().map(|row| case.answers[*row]).collect());
                rows(&select_with_oracle(&direct, pool, 20, 1, &SeedTree::new(7), oracle).unwrap())
            })
        };
        let before = ask(&case);
        let known = &before[..told.min(before.len())];
        let mut noisy = case.clone();
        for row in 0..case.answers.len() {
            if !known.contains(&row) {
                noisy.answers[row] = ClassId::new(other);
            }
        }
        let same = (known.len() + 1).min(before.len());
        prop_assert_eq!(&ask(&noisy)[..same], &before[..same]);
    }
}
