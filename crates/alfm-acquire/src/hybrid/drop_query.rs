use alfm_kernels::draw;
use alfm_kernels::representatives;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::options::{COUNT, HasOptions, Opt};
use crate::{AcquireError, Acquisition, Input, Needs, Pick, Request};

/// DropQuery: rows whose predicted class does not survive dropout (Gupte et al. 2024, arXiv 2401.14555).
///
/// The passes are predictions with dropout on the input features (the paper: 3 passes, probability .75). Of a
/// row those passes count that predict another class than the model. Candidates are the rows where they are
/// more than half; while there are fewer than `factor * b` such rows the threshold goes down by one, at last
/// to a single pass. Of the candidates k-means with `b` clusters on the embeddings, each divided by its norm,
/// keeps the one nearest each mean; fewer than `b` are all taken and the rest is drawn uniformly. While
/// nothing is labelled every row is a candidate. The score is the size of the cluster, 0 for drawn rows.
///
/// `O(N M K + f b^2 D)` time for `M` passes, more where many rows are inconsistent; `O(N D)` memory.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DropQuery {
    /// Candidates wanted for each row of the batch; at least 1.
    pub factor: usize,
}

impl Default for DropQuery {
    fn default() -> Self {
        Self { factor: 25 }
    }
}

impl HasOptions for DropQuery {
    const OPTIONS: &'static [Opt] =
        &[Opt::new("factor", "candidates wanted for each row of the batch", COUNT)];
}

impl Acquisition for DropQuery {
    fn name(&self) -> &str {
        "dropquery"
    }

    fn needs(&self) -> Needs {
        Needs::from([Input::Model, Input::Embeddings, Input::Passes])
    }

    fn check(&self) -> Result<(), AcquireError> {
        self.require("factor", self.factor, self.factor >= 1)
    }

    fn acquire(&self, request: &Request<'_>) -> Result<Vec<Pick>, AcquireError> {
        let candidates = request.candidates();
        let budget = request.budget;
        let embeddings = request.embeddings()?;
        let cold = request.pool.labelled().next().is_none();
        let rows = if cold {
            candidates.to_vec()
        } else {
            let wanted = self.factor.saturating_mul(budget);
            let passes = request.passes()?.len();
            inconsistent(candidates, &mismatches(request)?, passes, wanted)
        };
        let random = &mut draw::uniform(&request.seed);
        let mut picks = representatives(embeddings, &rows, budget, random)?;
        draw::complete(&mut picks, candidates, budget, random);
        Ok(picks)
    }
}

/// For every candidate the number of passes that predict another class than the model.
fn mismatches(request: &Request<'_>) -> Result<Vec<usize>, AcquireError> {
    let model = request.model()?;
    let passes = request.passes()?;
    let count = |row: &usize| {
        let class = model.argmax(*row);
        passes.iter().filter(|pass| pass.argmax(*row) != class).count()
    };
    Ok(request.candidates().par_iter().with_min_len(256).map(count).collect())
}

/// The candidates with more mismatches than the largest threshold that leaves `wanted`, or than 0.
fn inconsistent(
    candidates: &[usize],
    mismatches: &[usize],
    passes: usize,
    wanted: usize,
) -> Vec<usize> {
    let above = |threshold: usize| mismatches.iter().filter(|count| **count > threshold).count();
    let threshold = (1..=passes / 2).rev().find(|threshold| above(*threshold) >= wanted);
    let threshold = threshold.unwrap_or(0);
    let rows = candidates.iter().zip(mismatches).filter(|(_, count)| **count > threshold);
    rows.map(|(row, _)| *row).collect()
}

#[cfg(test)]
mod tests {
    use alfm_core::{ClassId, MatrixView, Predictions, SeedTree};

    use super::*;
    use crate::Pool;

    /// Class scores that predict these classes.
    fn predicting(classes: &[usize]) -> Vec<f32> {
        let row = |class: usize| (0..3).map(move |k| if k == class { 0.8 } else { 0.1 });
        classes.iter().flat_map(|class| row(*class)).collect()
    }

