use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use arrow::array::{Array, AsArray};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use rayon::prelude::*;

use super::{Image, walk};
use crate::Error;
use crate::error::{self, column_type, io, parquet as unreadable};
use crate::table::{self, Cell, Wanted};

/// Reads a column of images: of bytes in a parquet file, else of files below the table's folder.
pub(crate) fn read(path: &Path, column: &str) -> Result<Vec<Image>, Error> {
    match path.extension().is_some_and(|extension| extension == "parquet") {
        true => parquet(path, column),
        false => files(path, column),
    }
}

/// Bytes, or a struct with a field `bytes`, as the hub stores images.
fn parquet(path: &Path, column: &str) -> Result<Vec<Image>, Error> {
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

/// Files that the cells name: by path from the table's folder, or by name, with or without its ending, anywhere
/// below it.
fn files(path: &Path, column: &str) -> Result<Vec<Image>, Error> {
    let wanted = [Wanted { name: column, required: true }];
    let cells = table::read(path, &wanted)?.into_iter().next().flatten().unwrap_or_default();
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    let mut by_name = None;
    let mut find = |(row, cell): (usize, &Cell)| {
        let name = cell.to_string();
        let direct = folder.join(&name);
        if !cell.is_empty() && direct.is_file() {
            return Ok(direct);
        }
        let index = match &mut by_name {
            Some(index) => index,
            none => none.insert(names(folder)?),
        };
        match index.get(&name) {
            Some(Some(path)) => Ok(path.clone()),
            Some(None) => {
                Err(error::cell(path, row, column, &name, "a path: several files have this name"))
            }
            None => {
                let expected = "an image file in the folder of the table, or below it";
                Err(error::cell(path, row, column, &name, expected))
            }
        }
    };
    let paths = cells.iter().enumerate().map(&mut find).collect::<Result<Vec<_>, _>>()?;
    // The first error in row order, whatever thread meets one first.
    paths.par_iter().map(Image::file).collect::<Vec<_>>().into_iter().collect()
}

/// Image files by name and by name without ending; `None` where several have it.
fn names(folder: &Path) -> Result<BTreeMap<String, Option<PathBuf>>, Error> {
    let mut index = BTreeMap::new();
    for file in walk(folder)? {
        let name = |part: Option<&std::ffi::OsStr>| part.map(|part| part.to_string_lossy().into());
        for name in [name(file.path.file_name()), name(file.path.file_stem())] {
            let Some(name) = name else { continue };
            let entry = index.entry(name).or_insert_with(|| Some(file.path.clone()));
            if entry.as_ref().is_some_and(|known| *known != file.path) {
                *entry = None;
            }
        }
    }
    Ok(index)
}
