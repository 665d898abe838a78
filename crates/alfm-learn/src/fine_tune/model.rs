use alfm_core::Probabilities;
use alfm_embed::{Prepared, Progress, Trunk};
use ndarray::Array1;

use super::objective::Objective;
use super::state::State;
use crate::network::Network;
use crate::trained::{Trained, unseen};
use crate::{Classifier, Error, Fit, Stop};

/// A trained encoder and its head.
pub struct FineTuned {
    trunk: Trunk,
    classifier: Trained,
    summary: FineTuneSummary,
}

/// How a fit went.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct FineTuneSummary {
    /// Steps taken.
    pub steps: usize,
    /// Mean loss of each epoch's steps, in nats.
    pub training_losses: Vec<f64>,
    /// Loss on held-out labels behind each epoch; empty where none are held out.
    pub held_out_losses: Vec<f64>,
    /// The epoch that was kept, counted from 1.
    pub epoch: usize,
}

impl FineTuned {
    /// Of the best epoch, or else the last.
    pub(super) fn new(
        mut state: State,
        objective: Objective,
        classes: usize,
        steps: usize,
    ) -> Result<Self, Error> {
        let training_losses: Vec<f64> = state.history.iter().map(|epoch| epoch.training).collect();
        let summary = FineTuneSummary {
            steps,
            held_out_losses: state.history.iter().filter_map(|epoch| epoch.held_out).collect(),
            epoch: state.best_epoch().map_or(state.history.len(), |best| best + 1),
            training_losses,
        };
        state.restore_best();
        let intercepts = Array1::from(state.head.intercepts.clone());
        let losses = &summary.training_losses;
        let classifier = Trained {
            network: Network::of_linear(state.head.matrix().to_owned(), intercepts),
            dimension: state.trunk.dimension(),
            classes,
            unseen: unseen(objective.total, classes),
            seen: objective.seen,
            fit: Fit {
                iterations: steps,
                evaluations: steps,
                start_loss: losses.first().copied().unwrap_or_default(),
                final_loss: losses.last().copied().unwrap_or_default(),
                // Not known: the gradient of all examples is never taken.
                gradient_ratio: 1.0,
                stop: Stop::IterationLimit,
            },
        };
        Ok(Self { trunk: state.trunk, classifier, summary })
    }

    /// Class probabilities of the items at these rows, `rows x K`, as [`Classifier::predict`] says.
    ///
    /// # Errors
    /// For an item that cannot be read.
    pub fn predict(
        &self,
        items: &Prepared<'_>,
        rows: &[usize],
        progress: Progress<'_>,
    ) -> Result<Probabilities, Error> {
        let features = self.trunk.encode(items, rows, progress)?;
        self.classifier.predict(features.view())
    }

    /// The trained encoder, whose embeddings the head reads; [`Trunk::save`] publishes it.
    pub fn trunk(&self) -> &Trunk {
        &self.trunk
    }

    /// The head, as a model of the trained encoder's embeddings.
    pub fn classifier(&self) -> &dyn Classifier {
        &self.classifier
    }

    /// The head alone.
    pub fn into_classifier(self) -> Box<dyn Classifier> {
        Box::new(self.classifier)
    }

    /// How the fit went.
    pub fn summary(&self) -> &FineTuneSummary {
        &self.summary
    }
}
