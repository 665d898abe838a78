//! Fisher information of the last layer, kept as factors, and designs that are updated by them.
//!
//! `I_i = (diag(p_i) - p_i p_i^T) (x) x_i x_i^T`. The class block has the null vector **1**, so classes are
//! taken in an orthonormal basis of its complement: `I_i = (F F^T) (x) x x^T` with `F` of rank `K - 1`. No
//! Kronecker product is ever built.

use rayon::prelude::*;

/// The factors of one row's information.
#[derive(Clone, Debug)]
pub(super) struct Factors {
    /// `F`, lower triangular, `(K - 1)^2` values by row.
    class: Vec<f64>,
    x: Vec<f64>,
}

impl Factors {
    pub(super) fn new(probabilities: &[f32], x: &[f32]) -> Self {
        let class = factor(&class_block(probabilities));
        Self { class, x: x.iter().copied().map(f64::from).collect() }
    }

    /// `K - 1`.
    fn rank(&self) -> usize {
        self.class.len().isqrt()
    }

    /// `sum += weight I`.
    pub(super) fn add_to(&self, sum: &mut [f64], weight: f64) {
        let rank = self.rank();
        let width = self.x.len();
        let block = product(&self.class, &transposed(&self.class, rank), rank);
        for (row, sum) in sum.chunks_exact_mut(rank * width).enumerate() {
            let a = row / width;
            let scale = weight * self.x[row % width];
            for (sum, block) in sum.chunks_exact_mut(width).zip(&block[a * rank..]) {
                for (sum, x) in sum.iter_mut().zip(&self.x) {
                    *sum += scale * block * x;
                }
            }
        }
    }

    /// `V^T A V` with `V = F (x) x`, `(K - 1)^2` values.
    fn quadratic(&self, matrix: &[f64]) -> Vec<f64> {
        let rank = self.rank();
        let within = self.along(&self.times(matrix));
        let left = product(&transposed(&self.class, rank), &within, rank);
        product(&left, &self.class, rank)
    }

    /// `(e_a (x) x)^T A` for every class direction `a`, one row each; `A` is symmetric.
    fn times(&self, matrix: &[f64]) -> Vec<f64> {
        let size = self.rank() * self.x.len();
        let mut rows = vec![0.0; self.rank() * size];
        for (at, line) in matrix.chunks_exact(size).enumerate() {
            let row = &mut rows[at / self.x.len() * size..][..size];
            let x = self.x[at % self.x.len()];
            for (sum, value) in row.iter_mut().zip(line) {
                *sum += x * value;
            }
        }
        rows
    }

    /// Every row of [`times`](Self::times) against `e_b (x) x`, for every `b`.
    fn along(&self, rows: &[f64]) -> Vec<f64> {
        let dot = |part: &[f64]| part.iter().zip(&self.x).map(|(a, b)| a * b).sum();
        rows.chunks_exact(self.x.len()).map(dot).collect()
    }
}

/// `Q^T (diag(p) - p p^T) Q` for the Helmert basis `Q`, whose vector `j` is `c_j (1, ..., 1, -j, 0, ..., 0)`
/// with `j` ones and `c_j = 1 / sqrt(j (j + 1))`: vectors `i < j` meet where `j` is constant.
fn class_block(probabilities: &[f32]) -> Vec<f64> {
    let rank = probabilities.len() - 1;
    let mut block = vec![0.0; rank * rank];
    let mut means = Vec::with_capacity(rank);
    let mut before = f64::from(probabilities[0]);
    for (at, p) in probabilities[1..].iter().copied().map(f64::from).enumerate() {
        let j = (at + 1) as f64;
        let c = 1.0 / (j * (j + 1.0)).sqrt();
        let mean = c * (before - j * p);
        block[at * rank + at] = c * c * (before + j * j * p) - mean * mean;
        for (earlier, other) in means.iter().enumerate() {
            block[earlier * rank + at] = other * (c - mean);
            block[at * rank + earlier] = other * (c - mean);
        }
        means.push(mean);
        before += p;
    }
    block
}

/// The lower triangular `F` with `F F^T = A` for a semidefinite `A`; a pivot that is rounding becomes zero.
fn factor(matrix: &[f64]) -> Vec<f64> {
    let size = matrix.len().isqrt();
    let largest = (0..size).map(|at| matrix[at * size + at]).fold(0.0, f64::max);
    let mut lower = vec![0.0; matrix.len()];
    for column in 0..size {
        for row in column..size {
            let before: f64 =
                (0..column).map(|k| lower[row * size + k] * lower[column * size + k]).sum();
            let left = matrix[row * size + column] - before;
            let pivot = lower[column * size + column];
            lower[row * size + column] = if row == column && left > 1e-12 * largest {
                left.sqrt()
            } else if row != column && pivot > 0.0 {
                left / pivot
            } else {
                0.0
            };
        }
    }
    lower
}

