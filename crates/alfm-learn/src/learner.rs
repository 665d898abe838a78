use std::cmp::Ordering;

use alfm_core::{Matrix, MatrixView, Probabilities, SeedTree};
use rand::RngExt;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{Error, Examples};

/// Something that learns a classifier from labelled embeddings, from the start, each time it is asked.
pub trait Learner: Send + Sync {
    /// Fits a model; the same examples and seed give the same model.
    ///
    /// # Errors
    /// As [`Examples::check`].
    fn fit(&self, examples: &Examples<'_>, seed: &SeedTree) -> Result<Box<dyn Classifier>, Error>;

    /// What it makes use of; callers give it no more, see [`Examples::reduced`]. All of it by default.
    fn capabilities(&self) -> Capabilities {
        Capabilities::default()
    }
}

/// What a learner makes use of beside embeddings and classes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// Distributions over the classes as targets.
    pub soft: bool,
    /// A weight for each example.
    pub weights: bool,
}

impl Default for Capabilities {
    fn default() -> Self {
        Self { soft: true, weights: true }
    }
}

/// A fitted model. One of the user's own needs [`predict`](Classifier::predict) alone.
pub trait Classifier: Send + Sync {
    /// Class probabilities `N x K` of `N x D` embeddings: every entry above 0, rows sum to one.
    ///
    /// A class that no example showed gets `1 / (n + K)`, where `n` is the sum of the example weights
    /// (Laplace's rule of succession): small, never 0, and always below the best of the seen classes.
    ///
    /// # Errors
    /// If the embeddings are not as wide as the examples were.
    fn predict(&self, embeddings: MatrixView<'_>) -> Result<Probabilities, Error>;

    /// As [`predict`](Classifier::predict), with dropout on the input features: one stochastic pass.
    ///
    /// Each feature of each row is set to 0 with probability `rate`, and the others grow by `1 / (1 - rate)`.
    /// The seed decides the pass, whatever the number of threads.
    ///
    /// # Errors
    /// As [`predict`](Classifier::predict), and for a rate outside `[0, 1)`.
    fn predict_with_dropout(
        &self,
        embeddings: MatrixView<'_>,
        rate: f64,
        seed: &SeedTree,
    ) -> Result<Probabilities, Error> {
        self.predict(dropped(embeddings, rate, seed)?.view())
    }

    /// The model as one linear layer, `z = W x + c`; `None` where it has hidden layers.
    fn linear_layer(&self) -> Option<LinearLayer> {
        None
    }

    /// How the fit went, if the model knows.
    fn fit_summary(&self) -> Option<&Fit> {
        None
    }
}

/// Rows that share a stream of random numbers, whatever the number of threads.
const BLOCK: usize = 1024;

/// The embeddings, each feature dropped with probability `rate`.
#[expect(clippy::cast_possible_truncation, reason = "a scale of features")]
fn dropped(embeddings: MatrixView<'_>, rate: f64, seed: &SeedTree) -> Result<Matrix, Error> {
    if !(0.0..1.0).contains(&rate) {
        return Err(Error::setting("rate", rate, "a dropout rate is at least 0 and below 1"));
    }
    let mut values = embeddings.values().to_vec();
    let scale = (1.0 / (1.0 - rate)) as f32;
    // A stream a block: the mask of a row depends on the seed and its place alone.
    values.par_chunks_mut(BLOCK * embeddings.columns()).enumerate().for_each(|(block, values)| {
        let mut rng = seed.index(block as u64).rng();
        for value in values {
            *value = if rng.random_bool(rate) { 0.0 } else { *value * scale };
        }
    });
    Matrix::new(values, embeddings.rows(), embeddings.columns())
}

/// A linear layer over all classes.
///
/// A class that no example showed has weights of 0, and the intercept that gives it its constant probability
/// at the origin.
#[derive(Clone, Debug, PartialEq)]
pub struct LinearLayer {
    /// `W`, `K x D`.
    pub weights: Matrix,
    /// `c`, one a class.
    pub bias: Vec<f32>,
}

/// How a fit went.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Fit {
    /// Accepted steps.
    pub iterations: usize,
    /// Evaluations of loss and gradient, at least one a step.
    pub evaluations: usize,
    /// Loss at the start, penalty included, per unit of example weight, in nats.
    pub start_loss: f64,
    /// Loss at the end.
    pub final_loss: f64,
    /// Norm of the gradient at the end over its norm at the start; 0 if it was 0 at the start.
    pub gradient_ratio: f64,
    /// Why the fit ended.
    pub stop: Stop,
}

impl Fit {
    /// Whether the loss is at a minimum, as far as single precision can tell.
    pub fn converged(&self) -> bool {
        self.stop != Stop::IterationLimit
    }

    /// Whether training failed to lower the loss although there was something to lower.
    pub fn diverged(&self) -> bool {
        // A loss that overflowed to NaN has not been lowered either.
        let lowered = self.final_loss.partial_cmp(&self.start_loss) == Some(Ordering::Less);
        self.gradient_ratio != 0.0 && !lowered
    }
}

/// Why a fit ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Stop {
    /// The gradient fell to the tolerance.
    Tolerance,
    /// No step along the descent direction lowers the loss any further: rounding hides the rest.
    Precision,
    /// The iteration limit came first.
    IterationLimit,
}
