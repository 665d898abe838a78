use serde::{Deserialize, Serialize};

use crate::{Error, LogisticRegressionConfig};

/// Settings of [`FineTune`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct FineTuneConfig {
    /// Most passes over the examples; default 5.
    pub epochs: usize,
    /// Most items of a step; default 16. The batches of an epoch differ by one item at most.
    pub batch_size: usize,
    /// Highest learning rate of the encoder; default 5e-5.
    pub learning_rate: f64,
    /// Highest learning rate of the head; default 1e-3.
    pub head_learning_rate: f64,
    /// Decay of matrices, times the learning rate, at every step; default 0.01. Biases and the vectors of
    /// normalisations do not decay.
    pub weight_decay: f64,
    /// Share of the steps over which the learning rate rises; default 0.1. It then falls to 0 as a cosine.
    pub warmup: f64,
    /// Greatest length of the gradient of all parameters together; default 1.
    pub clip_norm: f64,
    /// Epochs without a lower loss on held-out labels after which the fit stops, and goes back to the lowest;
    /// default 0, which holds out nothing.
    pub patience: usize,
    /// Share of each class's labels that is held out where `patience` is above 0; default 0.1, at least one label
    /// of a class is learned from.
    pub held_out: f64,
    /// Whether seen classes weigh the same in all, whatever their counts; default true.
    pub balanced: bool,
}

impl Default for FineTuneConfig {
    fn default() -> Self {
        Self {
            epochs: 5,
            batch_size: 16,
            learning_rate: 5e-5,
            head_learning_rate: 1e-3,
            weight_decay: 0.01,
            warmup: 0.1,
            clip_norm: 1.0,
            patience: 0,
            held_out: 0.1,
            balanced: true,
        }
    }
}

impl FineTuneConfig {
    /// Sets the passes over the examples.
    #[must_use]
    pub fn with_epochs(mut self, epochs: usize) -> Self {
        self.epochs = epochs;
        self
    }

    /// Sets the items of a step.
    #[must_use]
    pub fn with_batch_size(mut self, batch_size: usize) -> Self {
        self.batch_size = batch_size;
        self
    }

    /// Sets the learning rates of the encoder and of the head.
    #[must_use]
    pub fn with_learning_rates(mut self, encoder: f64, head: f64) -> Self {
        (self.learning_rate, self.head_learning_rate) = (encoder, head);
        self
    }

    /// Sets the decay of matrices.
    #[must_use]
    pub fn with_weight_decay(mut self, weight_decay: f64) -> Self {
        self.weight_decay = weight_decay;
        self
    }

    /// Sets the share of rising steps.
    #[must_use]
    pub fn with_warmup(mut self, warmup: f64) -> Self {
        self.warmup = warmup;
        self
    }

    /// Sets the greatest length of the gradient.
    #[must_use]
    pub fn with_clip_norm(mut self, clip_norm: f64) -> Self {
        self.clip_norm = clip_norm;
        self
    }

    /// Stops early: after so many epochs without a lower loss on this share of the labels.
    #[must_use]
    pub fn with_early_stop(mut self, patience: usize, held_out: f64) -> Self {
        (self.patience, self.held_out) = (patience, held_out);
        self
    }

    /// Sets whether classes are balanced.
    #[must_use]
    pub fn with_balanced(mut self, balanced: bool) -> Self {
        self.balanced = balanced;
        self
    }

    /// Settings of the head that a fit starts from: logistic regression on the published features.
    pub fn head(&self) -> LogisticRegressionConfig {
        LogisticRegressionConfig::default().with_balanced(self.balanced)
    }

    /// Checks the settings.
    ///
    /// # Errors
    /// For the first one outside its range.
    pub fn check(&self) -> Result<FineTune, Error> {
        let setting = |name, value: &str, rule| Err(Error::setting(name, value, rule));
        for (name, value) in [("epochs", self.epochs), ("batch_size", self.batch_size)] {
            if value == 0 {
                return setting(name, "0", "give at least 1");
            }
        }
        let rule = "a learning rate must be finite and above 0";
        let rates = [
            ("learning_rate", self.learning_rate, rule),
            ("head_learning_rate", self.head_learning_rate, rule),
            ("clip_norm", self.clip_norm, "a length must be finite and above 0"),
        ];
        for (name, value, rule) in rates {
            if !(value.is_finite() && value > 0.0) {
                return setting(name, &value.to_string(), rule);
            }
        }
        if !(self.weight_decay.is_finite() && self.weight_decay >= 0.0) {
            let rule = "a decay must be finite and at least 0";
            return setting("weight_decay", &self.weight_decay.to_string(), rule);
        }
        if !(0.0..=1.0).contains(&self.warmup) {
            let rule = "a share of the steps lies between 0 and 1";
            return setting("warmup", &self.warmup.to_string(), rule);
        }
        if !(self.held_out > 0.0 && self.held_out < 1.0) {
            let rule =
                "a share of the labels lies between 0 and 1; `patience = 0` holds out nothing";
            return setting("held_out", &self.held_out.to_string(), rule);
        }
        Ok(FineTune { config: self.clone() })
    }
}

/// Trains an encoder and a head on its features, with settings that were checked; `FineTune::fit` comes with the
/// feature `fine-tune`.
#[derive(Clone, Debug)]
pub struct FineTune {
    config: FineTuneConfig,
}

impl FineTune {
    /// The settings.
    pub fn config(&self) -> &FineTuneConfig {
        &self.config
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_outside_their_range_are_named() {
        let cases = [
            ("epochs = 0", "`epochs` is 0: "),
            ("batch_size = 0", "`batch_size` is 0: "),
            ("learning_rate = 0.0", "`learning_rate` is 0: "),
            ("head_learning_rate = inf", "`head_learning_rate` is inf: "),
            ("weight_decay = -0.1", "`weight_decay` is -0.1: "),
            ("warmup = 1.5", "`warmup` is 1.5: "),
            ("clip_norm = nan", "`clip_norm` is NaN: "),
            ("held_out = 1.0", "`held_out` is 1: "),
        ];
        for (text, expected) in cases {
            let error = toml::from_str::<FineTuneConfig>(text).unwrap().check().unwrap_err();
            assert!(error.to_string().starts_with(expected), "{error}");
        }
        assert!(toml::from_str::<FineTuneConfig>("rate = 1.0").is_err());
        assert!(FineTuneConfig::default().check().is_ok());
    }

    #[test]
    fn settings_survive_a_round_trip() {
        let config = FineTuneConfig::default()
            .with_epochs(2)
            .with_batch_size(8)
            .with_learning_rates(1e-4, 1e-2)
            .with_weight_decay(0.0)
            .with_warmup(0.0)
            .with_clip_norm(2.0)
            .with_early_stop(3, 0.25)
            .with_balanced(false);
        let back = toml::from_str(&toml::to_string(&config).unwrap()).unwrap();
        assert_eq!(config, back);
    }
}
