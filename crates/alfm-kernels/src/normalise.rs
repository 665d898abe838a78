use alfm_core::{CoreError, Matrix, MatrixView};
use rayon::prelude::*;

use crate::dot;

/// Some rows of `points`, in the order asked for, each divided by its Euclidean norm.
///
/// A row of zeros stays as it is. `O(N D)` time, `4 N D` bytes.
///
/// # Errors
/// None that checked points can cause; the type is that of the check.
///
/// ```
/// use alfm_kernels::normalised;
/// use alfm_core::MatrixView;
/// let points = MatrixView::new(&[3.0, 4.0, 0.0, 0.0], 2, 2)?;
/// assert_eq!(normalised(points, &[1, 0])?.into_values(), [0.0, 0.0, 0.6, 0.8]);
/// # Ok::<(), alfm_core::CoreError>(())
/// ```
#[expect(clippy::cast_possible_truncation, reason = "a coordinate of a unit vector is stored")]
pub fn normalised(points: MatrixView<'_>, rows: &[usize]) -> Result<Matrix, CoreError> {
    let width = points.columns();
    let mut values = vec![0.0; rows.len() * width];
    values.par_chunks_exact_mut(width).zip(rows).with_min_len(64).for_each(|(unit, row)| {
        let point = points.row(*row);
        let norm = dot(point, point).sqrt();
        if norm > 0.0 {
            for (unit, value) in unit.iter_mut().zip(point) {
                *unit = (f64::from(*value) / norm) as f32;
            }
        }
    });
    Matrix::new(values, rows.len(), width)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_and_smallest_floats_become_unit_vectors() {
        let points = [f32::MAX, f32::MAX, 1e-45, 0.0];
        let points = MatrixView::new(&points, 2, 2).unwrap();
        let half = 0.5f32.sqrt();
        assert_eq!(normalised(points, &[0, 1]).unwrap().into_values(), [half, half, 1.0, 0.0]);
    }
}
