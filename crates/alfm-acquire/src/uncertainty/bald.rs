use alfm_core::Predictions;
use alfm_kernels::entropy;
use rayon::prelude::*;

use super::power::Weigh;
use crate::{Acquisition, Error, Input, Needs, Pick, Request};

/// Rows that are carried through all passes together.
const BLOCK: usize = 256;

/// BALD: `I = H(mean_m p^(m)) - mean_m H(p^(m))`, what a label would tell of the model, in nats
/// (Houlsby et al. 2011, arXiv 1112.5745; Gal et al. 2017, arXiv 1703.02910).
///
/// Clamped at 0; correct to about 1e-6. Ties go to the lowest row.
///
/// `O(M N K)` time. Blocks of rows pass through the `M` predictions one after another, so that beside the
/// scores no more than the two means of a block are held a thread: `O(N)` memory, wherever the passes lie.
#[derive(Clone, Copy, Debug, Default)]
pub struct Bald;

impl Acquisition for Bald {
    fn name(&self) -> &str {
        "bald"
    }

    fn needs(&self) -> Needs {
        Self::NEEDS
    }

    fn acquire(&self, request: &Request<'_>) -> Result<Vec<Pick>, Error> {
        let scores = information(request.passes()?, request.candidates());
        Ok(request.largest(&scores))
    }
}

impl Weigh for Bald {
    const POWER_NAME: &'static str = "power-bald";
    const NEEDS: Needs = Needs::of(&[Input::Passes]);

    fn weights(&self, request: &Request<'_>) -> Result<Vec<f64>, Error> {
        let scores = information(request.passes()?, request.candidates());
        Ok(scores.into_iter().map(f64::from).collect())
    }
}

/// `I`, one a row of `rows`.
fn information(passes: &[Predictions<'_>], rows: &[usize]) -> Vec<f32> {
    let mut scores = vec![0.0; rows.len()];
    scores
        .par_chunks_mut(BLOCK)
        .zip(rows.par_chunks(BLOCK))
        .for_each_init(Block::default, |block, (scores, rows)| block.score(passes, rows, scores));
    scores
}

/// The sums over the passes for one block of rows.
#[derive(Default)]
struct Block {
    probabilities: Vec<f64>,
    entropies: Vec<f64>,
    row: Vec<f32>,
}

impl Block {
    fn score(&mut self, passes: &[Predictions<'_>], rows: &[usize], scores: &mut [f32]) {
        let classes = passes[0].classes();
        self.probabilities.clear();
        self.probabilities.resize(rows.len() * classes, 0.0);
        self.entropies.clear();
        self.entropies.resize(rows.len(), 0.0);
        for pass in passes {
            self.add(*pass, rows);
        }
        let count = passes.len() as f64;
        let sums = self.probabilities.chunks_exact(classes).zip(&self.entropies);
        for ((sum, entropies), score) in sums.zip(scores) {
            self.row.clear();
            self.row.extend(sum.iter().map(|p| single(p / count)));
            let information = f64::from(entropy(&self.row)) - entropies / count;
            *score = single(information.max(0.0));
        }
    }

    fn add(&mut self, pass: Predictions<'_>, rows: &[usize]) {
        let sums = self.probabilities.chunks_exact_mut(pass.classes()).zip(&mut self.entropies);
        for ((sum, entropies), row) in sums.zip(rows) {
            let probabilities = pass.row(*row, &mut self.row);
            sum.iter_mut().zip(probabilities).for_each(|(sum, p)| *sum += f64::from(*p));
            *entropies += f64::from(entropy(probabilities));
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "scores are handed on in single precision")]
fn single(x: f64) -> f32 {
    x as f32
}

#[cfg(test)]
mod tests {
    use alfm_core::SeedTree;

    use super::*;
    use crate::Pool;

    const A: [f32; 6] = [0.9, 0.1, 0.5, 0.5, 0.6, 0.4];
    const B: [f32; 6] = [0.1, 0.9, 0.5, 0.5, 0.8, 0.2];

    fn picks(passes: &[Predictions<'_>]) -> Vec<(usize, f64)> {
        let observed = vec![None; passes[0].rows()];
        let pool = Pool::new(&observed).unwrap().with_passes(passes).unwrap();
        let picks = Bald.select(&pool, 9, &SeedTree::new(0)).unwrap();
        picks.iter().map(|pick| (pick.row, pick.score)).collect()
    }

    #[test]
    fn worked_example() {
        let passes = [&A, &B].map(|p| Predictions::probabilities(p, 3, 2).unwrap());
        let expected = [(0, 0.368064), (2, 0.024157), (1, 0.0)];
        for ((row, score), (expected_row, expected)) in picks(&passes).into_iter().zip(expected) {
            assert_eq!(row, expected_row);
            assert!((score - expected).abs() < 1e-6, "{score} is not {expected}");
        }
    }

    #[test]
    fn passes_that_agree_carry_no_information() {
        let passes = [Predictions::probabilities(&A, 3, 2).unwrap(); 7];
        assert_eq!(picks(&passes), [(0, 0.0), (1, 0.0), (2, 0.0)]);
        assert_eq!(picks(&passes[..1]), [(0, 0.0), (1, 0.0), (2, 0.0)]);
    }

    #[test]
    fn certain_passes_that_disagree_are_worth_ln_2() {
        let certain = [[1.0, 0.0], [0.0, 1.0]];
        let passes = certain.each_ref().map(|p| Predictions::probabilities(p, 1, 2).unwrap());
        assert!((picks(&passes)[0].1 - std::f64::consts::LN_2).abs() < 1e-7);
    }

    /// Rows at both sides of a block's end, some of them labelled.
    #[test]
    fn blocks_change_nothing() {
        let rows = 2 * BLOCK + 3;
        let first: Vec<f32> = (0..rows).map(|row| (row % 97) as f32 / 96.0).collect();
        let second: Vec<f32> = (0..rows).map(|row| (row % 89) as f32 / 88.0).collect();
        let values =
            [&first, &second].map(|p| p.iter().flat_map(|p| [*p, 1.0 - p]).collect::<Vec<f32>>());
        let passes = values.each_ref().map(|p| Predictions::probabilities(p, rows, 2).unwrap());
        let candidates: Vec<usize> = (0..rows).filter(|row| row % 3 != 0).collect();
        let h = |p: f64| {
            if p <= 0.0 || p >= 1.0 { 0.0 } else { -p * p.ln() - (1.0 - p) * (1.0 - p).ln() }
        };
        for (row, got) in candidates.iter().zip(information(&passes, &candidates)) {
            let (a, b) = (f64::from(first[*row]), f64::from(second[*row]));
            let expected = h((a + b) / 2.0) - (h(a) + h(b)) / 2.0;
            assert!((f64::from(got) - expected).abs() < 1e-6, "row {row}: {got} is not {expected}");
        }
    }
}
