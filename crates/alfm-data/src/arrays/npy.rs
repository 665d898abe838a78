use std::io;
#[cfg(feature = "npz")]
use std::io::Read;
use std::path::Path;

#[cfg(feature = "npz")]
use npyz::npz::NpzArchive;
use npyz::{DType, Endianness, NpyHeader, Order, TypeChar};

use super::element::Element;
use super::map;
use super::place::Place;
use super::raw::{Header, RawArray, Storage};
use crate::Error;
#[cfg(feature = "npz")]
use crate::error::missing_array;

/// Maps a `.npy` file.
pub(super) fn read_npy(path: &Path) -> Result<RawArray, Error> {
    let map = map::open(path)?;
    let mut rest: &[u8] = &map;
    let header = NpyHeader::from_reader(&mut rest).map_err(unreadable(path))?;
    let start = map.len() - rest.len();
    let place = Place { path: path.into(), key: None };
    let header = interpret(place, &header, start, map.len())?;
    Ok(RawArray { header, storage: Storage::Mapped(map) })
}

/// Reads one array of a `.npz` file, which may be compressed, into memory.
#[cfg(feature = "npz")]
pub(super) fn read_npz(path: &Path, key: &str) -> Result<RawArray, Error> {
    let mut archive = NpzArchive::open(path).map_err(unreadable(path))?;
    let Some(array) = archive.by_name(key).map_err(unreadable(path))? else {
        return Err(missing_array(path, key, &names(path)?));
    };
    let header = array.header().clone();
    let mut bytes = Vec::new();
    array.into_inner().read_to_end(&mut bytes).map_err(unreadable(path))?;
    let place = Place { path: path.into(), key: Some(key.to_owned()) };
    let header = interpret(place, &header, 0, bytes.len())?;
    Ok(RawArray { header, storage: Storage::Owned(bytes) })
}

/// The arrays of a `.npz` file, sorted.
#[cfg(feature = "npz")]
pub(crate) fn names(path: &Path) -> Result<Vec<String>, Error> {
    let archive = NpzArchive::open(path).map_err(unreadable(path))?;
    let mut names: Vec<String> = archive.array_names().map(str::to_owned).collect();
    names.sort_unstable();
    Ok(names)
}

fn unreadable(path: &Path) -> impl FnOnce(io::Error) -> Error {
    move |source| match source.kind() {
        io::ErrorKind::NotFound => crate::error::io(path)(source),
        _ => Error::input("not a readable NumPy file").in_file(path).because(source),
    }
}

fn interpret(
    place: Place,
    header: &NpyHeader,
    start: usize,
    available: usize,
) -> Result<Header, Error> {
    let Some(element) = element(&header.dtype()) else {
        let found = header.dtype().descr();
        return Err(place.wrong_type(&found, "little-endian floats or whole numbers"));
    };
    let shape: Vec<usize> = header.shape().iter().map(|&extent| extent as usize).collect();
    // A vector, or a matrix of one row or column, is the same in both orders.
    let both = shape.iter().filter(|&&extent| extent > 1).count() < 2;
    if header.order() == Order::Fortran && !both {
        let message = "it is in Fortran order: write it in C order (numpy.ascontiguousarray)";
        return Err(place.refuse(message));
    }
    Header::new(place, element, shape, start, available)
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
