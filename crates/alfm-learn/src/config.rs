use serde::{Deserialize, Serialize};

use crate::{Error, ErrorKind, FineTuneConfig, Learner, LogisticRegressionConfig, MlpConfig};

/// The learner of an experiment, by `kind`.
///
/// ```
/// use alfm_learn::LearnerConfig;
/// let config: LearnerConfig = toml::from_str("kind = \"linear\"\nc = 3.0")?;
/// let LearnerConfig::Linear(linear) = &config else { unreachable!() };
/// assert_eq!(linear.c, 3.0);
/// assert!(config.build().is_ok());
/// # Ok::<(), toml::de::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum LearnerConfig {
    /// Multinomial logistic regression.
    Linear(LogisticRegressionConfig),
    /// A small network.
    Mlp(MlpConfig),
    /// The encoder itself, with a linear head: it learns from items, not from embeddings.
    FineTune(FineTuneConfig),
}

impl Default for LearnerConfig {
    fn default() -> Self {
        Self::Linear(LogisticRegressionConfig::default())
    }
}

impl LearnerConfig {
    /// Checks the settings.
    ///
    /// # Errors
    /// For the first one outside its range.
    pub fn check(&self) -> Result<(), Error> {
        match self {
            Self::FineTune(config) => config.check().map(drop),
            Self::Linear(_) | Self::Mlp(_) => self.build().map(drop),
        }
    }

    /// Checks the settings into a learner.
    ///
    /// # Errors
    /// As [`LearnerConfig::check`]; for a learner that needs more than embeddings.
    pub fn build(&self) -> Result<Box<dyn Learner>, Error> {
        Ok(match self {
            Self::Linear(config) => Box::new(config.check()?),
            Self::Mlp(config) => Box::new(config.check()?),
            Self::FineTune(_) => {
                let message = "`fine-tune` learns from items, not from embeddings: train it with `FineTune::fit`, or \
                               use `linear`";
                return Err(Error::new(ErrorKind::Setting, message));
            }
        })
    }
}

/// Checks what the learners share.
pub(crate) fn check_training(c: f64, max_iterations: usize, tolerance: f64) -> Result<(), Error> {
    if !(c.is_finite() && c > 0.0) {
        return Err(Error::setting("c", c, "the inverse penalty must be finite and above 0"));
    }
    if max_iterations == 0 {
        return Err(Error::setting("max_iterations", 0, "allow at least one step"));
    }
    if !(tolerance > 0.0 && tolerance < 1.0) {
        let rule = "the share of the first gradient that may remain must lie between 0 and 1";
        return Err(Error::setting("tolerance", tolerance, rule));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_survive_a_round_trip() {
        for text in [
            "kind = \"linear\"",
            "kind = \"mlp\"\nhidden = [64, 32]\nactivation = \"gelu\"",
            "kind = \"fine-tune\"\nepochs = 2",
        ] {
            let config: LearnerConfig = toml::from_str(text).unwrap();
            let back = toml::from_str(&toml::to_string(&config).unwrap()).unwrap();
            assert_eq!(config, back);
        }
    }

    #[test]
    fn an_encoder_is_not_learned_from_embeddings() {
        let config: LearnerConfig = toml::from_str("kind = \"fine-tune\"").unwrap();
        config.check().unwrap();
        let error = config.build().err().unwrap();
        assert_eq!(error.kind(), ErrorKind::Setting);
        assert!(error.to_string().starts_with("`fine-tune` learns from items, not"), "{error}");
    }

    #[test]
    fn unknown_keys_and_kinds_are_refused() {
        for text in ["kind = \"linear\"\nhidden = [3]", "kind = \"forest\"", "c = 1.0"] {
            assert!(toml::from_str::<LearnerConfig>(text).is_err(), "{text}");
        }
    }

    #[test]
    fn settings_outside_their_range_are_named() {
        let cases = [
            ("kind = \"linear\"\nc = 0.0", "`c` is 0: "),
            ("kind = \"mlp\"\nc = nan", "`c` is NaN: "),
            ("kind = \"linear\"\ntolerance = 1.0", "`tolerance` is 1: "),
            ("kind = \"linear\"\nmax_iterations = 0", "`max_iterations` is 0: "),
            ("kind = \"fine-tune\"\nepochs = 0", "`epochs` is 0: "),
            ("kind = \"mlp\"\nhidden = []", "`hidden` is []: "),
            ("kind = \"mlp\"\nhidden = [8, 0]", "`hidden` is [8, 0]: "),
            ("kind = \"mlp\"\nhidden = [8, 8, 8]", "`hidden` is [8, 8, 8]: "),
        ];
        for (text, expected) in cases {
            let error = toml::from_str::<LearnerConfig>(text).unwrap().check().unwrap_err();
            assert!(error.to_string().starts_with(expected), "{error}");
        }
    }
}
