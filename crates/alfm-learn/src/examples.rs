use alfm_core::{ClassId, CoreError, MatrixView};

use crate::LearnError;

/// Labelled items to learn from: row `i` of everything is item `i`.
#[derive(Clone, Copy, Debug)]
pub struct Examples<'a> {
    /// Embeddings, `N x D`.
    pub embeddings: MatrixView<'a>,
    /// Class of each item, length `N`.
    pub labels: &'a [ClassId],
    /// Weight of each item, length `N`: 1 for an oracle label, less where it is trusted less.
    pub weights: &'a [f32],
    /// Number of classes `K`, seen or not.
    pub classes: usize,
}

impl Examples<'_> {
    /// Checks lengths, labels, weights and the number of classes: `O(N)`.
    ///
    /// # Errors
    /// [`LearnError::Input`] for lengths, class ids and fewer than two classes, [`LearnError::Weight`]
    /// for the first bad weight, [`LearnError::NothingToLearn`] if no weight is above 0.
    pub fn check(&self) -> Result<(), LearnError> {
        let rows = self.embeddings.rows();
        if self.classes < 2 {
            return Err(CoreError::TooFewClasses { got: self.classes }.into());
        }
        for (what, got) in [("labels", self.labels.len()), ("weights", self.weights.len())] {
            if got != rows {
                return Err(CoreError::RowCount { what, expected: rows, got }.into());
            }
        }
        if let Some(&class) = self.labels.iter().find(|class| class.index() >= self.classes) {
            return Err(CoreError::UnknownClass { class, classes: self.classes }.into());
        }
        if let Some(row) = self.weights.iter().position(|w| !(w.is_finite() && *w >= 0.0)) {
            return Err(LearnError::Weight { row, weight: self.weights[row] });
        }
        if self.weights.iter().all(|weight| *weight == 0.0) {
            return Err(LearnError::NothingToLearn { rows });
        }
        Ok(())
    }

    /// `n_k`: the summed weights of each class, length `K`.
    pub(crate) fn class_totals(&self) -> Vec<f64> {
        let mut totals = vec![0.0; self.classes];
        for (class, weight) in self.labels.iter().zip(self.weights) {
            totals[class.index()] += f64::from(*weight);
        }
        totals
    }
}
