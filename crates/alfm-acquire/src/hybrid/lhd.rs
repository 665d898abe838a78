use alfm_core::{CoreError, Matrix, Predictions};
use alfm_kernels::draw;
use alfm_kernels::{Euclidean, plus_plus};
use rayon::prelude::*;

use crate::{AcquireError, Acquisition, Averaged, Input, Needs, Pick, Request};

/// LHD: rows on which training still moves the model (Khosla et al., ECAI 2023, arXiv 2211.00928).
///
/// With the running average of the model and its label `yhat` for a row, `dl = |ln p_avg(yhat) - ln p(yhat)|`
/// (nats, probabilities at least 1.2e-38) and `dh = h_avg - h`, k-means++ seeding on `v = dl dh`: the longest
/// first, the lowest row on ties, scored by its squared length; each next one with probability proportional to
/// its squared distance to the nearest chosen, which is its score. Labels that are noise leave `v` near 0.
/// Once all distances are 0 the rest is drawn uniformly; so is the whole batch where hidden features cannot
/// move, as with a linear head on frozen embeddings: give the hidden layer of an MLP, or logits.
///
/// `O(N K + b N H)` time for `H` hidden features, `O(N H)` memory.
#[derive(Clone, Copy, Debug, Default)]
pub struct Lhd;

impl Acquisition for Lhd {
    fn name(&self) -> &str {
        "lhd"
    }

    fn needs(&self) -> Needs {
        Needs::from([Input::Model, Input::Averaged])
    }

    fn acquire(&self, request: &Request<'_>) -> Result<Vec<Pick>, AcquireError> {
        let model = request.model()?;
        let averaged = request.averaged()?;
        let candidates = request.candidates();
        let expected = model.classes();
        let got = averaged.model.classes();
        if expected != got {
            return Err(CoreError::ColumnCount { what: "averaged model", expected, got }.into());
        }
        let moves = moves(model, &averaged, candidates)?;
        let space = Euclidean::new(moves.view());
        let longest = (0..candidates.len()).reduce(|best, at| {
            if space.squared_norm(at) > space.squared_norm(best) { at } else { best }
        });
        // Where nothing moves there is no longest.
        let first = longest.filter(|at| space.squared_norm(*at) > 0.0);
        let random = &mut draw::uniform(&request.seed);
        let chosen = plus_plus(&space, candidates.len(), request.budget, first, random);
        Ok(chosen
            .into_iter()
            .map(|(at, distance)| {
                let score = if distance.is_finite() { distance } else { space.squared_norm(at) };
                Pick { row: candidates[at], score }
            })
            .collect())
    }
}

/// `v = dl dh` for the candidates, row by row.
#[expect(clippy::cast_possible_truncation, reason = "as precise as the features")]
fn moves(
    model: Predictions<'_>,
    averaged: &Averaged<'_>,
    candidates: &[usize],
) -> Result<Matrix, CoreError> {
    let width = averaged.hidden.columns();
    let mut values = vec![0.0; candidates.len() * width];
    values.par_chunks_exact_mut(width).zip(candidates).with_min_len(64).for_each_init(
        Vec::new,
        |buffer, (values, row)| {
            let label = averaged.model.argmax(*row).index();
            let mut surprise = |predictions: Predictions<'_>| {
                -f64::from(predictions.row(*row, buffer)[label].max(f32::MIN_POSITIVE)).ln()
            };
            let change = (surprise(averaged.model) - surprise(model)).abs();
            let hidden = averaged.hidden.row(*row).iter().zip(averaged.online_hidden.row(*row));
            for (value, (average, online)) in values.iter_mut().zip(hidden) {
                *value = (change * (f64::from(*average) - f64::from(*online))) as f32;
            }
        },
    );
    Matrix::new(values, candidates.len(), width)
}

#[cfg(test)]
mod tests {
    use alfm_core::{MatrixView, SeedTree};

    use super::*;
    use crate::Pool;

