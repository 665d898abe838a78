use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{CoreError, MatrixView};

/// How far the sum of a row of probabilities may be from one.
pub const ROW_SUM_TOLERANCE: f64 = 1e-3;

/// What the numbers of a prediction matrix are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ScoreKind {
    /// Non-negative, rows sum to one.
    Probabilities,
    /// Unnormalised log-probabilities: the softmax of a row gives its probabilities.
    Logits,
}

/// Class predictions, one row an item, one column a class; checked once, trusted afterwards.
///
/// ```
/// use alfm_core::Predictions;
/// let model = Predictions::probabilities(&[0.7, 0.3, 0.2, 0.8], 2, 2)?;
/// assert_eq!(model.argmax(1).index(), 1);
///
/// let error = Predictions::probabilities(&[0.7, 0.4, 0.2, 0.8], 2, 2).unwrap_err();
/// assert!(error.to_string().starts_with("row 0 sums to 1.1"));
/// # Ok::<(), alfm_core::CoreError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Predictions<'a> {
    matrix: MatrixView<'a>,
    kind: ScoreKind,
}

impl<'a> Predictions<'a> {
    /// Checks a row-major matrix of probabilities: `O(rows * classes)` time, no memory.
    ///
    /// # Errors
    /// [`CoreError::Shape`], [`CoreError::TooFewClasses`], [`CoreError::NotFinite`],
    /// [`CoreError::NegativeProbability`] or [`CoreError::RowSum`], for the first row that is wrong.
    pub fn probabilities(
        values: &'a [f32],
        rows: usize,
        classes: usize,
    ) -> Result<Self, CoreError> {
        Self::new(MatrixView::new(values, rows, classes)?, ScoreKind::Probabilities)
    }

    /// Checks a row-major matrix of logits.
    ///
    /// # Errors
    /// [`CoreError::Shape`], [`CoreError::TooFewClasses`] or [`CoreError::NotFinite`].
    pub fn logits(values: &'a [f32], rows: usize, classes: usize) -> Result<Self, CoreError> {
        Self::new(MatrixView::new(values, rows, classes)?, ScoreKind::Logits)
    }

    /// Checks what [`MatrixView::new`] has not: the number of classes and, for probabilities, the rows.
    ///
    /// # Errors
    /// As [`Predictions::probabilities`] and [`Predictions::logits`].
    pub fn new(matrix: MatrixView<'a>, kind: ScoreKind) -> Result<Self, CoreError> {
        if matrix.columns() < 2 {
            return Err(CoreError::TooFewClasses { got: matrix.columns() });
        }
        if kind == ScoreKind::Probabilities {
            let bad = matrix
                .values()
                .par_chunks_exact(matrix.columns())
                .with_min_len(1024)
                .position_first(|row| !is_distribution(row));
            if let Some(row) = bad {
                return Err(explain(matrix.row(row), row));
            }
        }
        Ok(Self { matrix, kind })
    }

    /// Number of items.
    pub fn rows(&self) -> usize {
        self.matrix.rows()
    }

    /// Number of classes `K`, at least 2.
    pub fn classes(&self) -> usize {
        self.matrix.columns()
    }

    /// Probabilities or logits.
    pub fn kind(&self) -> ScoreKind {
        self.kind
    }

    /// The matrix as it was given.
    pub fn matrix(&self) -> MatrixView<'a> {
        self.matrix
    }

    /// The class probabilities of one item: the row itself, or the softmax of its logits in `buffer`.
    ///
    /// `buffer` is resized to `K` where it is needed.
    pub fn row<'b>(&self, row: usize, buffer: &'b mut Vec<f32>) -> &'b [f32]
    where
        'a: 'b,
    {
        let values = self.matrix.row(row);
        match self.kind {
            ScoreKind::Probabilities => values,
            ScoreKind::Logits => {
                softmax_into(values, buffer);
                buffer
            }
        }
    }

    /// The most probable class of one item; the lowest on ties.
    pub fn argmax(&self, row: usize) -> crate::ClassId {
        let values = self.matrix.row(row);
        let mut best = 0;
        for (class, value) in values.iter().enumerate() {
            if *value > values[best] {
                best = class;
            }
        }
        crate::ClassId::from_index(best)
    }
}

/// `buffer[k] = exp(z_k - max z) / sum_j exp(z_j - max z)`.
fn softmax_into(logits: &[f32], buffer: &mut Vec<f32>) {
    let top = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    buffer.clear();
    buffer.extend(logits.iter().map(|z| (z - top).exp()));
    let sum: f32 = buffer.iter().sum();
    for value in buffer {
        *value /= sum;
    }
}

fn is_distribution(row: &[f32]) -> bool {
    let mut sum = 0.0f64;
    let mut lowest = 0.0f32;
    for value in row {
        sum += f64::from(*value);
        lowest = lowest.min(*value);
    }
    lowest >= 0.0 && (sum - 1.0).abs() <= ROW_SUM_TOLERANCE
}

/// The error of a row that [`is_distribution`] refused.
#[cold]
fn explain(values: &[f32], row: usize) -> CoreError {
    match values.iter().position(|value| *value < 0.0) {
        Some(column) => CoreError::NegativeProbability { row, column, value: values[column] },
        None => CoreError::RowSum { row, sum: values.iter().copied().map(f64::from).sum() },
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_fault_names_its_row_and_value() {
        let cases: [(&[f32], &str); 4] = [
            (&[0.5, 0.5, f32::NAN, 0.5], "row 1, column 0 is NaN"),
            (&[0.5, 0.5, 1.25, -0.25], "row 1, column 1 is -0.25"),
            (&[0.5, 0.5, 0.5, 0.25], "row 1 sums to 0.75"),
            (&[0.5, 0.5, 0.5], "2 x 2 values expected, 3 given"),
        ];
        for (values, expected) in cases {
            let message = Predictions::probabilities(values, 2, 2).unwrap_err().to_string();
            assert!(message.starts_with(expected), "{message}");
        }
        let error = Predictions::probabilities(&[1.0, 1.0], 2, 1).unwrap_err();
        assert_eq!(error, CoreError::TooFewClasses { got: 1 });
    }

    #[test]
    fn ties_go_to_the_lowest_class() {
        let model = Predictions::probabilities(&[0.4, 0.4, 0.2], 1, 3).unwrap();
        assert_eq!(model.argmax(0).index(), 0);
    }

    proptest! {
        #[test]
        fn logits_and_their_softmax_are_the_same_prediction(
            logits in prop::collection::vec(-80.0f32..80.0, 4),
        ) {
            let given = Predictions::logits(&logits, 1, 4).unwrap();
            let mut buffer = Vec::new();
            let row = given.row(0, &mut buffer).to_vec();
            let back = Predictions::probabilities(&row, 1, 4).unwrap();
            prop_assert_eq!(given.argmax(0), back.argmax(0));
        }
    }
}
