use std::path::Path;

use safetensors::{Dtype, SafeTensorError, SafeTensors};

use super::element::Element;
use super::map;
use super::place::Place;
use super::raw::{Header, RawArray, Storage};
use crate::Error;
use crate::error::missing_array;

/// Maps a file and finds a tensor in it.
pub(super) fn read(path: &Path, key: &str) -> Result<RawArray, Error> {
    let map = map::open(path)?;
    let header = find(path, &map, key)?;
    Ok(RawArray { header, storage: Storage::Mapped(map) })
}

/// As [`read`]; `None` where there is no such tensor.
pub(super) fn read_optional(path: &Path, key: &str) -> Result<Option<RawArray>, Error> {
    let map = map::open(path)?;
    let (_, metadata) = SafeTensors::read_metadata(&map).map_err(unusable(path))?;
    if metadata.info(key).is_none() {
        return Ok(None);
    }
    let header = find(path, &map, key)?;
    Ok(Some(RawArray { header, storage: Storage::Mapped(map) }))
}

/// Finds a tensor in the bytes of a file.
pub(super) fn find(path: &Path, bytes: &[u8], key: &str) -> Result<Header, Error> {
    let (prefix, metadata) = SafeTensors::read_metadata(bytes).map_err(unusable(path))?;
    let Some(info) = metadata.info(key) else {
        let mut found = metadata.offset_keys();
        found.sort_unstable();
        return Err(missing_array(path, key, &found));
    };
    let place = Place { path: path.into(), key: Some(key.to_owned()) };
    let Some(element) = element(info.dtype) else {
        let expected = "f16, bf16, f32, f64 or whole numbers";
        return Err(place.wrong_type(&info.dtype.to_string(), expected));
    };
    // Eight bytes say how long the header is that follows them.
    let data = prefix.checked_add(8).ok_or(SafeTensorError::InvalidHeaderLength);
    let data = data.map_err(unusable(path))?;
    Header::new(place, element, info.shape.clone(), data + info.data_offsets.0, bytes.len())
}

pub(super) fn unusable(path: &Path) -> impl FnOnce(SafeTensorError) -> Error {
    move |source| Error::input("not a readable safetensors file").in_file(path).because(source)
}

fn element(dtype: Dtype) -> Option<Element> {
    Some(match dtype {
        Dtype::F16 => Element::F16,
        Dtype::BF16 => Element::Bf16,
        Dtype::F32 => Element::F32,
        Dtype::F64 => Element::F64,
        Dtype::I8 => Element::I8,
        Dtype::I16 => Element::I16,
        Dtype::I32 => Element::I32,
        Dtype::I64 => Element::I64,
        Dtype::U8 => Element::U8,
        Dtype::U16 => Element::U16,
        Dtype::U32 => Element::U32,
        Dtype::U64 => Element::U64,
        _ => return None,
    })
}
