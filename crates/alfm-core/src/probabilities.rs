use crate::{Error, Matrix, MatrixView, Predictions, ScoreKind};

/// Class probabilities that own their values, one row an item, one column a class; checked once, when made.
///
/// What learners and priors return. Whoever takes one need not check it again: [`Probabilities::predictions`] is
/// the borrowed form that strategies read, at no cost.
///
/// ```
/// use alfm_core::Probabilities;
/// let prior = Probabilities::new(vec![0.7, 0.3, 0.2, 0.8], 2, 2)?;
/// assert_eq!(prior.predictions().argmax(1).index(), 1);
///
/// let error = Probabilities::new(vec![0.75, 0.5], 1, 2).unwrap_err();
/// assert!(error.to_string().starts_with("row 0 sums to 1.25"));
/// # Ok::<(), alfm_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Probabilities(Matrix);

impl Probabilities {
    /// Checks row-major values as [`Predictions::probabilities`] does: `O(rows * classes)` time, no memory.
    ///
    /// # Errors
    /// For another number of values, fewer than two classes, and the first row that is no distribution.
    pub fn new(values: Vec<f32>, rows: usize, classes: usize) -> Result<Self, Error> {
        Predictions::probabilities(&values, rows, classes)?;
        Ok(Self(Matrix::of_finite(values, rows, classes)))
    }

    /// From rows of equal length.
    ///
    /// # Errors
    /// For the first row of another length, and as [`Probabilities::new`].
    pub fn from_rows<R: AsRef<[f32]>>(rows: &[R]) -> Result<Self, Error> {
        Matrix::from_rows(rows)?.try_into()
    }

    /// Number of items.
    pub fn rows(&self) -> usize {
        self.0.rows()
    }

    /// Number of classes `K`, at least 2.
    pub fn classes(&self) -> usize {
        self.0.columns()
    }

    /// The probabilities of one item. Panics if `row` is out of range, as indexing a slice does.
    pub fn row(&self, row: usize) -> &[f32] {
        self.view().row(row)
    }

    /// All values as a matrix.
    pub fn view(&self) -> MatrixView<'_> {
        self.0.view()
    }

    /// A copy of some rows, in the order asked for.
    pub fn gather(&self, rows: impl IntoIterator<Item = usize>) -> Self {
        Self(self.view().gather(rows))
    }

    /// The borrowed form that strategies read; nothing is checked again.
    pub fn predictions(&self) -> Predictions<'_> {
        Predictions::of_checked(self.view(), ScoreKind::Probabilities)
    }

    /// The values as a matrix that promises no more than finite numbers.
    pub fn into_matrix(self) -> Matrix {
        self.0
    }

    /// The values, row by row.
    pub fn into_values(self) -> Vec<f32> {
        self.0.into_values()
    }
}

impl TryFrom<Matrix> for Probabilities {
    type Error = Error;

    fn try_from(matrix: Matrix) -> Result<Self, Error> {
        Predictions::new(matrix.view(), ScoreKind::Probabilities)?;
        Ok(Self(matrix))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_distribution_is_refused_however_it_comes() {
        for values in [vec![0.5, 0.6], vec![1.5, -0.5], vec![f32::NAN, 0.5]] {
            let matrix = Matrix::new(values.clone(), 1, 2);
            assert!(matrix.and_then(Probabilities::try_from).is_err(), "{values:?}");
            assert!(Probabilities::new(values, 1, 2).is_err());
        }
        assert_eq!(
            Probabilities::new(vec![1.0, 1.0], 2, 1).unwrap_err(),
            Error::too_few_classes(1)
        );
        assert!(Probabilities::new(vec![0.5; 3], 2, 2).is_err());
    }

    #[test]
    fn the_borrowed_form_has_the_same_values() {
        let given = Probabilities::from_rows(&[[0.25, 0.75], [1.0, 0.0]]).unwrap();
        assert_eq!(given.predictions().in_place(), Some(&[0.25, 0.75, 1.0, 0.0][..]));
        assert_eq!(
            given.predictions(),
            Predictions::probabilities(given.view().values(), 2, 2).unwrap()
        );
    }
}
