use std::ops::Range;

use memmap2::Mmap;

use super::element::Element;
use crate::DataError;

/// Where an array's bytes are.
pub(super) enum Storage {
    Mapped(Mmap),
    Owned(Vec<u8>),
}

impl Storage {
    pub(super) fn bytes(&self) -> &[u8] {
        match self {
            Self::Mapped(map) => map,
            Self::Owned(bytes) => bytes,
        }
    }
}

/// What an array's header says.
pub(super) struct Header {
    /// File and key, for errors.
    pub(super) name: String,
    pub(super) element: Element,
    pub(super) shape: Vec<usize>,
    /// Its bytes within the storage.
    pub(super) range: Range<usize>,
}

impl Header {
    /// Checks that the bytes from `start` on fill the shape, so that nothing behind this needs to.
    pub(super) fn new(
        name: String,
        element: Element,
        shape: Vec<usize>,
        start: usize,
        available: usize,
    ) -> Result<Self, DataError> {
        let expected = shape
            .iter()
            .try_fold(element.size(), |bytes, &extent| bytes.checked_mul(extent))
            .unwrap_or(usize::MAX);
        let got = available.saturating_sub(start);
        if got < expected {
            return Err(DataError::ArrayLength { array: name, expected, got });
        }
        Ok(Self { name, element, shape, range: start..start + expected })
    }

    pub(super) fn matrix_shape(&self) -> Result<(usize, usize), DataError> {
        match self.shape[..] {
            [rows, columns] => Ok((rows, columns)),
            _ => Err(self.wrong_shape("a matrix, N x K")),
        }
    }

    fn wrong_shape(&self, expected: &'static str) -> DataError {
        DataError::ArrayShape { array: self.name.clone(), found: self.shape.clone(), expected }
    }
}

/// An array whose elements have not been looked at.
pub(super) struct RawArray {
    pub(super) header: Header,
    pub(super) storage: Storage,
}

impl RawArray {
    pub(super) fn bytes(&self) -> &[u8] {
        &self.storage.bytes()[self.header.range.clone()]
    }

    /// The array's name and the whole numbers of a vector, or of a matrix of one column.
    pub(super) fn integers(self) -> Result<(String, Vec<i64>), DataError> {
        if !matches!(self.header.shape[..], [_] | [_, 1]) {
            return Err(self.header.wrong_shape("a vector of length N"));
        }
        self.numbers()
    }

    /// The array's name and its whole numbers, row by row.
    pub(super) fn numbers(self) -> Result<(String, Vec<i64>), DataError> {
        let numbers = self.header.element.to_i64(&self.header.name, self.bytes())?;
        Ok((self.header.name, numbers))
    }
}
