use alfm_core::ClassId;
use ndarray::Array2;

use super::head::Head;
use crate::Examples;
use crate::loss::{Targets, soft_cross_entropy};

/// Cross-entropy in nats, weighted as the other learners weigh it.
pub(super) struct Objective {
    /// Weight of each seen class of each example, `N x S` row by row; all together sum to at most 1.
    targets: Vec<f32>,
    pub(super) seen: Vec<ClassId>,
    /// Total weight of the examples.
    pub(super) total: f64,
}

impl Objective {
    /// Of examples that [`Examples::check`] has passed.
    pub(super) fn new(examples: &Examples<'_>, balanced: bool) -> Self {
        let targets = Targets::new(examples, balanced);
        Self { targets: targets.dense(), total: targets.total, seen: targets.seen }
    }

    /// Whether an example has any weight.
    pub(super) fn counts(&self, example: usize) -> bool {
        self.of(example).iter().any(|weight| *weight > 0.0)
    }

    /// The loss of a batch whose examples stand for `share` times their number, and its gradient by the logits,
    /// `N x S`.
    pub(super) fn loss(
        &self,
        examples: &[usize],
        share: f64,
        mut logits: Array2<f32>,
    ) -> (f64, Array2<f32>) {
        let mut loss = 0.0;
        for (&example, mut row) in examples.iter().zip(logits.rows_mut()) {
            let row = row.as_slice_mut().expect("a fresh product lies row by row");
            let targets: Vec<f32> =
                self.of(example).iter().map(|weight| weight * share as f32).collect();
            loss += soft_cross_entropy(row, &targets);
        }
        (loss, logits)
    }

    /// Mean loss of some examples with these features, `N x D` row by row, per unit of their weight.
    pub(super) fn mean(&self, examples: &[usize], features: &[f32], head: &Head) -> f64 {
        let weight: f64 =
            examples.iter().flat_map(|example| self.of(*example)).map(|w| f64::from(*w)).sum();
        self.loss(examples, 1.0, head.logits(features)).0 / weight
    }

    fn of(&self, example: usize) -> &[f32] {
        let classes = self.seen.len();
        &self.targets[example * classes..][..classes]
    }
}
