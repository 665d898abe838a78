//! Options of PriorAL.

use alfm_kernels::{CoDecision, Joint};
use serde::{Deserialize, Serialize};

use super::PriorAl;
use crate::error::setting;
use crate::guard::GuardConfig;
use crate::scoring::SplitRule;
use crate::{Chosen, Error, ImbalanceWeight};

/// Options of PriorAL; the defaults are the published rule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct PriorAlConfig {
    /// `rho` in `(0, 1]`: the share of the unlabelled items that becomes the noise set. Default 0.5; the
    /// paper's value is not public.
    #[serde(alias = "rho")]
    pub noise_fraction: f64,
    /// How the experts are joined; under a guard, which fits their product, nothing but [`Joint::Product`].
    pub joint: Joint,
    /// How the joint entropy is scaled by class.
    pub weight: ImbalanceWeight,
    /// The acquisition function that asks within the noise set.
    pub query: Chosen,
    /// Which free labels the clean set carries.
    pub clean: CleanRule,
    /// What keeps a bad prior from doing harm; none as published.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub guard: Option<GuardConfig>,
}

/// Which free labels the clean set carries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum CleanRule {
    /// The prior's most probable class, as published.
    #[default]
    PriorLabel,
    /// The joint distribution's most probable class.
    JointLabel,
    /// The joint distribution itself, as a soft target.
    Soft,
    /// None: only the oracle's labels train the small model.
    Off,
}

impl CleanRule {
    /// The free label of a row, and its joint probability.
    pub(super) fn label(self, row: &CoDecision) -> (u32, f32) {
        match self {
            Self::PriorLabel | Self::Off => (row.prior_label, row.prior_label_confidence),
            Self::JointLabel | Self::Soft => (row.joint_label, row.joint_label_confidence),
        }
    }
}

impl Default for PriorAlConfig {
    fn default() -> Self {
        Self {
            noise_fraction: 0.5,
            joint: Joint::default(),
            weight: ImbalanceWeight::default(),
            query: ENTROPY.into(),
            clean: CleanRule::default(),
            guard: None,
        }
    }
}

/// The query rule whose scores the co-decision kernel has at hand.
pub(super) const ENTROPY: &str = "entropy";

impl PriorAlConfig {
    /// The guarded form with its default options: balanced margin in a noise set of a half, soft free labels.
    pub fn guarded() -> Self {
        Self {
            query: "balanced-margin".into(),
            clean: CleanRule::Soft,
            guard: Some(GuardConfig::default()),
            ..Self::default()
        }
    }

    /// Sets the guard's options.
    #[must_use]
    pub fn with_guard(mut self, guard: GuardConfig) -> Self {
        self.guard = Some(guard);
        self
    }

    /// Sets `rho`.
    #[must_use]
    pub fn with_noise_fraction(mut self, noise_fraction: f64) -> Self {
        self.noise_fraction = noise_fraction;
        self
    }

    /// Sets how the experts are joined.
    #[must_use]
    pub fn with_joint(mut self, joint: Joint) -> Self {
        self.joint = joint;
        self
    }

    /// Sets how the joint entropy is scaled by class.
    #[must_use]
    pub fn with_weight(mut self, weight: ImbalanceWeight) -> Self {
        self.weight = weight;
        self
    }

    /// Sets the query rule within the noise set.
    #[must_use]
    pub fn with_query(mut self, query: impl Into<Chosen>) -> Self {
        self.query = query.into();
        self
    }

    /// Sets which free labels the clean set carries.
    #[must_use]
    pub fn with_clean(mut self, clean: CleanRule) -> Self {
        self.clean = clean;
        self
    }

    /// Validates the options into an engine.
    ///
    /// # Errors
    /// A noise fraction or a mixture weight out of range, a guard with another joint than the product, an option of the
    /// guard out of range, or an unknown query rule.
    pub fn check(&self) -> Result<PriorAl, Error> {
        let noise_fraction = self.noise_fraction;
        if !(noise_fraction > 0.0 && noise_fraction <= 1.0) {
            return Err(setting(format!(
                "noise_fraction (rho) is {noise_fraction}: it must be above 0 and at most 1"
            )));
        }
        if let Joint::Mixture(value) = self.joint
            && !(0.0..=1.0).contains(&value)
        {
            return Err(setting(format!(
                "the mixture's weight of the prior is {value}: it must be from 0 to 1"
            )));
        }
        if let Some(guard) = &self.guard {
            guard.check()?;
            if self.joint != Joint::Product {
                let remedy = "leave `joint` out, or the guard";
                let message = "but the guard fits the experts' product";
                return Err(setting(format!("joint is {:?}, {message}: {remedy}", self.joint)));
            }
        }
        let fused = self.query == Chosen::named(ENTROPY);
        let query = if fused { None } else { Some(self.query.build()?) };
        Ok(PriorAl { config: self.clone(), query })
    }

    /// What decides which items are uncertain, beside the experts.
    pub(crate) fn split_rule(&self) -> SplitRule {
        SplitRule { weight: self.weight, noise_fraction: self.noise_fraction }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_out_of_range_are_refused() {
        for value in [0.0, -0.5, 1.5, f64::NAN] {
            let config = PriorAlConfig::default().with_noise_fraction(value);
            let error = config.check().unwrap_err().to_string();
            assert!(error.starts_with("noise_fraction (rho) is "), "{error}");
        }
        let config = PriorAlConfig::default().with_joint(Joint::Mixture(1.5));
        let error = config.check().unwrap_err().to_string();
        assert!(error.starts_with("the mixture's weight of the prior is 1.5"), "{error}");
        assert!(PriorAlConfig::default().with_query("bdage").check().is_err());
    }

    /// The guard would score by the product, and soft free labels would be something else.
    #[test]
    fn under_a_guard_the_experts_are_joined_by_their_product() {
        for joint in [Joint::SmallOnly, Joint::PriorOnly, Joint::Mixture(0.5)] {
            let error = PriorAlConfig::guarded().with_joint(joint).check().unwrap_err();
            let says = format!("joint is {joint:?}, but the guard fits the experts' product");
            assert!(error.to_string().starts_with(&says), "{error}");
            assert!(PriorAlConfig::default().with_joint(joint).check().is_ok());
        }
        assert!(PriorAlConfig::guarded().with_joint(Joint::Product).check().is_ok());
    }
}
