use std::path::Path;

use arrow::array::{Array, AsArray};
use arrow::compute::cast;
use arrow::datatypes::DataType;

use super::Image;
use crate::error::{self, column_type, parquet as unreadable};
use crate::parquet_file::{Limit, read_columns};
use crate::{Error, table};

/// An image that is there once in a dictionary may be read many times.
const LIMIT: Limit = Limit { values: 1 << 20, bytes: 256 << 20 };

/// Bytes, or a struct with a field `bytes`, as the hub stores images.
pub(super) fn read(path: &Path, column: &str) -> Result<Vec<Image>, Error> {
    let mut images = Vec::new();
    let mut batches = read_columns(path, &LIMIT, |found| {
        let place = found.iter().position(|name| *name == column);
        Ok(vec![place.ok_or_else(|| table::missing(path, column, found))?])
    })?;
    while let Some(batch) = batches.next_batch()? {
        append(path, column, batch.column(0).as_ref(), &mut images)?;
    }
    Ok(images)
}

fn append(
    path: &Path,
    column: &str,
    array: &dyn Array,
    images: &mut Vec<Image>,
) -> Result<(), Error> {
    let bytes = array.as_struct_opt().and_then(|fields| fields.column_by_name("bytes"));
    let bytes = bytes.map_or(array, |bytes| bytes.as_ref());
    let (DataType::Binary | DataType::LargeBinary | DataType::BinaryView) = bytes.data_type()
    else {
        let expected = "encoded images, as bytes or as a struct with a field `bytes`";
        return Err(column_type(path, column, array.data_type().to_string(), expected));
    };
    let bytes = cast(bytes, &DataType::LargeBinary).map_err(unreadable(path))?;
    for value in bytes.as_binary::<i64>() {
        let row = images.len();
        let Some(value) = value else {
            return Err(error::cell(path, row, column, "", "the bytes of an image"));
        };
        images.push(Image::encoded(path, Some(row), value));
    }
    Ok(())
}
