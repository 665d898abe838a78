//! Named columns of a CSV, JSONL or parquet file, read into cells of one kind.

mod csv;
mod jsonl;
mod named;
#[cfg(feature = "parquet")]
mod parquet;

use std::fmt;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use serde::{Deserialize, Serialize};

pub use named::Table;

use crate::error::io;
use crate::{Error, ErrorKind};

/// Which columns of a table hold what.
///
/// ```
/// let columns = alfm_data::Columns::default().with_text("message").with_id("ticket");
/// assert_eq!((columns.text.as_str(), columns.label.as_str()), ("message", "label"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct Columns {
    /// The column of ids; if it is not named, rows are named `SPLIT/ROW`, with rows from 0.
    pub id: Option<String>,
    /// The column of texts.
    pub text: String,
    /// The column of images; if it is named, the items are images, and texts are not read.
    ///
    /// Parquet: encoded images, as bytes or as a struct with a field `bytes`. CSV and JSONL: image files, by path
    /// from the table's folder, or by a name (the ending may be left out) that is found anywhere below it. In a
    /// `.npz` all columns are arrays, named `SPLIT_COLUMN` or `COLUMN`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// The column of labels, as numbers or class names; a user's file may do without.
    pub label: String,
    /// The column of groups: items of one group belong together, such as images of one patient.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
}

impl Default for Columns {
    fn default() -> Self {
        Self {
            id: None,
            text: "text".to_owned(),
            image: None,
            label: "label".to_owned(),
            group: None,
        }
    }
}

impl Columns {
    /// Takes ids from this column.
    #[must_use]
    pub fn with_id(mut self, column: impl Into<String>) -> Self {
        self.id = Some(column.into());
        self
    }

    /// Takes texts from this column.
    #[must_use]
    pub fn with_text(mut self, column: impl Into<String>) -> Self {
        self.text = column.into();
        self
    }

    /// Takes images from this column.
    #[must_use]
    pub fn with_image(mut self, column: impl Into<String>) -> Self {
        self.image = Some(column.into());
        self
    }

    /// Takes groups from this column.
    #[must_use]
    pub fn with_group(mut self, column: impl Into<String>) -> Self {
        self.group = Some(column.into());
        self
    }

    /// Takes labels from this column.
    #[must_use]
    pub fn with_label(mut self, column: impl Into<String>) -> Self {
        self.label = column.into();
        self
    }
}

/// A value of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Cell {
    Missing,
    Number(i64),
    Text(String),
}

impl Cell {
    /// Whether there is nothing in it.
    pub(crate) fn is_empty(&self) -> bool {
        match self {
            Self::Missing => true,
            Self::Number(_) => false,
            Self::Text(text) => text.is_empty(),
        }
    }

    /// The whole number that it holds or spells.
    pub(crate) fn number(&self) -> Option<i64> {
        match self {
            Self::Missing => None,
            Self::Number(number) => Some(*number),
            Self::Text(text) => text.trim().parse().ok(),
        }
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => Ok(()),
            Self::Number(number) => number.fmt(f),
            Self::Text(text) => f.write_str(text),
        }
    }
}

/// A column to read. Reading fails without a required one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted<'a> {
    pub(crate) name: &'a str,
    pub(crate) required: bool,
}

/// The wanted columns in the order asked for, `None` where an optional one is absent.
pub(crate) type Cells = Vec<Option<Vec<Cell>>>;

/// Reads columns of a file; its extension tells the format.
pub(crate) fn read(path: &Path, wanted: &[Wanted<'_>]) -> Result<Cells, Error> {
    let open = || File::open(path).map_err(io(path));
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("jsonl") => jsonl::read(path, BufReader::new(open()?), wanted),
        Some("csv") => csv::read(path, BufReader::new(open()?), wanted),
        #[cfg(feature = "parquet")]
        Some("parquet") => parquet::read(path, open()?, wanted),
        #[cfg(not(feature = "parquet"))]
        Some("parquet") => Err(crate::error::not_built("parquet", path)),
        _ => {
            let message = "unknown format: the name must end in .csv, .jsonl or .parquet";
            Err(Error::input(message).in_file(path))
        }
    }
}

/// Reads columns of a JSONL text that is already in memory.
pub(crate) fn read_jsonl(path: &Path, text: &str, wanted: &[Wanted<'_>]) -> Result<Cells, Error> {
    jsonl::read(path, text.as_bytes(), wanted)
}

/// Where each wanted column is among the found ones.
fn locate(path: &Path, wanted: &[Wanted<'_>], found: &[&str]) -> Result<Vec<Option<usize>>, Error> {
    let locate = |wanted: &Wanted<'_>| {
        let at = found.iter().position(|name| *name == wanted.name);
        if at.is_none() && wanted.required {
            return Err(missing(path, wanted.name, found));
        }
        Ok(at)
    };
    wanted.iter().map(locate).collect()
}

pub(crate) fn missing(path: &Path, column: &str, found: &[&str]) -> Error {
    let found = found.join(", ");
    Error::new(ErrorKind::NotFound, format!("no column `{column}`: the columns are {found}"))
        .in_file(path)
}
