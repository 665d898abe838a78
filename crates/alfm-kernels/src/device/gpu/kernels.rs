//! The kernels themselves, one unit a row of results.
//!
//! Cards have no double precision to speak of, so sums are in single precision, and distances are sums of
//! squared differences: exactly 0 between equal rows, and without the cancellation of `|a|^2 + |b|^2 - 2 <a, b>`.

#![allow(missing_docs, clippy::too_many_arguments, reason = "what the macro makes of a kernel")]

use cubecl::ir::FastMath;
use cubecl::prelude::*;

/// Units that run together.
pub(super) const UNITS: u32 = 256;
/// Units of [`co_decide`] that run together, and classes that they read together, at most.
pub(super) const DECIDERS: u32 = 64;
pub(super) const CLASSES: usize = 16;
/// Numbers a row that [`co_decide`] measures: both entropies, both confidences, the mass.
pub(super) const MEASURES: usize = 5;
/// Labels a row that [`co_decide`] gives: the prior's, the model's, the joint one.
pub(super) const LABELS: usize = 3;
/// No row: where [`farthest`] finds none, or closes none.
pub(super) const NONE: u32 = u32::MAX;
/// Centres that [`lower_to_nearest`] measures in one pass over the points, their sums in registers.
pub(super) const CENTRES: usize = 8;

/// `x ln x` for `x >= 0`, with `0 ln 0 = 0`.
#[cube]
fn x_ln_x(x: f32) -> f32 {
    x * f32::ln(f32::max(x, f32::new(f32::MIN_POSITIVE)))
}

/// The unnormalised joint probability of a class.
#[cube]
fn combine(prior: f32, model: f32, lambda: f32, #[comptime] product: bool) -> f32 {
    if comptime![product] { prior * model } else { lambda * prior + (1.0 - lambda) * model }
}

/// Both experts' rows in; measures and labels of a row out, measure after measure, and `stamp` behind the labels.
///
/// Neighbouring units read neighbouring numbers, `width` classes of all rows of the cube at a time, and pass them on
/// in shared memory. The joint entropy is summed beside the largest probability so far, as `ln s - t / s` with
/// `s = sum r`, `t = sum r ln r`, `r` the share of the largest: once through the row, and as exact for a small mass. The
/// logarithms are the card's own, whose error of 4e-7 is a small part of the stated tolerance.
#[cube(launch, fast_math = FastMath::ReducedPrecision | FastMath::NotNaN | FastMath::NotInf)]
pub(super) fn co_decide(
    prior: &Array<f32>,
    model: &Array<f32>,
    measures: &mut Array<f32>,
    labels: &mut Array<u32>,
    rows: u32,
    classes: u32,
    lambda: f32,
    stamp: u32,
    #[comptime] product: bool,
    #[comptime] width: usize,
) {
    let (rows, classes) = (rows as usize, classes as usize);
    let (units, unit) = (comptime![DECIDERS as usize], UNIT_POS as usize);
    // Odd, so that units that read their own rows meet no other in a bank.
    let stride = comptime![width | 1];
    let mut prior_tile = SharedMemory::<f32>::new(comptime![DECIDERS as usize * (width | 1)]);
    let mut model_tile = SharedMemory::<f32>::new(comptime![DECIDERS as usize * (width | 1)]);
    let first_row = CUBE_POS * units;
    let row = first_row + unit;
    let mut model_entropy = 0.0f32;
    let mut mass = 0.0f32;
    let mut prior_label = 0u32;
    let mut model_label = 0u32;
    let mut joint_label = 0u32;
    let mut prior_top = f32::new(-1.0);
    let mut model_top = f32::new(-1.0);
    let mut joint_top = 0.0f32;
    let mut joint_of_prior = 0.0f32;
    let mut inverse = 0.0f32;
    let mut shares = 0.0f32;
    let mut share_logs = 0.0f32;
    let mut start = 0usize;
    while start < classes {
        #[unroll]
        for step in 0..width {
            let number = step * units + unit;
            let (tile_row, column) = (number / width, number % width);
            if first_row + tile_row < rows && start + column < classes {
                let at = (first_row + tile_row) * classes + start + column;
                prior_tile[tile_row * stride + column] = prior[at];
                model_tile[tile_row * stride + column] = model[at];
            }
        }
        sync_cube();
        for column in 0..usize::min(width, classes - start) {
            let p_l = prior_tile[unit * stride + column];
            let p_f = model_tile[unit * stride + column];
            let class = (start + column) as u32;
            let q = combine(p_l, p_f, lambda, product);
            mass += q;
            model_entropy -= x_ln_x(p_f);
            if p_l > prior_top {
                prior_top = p_l;
                prior_label = class;
                joint_of_prior = q;
            }
            if p_f > model_top {
                model_top = p_f;
                model_label = class;
            }
            if q > joint_top {
                let shrink = joint_top / q;
                share_logs = shrink * share_logs + shares * x_ln_x(shrink);
                shares *= shrink;
                inverse = 1.0 / f32::max(q, f32::new(f32::MIN_POSITIVE));
                joint_top = q;
                joint_label = class;
            }
            let share = q * inverse;
            shares += share;
            share_logs += x_ln_x(share);
        }
        sync_cube();
        start += width;
    }
    if row < rows {
        let scale = 1.0 / mass;
        measures[row] = f32::ln(shares) - share_logs / shares;
        measures[rows + row] = model_entropy;
        measures[2 * rows + row] = joint_of_prior * scale;
        measures[3 * rows + row] = joint_top * scale;
        measures[4 * rows + row] = mass;
        labels[row] = prior_label;
        labels[rows + row] = model_label;
        labels[2 * rows + row] = joint_label;
        if row == 0 {
            labels[3 * rows] = stamp;
        }
    }
}

