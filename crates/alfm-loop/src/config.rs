use alfm_core::Error;
use serde::{Deserialize, Serialize};

/// Options of the loop that are neither the strategy's nor the learner's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct LoopConfig {
    /// What a free label weighs in training, an oracle label weighing 1; the guard's own weight comes in addition.
    /// Published, and by default, 1.
    pub pseudo_label_weight: f32,
    /// Folds of the out-of-fold predictions; default 5.
    pub folds: usize,
    /// The stochastic passes of the small model, for strategies that need them.
    pub dropout: Dropout,
}

/// Stochastic passes: dropout on the input features.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Dropout {
    /// `M`: passes a round.
    pub passes: u64,
    /// The share of features that each pass drops, in `[0, 1)`.
    pub rate: f64,
}

impl Default for LoopConfig {
    fn default() -> Self {
        Self { pseudo_label_weight: 1.0, folds: 5, dropout: Dropout::default() }
    }
}

impl Default for Dropout {
    fn default() -> Self {
        Self { passes: 20, rate: 0.5 }
    }
}

impl LoopConfig {
    /// Sets what a free label weighs in training.
    #[must_use]
    pub fn with_pseudo_label_weight(mut self, weight: f32) -> Self {
        self.pseudo_label_weight = weight;
        self
    }

    /// Sets the folds of the out-of-fold predictions.
    #[must_use]
    pub fn with_folds(mut self, folds: usize) -> Self {
        self.folds = folds;
        self
    }

    /// Sets the stochastic passes.
    #[must_use]
    pub fn with_dropout(mut self, dropout: Dropout) -> Self {
        self.dropout = dropout;
        self
    }

    /// Checks the options.
    ///
    /// # Errors
    /// For the first one out of range.
    pub fn check(&self) -> Result<(), Error> {
        let weight = self.pseudo_label_weight;
        if !(weight.is_finite() && weight > 0.0) {
            return Err(Error::setting(
                "pseudo_label_weight",
                weight,
                "it must be a finite number above 0",
            ));
        }
        if self.folds < 2 {
            return Err(Error::setting("folds", self.folds, "it must be at least 2"));
        }
        let Dropout { passes, rate } = self.dropout;
        if passes == 0 || !(0.0..1.0).contains(&rate) {
            let value = format!("{passes} passes at {rate}");
            return Err(Error::setting(
                "dropout",
                value,
                "it must be some passes at a rate in [0, 1)",
            ));
        }
        Ok(())
    }
}
