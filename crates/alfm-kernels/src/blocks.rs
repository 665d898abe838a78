//! Squared distances between many points and many others, a block at a time.

use std::ops::Range;

use alfm_core::MatrixView;
use rayon::prelude::*;

use crate::{dot, dots};

/// Points that one task compares at a time.
pub const POINTS: usize = 64;
/// Other points that a block of points is compared with at a time: 128 KiB of distances.
pub const OTHERS: usize = 256;

/// Rows of a matrix with their squared norms: one side of a block of distances.
#[derive(Clone, Debug)]
pub struct Rows<'a> {
    rows: Vec<&'a [f32]>,
    squared_norms: Vec<f64>,
}

impl<'a> Rows<'a> {
    /// All rows of `points`; `O(N D)` time, `24 N` bytes.
    pub fn new(points: MatrixView<'a>) -> Self {
        let rows: Vec<&[f32]> = points.iter().collect();
        let squared_norms = rows.par_iter().with_min_len(256).map(|row| dot(row, row)).collect();
        Self { rows, squared_norms }
    }

    /// Some of these rows, in the order asked for.
    pub fn subset(&self, at: &[usize]) -> Self {
        Self {
            rows: at.iter().map(|at| self.rows[*at]).collect(),
            squared_norms: at.iter().map(|at| self.squared_norms[*at]).collect(),
        }
    }

    /// Number of rows.
    #[expect(
        clippy::len_without_is_empty,
        reason = "a side is asked for its rows, not if it has any"
    )]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Row `at`.
    pub fn row(&self, at: usize) -> &'a [f32] {
        self.rows[at]
    }

    /// `|a|^2` of every row.
    pub fn squared_norms(&self) -> &[f64] {
        &self.squared_norms
    }

    /// `|a - b|^2` for a row `at` of these and a row `other` of `others`, clamped at 0.
    pub fn squared_distance(&self, at: usize, others: &Rows<'_>, other: usize) -> f64 {
        let product = dot(self.rows[at], others.rows[other]);
        squared(self.squared_norms[at], others.squared_norms[other], product)
    }

    /// Row by row of `at`, the squared distances to the rows `range` of `others`, into `out`.
    pub fn squared_distances(
        &self,
        at: &[usize],
        others: &Rows<'_>,
        range: Range<usize>,
        out: &mut Vec<f64>,
    ) {
        let points: Vec<&[f32]> = at.iter().map(|at| self.rows[*at]).collect();
        out.clear();
        out.resize(at.len() * range.len(), 0.0);
        if range.is_empty() {
            return;
        }
        dots(&points, &others.rows[range.clone()], out);
        let norms = &others.squared_norms[range];
        for (at, row) in at.iter().zip(out.chunks_exact_mut(norms.len())) {
            let own = self.squared_norms[*at];
            for (value, norm) in row.iter_mut().zip(norms) {
                *value = squared(own, *norm, *value);
            }
        }
    }
}

fn squared(a: f64, b: f64, product: f64) -> f64 {
    (a + b - 2.0 * product).max(0.0)
}

/// `0..length` in consecutive ranges of at most `size`.
pub fn ranges(length: usize, size: usize) -> impl Iterator<Item = Range<usize>> {
    (0..length).step_by(size).map(move |start| start..length.min(start + size))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_holds_the_distances_of_its_pairs() {
        let points = [0.0, 0.0, 3.0, 4.0, 3.0, 4.0, 6.0, 8.0];
        let rows = Rows::new(MatrixView::new(&points, 4, 2).unwrap());
        let mut out = vec![7.0];
        rows.squared_distances(&[2, 0], &rows, 1..4, &mut out);
        assert_eq!(out, [0.0, 0.0, 25.0, 25.0, 25.0, 100.0]);
        assert_eq!(rows.squared_distance(0, &rows, 3), 100.0);
        rows.squared_distances(&[2, 0], &rows, 1..1, &mut out);
        assert!(out.is_empty());
    }

    #[test]
    fn ranges_cover_everything_once() {
        assert_eq!(ranges(5, 2).collect::<Vec<_>>(), [0..2, 2..4, 4..5]);
        assert_eq!(ranges(0, 2).count(), 0);
    }
}
