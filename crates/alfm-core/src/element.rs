//! Row-major values of one of three widths, widened to `f32` a block at a time.

use std::ops::Range;

use half::{bf16, f16};
use multiversion::multiversion;

/// Values that somebody else owns.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Elements<'a> {
    Single(&'a [f32]),
    Half(&'a [f16]),
    Brain(&'a [bf16]),
}

impl<'a> Elements<'a> {
    pub(crate) fn len(self) -> usize {
        match self {
            Self::Single(values) => values.len(),
            Self::Half(values) => values.len(),
            Self::Brain(values) => values.len(),
        }
    }

    pub(crate) fn part(self, span: Range<usize>) -> Self {
        match self {
            Self::Single(values) => Self::Single(&values[span]),
            Self::Half(values) => Self::Half(&values[span]),
            Self::Brain(values) => Self::Brain(&values[span]),
        }
    }

    pub(crate) fn get(self, at: usize) -> f32 {
        match self {
            Self::Single(values) => values[at],
            Self::Half(values) => values[at].to_f32(),
            Self::Brain(values) => values[at].to_f32(),
        }
    }

    /// Half a unit in the last place of a number, relative to it: what rounding did to a probability.
    pub(crate) fn rounding(self) -> f64 {
        match self {
            Self::Single(_) => 0.0,
            Self::Half(_) => f64::from(f16::EPSILON) / 2.0,
            Self::Brain(_) => f64::from(bf16::EPSILON) / 2.0,
        }
    }

    /// Some of the values as they are, if they are `f32`; else widened in `buffer`.
    pub(crate) fn read<'b>(self, span: Range<usize>, buffer: &'b mut Vec<f32>) -> &'b [f32]
    where
        'a: 'b,
    {
        match self {
            Self::Single(values) => &values[span],
            _ => self.copy(span, buffer),
        }
    }

    /// Some of the values, widened in `buffer`, which is resized.
    pub(crate) fn copy(self, span: Range<usize>, buffer: &mut Vec<f32>) -> &mut [f32] {
        buffer.resize(span.len(), 0.0);
        match self {
            Self::Single(values) => buffer.copy_from_slice(&values[span]),
            Self::Half(values) => widen_half(&values[span], buffer),
            Self::Brain(values) => widen_brain(&values[span], buffer),
        }
        buffer
    }
}

#[multiversion(targets("x86_64+avx512f", "x86_64+avx2", "aarch64+neon"))]
fn widen_half(values: &[f16], out: &mut [f32]) {
    for (value, out) in values.iter().zip(out) {
        *out = half_to_single(value.to_bits());
    }
}

#[multiversion(targets("x86_64+avx512f", "x86_64+avx2", "aarch64+neon"))]
fn widen_brain(values: &[bf16], out: &mut [f32]) {
    for (value, out) in values.iter().zip(out) {
        *out = f32::from_bits(u32::from(value.to_bits()) << 16);
    }
}

/// Exact, without a branch or a call, so that loops over it vectorise where F16C is not compiled in.
///
/// The exponent moves by 127 - 15. A subnormal gets the implicit one that it lacks, which is then taken off
/// again; that way no `f32` on the way is subnormal, which would be slow.
#[inline(always)]
fn half_to_single(bits: u16) -> f32 {
    const SHIFT: u32 = 112 << 23;
    const TOP_EXPONENT: u32 = 31 << 23;
    let magnitude = u32::from(bits & 0x7fff) << 13;
    let exponent = magnitude & TOP_EXPONENT;
    let normal = magnitude + SHIFT;
    let special = normal + SHIFT;
    let subnormal = f32::from_bits(normal + (1 << 23)) - f32::from_bits(SHIFT + (1 << 23));
    let widened = if exponent == 0 {
        subnormal.to_bits()
    } else if exponent == TOP_EXPONENT {
        special
    } else {
        normal
    };
    f32::from_bits(widened | u32::from(bits & 0x8000) << 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_half_is_widened_exactly() {
        let values: Vec<f16> = (0..=u16::MAX).map(f16::from_bits).collect();
        let mut buffer = Vec::new();
        let widened = Elements::Half(&values).copy(0..values.len(), &mut buffer);
        for (value, widened) in values.iter().zip(widened) {
            assert!(value.is_nan() && widened.is_nan() || value.to_f32() == *widened, "{value}");
        }
    }

    #[test]
    fn every_brain_float_is_widened_exactly() {
        let values: Vec<bf16> = (0..=u16::MAX).map(bf16::from_bits).collect();
        let mut buffer = Vec::new();
        let widened = Elements::Brain(&values).copy(0..values.len(), &mut buffer);
        for (value, widened) in values.iter().zip(widened) {
            assert!(value.is_nan() && widened.is_nan() || value.to_f32() == *widened, "{value}");
        }
    }
}
