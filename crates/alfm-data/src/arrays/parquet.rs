use std::fs::File;
use std::path::Path;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float32Type, Int64Type};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::FloatMatrix;
use super::place::Place;
use crate::Error;
use crate::error::{cell, column_type, io, missing_array, parquet as unreadable};

/// Reads a column of lists of floats, all of one length, without nulls.
pub(super) fn read_matrix(path: &Path, column: &str) -> Result<FloatMatrix, Error> {
    let mut values: Vec<f32> = Vec::new();
    let (mut rows, mut columns) = (0, None);
    for array in read_column(path, column)? {
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
        let array = cast(&array, &lists).map_err(unreadable(path))?;
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
    }
    Ok(FloatMatrix::new(values, rows, columns.unwrap_or(0), place(path, column)))
}

/// Reads a column of whole numbers without nulls; the place is for errors.
pub(super) fn read_integers(path: &Path, column: &str) -> Result<(Place, Vec<i64>), Error> {
    let mut numbers = Vec::new();
    for array in read_column(path, column)? {
        if !array.data_type().is_integer() {
            let found = array.data_type().to_string();
            return Err(column_type(path, column, found, "whole numbers"));
        }
        let array = cast(&array, &DataType::Int64).map_err(unreadable(path))?;
        for number in array.as_primitive::<Int64Type>() {
            let null = || odd_cell(path, numbers.len(), column, "null");
            let number = number.ok_or_else(null)?;
            numbers.push(number);
        }
    }
    Ok((place(path, column), numbers))
}

/// The column's batches of rows.
fn read_column(path: &Path, column: &str) -> Result<Vec<ArrayRef>, Error> {
    let file = File::open(path).map_err(io(path))?;
    let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(unreadable(path))?;
    let Ok(at) = builder.schema().index_of(column) else {
        let fields = builder.schema().fields();
        let found: Vec<&str> = fields.iter().map(|field| field.name().as_str()).collect();
        return Err(missing_array(path, column, &found));
    };
    let mask = ProjectionMask::roots(builder.parquet_schema(), [at]);
    let batches = builder.with_projection(mask).build().map_err(unreadable(path))?;
    batches.map(|batch| Ok(batch.map_err(unreadable(path))?.column(0).clone())).collect()
}

fn odd_cell(path: &Path, row: usize, column: &str, value: &str) -> Error {
    cell(path, row, column, value, "what the other rows hold, without nulls")
}

fn place(path: &Path, column: &str) -> Place {
    Place { path: path.into(), key: Some(column.to_owned()) }
}
