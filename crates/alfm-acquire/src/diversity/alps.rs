use alfm_core::{CoreError, Matrix, MatrixView, SeedTree};
use alfm_kernels::draw::{self, Remaining};
use alfm_kernels::representatives;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::options::{HasOptions, Opt};
use crate::{AcquireError, Acquisition, Input, Needs, Pick, Request};

/// ALPS: texts that surprise a language model at different places (Yuan, Lin & Boyd-Graber, EMNLP 2020, arXiv
/// 2010.09535). Needs no label and no classifier.
///
/// Of the tokens of a text, the positions whose surprisal is not 0, a share of `fraction` is drawn, rounded
/// and at least one; the surprisal elsewhere is set to 0. k-means with `b` clusters on these vectors, each
/// divided by its norm, keeps the one nearest each mean; vectors of zeros stay. The score is the size of the
/// cluster. Texts with equal vectors fill the batch uniformly, with score 0, where there are fewer distinct
/// ones than `b`: every row left is then at distance 0 of one that was chosen.
///
/// `O(N b T)` time an iteration, `O(N T)` memory.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Alps {
    /// The share of tokens that is looked at; above 0, at most 1.
    pub fraction: f64,
}

impl Default for Alps {
    fn default() -> Self {
        Self { fraction: 0.15 }
    }
}

impl HasOptions for Alps {
    const OPTIONS: &'static [Opt] =
        &[Opt::new("fraction", "the share of tokens that is looked at", "above 0 and at most 1")];
}

impl Acquisition for Alps {
    fn name(&self) -> &str {
        "alps"
    }

    fn needs(&self) -> Needs {
        Needs::from([Input::Surprisal])
    }

    fn check(&self) -> Result<(), AcquireError> {
        let fraction = self.fraction;
        self.require("fraction", fraction, fraction > 0.0 && fraction <= 1.0)
    }

    fn acquire(&self, request: &Request<'_>) -> Result<Vec<Pick>, AcquireError> {
        let candidates = request.candidates();
        let seed = request.seed.child("tokens");
        let sampled = self.sample(request.surprisal()?, candidates, &seed)?;
        let all: Vec<usize> = (0..candidates.len()).collect();
        let random = &mut draw::uniform(&request.seed.child("k-means"));
        let mut picks = representatives(sampled.view(), &all, request.budget, random)?;
        draw::complete(&mut picks, &all, request.budget, random);
        picks.iter_mut().for_each(|pick| pick.row = candidates[pick.row]);
        Ok(picks)
    }
}

impl Alps {
    /// The surprisal of the candidates at their sampled tokens, each row from a stream of its own.
    fn sample(
        &self,
        surprisal: MatrixView<'_>,
        candidates: &[usize],
        seed: &SeedTree,
    ) -> Result<Matrix, CoreError> {
        let width = surprisal.columns();
        let mut values = vec![0.0; candidates.len() * width];
        values.par_chunks_exact_mut(width).zip(candidates).for_each(|(sampled, row)| {
            let all = surprisal.row(*row);
            let tokens: Vec<usize> = (0..width).filter(|at| all[*at] != 0.0).collect();
            let random = &mut draw::uniform(&seed.index(*row as u64));
            let mut remaining = Remaining::new(tokens.len());
            let drawn = std::iter::from_fn(|| remaining.draw(random));
            for at in drawn.take(self.count(tokens.len())) {
                sampled[tokens[at]] = all[tokens[at]];
            }
        });
        Matrix::new(values, candidates.len(), width)
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most tokens")]
    fn count(&self, tokens: usize) -> usize {
        ((self.fraction * tokens as f64).round() as usize).max(1)
    }
}

#[cfg(test)]
mod tests {
    use alfm_kernels::normalised;

    use super::*;
    use crate::Pool;

    fn select(surprisal: &[f32], width: usize, budget: usize) -> Vec<Pick> {
        let rows = surprisal.len() / width;
        let observed = vec![None; rows];
        let surprisal = MatrixView::new(surprisal, rows, width).unwrap();
        let pool = Pool::new(&observed).unwrap().with_surprisal(surprisal).unwrap();
        Alps::default().select(&pool, budget, &SeedTree::new(8)).unwrap()
    }

    #[test]
    fn worked_example() {
        let rows = [0.0, 2.0, 0.0, 0.0, 1.0, 0.0, 0.0, 1.0, 0.0, 4.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0];
        let unit = normalised(MatrixView::new(&rows, 4, 4).unwrap(), &[0, 1, 2, 3]).unwrap();
        let half = std::f32::consts::FRAC_1_SQRT_2;
        let expected =
            [0.0, 1.0, 0.0, 0.0, half, 0.0, 0.0, half, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0];
        assert_eq!(unit.into_values(), expected);
        // Rows 0 and 2 coincide, so that with three clusters one of them stands for both.
        let picks = select(&rows, 4, 3);
        assert_eq!(picks[0], Pick { row: 0, score: 2.0 });
        assert_eq!(picks[1].row + picks[2].row, 4);
    }

    #[test]
    fn a_share_of_the_tokens_is_sampled_and_no_padding() {
        let strategy = Alps::default();
        let text: Vec<f32> = (0..128).map(|i| if i < 60 { 1.0 + i as f32 } else { 0.0 }).collect();
        let text = MatrixView::new(&text, 1, 128).unwrap();
        let sample =
            |seed| strategy.sample(text, &[0], &SeedTree::new(seed)).unwrap().into_values();
        let values = sample(1);
        assert_eq!(values.iter().filter(|value| **value != 0.0).count(), 9);
        assert!(values.iter().zip(text.row(0)).all(|(a, b)| *a == 0.0 || a == b));
        assert_ne!(values, sample(2));
        assert_eq!([0, 1, 3, 10, 13].map(|tokens| strategy.count(tokens)), [1, 1, 1, 2, 2]);
    }

    #[test]
    fn a_row_is_sampled_the_same_in_any_company() {
        let texts: Vec<f32> = (0..60).map(|i| 1.0 + i as f32).collect();
        let texts = MatrixView::new(&texts, 3, 20).unwrap();
        let sample = |rows: &[usize]| Alps::default().sample(texts, rows, &SeedTree::new(4));
        let alone = sample(&[1]).unwrap().into_values();
        assert_eq!(sample(&[0, 1]).unwrap().view().row(1), alone);
    }

    /// Defect: the random top-up may repeat a row and then trips an assertion.
    #[test]
    fn equal_texts_fill_the_batch_without_repeats() {
        for text in [[0.0; 3], [1.0, 0.0, 0.0]] {
            let mut rows: Vec<usize> =
                select(&text.repeat(6), 3, 5).iter().map(|pick| pick.row).collect();
            rows.sort_unstable();
            rows.dedup();
            assert_eq!(rows.len(), 5);
        }
    }

    #[test]
    fn fractions_out_of_range_are_refused() {
        let observed = [None; 1];
        let surprisal = MatrixView::new(&[1.0], 1, 1).unwrap();
        let pool = Pool::new(&observed).unwrap().with_surprisal(surprisal).unwrap();
        for fraction in [0.0, 1.5, f64::NAN] {
            let error = Alps { fraction }.select(&pool, 1, &SeedTree::new(0)).unwrap_err();
            assert!(matches!(error, AcquireError::Setting { .. }), "{error}");
        }
    }
}
