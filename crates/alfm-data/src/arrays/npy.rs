#[cfg(feature = "npz")]
use std::io::Read;
use std::path::Path;

#[cfg(feature = "npz")]
use npyz::npz::NpzArchive;
use npyz::{DType, Endianness, NpyHeader, Order, TypeChar};

use super::element::Element;
use super::map;
use super::raw::{Header, RawArray, Storage};
use crate::DataError;

/// Maps a `.npy` file.
pub(super) fn read_npy(path: &Path) -> Result<RawArray, DataError> {
    let map = map::open(path)?;
    let mut rest: &[u8] = &map;
    let header = NpyHeader::from_reader(&mut rest)
        .map_err(|source| DataError::Npy { path: path.into(), source })?;
    let start = map.len() - rest.len();
    let header = interpret(path.display().to_string(), &header, start, map.len())?;
    Ok(RawArray { header, storage: Storage::Mapped(map) })
}

/// Reads one array of a `.npz` file, which may be compressed, into memory.
#[cfg(feature = "npz")]
pub(super) fn read_npz(path: &Path, key: &str) -> Result<RawArray, DataError> {
    let failed = |source| DataError::Npy { path: path.into(), source };
    let mut archive = NpzArchive::open(path).map_err(failed)?;
    let mut found: Vec<String> = archive.array_names().map(str::to_owned).collect();
    found.sort_unstable();
    let Some(array) = archive.by_name(key).map_err(failed)? else {
        let (path, found) = (path.into(), found.join(", "));
        return Err(DataError::MissingArray { path, key: key.to_owned(), found });
    };
    let header = array.header().clone();
    let mut bytes = Vec::new();
    array.into_inner().read_to_end(&mut bytes).map_err(failed)?;
    let header = interpret(format!("{}:{key}", path.display()), &header, 0, bytes.len())?;
    Ok(RawArray { header, storage: Storage::Owned(bytes) })
}

fn interpret(
    name: String,
    header: &NpyHeader,
    start: usize,
    available: usize,
) -> Result<Header, DataError> {
    let Some(element) = element(&header.dtype()) else {
        let found = header.dtype().descr();
        let expected = "little-endian floats or whole numbers";
        return Err(DataError::ArrayType { array: name, found, expected });
    };
    let shape: Vec<usize> = header.shape().iter().map(|&extent| extent as usize).collect();
    // A vector, or a matrix of one row or column, is the same in both orders.
    let both = shape.iter().filter(|&&extent| extent > 1).count() < 2;
    if header.order() == Order::Fortran && !both {
        return Err(DataError::FortranOrder { array: name });
    }
    Header::new(name, element, shape, start, available)
}

fn element(dtype: &DType) -> Option<Element> {
    let DType::Plain(dtype) = dtype else { return None };
    if dtype.endianness() == Endianness::Big {
        return None;
    }
    match (dtype.type_char(), dtype.size_field()) {
        (TypeChar::Float, 2) => Some(Element::F16),
        (TypeChar::Float, 4) => Some(Element::F32),
        (TypeChar::Float, 8) => Some(Element::F64),
        (TypeChar::Int, 1) => Some(Element::I8),
        (TypeChar::Int, 2) => Some(Element::I16),
        (TypeChar::Int, 4) => Some(Element::I32),
        (TypeChar::Int, 8) => Some(Element::I64),
        (TypeChar::Uint, 1) => Some(Element::U8),
        (TypeChar::Uint, 2) => Some(Element::U16),
        (TypeChar::Uint, 4) => Some(Element::U32),
        (TypeChar::Uint, 8) => Some(Element::U64),
        _ => None,
    }
}
