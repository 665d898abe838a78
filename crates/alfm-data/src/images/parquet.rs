use std::fs::File;
use std::path::Path;

use arrow::array::{Array, AsArray};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::Image;
use crate::error::{self, column_type, io, parquet as unreadable};
use crate::{Error, table};

/// Bytes, or a struct with a field `bytes`, as the hub stores images.
pub(super) fn read(path: &Path, column: &str) -> Result<Vec<Image>, Error> {
    let file = File::open(path).map_err(io(path))?;
    let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(unreadable(path))?;
    let fields = builder.schema().fields();
    let found: Vec<&str> = fields.iter().map(|field| field.name().as_str()).collect();
    let Some(place) = found.iter().position(|name| *name == column) else {
        return Err(table::missing(path, column, &found));
    };
    let mask = ProjectionMask::roots(builder.parquet_schema(), [place]);
    let batches = builder.with_projection(mask).build().map_err(unreadable(path))?;
    let mut images = Vec::new();
    for batch in batches {
        let batch = batch.map_err(unreadable(path))?;
        for array in batch.columns() {
            append(path, column, array.as_ref(), &mut images)?;
        }
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
