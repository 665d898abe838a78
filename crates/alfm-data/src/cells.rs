//! From cells to texts, ids, labels and classes.

use std::collections::BTreeSet;
use std::path::Path;

use alfm_core::{ClassId, ClassSchema, SampleId};

use crate::error::{cell, no_classes};
use crate::table::Cell;
use crate::{ClassEntry, Error};

pub(crate) fn texts(path: &Path, column: &str, cells: Vec<Cell>) -> Result<Vec<String>, Error> {
    let text = |(row, value)| match value {
        Cell::Missing => Err(cell(path, row, column, "", "a text (an empty one is allowed)")),
        Cell::Text(text) => Ok(text),
        number => Ok(number.to_string()),
    };
    cells.into_iter().enumerate().map(text).collect()
}

/// Ids, or the names of groups.
pub(crate) fn ids(path: &Path, column: &str, cells: &[Cell]) -> Result<Vec<SampleId>, Error> {
    let id = |(row, value): (usize, &Cell)| {
        if value.is_empty() {
            return Err(cell(path, row, column, "", "an id"));
        }
        Ok(value.to_string().into())
    };
    cells.iter().enumerate().map(id).collect()
}

/// Labels as numbers or names; -1 and nothing mean "unlabelled".
pub(crate) fn read_labels(
    path: &Path,
    column: &str,
    cells: &[Cell],
    schema: &ClassSchema,
) -> Result<Vec<Option<ClassId>>, Error> {
    let label = |(row, value)| {
        parse_label(value, schema).ok_or_else(|| {
            let expected = "a class name, a class number, or -1 for unlabelled";
            cell(path, row, column, &value.to_string(), expected)
        })
    };
    cells.iter().enumerate().map(label).collect()
}

/// A class name comes before a number, so that classes named `1`, `2` mean what they say.
fn parse_label(cell: &Cell, schema: &ClassSchema) -> Option<Option<ClassId>> {
    if cell.is_empty() {
        return Some(None);
    }
    if let Cell::Text(name) = cell
        && let Some(class) = schema.names().iter().position(|known| known == name)
    {
        return Some(Some(ClassId::from_index(class)));
    }
    let number = cell.number()?;
    if number == -1 {
        return Some(None);
    }
    let class = ClassId::from_index(usize::try_from(number).ok()?);
    schema.check(class).ok().map(Some)
}

/// More classes than this are ids or measurements in the wrong column.
const MOST_CLASSES: i64 = 100_000;

/// The classes of a user's file, from its labels.
pub(crate) fn learn_classes(
    path: &Path,
    labels: Option<&[Cell]>,
) -> Result<Vec<ClassEntry>, Error> {
    let known: Vec<&Cell> = labels.into_iter().flatten().filter(|cell| !cell.is_empty()).collect();
    let numbers: Option<Vec<i64>> = known.iter().map(|cell| cell.number()).collect();
    let names: Vec<String> = match numbers.and_then(|numbers| numbers.into_iter().max()) {
        Some(largest) if largest < MOST_CLASSES => {
            (0..=largest).map(|class| class.to_string()).collect()
        }
        _ => {
            let names: BTreeSet<String> = known.iter().map(|cell| cell.to_string()).collect();
            names.into_iter().collect()
        }
    };
    if names.len() < 2 {
        return Err(no_classes(path, names.len()));
    }
    Ok(names.into_iter().map(ClassEntry::named).collect())
}
