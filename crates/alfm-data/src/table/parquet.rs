use std::path::Path;
use std::str;

use arrow::array::{Array, AsArray};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, Float64Type, Int64Type};
use serde_json::Value;

use super::{Cell, Cells, Wanted, locate, whole};
use crate::Error;
use crate::error::{cell, column_type, parquet as unreadable};
use crate::parquet_file::{Limit, read_columns, read_metadata};

/// A cell takes 32 bytes.
const LIMIT: Limit = Limit { values: 4 << 20, bytes: 128 << 20 };

/// Reads only the wanted columns, a batch of rows at a time.
pub(super) fn read(path: &Path, wanted: &[Wanted<'_>]) -> Result<Cells, Error> {
    let mut cells: Cells = vec![None; wanted.len()];
    let choose = |found: &[&str]| {
        let places = locate(path, wanted, found)?;
        for (column, place) in cells.iter_mut().zip(&places) {
            *column = place.map(|_| Vec::new());
        }
        Ok(places.into_iter().flatten().collect())
    };
    let mut batches = read_columns(path, &LIMIT, choose)?;
    while let Some(batch) = batches.next_batch()? {
        for (column, wanted) in cells.iter_mut().zip(wanted) {
            if let (Some(column), Some(array)) = (column, batch.column_by_name(wanted.name)) {
                append(path, wanted.name, array.as_ref(), column)?;
            }
        }
    }
    Ok(cells)
}

/// Whole numbers of any width become numbers, texts of any layout become texts, truths their names.
fn append(path: &Path, name: &str, array: &dyn Array, cells: &mut Vec<Cell>) -> Result<(), Error> {
    let target = match array.data_type() {
        kind if kind.is_integer() => DataType::Int64,
        kind if kind.is_floating() => DataType::Float64,
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Boolean => {
            DataType::LargeUtf8
        }
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView => DataType::LargeBinary,
        DataType::Null => {
            cells.extend(std::iter::repeat_n(Cell::Missing, array.len()));
            return Ok(());
        }
        other => {
            return Err(column_type(path, name, other.to_string(), "texts or whole numbers"));
        }
    };
    // What does not fit is an error, not a null, which would mean "unlabelled".
    let options = CastOptions { safe: false, ..CastOptions::default() };
    let array = cast_with_options(array, &target, &options).map_err(unreadable(path))?;
    let refuse = |row: usize, value: &str, expected| Err(cell(path, row, name, value, expected));
    match target {
        DataType::Int64 => {
            let numbers = array.as_primitive::<Int64Type>().iter();
            cells.extend(numbers.map(|number| number.map_or(Cell::Missing, Cell::Number)));
        }
        DataType::Float64 => {
            for number in array.as_primitive::<Float64Type>() {
                cells.push(match number.filter(|number| !number.is_nan()) {
                    None => Cell::Missing,
                    Some(number) => match whole(number) {
                        Some(number) => Cell::Number(number),
                        None => {
                            let expected = "a text or a whole number";
                            return refuse(cells.len(), &number.to_string(), expected);
                        }
                    },
                });
            }
        }
        DataType::LargeUtf8 => {
            let texts = array.as_string::<i64>().iter();
            cells.extend(
                texts.map(|text| text.map_or(Cell::Missing, |text| Cell::Text(text.into()))),
            );
        }
        _ => {
            for bytes in array.as_binary::<i64>() {
                cells.push(match bytes.map(str::from_utf8).transpose() {
                    Ok(text) => text.map_or(Cell::Missing, |text| Cell::Text(text.into())),
                    Err(_) => return refuse(cells.len(), "bytes", "a text in UTF-8"),
                });
            }
        }
    }
    Ok(())
}

/// As the library `datasets` writes them into the file's metadata.
pub(super) fn class_names(path: &Path, column: &str) -> Result<Option<Vec<String>>, Error> {
    let Some(text) = read_metadata(path, "huggingface")? else { return Ok(None) };
    // What is not in this form is somebody else's.
    let about: Value = serde_json::from_str(&text).unwrap_or_default();
    let feature = &about["info"]["features"][column];
    if feature["_type"] != "ClassLabel" {
        return Ok(None);
    }
    let names = feature["names"].as_array().into_iter().flatten();
    Ok(Some(names.filter_map(|name| name.as_str().map(str::to_owned)).collect()))
}
