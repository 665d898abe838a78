//! The calibrated product of both experts, fitted on oracle labels.

use alfm_core::{ClassId, MatrixView};

/// `pbar ~ p_L^a p_f^c exp(beta)`: a logarithmic opinion pool (Genest & Zidek 1986).
///
/// `1 / a` and `1 / c` are the temperatures of the prior and of the small model (Guo et al. 2017), their ratio
/// is the weight of one against the other, and `beta` corrects the classes that the experts name too often.
/// `a = 0` leaves the small model alone; `a = c = 1`, `beta = 0` is the published product.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Opinion {
    /// `a`, the exponent of the prior.
    pub(crate) prior: f64,
    /// `c`, the exponent of the small model.
    pub(crate) model: f64,
    /// `beta`, one a class.
    pub(crate) bias: Vec<f64>,
    /// `eta`: the share of labels that are wrong, whatever the item.
    pub(crate) noise: f64,
    /// The largest share of wrong labels that can't be excluded from below: a careful estimate for bounds.
    pub(crate) least_noise: f64,
    /// The share of the small model's surprise at the labels that the prior takes away, at most 1, beyond what the
    /// noise makes unavoidable.
    pub(crate) gain: f64,
}

/// Which parameters are fitted; the others stay where the published product has them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Free {
    pub(crate) prior: bool,
    pub(crate) calibration: bool,
    pub(crate) noise: bool,
}

/// Oracle-labelled items and what both experts, neither of which has seen the label, say of them.
pub(crate) struct Evidence<'a> {
    /// `p_L`, `n x K`.
    pub(crate) prior: MatrixView<'a>,
    /// Out-of-fold `p_f`, `n x K`.
    pub(crate) model: MatrixView<'a>,
    pub(crate) labels: &'a [ClassId],
    /// What each item counts; they sum to `n`.
    pub(crate) weights: &'a [f64],
}

/// Exponents that are tried; 0 removes an expert, above 1 sharpens it.
const EXPONENTS: [f64; 14] =
    [0.0, 0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1.0, 1.4, 2.0, 2.8, 4.0, 5.6, 8.0];
/// Noise rates that are tried.
const NOISE_RATES: [f64; 9] = [0.0, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5];
/// The pull of an exponent towards 1, in nats: what `n` labels must outweigh.
const PULL: f64 = 4.0;
/// The pull of a class bias towards 0: one standard deviation is a factor `e` on the class's odds.
const BIAS_PULL: f64 = 0.5;
/// The pull of the noise rate towards 0: one standard deviation is 0.22, since to blame the oracle is also the
/// easiest excuse of a wrong prior.
const NOISE_PULL: f64 = 10.0;
/// Nats by which blaming the experts must explain the labels better than blaming the oracle...
const OPTIMISM: f64 = 3.0;
/// ...if the prior then has so large a [`gain`](Opinion::gain).
const OPTIMISTIC_GAIN: f64 = 0.05;
/// With fewer labels a class, what the experts do not know can't be told from noise.
const LABELS_TO_KNOW_NOISE: usize = 10;
/// Coordinates are visited so often; the fit has settled after three visits in all experiments.
const SWEEPS: usize = 4;
/// Below this a probability counts as this.
const FLOOR: f32 = 1e-6;

impl Opinion {
    /// The published product.
    pub(crate) fn published(classes: usize) -> Self {
        Self {
            prior: 1.0,
            model: 1.0,
            bias: vec![0.0; classes],
            noise: 0.0,
            least_noise: 0.0,
            gain: 0.0,
        }
    }

    /// The most probable pool of the evidence, each parameter pulled towards the published product.
    ///
    /// A label is the item's class with probability `1 - eta`, else one of the others: what contradicts both
    /// experts is then noise, not a reason to distrust them (a robust likelihood). Coordinate ascent;
    /// `O(n K)` time a step, some fifty steps.
    pub(crate) fn fit(evidence: &Evidence<'_>, free: Free) -> Self {
        let logs = Logs::new(evidence);
        let alone = Self { prior: 0.0, ..Self::published(evidence.prior.columns()) };
        let alone = logs.climb(alone, Free { prior: false, ..free });
        // Contradictions are put down to the experts first, or to the oracle first. With many wrong labels both
        // explain them about as well, and a round that believes the one and then the other loses what it had:
        // trust goes to a prior that is worth it under the friendlier explanation.
        let [experts, oracle] = [false, true].map(|noise_first| {
            let mut opinion = logs.ascend(free, noise_first && free.noise);
            opinion.gain = logs.gain(&opinion, &alone);
            opinion
        });
        let behind = logs.loss(&oracle) - logs.loss(&experts);
        let worth_it = behind < OPTIMISM && oracle.gain > OPTIMISTIC_GAIN;
        let mut opinion = if behind < 0.0 || worth_it { oracle } else { experts };
        opinion.least_noise = logs.least_noise(&opinion);
        opinion
    }