/// What memory allows, to compare with.
#[cube(launch)]
pub(super) fn copy(from: &Array<f32>, to: &mut Array<f32>) {
    if ABSOLUTE_POS < to.len() {
        to[ABSOLUTE_POS] = from[ABSOLUTE_POS];
    }
}

/// Puts `count` rows, one after the other, where [`lower_to_nearest`] looks for them: the rows from `first` on of
/// `rows`, one column after the other.
#[cube(launch)]
pub(super) fn turn(
    values: &Array<f32>,
    points: &mut Array<f32>,
    count: u32,
    columns: u32,
    first: u32,
    rows: u32,
) {
    let (count, columns) = (count as usize, columns as usize);
    if ABSOLUTE_POS < count * columns {
        let (column, row) = (ABSOLUTE_POS / count, ABSOLUTE_POS % count);
        points[column * rows as usize + first as usize + row] = values[row * columns + column];
    }
}

/// Lowers `nearest` to the squared distance to the nearest of `tile` centres.
///
/// `points` holds one column after the other, so that neighbouring units read neighbouring numbers; `centres` one
/// centre after the other. A gradient `q (x) x` is `split` numbers of `q` and then those of `x`; with `D` and `S`
/// the squared lengths of a difference and a sum, and `C = <a - b, a + b>`, its squared distance is
/// `(D_q S_x + S_q D_x + 2 C_q C_x) / 4`, which vanishes as both differences do.
#[cube(launch)]
pub(super) fn lower_to_nearest(
    points: &Array<f32>,
    centres: &Array<f32>,
    nearest: &mut Array<f32>,
    rows: u32,
    columns: u32,
    split: u32,
    #[comptime] gradients: bool,
    #[comptime] tile: usize,
) {
    let (rows, columns, split) = (rows as usize, columns as usize, split as usize);
    let row = ABSOLUTE_POS;
    if row < rows {
        let mut difference = Array::<f32>::new(tile);
        let mut sum = Array::<f32>::new(tile);
        let mut cross = Array::<f32>::new(tile);
        let mut residual_difference = Array::<f32>::new(tile);
        let mut residual_sum = Array::<f32>::new(tile);
        let mut residual_cross = Array::<f32>::new(tile);
        #[unroll]
        for c in 0..tile {
            difference[c] = 0.0;
            if comptime![gradients] {
                sum[c] = 0.0;
                cross[c] = 0.0;
                residual_difference[c] = 0.0;
                residual_sum[c] = 0.0;
                residual_cross[c] = 0.0;
            }
        }
        if comptime![gradients] {
            for column in 0..split {
                let point = points[column * rows + row];
                #[unroll]
                for c in 0..tile {
                    let centre = centres[c * columns + column];
                    let (apart, together) = (point - centre, point + centre);
                    residual_difference[c] += apart * apart;
                    residual_sum[c] += together * together;
                    residual_cross[c] += apart * together;
                }
            }
        }
        for column in split..columns {
            let point = points[column * rows + row];
            #[unroll]
            for c in 0..tile {
                let centre = centres[c * columns + column];
                let apart = point - centre;
                difference[c] += apart * apart;
                if comptime![gradients] {
                    let together = point + centre;
                    sum[c] += together * together;
                    cross[c] += apart * together;
                }
            }
        }
        let mut lowest = nearest[row];
        #[unroll]
        for c in 0..tile {
            let mut distance = difference[c];
            if comptime![gradients] {
                let straight = residual_difference[c] * sum[c] + residual_sum[c] * difference[c];
                distance =
                    f32::max(0.25 * (straight + 2.0 * residual_cross[c] * cross[c]), f32::new(0.0));
            }
            lowest = f32::min(lowest, distance);
        }
        nearest[row] = lowest;
    }
}

/// The farthest open row of every cube, after `taken` was closed; [`NONE`] where none is open. What the first cube
/// finds is put at `first`, and so on.
#[cube(launch)]
pub(super) fn farthest(
    nearest: &Array<f32>,
    open: &mut Array<u32>,
    distances: &mut Array<f32>,
    farthest: &mut Array<u32>,
    rows: u32,
    taken: u32,
    first: u32,
) {
    let units = comptime![UNITS as usize];
    let mut values = SharedMemory::<f32>::new(units);
    let mut numbers = SharedMemory::<u32>::new(units);
    let unit = UNIT_POS as usize;
    let mut best = f32::new(-1.0);
    let mut number = u32::new(NONE as i64);
    let mut row = ABSOLUTE_POS;
    let stride = CUBE_COUNT * units;
    while row < rows as usize {
        if row as u32 == taken {
            open[row] = 0;
        }
        // Rows ascend, so that the first of equals stays.
        if open[row] == 1 && nearest[row] > best {
            best = nearest[row];
            number = row as u32;
        }
        row += stride;
    }
    values[unit] = best;
    numbers[unit] = number;
    sync_cube();
    #[unroll]
    for step in 1..=comptime![UNITS.ilog2() as usize] {
        let half = comptime![units >> step];
        if unit < half {
            let (other, other_number) = (values[unit + half], numbers[unit + half]);
            if other > values[unit] || (other == values[unit] && other_number < numbers[unit]) {
                values[unit] = other;
                numbers[unit] = other_number;
            }
        }
        sync_cube();
    }
    if unit == 0 {
        distances[first as usize + CUBE_POS] = values[0];
        farthest[first as usize + CUBE_POS] = numbers[0];
    }
}
