use std::collections::BTreeSet;

use alfm_core::ClassId;
use serde::{Deserialize, Serialize};

use super::centres::Centres;
use crate::error::not_asked;
use crate::options::{HasOptions, Opt};
use crate::{Acquisition, Error, Input, Interactive, Needs, Pick, Request, Session};
use alfm_kernels::draw::{self, Remaining, Uniform};
use alfm_kernels::{Ties, largest};

/// Which of the majority classes' centres a point is measured from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MajorityDistance {
    /// The nearest one, as the paper says.
    #[default]
    Nearest,
    /// The farthest one, as its public code does.
    Farthest,
}

/// Balancing: first at random, then next to the rarest class (Aggarwal, Popescu & Hudelot, WACV 2020).
///
/// Majority classes have more labels than the mean class. While the budget left exceeds (number of other
/// classes) times (mean count of majority classes - mean count of others), a row is drawn uniformly.
/// From then on the row with the smallest `d^2(x, centre of the rarest class) / d^2(x, majority centre)` is
/// asked; the numerator is 1 while the rarest class has no label, and a point on a majority centre has the
/// ratio infinity. Centres are means of the labelled embeddings. Ties go to the lowest class and row. The
/// score of a pick is minus its ratio, 1 for a row drawn at random.
///
/// The rule is made anew for every query, with the labels as they arrive: run it with
/// [`select_with_oracle`](crate::select_with_oracle). Asked for a whole batch at once it has the counts and
/// centres of the batch's beginning throughout, and only the budget left changes: random rows first, then,
/// once what is left could just even out the counts, the best ratios, all for one class.
///
/// Of the model no more is used than its number of classes.
/// For a label that the model does not know.
///
/// `O(N D K)` time for a batch at once, `O(N (D + K))` after each answer, which moves one centre;
/// `O(N K)` memory at most: a distance a row for every class that is majority or rarest.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Balancing {
    /// The denominator of the ratio.
    pub majority_distance: MajorityDistance,
}

impl HasOptions for Balancing {
    const OPTIONS: &'static [Opt] = &[Opt::new(
        "majority_distance",
        "which majority class's centre a row is measured from: the nearest as in the paper, the \
         farthest as in its code",
        "nearest or farthest",
    )];
}

impl Acquisition for Balancing {
    fn name(&self) -> &str {
        "balancing"
    }

    fn needs(&self) -> Needs {
        Needs::from([Input::Model, Input::Embeddings])
    }

    fn acquire(&self, request: &Request<'_>) -> Result<Vec<Pick>, Error> {
        Ok(self.start(request)?.ask(request.budget))
    }

    fn interactive(&self) -> Option<&dyn Interactive> {
        Some(self)
    }
}

impl Interactive for Balancing {
    fn begin<'a>(&self, request: &Request<'a>) -> Result<Box<dyn Session + 'a>, Error> {
        Ok(Box::new(self.start(request)?))
    }
}

impl Balancing {
    fn start<'a>(
        &self,
        request: &Request<'a>,
    ) -> Result<Balance<'a, impl Uniform + Send + use<>>, Error> {
        let classes = request.model()?.classes();
        let candidates = request.candidates();
        let mut centres = Centres::new(request.embeddings()?, candidates, classes);
        for (row, class) in request.pool.labelled() {
            centres.add(row, class)?;
        }
        Ok(Balance {
            denominator: self.majority_distance,
            candidates,
            centres,
            asked: vec![false; candidates.len()],
            remaining: Remaining::new(candidates.len()),
            left: request.budget,
            ties: request.ties(),
            waiting: BTreeSet::new(),
            random: draw::uniform(&request.seed),
        })
    }
}

/// A batch of [`Balancing`] in the making.
struct Balance<'a, R> {
    denominator: MajorityDistance,
    candidates: &'a [usize],
    centres: Centres<'a>,
    /// By position in `candidates`; `remaining` holds the others.
    asked: Vec<bool>,
    remaining: Remaining,
    left: usize,
    ties: Ties,
    waiting: BTreeSet<usize>,
    random: R,
}

impl<R: Uniform + Send> Session for Balance<'_, R> {
    fn ask(&mut self, at_most: usize) -> Vec<Pick> {
        let count = at_most.min(self.left);
        let blind = count.min(self.left.saturating_sub(reach(self.centres.counts())));
        let mut picks = self.draw(blind);
        picks.extend(self.steer(count - blind));
        self.left -= picks.len();
        self.waiting.extend(picks.iter().map(|pick| pick.row));
        picks
    }

    fn tell(&mut self, row: usize, class: ClassId) -> Result<(), Error> {
        if !self.waiting.contains(&row) {
            return Err(not_asked(row));
        }
        self.centres.add(row, class)?;
        self.waiting.remove(&row);
        Ok(())
    }
}