    /// The prior's part, `p_L^a exp(beta)`, normalised; `N x K`.
    pub(crate) fn of_prior(&self, row: &[f32], out: &mut [f32]) {
        let tilted = row.iter().zip(&self.bias);
        normalise(tilted.map(|(p, bias)| self.prior * ln(*p) + bias), out);
    }

    /// The small model's part, `p_f^c`, normalised.
    pub(crate) fn of_model(&self, row: &[f32], out: &mut [f32]) {
        normalise(row.iter().map(|p| self.model * ln(*p)), out);
    }
}

/// The logarithms of both experts, taken once.
struct Logs<'a> {
    evidence: &'a Evidence<'a>,
    prior: Vec<f64>,
    model: Vec<f64>,
}

impl<'a> Logs<'a> {
    fn new(evidence: &'a Evidence<'a>) -> Self {
        let logs = |of: MatrixView<'_>| of.values().iter().map(|p| ln(*p)).collect();
        Self { evidence, prior: logs(evidence.prior), model: logs(evidence.model) }
    }

    /// `pbar` of every item in turn, with its label and weight.
    fn each(&self, opinion: &Opinion, mut visit: impl FnMut(&[f64], usize, f64)) {
        let classes = opinion.bias.len();
        let mut p = vec![0.0; classes];
        let rows = self.prior.chunks_exact(classes).zip(self.model.chunks_exact(classes));
        let known = self.evidence.labels.iter().zip(self.evidence.weights);
        for ((prior, model), (label, weight)) in rows.zip(known) {
            let mut top = f64::NEG_INFINITY;
            for (k, p) in p.iter_mut().enumerate() {
                *p = opinion.prior * prior[k] + opinion.model * model[k] + opinion.bias[k];
                top = top.max(*p);
            }
            let mut mass = 0.0;
            for p in &mut p {
                *p = (*p - top).exp();
                mass += *p;
            }
            p.iter_mut().for_each(|p| *p /= mass);
            visit(&p, label.index(), *weight);
        }
    }

    /// Penalised negative log-likelihood in nats.
    fn loss(&self, opinion: &Opinion) -> f64 {
        let pull = |exponent: f64| PULL * (exponent - 1.0) * (exponent - 1.0);
        let bias: f64 = opinion.bias.iter().map(|b| b * b).sum();
        pull(opinion.prior)
            + pull(opinion.model)
            + BIAS_PULL * bias
            + NOISE_PULL * opinion.noise * opinion.noise
            + self.surprise(opinion)
    }

    /// Coordinate ascent from the published product.
    fn ascend(&self, free: Free, noise_first: bool) -> Opinion {
        let mut opinion = Opinion::published(self.evidence.prior.columns());
        if noise_first {
            opinion.noise = self.fit_noise(&opinion);
        }
        self.climb(opinion, free)
    }

    fn fit_noise(&self, opinion: &Opinion) -> f64 {
        best(&NOISE_RATES, |noise| self.loss(&Opinion { noise, ..opinion.clone() }))
    }

    /// Negative log-likelihood alone.
    fn surprise(&self, opinion: &Opinion) -> f64 {
        let mut sum = 0.0;
        self.each(opinion, |p, label, weight| {
            sum -= weight * observed(p[label], opinion.noise, p.len()).max(1e-12).ln();
        });
        sum
    }

    /// How much of the small model's surprise an opinion takes away, beyond what a noisy oracle makes unavoidable.
    fn gain(&self, opinion: &Opinion, alone: &Opinion) -> f64 {
        let labels = self.evidence.labels.len() as f64;
        let floor = labels * noise_entropy(opinion.noise, opinion.bias.len());
        let (with, without) = (self.surprise(opinion) - floor, self.surprise(alone) - floor);
        if without > 0.0 { 1.0 - with / without } else { 0.0 }
    }

