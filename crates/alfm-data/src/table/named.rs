use std::path::{Path, PathBuf};

use alfm_core::{ClassId, ClassSchema};

use super::{Cell, Wanted, missing, read};
use crate::Error;
use crate::cells::read_labels;

/// Some columns of a CSV, JSONL or parquet file, in memory.
///
/// ```
/// use alfm_core::{ClassId, ClassSchema};
/// use alfm_data::Table;
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("people.csv");
/// std::fs::write(&path, "id,first,second\na,spam,0\nb,,-1\n")?;
/// let table = Table::read(&path, &["id", "second"])?;
/// assert_eq!(table.texts("id")?, ["a", "b"]);
/// let schema = ClassSchema::new(["ham", "spam"])?;
/// assert_eq!(table.labels("second", &schema)?, [Some(ClassId::new(0)), None]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Table {
    path: PathBuf,
    columns: Vec<(String, Vec<Cell>)>,
}

impl Table {
    /// Reads these columns; the file's ending tells the format.
    ///
    /// # Errors
    /// An unreadable file; a column that is not there, with those that are.
    pub fn read(path: &Path, columns: &[&str]) -> Result<Self, Error> {
        Self::read_with_optional(path, columns, &[])
    }

    /// Reads these columns, and of the optional ones those that are there.
    ///
    /// # Errors
    /// As [`Table::read`].
    pub fn read_with_optional(
        path: &Path,
        columns: &[&str],
        optional: &[&str],
    ) -> Result<Self, Error> {
        let required = columns.iter().map(|name| Wanted { name, required: true });
        let optional = optional.iter().map(|name| Wanted { name, required: false });
        let wanted: Vec<Wanted<'_>> = required.chain(optional).collect();
        let found = wanted.iter().zip(read(path, &wanted)?.cells);
        let columns = found.filter_map(|(wanted, cells)| Some((wanted.name.to_owned(), cells?)));
        Ok(Self { path: path.into(), columns: columns.collect() })
    }

    /// Whether a column was read.
    pub fn has(&self, column: &str) -> bool {
        self.columns.iter().any(|(name, _)| name == column)
    }

    /// A column as texts, row by row; a number as it is written, nothing as an empty text.
    ///
    /// # Errors
    /// For a column that was not read.
    pub fn texts(&self, column: &str) -> Result<Vec<String>, Error> {
        Ok(self.cells(column)?.iter().map(ToString::to_string).collect())
    }

    /// A column as labels, row by row: class names or numbers; -1 or an empty cell is no label.
    ///
    /// # Errors
    /// For the first cell that is no class, and for a column that was not read.
    pub fn labels(
        &self,
        column: &str,
        schema: &ClassSchema,
    ) -> Result<Vec<Option<ClassId>>, Error> {
        read_labels(&self.path, column, self.cells(column)?, schema.names(), None)
    }

    fn cells(&self, column: &str) -> Result<&[Cell], Error> {
        match self.columns.iter().find(|(name, _)| name == column) {
            Some((_, cells)) => Ok(cells),
            None => {
                let read: Vec<&str> = self.columns.iter().map(|(name, _)| name.as_str()).collect();
                Err(missing(&self.path, column, &read))
            }
        }
    }
}
