//! The experiment file: `alfm run CONFIG.toml`.

use std::path::PathBuf;

use alfm_data::Columns;
use alfm_learn::LearnerConfig;
use alfm_loop::Dropout;
use alfm_select::Strategy;
use serde::{Deserialize, Serialize};

use super::one_or_many::one_or_many;
use super::prior::PriorConfig;
use crate::error::{empty, setting};
use crate::simulate::{Imbalance, Noise};
use crate::{Error, ErrorKind};

/// A simulation: the product of everything that is listed.
///
/// Every list may also be a single value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExperimentConfig {
    /// Run seeds: initial batch, model initialisation and strategy.
    pub seeds: Seeds,
    /// `b0`: random labels before the first training.
    pub initial: usize,
    /// `b`: labels of each later round.
    pub batch: usize,
    /// `T`: number of trainings.
    pub rounds: usize,
    /// The strategies to compare.
    #[serde(deserialize_with = "one_or_many")]
    pub strategies: Vec<Strategy>,
    /// What a pseudo-label weighs in training, an oracle label weighing 1. Published: 1.
    #[serde(default = "one")]
    pub pseudo_label_weight: f32,
    /// `B_1`: how many answers come back at a time, for strategies that ask within the batch.
    #[serde(default = "one_annotator")]
    pub annotators: usize,
    /// The stochastic passes of the small model, for strategies that need them.
    #[serde(default)]
    pub dropout: Dropout,
    /// Decides which items a limited or thinned pool keeps; the same for every run.
    #[serde(default)]
    pub data_seed: u64,
    /// The data sets.
    #[serde(deserialize_with = "one_or_many")]
    pub dataset: Vec<DatasetConfig>,
    /// What embeds the items.
    #[serde(default)]
    pub encoder: Encoder,
    /// Where the prior comes from.
    #[serde(default = "zero_shot", deserialize_with = "one_or_many")]
    pub prior: Vec<PriorConfig>,
    /// The small model.
    #[serde(default = "linear", deserialize_with = "one_or_many")]
    pub learner: Vec<LearnerConfig>,
}

/// Run seeds: `{ from = 0, count = 5 }` or `[1, 2, 3]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Seeds {
    /// One seed.
    One(u64),
    /// Seeds written out.
    List(Vec<u64>),
    /// `count` seeds from `from` upwards.
    Range {
        /// The first seed.
        from: u64,
        /// How many.
        count: u64,
    },
}

/// A data set and what is made of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatasetConfig {
    /// A known name, or a file or folder: its path from the folder in which the experiment is run, as of all files.
    pub name: String,
    /// What results call it, its name unless said otherwise: for two parts of one data set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alias: Option<String>,
    /// Of a file: the column of texts, `text` unless said otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Of a file: the column of ids; without it, items are called by their rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Of a file: the column of labels, `label` unless said otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Of a file: the column of images, in place of texts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// Of a file: the label that means "unlabelled".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unlabelled: Option<String>,
    /// Of a file or folder: a JSON list of its classes, with the descriptions and prompts that priors are made from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub classes: Option<PathBuf>,
    /// What the pool is.
    pub pool: Subset,
    /// What the test set is.
    pub test: Subset,
    /// The fixed level at which savings are compared; by default the highest that every strategy reaches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<f64>,
    /// Imbalance constructions.
    #[serde(default = "natural", deserialize_with = "one_or_many")]
    pub imbalance: Vec<Imbalance>,
    /// What the oracle gets wrong.
    #[serde(default = "no_noise", deserialize_with = "one_or_many")]
    pub noise: Vec<Noise>,
}

impl DatasetConfig {
    /// The columns of a file, by their usual names where none is given.
    pub(super) fn columns(&self) -> Columns {
        let mut columns = Columns::default();
        columns.id.clone_from(&self.id);
        columns.image.clone_from(&self.image);
        columns.unlabelled.clone_from(&self.unlabelled);
        if let Some(text) = &self.text {
            columns.text.clone_from(text);
        }
        if let Some(label) = &self.label {
            columns.label.clone_from(label);
        }
        columns
    }
}

/// A part of a split.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subset {
    /// The split.
    pub split: String,
    /// At most so many items, seeded and stratified.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
    /// Only items whose text is in this CSV, JSONL or parquet file too: those that people labelled, say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<PathBuf>,
    /// What the pool left of the split.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub rest: bool,
}

