use serde::{Deserialize, Serialize};
use std::fmt;

use crate::options::{HasOptions, Opt};
use crate::{Acquisition, Error, Needs, Pick, Request};
use alfm_kernels::draw::{self, Uniform};

/// Below this a score counts as zero: its logarithm stays finite.
const SMALLEST: f64 = 1e-12;

/// A non-negative score of every candidate, by which [`Power`] can sample.
pub trait Weigh: fmt::Debug + Send + Sync {
    /// The name of the power variant, in kebab case.
    const POWER_NAME: &'static str;

    /// What the score cannot do without.
    const NEEDS: Needs;

    /// The scores, one a candidate in order. What is below 1e-12, negative or not, counts as 1e-12.
    ///
    /// # Errors
    /// As [`Acquisition::acquire`].
    fn weights(&self, request: &Request<'_>) -> Result<Vec<f64>, Error>;
}

/// The power variant of a score `s`: a sample without replacement with probability proportional to `s^beta`
/// (Kirsch et al. 2021, arXiv 2106.12059).
///
/// The rows with the largest `r = beta ln max(s, 1e-12) + G` are asked, `G = -ln(-ln u)` standard Gumbel;
/// `r`, in nats, is the score of a pick; ties go to the lowest row. `s` is `1 - margin`, `1 - max_k p_k`, the
/// entropy or BALD's information. A row draws its noise by its position in the pool: neither the number of
/// threads nor a restriction of the candidates changes it.
///
/// Unless `beta` is finite and not negative; 0 is uniform sampling, infinity would
/// be the score itself. The score's time and memory, and `O(N)` beside.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, bound(serialize = "", deserialize = "S: Default"))]
pub struct Power<S> {
    /// The score `s`.
    #[serde(skip)]
    pub score: S,
    /// The exponent: the larger, the closer to the score's own order.
    pub beta: f64,
}

impl<S> Power<S> {
    /// Sampling in proportion to `score`: `beta = 1`.
    pub fn new(score: S) -> Self {
        Self { score, beta: 1.0 }
    }
}

impl<S: Default> Default for Power<S> {
    fn default() -> Self {
        Self::new(S::default())
    }
}

impl<S: Weigh> HasOptions for Power<S> {
    const OPTIONS: &'static [Opt] = &[Opt::new(
        "beta",
        "the exponent: the larger, the closer to the score's own order; 0 is uniform sampling",
        "at least 0 and finite",
    )];
}

impl<S: Weigh> Acquisition for Power<S> {
    fn name(&self) -> &str {
        S::POWER_NAME
    }

    fn needs(&self) -> Needs {
        S::NEEDS
    }

    fn check(&self) -> Result<(), Error> {
        self.require("beta", self.beta, self.beta.is_finite() && self.beta >= 0.0)
    }

    fn acquire(&self, request: &Request<'_>) -> Result<Vec<Pick>, Error> {
        let weights = self.score.weights(request)?;
        let noise = noise(request.candidates(), &mut draw::uniform(&request.seed));
        let perturbed = perturbed(&weights, &noise, self.beta);
        Ok(request.largest(&perturbed))
    }
}

/// Gumbel noise of the candidates: row `i` takes the `i`-th number of the stream.
fn noise(candidates: &[usize], random: &mut impl Uniform) -> Vec<f64> {
    let mut drawn = 0;
    let next = |row: &usize| {
        // The rows between two candidates draw as well, for nobody.
        (drawn..*row).for_each(|_| _ = random.uniform());
        drawn = row + 1;
        draw::gumbel(random)
    };
    candidates.iter().map(next).collect()
}

/// `beta ln max(s, 1e-12) + G`.
#[expect(
    clippy::cast_possible_truncation,
    reason = "ranked in single precision, as every score is"
)]
fn perturbed(weights: &[f64], noise: &[f64], beta: f64) -> Vec<f32> {
    let perturb = |(s, g): (&f64, &f64)| (beta * s.max(SMALLEST).ln() + g) as f32;
    weights.iter().zip(noise).map(perturb).collect()
}

#[cfg(test)]
mod tests {
    use alfm_core::{Predictions, SeedTree};

    use super::*;
    use crate::uncertainty::P6;
    use crate::{Bald, Entropy, LeastConfident, Margin, Pool};

    fn picks<S: Weigh>(strategy: &Power<S>, probabilities: &[f32], seed: u64) -> Vec<Pick> {
        let rows = probabilities.len() / 3;
        let observed = vec![None; rows];
        let model = Predictions::probabilities(probabilities, rows, 3).unwrap();
        let passes = [model];
        let pool = Pool::new(&observed).unwrap().with_model(model).unwrap();
        let pool = pool.with_passes(&passes).unwrap();
        strategy.select(&pool, rows, &SeedTree::new(seed)).unwrap()
    }

