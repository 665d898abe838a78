//! Matrices, labels and ids in files that other tools write and read.
//!
//! An array is named `FILE.npy`, `FILE.npz:KEY`, `FILE.safetensors:KEY` or `FILE.parquet:COLUMN` (a column of
//! lists of equal length). Matrices are f16, bf16, f32 or f64 in C order; f32 in `.npy` and `.safetensors` is
//! used where it lies, by memory map, and so are f16 and bf16 where class predictions are read; everything else
//! is converted to f32 in memory.
//!
//! In safetensors, the ids of the rows of `KEY` may lie beside them, as `KEY.ids` ([`write_rows`], [`ids_beside`]).
//!
//! Safetensors and `.npy` are always read; `.npz` and parquet with the features of these names.

mod element;
mod ids;
mod matrix;
mod npy;
#[cfg(feature = "parquet")]
mod parquet;
mod place;
mod raw;
mod safetensors;
mod spec;
mod write;

#[allow(
    unsafe_code,
    reason = "mapping a file into memory; the note in the file says why it is sound"
)]
mod map;

pub use ids::{ids_beside, read_ids};
pub use matrix::FloatMatrix;
pub(crate) use place::Place;
pub use spec::ArraySpec;
pub use write::{Precision, Rows, write_rows, write_safetensors};

use std::path::Path;

use alfm_core::{ClassId, Matrix};

use crate::Error;
use crate::error::not_built;
use raw::RawArray;

/// Reads a matrix of numbers; a memory map where the format allows.
///
/// ```
/// use alfm_core::Matrix;
/// use alfm_data::arrays::{ArraySpec, Precision, read_matrix, write_safetensors};
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("embeddings.safetensors");
/// let matrix = Matrix::new(vec![1.0, 2.0, 3.0, 4.0], 2, 2)?;
/// write_safetensors(&path, &[("embeddings", matrix.view())], Precision::F16, None)?;
/// let spec: ArraySpec = format!("{}:embeddings", path.display()).parse()?;
/// assert_eq!(read_matrix(&spec)?.view()?.row(1), [3.0, 4.0]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// An unreadable file; an array that is not there, with those that are; an element type that is no float, anything
/// but a matrix, Fortran order, and an array that was cut off.
pub fn read_matrix(spec: &ArraySpec) -> Result<FloatMatrix, Error> {
    match spec {
        #[cfg(feature = "parquet")]
        ArraySpec::Parquet { path, column } => parquet::read_matrix(path, column),
        other => FloatMatrix::from_raw(raw(other)?),
    }
}

/// The array as it lies in its file, without a look at its elements.
fn raw(spec: &ArraySpec) -> Result<RawArray, Error> {
    match spec {
        ArraySpec::Safetensors { path, key } => safetensors::read(path, key),
        ArraySpec::Npy { path } => npy::read_npy(path),
        #[cfg(feature = "npz")]
        ArraySpec::Npz { path, key } => npy::read_npz(path, key),
        #[cfg(not(feature = "npz"))]
        ArraySpec::Npz { path, .. } => Err(not_built("npz", path)),
        ArraySpec::Parquet { path, .. } => Err(not_built("parquet", path)),
    }
}

/// Reads a matrix from a safetensors file that is already in memory; `name` is what errors call it.
///
/// # Errors
/// As [`read_matrix`], and for a value that is not finite.
pub fn matrix_from_safetensors(name: &str, bytes: &[u8], key: &str) -> Result<Matrix, Error> {
    let raw = safetensors::find(Path::new(name), bytes, key)?;
    let (rows, columns) = raw.matrix_shape()?;
    let values = raw.element.to_f32(&raw.place, &bytes[raw.range])?;
    Matrix::new(values, rows, columns).map_err(|error| error.in_file(name))
}

/// Reads a vector of labels: whole numbers, -1 for unlabelled. A column of one is a vector, too.
///
/// # Errors
/// As [`read_matrix`], and for another negative or too large number.
pub fn read_labels(spec: &ArraySpec) -> Result<Vec<Option<ClassId>>, Error> {
    let (place, numbers) = read_integers(spec)?;
    labels(&place, &numbers, 1)
}

/// Reads a vector of whole numbers, with the array's place.
pub(crate) fn read_integers(spec: &ArraySpec) -> Result<(Place, Vec<i64>), Error> {
    match spec {
        #[cfg(feature = "parquet")]
        ArraySpec::Parquet { path, column } => parquet::read_integers(path, column),
        other => raw(other)?.integers(),
    }
}

/// The arrays of a `.npz` file, sorted.
pub(crate) fn npz_names(path: &Path) -> Result<Vec<String>, Error> {
    #[cfg(feature = "npz")]
    return npy::names(path);
    #[cfg(not(feature = "npz"))]
    return Err(not_built("npz", path));
}

/// Reads an array of bytes of a `.npz` file, with its shape.
pub(crate) fn read_bytes(path: &Path, key: &str) -> Result<(Vec<usize>, Vec<u8>), Error> {
    let raw = raw(&ArraySpec::Npz { path: path.into(), key: key.to_owned() })?;
    let bytes = raw.header.element.bytes(&raw.header.place, raw.bytes())?.to_vec();
    Ok((raw.header.shape, bytes))
}

/// Labels that several annotators or rules gave to the same items.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabelMatrix {
    /// Row by row; none where one gave no label.
    pub labels: Vec<Option<ClassId>>,
    /// Number of items.
    pub rows: usize,
    /// Number of annotators or rules.
    pub columns: usize,
}

/// Reads a matrix of labels: whole numbers, one row an item, one column an annotator or rule, -1 for none.
///
/// A parquet column of whole numbers is a matrix of one column.
///
/// # Errors
/// As [`read_labels`].
pub fn read_label_matrix(spec: &ArraySpec) -> Result<LabelMatrix, Error> {
    if let ArraySpec::Parquet { .. } = spec {
        let labels = read_labels(spec)?;
        return Ok(LabelMatrix { rows: labels.len(), labels, columns: 1 });
    }
    let raw = raw(spec)?;
    let (rows, columns) = raw.header.matrix_shape()?;
    let (place, numbers) = raw.numbers()?;
    Ok(LabelMatrix { labels: labels(&place, &numbers, columns)?, rows, columns })
}

/// Class numbers are below this: who reads them may set a place aside for each class.
const MOST_CLASSES: u32 = 1_000_000;

fn labels(place: &Place, numbers: &[i64], columns: usize) -> Result<Vec<Option<ClassId>>, Error> {
    let label = |(at, value): (usize, &i64)| match u32::try_from(*value) {
        Ok(class) if class < MOST_CLASSES => Ok(Some(ClassId::new(class))),
        Err(_) if *value == -1 => Ok(None),
        _ => {
            let row = at / columns;
            let rule =
                format!("a label is a class number below {MOST_CLASSES}, or -1 for unlabelled");
            Err(place.refuse(&format!("row {row} is {value}: {rule}")).at_row(row))
        }
    };
    numbers.iter().enumerate().map(label).collect()
}
