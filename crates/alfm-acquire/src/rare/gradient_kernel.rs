//! The kernel between labelled examples and candidates on gradients of the last layer.

use std::ops::Range;

use alfm_core::{ClassId, MatrixView, Predictions};
use alfm_kernels::{dot, dots};
use rayon::prelude::*;

/// The examples and their gradients, kept as factors.
pub(super) struct Examples {
    rows: Vec<usize>,
    residuals: Vec<f32>,
    norms: Vec<f64>,
}

impl Examples {
    pub(super) fn new(
        model: Predictions<'_>,
        embeddings: MatrixView<'_>,
        labelled: &[(usize, ClassId)],
    ) -> Self {
        let rows: Vec<usize> = labelled.iter().map(|(row, _)| *row).collect();
        let residuals = residuals(model, labelled.iter().copied());
        let norms = norms(&residuals, model.classes(), embeddings, &rows);
        Self { rows, residuals, norms }
    }

    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }
}

/// `p - e_y`, row by row.
fn residuals(model: Predictions<'_>, labelled: impl Iterator<Item = (usize, ClassId)>) -> Vec<f32> {
    let mut buffer = Vec::new();
    let mut residuals = Vec::new();
    for (row, class) in labelled {
        let start = residuals.len();
        residuals.extend_from_slice(model.row(row, &mut buffer));
        residuals[start + class.index()] -= 1.0;
    }
    residuals
}

/// `|g| = |q| sqrt(|x|^2 + 1)`, row by row.
fn norms(
    residuals: &[f32],
    classes: usize,
    embeddings: MatrixView<'_>,
    rows: &[usize],
) -> Vec<f64> {
    let norm = |(q, row): (&[f32], &usize)| {
        let x = embeddings.row(*row);
        (dot(q, q) * (dot(x, x) + 1.0)).sqrt()
    };
    residuals.chunks_exact(classes).zip(rows).map(norm).collect()
}

/// Candidates taken together, and examples taken together: both fit a cache.
const BLOCK: usize = 16;
const TILE: usize = 64;

/// `S_qj` for all examples `q` and candidates `j`, computed when asked for.
pub(super) struct GradientKernel<'a> {
    pub(super) model: Predictions<'a>,
    pub(super) embeddings: MatrixView<'a>,
    pub(super) candidates: &'a [usize],
    pub(super) examples: Examples,
}

impl GradientKernel<'_> {
    /// The kernel of some candidates, one after the other; tile by tile of the examples.
    fn block(&self, elements: Range<usize>, out: &mut Vec<f64>) {
        let rows = &self.candidates[elements];
        let classes = self.model.classes();
        let predicted = rows.iter().map(|row| (*row, self.model.argmax(*row)));
        let residuals = residuals(self.model, predicted);
        let norms = norms(&residuals, classes, self.embeddings, rows);
        let q: Vec<&[f32]> = residuals.chunks_exact(classes).collect();
        let x: Vec<&[f32]> = rows.iter().map(|row| self.embeddings.row(*row)).collect();
        let examples = &self.examples;
        out.resize(rows.len() * examples.len(), 0.0);
        let mut q_products = Vec::new();
        let mut x_products = Vec::new();
        for (tile, tile_rows) in examples.rows.chunks(TILE).enumerate() {
            let first = tile * TILE;
            let length = tile_rows.len();
            let tile_residuals = &examples.residuals[first * classes..][..length * classes];
            let tile_q: Vec<&[f32]> = tile_residuals.chunks_exact(classes).collect();
            let tile_x: Vec<&[f32]> =
                tile_rows.iter().map(|row| self.embeddings.row(*row)).collect();
            q_products.resize(rows.len() * length, 0.0);
            x_products.resize(rows.len() * length, 0.0);
            dots(&q, &tile_q, &mut q_products);
            dots(&x, &tile_x, &mut x_products);
            for (at, norm) in norms.iter().enumerate() {
                for example in 0..length {
                    let product = q_products[at * length + example]
                        * (x_products[at * length + example] + 1.0);
                    out[at * examples.len() + first + example] =
                        similarity(product, norm * examples.norms[first + example]);
                }
            }
        }
    }

    /// A number of every candidate, of its similarities to all examples.
    pub(super) fn by_candidate(&self, number: impl Fn(&[f64]) -> f64 + Sync) -> Vec<f64> {
        let blocks = self.candidates.len().div_ceil(BLOCK);
        let of_block = |buffer: &mut Vec<f64>, block: usize| {
            self.block(block * BLOCK..self.candidates.len().min((block + 1) * BLOCK), buffer);
            buffer.chunks_exact(self.examples.len()).map(&number).collect::<Vec<f64>>()
        };
        let numbers: Vec<Vec<f64>> =
            (0..blocks).into_par_iter().map_init(Vec::new, of_block).collect();
        numbers.concat()
    }

    /// All of it, candidate by candidate.
    #[expect(clippy::cast_possible_truncation, reason = "kept in single precision")]
    pub(super) fn stored(&self) -> Vec<f32> {
        let examples = self.examples.len();
        let mut stored = vec![0.0; examples * self.candidates.len()];
        stored.par_chunks_mut(examples * BLOCK).enumerate().for_each_init(
            Vec::new,
            |buffer, (block, out)| {
                self.block(block * BLOCK..block * BLOCK + out.len() / examples, buffer);
                for (out, value) in out.iter_mut().zip(buffer) {
                    *out = *value as f32;
                }
            },
        );
        stored
    }

    /// The similarities of one candidate: from the kernel that was kept, or anew if none was.
    pub(super) fn column(&self, stored: &[f32], element: usize, column: &mut Vec<f64>) {
        let examples = self.examples.len();
        if stored.is_empty() {
            return self.block(element..element + 1, column);
        }
        column.clear();
        let kept = &stored[element * examples..(element + 1) * examples];
        column.extend(kept.iter().copied().map(f64::from));
    }
}

