use alfm_core::{CoreError, MatrixView};

use super::element::Element;
use super::raw::{RawArray, Storage};
use crate::DataError;

/// A matrix of f32 that lies in a mapped file, or in memory.
///
/// A mapped file must not be changed in place while this value lives: what is read then is undefined. Files
/// that `alfm` writes never change in place.
pub struct FloatMatrix {
    values: Values,
    rows: usize,
    columns: usize,
}

enum Values {
    Owned(Vec<f32>),
    /// Little-endian f32 at an aligned address.
    InPlace(RawArray),
}

impl FloatMatrix {
    pub(super) fn new(values: Vec<f32>, rows: usize, columns: usize) -> Self {
        Self { values: Values::Owned(values), rows, columns }
    }

    pub(super) fn from_raw(raw: RawArray) -> Result<Self, DataError> {
        let (rows, columns) = raw.header.matrix_shape()?;
        let in_place = cfg!(target_endian = "little")
            && raw.header.element == Element::F32
            && bytemuck::try_cast_slice::<u8, f32>(raw.bytes()).is_ok();
        if in_place {
            return Ok(Self { values: Values::InPlace(raw), rows, columns });
        }
        let values = raw.header.element.to_f32(&raw.header.name, raw.bytes())?;
        Ok(Self::new(values, rows, columns))
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
    pub fn values(&self) -> &[f32] {
        match &self.values {
            Values::Owned(values) => values,
            // The cast was tried when the value was made, and neither address nor length change.
            Values::InPlace(raw) => bytemuck::try_cast_slice(raw.bytes()).unwrap_or_default(),
        }
    }

    /// A checked view.
    ///
    /// # Errors
    /// [`CoreError::NotFinite`] for the first value that is not finite, [`CoreError::Shape`] for a matrix
    /// without columns.
    pub fn view(&self) -> Result<MatrixView<'_>, CoreError> {
        MatrixView::new(self.values(), self.rows, self.columns)
    }

    /// Whether the values are used where they lie in the file, without a copy.
    pub fn is_mapped(&self) -> bool {
        matches!(&self.values, Values::InPlace(RawArray { storage: Storage::Mapped(_), .. }))
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
