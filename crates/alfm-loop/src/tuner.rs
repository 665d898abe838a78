//! Models that train the encoder as well, instead of reading its embeddings.

use std::fmt::Debug;

use alfm_core::{ClassId, Error, Matrix, MatrixView, SeedTree};
use alfm_learn::Classifier;

/// Trains an encoder on the items of the pool themselves, from its published weights each time.
pub trait Tuner: Debug + Send + Sync {
    /// Trains; the same examples and seed give the same model.
    ///
    /// # Errors
    /// Whatever the encoder and its settings return.
    fn fit(&self, examples: &TuningExamples<'_>, seed: &SeedTree) -> Result<Tuned, Error>;
}

/// Items of the pool to learn from, by their rows there: the first have a class each, the others a distribution.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct TuningExamples<'a> {
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

/// A trained encoder, as far as the loop sees it.
#[non_exhaustive]
pub struct Tuned {
    /// Its head, a model of its features.
    pub model: Box<dyn Classifier>,
    /// Features of the pool, `N x D`.
    pub pool: Matrix,
    /// Features of other items that the tuner was made with, a test set for example.
    pub others: Option<Matrix>,
}

impl Tuned {
    /// A head and what it reads of the pool.
    pub fn new(model: Box<dyn Classifier>, pool: Matrix) -> Self {
        Self { model, pool, others: None }
    }

    /// Adds the features of other items.
    #[must_use]
    pub fn with_others(mut self, others: Matrix) -> Self {
        self.others = Some(others);
        self
    }
}
