use std::path::Path;

use super::Image;
use crate::Error;
use crate::arrays::{self, ArraySpec, Place};
use crate::error::missing_array;
use crate::table::{Cell, Cells, Wanted};

/// The array of a split: `SPLIT_NAME` where there is one, else `NAME`; `None` where an optional one is absent.
fn of_split(path: &Path, split: &str, wanted: &Wanted<'_>) -> Result<Option<String>, Error> {
    let (own, name) = (format!("{split}_{}", wanted.name), wanted.name.to_owned());
    let found = arrays::npz_names(path)?;
    if !wanted.required || found.contains(&own) || found.contains(&name) {
        return Ok([own, name].into_iter().find(|key| found.contains(key)));
    }
    Err(missing_array(path, &format!("{own} or {name}"), &found))
}

/// Images of a `.npz` file: 8-bit, `N x H x W` (grey), `N x H x W x 1` or `N x H x W x 3` (RGB).
///
/// # Errors
/// An unreadable file, an array that is not there, another element type or shape.
pub(crate) fn read(path: &Path, split: &str, name: &str) -> Result<Vec<Image>, Error> {
    let key = of_split(path, split, &Wanted { name, required: true })?.unwrap_or_default();
    let (shape, bytes) = arrays::read_bytes(path, &key)?;
    let (rows, extents, channels) = match shape[..] {
        [rows, height, width] | [rows, height, width, 1] => (rows, [width, height], 1),
        [rows, height, width, 3] => (rows, [width, height], 3),
        _ => (0, [0, 0], 0),
    };
    let sizes = extents.map(|extent| u32::try_from(extent).unwrap_or(0));
    let stride = extents[0] * extents[1] * channels;
    if stride == 0 || sizes.contains(&0) {
        let place = Place { path: path.into(), key: Some(key) };
        return Err(place.wrong_shape(&shape, "images, N x H x W or N x H x W x 3"));
    }
    (0..rows)
        .zip(bytes.chunks_exact(stride))
        .map(|(row, values)| Image::pixels(path, Some(row), (sizes[0], sizes[1]), values))
        .collect()
}

/// Columns of a `.npz` file: vectors of whole numbers.
///
/// # Errors
/// As [`arrays::read_integers`]; an optional array may be absent.
pub(crate) fn cells(path: &Path, split: &str, wanted: &[Wanted<'_>]) -> Result<Cells, Error> {
    let read = |wanted: &Wanted<'_>| {
        let Some(key) = of_split(path, split, wanted)? else { return Ok(None) };
        let (_, numbers) = arrays::read_integers(&ArraySpec::Npz { path: path.into(), key })?;
        Ok(Some(numbers.into_iter().map(Cell::Number).collect()))
    };
    wanted.iter().map(read).collect()
}
