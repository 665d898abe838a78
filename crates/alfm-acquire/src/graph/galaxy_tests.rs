use alfm_core::SeedTree;
use proptest::prelude::*;

use super::super::testing::{Case, cases, cycle, rows};
use super::*;
use crate::error::not_asked;
use crate::select_with_oracle;

fn request<'a>(pool: &'a crate::Pool<'a>, budget: usize) -> Request<'a> {
    let budget = budget.min(pool.candidates().len());
    Request { pool, budget, seed: SeedTree::new(0), strategy: "galaxy" }
}

/// Asked one by one, every answer told at once.
fn one_by_one(case: &Case, budget: usize) -> Vec<usize> {
    case.with_pool(|pool| {
        let oracle =
            &mut |rows: &[usize]| Some(rows.iter().map(|row| case.answers[*row]).collect());
        let seed = &SeedTree::new(0);
        rows(&select_with_oracle(&Galaxy::default(), pool, budget, 1, seed, oracle).unwrap())
    })
}

/// The rule as it is written, in `O(K N^2)` a question.
struct Naive {
    case: Case,
    schedule: LineSchedule,
    orders: Vec<Vec<usize>>,
    labels: Vec<Option<usize>>,
    askable: Vec<bool>,
    asked: usize,
    left: usize,
}

impl Naive {
    fn new(case: &Case, schedule: LineSchedule, budget: usize) -> Self {
        let lines = if case.classes == 2 { 1 } else { case.classes };
        Self {
            schedule,
            orders: (0..lines).map(|class| case.order(class)).collect(),
            labels: case.labels(),
            askable: case.askable(),
            asked: 0,
            left: budget.min(case.candidates.len()),
            case: case.clone(),
        }
    }

    fn question(&self, class: usize) -> Option<(usize, usize)> {
        let order = &self.orders[class];
        let labelled: Vec<usize> =
            (0..order.len()).filter(|at| self.labels[order[*at]].is_some()).collect();
        let positive = |at: usize| self.labels[order[at]] == Some(class);
        let cuts: Vec<(usize, usize)> = (labelled.windows(2))
            .map(|pair| (pair[0], pair[1]))
            .filter(|(a, c)| positive(*a) != positive(*c))
            .collect();
        let askable = || (0..order.len()).filter(|at| self.askable[order[*at]]);
        let inside = |a: usize, c: usize| askable().filter(move |at| (a..c).contains(at));
        let open = cuts.iter().filter(|(a, c)| inside(*a, *c).next().is_some());
        if let Some((a, c)) = open.min_by_key(|(a, c)| (c - a, *a)) {
            let middle = (a + c) / 2;
            let at = inside(*a, *c).min_by_key(|at| (at.abs_diff(middle), *at));
            return at.map(|at| (order[at], c - a));
        }
        let distance = |at: usize| {
            let from = |(a, c): &(usize, usize)| if at < *a { a - at } else { at - c };
            cuts.iter().map(from).min()
        };
        let (distance, at) = askable().filter_map(|at| Some((distance(at)?, at))).min()?;
        Some((order[at], distance))
    }
}

/// The naive rule as a session, so that one driver runs both.
struct NaiveSession<R> {
    naive: Naive,
    random: R,
}

impl<R: Uniform + Send> Session for NaiveSession<R> {
    fn ask(&mut self, at_most: usize) -> Vec<Pick> {
        let naive = &mut self.naive;
        let mut picks = Vec::new();
        for _ in 0..at_most.min(naive.left) {
            let lines = naive.orders.len();
            let class = match naive.schedule {
                LineSchedule::RoundRobin => naive.asked % lines,
                LineSchedule::Random => draw::position(self.random.uniform(), lines),
            };
            let (row, score) = match naive.question(class) {
                Some((row, order)) => (row, 1.0 / order as f64),
                None => {
                    let askable = |row: &usize| naive.askable[*row];
                    let remaining: Vec<usize> =
                        naive.case.candidates.iter().copied().filter(askable).collect();
                    (remaining[draw::position(self.random.uniform(), remaining.len())], 0.0)
                }
            };
            naive.askable[row] = false;
            naive.asked += 1;
            naive.left -= 1;
            picks.push(Pick { row, score });
        }
        picks
    }

    fn tell(&mut self, row: usize, class: ClassId) -> Result<(), Error> {
        self.naive.labels[row] = Some(class.index());
        Ok(())
    }
}

#[test]
fn worked_example_of_noise_beside_the_boundary() {
    let case = Case::line("++++-+------", &[1, 9]);
    assert_eq!(one_by_one(&case, 6), [5, 7, 6, 4, 2, 3]);
}

#[test]
fn worked_example_of_a_separable_line() {
    let case = Case::line("++++++------------------", &[0, 23]);
    assert_eq!(one_by_one(&case, 9), [11, 5, 8, 6, 4, 7, 3, 2, 9]);
}

