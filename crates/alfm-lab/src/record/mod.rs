//! What a run leaves behind: one record a run, and a flat table of curves.
//!
//! [`RunRecord`] is one line of `runs.jsonl` and holds no clock times, so that two runs of one
//! configuration write the same bytes. The seconds live beside it, in [`FinishedRun`], and end in two
//! columns of `curves.csv`.

mod files;
mod table;

use std::collections::BTreeMap;

use alfm_core::Digest;
use alfm_select::{Advice, Trust};
use serde::{Deserialize, Serialize};

pub use files::{read_runs, write_runs};
pub use table::{CurveRow, curve_rows, read_curves, write_curves};

use crate::metrics::Scores;

/// The circumstances that strategies are compared in, by their names in the configuration.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Setting {
    /// Data set.
    pub dataset: String,
    /// Imbalance construction, such as `long-tailed(100)`.
    pub imbalance: String,
    /// Label noise, such as `uniform(0.2)`.
    pub noise: String,
    /// Where the prior came from, such as `zero-shot(20)`.
    pub prior: String,
    /// The small model.
    pub learner: String,
}

/// What a run was measured on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataFacts {
    /// Class names, in column order.
    pub classes: Vec<String>,
    /// SHA-256 of every input, by its name.
    pub digests: BTreeMap<String, Digest>,
    /// Pool items of each clean class.
    pub pool: Vec<usize>,
    /// Pool items of each class as the oracle answers.
    pub observed: Vec<usize>,
    /// Test items of each class.
    pub test: Vec<usize>,
    /// `min_k N_k / max_k N_k` of the pool.
    pub gamma: f64,
    /// Minority items over majority items of the pool.
    pub epsilon: f64,
    /// Pool items whose oracle answer is wrong.
    pub wrong_answers: usize,
    /// The fixed level at which savings on this data set are compared, if its configuration names one.
    pub target: Option<f64>,
    /// How well the prior alone labels the pool.
    pub prior: Scores,
}

/// The free labels of one round, counted against clean labels.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FreeLabels {
    /// Items given each class for free.
    pub given: Vec<usize>,
    /// Those of them that are wrong.
    pub wrong: Vec<usize>,
    /// Items of each clean class that were given any class for free.
    pub covered: Vec<usize>,
    /// Free labels whose error was stated to be below a limit.
    #[serde(default)]
    pub certified: usize,
    /// Those of them that are wrong.
    #[serde(default)]
    pub certified_wrong: usize,
}

impl FreeLabels {
    /// Number of free labels.
    pub fn total(&self) -> usize {
        self.given.iter().sum()
    }

    /// Share of them that is wrong; `None` if there are none.
    pub fn error(&self) -> Option<f64> {
        let total = self.total();
        (total > 0).then(|| self.wrong.iter().sum::<usize>() as f64 / total as f64)
    }
}

/// Accuracy on the entire pool of the small model that is trained without free labels, against clean labels.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LabelsOnlyAccuracy {
    /// As it is: of the labelled items it has seen the labels.
    pub seen: f64,
    /// Each labelled item by a model that has not seen its label, as for the estimate.
    pub unseen: f64,
}

/// One round: what was bought, what was free, how good the model became.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoundRecord {
    /// The round, from 1.
    pub round: usize,
    /// Oracle labels used so far.
    pub labels: usize,
    /// Metrics on the entire pool, labelled and unlabelled, against clean labels.
    pub pool: Scores,
    /// Metrics on the test set.
    pub test: Scores,
    /// Labelled items of each clean class.
    pub labelled: Vec<usize>,
    /// Labelled items of each class as the oracle answered.
    pub answered: Vec<usize>,
    /// Labelled items whose clean class is not the pool's majority class.
    pub minority_labels: usize,
    /// This round's queries by their prior label.
    pub queries_by_prior: Vec<usize>,
    /// The labels that training got for free.
    pub free: FreeLabels,
    /// How far the prior was trusted, if the strategy is guarded and had labels to judge by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trust: Option<Trust>,
    /// Whether to go on, as the user of the strategy would be told; nothing acted on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advice: Option<Advice>,
    /// What the accuracy in `advice` estimates, if the strategy has it estimated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub labels_only: Option<LabelsOnlyAccuracy>,
    /// Whether the training looks as if it had failed ([`crate::metrics::diverged`]).
    pub diverged: bool,
}

/// One run of one strategy: a line of `runs.jsonl`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunRecord {
    /// The circumstances.
    pub setting: Setting,
    /// The strategy's name.
    pub strategy: String,
    /// The run seed.
    pub seed: u64,
    /// The whole configuration of the run, kept as data so that later versions can still show it.
    pub config: serde_json::Value,
    /// The version of the program that made it, and the `device` that chose: it is chosen alike on each.
    pub versions: BTreeMap<String, String>,
    /// What it was measured on.
    pub data: DataFacts,
    /// Its rounds.
    pub rounds: Vec<RoundRecord>,
}

impl RunRecord {
    /// The order of records in every output.
    pub(crate) fn key(&self) -> (&Setting, &str, u64) {
        (&self.setting, &self.strategy, self.seed)
    }
}

/// What a round cost in time.
#[derive(Clone, Copy, Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seconds {
    /// Choosing the queries and the free labels.
    pub acquisition: f64,
    /// Training the small model.
    pub training: f64,
}

/// A record and the time its rounds took.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FinishedRun {
    /// The record.
    pub record: RunRecord,
    /// Of each round.
    pub seconds: Vec<Seconds>,
}
