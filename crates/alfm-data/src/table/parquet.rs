use std::fs::File;
use std::path::Path;

use arrow::array::{Array, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::{Cell, Cells, Wanted, locate};
use crate::Error;
use crate::error::{column_type, parquet as unreadable};

/// Reads only the wanted columns, a batch of rows at a time.
pub(super) fn read(path: &Path, file: File, wanted: &[Wanted<'_>]) -> Result<Cells, Error> {
    let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(unreadable(path))?;
    let schema = builder.schema().clone();
    let found: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
    let places = locate(path, wanted, &found)?;
    let mask = ProjectionMask::roots(builder.parquet_schema(), places.iter().flatten().copied());
    let batches = builder.with_projection(mask).build().map_err(unreadable(path))?;
    let mut cells: Cells = places.iter().map(|place| place.map(|_| Vec::new())).collect();
    for batch in batches {
        let batch = batch.map_err(unreadable(path))?;
        for (column, wanted) in cells.iter_mut().zip(wanted) {
            if let (Some(column), Some(array)) = (column, batch.column_by_name(wanted.name)) {
                append(path, wanted.name, array.as_ref(), column)?;
            }
        }
    }
    Ok(cells)
}

/// Whole numbers of any width become numbers, texts of any layout become texts.
fn append(path: &Path, name: &str, array: &dyn Array, cells: &mut Vec<Cell>) -> Result<(), Error> {
    let target = match array.data_type() {
        kind if kind.is_integer() => DataType::Int64,
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => DataType::Utf8,
        DataType::Dictionary(_, values) if **values == DataType::Utf8 => DataType::Utf8,
        other => {
            return Err(column_type(path, name, other.to_string(), "texts or whole numbers"));
        }
    };
    let array = cast(array, &target).map_err(unreadable(path))?;
    if target == DataType::Int64 {
        let numbers = array.as_primitive::<Int64Type>().iter();
        cells.extend(numbers.map(|number| number.map_or(Cell::Missing, Cell::Number)));
    } else {
        let texts = array.as_string::<i32>().iter();
        cells.extend(texts.map(|text| text.map_or(Cell::Missing, |text| Cell::Text(text.into()))));
    }
    Ok(())
}