impl<R: Uniform> Balance<'_, R> {
    /// `count` rows, uniformly.
    fn draw(&mut self, count: usize) -> Vec<Pick> {
        let drawn = std::iter::from_fn(|| self.remaining.draw(&mut self.random)).take(count);
        let pick = |at: usize| {
            self.asked[at] = true;
            Pick { row: self.candidates[at], score: 1.0 }
        };
        drawn.map(pick).collect()
    }

    /// The `count` rows with the smallest ratios.
    fn steer(&mut self, count: usize) -> Vec<Pick> {
        if count == 0 {
            return Vec::new();
        }
        let ratios = self.ratios();
        let open: Vec<usize> = (0..ratios.len()).filter(|at| !self.asked[*at]).collect();
        #[expect(
            clippy::cast_possible_truncation,
            reason = "ranked in single precision, as every score is"
        )]
        let scores: Vec<f32> = open.iter().map(|at| -ratios[*at] as f32).collect();
        let mut picks = largest(&open[..], &scores, count, self.ties);
        for pick in &mut picks {
            self.asked[pick.row] = true;
            self.remaining.remove(pick.row);
            pick.row = self.candidates[pick.row];
        }
        picks
    }

    /// `d^2(x, rarest centre) / d^2(x, majority centre)`, one a candidate.
    fn ratios(&mut self) -> Vec<f64> {
        let fold = match self.denominator {
            MajorityDistance::Nearest => f64::min,
            MajorityDistance::Farthest => f64::max,
        };
        let (rarest, majority) = roles(self.centres.counts());
        let mut ratios = vec![f64::NAN; self.candidates.len()];
        for class in majority {
            // `min` and `max` both prefer any number to NaN.
            let distances = self.centres.squared_distances(class);
            ratios.iter_mut().zip(distances).for_each(|(far, d)| *far = fold(*far, *d));
        }
        let near: &[f64] = match self.centres.counts()[rarest] {
            0 => &[],
            _ => self.centres.squared_distances(rarest),
        };
        for (at, ratio) in ratios.iter_mut().enumerate() {
            let numerator = near.get(at).copied().unwrap_or(1.0);
            *ratio = if *ratio == 0.0 { f64::INFINITY } else { numerator / *ratio };
        }
        ratios
    }
}

/// The rarest class, and the majority classes: those with more labels than the mean class.
fn roles(counts: &[usize]) -> (usize, Vec<usize>) {
    let total: usize = counts.iter().sum();
    let rarest = (1..counts.len())
        .fold(0, |rarest, class| if counts[class] < counts[rarest] { class } else { rarest });
    let majority = (0..counts.len()).filter(|class| counts[*class] * counts.len() > total);
    (rarest, majority.collect())
}

