use alfm_core::Predictions;
use alfm_kernels::{Ties, largest};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::options::{HasOptions, Opt};
use crate::uncertainty::two_largest;
use crate::{Acquisition, Error, Input, Needs, Pick, Request};

/// Balanced margin: margin sampling, of which a share goes to the boundaries of classes that labels are short of.
///
/// A class is short of labels if it has less than half of an even share of them (`2 n_k K < n`); while labels
/// are few (`n < 2 K`), only if it has one at all, for what a model says of many classes that it has never seen
/// tells nothing. The share is dealt out one by one to the class with the fewest labels, these questions
/// counted in. Asked for class `k` are the rows with the smallest `|ln p_k - ln max_{j != k} p_j|`, where `k` and
/// its strongest rival are nearest to each other; the rest of the batch is [`Margin`](crate::Margin)'s. Without
/// a short class all of it is. Ties go to the lowest row.
///
/// The score of a pick is minus its margin `p_(1) - p_(2)`, whichever way it came in.
///
/// A share outside `[0, 1]`, and an observed label that the model does not know, are errors. `O(N K)` time and `O(N)` for each short class, `O(N)` memory.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BalancedMargin {
    /// The share of a batch for short classes, 0.4 by default: 0.2 found fewer rare items on long tails, 0.6
    /// took too many labels away from the others.
    pub share: f64,
}

impl Default for BalancedMargin {
    fn default() -> Self {
        Self { share: 0.4 }
    }
}

impl HasOptions for BalancedMargin {
    const OPTIONS: &'static [Opt] = &[Opt::new(
        "share",
        "the share of a batch for classes that are short of labels",
        "from 0 to 1",
    )];
}

impl Acquisition for BalancedMargin {
    fn name(&self) -> &str {
        "balanced-margin"
    }

    fn needs(&self) -> Needs {
        Needs::from([Input::Model])
    }

    fn check(&self) -> Result<(), Error> {
        self.require("share", self.share, (0.0..=1.0).contains(&self.share))
    }

    fn acquire(&self, request: &Request<'_>) -> Result<Vec<Pick>, Error> {
        let model = request.model()?;
        let mut left = request.candidates().to_vec();
        let counts = request.pool.class_counts(model.classes())?;
        let mut picks = Vec::with_capacity(request.budget);
        for (class, quota) in quotas(&counts, self.budget(request.budget)) {
            let score = |row, buffer: &mut Vec<f32>| -distance(model.row(row, buffer), class);
            let mut chosen: Vec<usize> = best(&left, quota, request.ties(), score)
                .into_iter()
                .map(|pick| pick.row)
                .collect();
            picks.extend(chosen.iter().map(|row| Pick { row: *row, score: margin(model, *row) }));
            chosen.sort_unstable();
            left.retain(|row| chosen.binary_search(row).is_err());
        }
        let rest = request.budget - picks.len();
        picks.extend(best(&left, rest, request.ties(), |row, buffer| {
            minus_margin(model.row(row, buffer))
        }));
        Ok(picks)
    }
}

impl BalancedMargin {
    /// How many of a batch are for short classes.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most `batch`")]
    fn budget(&self, batch: usize) -> usize {
        (self.share * batch as f64).round() as usize
    }
}

/// The rows with the largest scores, each scored from its own probabilities.
fn best(
    rows: &[usize],
    count: usize,
    ties: Ties,
    score: impl Fn(usize, &mut Vec<f32>) -> f32 + Sync,
) -> Vec<Pick> {
    let scores: Vec<f32> =
        rows.par_iter().map_init(Vec::new, |buffer, row| score(*row, buffer)).collect();
    largest(rows, &scores, count, ties)
}

fn minus_margin(probabilities: &[f32]) -> f32 {
    let (first, second) = two_largest(probabilities);
    second - first
}

fn margin(model: Predictions<'_>, row: usize) -> f64 {
    f64::from(minus_margin(model.row(row, &mut Vec::new())))
}

/// How far a class is from its strongest rival, in nats.
fn distance(probabilities: &[f32], class: usize) -> f32 {
    let (before, after) = probabilities.split_at(class);
    let rival = before.iter().chain(&after[1..]).copied().fold(0.0, f32::max);
    let ln = |p: f32| p.max(f32::MIN_POSITIVE).ln();
    (ln(probabilities[class]) - ln(rival)).abs()
}

