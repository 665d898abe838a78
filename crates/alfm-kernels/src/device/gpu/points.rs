//! What is uploaded of points: the processor's rows.

use alfm_core::MatrixView;
use rayon::prelude::*;

use crate::{Gradients, Metric, dot};

/// The fewest rows that a task puts together.
const ROWS: usize = 64;

/// Rows of one or two pieces.
pub(super) struct Points<'a> {
    rows: usize,
    /// The width of `q` in a gradient `q (x) x`; 0 for plain points.
    split: usize,
    pieces: Vec<(usize, Piece<'a>)>,
    /// What each row is multiplied by.
    scales: Option<Vec<f64>>,
}

type Piece<'a> = Box<dyn Fn(usize) -> &'a [f32] + Send + Sync + 'a>;

impl<'a> Points<'a> {
    /// The rows of `points`; of length 1 where angles count, a zero row stays zero.
    pub(super) fn embedded(points: MatrixView<'a>, metric: Metric) -> Self {
        let inverse = |row: usize| match dot(points.row(row), points.row(row)) {
            0.0 => 0.0,
            squared => 1.0 / squared.sqrt(),
        };
        let scales = match metric {
            Metric::L2 => None,
            Metric::Cosine => Some((0..points.rows()).into_par_iter().map(inverse).collect()),
        };
        let piece: Piece<'a> = Box::new(move |row| points.row(row));
        Self { rows: points.rows(), split: 0, pieces: vec![(points.columns(), piece)], scales }
    }

    /// Gradients as their two factors.
    pub(super) fn gradients(gradients: &'a Gradients<'a>) -> Self {
        let (classes, columns) = gradients.shape();
        let residual: Piece<'a> = Box::new(|at| gradients.residual(at));
        let input: Piece<'a> = Box::new(|at| gradients.input(at));
        let pieces = vec![(classes, residual), (columns, input)];
        Self { rows: gradients.len(), split: classes, pieces, scales: None }
    }

    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    pub(super) fn columns(&self) -> usize {
        self.pieces.iter().map(|(width, _)| width).sum()
    }

    pub(super) fn split(&self) -> usize {
        self.split
    }

    /// Some rows, one after the other.
    pub(super) fn by_row(
        &self,
        rows: impl IntoParallelIterator<Iter: IndexedParallelIterator<Item = usize>>,
    ) -> Vec<f32> {
        let rows = rows.into_par_iter().with_min_len(ROWS);
        let mut values = vec![0.0; rows.len() * self.columns()];
        values.par_chunks_mut(self.columns()).zip(rows).for_each(|(values, row)| {
            let mut rest = &mut *values;
            for (width, piece) in &self.pieces {
                let (own, after) = rest.split_at_mut(*width);
                own.copy_from_slice(piece(row));
                rest = after;
            }
            if let Some(scales) = &self.scales {
                values.iter_mut().for_each(|value| *value = scaled(*value, scales[row]));
            }
        });
        values
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a card computes in single precision")]
fn scaled(value: f32, scale: f64) -> f32 {
    (f64::from(value) * scale) as f32
}
