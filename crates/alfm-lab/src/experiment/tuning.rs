//! Models that train the encoder as well, instead of reading its embeddings.

use std::error::Error;
use std::fmt::Debug;

use alfm_core::{ClassId, Matrix, MatrixView, SeedTree};
use alfm_learn::{Classifier, FineTuneConfig};

/// Trains the encoder of a task's items; the program brings it, as it brings the [`Embedder`](super::Embedder).
pub trait Tuner: Debug + Send + Sync {
    /// Trains from the published weights.
    ///
    /// # Errors
    /// Whatever the encoder and the settings return.
    fn fit(
        &self,
        config: &FineTuneConfig,
        examples: &PoolExamples<'_>,
        seed: &SeedTree,
    ) -> Result<Tuned, Box<dyn Error + Send + Sync>>;
}

/// Items of the pool to learn from, by their rows there: the first have a class each, the others a distribution.
#[derive(Clone, Copy, Debug)]
pub struct PoolExamples<'a> {
    /// Row of each example.
    pub rows: &'a [usize],
    /// Class of each of the first `n`.
    pub labels: &'a [ClassId],
    /// Weight of each.
    pub weights: &'a [f32],
    /// Number of classes.
    pub classes: usize,
    /// Distributions of the others.
    pub soft: Option<MatrixView<'a>>,
}

/// A trained encoder, as far as an experiment sees it.
pub struct Tuned {
    /// Its head, a model of its features.
    pub model: Box<dyn Classifier>,
    /// Features of the pool, `N x D`.
    pub pool: Matrix,
    /// Features of the test set.
    pub test: Matrix,
}
