//! Models that train the encoder as well, instead of reading its embeddings.

use std::error::Error as StdError;
use std::fmt::Debug;
use std::sync::Arc;

use alfm_core::{Error, SeedTree};
use alfm_learn::FineTuneConfig;
use alfm_loop::{Tuned, TuningExamples};

use crate::error::{UNTRAINED, failed};

/// Trains the encoder of a task's items; the program brings it, as it brings the [`Embedder`](super::Embedder).
pub trait Tuner: Debug + Send + Sync {
    /// Trains from the published weights. The other items of what comes back are the test set.
    ///
    /// # Errors
    /// Whatever the encoder and the settings return.
    fn fit(
        &self,
        config: &FineTuneConfig,
        examples: &TuningExamples<'_>,
        seed: &SeedTree,
    ) -> Result<Tuned, Box<dyn StdError + Send + Sync>>;
}

/// A tuner with the settings of a task, as the loop calls it.
#[derive(Debug)]
pub(super) struct WithSettings {
    tuner: Arc<dyn Tuner>,
    settings: FineTuneConfig,
}

impl WithSettings {
    pub(super) fn new(tuner: Arc<dyn Tuner>, settings: FineTuneConfig) -> Self {
        Self { tuner, settings }
    }
}

impl alfm_loop::Tuner for WithSettings {
    fn fit(&self, examples: &TuningExamples<'_>, seed: &SeedTree) -> Result<Tuned, Error> {
        self.tuner.fit(&self.settings, examples, seed).map_err(failed(UNTRAINED))
    }
}
