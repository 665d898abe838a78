//! `ln` in single precision, written so that loops over it vectorise.
//!
//! The standard library's is a call, one number at a time. This one has no branch and no table; its error is
//! below 3 units in the last place (tested against double precision).

/// `ln x` for normal, positive `x`.
///
/// With `x = 2^e m`, `m` in `[1/sqrt 2, sqrt 2)` and `s = (m - 1)/(m + 1)`: `ln x = e ln 2 + 2 artanh s`,
/// where `artanh s = s + s z (c_0 + c_1 z + c_2 z^2)` with `z = s^2 < 0.0295`; the minimax `c` of that
/// interval are off by at most 8e-10.
#[inline(always)]
#[expect(clippy::cast_precision_loss, clippy::cast_possible_wrap, reason = "an exponent is small")]
pub(crate) fn ln(x: f32) -> f32 {
    let bits = x.to_bits();
    let exponent = (bits.wrapping_sub(std::f32::consts::FRAC_1_SQRT_2.to_bits()) as i32) >> 23;
    let mantissa = f32::from_bits(bits.wrapping_sub((exponent << 23) as u32));
    let s = (mantissa - 1.0) / (mantissa + 1.0);
    let z = s * s;
    let series = (z * 0.149_358_64 + 0.199_887_71) * z + 0.333_333_88;
    // In one product: `ln 2` as a float is off by 0.03 units of the smallest `e ln 2` only.
    exponent as f32 * std::f32::consts::LN_2 + (2.0 * s + 2.0 * s * z * series)
}

/// `x ln x` for `x >= 0`, with `0 ln 0 = 0`; a subnormal `x` counts as it is, with the smallest normal's `ln`.
#[inline(always)]
pub(crate) fn x_ln_x(x: f32) -> f32 {
    x * ln(x.max(f32::MIN_POSITIVE))
}

/// Shannon entropy `-sum_k p_k ln p_k` of one row of probabilities, in nats, with `0 ln 0 = 0`.
///
/// Clamped to `[0, ln K]`.
///
/// ```
/// let entropy = alfm_kernels::entropy(&[0.5, 0.25, 0.25]);
/// assert!((entropy - 1.039_721).abs() < 1e-6);
/// ```
pub fn entropy(probabilities: &[f32]) -> f32 {
    let sum: f64 = probabilities.iter().map(|p| f64::from(x_ln_x(*p))).sum();
    clamp_entropy(-sum, probabilities.len())
}

/// Rounding may carry an entropy out of `[0, ln classes]`.
#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "entropies are handed on in single precision")]
pub(crate) fn clamp_entropy(entropy: f64, classes: usize) -> f32 {
    entropy.clamp(0.0, (classes as f64).ln()) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Distance in units in the last place of the exact value.
    fn ulps(got: f32, exact: f64) -> f64 {
        let unit = f64::from(f32::EPSILON) * exact.abs().max(f64::from(f32::MIN_POSITIVE));
        (f64::from(got) - exact).abs() / unit
    }

    #[test]
    fn ln_is_within_three_ulps() {
        let mut x = f32::MIN_POSITIVE;
        while x < 1e30 {
            assert!(ulps(ln(x), f64::from(x).ln()) < 3.0, "ln({x}) = {}", ln(x));
            x *= 1.000_37;
        }
        assert_eq!(ln(1.0), 0.0);
    }

    #[test]
    fn zero_contributes_nothing() {
        assert_eq!(x_ln_x(0.0), 0.0);
        assert_eq!(entropy(&[1.0, 0.0, 0.0]), 0.0);
        assert_eq!(entropy(&[0.25; 4]), 4.0f32.ln());
    }
}
