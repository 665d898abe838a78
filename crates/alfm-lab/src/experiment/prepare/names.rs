//! What results call the parts of a setting.

use alfm_learn::LearnerConfig;

use crate::simulate::{Imbalance, Noise};

pub(super) fn imbalance_label(imbalance: &Imbalance) -> String {
    match imbalance {
        Imbalance::Natural => "natural".into(),
        Imbalance::Merge { classes, .. } => format!("merge({classes})"),
        Imbalance::LongTailed { factor } => format!("long-tailed({factor})"),
        Imbalance::Step { factor } => format!("step({factor})"),
    }
}

pub(super) fn noise_label(noise: &Noise) -> String {
    match noise {
        Noise::None => "none".into(),
        Noise::Uniform { rate, .. } => format!("uniform({rate})"),
        Noise::PairFlip { rate, .. } => format!("pair-flip({rate})"),
        Noise::Human { label, .. } => format!("human({})", label.names().join("+")),
        Noise::HumanRows { labels, .. } => format!("human({})", labels.key().unwrap_or("rows")),
        other => tag(other),
    }
}

pub(super) fn learner_label(learner: &LearnerConfig) -> String {
    tag(learner)
}

/// The `kind` under which a choice is written.
fn tag(choice: &impl serde::Serialize) -> String {
    let written = serde_json::to_value(choice).ok();
    written.and_then(|value| Some(value.get("kind")?.as_str()?.to_owned())).unwrap_or_default()
}
