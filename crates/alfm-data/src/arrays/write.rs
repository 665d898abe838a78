use std::collections::HashMap;
use std::path::Path;

use alfm_core::MatrixView;
use half::f16;
use half::slice::HalfFloatSliceExt;
use safetensors::Dtype;
use safetensors::tensor::TensorView;
use serde::{Deserialize, Serialize};

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
    let encoded: Vec<(&str, Vec<usize>, Vec<u8>)> = arrays
        .iter()
        .map(|(key, matrix)| {
            (*key, vec![matrix.rows(), matrix.columns()], encode(*matrix, precision))
        })
        .collect();
    let dtype = match precision {
        Precision::F32 => Dtype::F32,
        Precision::F16 => Dtype::F16,
    };
    let tensors: Vec<(&str, TensorView<'_>)> = encoded
        .iter()
        .map(|(key, shape, bytes)| Ok((*key, TensorView::new(dtype, shape.clone(), bytes)?)))
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