/// The inverse of a positive definite matrix, by its factor.
fn inverse(matrix: &[f64]) -> Vec<f64> {
    let size = matrix.len().isqrt();
    let lower = factor(matrix);
    let mut inverse = vec![0.0; matrix.len()];
    inverse.par_chunks_mut(size).enumerate().for_each(|(unit, row)| {
        for at in 0..size {
            let before: f64 = (unit..at).map(|k| lower[at * size + k] * row[k]).sum();
            row[at] = divided(f64::from(u8::from(at == unit)) - before, lower[at * size + at]);
        }
        for at in (0..size).rev() {
            let after: f64 = (at + 1..size).map(|k| lower[k * size + at] * row[k]).sum();
            row[at] = divided(row[at] - after, lower[at * size + at]);
        }
    });
    inverse
}

/// Zero where the pivot is: what a semidefinite matrix cannot tell is left alone.
fn divided(value: f64, pivot: f64) -> f64 {
    if pivot > 0.0 { value / pivot } else { 0.0 }
}

/// `A B` for matrices by row, `inner` being the columns of `A`.
fn product(a: &[f64], b: &[f64], inner: usize) -> Vec<f64> {
    let columns = b.len() / inner;
    let mut out = vec![0.0; a.len() / inner * columns];
    out.par_chunks_mut(columns).with_min_len(64).zip(a.par_chunks(inner)).for_each(|(out, row)| {
        for (value, line) in row.iter().zip(b.chunks_exact(columns)) {
            for (out, b) in out.iter_mut().zip(line) {
                *out += value * b;
            }
        }
    });
    out
}

fn transposed(matrix: &[f64], columns: usize) -> Vec<f64> {
    let rows = matrix.len() / columns;
    (0..matrix.len()).map(|at| matrix[at % rows * columns + at / rows]).collect()
}

/// `tr(B^-1 M)` under rank `K - 1` updates of `B`, `B = lambda I + sum of the chosen rows' information`.
///
/// Three matrices of `((K - 1) D)^2` values.
#[derive(Clone, Debug)]
pub(super) struct Design {
    /// `M`.
    target: Vec<f64>,
    /// `B^-1`.
    inverse: Vec<f64>,
    /// `B^-1 M B^-1`.
    sandwich: Vec<f64>,
}

/// Whether a row's information is added to a design or taken out of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    Add,
    Remove,
}

impl Change {
    fn sign(self) -> f64 {
        if self == Self::Add { 1.0 } else { -1.0 }
    }
}

impl Design {
    /// A design of `B = information`, by row, for the target `M`.
    pub(super) fn new(information: &[f64], target: Vec<f64>) -> Self {
        let size = information.len().isqrt();
        let inverse = inverse(information);
        let sandwich = product(&product(&inverse, &target, size), &inverse, size);
        Self { target, inverse, sandwich }
    }

    /// `tr(B^-1 M)`.
    #[cfg(test)]
    pub(super) fn trace(&self) -> f64 {
        self.inverse.iter().zip(&self.target).map(|(a, b)| a * b).sum()
    }

    /// By how much the trace falls if a row is added, or grows if it is removed; never negative.
    ///
    /// `tr((I +- V^T B^-1 V)^-1 V^T B^-1 M B^-1 V)`: `O(((K - 1) D)^2)` time.
    pub(super) fn effect(&self, row: &Factors, change: Change) -> f64 {
        let weights = self.weights(row, change);
        let moved = row.quadratic(&self.sandwich);
        weights.iter().zip(&moved).map(|(a, b)| a * b).sum::<f64>().max(0.0)
    }

    /// Adds or removes a row by Woodbury's identity: `O(((K - 1) D)^2 K)` time.
    pub(super) fn update(&mut self, row: &Factors, change: Change) {
        let rank = row.rank();
        let size = rank * row.x.len();
        let weights = self.weights(row, change);
        // `U^T = (B^-1 V)^T`, `K - 1` rows.
        let u = product(&transposed(&row.class, rank), &row.times(&self.inverse), rank);
        let m_u = product(&u, &self.target, size);
        let p = product(&m_u, &self.inverse, size);
        let inner = product(&m_u, &transposed(&u, size), size);
        let w_u = product(&weights, &u, rank);
        let core = product(&inner, &w_u, rank);
        let sign = change.sign();
        let Self { inverse, sandwich, .. } = self;
        let lines = inverse.par_chunks_mut(size).zip(sandwich.par_chunks_mut(size)).enumerate();
        lines.with_min_len(16).for_each(|(at, (inverse, sandwich))| {
            for k in 0..rank {
                let w_u_at = w_u[k * size + at];
                let p_at = p[k * size + at];
                for column in 0..size {
                    let w_u = w_u[k * size + column];
                    let u = u[k * size + column];
                    inverse[column] -= sign * w_u_at * u;
                    sandwich[column] += w_u_at * core[k * size + column]
                        - sign * (w_u_at * p[k * size + column] + p_at * w_u);
                }
            }
        });
    }

    /// `(I +- V^T B^-1 V)^-1`.
    fn weights(&self, row: &Factors, change: Change) -> Vec<f64> {
        let mut inner = row.quadratic(&self.inverse);
        let rank = row.rank();
        for (at, value) in inner.iter_mut().enumerate() {
            *value = change.sign() * *value + f64::from(u8::from(at % (rank + 1) == 0));
        }
        inverse(&inner)
    }
}
