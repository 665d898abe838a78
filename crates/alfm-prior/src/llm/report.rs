use alfm_core::Probabilities;
use serde::Serialize;

use super::{Adapted, Fault};

/// What asking a language model came to.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct LlmAnswers {
    /// The class probabilities `N x K`: a function of the answers in the cache.
    pub prior: Probabilities,
    /// How they came about.
    pub report: LlmReport,
}

/// How the answers of a run came about. Items are row numbers, in order; those listed have a uniform row.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct LlmReport {
    /// Number of items.
    pub items: usize,
    /// Items with class probabilities from token log-probabilities.
    pub by_logprobs: usize,
    /// Items with class probabilities from votes.
    pub by_votes: usize,
    /// Votes of these that were refused, cut off or named no class, and are not counted.
    pub lost_votes: usize,
    /// Items that the model, or a filter before it, declined.
    pub refused: Vec<usize>,
    /// Items whose answer names no class.
    pub no_class: Vec<usize>,
    /// Items without an answer after all retries, or with one that is none: it does not follow the protocol, or was cut
    /// off. None of that is cached; they are asked again in the next run.
    pub failed: Vec<FailedItem>,
    /// Items that a stop left; they are asked in the next run.
    pub unanswered: Vec<usize>,
    /// Why the run stopped, if before its end.
    pub stopped: Option<StopReason>,
    /// What the endpoint refused of the requests, and what it is sent in its place.
    pub adapted: Vec<Adapted>,
    /// Answers that were in the cache before.
    pub cached: u64,
    /// Requests sent, retries among them.
    pub requests: u64,
    /// Retries.
    pub retries: u64,
    /// Tokens of this run's answers and their prompts, as the endpoint counts them.
    pub tokens: u64,
}

impl LlmReport {
    /// The number of items that nothing is known of: their rows are uniform.
    pub fn missing(&self) -> usize {
        self.refused.len() + self.no_class.len() + self.failed.len() + self.unanswered.len()
    }
}

/// An item without an answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct FailedItem {
    /// Its row.
    pub item: usize,
    /// What happened last.
    pub fault: Fault,
}

/// Why a run stopped before its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum StopReason {
    /// The budget is used up.
    Budget,
    /// The caller stopped it.
    Interrupted,
}
