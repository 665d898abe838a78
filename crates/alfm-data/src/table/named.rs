use std::path::{Path, PathBuf};

use alfm_core::{ClassId, ClassSchema};

use super::{Cell, Wanted, missing, read};
use crate::DataError;
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
    /// An unreadable file; [`DataError::MissingColumn`], which lists the columns there are.
    pub fn read(path: &Path, columns: &[&str]) -> Result<Self, DataError> {
        let wanted: Vec<_> = columns.iter().map(|name| Wanted { name, required: true }).collect();
        let cells = read(path, &wanted)?.into_iter().map(Option::unwrap_or_default);
        let columns = columns.iter().map(|name| (*name).to_owned()).zip(cells).collect();
        Ok(Self { path: path.into(), columns })
    }

    /// A column as texts, row by row; a number as it is written, nothing as an empty text.
    ///
    /// # Errors
    /// [`DataError::MissingColumn`] for a column that was not read.
    pub fn texts(&self, column: &str) -> Result<Vec<String>, DataError> {
        Ok(self.cells(column)?.iter().map(ToString::to_string).collect())
    }

    /// A column as labels, row by row: class names or numbers; -1 or an empty cell is no label.
    ///
    /// # Errors
    /// [`DataError::Cell`] for the first cell that is no class, [`DataError::MissingColumn`] for a column that was not
    /// read.
    pub fn labels(
        &self,
        column: &str,
        schema: &ClassSchema,
    ) -> Result<Vec<Option<ClassId>>, DataError> {
        read_labels(&self.path, column, self.cells(column)?, schema)
    }

    fn cells(&self, column: &str) -> Result<&[Cell], DataError> {
        match self.columns.iter().find(|(name, _)| name == column) {
            Some((_, cells)) => Ok(cells),
            None => {
                let read: Vec<&str> = self.columns.iter().map(|(name, _)| name.as_str()).collect();
                Err(missing(&self.path, column, &read))
            }
        }
    }
}
