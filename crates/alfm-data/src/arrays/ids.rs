use std::collections::BTreeSet;
use std::path::Path;

use alfm_core::{CoreError, SampleId};

use crate::DataError;

/// Reads ids from a text file, one a line. A last line without text is no id.
///
/// # Errors
/// [`DataError::Io`]; [`DataError::Cell`] for an empty line among the others; [`DataError::Content`] for an
/// id that is given twice.
pub fn read_ids(path: &Path) -> Result<Vec<SampleId>, DataError> {
    let text = std::fs::read_to_string(path).map_err(DataError::io(path))?;
    let mut seen = BTreeSet::new();
    let check = |(row, line): (usize, &str)| {
        if line.is_empty() {
            let (path, column, value) = (path.into(), "id".to_owned(), String::new());
            return Err(DataError::Cell { path, row, column, value, expected: "an id" });
        }
        let id = SampleId::from(line);
        if !seen.insert(id.clone()) {
            let source = CoreError::Duplicate { what: "item", name: line.to_owned() };
            return Err(DataError::Content { path: path.into(), source });
        }
        Ok(id)
    };
    text.lines().enumerate().map(check).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_id_a_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ids.txt");
        let read = |content: &str| {
            std::fs::write(&path, content).unwrap();
            read_ids(&path)
        };
        assert_eq!(read("a\nb c\r\n").unwrap(), ["a", "b c"].map(SampleId::from));
        assert!(matches!(read("a\n\nb\n"), Err(DataError::Cell { row: 1, .. })));
        assert!(matches!(read("a\na\n"), Err(DataError::Content { .. })));
    }
}