    /// Online hidden features are 0, so that `dh` are the averaged ones.
    const HIDDEN: [f32; 8] = [0.5, 0.1, 0.4, 0.0, 0.2, 0.6, 0.05, 0.05];

    /// Probabilities of class 0 such that `ln .9 - ln p` are the `dl` of the worked example.
    fn online() -> Vec<f32> {
        let p = [0.7f32, 0.05, 1.3, 0.1].map(|dl| 0.9 * (-dl).exp());
        p.into_iter().flat_map(|p| [p, 1.0 - p]).collect()
    }

    fn averaged<'a>(average: &'a [f32], hidden: &'a [f32], zeros: &'a [f32]) -> Averaged<'a> {
        Averaged {
            model: Predictions::probabilities(average, 4, 2).unwrap(),
            hidden: MatrixView::new(hidden, 4, 2).unwrap(),
            online_hidden: MatrixView::new(zeros, 4, 2).unwrap(),
        }
    }

    fn select(hidden: &[f32], online: &[f32], budget: usize) -> Vec<Pick> {
        let average = [0.9, 0.1].repeat(4);
        let observed = [None; 4];
        let pool = Pool::new(&observed)
            .and_then(|pool| pool.with_model(Predictions::probabilities(online, 4, 2)?))
            .and_then(|pool| pool.with_averaged(averaged(&average, hidden, &[0.0; 8])))
            .unwrap();
        Lhd.select(&pool, budget, &SeedTree::new(0)).unwrap()
    }

    #[test]
    fn worked_example() {
        let (average, online) = ([0.9, 0.1].repeat(4), online());
        let online = Predictions::probabilities(&online, 4, 2).unwrap();
        let moves = moves(online, &averaged(&average, &HIDDEN, &[0.0; 8]), &[0, 1, 2, 3]).unwrap();
        let space = Euclidean::new(moves.view());
        let expected = [0.1274, 0.0004, 0.676, 0.00005];
        for (at, norm) in expected.into_iter().enumerate() {
            assert!((space.squared_norm(at) - norm).abs() < 1e-6);
        }
        let first = select(&HIDDEN, &self::online(), 1)[0];
        assert_eq!(first.row, 2);
        assert!((first.score - 0.676).abs() < 1e-6);
        let expected = [0.35, 0.07, 0.02, 0.0, 0.26, 0.78, 0.005, 0.005];
        assert!(moves.into_values().iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6));
    }

    /// Defect: k-means++ stops in a debugger when all distances are 0.
    #[test]
    fn without_any_movement_the_batch_is_drawn_uniformly() {
        for (hidden, online) in [([0.0; 8], online()), (HIDDEN, [0.9, 0.1].repeat(4))] {
            let mut rows: Vec<usize> =
                select(&hidden, &online, 4).iter().map(|pick| pick.row).collect();
            rows.sort_unstable();
            assert_eq!(rows, [0, 1, 2, 3]);
        }
        let same = select(&[0.3; 8], &[0.5; 8], 4);
        assert_eq!(same.iter().filter(|pick| pick.score == 0.0).count(), 3);
    }

    #[test]
    fn a_probability_of_zero_gives_a_finite_score() {
        let picks = select(&HIDDEN, &[0.0, 1.0].repeat(4), 4);
        assert!(picks.iter().all(|pick| pick.score.is_finite()));
    }

    #[test]
    fn an_average_of_other_classes_is_refused() {
        let (average, observed) = ([0.9, 0.1].repeat(4), [None; 4]);
        let pool = Pool::new(&observed)
            .and_then(|pool| pool.with_model(Predictions::logits(&[0.0; 12], 4, 3)?))
            .and_then(|pool| pool.with_averaged(averaged(&average, &HIDDEN, &[0.0; 8])))
            .unwrap();
        let error = Lhd.select(&pool, 1, &SeedTree::new(0)).unwrap_err();
        assert!(matches!(error, AcquireError::Input(CoreError::ColumnCount { .. })), "{error}");
    }
}
