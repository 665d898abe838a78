//! What is uploaded of points: the processor's rows, column by column.

use std::ops::Range;

use alfm_core::MatrixView;
use rayon::prelude::*;

use crate::compute::{Gradients, Metric, dot};

/// Columns that one task turns: the numbers of a row that share a cache line.
const COLUMNS: usize = 16;

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

    /// A block of rows, one column after the other.
    pub(super) fn by_column(&self, rows: Range<usize>) -> Vec<f32> {
        let count = rows.len();
        let mut values = vec![0.0; count * self.columns()];
        let mut rest = values.as_mut_slice();
        for (width, piece) in &self.pieces {
            let (own, after) = rest.split_at_mut(width * count);
            rest = after;
            own.par_chunks_mut(COLUMNS * count).enumerate().for_each(|(chunk, out)| {
                let first = chunk * COLUMNS;
                for (at, row) in rows.clone().enumerate() {
                    let columns = &piece(row)[first..first + out.len() / count];
                    for (column, value) in columns.iter().enumerate() {
                        out[column * count + at] = self.scaled(row, *value);
                    }
                }
            });
        }
        values
    }

    /// Some rows, one after the other.
    pub(super) fn by_row(&self, rows: &[usize]) -> Vec<f32> {
        let row = |row: &usize| -> Vec<f32> {
            let pieces = self.pieces.iter().flat_map(|(_, piece)| piece(*row));
            pieces.map(|value| self.scaled(*row, *value)).collect()
        };
        rows.iter().flat_map(row).collect()
    }

    #[expect(clippy::cast_possible_truncation, reason = "a card computes in single precision")]
    fn scaled(&self, row: usize, value: f32) -> f32 {
        match &self.scales {
            Some(scales) => (f64::from(value) * scales[row]) as f32,
            None => value,
        }
    }
}
