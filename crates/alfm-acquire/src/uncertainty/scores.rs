//! Uncertainty sampling: a score per row, the largest are asked (Lewis & Gale 1994; Settles 2009).

use rayon::prelude::*;

use crate::compute::{entropy, largest};
use crate::{AcquireError, Acquisition, Input, Pick, Request};

/// Least confidence: `-max_k p_k`, so that the least confident row comes first.
///
/// `O(N K)` time, `O(N)` memory.
#[derive(Clone, Copy, Debug, Default)]
pub struct LeastConfident;

/// Margin: minus the difference of the two largest probabilities (Scheffer, Decomain & Wrobel 2001).
///
/// `O(N K)` time, `O(N)` memory.
#[derive(Clone, Copy, Debug, Default)]
pub struct Margin;

/// Predictive entropy `-sum_k p_k ln p_k`, in nats, with `0 ln 0 = 0`.
///
/// `O(N K)` time, `O(N)` memory.
#[derive(Clone, Copy, Debug, Default)]
pub struct Entropy;

/// A score of one row of class probabilities; larger is more uncertain.
trait RowScore {
    const NAME: &'static str;

    fn score(probabilities: &[f32]) -> f32;
}

impl RowScore for LeastConfident {
    const NAME: &'static str = "least-confident";

    fn score(probabilities: &[f32]) -> f32 {
        -two_largest(probabilities).0
    }
}

impl RowScore for Margin {
    const NAME: &'static str = "margin";

    fn score(probabilities: &[f32]) -> f32 {
        let (first, second) = two_largest(probabilities);
        second - first
    }
}

impl RowScore for Entropy {
    const NAME: &'static str = "entropy";

    fn score(probabilities: &[f32]) -> f32 {
        entropy(probabilities)
    }
}

impl<S: RowScore + std::fmt::Debug + Send + Sync> Acquisition for S {
    fn name(&self) -> &'static str {
        S::NAME
    }

    fn needs(&self) -> &'static [Input] {
        &[Input::Model]
    }

    fn acquire(&self, request: &Request<'_>) -> Result<Vec<Pick>, AcquireError> {
        let (model, candidates) = (request.model()?, request.candidates());
        let score = |buffer: &mut Vec<f32>, row: &usize| S::score(model.row(*row, buffer));
        let scores: Vec<f32> = candidates.par_iter().map_init(Vec::new, score).collect();
        Ok(largest(candidates, &scores, request.budget))
    }
}

fn two_largest(probabilities: &[f32]) -> (f32, f32) {
    probabilities.iter().fold((0.0, 0.0), |(first, second), p| {
        if *p > first { (*p, first) } else { (first, second.max(*p)) }
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use alfm_core::{Predictions, SeedTree};
    use proptest::prelude::*;

    use super::*;
    use crate::Pool;

    /// Fixture P6 of the acquisition specification: 6 rows, 3 classes.
    pub(crate) const P6: [f32; 18] = [
        0.70, 0.20, 0.10, 0.40, 0.35, 0.25, 0.34, 0.33, 0.33, 0.50, 0.48, 0.02, 0.90, 0.05, 0.05,
        0.05, 0.55, 0.40,
    ];

    fn order(strategy: &dyn Acquisition, probabilities: &[f32], classes: usize) -> Vec<usize> {
        let rows = probabilities.len() / classes;
        let observed = vec![None; rows];
        let model = Predictions::probabilities(probabilities, rows, classes).unwrap();
        let pool = Pool::new(&observed).unwrap().with_model(model).unwrap();
        let picks = strategy.select(&pool, rows, &SeedTree::new(0)).unwrap();
        picks.iter().map(|pick| pick.row).collect()
    }

    #[test]
    fn worked_example_p6() {
        assert_eq!(order(&LeastConfident, &P6, 3), [2, 1, 3, 5, 0, 4]);
        assert_eq!(order(&Margin, &P6, 3), [2, 3, 1, 5, 0, 4]);
        assert_eq!(order(&Entropy, &P6, 3), [2, 1, 5, 0, 3, 4]);
    }

    #[test]
    fn entropies_of_p6() {
        let expected = [0.801819, 1.080528, 1.098513, 0.777119, 0.394398, 0.845113];
        for (row, expected) in P6.chunks(3).zip(expected) {
            assert!((Entropy::score(row) - expected).abs() < 1e-6);
        }
    }

    proptest! {
        /// With two classes all three are functions of `|p_0 - 1/2|`.
        #[test]
        fn two_classes_give_one_ranking(first in prop::collection::vec(1u8..=99, 1..30)) {
            let mut distinct: Vec<u8> = first.iter().map(|p| if *p > 50 { 100 - p } else { *p }).collect();
            distinct.sort_unstable();
            distinct.dedup();
            let rows: Vec<f32> =
                distinct.iter().flat_map(|p| [f32::from(*p) / 100.0, 1.0 - f32::from(*p) / 100.0]).collect();
            let expected = order(&Entropy, &rows, 2);
            prop_assert_eq!(order(&Margin, &rows, 2), expected.clone());
            prop_assert_eq!(order(&LeastConfident, &rows, 2), expected);
        }
    }
}