/// `(1 + cos) / 2`, with cosine 0 to a gradient that vanishes.
fn similarity(product: f64, norms: f64) -> f64 {
    let cosine = if norms > 0.0 { product / norms } else { 0.0 };
    (0.5 + 0.5 * cosine).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const P: [f32; 12] = [0.3, 0.3, 0.4, 0.6, 0.3, 0.1, 0.2, 0.2, 0.6, 0.1, 0.6, 0.3];
    const X: [f32; 8] = [-1.0, 2.0, 1.0, 0.2, -0.8, 1.5, 0.4, 1.1];

    /// The factorised cosine against the gradients themselves, `q (x) (x, 1)`.
    #[test]
    fn the_kernel_is_that_of_the_gradients() {
        let model = Predictions::probabilities(&P, 4, 3).unwrap();
        let embeddings = MatrixView::new(&X, 4, 2).unwrap();
        let examples = Examples::new(model, embeddings, &[(0, ClassId::new(2))]);
        let kernel = GradientKernel { model, embeddings, candidates: &[1, 2, 3], examples };
        let gradient = |row: usize, class: usize| -> Vec<f64> {
            let q = (0..3).map(|k| f64::from(P[row * 3 + k]) - f64::from(u8::from(k == class)));
            let x = [f64::from(X[row * 2]), f64::from(X[row * 2 + 1]), 1.0];
            q.flat_map(|q| x.map(|x| q * x)).collect()
        };
        let product = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        let example = gradient(0, 2);
        let stored = kernel.stored();
        for (at, row) in [1, 2, 3].into_iter().enumerate() {
            let own = gradient(row, model.argmax(row).index());
            let norms = (product(&own, &own) * product(&example, &example)).sqrt();
            let expected = (1.0 + product(&own, &example) / norms) / 2.0;
            assert!((f64::from(stored[at]) - expected).abs() < 1e-6, "row {row}");
        }
    }

    #[test]
    fn a_gradient_that_vanishes_is_at_a_right_angle_to_all() {
        let model = Predictions::probabilities(&[0.5, 0.5, 1.0, 0.0], 2, 2).unwrap();
        let embeddings = MatrixView::new(&[1.0, 1.0], 2, 1).unwrap();
        let examples = Examples::new(model, embeddings, &[(0, ClassId::new(0))]);
        let kernel = GradientKernel { model, embeddings, candidates: &[1], examples };
        assert_eq!(kernel.stored(), [0.5]);
    }
}
