use std::path::Path;
use std::sync::OnceLock;

use alfm_core::{MatrixView, Predictions, ScoreKind};
use half::slice::HalfBitsSliceExt;

use super::element::Element;
use super::place::Place;
use super::raw::{RawArray, Storage};
use crate::Error;

/// A matrix of f32, f16 or bf16 that lies in a mapped file, or of f32 in memory.
///
/// A mapped file must not be changed in place while this value lives: what is read then is undefined. Files
/// that `alfm` writes never change in place.
pub struct FloatMatrix {
    values: Values,
    rows: usize,
    columns: usize,
    place: Place,
}

enum Values {
    Owned(Vec<f32>),
    /// Little-endian f32 at an aligned address.
    InPlace(RawArray),
    /// Little-endian f16 or bf16 at an aligned address; widened for those who ask for f32.
    Half {
        raw: RawArray,
        widened: OnceLock<Vec<f32>>,
    },
}

impl FloatMatrix {
    pub(super) fn new(values: Vec<f32>, rows: usize, columns: usize, place: Place) -> Self {
        Self { values: Values::Owned(values), rows, columns, place }
    }

    /// The file that it is in.
    pub fn path(&self) -> &Path {
        &self.place.path
    }

    pub(super) fn from_raw(raw: RawArray) -> Result<Self, Error> {
        let (rows, columns) = raw.header.matrix_shape()?;
        let little = cfg!(target_endian = "little");
        let place = raw.header.place.clone();
        match raw.header.element {
            Element::F32 if little && bytemuck::try_cast_slice::<u8, f32>(raw.bytes()).is_ok() => {
                return Ok(Self { values: Values::InPlace(raw), rows, columns, place });
            }
            Element::F16 | Element::Bf16
                if little && bytemuck::try_cast_slice::<u8, u16>(raw.bytes()).is_ok() =>
            {
                let values = Values::Half { raw, widened: OnceLock::new() };
                return Ok(Self { values, rows, columns, place });
            }
            _ => {}
        }
        let values = raw.header.element.to_f32(&place, raw.bytes())?;
        Ok(Self::new(values, rows, columns, place))
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Number of columns.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// The values, row by row; they may be anything that the file holds, NaN included.
    ///
    /// Half precision is widened once, in memory: `4 N K` bytes.
    pub fn values(&self) -> &[f32] {
        match &self.values {
            Values::Owned(values) => values,
            // The cast was tried when the value was made, and neither address nor length change.
            Values::InPlace(raw) => bytemuck::try_cast_slice(raw.bytes()).unwrap_or_default(),
            // No half is refused: the error is that of other element types.
            Values::Half { raw, widened } => widened.get_or_init(|| {
                raw.header.element.to_f32(&raw.header.place, raw.bytes()).unwrap_or_default()
            }),
        }
    }

    /// A checked view.
    ///
    /// # Errors
    /// Naming the file, for the first value that is not finite, and for a matrix without columns.
    pub fn view(&self) -> Result<MatrixView<'_>, Error> {
        let view = MatrixView::new(self.values(), self.rows, self.columns);
        view.map_err(|error| self.in_file(error))
    }

    fn in_file(&self, error: Error) -> Error {
        error.in_file(&self.place.path)
    }

    /// The rows as checked class predictions; half precision is read where it lies, without a copy.
    ///
    /// # Errors
    /// As [`Predictions::probabilities`] and [`Predictions::logits`], naming the file.
    pub fn predictions(&self, kind: ScoreKind) -> Result<Predictions<'_>, Error> {
        let Values::Half { raw, .. } = &self.values else {
            let predictions = Predictions::new(self.view()?, kind);
            return predictions.map_err(|error| self.in_file(error));
        };
        let bits: &[u16] = bytemuck::try_cast_slice(raw.bytes()).unwrap_or_default();
        let predictions = match raw.header.element {
            Element::Bf16 => {
                Predictions::brain(bits.reinterpret_cast(), self.rows, self.columns, kind)
            }
            _ => Predictions::half(bits.reinterpret_cast(), self.rows, self.columns, kind),
        };
        predictions.map_err(|error| self.in_file(error))
    }

    /// Whether the values are used where they lie in the file, without a copy.
    pub fn is_mapped(&self) -> bool {
        let raw = match &self.values {
            Values::Owned(_) => return false,
            Values::InPlace(raw) | Values::Half { raw, .. } => raw,
        };
        matches!(raw.storage, Storage::Mapped(_))
    }
}

impl std::fmt::Debug for FloatMatrix {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FloatMatrix")
            .field("rows", &self.rows)
            .field("columns", &self.columns)
            .field("mapped", &self.is_mapped())
            .finish()
    }
}
