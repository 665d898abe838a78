//! The calibrated product of both experts.

use super::tuning::TUNED;

/// `pbar ~ p_L^a p_f^c exp(beta)`: a logarithmic opinion pool (Genest & Zidek 1986).
///
/// `1 / a` and `1 / c` are the temperatures of the prior and of the small model (Guo et al. 2017), their ratio
/// is the weight of one against the other, and `beta` corrects the classes that the experts name too often.
/// `a = 0` leaves the small model alone; `a = c = 1`, `beta = 0` is the published product.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct LogOpinionPool {
    /// `a`, the exponent of the prior.
    pub(super) prior: f64,
    /// `c`, the exponent of the small model.
    pub(super) model: f64,
    /// `beta`, one a class.
    pub(super) bias: Vec<f64>,
    /// `eta`: the share of labels that are wrong, whatever the item.
    pub(super) noise: f64,
    /// The smallest share of wrong labels that the labels allow: a careful estimate for bounds.
    pub(super) least_noise: f64,
    /// The share of the small model's surprise at the labels that the prior takes away, beyond what the noise makes
    /// unavoidable; at most 1.
    pub(super) gain: f64,
    /// One standard error of the gain, from how it varies over labels.
    pub(super) gain_error: f64,
}

impl LogOpinionPool {
    /// The published product.
    pub(super) fn published(classes: usize) -> Self {
        Self {
            prior: 1.0,
            model: 1.0,
            bias: vec![0.0; classes],
            noise: 0.0,
            least_noise: 0.0,
            gain: 0.0,
            gain_error: 0.0,
        }
    }

    /// The say of the prior: its exponent beside that of the small model, unless that one knows more than it says.
    ///
    /// If both experts are too sure, both exponents are small, and the prior may still be the better one.
    pub(super) fn trust(&self) -> f64 {
        self.prior / self.model.min(1.0)
    }

    /// The pool that says what a free label is.
    pub(super) fn of_free_labels(&self) -> Self {
        Self { model: TUNED.model_in_free_labels * self.model, ..self.clone() }
    }

    /// The prior's part, `p_L^a exp(beta)`, normalised; `N x K`.
    pub(super) fn of_prior(&self, row: &[f32], out: &mut [f32]) {
        let tilted = row.iter().zip(&self.bias);
        normalise(tilted.map(|(p, bias)| self.prior * ln(*p) + bias), out);
    }

    /// The small model's part, `p_f^c`, normalised.
    pub(super) fn of_model(&self, row: &[f32], out: &mut [f32]) {
        normalise(row.iter().map(|p| self.model * ln(*p)), out);
    }

    /// The same for the geometric mean of the small model and the student.
    pub(super) fn of_models(&self, row: &[f32], student: &[f32], out: &mut [f32]) {
        let of_student = TUNED.student_in_free_labels;
        let mean = |(p, q): (&f32, &f32)| (1.0 - of_student) * ln(*p) + of_student * ln(*q);
        normalise(row.iter().zip(student).map(|both| self.model * mean(both)), out);
    }
}

/// Posterior probability that a label is right whose class has probability `p`.
pub(super) fn label_posterior(p: f64, noise: f64, classes: usize) -> f64 {
    (1.0 - noise) * p / label_likelihood(p, noise, classes).max(f64::MIN_POSITIVE)
}

/// Probability of an observed label whose class has probability `p`, with uniform label noise.
pub(super) fn label_likelihood(p: f64, noise: f64, classes: usize) -> f64 {
    (1.0 - noise) * p + noise * (1.0 - p) / (classes as f64 - 1.0)
}

/// The logarithm of a probability, no less than that of the least one that counts.
pub(super) fn ln(p: f32) -> f64 {
    f64::from(p.max(TUNED.least_probability)).ln()
}

#[expect(clippy::cast_possible_truncation, reason = "probabilities")]
fn normalise(logs: impl Iterator<Item = f64> + Clone, out: &mut [f32]) {
    let top = logs.clone().fold(f64::NEG_INFINITY, f64::max);
    let mass: f64 = logs.clone().map(|log| (log - top).exp()).sum();
    for (out, log) in out.iter_mut().zip(logs) {
        *out = ((log - top).exp() / mass) as f32;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Together 0.195 against 0.245; with the root of the small model's word 0.356 against 0.293.
    #[test]
    fn the_small_model_has_half_its_say_in_free_labels() {
        let joint = LogOpinionPool::published(2);
        let best = |pool: &LogOpinionPool| {
            let (mut prior, mut model) = ([0.0; 2], [0.0; 2]);
            pool.of_prior(&[0.65, 0.35], &mut prior);
            pool.of_model(&[0.3, 0.7], &mut model);
            usize::from(prior[1] * model[1] > prior[0] * model[0])
        };
        assert_eq!((best(&joint), best(&joint.of_free_labels())), (1, 0));
    }

    /// p = 0.9 against a noise of 0.2 among 5 classes: 0.72 / (0.72 + 0.2 * 0.1 / 4).
    #[test]
    fn credence_by_hand() {
        assert!((label_posterior(0.9, 0.2, 5) - 0.72 / 0.725).abs() < 1e-12);
        assert_eq!(label_posterior(0.9, 0.0, 5), 1.0);
    }
}
