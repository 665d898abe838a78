//! What both experts say of a pool: read by the engine and by its guard.

use alfm_acquire::Pool;
use alfm_core::{CoreError, Matrix, Predictions, ScoreKind};
use alfm_kernels::{CoDecision, Joint};
use rayon::prelude::*;

use crate::{ImbalanceWeight, SelectError};

/// What decides which items are uncertain, beside the experts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SplitRule {
    /// How the joint entropy is scaled by class.
    pub(crate) weight: ImbalanceWeight,
    /// `rho`: the share of the unlabelled items that becomes the noise set.
    pub(crate) noise_fraction: f64,
}

/// Both experts' joint word on a pool.
pub(crate) struct Scores {
    /// Of every row, labelled ones included.
    pub(crate) rows: Vec<CoDecision>,
    /// The weight of each class.
    weights: Vec<f32>,
    /// `H_b` of every candidate.
    pub(crate) entropy: Vec<f32>,
}

impl SplitRule {
    /// What both experts say of every row, and what scales their entropy by class.
    pub(crate) fn score(
        self,
        prior: Predictions<'_>,
        model: Predictions<'_>,
        joint: Joint,
        pool: &Pool<'_>,
    ) -> Result<Scores, SelectError> {
        let rows = pool.device().co_decide(prior, model, joint)?;
        let prior_label = |row: usize| rows[row].prior_label as usize;
        let unlabelled = pool.candidates().iter().map(|row| prior_label(*row));
        let labelled = pool.labelled().map(|(row, class)| (prior_label(row), class));
        let weights = self.weight.of_classes(prior.classes(), unlabelled, labelled);
        let mut scores = Scores { rows, weights, entropy: Vec::new() };
        let entropy = |row: &usize| scores.weighted(&scores.rows[*row]);
        scores.entropy = pool.candidates().par_iter().map(entropy).collect();
        Ok(scores)
    }
}

impl Scores {
    /// `H_b = weight(prior label) * H(pbar)`.
    pub(crate) fn weighted(&self, row: &CoDecision) -> f32 {
        self.weights[row.prior_label as usize] * row.joint_entropy
    }
}

/// `pbar` of some rows under a joint rule, raised to the power `sharpen`, `rows.len() x K`.
pub(crate) fn joint_probabilities(
    prior: Predictions<'_>,
    model: Predictions<'_>,
    joint: Joint,
    rows: &[usize],
    sharpen: f32,
) -> Result<Matrix, CoreError> {
    let (mut prior_buffer, mut model_buffer) = (Vec::new(), Vec::new());
    let mut values = Vec::with_capacity(rows.len() * prior.classes());
    for row in rows {
        let p_l = prior.row(*row, &mut prior_buffer);
        let p_f = model.row(*row, &mut model_buffer);
        let start = values.len();
        values.extend(p_l.iter().zip(p_f).map(|(l, f)| joint.combine(*l, *f)));
        let mass: f32 = values[start..].iter().sum();
        // Experts with disjoint supports agree on nothing: the soft target says so.
        let uniform = 1.0 / prior.classes() as f32;
        for value in &mut values[start..] {
            *value = if mass < f32::MIN_POSITIVE { uniform } else { *value / mass };
        }
        if sharpen != 1.0 {
            raise(&mut values[start..], sharpen);
        }
    }
    Matrix::new(values, rows.len(), prior.classes())
}

/// `p^power`, normalised.
fn raise(p: &mut [f32], power: f32) {
    // The largest becomes 1: a high power does not lose the mass.
    let top = p.iter().copied().fold(0.0, f32::max);
    p.iter_mut().for_each(|p| *p = (*p / top).powf(power));
    let mass: f32 = p.iter().sum();
    p.iter_mut().for_each(|p| *p /= mass);
}

pub(crate) fn probabilities(matrix: &Matrix) -> Result<Predictions<'_>, CoreError> {
    Predictions::new(matrix.view(), ScoreKind::Probabilities)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn soft_targets_are_the_joint_distribution() {
        let prior = Predictions::probabilities(&[0.40, 0.35, 0.25], 1, 3).unwrap();
        let model = Predictions::probabilities(&[0.50, 0.30, 0.20], 1, 3).unwrap();
        let soft = |sharpen| {
            let soft = joint_probabilities(prior, model, Joint::Product, &[0], sharpen).unwrap();
            soft.into_values()
        };
        let joint: [f32; 3] = [0.40 * 0.50, 0.35 * 0.30, 0.25 * 0.20];
        let mass: f32 = joint.iter().sum();
        assert!((soft(1.0)[0] - 0.20 / mass).abs() < 1e-6);
        let squares: f32 = joint.iter().map(|p| p * p).sum();
        assert!((soft(2.0)[1] - 0.105_f32.powi(2) / squares).abs() < 1e-6);
        assert_eq!(soft(1e30), [1.0, 0.0, 0.0]);
    }
}
