//! How probable the oracle's labels are under an opinion pool, and which pool makes them most probable.

use alfm_core::{ClassId, MatrixView};

use super::opinion_pool::{LogOpinionPool, label_likelihood, ln};
use super::tuning::TUNED;

/// Which parameters are fitted; the others stay where the published product has them.
#[derive(Clone, Copy, Debug)]
pub(super) struct FreeParameters {
    pub(super) prior: bool,
    pub(super) calibration: bool,
    pub(super) noise: bool,
}

/// Oracle-labelled items and what both experts, neither of which has seen the label, say of them.
#[derive(Clone, Copy)]
pub(super) struct Evidence<'a> {
    /// `p_L`, `n x K`.
    pub(super) prior: MatrixView<'a>,
    /// Out-of-fold `p_f`, `n x K`.
    pub(super) model: MatrixView<'a>,
    pub(super) labels: &'a [ClassId],
    /// What each item counts; they sum to the number of labels of equal weight that would tell as much.
    pub(super) weights: &'a [f64],
}

/// The weights, 0 for the labels of one fold.
pub(super) fn without(weights: &[f64], fold: usize) -> Vec<f64> {
    let each = weights.iter().enumerate();
    each.map(|(at, weight)| if at % TUNED.folds == fold { 0.0 } else { *weight }).collect()
}

/// The penalised likelihood of the labels; the logarithms of both experts are taken once.
pub(super) struct Likelihood<'a> {
    evidence: &'a Evidence<'a>,
    prior: Vec<f64>,
    model: Vec<f64>,
}

impl<'a> Likelihood<'a> {
    pub(super) fn new(evidence: &'a Evidence<'a>) -> Self {
        let logs = |of: MatrixView<'_>| of.values().iter().map(|p| ln(*p)).collect();
        Self { evidence, prior: logs(evidence.prior), model: logs(evidence.model) }
    }

    /// `pbar` of every item in turn, with its label and weight.
    fn each(&self, opinions: &LogOpinionPool, mut visit: impl FnMut(&[f64], usize, f64)) {
        let classes = opinions.bias.len();
        let mut p = vec![0.0; classes];
        let rows = self.prior.chunks_exact(classes).zip(self.model.chunks_exact(classes));
        let known = self.evidence.labels.iter().zip(self.evidence.weights);
        for ((prior, model), (label, weight)) in rows.zip(known) {
            let mut top = f64::NEG_INFINITY;
            for (k, p) in p.iter_mut().enumerate() {
                *p = opinions.prior * prior[k] + opinions.model * model[k] + opinions.bias[k];
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
    fn loss(&self, opinions: &LogOpinionPool) -> f64 {
        penalty(opinions) + self.surprise(opinions)
    }

    /// The negative log-likelihood of every label in nats, by its weight, in turn.
    fn surprises(&self, opinions: &LogOpinionPool, mut visit: impl FnMut(f64)) {
        self.each(opinions, |p, label, weight| {
            let likelihood = label_likelihood(p[label], opinions.noise, p.len());
            visit(-weight * likelihood.max(TUNED.least_likelihood).ln());
        });
    }

    /// The same in a list.
    pub(super) fn each_surprise(&self, opinions: &LogOpinionPool) -> Vec<f64> {
        let mut all = Vec::with_capacity(self.evidence.labels.len());
        self.surprises(opinions, |surprise| all.push(surprise));
        all
    }

    /// Negative log-likelihood alone.
    pub(super) fn surprise(&self, opinions: &LogOpinionPool) -> f64 {
        let mut sum = 0.0;
        self.surprises(opinions, |surprise| sum += surprise);
        sum
    }

    /// How many labels of equal weight would tell as much.
    pub(super) fn effective_labels(&self) -> f64 {
        self.evidence.weights.iter().sum()
    }

    /// Coordinate ascent in all but the noise rate.
    pub(super) fn maximise(
        &self,
        mut opinions: LogOpinionPool,
        free: FreeParameters,
    ) -> LogOpinionPool {
        let loss = |opinions: &LogOpinionPool| self.loss(opinions);
        for _ in 0..TUNED.sweeps {
            if free.prior {
                let with = |prior| loss(&LogOpinionPool { prior, ..opinions.clone() });
                opinions.prior = best(&TUNED.exponents, with);
            }
            if free.calibration {
                let with = |model| loss(&LogOpinionPool { model, ..opinions.clone() });
                opinions.model = best(&TUNED.exponents[1..], with);
                self.improve_bias(&mut opinions);
            }
        }
        opinions
    }

    /// Damped Newton steps on the biases, with the diagonal of the Hessian.
    fn improve_bias(&self, opinions: &mut LogOpinionPool) {
        for _ in 0..TUNED.bias_steps {
            let pull = 2.0 * TUNED.bias_pull;
            let mut gradient: Vec<f64> = opinions.bias.iter().map(|bias| pull * bias).collect();
            let mut curvature = vec![pull; gradient.len()];
            self.each(opinions, |p, label, weight| {
                let right = (1.0 - opinions.noise) * p[label];
                let likelihood = label_likelihood(p[label], opinions.noise, p.len());
                let weight = weight * right / likelihood.max(TUNED.least_likelihood);
                for (k, p) in p.iter().enumerate() {
                    gradient[k] += weight * (p - f64::from(u8::from(k == label)));
                    curvature[k] += weight * p * (1.0 - p);
                }
            });
            for (bias, (g, h)) in opinions.bias.iter_mut().zip(gradient.iter().zip(&curvature)) {
                *bias -= TUNED.bias_damping * g / h;
            }
        }
    }
}

/// What pulls the parameters towards the published product, in nats.
pub(super) fn penalty(opinions: &LogOpinionPool) -> f64 {
    let pull = |exponent: f64| TUNED.exponent_pull * (exponent - 1.0) * (exponent - 1.0);
    let bias: f64 = opinions.bias.iter().map(|b| b * b).sum();
    pull(opinions.prior)
        + pull(opinions.model)
        + TUNED.bias_pull * bias
        + TUNED.noise_pull * opinions.noise * opinions.noise
}

/// The value with the smallest loss, the first on ties.
fn best(values: &[f64], loss: impl Fn(f64) -> f64) -> f64 {
    let losses = values.iter().map(|value| (*value, loss(*value)));
    losses.min_by(|(_, a), (_, b)| a.total_cmp(b)).map_or(1.0, |(value, _)| value)
}