/// Public code finds the cuts of one orientation only, and asks at random once the bisection is done.
#[test]
fn the_orientation_of_a_cut_does_not_matter() {
    let case = Case::line("------++++++++++++++++++", &[0, 23]);
    assert_eq!(one_by_one(&case, 9), [11, 5, 8, 6, 4, 7, 3, 2, 9]);
}

/// Public code scans the line for each question; here each answer adds a bounded number of entries.
#[test]
fn the_heaps_grow_by_a_constant_an_answer() {
    let signs: String = (0..4000).map(|at| if at % 7 < 3 { '+' } else { '-' }).collect();
    let case = Case::line(&signs, &[0, 3999]);
    case.with_pool(|pool| {
        let mut search =
            Search::new(Galaxy::default(), &request(pool, 3000), cycle(&[0.5])).unwrap();
        for answered in 1..=3000 {
            let row = search.ask(1)[0].row;
            search.tell(row, case.answers[row]).unwrap();
            assert!(search.searches[0].entries() <= 8 * answered + 8);
        }
    });
}

#[test]
fn without_a_cut_any_candidate_is_drawn() {
    for labelled in [&[][..], &[0, 1], &[8]] {
        let mut case = Case::line("+++------", labelled);
        case.answers = case.answers.iter().map(|_| ClassId::new(0)).collect();
        case.with_pool(|pool| {
            let numbers = cycle(&[0.0, 0.999, 0.5]);
            let mut search = Search::new(Galaxy::default(), &request(pool, 3), numbers).unwrap();
            let asked = rows(&search.ask(3));
            let mut left = case.candidates.clone();
            let expected =
                [left.remove(0), left.remove(left.len() - 1), left.remove(left.len() / 2)];
            assert_eq!(asked, expected);
        });
    }
}

#[test]
fn questions_at_once_spread_from_the_middle() {
    let case = Case::line("+++------", &[0, 8]);
    let picks = case.with_pool(|pool| Galaxy::default().select(pool, 9, &SeedTree::new(0)));
    assert_eq!(rows(&picks.unwrap()), [4, 3, 5, 2, 6, 1, 7]);
}

#[test]
fn only_rows_that_wait_take_an_answer_and_only_of_a_known_class() {
    let case = Case::line("+++------", &[0, 8]);
    case.with_pool(|pool| {
        let mut session = Galaxy::default().begin(&request(pool, 2)).unwrap();
        let not_asked = |row| Err(not_asked(row));
        assert_eq!(session.tell(4, ClassId::new(1)), not_asked(4));
        assert_eq!(rows(&session.ask(1)), [4]);
        let unknown = session.tell(4, ClassId::new(2)).unwrap_err();
        assert_eq!(unknown, Error::unknown_class(ClassId::new(2), 2));
        assert_eq!(session.tell(4, ClassId::new(1)), Ok(()));
        assert_eq!(session.tell(4, ClassId::new(1)), not_asked(4));
        assert_eq!(session.tell(0, ClassId::new(1)), not_asked(0));
        assert_eq!(session.tell(99, ClassId::new(1)), not_asked(99));
        assert_eq!(rows(&session.ask(5)), [2]);
        assert!(session.ask(5).is_empty(), "the budget is spent");
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn agrees_with_the_rule_as_it_is_written(
        case in cases(),
        budget in 1usize..40,
        (chunk, late) in (1usize..5, any::<bool>()),
        random: bool,
        numbers in prop::collection::vec(0.0f64..1.0, 1..20),
    ) {
        let schedule = if random { LineSchedule::Random } else { LineSchedule::RoundRobin };
        prop_assume!(!case.candidates.is_empty());
        case.with_pool(|pool| {
            let random = cycle(&numbers);
            let mut search = Search::new(Galaxy { schedule }, &request(pool, budget), random).unwrap();
            let naive = Naive::new(&case, schedule, budget);
            let mut naive = NaiveSession { naive, random: cycle(&numbers) };
            let expected = case.drive(&mut naive, chunk, late);
            prop_assert_eq!(expected.len(), budget.min(case.candidates.len()));
            prop_assert_eq!(case.drive(&mut search, chunk, late), expected);
            Ok(())
        })?;
    }

    /// Public code reads the clean label array; here a label that was not told cannot matter.
    #[test]
    fn clean_labels_do_not_leak(case in cases(), told in 0usize..20, other in 0u32..2) {
        let before = one_by_one(&case, 20);
        let mut noisy = case.clone();
        let known = &before[..told.min(before.len())];
        for row in 0..case.answers.len() {
            if !known.contains(&row) {
                noisy.answers[row] = ClassId::new(other);
            }
        }
        let after = one_by_one(&noisy, 20);
        let same = (known.len() + 1).min(before.len());
        prop_assert_eq!(&after[..same], &before[..same]);
    }
}
