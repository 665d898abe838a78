//! Uncertainty sampling: a score per row, the largest are asked (Lewis & Gale 1994; Settles 2009).

use alfm_kernels::entropy;
use rayon::prelude::*;

use super::power::Weigh;
use crate::{Acquisition, Error, Input, Needs, Pick, Request};

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

/// Gini impurity `1 - sum_k p_k^2`: how often two draws from the row differ. Summed in `f64`, clamped at 0;
/// ties go to the lowest row.
///
/// `O(N K)` time, `O(N)` memory.
#[derive(Clone, Copy, Debug, Default)]
pub struct Gini;

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

impl RowScore for Gini {
    const NAME: &'static str = "gini";

    #[expect(clippy::cast_possible_truncation, reason = "scores are handed on in single precision")]
    fn score(probabilities: &[f32]) -> f32 {
        let same: f64 = probabilities.iter().map(|p| f64::from(*p).powi(2)).sum();
        (1.0 - same).max(0.0) as f32
    }
}

impl<S: RowScore + std::fmt::Debug + Send + Sync> Acquisition for S {
    fn name(&self) -> &str {
        S::NAME
    }

    fn needs(&self) -> Needs {
        Needs::from([Input::Model])
    }

    fn acquire(&self, request: &Request<'_>) -> Result<Vec<Pick>, Error> {
        Ok(request.largest(&row_scores::<S>(request)?))
    }
}

impl Weigh for LeastConfident {
    const POWER_NAME: &'static str = "power-least-confident";
    const NEEDS: Needs = Needs::of(&[Input::Model]);

    /// `1 - max_k p_k`.
    fn weights(&self, request: &Request<'_>) -> Result<Vec<f64>, Error> {
        shifted::<Self>(request, 1.0)
    }
}

impl Weigh for Margin {
    const POWER_NAME: &'static str = "power-margin";
    const NEEDS: Needs = Needs::of(&[Input::Model]);

    /// `1 - margin`.
    fn weights(&self, request: &Request<'_>) -> Result<Vec<f64>, Error> {
        shifted::<Self>(request, 1.0)
    }
}

impl Weigh for Gini {
    const POWER_NAME: &'static str = "power-gini";
    const NEEDS: Needs = Needs::of(&[Input::Model]);

    /// The impurity.
    fn weights(&self, request: &Request<'_>) -> Result<Vec<f64>, Error> {
        shifted::<Self>(request, 0.0)
    }
}

impl Weigh for Entropy {
    const POWER_NAME: &'static str = "power-entropy";
    const NEEDS: Needs = Needs::of(&[Input::Model]);

    /// The entropy.
    fn weights(&self, request: &Request<'_>) -> Result<Vec<f64>, Error> {
        shifted::<Self>(request, 0.0)
    }
}

/// The scores of the candidates, with `lift` added so that the smallest possible one is 0.
fn shifted<S: RowScore>(request: &Request<'_>, lift: f64) -> Result<Vec<f64>, Error> {
    let scores = row_scores::<S>(request)?;
    Ok(scores.into_iter().map(|score| f64::from(score) + lift).collect())
}

/// The scores of the candidates, in order.
fn row_scores<S: RowScore>(request: &Request<'_>) -> Result<Vec<f32>, Error> {
    let model = request.model()?;
    let score = |buffer: &mut Vec<f32>, row: &usize| S::score(model.row(*row, buffer));
    Ok(request.candidates().par_iter().map_init(Vec::new, score).collect())
}

/// The largest probability and the second largest.
pub(crate) fn two_largest(probabilities: &[f32]) -> (f32, f32) {
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
        assert_eq!(order(&Gini, &P6, 3), [2, 1, 5, 3, 0, 4]);
    }

    #[test]
    fn impurities_of_p6() {
        for (row, expected) in P6.chunks(3).zip([0.46, 0.655, 0.6666, 0.5192, 0.185, 0.535]) {
            assert!((Gini::score(row) - expected).abs() < 1e-6);
        }
    }

    #[test]
    fn zero_times_ln_zero_is_zero_not_nan() {
        let rows = [0.0, 1.0, 0.0, 0.5, 0.5, 0.0];
        assert_eq!(rows.chunks(3).map(Entropy::score).collect::<Vec<_>>(), [0.0, 2.0f32.ln()]);
        assert_eq!(rows.chunks(3).map(Gini::score).collect::<Vec<_>>(), [0.0, 0.5]);
        assert_eq!(order(&Entropy, &rows, 3), [1, 0]);
    }

    /// By raw logits row 1 has the smaller maximum and the smaller margin; by probabilities row 0 has.
    #[test]
    fn probabilities_are_ranked_not_raw_logits() {
        let logits = [5.0, 4.5, 4.5, 4.5, 1.0, 0.6, -9.0, -9.0];
        let observed = [None; 2];
        let model = Predictions::logits(&logits, 2, 4).unwrap();
        let pool = Pool::new(&observed).unwrap().with_model(model).unwrap();
        let strategies: [&dyn Acquisition; 4] = [&LeastConfident, &Margin, &Entropy, &Gini];
        for strategy in strategies {
            let first = strategy.select(&pool, 1, &SeedTree::new(0)).unwrap()[0];
            assert_eq!(first.row, 0, "{}", strategy.name());
        }
    }

    proptest! {
        /// With two classes all four are functions of `|p_0 - 1/2|`.
        #[test]
        fn two_classes_give_one_ranking(first in prop::collection::vec(1u8..=99, 1..30)) {
            let mut distinct: Vec<u8> = first.iter().map(|p| if *p > 50 { 100 - p } else { *p }).collect();
            distinct.sort_unstable();
            distinct.dedup();
            let rows: Vec<f32> =
                distinct.iter().flat_map(|p| [f32::from(*p) / 100.0, 1.0 - f32::from(*p) / 100.0]).collect();
            let expected = order(&Entropy, &rows, 2);
            prop_assert_eq!(order(&Margin, &rows, 2), expected.clone());
            prop_assert_eq!(order(&LeastConfident, &rows, 2), expected.clone());
            prop_assert_eq!(order(&Gini, &rows, 2), expected);
        }
    }
}