    fn climb(&self, mut opinion: Opinion, free: Free) -> Opinion {
        for _ in 0..SWEEPS {
            if free.prior {
                opinion.prior =
                    best(&EXPONENTS, |prior| self.loss(&Opinion { prior, ..opinion.clone() }));
            }
            if free.calibration {
                opinion.model =
                    best(&EXPONENTS[1..], |model| self.loss(&Opinion { model, ..opinion.clone() }));
                self.improve_bias(&mut opinion);
            }
            if free.noise {
                opinion.noise = self.fit_noise(&opinion);
            }
        }
        opinion
    }

    /// Two damped Newton steps on the biases, with the diagonal of the Hessian.
    fn improve_bias(&self, opinion: &mut Opinion) {
        for _ in 0..2 {
            let mut gradient: Vec<f64> = opinion.bias.iter().map(|b| 2.0 * BIAS_PULL * b).collect();
            let mut curvature = vec![2.0 * BIAS_PULL; gradient.len()];
            self.each(opinion, |p, label, weight| {
                let right = (1.0 - opinion.noise) * p[label];
                let weight = weight * right / observed(p[label], opinion.noise, p.len()).max(1e-12);
                for (k, p) in p.iter().enumerate() {
                    gradient[k] += weight * (p - f64::from(u8::from(k == label)));
                    curvature[k] += weight * p * (1.0 - p);
                }
            });
            // The classes share their mass, so the diagonal alone oversteps: half of it.
            for (bias, (g, h)) in opinion.bias.iter_mut().zip(gradient.iter().zip(&curvature)) {
                *bias -= 0.5 * g / h;
            }
        }
    }

    /// The smallest noise rate within a one-sided 90 % likelihood interval; 0 while labels are few.
    fn least_noise(&self, opinion: &Opinion) -> f64 {
        if self.evidence.labels.len() < LABELS_TO_KNOW_NOISE * opinion.bias.len() {
            return 0.0;
        }
        let loss = |noise| self.loss(&Opinion { noise, ..opinion.clone() });
        let limit = loss(opinion.noise) + 0.82; // half of 1.28^2
        let low = NOISE_RATES.iter().take_while(|rate| **rate < opinion.noise);
        low.copied().find(|rate| loss(*rate) <= limit).unwrap_or(opinion.noise)
    }
}

/// Entropy in nats of a label whose item is known, with uniform label noise.
fn noise_entropy(noise: f64, classes: usize) -> f64 {
    let term = |p: f64| if p > 0.0 { -p * p.ln() } else { 0.0 };
    let others = classes as f64 - 1.0;
    term(1.0 - noise) + others * term(noise / others)
}

/// Posterior probability that a label is right whose class has probability `p`.
pub(crate) fn right(p: f64, noise: f64, classes: usize) -> f64 {
    (1.0 - noise) * p / observed(p, noise, classes).max(f64::MIN_POSITIVE)
}

/// Probability of an observed label whose class has probability `p`, with uniform label noise.
pub(crate) fn observed(p: f64, noise: f64, classes: usize) -> f64 {
    (1.0 - noise) * p + noise * (1.0 - p) / (classes as f64 - 1.0)
}

fn ln(p: f32) -> f64 {
    f64::from(p.max(FLOOR)).ln()
}

#[expect(clippy::cast_possible_truncation, reason = "probabilities")]
fn normalise(logs: impl Iterator<Item = f64> + Clone, out: &mut [f32]) {
    let top = logs.clone().fold(f64::NEG_INFINITY, f64::max);
    let mass: f64 = logs.clone().map(|log| (log - top).exp()).sum();
    for (out, log) in out.iter_mut().zip(logs) {
        *out = ((log - top).exp() / mass) as f32;
    }
}

/// The value with the smallest loss, the first on ties.
fn best(values: &[f64], loss: impl Fn(f64) -> f64) -> f64 {
    let losses = values.iter().map(|value| (*value, loss(*value)));
    losses.min_by(|(_, a), (_, b)| a.total_cmp(b)).map_or(1.0, |(value, _)| value)
}

#[cfg(test)]
mod tests {
    use alfm_core::{Matrix, SeedTree};
    use rand::RngExt;

    use super::*;

    const ALL: Free = Free { prior: true, calibration: true, noise: true };

