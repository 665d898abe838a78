use alfm_embed::{Gradients, Trunk};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::adamw::{Moments, Step};
use super::head::{Head, HeadGradients};
use crate::FineTuneConfig;

/// A fit between two steps.
pub(super) struct State {
    pub(super) trunk: Trunk,
    pub(super) head: Head,
    /// Of every parameter, then of the head's weights and intercepts.
    pub(super) moments: Vec<Moments>,
    pub(super) history: Vec<EpochLoss>,
    /// Parameters and head at the lowest loss on held-out labels.
    pub(super) best: Option<(Vec<Vec<f32>>, Head)>,
}

/// Losses of an epoch in nats.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct EpochLoss {
    /// Mean over its steps.
    pub(super) training: f64,
    /// Behind it, on held-out labels.
    pub(super) held_out: Option<f64>,
}

/// Below this no gradient is shortened any further, as in `torch.nn.utils.clip_grad_norm_`.
const SHORTEST: f64 = 1e-6;

impl State {
    pub(super) fn new(trunk: Trunk, head: Head) -> Self {
        let mut state = Self { trunk, head, moments: vec![], history: vec![], best: None };
        state.moments = state.values().iter().map(|values| Moments::new(values.len())).collect();
        state
    }

    /// Values of all parameters, then the head's weights and intercepts.
    pub(super) fn values(&self) -> Vec<&[f32]> {
        let trunk = self.trunk.parameters().iter().map(|parameter| &parameter.values[..]);
        trunk.chain([&self.head.weights[..], &self.head.intercepts[..]]).collect()
    }

    /// The same, to change.
    pub(super) fn values_mut(&mut self) -> Vec<&mut Vec<f32>> {
        let trunk = self.trunk.parameters_mut().iter_mut().map(|parameter| &mut parameter.values);
        trunk.chain([&mut self.head.weights, &mut self.head.intercepts]).collect()
    }

    /// Takes step `number`, counted from 1, at this share of the learning rates. `None` where the gradient is not
    /// finite, and nothing is changed.
    pub(super) fn step(
        &mut self,
        trunk: Gradients,
        head: HeadGradients,
        config: &FineTuneConfig,
        (number, share): (usize, f64),
    ) -> Option<()> {
        let gradients: Gradients =
            trunk.into_iter().chain([Some(head.weights), Some(head.intercepts)]).collect();
        let squares: Vec<f64> =
            gradients.par_iter().map(|g| g.as_deref().map_or(0.0, square)).collect();
        let norm = squares.iter().sum::<f64>().sqrt();
        if !norm.is_finite() {
            return None;
        }
        let clip = (config.clip_norm / (norm + SHORTEST)).min(1.0);
        let steps: Vec<Step> = self
            .decaying()
            .into_iter()
            .enumerate()
            .map(|(at, decays)| {
                let of_trunk = at < self.trunk.parameters().len();
                let rate = if of_trunk { config.learning_rate } else { config.head_learning_rate };
                let decay = if decays { config.weight_decay } else { 0.0 };
                Step { number, learning_rate: rate * share, decay, clip }
            })
            .collect();
        let mut moments = std::mem::take(&mut self.moments);
        let tasks: Vec<_> = self.values_mut().into_iter().zip(&mut moments).collect();
        tasks.into_par_iter().zip(gradients).zip(steps).for_each(
            |(((values, moments), gradient), step)| {
                if let Some(gradient) = gradient {
                    moments.step(values, &gradient, step);
                }
            },
        );
        self.moments = moments;
        Some(())
    }

    /// Which values decay: matrices, not vectors.
    fn decaying(&self) -> Vec<bool> {
        let trunk = self.trunk.parameters().iter().map(|parameter| parameter.shape.len() > 1);
        trunk.chain([true, false]).collect()
    }

    /// Writes down the losses of an epoch; keeps the parameters if no epoch was better. Returns whether it did.
    pub(super) fn record(&mut self, loss: EpochLoss) -> bool {
        self.history.push(loss);
        let better = loss.held_out.is_some() && self.stale() == 0;
        if better {
            let values = self.trunk.parameters().iter().map(|parameter| parameter.values.clone());
            self.best = Some((values.collect(), self.head.clone()));
        }
        better
    }

    /// The epoch, counted from 0, with the lowest loss on held-out labels, the first of equals.
    pub(super) fn best_epoch(&self) -> Option<usize> {
        let losses = self.history.iter().enumerate().filter_map(|(at, e)| Some((at, e.held_out?)));
        losses.min_by(|(_, left), (_, right)| left.total_cmp(right)).map(|(epoch, _)| epoch)
    }

    /// Epochs since the best one; 0 without held-out labels.
    pub(super) fn stale(&self) -> usize {
        self.best_epoch().map_or(0, |best| self.history.len() - 1 - best)
    }

    /// Goes back to the best epoch, if there is one.
    pub(super) fn restore_best(&mut self) {
        if let Some((values, head)) = self.best.take() {
            for (parameter, values) in self.trunk.parameters_mut().iter_mut().zip(values) {
                parameter.values = values;
            }
            self.head = head;
        }
    }
}

fn square(values: &[f32]) -> f64 {
    values.iter().map(|value| f64::from(*value) * f64::from(*value)).sum()
}
