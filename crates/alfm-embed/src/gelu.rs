use multiversion::multiversion;

/// `x / 2 (1 + erf(x / sqrt 2))` in place, on the rows of a matrix to which `bias` is added first.
///
/// One pass over the values, vectorised. erf is Abramowitz and Stegun, Handbook of Mathematical
/// Functions, 7.1.28: `1 - (1 + a1 x + ... + a6 x^6)^-16`, absolute error below 3e-7 and no
/// exponential. Burn's own GELU calls a scalar erf, which costs more than the matrix products.
#[multiversion(targets("x86_64+avx512f", "x86_64+avx2", "aarch64+neon"))]
pub(crate) fn add_bias_and_gelu(values: &mut [f32], bias: &[f32]) {
    for row in values.chunks_exact_mut(bias.len()) {
        for (value, bias) in row.iter_mut().zip(bias) {
            *value = gelu(*value + *bias);
        }
    }
}

#[inline(always)]
fn gelu(x: f32) -> f32 {
    const A: [f32; 6] = [
        0.070_523_08,
        0.042_282_01,
        0.009_270_527,
        0.000_152_014_3,
        0.000_276_567_2,
        0.000_043_063_8,
    ];
    let z = x.abs() * std::f32::consts::FRAC_1_SQRT_2;
    let series = 1.0 + z * (A[0] + z * (A[1] + z * (A[2] + z * (A[3] + z * (A[4] + z * A[5])))));
    let (p2, square) = (series * series, |p: f32| p * p);
    let tail = 1.0 / square(square(square(p2)));
    // 1 + erf is 2 - tail above zero and tail below: no cancellation on either side.
    0.5 * x * if x >= 0.0 { 2.0 - tail } else { tail }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values of `x Phi(x)` with Phi from tables of the normal distribution to 10 digits.
    #[test]
    fn known_values() {
        let expected: [(f32, f64); 7] = [
            (0.0, 0.0),
            (1.0, 0.841_344_746_1),
            (-1.0, -0.158_655_253_9),
            (2.0, 1.954_499_736_1),
            (-2.0, -0.045_500_263_9),
            (0.5, 0.345_731_230_6),
            (-4.0, -0.000_126_684_97),
        ];
        for (x, y) in expected {
            let mut value = [x - 0.25];
            add_bias_and_gelu(&mut value, &[0.25]);
            assert!((f64::from(value[0]) - y).abs() < 2e-6, "gelu({x}) is {}", value[0]);
        }
    }

    #[test]
    fn the_ends_are_exact() {
        let mut values = [-1e30, 1e30, f32::NAN, -0.0];
        add_bias_and_gelu(&mut values, &[0.0; 4]);
        assert_eq!(values[..2], [0.0, 1e30]);
        assert!(values[2].is_nan());
        assert_eq!(values[3], 0.0);
    }
}