    /// `count` items of three classes: an expert gives `sure` to a class that is right `right` of the time.
    fn expert(truth: &[usize], right: f64, sure: f32, seed: u64) -> Matrix {
        let mut rng = SeedTree::new(seed).rng();
        let rows: Vec<[f32; 3]> = truth
            .iter()
            .map(|class| {
                let other = (class + rng.random_range(1..3usize)) % 3;
                let said = if rng.random_bool(right) { *class } else { other };
                let mut row = [(1.0 - sure) / 2.0; 3];
                row[said] = sure;
                row
            })
            .collect();
        Matrix::from_rows(&rows).unwrap()
    }

    fn truth(count: usize) -> Vec<usize> {
        (0..count).map(|item| item % 3).collect()
    }

    fn fit(prior: &Matrix, model: &Matrix, labels: &[usize]) -> Opinion {
        let labels: Vec<ClassId> = labels.iter().map(|class| ClassId::from_index(*class)).collect();
        let weights = vec![1.0; labels.len()];
        let (prior, model) = (prior.view(), model.view());
        Opinion::fit(&Evidence { prior, model, labels: &labels, weights: &weights }, ALL)
    }

    #[test]
    fn without_evidence_the_published_product_stands() {
        let (prior, model) = (expert(&[0], 1.0, 0.4, 0), expert(&[0], 1.0, 0.4, 1));
        let opinion = fit(&prior, &model, &[0]);
        assert_eq!((opinion.prior, opinion.noise), (1.0, 0.0));
        assert!(opinion.bias.iter().all(|bias| bias.abs() < 0.5), "{:?}", opinion.bias);
    }

    #[test]
    fn calibrated_experts_keep_their_weight() {
        let truth = truth(400);
        let opinion = fit(&expert(&truth, 0.8, 0.8, 0), &expert(&truth, 0.7, 0.7, 1), &truth);
        assert!((0.75..=1.4).contains(&opinion.prior), "{opinion:?}");
        assert!((0.75..=1.4).contains(&opinion.model), "{opinion:?}");
        assert!(opinion.gain > 0.2, "{opinion:?}");
    }

    /// Says 0.8 and is right a third of the time: it knows nothing.
    #[test]
    fn a_prior_that_knows_nothing_is_not_trusted() {
        let truth = truth(200);
        let opinion = fit(&expert(&truth, 1.0 / 3.0, 0.8, 0), &expert(&truth, 0.7, 0.7, 1), &truth);
        assert!(opinion.prior <= crate::guard::LEAST_TRUST, "{opinion:?}");
        assert!(opinion.gain < 0.003, "{opinion:?}");
    }

    #[test]
    fn wrong_labels_are_told_from_wrong_experts() {
        let truth = truth(600);
        let (prior, model) = (expert(&truth, 0.95, 0.95, 0), expert(&truth, 0.9, 0.9, 1));
        let clean = fit(&prior, &model, &truth);
        assert!(clean.noise <= 0.02, "{clean:?}");
        // Every fifth label is wrong.
        let noisy: Vec<usize> = truth
            .iter()
            .enumerate()
            .map(
                |(item, class)| if item % 5 == 0 { (class + 1 + item / 5 % 2) % 3 } else { *class },
            )
            .collect();
        let noisy = fit(&prior, &model, &noisy);
        assert!((0.15..=0.3).contains(&noisy.noise), "{noisy:?}");
        assert!(noisy.least_noise <= noisy.noise && noisy.least_noise > 0.05, "{noisy:?}");
        assert!(noisy.prior >= 0.75, "{noisy:?}");
    }

    /// The prior calls half of class 1 class 0: the bias of class 1 rises above that of class 0.
    #[test]
    fn a_class_that_is_named_too_often_is_held_back() {
        let truth = truth(300);
        let model = expert(&truth, 0.4, 0.4, 1);
        let said: Vec<usize> = truth
            .iter()
            .enumerate()
            .map(|(item, class)| if *class == 1 && item % 2 == 0 { 0 } else { *class })
            .collect();
        let opinion = fit(&expert(&said, 0.9, 0.6, 2), &model, &truth);
        assert!(opinion.bias[1] > opinion.bias[0] + 0.1, "{opinion:?}");
    }

    /// p = 0.9 against a noise of 0.2 among 5 classes: 0.72 / (0.72 + 0.2 * 0.1 / 4).
    #[test]
    fn credence_by_hand() {
        assert!((right(0.9, 0.2, 5) - 0.72 / 0.725).abs() < 1e-12);
        assert_eq!(right(0.9, 0.0, 5), 1.0);
    }
}
