//! A synthetic pool as `.npy` files, for this program and for others.

use std::fs::File;
use std::io::{BufWriter, Result};
use std::path::Path;

use alfm_core::ClassId;
use alfm_data::Error;
use alfm_data::arrays::{ArraySpec, FloatMatrix, read_labels, read_matrix};
use npyz::{AutoSerialize, WriteOptions, WriterBuilder};

use crate::Shape;

const MODEL: &str = "model.npy";
const EMBEDDINGS: &str = "embeddings.npy";
const LABELS: &str = "labels.npy";
const TRUTH: &str = "truth.npy";

/// Makes a pool and writes `model.npy`, `embeddings.npy`, `labels.npy` and `truth.npy`.
///
/// # Errors
/// A folder that cannot be written to.
pub fn write(folder: &Path, shape: &Shape) -> Result<()> {
    std::fs::create_dir_all(folder)?;
    let truth = shape.truth();
    let observed = shape.observed(&truth);
    let (rows, number) = (shape.rows, |class: &ClassId| class.index() as i64);
    save(&folder.join(TRUTH), &[rows], truth.iter().map(number))?;
    let labels = observed.iter().map(|label| label.as_ref().map_or(-1, number));
    save(&folder.join(LABELS), &[rows], labels)?;
    save(&folder.join(MODEL), &[rows, shape.classes], shape.probabilities(&truth))?;
    save(&folder.join(EMBEDDINGS), &[rows, shape.dimension], shape.embeddings(&truth))
}

fn save<T: AutoSerialize>(
    path: &Path,
    shape: &[usize],
    values: impl IntoIterator<Item = T>,
) -> Result<()> {
    let shape: Vec<u64> = shape.iter().map(|extent| *extent as u64).collect();
    let file = BufWriter::new(File::create(path)?);
    let mut writer = WriteOptions::new().default_dtype().shape(&shape).writer(file).begin_nd()?;
    writer.extend(values)?;
    writer.finish()
}

/// The model's class probabilities, mapped.
///
/// # Errors
/// As [`read_matrix`].
pub fn model(folder: &Path) -> std::result::Result<FloatMatrix, Error> {
    read_matrix(&spec(folder, MODEL))
}

/// The embeddings, mapped.
///
/// # Errors
/// As [`read_matrix`].
pub fn embeddings(folder: &Path) -> std::result::Result<FloatMatrix, Error> {
    read_matrix(&spec(folder, EMBEDDINGS))
}

/// The labels so far.
///
/// # Errors
/// As [`read_labels`].
pub fn observed(folder: &Path) -> std::result::Result<Vec<Option<ClassId>>, Error> {
    read_labels(&spec(folder, LABELS))
}

/// The class of every row.
///
/// # Errors
/// As [`read_labels`], and for a row without a class.
pub fn truth(folder: &Path) -> std::result::Result<Vec<ClassId>, Box<dyn std::error::Error>> {
    let classes: Option<Vec<ClassId>> = read_labels(&spec(folder, TRUTH))?.into_iter().collect();
    classes.ok_or_else(|| format!("{TRUTH} has a row without a class").into())
}

fn spec(folder: &Path, name: &str) -> ArraySpec {
    ArraySpec::Npy { path: folder.join(name) }
}
