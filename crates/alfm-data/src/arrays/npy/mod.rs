//! NumPy's `.npy`, mapped where it lies, and `.npz`, a zip file of them, read into memory.

#[cfg(feature = "npz")]
mod npz;
mod preamble;

use std::io;
use std::path::Path;

use super::element::Element;
use super::map;
use super::place::Place;
use super::raw::{Header, RawArray, Storage};
use crate::Error;
use preamble::Preamble;

#[cfg(feature = "npz")]
pub(super) use npz::{names, read_npz};

/// Maps a `.npy` file.
pub(super) fn read_npy(path: &Path) -> Result<RawArray, Error> {
    let map = map::open(path)?;
    let mut rest: &[u8] = &map;
    let preamble = Preamble::read(&mut rest).map_err(unreadable(path))?;
    let start = map.len() - rest.len();
    let place = Place { path: path.into(), key: None };
    let header = interpret(place, preamble, start, map.len())?;
    Ok(RawArray { header, storage: Storage::Mapped(map) })
}

fn unreadable(path: &Path) -> impl FnOnce(io::Error) -> Error {
    move |source| match source.kind() {
        io::ErrorKind::NotFound => crate::error::io(path)(source),
        _ => Error::input("not a readable NumPy file").in_file(path).because(source),
    }
}

fn interpret(
    place: Place,
    preamble: Preamble,
    start: usize,
    available: usize,
) -> Result<Header, Error> {
    let Preamble { element, fortran_order, shape } = preamble;
    let Some(element) = element.as_deref().and_then(known) else {
        let found = element.as_deref().unwrap_or("of records");
        return Err(place.wrong_type(found, "little-endian floats or whole numbers"));
    };
    // A vector, or a matrix of one row or column, is the same in both orders.
    let both = shape.iter().filter(|&&extent| extent > 1).count() < 2;
    if fortran_order && !both {
        let message = "it is in Fortran order: write it in C order (numpy.ascontiguousarray)";
        return Err(place.refuse(message));
    }
    Header::new(place, element, shape, start, available)
}

/// An element type by NumPy's name for it; bytes have no order.
fn known(descr: &str) -> Option<Element> {
    Some(match descr {
        "<f2" => Element::F16,
        "<f4" => Element::F32,
        "<f8" => Element::F64,
        "|i1" | "<i1" => Element::I8,
        "<i2" => Element::I16,
        "<i4" => Element::I32,
        "<i8" => Element::I64,
        "|u1" | "<u1" => Element::U8,
        "<u2" => Element::U16,
        "<u4" => Element::U32,
        "<u8" => Element::U64,
        _ => return None,
    })
}