/// Questions for each short class, in the order of the classes; none is left out of `budget` if one is short.
fn quotas(labels: &[usize], budget: usize) -> Vec<(usize, usize)> {
    let classes = labels.len();
    let total = labels.iter().sum::<usize>();
    let is_short =
        |count: usize| 2 * count * classes < total && (count > 0 || total >= 2 * classes);
    let short = (0..classes).filter(|class| is_short(labels[*class]));
    let mut quotas: Vec<(usize, usize)> = short.map(|class| (class, 0)).collect();
    for _ in 0..budget {
        if let Some((_, quota)) = quotas.iter_mut().min_by_key(|(class, q)| labels[*class] + *q) {
            *quota += 1;
        }
    }
    quotas
}

#[cfg(test)]
mod tests {
    use alfm_core::{ClassId, Predictions, SeedTree};

    use super::*;
    use crate::{Margin, Pool};

    /// Eight rows of three classes; class 2 is seldom probable: its distances are ln 9, ln 8, ln 3.5, 0, ...
    const P: [f32; 24] = [
        0.90, 0.00, 0.10, 0.80, 0.10, 0.10, 0.70, 0.10, 0.20, 0.45, 0.10, 0.45, 0.50, 0.48, 0.02,
        0.51, 0.47, 0.02, 0.10, 0.60, 0.30, 0.98, 0.01, 0.01,
    ];

    fn select(strategy: &dyn Acquisition, labels: &[(usize, u32)], budget: usize) -> Vec<usize> {
        // Labelled rows come behind the eight: they look like the last.
        let values: Vec<f32> =
            P.iter().chain(labels.iter().flat_map(|_| &P[21..])).copied().collect();
        let mut observed = vec![None; 8 + labels.len()];
        labels.iter().zip(8..).for_each(|((_, class), row)| {
            observed[row] = Some(ClassId::new(*class));
        });
        let model = Predictions::probabilities(&values, observed.len(), 3).unwrap();
        let pool = Pool::new(&observed).unwrap().with_model(model).unwrap();
        let picks = strategy.select(&pool, budget, &SeedTree::new(0)).unwrap();
        picks.iter().map(|pick| pick.row).collect()
    }

    fn labels(counts: [usize; 3]) -> Vec<(usize, u32)> {
        (0..3).flat_map(|class| vec![(0, class); counts[class as usize]]).collect()
    }

    /// Two of five for class 2: rows 3 (0) and 6 (ln 2). Then the smallest margins: .02, .04 and .6.
    #[test]
    fn worked_example() {
        let strategy = BalancedMargin::default();
        assert_eq!(select(&strategy, &labels([4, 4, 1]), 5), [3, 6, 4, 5, 2]);
        assert_eq!(select(&Margin, &labels([4, 4, 1]), 5), [3, 4, 5, 6, 2]);
    }

    #[test]
    fn with_even_labels_it_is_margin() {
        for counts in [[0, 0, 0], [3, 3, 3], [4, 4, 2]] {
            let strategy = BalancedMargin::default();
            assert_eq!(select(&strategy, &labels(counts), 5), [3, 4, 5, 6, 2], "{counts:?}");
        }
    }

    #[test]
    fn quotas_by_hand() {
        for (labels, budget, expected) in [
            // An even share is 10: half of it is 5.
            (&[20, 6, 4][..], 3, &[(2, 3)][..]),
            (&[20, 5, 5], 3, &[]),
            (&[26, 3, 1], 5, &[(1, 2), (2, 3)]),
            // Five labels of three classes: a class without any is not asked for, with six it is.
            (&[4, 1, 0], 4, &[]),
            (&[5, 1, 0], 4, &[(2, 4)]),
            (&[0, 0, 0], 2, &[]),
        ] {
            assert_eq!(quotas(labels, budget), expected, "{labels:?}");
        }
    }

    #[test]
    fn the_whole_batch_may_go_to_short_classes() {
        let strategy = BalancedMargin { share: 1.0 };
        assert_eq!(select(&strategy, &labels([4, 4, 1]), 3), [3, 6, 2]);
        let error = BalancedMargin { share: 1.5 };
        let observed = [None; 8];
        let model = Predictions::probabilities(&P, 8, 3).unwrap();
        let pool = Pool::new(&observed).unwrap().with_model(model).unwrap();
        let error = error.select(&pool, 3, &SeedTree::new(0)).unwrap_err();
        assert!(error.to_string().contains("`share`"), "{error}");
    }
}
