use std::collections::HashMap;

use alfm_acquire::{Averaged, LinearHead};
use alfm_core::{ClassId, MatrixView, Predictions, SampleId};
use alfm_kernels::device::Device;
use serde::Serialize;

use crate::{CleanSet, Trust};

/// What is known of the pool when a batch is asked for; rows are in the order of the selector's items.
#[derive(Clone, Copy, Debug, Default)]
pub struct PoolState<'a> {
    pub(crate) prior: Option<Predictions<'a>>,
    pub(crate) model: Option<Predictions<'a>>,
    pub(crate) embeddings: Option<MatrixView<'a>>,
    pub(crate) head: Option<LinearHead<'a>>,
    pub(crate) passes: Option<&'a [Predictions<'a>]>,
    pub(crate) averaged: Option<Averaged<'a>>,
    pub(crate) surprisal: Option<MatrixView<'a>>,
    pub(crate) labels_only: Option<LabelsOnly<'a>>,
    pub(crate) device: Option<&'a dyn Device>,
}

/// The small model trained on the oracle's labels alone, without any free label.
///
/// It is the evidence that a guard needs: free labels come from the prior, and a model that has learned from
/// them can't testify for or against the prior.
#[derive(Clone, Copy, Debug)]
pub struct LabelsOnly<'a> {
    pub(crate) pool: Predictions<'a>,
    pub(crate) out_of_fold: Predictions<'a>,
}

impl<'a> LabelsOnly<'a> {
    /// Its predictions on the pool (`N x K`), and those on the `n` labelled items by ascending row
    /// (`n x K`), each by a model that has not seen the item's label.
    pub fn new(pool: Predictions<'a>, out_of_fold: Predictions<'a>) -> Self {
        Self { pool, out_of_fold }
    }
}

impl<'a> PoolState<'a> {
    /// Adds the foundation model's class probabilities `p_L`, `N x K`.
    #[must_use]
    pub fn with_prior(mut self, prior: Predictions<'a>) -> Self {
        self.prior = Some(prior);
        self
    }

    /// Adds the small model's class probabilities `p_f`, `N x K`, trained on the labels so far.
    #[must_use]
    pub fn with_model(mut self, model: Predictions<'a>) -> Self {
        self.model = Some(model);
        self
    }

    /// Adds embeddings, `N x D`.
    #[must_use]
    pub fn with_embeddings(mut self, embeddings: MatrixView<'a>) -> Self {
        self.embeddings = Some(embeddings);
        self
    }

    /// Adds the small model's last layer, over the classes and the embeddings.
    #[must_use]
    pub fn with_head(mut self, head: LinearHead<'a>) -> Self {
        self.head = Some(head);
        self
    }

    /// Adds class probabilities of several stochastic passes of the small model, each `N x K`.
    #[must_use]
    pub fn with_passes(mut self, passes: &'a [Predictions<'a>]) -> Self {
        self.passes = Some(passes);
        self
    }

    /// Adds the small model's running average.
    #[must_use]
    pub fn with_averaged(mut self, averaged: Averaged<'a>) -> Self {
        self.averaged = Some(averaged);
        self
    }

    /// Adds a language model's surprisal at every token, `N x T`, 0 where there is no token.
    #[must_use]
    pub fn with_surprisal(mut self, surprisal: MatrixView<'a>) -> Self {
        self.surprisal = Some(surprisal);
        self
    }

    /// Adds what the small model says without free labels.
    #[must_use]
    pub fn with_labels_only(mut self, labels_only: LabelsOnly<'a>) -> Self {
        self.labels_only = Some(labels_only);
        self
    }

    /// Sets where the kernels run; on the processor unless told otherwise.
    #[must_use]
    pub fn with_device(mut self, device: &'a dyn Device) -> Self {
        self.device = Some(device);
        self
    }
}

/// An item to ask the annotator about.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Query {
    /// The item.
    pub id: SampleId,
    /// Its row in the matrices of the pool.
    #[serde(skip)]
    pub row: usize,
    /// Its place in the batch, from 0.
    pub rank: usize,
    /// Why it was chosen, in the strategy's own unit; larger is more wanted.
    pub score: f64,
    /// The prior's most probable class, if there is a prior.
    pub prior_label: Option<ClassId>,
    /// The small model's most probable class, if there is a model.
    pub model_label: Option<ClassId>,
    /// Entropy of both experts' joint distribution in nats, if the strategy co-decides.
    pub joint_entropy: Option<f32>,
    /// Whether it was drawn at random, to keep estimates honest, not chosen.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub explored: bool,
    /// Whether the item has a label that both experts contradict, and is asked a second time.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub again: bool,
}

/// What a selector suggests for one round.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Round {
    /// The number of the round, from 0.
    pub number: u32,
    /// The items to ask, most wanted first.
    pub queries: Vec<Query>,
    /// The items that are labelled for free.
    pub clean: CleanSet,
    /// Size of the noise set, out of which PriorAL asks; for other strategies, all unlabelled items.
    pub noise_size: usize,
    /// Whether the batch was drawn at random because there was no model yet.
    pub cold_start: bool,
    /// How far the prior is trusted, and why, if the strategy is guarded.
    pub trust: Option<Trust>,
    /// Labels that both experts contradict, the least credible first: worth asking again.
    pub suspects: Vec<Suspect>,
    /// What labels of the labelled and of the asked rows may weigh, by class.
    pub(crate) credence: HashMap<usize, Vec<f32>>,
}

/// An oracle's label that is more probably wrong than right.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Suspect {
    /// The item.
    pub id: SampleId,
    /// What the oracle said.
    pub label: ClassId,
    /// The probability that it is right, given both experts and the noise rate.
    pub credence: f32,
}

impl Round {
    /// What an oracle's label should weigh in training: the probability that it is right, given what both
    /// experts, neither of which has seen it, say of the row. 1 for strategies without a guard.
    ///
    /// Known for the rows that were labelled before this round and those that it asks.
    pub fn label_weight(&self, row: usize, class: ClassId) -> f32 {
        self.credence.get(&row).and_then(|of| of.get(class.index())).copied().unwrap_or(1.0)
    }

    /// Number of queries by prior label; `None` without a prior.
    pub fn queries_by_prior_label(&self, classes: usize) -> Option<Vec<usize>> {
        let mut counts = vec![0; classes];
        for query in &self.queries {
            *counts.get_mut(query.prior_label?.index())? += 1;
        }
        Some(counts)
    }
}
