use half::{bf16, f16};

use super::place::Place;
use crate::Error;

/// The type of an array's elements; all little-endian.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Element {
    F16,
    Bf16,
    F32,
    F64,
    I8,
    I16,
    I32,
    I64,
    U8,
    U16,
    U32,
    U64,
}

impl Element {
    /// Bytes of one element.
    pub(super) fn size(self) -> usize {
        match self {
            Self::I8 | Self::U8 => 1,
            Self::F16 | Self::Bf16 | Self::I16 | Self::U16 => 2,
            Self::F32 | Self::I32 | Self::U32 => 4,
            Self::F64 | Self::I64 | Self::U64 => 8,
        }
    }

    pub(super) fn to_f32(self, place: &Place, bytes: &[u8]) -> Result<Vec<f32>, Error> {
        Ok(match self {
            Self::F16 => convert(bytes, |b| f16::from_le_bytes(b).to_f32()),
            Self::Bf16 => convert(bytes, |b| bf16::from_le_bytes(b).to_f32()),
            Self::F32 => convert(bytes, f32::from_le_bytes),
            Self::F64 => convert(bytes, |b| f64::from_le_bytes(b) as f32),
            other => return Err(other.refused(place, "f16, bf16, f32 or f64")),
        })
    }

    pub(super) fn to_i64(self, place: &Place, bytes: &[u8]) -> Result<Vec<i64>, Error> {
        Ok(match self {
            Self::I8 => convert(bytes, |b| i8::from_le_bytes(b).into()),
            Self::I16 => convert(bytes, |b| i16::from_le_bytes(b).into()),
            Self::I32 => convert(bytes, |b| i32::from_le_bytes(b).into()),
            Self::I64 => convert(bytes, i64::from_le_bytes),
            Self::U8 => convert(bytes, |b| u8::from_le_bytes(b).into()),
            Self::U16 => convert(bytes, |b| u16::from_le_bytes(b).into()),
            Self::U32 => convert(bytes, |b| u32::from_le_bytes(b).into()),
            // Numbers beyond i64 are no labels either way; the caller refuses the largest one.
            Self::U64 => convert(bytes, |b| u64::from_le_bytes(b).try_into().unwrap_or(i64::MAX)),
            other => return Err(other.refused(place, "whole numbers")),
        })
    }

    /// The elements as they are, if they are unsigned bytes.
    pub(super) fn bytes<'a>(self, place: &Place, bytes: &'a [u8]) -> Result<&'a [u8], Error> {
        match self {
            Self::U8 => Ok(bytes),
            other => Err(other.refused(place, "u8")),
        }
    }

    fn refused(self, place: &Place, expected: &str) -> Error {
        place.wrong_type(&format!("{self:?}").to_lowercase(), expected)
    }
}

fn convert<const N: usize, T>(bytes: &[u8], from: impl Fn([u8; N]) -> T) -> Vec<T> {
    let (chunks, _) = bytes.as_chunks::<N>();
    chunks.iter().map(|chunk| from(*chunk)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_float_becomes_f32() {
        let place = Place { path: "x".into(), key: None };
        let to_f32 = |element: Element, bytes: &[u8]| element.to_f32(&place, bytes).unwrap();
        assert_eq!(to_f32(Element::F16, &[0x00, 0x3e, 0x00, 0xc0]), [1.5, -2.0]);
        assert_eq!(to_f32(Element::Bf16, &[0xc0, 0x3f]), [1.5]);
        assert_eq!(to_f32(Element::F32, &1.5_f32.to_le_bytes()), [1.5]);
        assert_eq!(to_f32(Element::F64, &1.5_f64.to_le_bytes()), [1.5]);
    }

    #[test]
    fn floats_are_no_labels_and_whole_numbers_no_probabilities() {
        let place = Place { path: "x".into(), key: None };
        assert_eq!(Element::I8.to_i64(&place, &[0xff, 0x02]).unwrap(), [-1, 2]);
        let error = Element::F32.to_i64(&place, &[]).unwrap_err().to_string();
        assert_eq!(error, "x: element type f32, expected whole numbers: convert the array");
        assert!(Element::U8.to_f32(&place, &[]).is_err());
    }
}
