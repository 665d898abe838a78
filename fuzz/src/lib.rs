//! What the targets share: bytes as a file, and what must hold of whatever a reader makes of it.

use std::path::Path;

use alfm_core::ClassId;
use alfm_data::arrays::{ArraySpec, ids_beside, read_label_matrix, read_labels, read_matrix};
use alfm_data::{Columns, Dataset};

/// Hands the bytes to `act` as a file with this ending.
///
/// # Panics
/// If the file can't be written, which is no fault of a reader.
pub fn as_file(ending: &str, bytes: &[u8], act: impl FnOnce(&Path)) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join(format!("input.{ending}"));
    std::fs::write(&path, bytes).expect("a file in the temporary folder");
    act(&path);
}

/// An array file through every reader of arrays; `key` names the array in files that hold several.
///
/// # Panics
/// If a reader panics, or what it read contradicts itself.
pub fn arrays(ending: &str, key: Option<&str>, bytes: &[u8]) {
    as_file(ending, bytes, |path| {
        let key = key.map_or(String::new(), |key| format!(":{key}"));
        let spec: ArraySpec = format!("{}{key}", path.display()).parse().expect("a known ending");
        if let Ok(matrix) = read_matrix(&spec)
            && let Ok(view) = matrix.view()
        {
            assert_eq!(view.values().len(), matrix.rows() * matrix.columns());
        }
        let _ = read_labels(&spec);
        let _ = read_label_matrix(&spec);
        let _ = ids_beside(&spec);
    });
}

/// A table through the reader of datasets.
///
/// # Panics
/// If it panics, or a label is none of the classes.
pub fn table(ending: &str, columns: &Columns, bytes: &[u8]) {
    as_file(ending, bytes, |path| {
        let Ok(data) = Dataset::from_file(path, columns, None) else { return };
        let classes = data.schema().len();
        for split in data.splits().values() {
            assert_eq!(split.ids().len(), split.len());
            assert_eq!(split.labels().len(), split.len());
            assert!(split.labels().iter().flatten().all(|class: &ClassId| class.index() < classes));
        }
    });
}
