//! The ids of a pool, which several inputs may know.

use std::path::{Path, PathBuf};

use alfm_core::{Error, SampleId};
use alfm_data::arrays::{ArraySpec, ids_beside};

/// The ids that a file gives to its rows.
pub(crate) struct Ids {
    pub file: PathBuf,
    pub ids: Vec<SampleId>,
}

impl Ids {
    /// Those that lie beside an array, if any do.
    pub(crate) fn beside(array: &ArraySpec) -> Result<Option<Self>, Error> {
        let ids = ids_beside(array)?;
        Ok(ids.map(|ids| Self { file: array.path().into(), ids }))
    }
}

/// The first of several lists of ids, if all of them are the same and have an id for each row of `array`.
pub(crate) fn agreed(found: Vec<Ids>, rows: usize, array: &Path) -> Result<Option<Ids>, Error> {
    for Ids { file, ids } in &found {
        same_number(file, ids.len(), "ids", array, rows)?;
    }
    let mut found = found.into_iter();
    let Some(first) = found.next() else { return Ok(None) };
    for other in found {
        let pairs = first.ids.iter().zip(&other.ids);
        let Some(row) = pairs.clone().position(|(a, b)| a != b) else { continue };
        let message = format!(
            "row {row} is item `{}`, and that of {} is item `{}`: both are about one pool, in one order; make one \
             of them again",
            other.ids[row],
            first.file.display(),
            first.ids[row]
        );
        return Err(Error::input(message).at_row(row).in_file(other.file));
    }
    Ok(Some(first))
}

/// Refuses a file of another number of rows than the array has.
pub(crate) fn same_rows(file: &Path, got: usize, array: &Path, rows: usize) -> Result<(), Error> {
    same_number(file, got, "rows", array, rows)
}

fn same_number(
    file: &Path,
    got: usize,
    what: &str,
    array: &Path,
    rows: usize,
) -> Result<(), Error> {
    if got == rows {
        return Ok(());
    }
    let array = array.display();
    let message = format!("it has {got} {what}, and {array} has {rows} rows: give one per item");
    Err(Error::input(message).in_file(file))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(file: &str, ids: [&str; 2]) -> Ids {
        Ids { file: file.into(), ids: ids.map(SampleId::from).into() }
    }

    #[test]
    fn lists_agree_or_the_first_row_that_does_not_is_named() {
        let array = Path::new("prior.npy");
        let agree = |found| agreed(found, 2, array);
        assert!(agree(vec![]).unwrap().is_none());
        let first = agree(vec![ids("a.csv", ["x", "y"]), ids("b.txt", ["x", "y"])]).unwrap();
        assert_eq!(first.unwrap().file, Path::new("a.csv"));
        let error = agree(vec![ids("a.csv", ["x", "y"]), ids("b.txt", ["x", "z"])]).err().unwrap();
        assert_eq!((error.path(), error.row()), (Some(Path::new("b.txt")), Some(1)));
        let told = error.to_string();
        assert!(
            told.starts_with("b.txt: row 1 is item `z`, and that of a.csv is item `y`"),
            "{told}"
        );
        let error = agreed(vec![ids("a.csv", ["x", "y"])], 3, array).err().unwrap().to_string();
        assert!(error.starts_with("a.csv: it has 2 ids, and prior.npy has 3 rows"), "{error}");
    }
}