/// How many of the last queries go to the rarest class: `minorities (mean majority - mean minority)`, rounded
/// down; 0 without a majority.
fn reach(counts: &[usize]) -> usize {
    let (_, majority) = roles(counts);
    let theirs: usize = majority.iter().map(|class| counts[*class]).sum();
    let others = counts.iter().sum::<usize>() - theirs;
    let minorities = counts.len() - majority.len();
    // Over the common denominator the difference is whole: no rounding decides.
    (minorities * theirs - majority.len() * others).checked_div(majority.len()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use alfm_core::{MatrixView, Predictions, SeedTree};

    use super::*;
    use crate::{Pool, select_with_oracle};

    /// The worked example: rows 0 to 4 are candidates; two majority classes of three, one rare label.
    const POINTS: [[f32; 2]; 12] = [
        [0.0, 0.0],
        [1.0, 0.0],
        [0.0, 1.0],
        [2.0, 2.0],
        [3.0, 0.0],
        [0.0, 0.5],
        [3.0, 0.0],
        [3.0, 0.0],
        [3.0, 0.0],
        [2.0, 3.0],
        [2.0, 3.0],
        [2.0, 3.0],
    ];

    fn label(class: u32) -> Option<ClassId> {
        Some(ClassId::new(class))
    }

    fn observed() -> Vec<Option<ClassId>> {
        let labels = [2, 0, 0, 0, 1, 1, 1].map(label);
        [None; 5].into_iter().chain(labels).collect()
    }

    /// Runs `with` on the pool of the worked example with other labels and a model of `classes` classes.
    fn on<T>(observed: &[Option<ClassId>], classes: usize, with: impl FnOnce(&Pool<'_>) -> T) -> T {
        let rows = observed.len();
        let model = vec![1.0 / classes as f32; rows * classes];
        let points = POINTS[..rows].as_flattened();
        let pool = Pool::new(observed)
            .unwrap()
            .with_model(Predictions::probabilities(&model, rows, classes).unwrap())
            .unwrap()
            .with_embeddings(MatrixView::new(points, rows, 2).unwrap())
            .unwrap();
        with(&pool)
    }

    fn ratios(strategy: Balancing, observed: &[Option<ClassId>]) -> Vec<f64> {
        on(observed, 3, |pool| {
            let seed = SeedTree::new(0);
            let request = Request { pool, budget: 5, seed, strategy: "balancing" };
            strategy.start(&request).unwrap().ratios()
        })
    }

    fn close(got: &[f64], expected: &[f64]) {
        for (got, expected) in got.iter().zip(expected) {
            let same = got == expected || (got - expected).abs() < 1e-6;
            assert!(same, "{got} is not {expected}");
        }
    }

    #[test]
    fn worked_example() {
        let expected = [0.027778, 0.3125, 0.03125, 6.25, f64::INFINITY];
        close(&ratios(Balancing::default(), &observed()), &expected);
        let picks = on(&observed(), 3, |pool| {
            Balancing::default().select(pool, 2, &SeedTree::new(0)).unwrap()
        });
        assert_eq!(picks.iter().map(|pick| pick.row).collect::<Vec<_>>(), [0, 2]);
        assert!((picks[0].score + 0.027778).abs() < 1e-6);
    }

    #[test]
    fn the_farthest_majority_centre_is_an_option() {
        let strategy = Balancing { majority_distance: MajorityDistance::Farthest };
        let expected = [0.25 / 13.0, 1.25 / 10.0, 0.25 / 10.0, 6.25 / 5.0, 9.25 / 10.0];
        close(&ratios(strategy, &observed()), &expected);
    }

    #[test]
    fn a_rarest_class_without_a_label_has_the_numerator_one() {
        let mut observed = observed();
        observed[5] = None;
        let expected = [1.0 / 9.0, 1.0 / 4.0, 1.0 / 8.0, 1.0, f64::INFINITY];
        close(&ratios(Balancing::default(), &observed), &expected);
    }

    #[test]
    fn reach_by_hand() {
        // One class below the mean: 1 (3 - 1). Two below: 2 (8 - 1). Rounded down: 2 (4 - 3/2), 1 (7/2 - 1).
        for (counts, expected) in [
            (&[3, 3, 1][..], 2),
            (&[8, 1, 1], 14),
            (&[4, 2, 1], 5),
            (&[4, 3, 1], 2),
            (&[2, 2, 2], 0),
            (&[0, 0], 0),
            (&[5, 0], 5),
        ] {
            assert_eq!(reach(counts), expected, "{counts:?}");
        }
    }

    /// Reach 2 of a batch of 5: three at random, then the two best ratios among the rest.
    #[test]
    fn a_batch_without_answers_steers_only_at_its_end() {
        let ratios = ratios(Balancing::default(), &observed());
        let picks = on(&observed(), 3, |pool| {
            Balancing::default().select(pool, 5, &SeedTree::new(4)).unwrap()
        });
        assert!(picks[..3].iter().all(|pick| pick.score == 1.0));
        assert!(ratios[picks[3].row] <= ratios[picks[4].row]);
        assert!(picks[3..].iter().all(|pick| pick.score <= 0.0));
    }

    /// Row 0 is answered 1, so the rare class is still the rarest; answered 2, it is on a par and done with.
    #[test]
    fn answers_move_counts_and_centres() {
        let counts = |answer| {
            on(&observed(), 3, |pool| {
                let seed = SeedTree::new(0);
                let request = Request { pool, budget: 2, seed, strategy: "balancing" };
                let mut session = Balancing::default().start(&request).unwrap();
                assert_eq!(session.ask(1)[0].row, 0);
                session.tell(0, ClassId::new(answer)).unwrap();
                assert!(session.tell(0, ClassId::new(answer)).is_err(), "told twice");
                (session.centres.counts().to_vec(), session.ask(9)[0])
            })
        };
        let (after_majority, next) = counts(1);
        assert_eq!(after_majority, [3, 4, 1]);
        assert_eq!(next.row, 2);
        let (after_rare, next) = counts(2);
        assert_eq!(after_rare, [3, 3, 2]);
        // The rare centre is now (0, .25).
        assert_eq!(next.row, 2);
        assert!((next.score + 0.5625 / 8.0).abs() < 1e-6, "{}", next.score);
    }

    #[test]
    fn with_an_oracle_the_batch_is_exact() {
        on(&observed(), 3, |pool| {
            let mut oracle =
                |rows: &[usize]| Some(rows.iter().map(|_| ClassId::new(2)).collect::<Vec<_>>());
            for budget in [1, 3, 9] {
                let seed = SeedTree::new(1);
                let strategy = Balancing::default();
                let picks = select_with_oracle(&strategy, pool, budget, 2, &seed, &mut oracle);
                let mut rows: Vec<usize> = picks.unwrap().iter().map(|pick| pick.row).collect();
                rows.sort_unstable();
                rows.dedup();
                assert_eq!(rows.len(), budget.min(5));
            }
        });
    }

    #[test]
    fn two_classes_and_none_labelled() {
        let picks = on(&[None; 5], 2, |pool| {
            Balancing::default().select(pool, 9, &SeedTree::new(0)).unwrap()
        });
        assert_eq!(picks.len(), 5);
        assert!(picks.iter().all(|pick| pick.score == 1.0), "nothing to balance: all at random");
    }

    #[test]
    fn a_label_that_the_model_does_not_know_is_refused() {
        let outcome =
            on(&observed(), 2, |pool| Balancing::default().select(pool, 1, &SeedTree::new(0)));
        assert!(outcome.unwrap_err().to_string().starts_with("class 2 is unknown"));
    }
}
