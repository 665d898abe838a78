//! The softmax of rows of logits, vectorised: the same bits whatever the instruction set.

use multiversion::multiversion;

/// `355 / 512`: `n * LN_2_HIGH` is exact for every exponent `n` of a float.
const LN_2_HIGH: f32 = 0.693_359_4;
/// `ln 2 - 355 / 512`.
const LN_2_LOW: f32 = -2.121_944_4e-4;
/// `1.5 * 2^23`: a float of this size has no bits left for a fraction.
const ROUND: f32 = 12_582_912.0;

/// `z_k <- exp(z_k - max z) / sum_j exp(z_j - max z)`, row by row; sums in `f64`.
///
/// The exponentials run over the whole block, where they vectorise whatever the number of classes.
#[multiversion(targets("x86_64+avx512f", "x86_64+avx2", "aarch64+neon"))]
pub(crate) fn softmax_rows(block: &mut [f32], classes: usize) {
    for row in block.chunks_exact_mut(classes) {
        let mut top = f32::NEG_INFINITY;
        for z in row.iter() {
            top = if *z > top { *z } else { top };
        }
        for z in row.iter_mut() {
            *z -= top;
        }
    }
    for value in block.iter_mut() {
        *value = exp(*value);
    }
    for row in block.chunks_exact_mut(classes) {
        let scale = reciprocal(sum(row));
        for value in row.iter_mut() {
            *value *= scale;
        }
    }
}

#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "probabilities are single precision")]
fn reciprocal(sum: f64) -> f32 {
    (1.0 / sum) as f32
}

/// Eight partial sums that a vector register holds, added in a fixed order.
#[inline(always)]
fn sum(row: &[f32]) -> f64 {
    let (chunks, tail) = row.as_chunks::<8>();
    let mut lanes = [0.0f64; 8];
    for chunk in chunks {
        for lane in 0..8 {
            lanes[lane] += f64::from(chunk[lane]);
        }
    }
    let mut sum = 0.0;
    for value in tail {
        sum += f64::from(*value);
    }
    for lane in lanes {
        sum += lane;
    }
    sum
}

/// `e^x` for `x <= 0`, within 3 units in the last place; below -87 it stays at `e^-87`, about 1.6e-38.
///
/// With `n = round(x / ln 2)` and `r = x - n ln 2`, `|r| <= 0.347`: `2^n` times eight terms of the series.
/// The standard library's is a call, one number at a time.
#[inline(always)]
fn exp(x: f32) -> f32 {
    let x = x.max(-87.0);
    // The sum is rounded to an integer, which stands in its lowest bits; a cast would not vectorise.
    let shifted = x * std::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let r = (x - n * LN_2_HIGH) - n * LN_2_LOW;
    let mut sum = 1.0 / 5040.0;
    for denominator in [720.0, 120.0, 24.0, 6.0, 2.0, 1.0, 1.0f32] {
        sum = sum * r + 1.0 / denominator;
    }
    sum * f32::from_bits(shifted.to_bits().wrapping_add(127) << 23)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_is_within_three_ulps() {
        let mut x = 0.0f32;
        while x > -87.0 {
            let exact = f64::from(x).exp();
            let ulps = (f64::from(exp(x)) - exact).abs() / (f64::from(f32::EPSILON) * exact);
            assert!(ulps < 3.0, "exp({x}) = {}", exp(x));
            x -= 0.003_7;
        }
        assert_eq!(exp(0.0), 1.0);
        assert!(exp(-1e30) > 0.0);
    }

    #[test]
    fn rows_are_normalised_each_for_itself() {
        let mut block = vec![0.0, 1.0f32.ln(), 2.0f32.ln(), -1e30, 5.0, 5.0];
        softmax_rows(&mut block, 3);
        for (got, expected) in block.iter().zip([0.25, 0.25, 0.5, 0.0, 0.5, 0.5]) {
            assert!((got - expected).abs() < 1e-6, "{got}");
        }
    }
}
