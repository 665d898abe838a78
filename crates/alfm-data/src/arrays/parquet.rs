use std::path::Path;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float32Type, Int64Type};

use super::FloatMatrix;
use super::place::Place;
use crate::Error;
use crate::error::{cell, column_type, missing_array, parquet as unreadable};
use crate::parquet_file::{Limit, read_columns};

/// A value takes eight bytes at most, and its copy as many.
const LIMIT: Limit = Limit { values: 16 << 20, bytes: 256 << 20 };

/// Reads a column of lists of floats, all of one length, without nulls.
pub(super) fn read_matrix(path: &Path, column: &str) -> Result<FloatMatrix, Error> {
    let mut values: Vec<f32> = Vec::new();
    let (mut rows, mut columns) = (0, None);
    for_each(path, column, |array| {
        let element = match array.data_type() {
            DataType::FixedSizeList(field, _)
            | DataType::List(field)
            | DataType::LargeList(field)
                if field.data_type().is_floating() =>
            {
                field.data_type().clone()
            }
            other => return Err(column_type(path, column, other.to_string(), "lists of floats")),
        };
        let lists = DataType::new_large_list(element, true);
        let array = cast(array, &lists).map_err(unreadable(path))?;
        for list in array.as_list::<i64>().iter() {
            let bad = |value: &str| odd_cell(path, rows, column, value);
            let list = list.ok_or_else(|| bad("null"))?;
            let list = cast(&list, &DataType::Float32).map_err(unreadable(path))?;
            if list.null_count() > 0 {
                return Err(bad("a list with a null"));
            }
            if *columns.get_or_insert(list.len()) != list.len() {
                return Err(bad(&format!("a list of {}", list.len())));
            }
            values.extend_from_slice(list.as_primitive::<Float32Type>().values());
            rows += 1;
        }
        Ok(())
    })?;
    let (place, columns) = (place(path, column), columns.unwrap_or(0));
    if values.is_empty() {
        return Err(place.empty(&[rows, columns]));
    }
    Ok(FloatMatrix::new(values, rows, columns, place))
}

/// Reads a column of whole numbers without nulls; the place is for errors.
pub(super) fn read_integers(path: &Path, column: &str) -> Result<(Place, Vec<i64>), Error> {
    let mut numbers = Vec::new();
    for_each(path, column, |array| {
        if !array.data_type().is_integer() {
            let found = array.data_type().to_string();
            return Err(column_type(path, column, found, "whole numbers"));
        }
        let array = cast(array, &DataType::Int64).map_err(unreadable(path))?;
        for number in array.as_primitive::<Int64Type>() {
            let null = || odd_cell(path, numbers.len(), column, "null");
            let number = number.ok_or_else(null)?;
            numbers.push(number);
        }
        Ok(())
    })?;
    Ok((place(path, column), numbers))
}

/// Takes the column a batch of rows at a time.
fn for_each(
    path: &Path,
    column: &str,
    mut take: impl FnMut(&ArrayRef) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut batches = read_columns(path, &LIMIT, |found| {
        let at = found.iter().position(|name| *name == column);
        Ok(vec![at.ok_or_else(|| missing_array(path, column, found))?])
    })?;
    while let Some(batch) = batches.next_batch()? {
        take(batch.column(0))?;
    }
    Ok(())
}

fn odd_cell(path: &Path, row: usize, column: &str, value: &str) -> Error {
    cell(path, row, column, value, "what the other rows hold, without nulls")
}

fn place(path: &Path, column: &str) -> Place {
    Place { path: path.into(), key: Some(column.to_owned()) }
}
