//! Named columns of a CSV, JSONL or parquet file, read into cells of one kind.

mod csv;
mod jsonl;
mod named;
#[cfg(feature = "parquet")]
mod parquet;
mod strict;

use std::fmt;
use std::path::Path;

use serde::{Deserialize, Serialize};

pub use jsonl::read_json_lines;
pub use named::Table;

use crate::{Error, ErrorKind, text};

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
    /// The column of labels, as numbers or class names; a user's file may do without the column `label`, but must
    /// have one that is named otherwise here.
    pub label: String,
    /// The label that means "unlabelled"; an empty or missing one always does. Unless it is said here, -1 does.
    ///
    /// A value that does not occur, such as `none`, says that every label is a class, -1 among them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unlabelled: Option<String>,
    /// The column of groups: items of one group belong together, such as images of one patient.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
}

/// The column of labels where none is named.
const LABEL: &str = "label";

impl Default for Columns {
    fn default() -> Self {
        Self {
            id: None,
            text: "text".to_owned(),
            image: None,
            label: LABEL.to_owned(),
            unlabelled: None,
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

    /// Says which label means "unlabelled".
    #[must_use]
    pub fn with_unlabelled(mut self, value: impl Into<String>) -> Self {
        self.unlabelled = Some(value.into());
        self
    }

    /// Whether a user's file must have the column of labels: somebody named it.
    pub(crate) fn names_label(&self) -> bool {
        self.label != LABEL
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

    /// The whole number that it holds or spells: `7`, or `7.0`, as tables with gaps are written, but not `007`.
    pub(crate) fn number(&self) -> Option<i64> {
        match self {
            Self::Missing => None,
            Self::Number(number) => Some(*number),
            Self::Text(text) => {
                let text = text.trim();
                let digits = match text.split_once('.') {
                    Some((digits, zeros)) if !zeros.is_empty() => {
                        zeros.bytes().all(|digit| digit == b'0').then_some(digits)?
                    }
                    _ => text,
                };
                let number: i64 = digits.parse().ok()?;
                (number.to_string() == digits).then_some(number)
            }
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

/// What was read of a table.
#[derive(Debug)]
pub(crate) struct Content {
    pub(crate) cells: Cells,
    /// Lines that hold no row.
    pub(crate) blank_lines: usize,
}

/// Whether a file is a table with named columns by its name: `.csv`, `.tsv`, `.jsonl` or `.parquet`.
pub fn is_table(path: &Path) -> bool {
    matches!(ending(path).as_deref(), Some("csv" | "tsv" | "jsonl" | "parquet"))
}

/// What a file's name says of its format: `Pool.CSV` is a `csv`.
pub(crate) fn ending(path: &Path) -> Option<String> {
    Some(path.extension()?.to_str()?.to_ascii_lowercase())
}

/// Reads columns of a file; its extension tells the format.
pub(crate) fn read(path: &Path, wanted: &[Wanted<'_>]) -> Result<Content, Error> {
    match ending(path).as_deref() {
        Some("jsonl") => jsonl::read(path, &text::read_text(path)?, wanted),
        Some("csv") => csv::read(path, &text::read_text(path)?, b',', wanted),
        Some("tsv") => csv::read(path, &text::read_text(path)?, b'\t', wanted),
        #[cfg(feature = "parquet")]
        Some("parquet") => {
            let cells = parquet::read(path, wanted)?;
            Ok(Content { cells, blank_lines: 0 })
        }
        #[cfg(not(feature = "parquet"))]
        Some("parquet") => Err(crate::error::not_built("parquet", path)),
        _ => {
            let message = "unknown format: the name must end in .csv, .tsv, .jsonl or .parquet";
            Err(Error::input(message).in_file(path))
        }
    }
}

/// The names of a column's classes, where the file itself says them.
pub(crate) fn class_names(path: &Path, column: &str) -> Result<Option<Vec<String>>, Error> {
    match ending(path).as_deref() {
        #[cfg(feature = "parquet")]
        Some("parquet") => parquet::class_names(path, column),
        _ => {
            _ = column;
            Ok(None)
        }
    }
}

/// Reads columns of a JSONL text that is already in memory.
pub(crate) fn read_jsonl(path: &Path, text: &str, wanted: &[Wanted<'_>]) -> Result<Cells, Error> {
    Ok(jsonl::read(path, text, wanted)?.cells)
}

/// A float that is a whole number.
pub(crate) fn whole(value: f64) -> Option<i64> {
    // Beyond 2^53 not every whole number is a float: what was written there is not known.
    (value.fract() == 0.0 && value.abs() <= 9_007_199_254_740_992.0).then_some(value as i64)
}

/// Where each wanted column is among the found ones.
fn locate(path: &Path, wanted: &[Wanted<'_>], found: &[&str]) -> Result<Vec<Option<usize>>, Error> {
    let locate = |wanted: &Wanted<'_>| {
        let named = found.iter().filter(|name| **name == wanted.name).count();
        if named > 1 {
            let message =
                format!("{named} columns are named `{}`: give each a name of its own", wanted.name);
            return Err(Error::input(message).in_file(path));
        }
        let at = found.iter().position(|name| *name == wanted.name);
        if at.is_none() && wanted.required {
            return Err(missing(path, wanted.name, found));
        }
        Ok(at)
    };
    wanted.iter().map(locate).collect()
}

pub(crate) fn missing(path: &Path, column: &str, found: &[&str]) -> Error {
    let there = match found {
        [] => "there is none at all".to_owned(),
        found => format!("the columns are {}", found.join(", ")),
    };
    Error::new(ErrorKind::NotFound, format!("no column `{column}`: {there}")).in_file(path)
}
