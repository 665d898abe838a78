use serde::{Deserialize, Serialize};

use crate::options::{COUNT, HasOptions, INNER, Opt};
use crate::registry::Wrapper;
use crate::{AcquireError, Acquisition, Input, Needs, Pick, Random, Request};
use alfm_kernels::draw;
use alfm_kernels::representatives;

/// Oversample and cluster: the first choices of a strategy, spread out.
///
/// Of the `factor * b` rows that `inner` likes best, k-means with `b` clusters on the embeddings, each divided
/// by its norm, keeps the one nearest each mean. The score of a pick is the size of its cluster. Rows that
/// duplicate a pick fill the batch uniformly where there are fewer distinct rows than `b`; if `inner` has no
/// more than `b` rows to choose from, its order and scores stand.
///
/// The cost of `inner`, and `O(f b^2 D)` time an iteration, `O(f b D)` memory.
///
/// ```
/// use alfm_acquire::{Acquisition, Margin, Oversampled};
/// let spread = Oversampled { factor: 10, ..Oversampled::new(Margin) };
/// assert_eq!(spread.name(), "oversampled");
/// ```
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, bound(serialize = "", deserialize = "A: Default"))]
pub struct Oversampled<A> {
    /// The strategy whose first choices are spread out.
    #[serde(skip)]
    pub inner: A,
    /// How many times the budget `inner` chooses; at least 1.
    pub factor: usize,
}

impl<A> Oversampled<A> {
    /// `inner` with 50 times the budget.
    pub fn new(inner: A) -> Self {
        Self { inner, factor: 50 }
    }
}

impl<A: Default> Default for Oversampled<A> {
    fn default() -> Self {
        Self::new(A::default())
    }
}

impl<A: Acquisition> HasOptions for Oversampled<A> {
    const OPTIONS: &'static [Opt] =
        &[INNER, Opt::new("factor", "how many times the batch the strategy inside chooses", COUNT)];
}

impl Wrapper for Oversampled<Random> {
    fn around(self, inner: Box<dyn Acquisition>) -> Box<dyn Acquisition> {
        Box::new(Oversampled { inner, factor: self.factor })
    }
}

impl<A: Acquisition> Acquisition for Oversampled<A> {
    fn name(&self) -> &str {
        "oversampled"
    }

    fn needs(&self) -> Needs {
        self.inner.needs().with(Input::Embeddings)
    }

    fn check(&self) -> Result<(), AcquireError> {
        self.require("factor", self.factor, self.factor >= 1)?;
        self.inner.check()
    }

    fn acquire(&self, request: &Request<'_>) -> Result<Vec<Pick>, AcquireError> {
        let embeddings = request.embeddings()?;
        let wanted = request.budget.saturating_mul(self.factor);
        let first = self.inner.select(request.pool, wanted, &request.seed)?;
        if first.len() <= request.budget {
            return Ok(first);
        }
        let mut rows: Vec<usize> = first.iter().map(|pick| pick.row).collect();
        rows.sort_unstable();
        let random = &mut draw::uniform(&request.seed);
        let mut picks = representatives(embeddings, &rows, request.budget, random)?;
        draw::complete(&mut picks, &rows, request.budget, random);
        Ok(picks)
    }
}

#[cfg(test)]
mod tests {
    use alfm_core::{MatrixView, Predictions, SeedTree};

    use super::*;
    use crate::{Margin, Pool};

    /// Rows 0..3 point right, 3..5 up, 5 left; margins grow with the row.
    const X: [f32; 12] = [1.0, 0.0, 2.0, 0.1, 3.0, 0.0, 0.0, 1.0, 0.0, 2.0, -1.0, 0.0];
    const P: [f32; 12] = [0.5, 0.5, 0.52, 0.48, 0.55, 0.45, 0.6, 0.4, 0.7, 0.3, 0.9, 0.1];

    fn select(strategy: &dyn Acquisition, embeddings: &[f32], budget: usize) -> Vec<Pick> {
        let observed = [None; 6];
        let pool = Pool::new(&observed)
            .unwrap()
            .with_model(Predictions::probabilities(&P, 6, 2).unwrap())
            .unwrap()
            .with_embeddings(MatrixView::new(embeddings, 6, 2).unwrap())
            .unwrap();
        strategy.select(&pool, budget, &SeedTree::new(4)).unwrap()
    }

    #[test]
    fn one_of_each_direction_among_the_uncertain() {
        let strategy = Oversampled { factor: 2, ..Oversampled::new(Margin) };
        // The four least margins are 0..4: three to the right, one up.
        let picks = select(&strategy, &X, 2);
        assert_eq!(picks, [Pick { row: 0, score: 3.0 }, Pick { row: 3, score: 1.0 }]);
    }

    #[test]
    fn a_factor_of_one_changes_nothing() {
        let strategy = Oversampled { factor: 1, ..Oversampled::new(Margin) };
        assert_eq!(select(&strategy, &X, 3), select(&Margin, &X, 3));
    }

    #[test]
    fn duplicates_and_small_pools_fill_the_batch() {
        for budget in [1, 3, 6, 9] {
            for embeddings in [[1.0; 12], [0.0; 12], X] {
                let picks = select(&Oversampled::new(Margin), &embeddings, budget);
                let mut rows: Vec<usize> = picks.iter().map(|pick| pick.row).collect();
                rows.sort_unstable();
                rows.dedup();
                assert_eq!(rows.len(), budget.min(6));
            }
        }
    }

    #[test]
    fn the_factor_is_checked_and_both_needs_are_named() {
        let strategy = Oversampled { factor: 0, ..Oversampled::new(Margin) };
        assert_eq!(strategy.needs(), Needs::from([Input::Model, Input::Embeddings]));
        let observed = [None; 2];
        let pool = Pool::new(&observed)
            .unwrap()
            .with_model(Predictions::probabilities(&P[..4], 2, 2).unwrap())
            .unwrap();
        let missing = strategy.select(&pool, 1, &SeedTree::new(0)).unwrap_err();
        assert!(missing.to_string().contains("embeddings"), "{missing}");
        let pool = pool.with_embeddings(MatrixView::new(&X[..4], 2, 2).unwrap()).unwrap();
        let setting = strategy.select(&pool, 1, &SeedTree::new(0)).unwrap_err();
        assert_eq!(
            setting.to_string(),
            "option `factor` of strategy `oversampled` is 0: it must be at least 1"
        );
    }
}
