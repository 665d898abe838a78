use std::collections::BTreeMap;

use alfm_core::{ClassId, Entry, Event, LabelLog, SampleId, Source};
use serde::{Deserialize, Serialize};

use crate::{CleanSet, Error, Trust};

/// An item to ask the annotator about.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Query {
    /// The item.
    pub id: SampleId,
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
    /// Whether it was drawn at random from all that could be asked, not chosen: estimates rest on such items.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub at_random: bool,
    /// Whether the item has a label that both experts contradict, and is asked a second time.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub again: bool,
}

/// What a selector suggests for one round.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Round {
    /// The number of the round, from 0.
    pub number: u32,
    /// The items to ask, most wanted first.
    pub queries: Vec<Query>,
    /// The items that are labelled for free.
    pub clean: CleanSet,
    /// Size of the noise set, out of which PriorAL asks; for other strategies, all items that could be asked.
    pub noise_size: usize,
    /// Whether the batch was drawn at random because there was no model yet.
    pub cold_start: bool,
    /// How far the prior is trusted, and why, if the strategy is guarded.
    pub trust: Option<Trust>,
    /// Labels that both experts contradict, the least credible first: worth asking again.
    pub suspects: Vec<Suspect>,
    /// What labels of the labelled and of the asked items may weigh, by class.
    pub(crate) label_weights: BTreeMap<SampleId, Vec<f32>>,
}

/// An oracle's label that is more probably wrong than right.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
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
    /// experts, neither of which has seen it, say of the item. 1 for strategies without a guard.
    ///
    /// Known for the items that were labelled before this round and those that it asks.
    pub fn label_weight(&self, id: &SampleId, class: ClassId) -> f32 {
        self.label_weights.get(id).and_then(|of| of.get(class.index())).copied().unwrap_or(1.0)
    }

    /// The same round without its free labels, but for what they weigh: all of it that is small.
    #[must_use]
    pub fn without_clean(&self) -> Self {
        Self {
            number: self.number,
            queries: self.queries.clone(),
            clean: self.clean.emptied(),
            noise_size: self.noise_size,
            cold_start: self.cold_start,
            trust: self.trust.clone(),
            suspects: self.suspects.clone(),
            label_weights: self.label_weights.clone(),
        }
    }

    /// Number of queries by prior label; `None` without a prior.
    pub fn queries_by_prior_label(&self, classes: usize) -> Option<Vec<usize>> {
        let mut counts = vec![0; classes];
        for query in &self.queries {
            *counts.get_mut(query.prior_label?.index())? += 1;
        }
        Some(counts)
    }

    /// Writes into the log that the queries are out with somebody: they are not suggested again until they are
    /// answered or released, `until` milliseconds since 1970 at the latest if that is given.
    ///
    /// # Errors
    /// An item that was removed since.
    pub fn hand_out(&self, log: &mut LabelLog, until: Option<u64>) -> Result<(), Error> {
        for query in &self.queries {
            let Query { at_random, again, .. } = *query;
            let event = Event::Suggested { id: query.id.clone(), at_random, again, until };
            log.record(Entry { event, round: self.number, source: Source::default() })?;
        }
        Ok(())
    }
}
