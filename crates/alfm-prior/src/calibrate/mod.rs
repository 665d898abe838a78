//! Calibration: the same knowledge, with honest confidence.

mod label_shift;
mod temperature;
mod vector;

pub use label_shift::LabelShift;
pub use temperature::Temperature;
pub use vector::VectorScaling;

use alfm_core::{ClassId, Probabilities};

use crate::{Error, ErrorKind};

/// Below this, a probability counts as this: `ln` stays finite.
const FLOOR: f32 = 1e-30;

/// A map from class probabilities to better ones.
pub trait Calibrator: Send + Sync {
    /// Applies it to a matrix of probabilities `N x K`.
    ///
    /// # Errors
    /// If `prior` is not a matrix of probabilities.
    fn apply(&self, prior: &Probabilities) -> Result<Probabilities, Error>;
}

/// Checks that labelled rows exist and their classes are known.
pub(crate) fn check_labels(
    prior: &Probabilities,
    labels: &[(usize, ClassId)],
    purpose: &'static str,
) -> Result<(), Error> {
    if labels.is_empty() {
        return Err(no_labels(purpose));
    }
    let (rows, classes) = (prior.rows(), prior.classes());
    for &(row, class) in labels {
        if row >= rows {
            let message = format!("labelled row {row} is outside the prior, which has {rows} rows");
            return Err(Error::new(ErrorKind::NotFound, message).at_row(row));
        }
        if class.index() >= classes {
            return Err(Error::unknown_class(class, classes));
        }
    }
    Ok(())
}

/// Nothing to measure or to fit on.
pub(crate) fn no_labels(purpose: &str) -> Error {
    let message = format!("no labelled row is given: at least one is needed to {purpose}");
    Error::new(ErrorKind::Missing, message)
}

/// Natural logarithms of a row of probabilities, floored.
pub(crate) fn log_row(row: &[f32]) -> impl Iterator<Item = f64> + '_ {
    row.iter().map(|p| f64::from(p.max(FLOOR)).ln())
}
