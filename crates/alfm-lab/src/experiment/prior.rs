use std::path::PathBuf;

use alfm_data::arrays::ArraySpec;
use alfm_prior::weak_labels::RuleModel;
use alfm_prior::{DEFAULT_TEMPERATURE, Head, Pooling};
use serde::{Deserialize, Serialize};

use super::one_or_many::one_or_many;

/// Where the prior comes from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub enum PriorConfig {
    /// From the cosines of the items to the class prompts.
    ZeroShot {
        /// Makes it the softmax of temperature times cosine. By default the encoder's own head, if it has one:
        /// CLIP's softmax, SigLIP's sigmoid, each as the model was trained; otherwise 20.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        temperature: Option<f64>,
    },
    /// The zero-shot prior, wrong on purpose: class `k` is called `k + 1`.
    Rotated {
        /// As above.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        temperature: Option<f64>,
    },
    /// Class probabilities that were computed elsewhere, one row for each row of the pool's split.
    File {
        /// The array, `prior.safetensors:prior` for example.
        file: ArraySpec,
        /// Its rows are logits.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        logits: bool,
    },
    /// The labels of another model or annotator, one for each row of the pool's split.
    HardLabels {
        /// A CSV, JSONL or parquet file.
        file: PathBuf,
        /// Its column of labels: class names or numbers, -1 for none.
        #[serde(default = "label_column")]
        label: String,
        /// The probability that such a label is right; the rest is spread over the other classes.
        #[serde(default = "reliability")]
        reliability: f64,
    },
    /// The votes of rules, one row for each row of the pool's split, one column a rule.
    WeakLabels {
        /// The array of class numbers, `votes.npy` for example; -1 abstains.
        file: ArraySpec,
        /// What makes class probabilities of them.
        #[serde(default)]
        model: RuleModel,
    },
    /// Several of these as one.
    Ensemble {
        /// Its members.
        #[serde(deserialize_with = "one_or_many")]
        of: Vec<PriorConfig>,
        /// What each counts; by default all the same.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        weights: Vec<f64>,
        /// How they are combined.
        #[serde(default)]
        pool: Pooling,
    },
    /// One of these, corrected for the class shares of the pool, which are found without labels. It is taken to
    /// assume equal ones.
    LabelShift {
        /// The prior to correct.
        of: Box<PriorConfig>,
    },
    /// Says nothing.
    Uniform,
}

impl Default for PriorConfig {
    fn default() -> Self {
        Self::ZeroShot { temperature: None }
    }
}

impl PriorConfig {
    /// Whether it compares items with the prompts of the classes.
    pub(crate) fn needs_prompts(&self) -> bool {
        match self {
            Self::ZeroShot { .. } | Self::Rotated { .. } => true,
            Self::Ensemble { of, .. } => of.iter().any(Self::needs_prompts),
            Self::LabelShift { of } => of.needs_prompts(),
            Self::File { .. }
            | Self::HardLabels { .. }
            | Self::WeakLabels { .. }
            | Self::Uniform => false,
        }
    }

    /// Its name in results; `own` is the encoder's own head, if it has one.
    pub fn label(&self, own: Option<Head>) -> String {
        let head = |temperature: &Option<f64>| match (temperature, own) {
            (Some(temperature), _) => temperature.to_string(),
            (None, Some(_)) => "own".into(),
            (None, None) => DEFAULT_TEMPERATURE.to_string(),
        };
        match self {
            Self::ZeroShot { temperature } => format!("zero-shot({})", head(temperature)),
            Self::Rotated { temperature } => format!("rotated({})", head(temperature)),
            Self::File { file, .. } => format!("file({file})"),
            Self::HardLabels { file, label, reliability } => {
                format!("hard-labels({}:{label}, {reliability})", file.display())
            }
            Self::WeakLabels { file, model } => {
                let model = match model {
                    RuleModel::Generative => "generative",
                    _ => "majority",
                };
                format!("weak-labels({file}, {model})")
            }
            Self::Ensemble { of, weights, pool } => {
                let members: Vec<String> = match weights.as_slice() {
                    [] => of.iter().map(|of| of.label(own)).collect(),
                    _ => of
                        .iter()
                        .zip(weights)
                        .map(|(of, w)| format!("{w} {}", of.label(own)))
                        .collect(),
                };
                let joint = if *pool == Pooling::Logarithmic { " x " } else { " + " };
                format!("ensemble({})", members.join(joint))
            }
            Self::LabelShift { of } => format!("label-shift({})", of.label(own)),
            Self::Uniform => "uniform".into(),
        }
    }
}

fn label_column() -> String {
    "label".into()
}

fn reliability() -> f64 {
    0.8
}
