use std::path::Path;

use alfm_core::SampleId;

use crate::split::LabelColumn;
use crate::table::{self, Content};
use crate::{ClassEntry, Columns, Error, Split, cells};

/// A user's items, and their labels as far as there are any.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct UserTable {
    /// Ids, texts or images, and labels: `None` where an item has none.
    pub items: Split,
    /// The classes in the order of their numbers; empty where nothing says a class.
    pub classes: Vec<ClassEntry>,
    /// What was skipped, and what is worth a second look, in sentences for people.
    pub warnings: Vec<String>,
    /// Images of a folder that were left out, with the reasons.
    pub left_out: Vec<(SampleId, Error)>,
}

/// Reads a CSV, TSV, JSONL or parquet file, or a `.npz` file of images, with labels or without.
///
/// Classes are `classes` where they are given; else what the file's own metadata says (parquet as the library
/// `datasets` writes it); else the labels that occur, whole numbers by value and names by the alphabet. A column of
/// labels without any is none.
///
/// ```
/// use alfm_data::{Columns, read_table};
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("pool.csv");
/// std::fs::write(&path, "ticket,message\nT0,\"a card,\nlost\"\nT1,a refund\n")?;
/// let table = read_table(&path, &Columns::default().with_id("ticket").with_text("message"), None)?;
/// assert_eq!(table.items.ids()[1].as_str(), "T1");
/// assert_eq!(table.items.texts()?[0], "a card,\nlost");
/// assert_eq!((table.items.labels()[0], table.classes.len()), (None, 0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// An unknown column, with those there are; an unreadable file or value; a label that is no class; -1 beside one other
/// label, unless [`Columns::unlabelled`] says what it means; a repeated id.
pub fn read_table(
    path: &Path,
    columns: &Columns,
    classes: Option<&[ClassEntry]>,
) -> Result<UserTable, Error> {
    let label = if columns.names_label() { LabelColumn::Required } else { LabelColumn::IfThere };
    let Content { cells, blank_lines } = Split::read_cells(path, "all", columns, label)?;
    let labels = cells.last().and_then(Option::as_deref);
    let (column, unlabelled) = (&columns.label, columns.unlabelled.as_deref());
    let mut warnings = blank(blank_lines);
    let stated = match (classes, labels) {
        (Some(classes), _) => Some(classes.to_vec()),
        (None, Some(_)) => table::class_names(path, column)?.map(named),
        (None, None) => Some(Vec::new()),
    };
    // The metadata's authors mean unlabelled by -1.
    let asked = classes.is_some_and(|classes| classes.iter().all(|class| class.name != "-1"));
    if let Some(labels) = labels {
        if asked || stated.is_none() {
            cells::check_minus_one(path, column, labels, unlabelled)?;
        }
        warnings.extend(cells::doubts(column, labels, unlabelled));
    }
    let classes = match (stated, labels) {
        (Some(classes), _) => classes,
        (None, labels) => {
            let labels = labels.unwrap_or_default();
            named(cells::learn_classes(path, column, labels, unlabelled)?)
        }
    };
    let names: Vec<String> = classes.iter().map(|class| class.name.clone()).collect();
    let items = Split::from_cells(path, "all", columns, cells, &names)?;
    Ok(UserTable { items, classes, warnings, left_out: Vec::new() })
}

/// Reads items as [`read_table`] does, without a look at labels, in which nothing can be wrong then.
///
/// # Errors
/// As [`read_table`], but for what is about labels and classes.
pub fn read_items(path: &Path, columns: &Columns) -> Result<UserTable, Error> {
    let content = Split::read_cells(path, "all", columns, LabelColumn::Ignored)?;
    let warnings = blank(content.blank_lines);
    let items = Split::from_cells(path, "all", columns, content.cells, &[])?;
    Ok(UserTable { items, classes: Vec::new(), warnings, left_out: Vec::new() })
}

fn blank(lines: usize) -> Vec<String> {
    let told = (lines > 0).then(|| format!("{lines} blank line(s) were skipped"));
    told.into_iter().collect()
}

fn named(names: Vec<String>) -> Vec<ClassEntry> {
    names.into_iter().map(ClassEntry::named).collect()
}
