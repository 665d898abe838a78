//! Distances to a growing set of centres.

use alfm_core::MatrixView;
use rayon::prelude::*;

use crate::metric::Metric;
use crate::product::dot;

/// Points with a squared distance between any two of them.
pub trait MetricSpace: Sync {
    /// Squared distance, never negative, 0 from a point to itself.
    fn squared_distance(&self, a: usize, b: usize) -> f64;
}

/// Rows of a matrix under the Euclidean metric.
///
/// `|a - b|^2 = |a|^2 + |b|^2 - 2 <a, b>`, clamped at 0; products are summed in `f64`.
#[derive(Clone, Debug)]
pub struct Euclidean<'a> {
    points: MatrixView<'a>,
    squared_norms: Vec<f64>,
}

impl<'a> Euclidean<'a> {
    /// The rows of `points`; `O(N D)` time, `8 N` bytes.
    pub fn new(points: MatrixView<'a>) -> Self {
        let squared_norms = (0..points.rows())
            .into_par_iter()
            .map(|row| dot(points.row(row), points.row(row)))
            .collect();
        Self { points, squared_norms }
    }

    /// Number of points.
    #[expect(
        clippy::len_without_is_empty,
        reason = "a space is asked for its points, not if it has any"
    )]
    pub fn len(&self) -> usize {
        self.squared_norms.len()
    }

    /// `|a|^2`.
    pub fn squared_norm(&self, a: usize) -> f64 {
        self.squared_norms[a]
    }

    /// The rows themselves.
    pub(crate) fn points(&self) -> MatrixView<'a> {
        self.points
    }

    /// `<a, b>`.
    pub fn dot(&self, a: usize, b: usize) -> f64 {
        dot(self.points.row(a), self.points.row(b))
    }
}

impl MetricSpace for Euclidean<'_> {
    fn squared_distance(&self, a: usize, b: usize) -> f64 {
        Metric::L2.squared(self.squared_norm(a), self.squared_norm(b), self.dot(a, b))
    }
}

/// `m_i = min over centres c of d^2(i, c)` for a list of points, kept up to date as centres are added.
///
/// Adding a centre costs one distance a point, in parallel; nothing is recomputed.
#[derive(Debug)]
pub struct RunningMinimum<'a, S> {
    space: &'a S,
    points: &'a [usize],
    nearest: Vec<f64>,
}

impl<'a, S: MetricSpace> RunningMinimum<'a, S> {
    /// No centre yet: every distance is infinite.
    pub fn new(space: &'a S, points: &'a [usize]) -> Self {
        Self { space, points, nearest: vec![f64::INFINITY; points.len()] }
    }

    /// Adds a centre, which need not be one of the points.
    pub fn add(&mut self, centre: usize) {
        let space = self.space;
        let points = self.points;
        self.nearest.par_iter_mut().zip(points).with_min_len(256).for_each(|(nearest, point)| {
            *nearest = nearest.min(space.squared_distance(*point, centre));
        });
    }

    /// Takes point number `at` out: its minimum becomes `value`, below that of every point still in.
    pub fn take(&mut self, at: usize, value: f64) {
        self.nearest[at] = value;
    }

    /// The minima, one a point.
    pub fn minima(&self) -> &[f64] {
        &self.nearest
    }

    /// The number and minimum of the farthest point; the first on ties.
    pub fn farthest(&self) -> Option<(usize, f64)> {
        let first_larger = |best: Option<(usize, f64)>, (at, value): (usize, f64)| match best {
            Some((_, largest)) if value <= largest => best,
            _ => Some((at, value)),
        };
        self.nearest.iter().copied().enumerate().fold(None, first_larger)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_by_hand() {
        let points = [0.0, 0.0, 3.0, 4.0, 3.0, 4.0];
        let space = Euclidean::new(MatrixView::new(&points, 3, 2).unwrap());
        assert_eq!(space.squared_distance(0, 1), 25.0);
        assert_eq!(space.squared_distance(1, 2), 0.0);
    }

    #[test]
    fn the_farthest_is_the_first_among_equals() {
        let points = [0.0, 1.0, 5.0, -5.0];
        let space = Euclidean::new(MatrixView::new(&points, 4, 1).unwrap());
        let mut nearest = RunningMinimum::new(&space, &[1, 2, 3]);
        nearest.add(0);
        assert_eq!(nearest.farthest(), Some((1, 25.0)));
        nearest.take(1, -1.0);
        assert_eq!(nearest.farthest(), Some((2, 25.0)));
    }
}
