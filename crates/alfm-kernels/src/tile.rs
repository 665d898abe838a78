//! Sixteen rows at a time, each a lane: sums, entropies and argmaxes over the classes need no reduction.

use multiversion::multiversion;

use crate::co_decision::{CoDecision, Joint};
use crate::elementary::x_ln_x;

/// Rows of a tile: what one register holds, so that the running sums and maxima stay in registers.
pub(crate) const LANES: usize = 16;

/// A number of every row.
type Lanes<T> = [T; LANES];

/// One class of every row, on a cache line of its own.
#[derive(Clone, Copy)]
#[repr(align(64))]
pub(crate) struct Class(Lanes<f32>);

impl Class {
    pub(crate) const ZERO: Self = Self([0.0; LANES]);

    pub(crate) fn of(&self, lane: usize) -> f32 {
        self.0[lane]
    }
}

/// Turns rows into lanes; the lanes past the last row repeat it.
pub(crate) fn transpose(rows: &[f32], classes: usize, tile: &mut [Class]) {
    let last = rows.len() / classes - 1;
    for lane in 0..LANES {
        let row = &rows[lane.min(last) * classes..][..classes];
        for (class, value) in tile.iter_mut().zip(row) {
            class.0[lane] = *value;
        }
    }
}

/// Decides every lane; returns `S = sum_k q_k`, where that is not normal the decision is worthless.
///
/// `q` receives the unnormalised joint probabilities.
/// `H(pbar) = -sum_k (q_k / S) ln (q_k / S)`: equal to `ln S - (sum_k q_k ln q_k) / S`, but as exact for a
/// small `S` as for a large one. All loops are over lanes inside loops over classes, without closures, which
/// would lose the instruction set that they are compiled for.
#[multiversion(targets("x86_64+avx512f", "x86_64+avx2", "aarch64+neon"))]
pub(crate) fn decide(
    prior: &[Class],
    model: &[Class],
    q: &mut [Class],
    joint: Joint,
    highest: f64,
    rows: &mut Lanes<CoDecision>,
) -> Lanes<f64> {
    let mass = join(prior, model, q, joint);
    let joint_entropy = clamp(entropies(q, &reciprocals(&mass)), highest);
    let model_entropy = clamp(entropies(model, &[1.0; LANES]), highest);
    let (prior_label, _) = argmax(prior);
    let (model_label, _) = argmax(model);
    let (joint_label, joint_top) = argmax(q);
    let mut prior_top = [0.0; LANES];
    for lane in 0..LANES {
        prior_top[lane] = q[prior_label[lane] as usize].0[lane];
    }
    let prior_label_confidence = shares(&prior_top, &mass);
    let joint_label_confidence = shares(&joint_top, &mass);
    for lane in 0..LANES {
        rows[lane] = CoDecision {
            joint_entropy: joint_entropy[lane],
            model_entropy: model_entropy[lane],
            prior_label: prior_label[lane],
            model_label: model_label[lane],
            joint_label: joint_label[lane],
            prior_label_confidence: prior_label_confidence[lane],
            joint_label_confidence: joint_label_confidence[lane],
        };
    }
    mass
}

/// Fills in `q` and sums it.
///
/// One loop for both: without the sum in it, the compiler vectorises over classes, by gathering.
#[inline(always)]
fn join(prior: &[Class], model: &[Class], q: &mut [Class], joint: Joint) -> Lanes<f64> {
    let mut mass = [0.0; LANES];
    for ((Class(q), Class(p_l)), Class(p_f)) in q.iter_mut().zip(prior).zip(model) {
        match joint {
            Joint::Product => {
                for lane in 0..LANES {
                    q[lane] = p_l[lane] * p_f[lane];
                }
            }
            Joint::SmallOnly => *q = *p_f,
            Joint::PriorOnly => *q = *p_l,
            Joint::Mixture(lambda) => {
                for lane in 0..LANES {
                    q[lane] = lambda * p_l[lane] + (1.0 - lambda) * p_f[lane];
                }
            }
        }
        for lane in 0..LANES {
            mass[lane] += f64::from(q[lane]);
        }
    }
    mass
}

/// `-sum_k p_k ln p_k` with `p_k` scaled.
#[inline(always)]
fn entropies(tile: &[Class], scale: &Lanes<f32>) -> Lanes<f64> {
    let mut sums = [0.0; LANES];
    for Class(class) in tile {
        let mut terms = [0.0; LANES];
        for lane in 0..LANES {
            terms[lane] = x_ln_x(class[lane] * scale[lane]);
        }
        for lane in 0..LANES {
            sums[lane] -= f64::from(terms[lane]);
        }
    }
    sums
}

/// The largest of every lane and its class, the lowest on ties.
#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "no matrix in memory has 2^32 columns")]
fn argmax(tile: &[Class]) -> (Lanes<u32>, Lanes<f32>) {
    let mut labels = [0; LANES];
    let mut top = tile[0].0;
    for (label, Class(class)) in tile.iter().enumerate() {
        for lane in 0..LANES {
            let larger = class[lane] > top[lane];
            labels[lane] = if larger { label as u32 } else { labels[lane] };
            top[lane] = if larger { class[lane] } else { top[lane] };
        }
    }
    (labels, top)
}

#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "a scale of single-precision numbers")]
fn reciprocals(mass: &Lanes<f64>) -> Lanes<f32> {
    let mut scale = [0.0; LANES];
    for lane in 0..LANES {
        scale[lane] = (1.0 / mass[lane]) as f32;
    }
    scale
}

#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "entropies are handed on in single precision")]
fn clamp(entropies: Lanes<f64>, highest: f64) -> Lanes<f32> {
    let mut clamped = [0.0; LANES];
    for lane in 0..LANES {
        // Not `clamp`: a lane that is decided again may hold NaN.
        clamped[lane] = entropies[lane].max(0.0).min(highest) as f32;
    }
    clamped
}

#[inline(always)]
#[expect(
    clippy::cast_possible_truncation,
    reason = "confidences are handed on in single precision"
)]
fn shares(q: &Lanes<f32>, mass: &Lanes<f64>) -> Lanes<f32> {
    let mut shares = [0.0; LANES];
    for lane in 0..LANES {
        shares[lane] = (f64::from(q[lane]) / mass[lane]) as f32;
    }
    shares
}
