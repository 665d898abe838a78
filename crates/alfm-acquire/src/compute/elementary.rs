//! `ln` and `exp` in single precision, written so that loops over them vectorise.
//!
//! The standard library's are calls, one number at a time. These have no branch and no table; their error
//! is below 3 units in the last place on the ranges stated (tested against double precision).

/// `355 / 512`: `n * LN_2_HIGH` is exact for every exponent `n` of a float.
const LN_2_HIGH: f32 = 0.693_359_4;
/// `ln 2 - 355 / 512`.
const LN_2_LOW: f32 = -2.121_944_4e-4;

/// `ln x` for normal, positive `x`.
///
/// With `x = 2^e m`, `m` in `[1/sqrt 2, sqrt 2)` and `s = (m - 1)/(m + 1)`: `ln x = e ln 2 + 2 artanh s`,
/// where `artanh s = s + s^3/3 + s^5/5 + ...`; `|s| < 0.172`, so five terms reach single precision.
#[inline(always)]
#[expect(clippy::cast_precision_loss, clippy::cast_possible_wrap, reason = "an exponent is small")]
pub(crate) fn ln(x: f32) -> f32 {
    let bits = x.to_bits();
    let exponent = (bits.wrapping_sub(std::f32::consts::FRAC_1_SQRT_2.to_bits()) as i32) >> 23;
    let mantissa = f32::from_bits(bits.wrapping_sub((exponent << 23) as u32));
    let s = (mantissa - 1.0) / (mantissa + 1.0);
    let z = s * s;
    let series = ((z * (1.0 / 9.0) + 1.0 / 7.0) * z + 1.0 / 5.0) * z + 1.0 / 3.0;
    let e = exponent as f32;
    e * LN_2_HIGH + (2.0 * s + (2.0 * s * z * series + e * LN_2_LOW))
}

/// `x ln x` for `x >= 0`, with `0 ln 0 = 0`; a subnormal `x` counts as it is, with the smallest normal's `ln`.
#[inline(always)]
pub(crate) fn x_ln_x(x: f32) -> f32 {
    x * ln(x.max(f32::MIN_POSITIVE))
}

/// `e^x` for `x <= 0`; below -87 the result stays at `e^-87`, about 1.6e-38.
///
/// With `n = round(x / ln 2)` and `r = x - n ln 2`, `|r| <= 0.347`: `2^n` times eight terms of the series.
#[inline(always)]
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "-126 <= n <= 0")]
pub(crate) fn exp(x: f32) -> f32 {
    let x = x.max(-87.0);
    let n = (x * std::f32::consts::LOG2_E - 0.5) as i32 as f32;
    let r = (x - n * LN_2_HIGH) - n * LN_2_LOW;
    let mut sum = 1.0 / 5040.0;
    for denominator in [720.0, 120.0, 24.0, 6.0, 2.0, 1.0, 1.0f32] {
        sum = sum * r + 1.0 / denominator;
    }
    sum * f32::from_bits(((n as i32 + 127) as u32) << 23)
}

/// Shannon entropy `-sum_k p_k ln p_k` of one row of probabilities, in nats, with `0 ln 0 = 0`.
///
/// Clamped to `[0, ln K]`.
///
/// ```
/// let entropy = alfm_acquire::compute::entropy(&[0.5, 0.25, 0.25]);
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
    fn exp_is_within_three_ulps() {
        let mut x = 0.0f32;
        while x > -87.0 {
            assert!(ulps(exp(x), f64::from(x).exp()) < 3.0, "exp({x}) = {}", exp(x));
            x -= 0.003_7;
        }
        assert_eq!(exp(0.0), 1.0);
        assert!(exp(-1e30) > 0.0);
    }

    #[test]
    fn zero_contributes_nothing() {
        assert_eq!(x_ln_x(0.0), 0.0);
        assert_eq!(entropy(&[1.0, 0.0, 0.0]), 0.0);
        assert_eq!(entropy(&[0.25; 4]), 4.0f32.ln());
    }
}
