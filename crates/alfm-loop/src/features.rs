//! What the loop reads of a pool, wherever it lies: in memory, or in a mapped file.

use std::fmt;

use alfm_core::{Error, Matrix, MatrixView, Predictions, Probabilities};

/// Embeddings of a pool, `N x D`.
pub trait Features: Send + Sync {
    /// The embeddings, one row an item.
    fn view(&self) -> MatrixView<'_>;
}

impl Features for Matrix {
    fn view(&self) -> MatrixView<'_> {
        self.view()
    }
}

impl fmt::Debug for dyn Features {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let view = self.view();
        write!(f, "Features({} x {})", view.rows(), view.columns())
    }
}

/// A foundation model's class probabilities for a pool, `N x K`.
pub trait Prior: Send + Sync {
    /// The probabilities, checked.
    ///
    /// # Errors
    /// Rows that are no distributions.
    fn predictions(&self) -> Result<Predictions<'_>, Error>;
}

impl Prior for Probabilities {
    fn predictions(&self) -> Result<Predictions<'_>, Error> {
        Ok(self.predictions())
    }
}

impl fmt::Debug for dyn Prior {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Prior")
    }
}
