//! Principal components by subspace iteration, for designs whose cost grows with the width of the embeddings.

use alfm_core::{CoreError, Matrix, MatrixView};
use rayon::prelude::*;

use crate::draw::Uniform;

/// Rows that the components are fitted on, at most: evenly spread over the matrix.
const FITTED: usize = 8_192;

/// Rows whose contributions are summed together; the sums of blocks are added in order.
const BLOCK: usize = 512;

/// Steps of the iteration: variances that differ by a factor of 2 are told apart to `2^-40`.
const STEPS: usize = 20;

/// The rows of `points`, centred, in the basis of their `components` directions of largest variance.
///
/// The sign of a direction is arbitrary; a direction without variance gives zeros. Fitted on at most 8,192
/// rows: `O(N D d)` time for `d` components, `4 N d` bytes.
///
/// # Errors
/// [`CoreError::Shape`] for no component; [`CoreError::NotFinite`] where single precision overflows.
#[expect(clippy::cast_possible_truncation, reason = "embeddings are single precision")]
pub fn principal(
    points: MatrixView<'_>,
    components: usize,
    random: &mut impl Uniform,
) -> Result<Matrix, CoreError> {
    let fitted = points.rows().min(FITTED);
    let rows: Vec<usize> = (0..fitted).map(|at| at * points.rows() / fitted).collect();
    let mean = mean(points, &rows);
    let mut basis: Vec<Vec<f64>> = (0..components)
        .map(|_| (0..points.columns()).map(|_| random.uniform() - 0.5).collect())
        .collect();
    orthonormalise(&mut basis);
    for _ in 0..STEPS {
        basis = spread(points, &rows, &mean, &basis);
        orthonormalise(&mut basis);
    }
    let mut values = vec![0.0f32; points.rows() * components];
    values.par_chunks_mut(components.max(1)).enumerate().for_each(|(row, out)| {
        for (out, direction) in out.iter_mut().zip(&basis) {
            *out = coordinate(points.row(row), &mean, direction) as f32;
        }
    });
    Matrix::new(values, points.rows(), components)
}

fn mean(points: MatrixView<'_>, rows: &[usize]) -> Vec<f64> {
    let mut mean = vec![0.0; points.columns()];
    for row in rows {
        for (mean, x) in mean.iter_mut().zip(points.row(*row)) {
            *mean += f64::from(*x) / rows.len() as f64;
        }
    }
    mean
}

/// `<x - mean, direction>`.
fn coordinate(x: &[f32], mean: &[f64], direction: &[f64]) -> f64 {
    x.iter().zip(mean).zip(direction).map(|((x, mean), w)| (f64::from(*x) - mean) * w).sum()
}

/// The scatter matrix of some rows times every direction.
fn spread(
    points: MatrixView<'_>,
    rows: &[usize],
    mean: &[f64],
    basis: &[Vec<f64>],
) -> Vec<Vec<f64>> {
    let of_block = |rows: &[usize]| {
        let mut sums = vec![vec![0.0; mean.len()]; basis.len()];
        for x in rows.iter().map(|row| points.row(*row)) {
            for (sum, direction) in sums.iter_mut().zip(basis) {
                let along = coordinate(x, mean, direction);
                for ((sum, x), mean) in sum.iter_mut().zip(x).zip(mean) {
                    *sum += along * (f64::from(*x) - mean);
                }
            }
        }
        sums
    };
    let blocks: Vec<Vec<Vec<f64>>> = rows.par_chunks(BLOCK).map(of_block).collect();
    let mut total = vec![vec![0.0; mean.len()]; basis.len()];
    for block in blocks {
        for (total, part) in total.iter_mut().flatten().zip(block.into_iter().flatten()) {
            *total += part;
        }
    }
    total
}

/// Gram-Schmidt, twice over for the rounding; a direction that depends on those before it becomes zero.
fn orthonormalise(basis: &mut [Vec<f64>]) {
    for at in 0..basis.len() {
        let (before, rest) = basis.split_at_mut(at);
        let Some(direction) = rest.first_mut() else { return };
        let length = norm(direction);
        for _ in 0..2 {
            for other in before.iter() {
                let along: f64 = direction.iter().zip(other).map(|(a, b)| a * b).sum();
                direction.iter_mut().zip(other).for_each(|(x, y)| *x -= along * y);
            }
        }
        let left = norm(direction);
        let scale = if left > 1e-12 * length { 1.0 / left } else { 0.0 };
        direction.iter_mut().for_each(|x| *x *= scale);
    }
}

fn norm(direction: &[f64]) -> f64 {
    direction.iter().map(|x| x * x).sum::<f64>().sqrt()
}

#[cfg(test)]
mod tests {
    use alfm_core::SeedTree;

    use super::*;
    use crate::draw;

    #[test]
    fn a_plane_in_space_keeps_its_distances() {
        let points: Vec<f32> = (0..40)
            .map(|i| (f64::from(i) * 0.7).sin() as f32)
            .zip((0..40).map(|i| (f64::from(i) * 1.3).cos() as f32 * 3.0))
            .flat_map(|(a, b)| [a + b, a - b, 2.0 * a, 5.0])
            .collect();
        let view = MatrixView::new(&points, 40, 4).unwrap();
        let seed = SeedTree::new(0);
        let mut random = draw::uniform(&seed);
        let reduced = principal(view, 2, &mut random).unwrap();
        let distance = |view: MatrixView<'_>, a: usize, b: usize| {
            let pairs = view.row(a).iter().zip(view.row(b));
            pairs.map(|(x, y)| f64::from(x - y).powi(2)).sum::<f64>()
        };
        for (a, b) in [(0, 1), (3, 30), (17, 39)] {
            let full = distance(view, a, b);
            let short = distance(reduced.view(), a, b);
            assert!((full - short).abs() < 1e-4 * full, "{full} {short}");
        }
        // A third direction has no variance left.
        let wide = principal(view, 3, &mut random).unwrap();
        assert!(wide.view().iter().all(|row| row[2].abs() < 1e-4));
    }

    #[test]
    fn identical_rows_become_zero() {
        let reduced = principal(
            MatrixView::new(&[1.5; 12], 4, 3).unwrap(),
            2,
            &mut draw::uniform(&SeedTree::new(0)),
        );
        assert!(reduced.unwrap().into_values().iter().all(|x| x.abs() < 1e-6));
    }
}
