use std::collections::BTreeSet;
use std::path::Path;

use alfm_core::SampleId;

use crate::error::cell;
use crate::{Error, text};

/// Reads ids from a text file, one a line. A last line without text is no id.
///
/// # Errors
/// An unreadable file; an empty line among the others; an id that is given twice.
pub fn read_ids(path: &Path) -> Result<Vec<SampleId>, Error> {
    let text = text::read_text(path)?;
    let mut seen = BTreeSet::new();
    let check = |(row, line): (usize, &str)| {
        if line.is_empty() {
            return Err(cell(path, row, "id", "", "an id"));
        }
        let id = SampleId::from(line);
        if !seen.insert(id.clone()) {
            return Err(Error::duplicate("item", line).at_row(row).in_file(path));
        }
        Ok(id)
    };
    text::lines(&text).enumerate().map(check).collect()
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
        assert_eq!(read("\u{feff}a\nb c\r\n").unwrap(), ["a", "b c"].map(SampleId::from));
        let empty = read("a\n\nb\n").unwrap_err();
        assert_eq!((empty.row(), empty.path()), (Some(1), Some(path.as_path())));
        assert!(
            empty.to_string().ends_with("row 1, column `id`: `` cannot be used, expected an id")
        );
        let twice = read("a\na\n").unwrap_err();
        assert_eq!((twice.row(), twice.path()), (Some(1), Some(path.as_path())));
        assert!(twice.to_string().contains("item `a` is given twice"), "{twice}");
    }
}
