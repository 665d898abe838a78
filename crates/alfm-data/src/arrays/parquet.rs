use std::fs::File;
use std::path::Path;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float32Type, Int64Type};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::FloatMatrix;
use crate::DataError;

/// Reads a column of lists of floats, all of one length, without nulls.
pub(super) fn read_matrix(path: &Path, column: &str) -> Result<FloatMatrix, DataError> {
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
            other => return Err(wrong_type(path, column, "lists of floats", other)),
        };
        let lists = DataType::new_large_list(element, true);
        let array = cast(&array, &lists).map_err(DataError::parquet(path))?;
        for list in array.as_list::<i64>().iter() {
            let bad = |value: String| cell(path, rows, column, value);
            let list = list.ok_or_else(|| bad("null".to_owned()))?;
            let list = cast(&list, &DataType::Float32).map_err(DataError::parquet(path))?;
            if list.null_count() > 0 {
                return Err(bad("a list with a null".to_owned()));
            }
            if *columns.get_or_insert(list.len()) != list.len() {
                return Err(bad(format!("a list of {}", list.len())));
            }
            values.extend_from_slice(list.as_primitive::<Float32Type>().values());
            rows += 1;
        }
    }
    Ok(FloatMatrix::new(values, rows, columns.unwrap_or(0)))
}

/// Reads a column of whole numbers without nulls; the name is for errors.
pub(super) fn read_integers(path: &Path, column: &str) -> Result<(String, Vec<i64>), DataError> {
    let mut numbers = Vec::new();
    for array in read_column(path, column)? {
        if !array.data_type().is_integer() {
            return Err(wrong_type(path, column, "whole numbers", array.data_type()));
        }
        let array = cast(&array, &DataType::Int64).map_err(DataError::parquet(path))?;
        for number in array.as_primitive::<Int64Type>() {
            let null = || cell(path, numbers.len(), column, "null".to_owned());
            let number = number.ok_or_else(null)?;
            numbers.push(number);
        }
    }
    Ok((format!("{}:{column}", path.display()), numbers))
}

/// The column's batches of rows.
fn read_column(path: &Path, column: &str) -> Result<Vec<ArrayRef>, DataError> {
    let file = File::open(path).map_err(DataError::io(path))?;
    let builder =
        ParquetRecordBatchReaderBuilder::try_new(file).map_err(DataError::parquet(path))?;
    let Ok(at) = builder.schema().index_of(column) else {
        let fields = builder.schema().fields();
        let found: Vec<&str> = fields.iter().map(|field| field.name().as_str()).collect();
        let (path, key) = (path.into(), column.to_owned());
        return Err(DataError::MissingArray { path, key, found: found.join(", ") });
    };
    let mask = ProjectionMask::roots(builder.parquet_schema(), [at]);
    let batches = builder.with_projection(mask).build().map_err(DataError::parquet(path))?;
    batches.map(|batch| Ok(batch.map_err(DataError::parquet(path))?.column(0).clone())).collect()
}

fn wrong_type(path: &Path, column: &str, expected: &'static str, found: &DataType) -> DataError {
    let (path, column, found) = (path.into(), column.to_owned(), found.to_string());
    DataError::ColumnType { path, column, expected, found }
}

fn cell(path: &Path, row: usize, column: &str, value: String) -> DataError {
    let expected = "what the other rows hold, without nulls";
    DataError::Cell { path: path.into(), row, column: column.to_owned(), value, expected }
}
