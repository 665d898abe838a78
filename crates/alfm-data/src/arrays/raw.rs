use std::ops::Range;

use memmap2::Mmap;

use super::element::Element;
use super::place::Place;
use crate::Error;

/// Where an array's bytes are.
pub(super) enum Storage {
    Mapped(Mmap),
    #[cfg_attr(not(feature = "npz"), allow(dead_code, reason = "what was compressed"))]
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
    pub(super) place: Place,
    pub(super) element: Element,
    pub(super) shape: Vec<usize>,
    /// Its bytes within the storage.
    pub(super) range: Range<usize>,
}

impl Header {
    /// Checks that the bytes from `start` on fill the shape, so that nothing behind this needs to.
    pub(super) fn new(
        place: Place,
        element: Element,
        shape: Vec<usize>,
        start: usize,
        available: usize,
    ) -> Result<Self, Error> {
        if shape.len() > 1 && shape.contains(&0) {
            return Err(place.empty(&shape));
        }
        let expected = shape
            .iter()
            .try_fold(element.size(), |bytes, &extent| bytes.checked_mul(extent))
            .unwrap_or(usize::MAX);
        let got = available.saturating_sub(start);
        if got < expected {
            return Err(place.refuse(&format!(
                "{got} bytes of data, its shape needs {expected}: the file is truncated, write it again"
            )));
        }
        Ok(Self { place, element, shape, range: start..start + expected })
    }

    pub(super) fn matrix_shape(&self) -> Result<(usize, usize), Error> {
        match self.shape[..] {
            [rows, columns] => Ok((rows, columns)),
            _ => Err(self.place.wrong_shape(&self.shape, "a matrix, N x K")),
        }
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

    /// The array's place and the whole numbers of a vector, or of a matrix of one column.
    pub(super) fn integers(self) -> Result<(Place, Vec<i64>), Error> {
        if !matches!(self.header.shape[..], [_] | [_, 1]) {
            let Header { place, shape, .. } = &self.header;
            return Err(place.wrong_shape(shape, "a vector of length N"));
        }
        self.numbers()
    }

    /// The array's place and its whole numbers, row by row.
    pub(super) fn numbers(self) -> Result<(Place, Vec<i64>), Error> {
        let numbers = self.header.element.to_i64(&self.header.place, self.bytes())?;
        Ok((self.header.place, numbers))
    }
}
