use std::collections::HashMap;
use std::path::Path;

use alfm_core::{MatrixView, SampleId};
use half::f16;
use half::slice::HalfFloatSliceExt;
use safetensors::Dtype;
use safetensors::tensor::TensorView;
use serde::{Deserialize, Serialize};

use super::ids;
use super::safetensors::unusable;
use crate::Error;
use crate::error::io;

/// How numbers are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Precision {
    /// Half precision: half the size, about three decimal digits.
    F16,
    /// Single precision: what is read back is what was written.
    #[default]
    F32,
}

/// Writes matrices as the tensors of a safetensors file, by key, whole or not at all.
///
/// `model` becomes the file's metadata: the encoder that the numbers come from. The same input gives the same
/// bytes.
///
/// # Errors
/// For a file that cannot be written.
pub fn write_safetensors(
    path: &Path,
    arrays: &[(&str, MatrixView<'_>)],
    precision: Precision,
    model: Option<&str>,
) -> Result<(), Error> {
    let rows: Vec<_> =
        arrays.iter().map(|(key, matrix)| Rows { key, matrix: *matrix, ids: None }).collect();
    write_rows(path, &rows, precision, model)
}

/// A matrix to write, and whose rows they are.
#[derive(Clone, Copy, Debug)]
pub struct Rows<'a> {
    /// The tensor.
    pub key: &'a str,
    /// Its values.
    pub matrix: MatrixView<'a>,
    /// The ids of the rows, where they have any but their numbers.
    pub ids: Option<&'a [SampleId]>,
}

/// As [`write_safetensors`]; ids lie beside their matrix, where [`ids_beside`](super::ids_beside) finds them.
///
/// They are the tensor `KEY.ids`: the bytes of a JSON list of texts, since an id may hold anything.
///
/// # Errors
/// For a file that cannot be written, and another number of ids than of rows.
pub fn write_rows(
    path: &Path,
    arrays: &[Rows<'_>],
    precision: Precision,
    model: Option<&str>,
) -> Result<(), Error> {
    let dtype = match precision {
        Precision::F32 => Dtype::F32,
        Precision::F16 => Dtype::F16,
    };
    let mut encoded = Vec::new();
    for Rows { key, matrix, ids } in arrays {
        let shape = vec![matrix.rows(), matrix.columns()];
        encoded.push(((*key).to_owned(), dtype, shape, encode(*matrix, precision)));
        if let Some(ids) = ids {
            if ids.len() != matrix.rows() {
                return Err(Error::row_count("ids", matrix.rows(), ids.len()).in_file(path));
            }
            let list = ids::encode(ids);
            encoded.push((ids::key_of(key), Dtype::U8, vec![list.len()], list));
        }
    }
    let tensors: Vec<(&str, TensorView<'_>)> = encoded
        .iter()
        .map(|(key, dtype, shape, bytes)| {
            Ok((key.as_str(), TensorView::new(*dtype, shape.clone(), bytes)?))
        })
        .collect::<Result<_, _>>()
        .map_err(unusable(path))?;
    let about = model.map(|model| HashMap::from([("model".to_owned(), model.to_owned())]));
    let content = safetensors::serialize(tensors, about).map_err(unusable(path))?;
    alfm_core::files::write_atomically(path, |out| out.write_all(&content)).map_err(io(path))
}

fn encode(matrix: MatrixView<'_>, precision: Precision) -> Vec<u8> {
    match precision {
        Precision::F32 => matrix.values().iter().flat_map(|value| value.to_le_bytes()).collect(),
        Precision::F16 => to_f16(matrix.values()),
    }
}

fn to_f16(values: &[f32]) -> Vec<u8> {
    let mut halves = vec![f16::ZERO; values.len()];
    halves.convert_from_f32_slice(values);
    halves.iter().flat_map(|half| half.to_le_bytes()).collect()
}
