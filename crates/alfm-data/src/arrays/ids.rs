use std::collections::BTreeSet;
use std::path::Path;

use alfm_core::SampleId;

use super::safetensors;
use super::spec::ArraySpec;
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

/// The tensor that holds the ids of the rows of another.
pub(super) fn key_of(key: &str) -> String {
    format!("{key}.ids")
}

/// A JSON list of texts.
pub(super) fn encode(ids: &[SampleId]) -> Vec<u8> {
    let texts: Vec<&str> = ids.iter().map(SampleId::as_str).collect();
    // Texts are always JSON.
    serde_json::to_vec(&texts).unwrap_or_default()
}

/// The ids of the rows of a matrix, where its safetensors file holds them; other formats hold none.
///
/// ```
/// use alfm_core::{Matrix, SampleId};
/// use alfm_data::arrays::{Precision, Rows, ids_beside, write_rows};
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("pool.safetensors");
/// let matrix = Matrix::new(vec![1.0, 2.0], 2, 1)?;
/// let ids = ["T-7", "T-9"].map(SampleId::from);
/// let texts = Rows { key: "texts", matrix: matrix.view(), ids: Some(&ids) };
/// write_rows(&path, &[texts], Precision::F32, None)?;
/// let spec = format!("{}:texts", path.display()).parse()?;
/// assert_eq!(ids_beside(&spec)?, Some(ids.to_vec()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// A file that cannot be read; ids that are no JSON list of texts.
pub fn ids_beside(spec: &ArraySpec) -> Result<Option<Vec<SampleId>>, Error> {
    let ArraySpec::Safetensors { path, key } = spec else { return Ok(None) };
    let key = key_of(key);
    let Some(raw) = safetensors::read_optional(path, &key)? else { return Ok(None) };
    let bytes = raw.header.element.bytes(&raw.header.place, raw.bytes())?;
    let texts: Vec<String> = serde_json::from_slice(bytes).map_err(|source| {
        let form = "ids are the bytes of a JSON list of texts: write them again";
        raw.header.place.refuse(form).because(source)
    })?;
    Ok(Some(texts.into_iter().map(SampleId::from).collect()))
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
