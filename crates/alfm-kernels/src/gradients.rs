use alfm_core::{MatrixView, Predictions};
use rayon::prelude::*;

use crate::{MetricSpace, dot, dots};

/// Centres that a point is measured against before it is asked again which others can matter.
const GROUP: usize = 16;

/// Gradient embeddings `q_i (x) x_i` of some rows, kept as their two factors.
///
/// Points are numbered as the rows are listed. The inputs `x` stay where they are; the residuals `q` take
/// `4 N K` bytes, the norms `16 N`.
#[derive(Debug)]
pub struct Gradients<'a> {
    rows: &'a [usize],
    inputs: MatrixView<'a>,
    input_norms: Vec<f64>,
    residuals: Vec<f32>,
    residual_norms: Vec<f64>,
    classes: usize,
}

/// What one thread needs to measure a block of gradients.
#[derive(Debug, Default)]
pub struct GradientScratch<'a> {
    residual_products: Vec<f64>,
    /// Of the centres that may matter to a point: the sum of both squared norms, the residuals' product.
    near: Vec<(f64, f64)>,
    near_inputs: Vec<&'a [f32]>,
    input_products: Vec<f64>,
}

impl<'a> Gradients<'a> {
    /// The gradients of `rows` under the predicted label, `q_i = p_i - e_yhat`.
    pub fn new(model: Predictions<'_>, inputs: MatrixView<'a>, rows: &'a [usize]) -> Self {
        let classes = model.classes();
        let mut residuals = vec![0.0; rows.len() * classes];
        residuals.par_chunks_mut(classes).zip(rows).with_min_len(256).for_each_init(
            Vec::new,
            |buffer, (residual, row)| {
                residual.copy_from_slice(model.row(*row, buffer));
                residual[model.argmax(*row).index()] -= 1.0;
            },
        );
        let squared = |row: &[f32]| dot(row, row);
        Self {
            rows,
            inputs,
            input_norms: rows.par_iter().map(|row| squared(inputs.row(*row))).collect(),
            residual_norms: residuals.par_chunks(classes).map(squared).collect(),
            residuals,
            classes,
        }
    }

    /// Number of points.
    #[expect(
        clippy::len_without_is_empty,
        reason = "gradients are asked for their points, not if they have any"
    )]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Classes `K` and width `D`.
    #[cfg(any(feature = "wgpu", feature = "cuda"))]
    pub(crate) fn shape(&self) -> (usize, usize) {
        (self.classes, self.inputs.columns())
    }

    /// `|g|^2 = |q|^2 |x|^2`.
    pub fn squared_norm(&self, at: usize) -> f64 {
        self.residual_norms[at] * self.input_norms[at]
    }

    /// The longest gradient, the first on ties; `None` if there is no point.
    pub fn longest(&self) -> Option<usize> {
        (0..self.len()).reduce(|best, at| {
            if self.squared_norm(at) > self.squared_norm(best) { at } else { best }
        })
    }

    /// Lowers `nearest[i]` to the squared distance from point `first + i` to the nearest of `centres`.
    ///
    /// The bits are those of [`MetricSpace::squared_distance`] for every pair. But the long product is left
    /// out wherever the short one proves that the pair is too far apart to matter.
    pub fn lower_to_nearest(
        &self,
        first: usize,
        centres: &[usize],
        nearest: &mut [f64],
        scratch: &mut GradientScratch<'a>,
    ) {
        let points: Vec<&[f32]> = (0..nearest.len()).map(|i| self.residual(first + i)).collect();
        let centre_residuals: Vec<&[f32]> = centres.iter().map(|c| self.residual(*c)).collect();
        let mut products = std::mem::take(&mut scratch.residual_products);
        products.resize(points.len() * centres.len(), 0.0);
        dots(&points, &centre_residuals, &mut products);
        let rows = products.chunks_exact(centres.len());
        for ((at, nearest), products) in (first..).zip(nearest).zip(rows) {
            for (centres, products) in centres.chunks(GROUP).zip(products.chunks(GROUP)) {
                self.lower_to_group(at, centres, products, nearest, scratch);
            }
        }
        scratch.residual_products = products;
    }

    /// The same for one point and the centres of a group, given the products of their residuals.
    fn lower_to_group(
        &self,
        at: usize,
        centres: &[usize],
        products: &[f64],
        nearest: &mut f64,
        scratch: &mut GradientScratch<'a>,
    ) {
        let GradientScratch { near, near_inputs, input_products, .. } = scratch;
        near.clear();
        near_inputs.clear();
        for (centre, product) in centres.iter().zip(products) {
            let sum = self.squared_norm(at) + self.squared_norm(*centre);
            let reach = product.abs() * (self.input_norms[at] * self.input_norms[*centre]).sqrt();
            if self.at_least(sum, reach) < *nearest {
                near.push((sum, *product));
                near_inputs.push(self.input(*centre));
            }
        }
        input_products.resize(near.len(), 0.0);
        dots(&[self.input(at)], near_inputs, input_products);
        for ((sum, residual), input) in near.iter().zip(input_products) {
            *nearest = nearest.min(squared_distance(*sum, residual * *input));
        }
    }

    /// A lower bound of the squared distance as it is computed, rounding included, where the sum of both
    /// squared norms is `sum` and the product of the gradients is at most `reach`.
    ///
    /// By Cauchy and Schwarz `|<x_i, x_j>| <= |x_i| |x_j|`; each number here is within `D` roundings of its
    /// exact value, relative to `sum`, which is at least twice the exact product.
    fn at_least(&self, sum: f64, reach: f64) -> f64 {
        let roundings = (self.inputs.columns() + self.classes + 64) as f64;
        sum - 2.0 * reach - roundings * f64::EPSILON * sum
    }

    /// `q` of point `at`, `K` numbers.
    pub fn residual(&self, at: usize) -> &[f32] {
        &self.residuals[at * self.classes..][..self.classes]
    }

    /// `x` of point `at`, `D` numbers.
    pub fn input(&self, at: usize) -> &'a [f32] {
        self.inputs.row(self.rows[at])
    }
}

