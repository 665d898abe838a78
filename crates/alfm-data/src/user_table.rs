use std::path::Path;

use crate::split::found_in;
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
}

/// Reads a CSV, JSONL or parquet file, or a `.npz` file of images, with labels or without.
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
    let content = Split::read_cells(path, "all", columns, columns.names_label())?;
    let Content { cells, blank_lines } = content;
    let labels = cells[usize::from(columns.image.is_none())].as_deref();
    let (column, unlabelled) = (&columns.label, columns.unlabelled.as_deref());
    let mut warnings = Vec::new();
    if blank_lines > 0 {
        warnings.push(format!("{blank_lines} blank line(s) were skipped"));
    }
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
    Ok(UserTable { items, classes, warnings })
}

fn named(names: Vec<String>) -> Vec<ClassEntry> {
    names.into_iter().map(ClassEntry::named).collect()
}

/// Reads the images below a folder, at any depth, without labels; ids are paths below the folder.
///
/// Hidden files, files whose ending is not an image's, and links to folders are skipped; all but the hidden ones are
/// counted in the warnings.
///
/// # Errors
/// For a folder that cannot be read or has no images, and an image of a kind that cannot be read.
pub fn read_images(folder: &Path) -> Result<UserTable, Error> {
    let found = found_in(folder)?;
    let warnings = found.warnings();
    let labels = vec![None; found.files.len()];
    let items = Split::of_files(found.files, labels)?;
    Ok(UserTable { items, classes: Vec::new(), warnings })
}
