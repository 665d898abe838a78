//! What both experts say of a pool: read by the engine and by its guard.

use alfm_acquire::Pool;
use alfm_core::{ClassId, Predictions, Probabilities};
use alfm_kernels::{CoDecision, Joint};
use rayon::prelude::*;

use crate::decisions::Decisions;
use crate::{Error, ImbalanceWeight};

/// What decides which items are uncertain, beside the experts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SplitRule {
    /// How the joint entropy is scaled by class.
    pub(crate) weight: ImbalanceWeight,
    /// `rho`: the share of the unlabelled items that becomes the noise set.
    pub(crate) noise_fraction: f64,
}

/// Both experts' joint word on a pool.
pub(crate) struct Scores<'a> {
    pub(crate) decisions: Decisions<'a>,
    /// The weight of each class.
    weights: Vec<f32>,
    /// `H_b` of every candidate.
    pub(crate) entropy: Vec<f32>,
}

impl SplitRule {
    /// How sure both experts are of every candidate, their entropy scaled by class; `8 N` bytes beside the decisions, of
    /// which half is returned.
    pub(crate) fn score<'a>(
        self,
        decisions: Decisions<'a>,
        classes: usize,
        pool: &Pool<'_>,
    ) -> Result<Scores<'a>, Error> {
        let candidates = pool.candidate_rows();
        let mut entropy = Vec::with_capacity(candidates.len());
        let mut labels: Vec<u32> = Vec::with_capacity(candidates.len());
        let known: Vec<(usize, ClassId)> = pool.labelled().collect();
        let mut labelled = Vec::with_capacity(known.len());
        decisions.each_block(|block, decided| {
            let decision = |row: usize| &decided[row - block.start];
            let rows: Vec<usize> = candidates.within(block.clone()).collect();
            entropy.par_extend(rows.par_iter().map(|row| decision(*row).joint_entropy));
            labels.par_extend(rows.par_iter().map(|row| decision(*row).prior_label));
            let end = known.partition_point(|(row, _)| *row < block.end);
            let known = &known[labelled.len()..end];
            let label =
                |(row, class): &(usize, ClassId)| (decision(*row).prior_label as usize, *class);
            labelled.extend(known.iter().map(label));
        })?;
        let unlabelled = labels.iter().map(|label| *label as usize);
        let weights = self.weight.of_classes(classes, unlabelled, labelled.into_iter());
        entropy
            .par_iter_mut()
            .zip(&labels)
            .for_each(|(entropy, label)| *entropy *= weights[*label as usize]);
        Ok(Scores { decisions, weights, entropy })
    }
}

impl Scores<'_> {
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
    rows: &[u32],
    sharpen: f32,
) -> Result<Probabilities, Error> {
    let (mut prior_buffer, mut model_buffer) = (Vec::new(), Vec::new());
    let mut values = Vec::with_capacity(rows.len() * prior.classes());
    for row in rows {
        let p_l = prior.row(*row as usize, &mut prior_buffer);
        let p_f = model.row(*row as usize, &mut model_buffer);
        let start = values.len();
        values.extend(p_l.iter().zip(p_f).map(|(l, f)| joint.combine(*l, *f)));
        settle_contradiction(p_l, p_f, &mut values[start..]);
        let mass: f32 = values[start..].iter().sum();
        values[start..].iter_mut().for_each(|value| *value /= mass);
        if sharpen != 1.0 {
            raise(&mut values[start..], sharpen);
        }
    }
    Probabilities::new(values, rows.len(), prior.classes())
}

/// The least probability that counts where experts have disjoint supports, as in the co-decision kernel.
const LEAST: f64 = 1e-30;

/// Experts with disjoint supports leave their product `q` without mass: then it is that of floored probabilities, its
/// largest value 1, by the rule of the co-decision kernel.
#[expect(clippy::cast_possible_truncation, reason = "scaled to at most 1")]
pub(crate) fn settle_contradiction(prior: &[f32], model: &[f32], q: &mut [f32]) {
    let mass: f64 = q.iter().map(|q| f64::from(*q)).sum();
    if mass >= f64::from(f32::MIN_POSITIVE) {
        return;
    }
    let floored = |p: f32| f64::from(p).max(LEAST).ln();
    let logs = || prior.iter().zip(model).map(|(l, f)| floored(*l) + floored(*f));
    let top = logs().fold(f64::NEG_INFINITY, f64::max);
    q.iter_mut().zip(logs()).for_each(|(q, log)| *q = (log - top).exp() as f32);
}

/// `p^power`, normalised.
fn raise(p: &mut [f32], power: f32) {
    // The largest becomes 1: a high power does not lose the mass.
    let top = p.iter().copied().fold(0.0, f32::max);
    p.iter_mut().for_each(|p| *p = (*p / top).powf(power));
    let mass: f32 = p.iter().sum();
    p.iter_mut().for_each(|p| *p /= mass);
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

    /// Certain of different classes, of two each, and all but certain: free labels are what the kernel scored.
    #[test]
    fn disjoint_experts_have_the_soft_target_that_the_kernel_scores() {
        let prior = [1.0, 0.0, 0.0, 0.5, 0.5, 0.0, 1.0, 1e-38, 0.0, 0.7, 0.2, 0.1];
        let model = [0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 1e-39, 0.0, 1.0, 0.1, 0.2, 0.7];
        let prior = Predictions::probabilities(&prior, 4, 3).unwrap();
        let model = Predictions::probabilities(&model, 4, 3).unwrap();
        let rows = alfm_kernels::co_decide(prior, model, Joint::Product).unwrap();
        let soft = joint_probabilities(prior, model, Joint::Product, &[0, 1, 2, 3], 1.0).unwrap();
        assert!((soft.view().row(0)[0] - 0.5).abs() < 1e-6, "{soft:?}");
        for (row, target) in rows.iter().zip(soft.view().iter()) {
            let best = target[row.joint_label as usize];
            assert!((best - row.joint_label_confidence).abs() < 1e-6, "{row:?} {target:?}");
            assert!(target.iter().all(|p| *p <= best), "{row:?} {target:?}");
            let of_prior = target[row.prior_label as usize];
            assert!((of_prior - row.prior_label_confidence).abs() < 1e-6, "{row:?} {target:?}");
            let entropy: f32 = target.iter().filter(|p| **p > 0.0).map(|p| -p * p.ln()).sum();
            assert!((entropy - row.joint_entropy).abs() < 1e-5, "{row:?} {target:?}");
        }
    }
}
