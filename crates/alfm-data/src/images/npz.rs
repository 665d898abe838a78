use std::path::Path;

use super::Image;
use crate::DataError;
use crate::arrays::{self, ArraySpec};
use crate::table::{Cell, Cells, Wanted};

/// The array of a split: `SPLIT_NAME` where there is one, else `NAME`.
fn of_split<T>(
    split: &str,
    name: &str,
    read: impl Fn(String) -> Result<T, DataError>,
) -> Result<T, DataError> {
    let own = format!("{split}_{name}");
    match read(own.clone()) {
        Err(DataError::MissingArray { .. }) => read(name.to_owned()).map_err(|error| match error {
            DataError::MissingArray { path, key, found } => {
                DataError::MissingArray { path, key: format!("{own} or {key}"), found }
            }
            error => error,
        }),
        read => read,
    }
}

/// Images of a `.npz` file: 8-bit, `N x H x W` (grey), `N x H x W x 1` or `N x H x W x 3` (RGB).
///
/// # Errors
/// An unreadable file, [`DataError::MissingArray`], [`DataError::ArrayType`], [`DataError::ArrayShape`].
pub(crate) fn read(path: &Path, split: &str, name: &str) -> Result<Vec<Image>, DataError> {
    let (shape, bytes) = of_split(split, name, |key| arrays::read_bytes(path, &key))?;
    let (rows, extents, channels) = match shape[..] {
        [rows, height, width] | [rows, height, width, 1] => (rows, [width, height], 1),
        [rows, height, width, 3] => (rows, [width, height], 3),
        _ => (0, [0, 0], 0),
    };
    let sizes = extents.map(|extent| u32::try_from(extent).unwrap_or(0));
    let stride = extents[0] * extents[1] * channels;
    if stride == 0 || sizes.contains(&0) {
        let expected = "images, N x H x W or N x H x W x 3";
        let array = format!("{}:{name}", path.display());
        return Err(DataError::ArrayShape { array, found: shape, expected });
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
pub(crate) fn cells(path: &Path, split: &str, wanted: &[Wanted<'_>]) -> Result<Cells, DataError> {
    let read = |wanted: &Wanted<'_>| {
        let read = |key| arrays::read_integers(&ArraySpec::Npz { path: path.into(), key });
        match of_split(split, wanted.name, read) {
            Ok((_, numbers)) => Ok(Some(numbers.into_iter().map(Cell::Number).collect())),
            Err(DataError::MissingArray { .. }) if !wanted.required => Ok(None),
            Err(error) => Err(error),
        }
    };
    wanted.iter().map(read).collect()
}
