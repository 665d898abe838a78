use std::path::Path;

use alfm_core::{ClassId, ClassSchema};

use crate::{Error, Table};

/// Labels in row order, from one column of a CSV, JSONL or parquet file; -1 or an empty cell is no label.
///
/// Labels are class names or numbers. For the labels of another model or annotator, whose rows are those of
/// a split.
///
/// ```
/// use alfm_core::{ClassId, ClassSchema};
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("model.csv");
/// std::fs::write(&path, "index,prediction\n0,spam\n1,0\n2,-1\n")?;
/// let schema = ClassSchema::new(["ham", "spam"])?;
/// let labels = alfm_data::read_label_column(&path, "prediction", &schema)?;
/// assert_eq!(labels, [Some(ClassId::new(1)), Some(ClassId::new(0)), None]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// An unreadable file, an unknown column, or the first cell that is no class.
pub fn read_label_column(
    path: &Path,
    column: &str,
    schema: &ClassSchema,
) -> Result<Vec<Option<ClassId>>, Error> {
    Table::read(path, &[column])?.labels(column, schema)
}
