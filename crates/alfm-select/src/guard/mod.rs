//! Trust in the prior: optimistic at first, withdrawn by what the oracle's labels say.

mod bound;
mod confusion;
mod experts;
mod fit;
mod likelihood;
mod opinion_pool;
mod sample;
mod tuning;
mod weigh;

use alfm_core::ClassId;
use serde::{Deserialize, Serialize};

pub use bound::StatedError;
pub(crate) use bound::clopper_pearson;
pub(crate) use weigh::Assessment;

use crate::Error;
use crate::error::setting;

/// Options of the guard; every part of it can be switched off to see what it is worth.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct GuardConfig {
    /// The prior's weight in the product is fitted on the oracle's labels; else it is 1.
    pub weigh: bool,
    /// The small model's temperature and a bias for each class are fitted as well.
    pub calibrate: bool,
    /// The prior is given up where the small model does as well alone.
    pub champion: bool,
    /// A prior that is given up is heard once more, its columns under the names that the labels give them.
    pub rename: bool,
    /// What decides on free labels is, beside the small model of labels alone, the one that has learned from free
    /// labels too. It never testifies about the prior.
    pub student: bool,
    /// Exponent by which free labels that are distributions are sharpened; 1 leaves them as they are.
    pub sharpen: f32,
    /// The oracle's labels may be wrong: their noise rate is fitted.
    pub noise_aware: bool,
    /// Labels that contradict both experts weigh less in training.
    pub robust: bool,
    /// The share of every batch that is drawn at random, so that estimates stay honest.
    pub explore: f64,
    /// The share of every batch that asks the least credible labels again, each once.
    pub relabel: f64,
    /// What a free label weighs in training while the prior is fully trusted, an oracle label weighing 1.
    pub weight: f32,
    /// The share of wrong labels below which free labels are certified.
    pub epsilon: f64,
    /// How often a stated bound may be wrong.
    pub delta: f64,
}

impl Default for GuardConfig {
    fn default() -> Self {
        Self {
            weigh: true,
            calibrate: true,
            champion: true,
            rename: true,
            student: true,
            sharpen: 4.0,
            noise_aware: true,
            robust: true,
            explore: 0.1,
            relabel: 0.0,
            weight: 0.5,
            epsilon: 0.05,
            delta: 0.1,
        }
    }
}

/// What the guard found in one round.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Trust {
    /// Exponent of the prior in the joint distribution: 0 no trust, 1 as published. There are no free labels if it
    /// is at most [`LEAST_TRUST`] times that of the small model, or of 1 if that is less.
    pub prior_exponent: f64,
    /// Exponent of the small model.
    pub model_exponent: f64,
    /// The share of the small model's surprise at the labels that the prior takes away; it may be below 0.
    pub gain: f64,
    /// One standard error of the gain: the prior is given up if even that much above it is too little.
    #[serde(default)]
    pub gain_error: f64,
    /// The share of the oracle's labels that seems to be wrong.
    pub noise_rate: f64,
    /// Share of labelled items that the prior gets right, weighted to stand for the pool.
    pub prior_right: f64,
    /// The same for the joint distribution, whose small model has not seen the item.
    pub joint_right: f64,
    /// The same for the small model alone.
    pub model_right: f64,
    /// What each free label weighs in training.
    pub weight: f32,
    /// The model that has learned from free labels too has no say in this round: more than a tenth of the free labels
    /// would be others with it. It has seen all labels, so that none can show whether it is right.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub student_withdrawn: bool,
    /// What can be stated of the error of all free labels; no bound without random labels.
    pub stated: StatedError,
    /// The same for the free labels of each class, each at the full confidence.
    #[serde(default)]
    pub stated_by_class: Vec<StatedError>,
    /// Number of free labels, the surest ones, whose error is below `epsilon` at confidence `1 - delta`.
    pub certified: usize,
    /// The class that each column of the prior stands for, where only under these names it is trusted: its columns
    /// were mixed up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub renamed: Option<Vec<ClassId>>,
}

/// The prior is given up if its exponent is at most this much of the small model's: free labels would only repeat
/// what that one says.
pub const LEAST_TRUST: f64 = tuning::TUNED.least_trust;

impl GuardConfig {
    /// Validates the options.
    ///
    /// # Errors
    /// For the first one out of range.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let weight = f64::from(self.weight);
        for (name, value, low, high) in [
            ("explore", self.explore, 0.0, 1.0),
            ("relabel", self.relabel, 0.0, 1.0),
            ("sharpen", f64::from(self.sharpen), f64::MIN_POSITIVE, f64::MAX),
            ("weight", weight, f64::MIN_POSITIVE, f64::MAX),
            ("epsilon", self.epsilon, 0.0, 1.0),
            ("delta", self.delta, f64::MIN_POSITIVE, 0.5),
        ] {
            if !(low..=high).contains(&value) {
                return Err(setting(format!(
                    "the guard's {name} is {value}: it must be from {low} to {high}"
                )));
            }
        }
        Ok(())
    }
}

/// `part of whole`, rounded.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most `whole`")]
pub(crate) fn rounded(part: f64, whole: usize) -> usize {
    (part * whole as f64).round() as usize
}

/// `floor(part of whole)`.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most `whole`")]
pub(crate) fn share(part: f64, whole: usize) -> usize {
    (part * whole as f64 + 1e-9).floor() as usize
}