    fn weights<S: Weigh>(score: &S, probabilities: &[f32]) -> Vec<f64> {
        let rows = probabilities.len() / 3;
        let observed = vec![None; rows];
        let model = Predictions::probabilities(probabilities, rows, 3).unwrap();
        let pool = Pool::new(&observed).unwrap().with_model(model).unwrap();
        let seed = SeedTree::new(0);
        score.weights(&Request { pool: &pool, budget: 1, seed, strategy: S::POWER_NAME }).unwrap()
    }

    #[test]
    fn worked_example_p6() {
        let gumbel = [0.1, 1.5, -0.3, 0.4, 2.0, -0.7];
        let uniforms = gumbel.map(|g: f64| (-(-g).exp()).exp());
        let rows = [0, 1, 2, 3, 4, 5];
        let noise = noise(&rows, &mut draw::scripted(&uniforms));
        let r = perturbed(&weights(&Margin, &P6), &noise, 1.0);
        let expected = [-0.593147, 1.448707, -0.310050, 0.379797, 0.102880, -0.862519];
        for (got, expected) in r.iter().zip(expected) {
            assert!((got - expected).abs() < 2e-6, "{got} is not {expected}");
        }
        let top: Vec<usize> = alfm_kernels::largest(&rows[..], &r, 3, crate::Ties::by_row())
            .iter()
            .map(|pick| pick.row)
            .collect();
        assert_eq!(top, [1, 3, 4]);
    }

    #[test]
    fn a_row_keeps_its_noise_when_others_leave() {
        let numbers = [0.1, 0.2, 0.3, 0.4, 0.5];
        let all = noise(&[0, 1, 2, 3, 4], &mut draw::scripted(&numbers));
        let some = noise(&[1, 4], &mut draw::scripted(&numbers));
        assert_eq!(some, [all[1], all[4]]);
    }

    #[test]
    fn weights_are_the_scores_from_zero_up() {
        let rows = [1.0, 0.0, 0.0, 0.4, 0.4, 0.2];
        assert_eq!(weights(&Margin, &rows), [0.0, 1.0]);
        assert_eq!(weights(&LeastConfident, &rows), [0.0, 1.0 - f64::from(0.4f32)]);
        assert_eq!(weights(&Entropy, &rows)[0], 0.0);
    }

    /// One pass, certain and uncertain rows: the information is 0 but for rounding.
    #[test]
    fn power_bald_takes_no_log_of_a_negative_score() {
        let picks = picks(&Power::new(Bald), &P6, 5);
        assert_eq!(picks.len(), 6);
        assert!(picks.iter().all(|pick| pick.score.is_finite()));
        assert_eq!(perturbed(&[-1e-9, 0.0], &[0.0, 0.0], 1.0), [-27.631_021_f32; 2]);
    }

    /// The first pick falls on a row with probability `s / sum s`.
    #[test]
    fn the_first_pick_is_drawn_in_proportion() {
        let rows = [0.5, 0.5, 0.0, 0.75, 0.25, 0.0];
        let strategy = Power::new(Margin);
        let first = (0..3000).filter(|seed| picks(&strategy, &rows, *seed)[0].row == 0).count();
        assert!((first as f64 / 3000.0 - 1.0 / 1.5).abs() < 0.03, "{first} of 3000");
    }

    #[test]
    fn a_large_beta_is_the_score_and_zero_ignores_it() {
        let by_score = picks(&Power { score: Margin, beta: 1e6 }, &P6, 1);
        assert_eq!(by_score.iter().map(|pick| pick.row).collect::<Vec<_>>(), [2, 3, 1, 5, 0, 4]);
        let by_noise = picks(&Power { score: Margin, beta: 0.0 }, &P6, 1);
        let other = [1.0, 0.0, 0.0].repeat(6);
        let rows = |picks: Vec<Pick>| picks.iter().map(|pick| pick.row).collect::<Vec<_>>();
        assert_eq!(rows(by_noise), rows(picks(&Power { score: Margin, beta: 0.0 }, &other, 1)));
    }

    #[test]
    fn an_exponent_out_of_range_is_refused() {
        let observed = [None];
        let model = Predictions::probabilities(&[0.5, 0.5], 1, 2).unwrap();
        let pool = Pool::new(&observed).unwrap().with_model(model).unwrap();
        for beta in [-1.0, f64::NAN, f64::INFINITY] {
            let strategy = Power { score: Margin, beta };
            let error = strategy.select(&pool, 1, &SeedTree::new(0)).unwrap_err();
            let message = error.to_string();
            assert!(message.starts_with("option `beta` of strategy `power-margin`"), "{message}");
        }
    }
}