/// The encoder of the demo and of every default.
pub const DEFAULT_ENCODER: &str = "sentence-transformers/all-MiniLM-L6-v2";

/// The encoder of the items.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Encoder {
    /// Its repository on the hub.
    pub model: String,
    /// The edge of the square images that it is given, if not the published one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_size: Option<usize>,
}

impl Default for Encoder {
    fn default() -> Self {
        Self { model: DEFAULT_ENCODER.into(), image_size: None }
    }
}

/// A slip is more likely beyond it.
const MOST_SEEDS: u64 = 10_000;

fn one_annotator() -> usize {
    1
}

fn one() -> f32 {
    1.0
}

fn zero_shot() -> Vec<PriorConfig> {
    vec![PriorConfig::default()]
}

fn linear() -> Vec<LearnerConfig> {
    vec![LearnerConfig::default()]
}

fn natural() -> Vec<Imbalance> {
    vec![Imbalance::Natural]
}

fn no_noise() -> Vec<Noise> {
    vec![Noise::None]
}

impl Seeds {
    /// The seeds, in order.
    pub fn list(&self) -> Vec<u64> {
        match self {
            Self::One(seed) => vec![*seed],
            Self::List(seeds) => seeds.clone(),
            Self::Range { from, count } => (*from..from.saturating_add(*count)).collect(),
        }
    }

    /// There are some, no more than anybody runs, and none twice, which would count as two.
    fn check(&self) -> Result<(), Error> {
        let count = match self {
            Self::One(_) => 1,
            Self::List(seeds) => seeds.len() as u64,
            Self::Range { count, .. } => *count,
        };
        let wrong = |value: String, rule| Err(setting("seeds", value, rule));
        match count {
            0 => return Err(empty("seeds")),
            1..=MOST_SEEDS => {}
            count => return wrong(format!("{count} numbers"), "10000 at the most"),
        }
        let mut seeds = self.list();
        seeds.sort_unstable();
        match seeds.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => wrong(format!("{} twice", pair[0]), "a list of different numbers"),
            None => Ok(()),
        }
    }
}

impl ExperimentConfig {
    /// Reads an experiment file.
    ///
    /// # Errors
    /// Naming the key that is wrong and the nearest known one, and as [`ExperimentConfig::check`].
    pub fn from_toml(text: &str) -> Result<Self, Error> {
        let config: Self = toml::from_str(text).map_err(|source| {
            let hint = nearest_key(source.message());
            Error::input(format!("the experiment file is wrong{hint}")).because(source)
        })?;
        config.check()?;
        Ok(config)
    }

    /// The whole configuration, defaults included, as a file that reads back.
    ///
    /// # Errors
    /// For a value that TOML cannot hold.
    pub fn to_toml(&self) -> Result<String, Error> {
        toml::to_string(self).map_err(|source| {
            Error::input("the configuration cannot be written as TOML").because(source)
        })
    }

    /// Checks what the types cannot.
    ///
    /// # Errors
    /// For an empty list, a number out of range or given twice, and two strategies under one label.
    pub fn check(&self) -> Result<(), Error> {
        self.seeds.check()?;
        let lists = [
            ("strategies", self.strategies.len()),
            ("datasets", self.dataset.len()),
            ("priors", self.prior.len()),
            ("learners", self.learner.len()),
        ];
        if let Some((what, _)) = lists.into_iter().find(|(_, length)| *length == 0) {
            return Err(empty(what));
        }
        for (name, value) in [
            ("initial", self.initial),
            ("batch", self.batch),
            ("rounds", self.rounds),
            ("annotators", self.annotators),
        ] {
            if value == 0 {
                return Err(setting(name, 0, "at least 1"));
            }
        }
        let weight = self.pseudo_label_weight;
        if !(weight.is_finite() && weight > 0.0) {
            return Err(setting("pseudo_label_weight", weight, "a finite number above 0"));
        }
        self.learner.iter().try_for_each(LearnerConfig::check)?;
        no_twin("prior", &self.prior)?;
        no_twin("learner", &self.learner)?;
        no_twin("dataset", &self.dataset)?;
        for dataset in &self.dataset {
            if let (Some(text), Some(_)) = (&dataset.text, &dataset.image) {
                return Err(setting(
                    "text",
                    text,
                    "left out where `image` says that the items are images",
                ));
            }
            no_twin("imbalance", &dataset.imbalance)?;
            no_twin("noise", &dataset.noise)?;
        }
        let Dropout { passes, rate } = self.dropout;
        if passes == 0 || !(0.0..1.0).contains(&rate) {
            let value = format!("{passes} passes at {rate}");
            return Err(setting("dropout", value, "some passes at a rate in [0, 1)"));
        }
        let mut labels: Vec<&str> = self.strategies.iter().map(Strategy::label).collect();
        labels.sort_unstable();
        match labels.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => {
                let message =
                    format!("two strategies are called `{}`: give one of them a `label`", pair[0]);
                Err(Error::new(ErrorKind::Setting, message))
            }
            None => Ok(()),
        }
    }
}

