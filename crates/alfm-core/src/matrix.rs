use crate::element::Elements;
use crate::{Error, check};

/// A row-major matrix of `f32` that somebody else owns: shape checked, every value finite.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MatrixView<'a> {
    values: &'a [f32],
    rows: usize,
    columns: usize,
}

impl<'a> MatrixView<'a> {
    /// Checks shape and finiteness, in parallel over rows: `O(rows * columns)` time, no memory.
    ///
    /// # Errors
    /// For another number of values, and for the first one that is not finite.
    pub fn new(values: &'a [f32], rows: usize, columns: usize) -> Result<Self, Error> {
        if rows.checked_mul(columns) != Some(values.len()) || columns == 0 {
            return Err(Error::shape(rows, columns, values.len()));
        }
        check::finite(Elements::Single(values), columns)?;
        Ok(Self { values, rows, columns })
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Number of columns, at least 1.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// All values, row by row.
    pub fn values(&self) -> &'a [f32] {
        self.values
    }

    /// One row. Panics if `row` is out of range, as indexing a slice does.
    pub fn row(&self, row: usize) -> &'a [f32] {
        &self.values[row * self.columns..(row + 1) * self.columns]
    }

    /// The rows in order.
    pub fn iter(&self) -> std::slice::ChunksExact<'a, f32> {
        self.values.chunks_exact(self.columns)
    }

    /// A copy of some rows, in the order asked for.
    pub fn gather(&self, rows: impl IntoIterator<Item = usize>) -> Matrix {
        let values: Vec<f32> = rows.into_iter().flat_map(|row| self.row(row)).copied().collect();
        let rows = values.len() / self.columns;
        Matrix { values, rows, columns: self.columns }
    }
}

/// A row-major matrix of finite `f32` that owns its values.
///
/// ```
/// let matrix = alfm_core::Matrix::new(vec![1.0, 2.0, 3.0, 4.0], 2, 2)?;
/// assert_eq!(matrix.view().row(1), [3.0, 4.0]);
/// # Ok::<(), alfm_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Matrix {
    values: Vec<f32>,
    rows: usize,
    columns: usize,
}

impl Matrix {
    /// Checks as [`MatrixView::new`] does.
    ///
    /// # Errors
    /// For another number of values, and for the first one that is not finite.
    pub fn new(values: Vec<f32>, rows: usize, columns: usize) -> Result<Self, Error> {
        MatrixView::new(&values, rows, columns)?;
        Ok(Self { values, rows, columns })
    }

    /// Takes what a caller has checked, more strictly than [`Matrix::new`] would.
    pub(crate) fn of_finite(values: Vec<f32>, rows: usize, columns: usize) -> Self {
        debug_assert_eq!(values.len(), rows * columns);
        Self { values, rows, columns }
    }

    /// A matrix from rows of equal length.
    ///
    /// # Errors
    /// For the first row of another length, and as [`Matrix::new`].
    pub fn from_rows<R: AsRef<[f32]>>(rows: &[R]) -> Result<Self, Error> {
        let columns = rows.first().map_or(0, |row| row.as_ref().len());
        let mut values = Vec::with_capacity(rows.len() * columns);
        for (row, content) in rows.iter().enumerate() {
            let got = content.as_ref().len();
            if got != columns {
                let message =
                    format!("row {row} has {got} values, the rows before it have {columns}");
                return Err(Error::input(message).at_row(row));
            }
            values.extend_from_slice(content.as_ref());
        }
        Self::new(values, rows.len(), columns)
    }

    /// A borrowed view; nothing is checked again.
    pub fn view(&self) -> MatrixView<'_> {
        MatrixView { values: &self.values, rows: self.rows, columns: self.columns }
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Number of columns, at least 1.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// The values, row by row.
    pub fn into_values(self) -> Vec<f32> {
        self.values
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_shape_is_refused() {
        let error = MatrixView::new(&[0.0; 5], 2, 3).unwrap_err();
        assert_eq!(error, Error::shape(2, 3, 5));
        assert!(MatrixView::new(&[], usize::MAX, 2).is_err());
        assert!(MatrixView::new(&[], 0, 0).is_err());
    }

    #[test]
    fn the_first_value_that_is_not_finite_is_named() {
        let mut values = [0.0; 6];
        values[5] = f32::INFINITY;
        values[4] = f32::NAN;
        let message = MatrixView::new(&values, 2, 3).unwrap_err().to_string();
        assert_eq!(message, "row 1, column 1 is NaN: every value must be finite");
    }

    #[test]
    fn gather_keeps_the_order_asked_for() {
        let matrix = Matrix::from_rows(&[[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]]).unwrap();
        assert_eq!(matrix.view().gather([2, 0]).into_values(), [4.0, 5.0, 0.0, 1.0]);
    }

    #[test]
    fn ragged_rows_are_refused() {
        let error = Matrix::from_rows(&[vec![0.0, 1.0], vec![2.0]]).unwrap_err();
        assert_eq!(error.row(), Some(1));
        assert_eq!(error.to_string(), "row 1 has 1 values, the rows before it have 2");
    }
}
