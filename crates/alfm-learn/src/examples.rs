use alfm_core::{ClassId, MatrixView, Predictions, ScoreKind};

use crate::{Error, ErrorKind};

/// Items to learn from: row `i` of everything is item `i`.
///
/// The first rows have a class each, the rest, if any, a distribution over the classes.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Examples<'a> {
    /// Embeddings, `N x D`.
    pub embeddings: MatrixView<'a>,
    /// Class of each of the first `n` items.
    pub labels: &'a [ClassId],
    /// Weight of each item, length `N`: 1 for an oracle label, less where it is trusted less.
    pub weights: &'a [f32],
    /// Number of classes `K`, seen or not.
    pub classes: usize,
    /// Class distributions of the other `N - n` items, one a row, `K` columns.
    pub soft: Option<MatrixView<'a>>,
}

impl<'a> Examples<'a> {
    /// Items with a class each.
    pub fn new(
        embeddings: MatrixView<'a>,
        labels: &'a [ClassId],
        weights: &'a [f32],
        classes: usize,
    ) -> Self {
        Self { embeddings, labels, weights, classes, soft: None }
    }

    /// Says that the rows after the labelled ones have these class distributions.
    ///
    /// Such an item is each class at once, weighted by its probability.
    #[must_use]
    pub fn with_soft(mut self, soft: MatrixView<'a>) -> Self {
        self.soft = Some(soft);
        self
    }

    /// Checks lengths, labels, weights and the number of classes: `O(N)`.
    ///
    /// # Errors
    /// For lengths, class ids, soft rows that are no distributions, fewer than two classes, the first bad weight, and
    /// if no weight is above 0.
    pub fn check(&self) -> Result<(), Error> {
        let rows = self.embeddings.rows();
        if self.classes < 2 {
            return Err(Error::too_few_classes(self.classes));
        }
        if let Some(soft) = self.soft {
            Predictions::new(soft, ScoreKind::Probabilities)?;
            if soft.columns() != self.classes {
                return Err(Error::column_count("soft targets", self.classes, soft.columns()));
            }
        }
        let targets = self.labels.len() + self.soft.map_or(0, |soft| soft.rows());
        for (what, got) in [("labels", targets), ("weights", self.weights.len())] {
            if got != rows {
                return Err(Error::row_count(what, rows, got));
            }
        }
        if let Some(&class) = self.labels.iter().find(|class| class.index() >= self.classes) {
            return Err(Error::unknown_class(class, self.classes));
        }
        if let Some(row) = self.weights.iter().position(|w| !(w.is_finite() && *w >= 0.0)) {
            let weight = self.weights[row];
            let message =
                format!("example {row} has weight {weight}: give a finite weight of 0 or more");
            return Err(Error::input(message).at_row(row));
        }
        if self.weights.iter().all(|weight| *weight == 0.0) {
            return Err(nothing_to_learn(rows));
        }
        Ok(())
    }

    /// `n_k`: the summed weights of each class, length `K`.
    pub(crate) fn class_totals(&self) -> Vec<f64> {
        let mut totals = vec![0.0; self.classes];
        for (class, weight) in self.labels.iter().zip(self.weights) {
            totals[class.index()] += f64::from(*weight);
        }
        for (row, weight) in self.soft_rows() {
            for (total, p) in totals.iter_mut().zip(row) {
                *total += f64::from(weight * p);
            }
        }
        totals
    }

    /// The soft rows with their weights.
    pub(crate) fn soft_rows(&self) -> impl Iterator<Item = (&'a [f32], f32)> {
        let weights = self.weights.iter().skip(self.labels.len()).copied();
        self.soft.into_iter().flat_map(|soft| soft.iter()).zip(weights)
    }
}

/// No example carries any weight.
pub(crate) fn nothing_to_learn(rows: usize) -> Error {
    let message =
        format!("none of the {rows} examples has a weight above 0: label at least one item first");
    Error::new(ErrorKind::Missing, message)
}
