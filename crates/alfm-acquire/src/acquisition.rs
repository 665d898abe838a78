use std::fmt;

use alfm_core::{MatrixView, Predictions, SeedTree};
use serde::{Deserialize, Serialize};

use crate::{AcquireError, Pool};

/// A chosen row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pick {
    /// The row of the pool's matrices.
    pub row: usize,
    /// Why it was chosen, in the strategy's own unit; larger is more wanted.
    ///
    /// Infinite where a first centre has no earlier one to be far from.
    pub score: f64,
}

/// The inputs that a strategy cannot do without.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Needs {
    /// The small model's class predictions.
    pub model: bool,
    /// Embeddings.
    pub embeddings: bool,
    /// The foundation model's class probabilities.
    pub prior: bool,
}

/// An acquisition function.
///
/// Implementors write [`acquire`](Acquisition::acquire); callers call [`select`](Acquisition::select),
/// which keeps the contract at its edges.
pub trait Acquisition: fmt::Debug + Send + Sync {
    /// The name by which the strategy is known, in kebab case.
    fn name(&self) -> &'static str;

    /// What it cannot do without.
    fn needs(&self) -> Needs;

    /// Chooses `budget` candidates, in selection order.
    ///
    /// Called with `1 <= budget <= pool.candidates().len()` and with every needed input present.
    ///
    /// # Errors
    /// As [`select`](Acquisition::select).
    fn acquire(
        &self,
        pool: &Pool<'_>,
        budget: usize,
        seed: &SeedTree,
    ) -> Result<Vec<Pick>, AcquireError>;

    /// Chooses `min(budget, candidates)` distinct candidates, in selection order.
    ///
    /// # Errors
    /// [`AcquireError::MissingInput`] if the pool lacks an input that the strategy needs.
    fn select(
        &self,
        pool: &Pool<'_>,
        budget: usize,
        seed: &SeedTree,
    ) -> Result<Vec<Pick>, AcquireError> {
        if self.needs().model {
            self.model(pool)?;
        }
        if self.needs().embeddings {
            self.embeddings(pool)?;
        }
        match budget.min(pool.candidates().len()) {
            0 => Ok(Vec::new()),
            budget => self.acquire(pool, budget, &seed.child(self.name())),
        }
    }

    /// The pool's model predictions.
    ///
    /// # Errors
    /// [`AcquireError::MissingInput`] if it has none.
    fn model<'a>(&self, pool: &Pool<'a>) -> Result<Predictions<'a>, AcquireError> {
        let input = "the model's class predictions";
        pool.model().ok_or(AcquireError::MissingInput { strategy: self.name(), input })
    }

    /// The pool's embeddings.
    ///
    /// # Errors
    /// [`AcquireError::MissingInput`] if it has none.
    fn embeddings<'a>(&self, pool: &Pool<'a>) -> Result<MatrixView<'a>, AcquireError> {
        let input = "embeddings";
        pool.embeddings().ok_or(AcquireError::MissingInput { strategy: self.name(), input })
    }
}
