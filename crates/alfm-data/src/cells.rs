//! From cells to texts, ids, labels and classes.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use alfm_core::{ClassId, SampleId};

use crate::Error;
use crate::error::cell;
use crate::table::Cell;

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

/// Labels as names or numbers of classes; nothing means "unlabelled", and so does `unlabelled`, or else -1.
pub(crate) fn read_labels(
    path: &Path,
    column: &str,
    cells: &[Cell],
    names: &[String],
    unlabelled: Option<&str>,
) -> Result<Vec<Option<ClassId>>, Error> {
    let places: HashMap<&str, usize> =
        names.iter().enumerate().map(|(place, name)| (name.as_str(), place)).collect();
    // Of classes whose names are numbers, a number is the name, not the place.
    let numbered = names.iter().all(|name| spelled(name).is_some());
    let parse = |value: &Cell| {
        if is_unlabelled(value, unlabelled) {
            return Some(None);
        }
        let class = |name: &str| places.get(name).copied().map(ClassId::from_index);
        if let Cell::Text(name) = value
            && let Some(class) = class(name)
        {
            return Some(Some(class));
        }
        let number = value.number()?;
        match class(&number.to_string()) {
            Some(class) => Some(Some(class)),
            None if unlabelled.is_none() && number == -1 => Some(None),
            None if numbered => None,
            None => {
                let place = usize::try_from(number).ok().filter(|place| *place < names.len())?;
                Some(Some(ClassId::from_index(place)))
            }
        }
    };
    let label = |(row, value)| {
        parse(value).ok_or_else(|| {
            let expected = "a class name, a class number, or -1 for unlabelled";
            cell(path, row, column, &value.to_string(), expected)
        })
    };
    cells.iter().enumerate().map(label).collect()
}

/// The number that a class's name is.
fn spelled(name: &str) -> Option<i64> {
    name.parse().ok().filter(|number: &i64| number.to_string() == name)
}

/// Whether there is no label, or the one that means so; -1 is not looked at, which may be the name of a class.
fn is_unlabelled(value: &Cell, unlabelled: Option<&str>) -> bool {
    value.is_empty()
        || unlabelled.is_some_and(|unlabelled| match value {
            Cell::Text(text) if text == unlabelled => true,
            other => other.number().is_some_and(|number| spelled(unlabelled) == Some(number)),
        })
}

/// More classes than this are ids or measurements in the wrong column.
const MOST_CLASSES: usize = 100_000;

/// The labels that occur, each with its number of items.
struct Occurring {
    /// Where all of them are whole numbers.
    numbers: Option<BTreeMap<i64, usize>>,
    names: BTreeMap<String, usize>,
    /// Items with -1, unless it was said what it means.
    minus_one: usize,
}

fn occurring(cells: &[Cell], unlabelled: Option<&str>) -> Occurring {
    let mut found =
        Occurring { numbers: Some(BTreeMap::new()), names: BTreeMap::new(), minus_one: 0 };
    for value in cells.iter().filter(|value| !is_unlabelled(value, unlabelled)) {
        let number = value.number();
        if unlabelled.is_none() && number == Some(-1) {
            found.minus_one += 1;
            continue;
        }
        match (&mut found.numbers, number) {
            (Some(numbers), Some(number)) => *numbers.entry(number).or_default() += 1,
            (numbers, _) => *numbers = None,
        }
        *found.names.entry(value.to_string()).or_default() += 1;
    }
    found
}

/// Refuses -1 beside one other label: whether it is a class changes half of the data, and nothing tells.
pub(crate) fn check_minus_one(
    path: &Path,
    column: &str,
    cells: &[Cell],
    unlabelled: Option<&str>,
) -> Result<(), Error> {
    let found = occurring(cells, unlabelled);
    let others: Vec<(String, usize)> = match found.numbers {
        Some(numbers) => numbers.into_iter().map(|(n, items)| (n.to_string(), items)).collect(),
        None => found.names.into_iter().collect(),
    };
    match &others[..] {
        [(other, items)] if found.minus_one > 0 => Err(Error::input(format!(
            "column `{column}` holds -1 ({} items) and {other} ({items} items): is -1 a class, or does it mean \
             unlabelled? say so: `--unlabelled=-1` if it means unlabelled, `--unlabelled=none` if it is a class",
            found.minus_one
        ))
        .in_file(path)),
        _ => Ok(()),
    }
}

/// The classes of a user's file: the labels that occur, numbers by value, names by the alphabet.
pub(crate) fn learn_classes(
    path: &Path,
    column: &str,
    cells: &[Cell],
    unlabelled: Option<&str>,
) -> Result<Vec<String>, Error> {
    let found = occurring(cells, unlabelled);
    let names: Vec<String> = match found.numbers {
        Some(numbers) => {
            let negative = |value: &Cell| value.number().is_some_and(|number| number < -1);
            if unlabelled.is_none()
                && let Some(row) = cells.iter().position(negative)
            {
                let expected = "a class number, or -1 for unlabelled (if negative numbers are classes, \
                                `--unlabelled=none` says so)";
                return Err(cell(path, row, column, &cells[row].to_string(), expected));
            }
            numbers.into_keys().map(|number| number.to_string()).collect()
        }
        None => found.names.into_keys().collect(),
    };
    if names.len() > MOST_CLASSES {
        let message = format!(
            "column `{column}` holds {} different labels, at most {MOST_CLASSES} are classes: name the column of labels",
            names.len()
        );
        return Err(Error::input(message).in_file(path));
    }
    Ok(names)
}

/// What is worth a second look in a column of labels.
pub(crate) fn doubts(column: &str, cells: &[Cell], unlabelled: Option<&str>) -> Vec<String> {
    let found = occurring(cells, unlabelled);
    let mut doubts = Vec::new();
    if found.minus_one > 0 {
        doubts.push(format!(
            "-1 in column `{column}` is taken for unlabelled ({} items): `--unlabelled=none` if it is a class",
            found.minus_one
        ));
    }
    doubts.extend(alike(found.names.iter().map(|(name, items)| (name.as_str(), *items))));
    doubts
}

/// Labels that differ in case or white space only.
pub(crate) fn alike<'a>(names: impl Iterator<Item = (&'a str, usize)>) -> Vec<String> {
    let mut groups: BTreeMap<String, Vec<(&str, usize)>> = BTreeMap::new();
    for (name, items) in names {
        let words: Vec<String> = name.split_whitespace().map(str::to_lowercase).collect();
        groups.entry(words.join(" ")).or_default().push((name, items));
    }
    let several = groups.into_values().filter(|group| {
        // Numbers are the same however they are written.
        group.len() > 1
            && !group.iter().all(|(name, _)| Cell::Text((*name).into()).number().is_some())
    });
    let told = several.map(|group| {
        let told: Vec<String> =
            group.iter().map(|(name, items)| format!("{name:?} ({items} items)")).collect();
        format!("labels that differ only in case or white space: {}", told.join(", "))
    });
    told.collect()
}
