use alfm_core::MatrixView;
use serde::{Deserialize, Serialize};

use crate::distance::{Euclidean, MetricSpace};
use crate::dots;

/// How far apart two embeddings are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Metric {
    /// `d^2 = |a|^2 + |b|^2 - 2 <a, b>`.
    #[default]
    L2,
    /// `d^2 = 2 - 2 cos(a, b)`, between the rows scaled to length 1; a zero row stays zero.
    Cosine,
}

impl Metric {
    /// The squared distance from squared norms and the inner product, clamped at 0.
    ///
    /// Exactly 0 for two equal rows: `sqrt(s s)` is `s`.
    #[inline(always)]
    pub(crate) fn squared(self, a: f64, b: f64, product: f64) -> f64 {
        let squared = match self {
            Self::L2 => a + b - 2.0 * product,
            Self::Cosine if a > 0.0 && b > 0.0 => 2.0 - 2.0 * (product / (a * b).sqrt()),
            Self::Cosine => f64::from(u8::from(a > 0.0) + u8::from(b > 0.0)),
        };
        squared.max(0.0)
    }
}

/// Rows of a matrix under a metric of choice; scaled on the fly, never copied.
#[derive(Clone, Debug)]
pub struct Embedded<'a> {
    rows: Euclidean<'a>,
    metric: Metric,
}

impl<'a> Embedded<'a> {
    /// The rows of `points`; `O(N D)` time, `8 N` bytes.
    pub fn new(points: MatrixView<'a>, metric: Metric) -> Self {
        Self { rows: Euclidean::new(points), metric }
    }

    /// Number of points.
    #[expect(
        clippy::len_without_is_empty,
        reason = "a space is asked for its points, not if it has any"
    )]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Lowers `nearest[i]` to the squared distance from `points[i]` to the nearest of `centres`.
    ///
    /// A tile product; the bits are those of [`MetricSpace::squared_distance`]. `products` is scratch.
    pub(crate) fn lower_to_nearest(
        &self,
        points: &[usize],
        centres: &[usize],
        nearest: &mut [f64],
        products: &mut Vec<f64>,
    ) {
        let matrix = self.rows.points();
        let rows = |numbers: &[usize]| numbers.iter().map(|row| matrix.row(*row)).collect();
        let (point_rows, centre_rows): (Vec<&[f32]>, Vec<&[f32]>) = (rows(points), rows(centres));
        products.resize(points.len() * centres.len(), 0.0);
        dots(&point_rows, &centre_rows, products);
        let norms: Vec<f64> = centres.iter().map(|row| self.rows.squared_norm(*row)).collect();
        let products = products.chunks_exact(centres.len());
        for ((point, nearest), products) in points.iter().zip(nearest).zip(products) {
            let norm = self.rows.squared_norm(*point);
            for (centre_norm, product) in norms.iter().zip(products) {
                *nearest = nearest.min(self.metric.squared(norm, *centre_norm, *product));
            }
        }
    }
}

impl MetricSpace for Embedded<'_> {
    fn squared_distance(&self, a: usize, b: usize) -> f64 {
        let norm_a = self.rows.squared_norm(a);
        let norm_b = self.rows.squared_norm(b);
        self.metric.squared(norm_a, norm_b, self.rows.dot(a, b))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POINTS: [f32; 12] = [3.0, 4.0, 6.0, 8.0, -4.0, 3.0, 0.0, 0.0, 0.1, 0.7, 0.1, 0.7];

    #[test]
    fn angles_by_hand() {
        let space = Embedded::new(MatrixView::new(&POINTS, 6, 2).unwrap(), Metric::Cosine);
        let expected = [(0, 1, 0.0), (0, 2, 2.0), (0, 3, 1.0), (3, 3, 0.0), (4, 5, 0.0)];
        for (a, b, squared) in expected {
            assert_eq!(space.squared_distance(a, b), squared, "{a} {b}");
        }
        assert_eq!(space.len(), 6);
    }

    #[test]
    fn blocks_and_pairs_agree() {
        for metric in [Metric::L2, Metric::Cosine] {
            let space = Embedded::new(MatrixView::new(&POINTS, 6, 2).unwrap(), metric);
            let mut nearest = [f64::INFINITY; 5];
            space.lower_to_nearest(&[0, 1, 2, 3, 4], &[5, 2], &mut nearest, &mut Vec::new());
            for (row, nearest) in nearest.into_iter().enumerate() {
                let pair = |centre| space.squared_distance(row, centre);
                assert_eq!(nearest, pair(5).min(pair(2)));
            }
        }
    }
}
