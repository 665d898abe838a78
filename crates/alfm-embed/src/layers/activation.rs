use multiversion::multiversion;

/// The activations of transformers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Activation {
    /// `x Phi(x)`, with the normal distribution function.
    Gelu,
    /// `x / 2 (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3)))`.
    GeluTanh,
    /// `x / (1 + exp(-1.702 x))`.
    QuickGelu,
}

/// The activations by the names that the hub's configurations have for them.
const NAMES: [(&str, Activation); 3] = [
    ("gelu", Activation::Gelu),
    ("gelu_pytorch_tanh", Activation::GeluTanh),
    ("quick_gelu", Activation::QuickGelu),
];

impl Activation {
    pub(crate) fn by_name(name: &str) -> Option<Self> {
        NAMES.iter().find(|(known, _)| *known == name).map(|(_, activation)| *activation)
    }

    /// The known names, joined.
    pub(crate) fn names() -> String {
        NAMES.map(|(name, _)| format!("`{name}`")).join(", ")
    }
}

/// The activation in place, on the rows of a matrix to which `bias` is added first.
///
/// One pass over the values, vectorised. Burn's own GELU calls a scalar erf, which costs more than the
/// matrix products.
pub(crate) fn add_bias_and_activate(values: &mut [f32], bias: &[f32], activation: Activation) {
    match activation {
        Activation::Gelu => with_gelu(values, bias),
        Activation::GeluTanh => with_gelu_tanh(values, bias),
        Activation::QuickGelu => with_quick_gelu(values, bias),
    }
}

#[multiversion(targets("x86_64+avx512f", "x86_64+avx2", "aarch64+neon"))]
fn with_gelu(values: &mut [f32], bias: &[f32]) {
    for row in values.chunks_exact_mut(bias.len()) {
        for (value, bias) in row.iter_mut().zip(bias) {
            *value = gelu(*value + *bias);
        }
    }
}

#[multiversion(targets("x86_64+avx512f", "x86_64+avx2", "aarch64+neon"))]
fn with_gelu_tanh(values: &mut [f32], bias: &[f32]) {
    for row in values.chunks_exact_mut(bias.len()) {
        for (value, bias) in row.iter_mut().zip(bias) {
            let x = *value + *bias;
            // (1 + tanh(t)) / 2 is the logistic function of 2 t; 2 sqrt(2 / pi) is 1.59577.
            *value = x * logistic(1.595_769_2 * (x + 0.044_715 * x * x * x));
        }
    }
}

#[multiversion(targets("x86_64+avx512f", "x86_64+avx2", "aarch64+neon"))]
fn with_quick_gelu(values: &mut [f32], bias: &[f32]) {
    for row in values.chunks_exact_mut(bias.len()) {
        for (value, bias) in row.iter_mut().zip(bias) {
            let x = *value + *bias;
            *value = x * logistic(1.702 * x);
        }
    }
}

/// `1 / (1 + exp(-t))`, relative error below 1e-6.
///
/// `exp(x) = 2^n exp(r)` with `n` the nearest whole number to `x / ln 2`, and the polynomial of Cephes'
/// `expf` in `r`. Beyond 87 either way nothing changes any more that single precision could show.
#[inline(always)]
fn logistic(t: f32) -> f32 {
    // Adding 1.5 2^23 rounds to a whole number and leaves it in the low bits.
    const ROUND: f32 = 12_582_912.0;
    let x = (-t).clamp(-87.0, 87.0);
    let rounded = x * std::f32::consts::LOG2_E + ROUND;
    let n = rounded - ROUND;
    let power = f32::from_bits((rounded.to_bits() << 23).wrapping_add(127 << 23));
    // ln 2 in two parts: the first has few enough bits for `n` times it to be exact.
    let r = x - n * 0.693_359_4 + n * 2.121_944_4e-4;
    let tail = 1.398_2e-3 + r * 1.987_569_1e-4;
    let tail = 0.166_666_65 + r * (4.166_579_6e-2 + r * (8.333_452e-3 + r * tail));
    let exp = power * (1.0 + r + r * r * (0.5 + r * tail));
    1.0 / (1.0 + exp)
}

/// `x / 2 (1 + erf(x / sqrt 2))`. erf is Abramowitz and Stegun, Handbook of Mathematical Functions,
/// 7.1.28: `1 - (1 + a1 x + ... + a6 x^6)^-16`, absolute error below 3e-7 and no exponential.
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
            add_bias_and_activate(&mut value, &[0.25], Activation::Gelu);
            assert!((f64::from(value[0]) - y).abs() < 2e-6, "gelu({x}) is {}", value[0]);
        }
    }

    #[test]
    fn the_ends_are_exact() {
        let mut values = [-1e30, 1e30, f32::NAN, -0.0];
        add_bias_and_activate(&mut values, &[0.0; 4], Activation::Gelu);
        assert_eq!(values[..2], [0.0, 1e30]);
        assert!(values[2].is_nan());
        assert_eq!(values[3], 0.0);
    }

    #[test]
    fn the_logistic_function_against_double_precision() {
        for step in -4000..=4000 {
            let t = step as f32 * 0.02;
            let expected = 1.0 / (1.0 + (-f64::from(t)).exp());
            let error = (f64::from(logistic(t)) - expected).abs() / expected;
            assert!(error < 1e-6, "logistic({t}) is off by {error:e}");
        }
        assert_eq!([logistic(1e30), logistic(0.0)], [1.0, 0.5]);
        assert!(logistic(-1e30) < 1e-37 && logistic(f32::NAN).is_nan());
    }
}
