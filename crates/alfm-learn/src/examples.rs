use alfm_core::{ClassId, Matrix, MatrixView, Predictions, ScoreKind};

use crate::{Capabilities, Error, ErrorKind};

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

    /// The examples as a learner of these capabilities can take them; the same if it can take all.
    ///
    /// Without soft targets a distribution becomes its most probable class, the lowest on ties, with the weight that
    /// it had. Without weights an example counts whole or not at all: those stay that weigh at least half as much as
    /// the heaviest. `O(N D)` where anything changes.
    ///
    /// # Errors
    /// As [`check`](Examples::check).
    pub fn reduced(&self, capabilities: Capabilities) -> Result<Reduced<'a>, Error> {
        self.check()?;
        let weighted = || self.weights.iter().any(|weight| *weight != self.weights[0]);
        let takes_weights = capabilities.weights || !weighted();
        let takes_targets = capabilities.soft || self.soft.is_none();
        if takes_weights && takes_targets {
            return Ok(Reduced::Same(*self));
        }
        let mut labels = self.labels.to_vec();
        let soft = self.soft.filter(|_| capabilities.soft);
        if soft.is_none() {
            labels.extend(self.soft.into_iter().flat_map(|soft| soft.iter()).map(most_probable));
        }
        let mut rows: Vec<usize> = (0..self.weights.len()).collect();
        let mut weights = self.weights.to_vec();
        if !capabilities.weights {
            let least = 0.5 * weights.iter().copied().fold(0.0, f32::max);
            rows.retain(|row| weights[*row] >= least);
            weights = vec![1.0; rows.len()];
        }
        let hard = labels.len();
        let kept_soft = rows.iter().filter(|row| **row >= hard).map(|row| row - hard);
        Ok(Reduced::Other {
            soft: soft.map(|soft| soft.gather(kept_soft)),
            labels: rows.iter().filter(|row| **row < hard).map(|row| labels[*row]).collect(),
            embeddings: self.embeddings.gather(rows),
            weights,
            classes: self.classes,
        })
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

/// Examples without what a learner can't take, see [`Examples::reduced`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Reduced<'a> {
    /// They are as they were.
    Same(Examples<'a>),
    /// They are others.
    #[non_exhaustive]
    Other {
        /// As in [`Examples`]; likewise below.
        embeddings: Matrix,
        /// Class of each of the first items.
        labels: Vec<ClassId>,
        /// Weight of each item.
        weights: Vec<f32>,
        /// Number of classes.
        classes: usize,
        /// Class distributions of the other items.
        soft: Option<Matrix>,
    },
}

impl Reduced<'_> {
    /// The examples.
    pub fn examples(&self) -> Examples<'_> {
        match self {
            Self::Same(examples) => *examples,
            Self::Other { embeddings, labels, weights, classes, soft } => {
                let hard = Examples::new(embeddings.view(), labels, weights, *classes);
                match soft.as_ref().filter(|soft| soft.rows() > 0) {
                    None => hard,
                    Some(soft) => hard.with_soft(soft.view()),
                }
            }
        }
    }
}

/// The class of the largest probability, the lowest on ties.
fn most_probable(row: &[f32]) -> ClassId {
    let larger = |best: usize, class: usize| if row[class] > row[best] { class } else { best };
    ClassId::from_index((1..row.len()).fold(0, larger))
}

/// No example carries any weight.
pub(crate) fn nothing_to_learn(rows: usize) -> Error {
    let message =
        format!("none of the {rows} examples has a weight above 0: label at least one item first");
    Error::new(ErrorKind::Missing, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two labels of weight 1 and 0.2, and distributions of weight 0.5 and 0.4 that lean to classes 1 and 0.
    #[test]
    fn what_a_learner_cannot_take_is_put_in_words_that_it_can() {
        let embeddings = Matrix::from_rows(&[[1.0], [2.0], [3.0], [4.0]]).unwrap();
        let soft = Matrix::from_rows(&[[0.25, 0.75], [0.5, 0.5]]).unwrap();
        let labels = [1, 0].map(ClassId::new);
        let weights = [1.0, 0.2, 0.5, 0.4];
        let examples =
            Examples::new(embeddings.view(), &labels, &weights, 2).with_soft(soft.view());
        let of = |soft, weights| {
            let reduced = examples.reduced(Capabilities { soft, weights }).unwrap();
            let all = reduced.examples();
            all.check().unwrap();
            let labels: Vec<usize> = all.labels.iter().map(|label| label.index()).collect();
            let soft = all.soft.map_or(0, |soft| soft.rows());
            (all.embeddings.values().to_vec(), labels, all.weights.to_vec(), soft)
        };
        let everything = vec![1.0, 2.0, 3.0, 4.0];
        assert_eq!(of(true, true), (everything.clone(), vec![1, 0], weights.to_vec(), 2));
        assert_eq!(of(false, true), (everything, vec![1, 0, 1, 0], weights.to_vec(), 0));
        assert_eq!(of(true, false), (vec![1.0, 3.0], vec![1], vec![1.0, 1.0], 1));
        assert_eq!(of(false, false), (vec![1.0, 3.0], vec![1, 1], vec![1.0, 1.0], 0));
    }
}
