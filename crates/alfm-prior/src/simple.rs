use alfm_core::{MatrixView, Probabilities, ScoreKind};

use crate::Error;
use crate::zero_shot::softmax_rows;

/// The prior that knows nothing: `1 / classes` everywhere, `rows x classes`.
///
/// # Errors
/// For fewer than two classes.
pub fn uniform(rows: usize, classes: usize) -> Result<Probabilities, Error> {
    if classes < 2 {
        return Err(Error::too_few_classes(classes));
    }
    Probabilities::new(vec![1.0 / classes as f32; rows * classes], rows, classes)
}

/// A prior that is wrong on purpose: what `prior` gave class `k` goes to class `k + 1`, the last to the first.
///
/// # Errors
/// If `prior` is not a matrix of probabilities.
pub fn rotated(prior: &Probabilities) -> Result<Probabilities, Error> {
    let mut values = prior.view().values().to_vec();
    values.chunks_exact_mut(prior.classes()).for_each(|row| row.rotate_right(1));
    Probabilities::new(values, prior.rows(), prior.classes())
}

/// A prior computed elsewhere, for `rows` items and `classes` classes.
///
/// Probabilities that sum to one within a hundredth are normalised: half precision on disk leaves out what is
/// smaller than it can hold, which with ten classes came to half of that. Logits go through a softmax.
///
/// # Errors
/// If the shape is not `rows x classes`, or for the first row that is no distribution.
///
/// ```
/// use alfm_core::{Matrix, ScoreKind};
/// let read = Matrix::from_rows(&[[0.7495, 0.25], [0.0, 1.0]])?;
/// let prior = alfm_prior::from_matrix(read.view(), ScoreKind::Probabilities, 2, 2)?;
/// assert!((prior.row(0)[0] - 0.7495 / 0.9995).abs() < 1e-6);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn from_matrix(
    matrix: MatrixView<'_>,
    kind: ScoreKind,
    rows: usize,
    classes: usize,
) -> Result<Probabilities, Error> {
    if matrix.rows() != rows {
        return Err(Error::row_count("prior", rows, matrix.rows()));
    }
    if matrix.columns() != classes {
        return Err(Error::column_count("prior", classes, matrix.columns()));
    }
    match kind {
        ScoreKind::Logits => softmax_rows(matrix),
        ScoreKind::Probabilities => {
            let mut values = matrix.values().to_vec();
            for row in values.chunks_exact_mut(classes) {
                let sum: f64 = row.iter().copied().map(f64::from).sum();
                if (sum - 1.0).abs() <= ROUNDED {
                    normalise(row);
                }
            }
            Probabilities::new(values, rows, classes)
        }
    }
}

/// How far a row that was rounded may be from a sum of 1.
const ROUNDED: f64 = 0.01;

/// Divides a row by its sum, which is above 0.
pub(crate) fn normalise(row: &mut [f32]) {
    let sum: f64 = row.iter().copied().map(f64::from).sum();
    row.iter_mut().for_each(|value| *value = (f64::from(*value) / sum) as f32);
}
