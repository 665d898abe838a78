//! What is wrong with a matrix, found in parallel over blocks of rows: a quick test that may cry wolf, then
//! an exact one for the blocks where it did.

use multiversion::multiversion;
use rayon::prelude::*;

use crate::Error;
use crate::element::Elements;

/// Floats of a block.
const BLOCK: usize = 8192;

/// The first value that is not finite; a constant memory a thread.
pub(crate) fn finite(values: Elements<'_>, columns: usize) -> Result<(), Error> {
    first_fault(values, columns, |block, start| {
        if all_finite(block) {
            return Ok(());
        }
        (start..).zip(block.chunks(columns)).try_for_each(|(row, x)| finite_row(x, row))
    })
}

/// The first row that is no distribution within `tolerance`; a constant memory a thread.
pub(crate) fn distributions(
    values: Elements<'_>,
    columns: usize,
    tolerance: f64,
) -> Result<(), Error> {
    first_fault(values, columns, |block, start| {
        if all_distributions(block, columns, tolerance) {
            return Ok(());
        }
        (start..)
            .zip(block.chunks(columns))
            .try_for_each(|(row, x)| distribution(x, row, tolerance))
    })
}

/// Runs `test(rows, number of the first)` over all blocks; the error of the first that fails.
fn first_fault(
    values: Elements<'_>,
    columns: usize,
    test: impl Fn(&[f32], usize) -> Result<(), Error> + Sync,
) -> Result<(), Error> {
    let rows = values.len() / columns;
    let block = (BLOCK / columns).max(1);
    let fault = (0..rows.div_ceil(block))
        .into_par_iter()
        .map_init(Vec::new, |buffer, at| {
            let span = at * block..rows.min((at + 1) * block);
            let read = values.read(span.start * columns..span.end * columns, buffer);
            test(read, span.start).err()
        })
        .find_first(Option::is_some);
    fault.flatten().map_or(Ok(()), Err)
}

#[multiversion(targets("x86_64+avx512f", "x86_64+avx2", "aarch64+neon"))]
fn all_finite(block: &[f32]) -> bool {
    let mut infinite = 0u32;
    for value in block {
        infinite |= u32::from(!value.is_finite());
    }
    infinite == 0
}

/// Whether no value has a minus sign and every row sums to 1 within half the tolerance, in single precision:
/// true only if all rows are distributions.
#[multiversion(targets("x86_64+avx512f", "x86_64+avx2", "aarch64+neon"))]
fn all_distributions(block: &[f32], columns: usize, tolerance: f64) -> bool {
    #[expect(clippy::cast_possible_truncation, reason = "half of it is left for the rounding")]
    let close = tolerance as f32 / 2.0;
    let mut signs = 0;
    for value in block {
        signs |= value.to_bits();
    }
    let mut fair = signs >> 31 == 0;
    for row in block.chunks_exact(columns) {
        // Not `far |= distance > close`: a NaN is never close.
        fair &= (rough_sum(row) - 1.0).abs() <= close;
    }
    fair
}

#[inline(always)]
fn rough_sum(row: &[f32]) -> f32 {
    let (chunks, tail) = row.as_chunks::<16>();
    let mut lanes = [0.0f32; 16];
    for chunk in chunks {
        for lane in 0..16 {
            lanes[lane] += chunk[lane];
        }
    }
    let mut sum = 0.0;
    for value in tail {
        sum += *value;
    }
    for lane in lanes {
        sum += lane;
    }
    sum
}

fn finite_row(values: &[f32], row: usize) -> Result<(), Error> {
    match values.iter().position(|value| !value.is_finite()) {
        Some(column) => Err(Error::not_finite(row, column, values[column])),
        None => Ok(()),
    }
}

fn distribution(values: &[f32], row: usize, tolerance: f64) -> Result<(), Error> {
    finite_row(values, row)?;
    if let Some(column) = values.iter().position(|value| *value < 0.0) {
        let value = values[column];
        let message =
            format!("row {row}, column {column} is {value}: a probability cannot be negative");
        return Err(Error::input(message).at_row(row));
    }
    let sum: f64 = values.iter().copied().map(f64::from).sum();
    if (sum - 1.0).abs() <= tolerance {
        return Ok(());
    }
    let remedy = "normalise it, or pass logits as logits";
    let message = format!("row {row} sums to {sum:.4}, not to 1 within {tolerance}: {remedy}");
    Err(Error::input(message).at_row(row))
}