/// Refuses an entry that stands in a list twice: its runs would count double.
fn no_twin<T: PartialEq>(list: &str, entries: &[T]) -> Result<(), Error> {
    let twin = (1..entries.len()).find(|at| entries[..*at].contains(&entries[*at]));
    let Some(at) = twin else { return Ok(()) };
    let number = format!("number {}", at + 1);
    Err(setting(list, number, "another one than those before it: leave it out"))
}

/// The known key that is most like the unknown one of a parser's message.
fn nearest_key(message: &str) -> String {
    let quoted: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    let Some((unknown, known)) = quoted.split_first().filter(|_| message.contains("unknown field"))
    else {
        return String::new();
    };
    let likeness = |key: &&&str| (strsim::jaro_winkler(unknown, key) * 1e6) as u64;
    match known.iter().max_by_key(likeness) {
        Some(key) => format!("; did you mean `{key}`?"),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINIMAL: &str = r#"
        seeds = { from = 3, count = 2 }
        initial = 20
        batch = 10
        rounds = 4
        strategies = ["random", { name = "prioral", rho = 0.3 }]
        [[dataset]]
        name = "support-inbox"
        pool = { split = "pool" }
        test = { split = "test" }
        imbalance = { kind = "natural" }
        noise = [{ kind = "none" }, { kind = "uniform", rate = 0.2 }]
    "#;

    #[test]
    fn what_is_written_reads_back_with_every_default() {
        let config = ExperimentConfig::from_toml(MINIMAL).unwrap();
        assert_eq!(config.seeds.list(), [3, 4]);
        assert_eq!(config.dataset[0].noise.len(), 2);
        let text = config.to_toml().unwrap();
        assert!(text.contains("pseudo_label_weight"), "{text}");
        assert_eq!(ExperimentConfig::from_toml(&text).unwrap(), config);
    }

    #[test]
    fn faults_are_named() {
        let cases = [
            (MINIMAL.replace("batch =", "bach ="), "did you mean `batch`?"),
            (MINIMAL.replace("rounds = 4", "rounds = 0"), "rounds"),
            (MINIMAL.replace("\"random\"", "\"rundom\""), "no strategy is called `rundom`"),
            (MINIMAL.replace("{ split = \"test\" }", "{ splitt = \"test\" }"), "`split`?"),
            (MINIMAL.replace("\"random\", ", "\"prioral\", "), "prioral"),
            (MINIMAL.replace("count = 2", "count = 0"), "there are no seeds"),
            (
                MINIMAL.replace("count = 2", "count = 1000000000000"),
                "`seeds` is 1000000000000 numbers",
            ),
            (MINIMAL.replace("{ from = 3, count = 2 }", "[4, 1, 4]"), "`seeds` is 4 twice"),
            (
                format!("{MINIMAL}\n[[prior]]\nkind = \"uniform\"\n[[prior]]\nkind = \"uniform\""),
                "`prior` is number 2: it must be another one than those before it",
            ),
            (
                MINIMAL.replace("{ kind = \"uniform\", rate = 0.2 }", "{ kind = \"none\" }"),
                "`noise` is number 2",
            ),
        ];
        for (text, expected) in cases {
            let error = ExperimentConfig::from_toml(&text).unwrap_err().report();
            assert!(error.contains(expected), "{expected}: {error}");
        }
    }
}
