//! What a sample of labels that were not drawn evenly says of the whole pool.

use alfm_core::ClassId;
use alfm_kernels::CoDecision;

use super::tuning::TUNED;

/// Weighted shares of labelled items that each expert gets right.
pub(super) struct WeightedAccuracy {
    pub(super) prior: f64,
    pub(super) joint: f64,
    pub(super) model: f64,
}

impl WeightedAccuracy {
    pub(super) fn new(rows: &[CoDecision], labels: &[ClassId], weights: &[f64]) -> Self {
        let total: f64 = weights.iter().sum();
        let share = |label: fn(&CoDecision) -> u32| {
            let of = rows.iter().zip(labels).zip(weights);
            let right = of.filter(|((row, class), _)| label(row) as usize == class.index());
            right.map(|(_, weight)| weight).sum::<f64>() / total
        };
        Self {
            prior: share(|row| row.prior_label),
            joint: share(|row| row.joint_label),
            model: share(|row| row.model_label),
        }
    }
}

/// Weights that give labelled items inside and outside the clean set their share of the pool.
///
/// They sum to the number of labels of equal weight that would tell as much, `(sum w)^2 / sum w^2` (Kish 1965).
pub(super) fn post_stratified(inside: &[bool], clean: usize, unlabelled: usize) -> Vec<f64> {
    let within = inside.iter().filter(|inside| **inside).count();
    let pool_share = clean as f64 / unlabelled.max(1) as f64;
    let label_share = within as f64 / inside.len().max(1) as f64;
    let ratio = |wanted: f64, got: f64| {
        if got > 0.0 { (wanted / got).min(TUNED.largest_weight) } else { 1.0 }
    };
    let clean = ratio(pool_share, label_share);
    let noise = ratio(1.0 - pool_share, 1.0 - label_share);
    let weights = inside.iter().map(|inside| if *inside { clean } else { noise });
    let total: f64 = weights.clone().sum();
    let squares: f64 = weights.clone().map(|weight| weight * weight).sum();
    weights.map(|weight| weight * total / squares).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Four of ten labels lie in a clean set that is half of the pool: weights 1.25 and 5/6 by hand, and
    /// (4 * 1.25 + 6 * 5/6)^2 / (4 * 1.25^2 + 6 * 25/36) = 9.6 labels of equal weight.
    #[test]
    fn weights_stand_for_the_pool_and_sum_to_the_effective_number() {
        let inside: Vec<bool> = (0..10).map(|item| item < 4).collect();
        let weights = post_stratified(&inside, 50, 100);
        assert!((weights[0] / weights[9] - 1.5).abs() < 1e-12, "{weights:?}");
        assert!((weights.iter().sum::<f64>() - 9.6).abs() < 1e-12, "{weights:?}");
        let even = post_stratified(&inside, 40, 100);
        assert!(even.iter().all(|weight| (weight - 1.0).abs() < 1e-12), "{even:?}");
        assert!(post_stratified(&[], 50, 100).is_empty());
    }
}
