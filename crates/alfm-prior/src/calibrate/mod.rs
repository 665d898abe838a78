//! Calibration: the same knowledge, with honest confidence.

mod label_shift;
mod temperature;
mod vector;

pub use label_shift::LabelShift;
pub use temperature::Temperature;
pub use vector::VectorScaling;

use alfm_core::{ClassId, CoreError, Matrix, MatrixView};

use crate::PriorError;

/// Below this, a probability counts as this: `ln` stays finite.
const FLOOR: f32 = 1e-30;

/// A map from class probabilities to better ones.
pub trait Calibrator: Send + Sync {
    /// Applies it to a matrix of probabilities `N x K`.
    ///
    /// # Errors
    /// [`PriorError::Input`] if `prior` is not a matrix of probabilities.
    fn apply(&self, prior: MatrixView<'_>) -> Result<Matrix, PriorError>;
}

/// Checks that labelled rows exist and their classes are known.
pub(crate) fn check_labels(
    prior: MatrixView<'_>,
    labels: &[(usize, ClassId)],
    purpose: &'static str,
) -> Result<(), PriorError> {
    if labels.is_empty() {
        return Err(PriorError::NoLabels { purpose });
    }
    let (rows, classes) = (prior.rows(), prior.columns());
    for &(row, class) in labels {
        if row >= rows {
            return Err(PriorError::UnknownRow { row, rows });
        }
        if class.index() >= classes {
            return Err(CoreError::UnknownClass { class, classes }.into());
        }
    }
    Ok(())
}

/// Natural logarithms of a row of probabilities, floored.
pub(crate) fn log_row(row: &[f32]) -> impl Iterator<Item = f64> + '_ {
    row.iter().map(|p| f64::from(p.max(FLOOR)).ln())
}