    const MODEL: [usize; 6] = [0, 1, 2, 1, 0, 2];
    const DROPS: [[usize; 6]; 3] = [[0, 1, 1, 1, 0, 0], [0, 2, 1, 1, 1, 0], [0, 1, 2, 1, 0, 1]];
    const X: [f32; 12] = [1.0, 0.0, 2.0, 0.1, 0.0, 1.0, 0.1, 2.0, -1.0, 0.0, -2.0, 0.1];

    fn select(strategy: &DropQuery, observed: &[Option<ClassId>], budget: usize) -> Vec<Pick> {
        let model = predicting(&MODEL);
        let drops = DROPS.map(|drop| predicting(&drop));
        let passes = drops.each_ref().map(|p| Predictions::probabilities(p, 6, 3).unwrap());
        let pool = Pool::new(observed)
            .and_then(|pool| pool.with_model(Predictions::probabilities(&model, 6, 3)?))
            .and_then(|pool| pool.with_embeddings(MatrixView::new(&X, 6, 2)?))
            .and_then(|pool| pool.with_passes(&passes))
            .unwrap();
        strategy.select(&pool, budget, &SeedTree::new(0)).unwrap()
    }

    fn rows(picks: &[Pick]) -> Vec<usize> {
        let mut rows: Vec<usize> = picks.iter().map(|pick| pick.row).collect();
        rows.sort_unstable();
        rows
    }

    #[test]
    fn worked_example() {
        let model = predicting(&MODEL);
        let drops = DROPS.map(|drop| predicting(&drop));
        let passes = drops.each_ref().map(|p| Predictions::probabilities(p, 6, 3).unwrap());
        let observed = [None; 6];
        let pool = Pool::new(&observed)
            .and_then(|pool| pool.with_model(Predictions::probabilities(&model, 6, 3)?))
            .and_then(|pool| pool.with_passes(&passes))
            .unwrap();
        let request =
            Request { pool: &pool, budget: 1, seed: SeedTree::new(0), strategy: "dropquery" };
        let found = mismatches(&request).unwrap();
        assert_eq!(found, [0, 1, 2, 0, 1, 3]);
        let all = [0, 1, 2, 3, 4, 5];
        assert_eq!(inconsistent(&all, &found, 3, 2), [2, 5]);
        assert_eq!(inconsistent(&all, &found, 3, 4), [1, 2, 4, 5]);
    }

    #[test]
    fn the_batch_is_of_inconsistent_rows() {
        let mut observed = [None; 6];
        observed[0] = Some(ClassId::new(0));
        let strategy = DropQuery { factor: 1 };
        assert_eq!(rows(&select(&strategy, &observed, 2)), [2, 5]);
        // Four candidates for five picks: all of them, and one at random.
        let picks = select(&strategy, &observed, 5);
        assert_eq!(rows(&picks), [1, 2, 3, 4, 5]);
        assert_eq!(picks[4], Pick { row: 3, score: 0.0 });
    }

    #[test]
    fn a_cold_start_covers_the_pool() {
        // Three directions with two rows each.
        let picks = rows(&select(&DropQuery::default(), &[None; 6], 3));
        let directions: Vec<usize> = picks.iter().map(|row| row / 2).collect();
        assert_eq!(directions, [0, 1, 2]);
    }

    #[test]
    fn a_factor_of_zero_is_refused() {
        let observed = [None; 1];
        let model = Predictions::probabilities(&[0.5, 0.5], 1, 2).unwrap();
        let passes = [model];
        let pool = Pool::new(&observed)
            .and_then(|pool| pool.with_model(model))
            .and_then(|pool| pool.with_embeddings(MatrixView::new(&[1.0], 1, 1)?))
            .and_then(|pool| pool.with_passes(&passes))
            .unwrap();
        let error = DropQuery { factor: 0 }.select(&pool, 1, &SeedTree::new(0)).unwrap_err();
        assert!(matches!(error, AcquireError::Setting { .. }), "{error}");
    }
}