/// `d^2` from `|a|^2 + |b|^2` and `<a, b>`, clamped at 0.
fn squared_distance(sum: f64, product: f64) -> f64 {
    (sum - 2.0 * product).max(0.0)
}

impl MetricSpace for Gradients<'_> {
    fn squared_distance(&self, a: usize, b: usize) -> f64 {
        let residual = dot(self.residual(a), self.residual(b));
        let product = residual * dot(self.input(a), self.input(b));
        squared_distance(self.squared_norm(a) + self.squared_norm(b), product)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Bit for bit, although most of the long products are left out.
        #[test]
        fn blocks_and_pairs_agree(
            values in prop::collection::vec((-9i8..9).prop_map(f32::from), 13 * 50),
            probabilities in prop::collection::vec((1u8..200).prop_map(f32::from), 3 * 50),
            scales in prop::collection::vec(prop_oneof![Just(1.0f32), Just(1e-3), Just(0.1)], 50),
            known in 1usize..20,
        ) {
            let probabilities: Vec<f32> = (probabilities.chunks(3))
                .flat_map(|row| row.iter().map(|p| p / row.iter().sum::<f32>()))
                .collect();
            let values: Vec<f32> =
                values.chunks(13).zip(scales).flat_map(|(x, s)| x.iter().map(move |x| x * s)).collect();
            let model = Predictions::probabilities(&probabilities, 50, 3).unwrap();
            let rows: Vec<usize> = (0..50).collect();
            let gradients = Gradients::new(model, MatrixView::new(&values, 50, 13).unwrap(), &rows);
            let nearest_of = |at: usize, centres: std::ops::Range<usize>| {
                centres.fold(f64::INFINITY, |m, c| m.min(gradients.squared_distance(at, c)))
            };
            let mut nearest: Vec<f64> = (2..50).map(|at| nearest_of(at, 0..known)).collect();
            let missed: Vec<usize> = (known..41).collect();
            gradients.lower_to_nearest(2, &missed, &mut nearest, &mut GradientScratch::default());
            for (i, nearest) in nearest.into_iter().enumerate() {
                prop_assert_eq!(nearest, nearest_of(2 + i, 0..41));
            }
        }
    }
}
