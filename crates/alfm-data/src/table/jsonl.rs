use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use serde::de::{Deserialize, DeserializeOwned, Deserializer, Error as _, MapAccess, Visitor};
use serde_json::Value;

use super::{Cell, Content, Wanted, missing};
use crate::error;
use crate::{Error, text};

/// Reads one JSON object a line; blank lines are skipped, and counted.
pub(super) fn read(path: &Path, text: &str, wanted: &[Wanted<'_>]) -> Result<Content, Error> {
    let mut cells: Vec<Vec<Cell>> = vec![Vec::new(); wanted.len()];
    let mut seen = vec![false; wanted.len()];
    let blank_lines = each(path, text, |row, Row(object)| {
        for (column, wanted) in wanted.iter().enumerate() {
            seen[column] |= object.contains_key(wanted.name);
            cells[column].push(cell(path, row, wanted, &object)?);
        }
        Ok(())
    })?;
    let present = |(column, seen)| if seen { Some(column) } else { None };
    Ok(Content { cells: cells.into_iter().zip(seen).map(present).collect(), blank_lines })
}

/// Reads a JSON Lines file whose objects have a form of the caller's own; blank lines are skipped.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("pairs.jsonl");
/// std::fs::write(&path, "[1, 2]\n\n[3, 4]\n")?;
/// assert_eq!(alfm_data::read_json_lines::<(u8, u8)>(&path)?, [(1, 2), (3, 4)]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// An unreadable file; a line of another form, with its number.
pub fn read_json_lines<T: DeserializeOwned>(path: &Path) -> Result<Vec<T>, Error> {
    let mut rows = Vec::new();
    let keep = |_, row| {
        rows.push(row);
        Ok(())
    };
    each(path, &text::read_text(path)?, keep)?;
    Ok(rows)
}

/// Hands on each line with its row; returns the number of blank lines, which are none.
fn each<T: DeserializeOwned>(
    path: &Path,
    text: &str,
    mut act: impl FnMut(usize, T) -> Result<(), Error>,
) -> Result<usize, Error> {
    let (mut row, mut blank_lines) = (0, 0);
    for (at, line) in text::lines(text).enumerate() {
        if line.trim().is_empty() {
            blank_lines += 1;
            continue;
        }
        let object = serde_json::from_str(line).map_err(|source: serde_json::Error| {
            let rule = if source.is_eof() {
                "the object is cut off: the file is truncated, write it again"
            } else {
                "every line must be one JSON object, with every key once"
            };
            Error::input(format!("line {}: {rule}", at + 1))
                .at_row(row)
                .in_file(path)
                .because(source)
        })?;
        act(row, object)?;
        row += 1;
    }
    Ok(blank_lines)
}

fn cell(
    path: &Path,
    row: usize,
    wanted: &Wanted<'_>,
    object: &BTreeMap<String, Value>,
) -> Result<Cell, Error> {
    match object.get(wanted.name) {
        Some(Value::String(text)) => Ok(Cell::Text(text.clone())),
        Some(Value::Bool(value)) => Ok(Cell::Text(value.to_string())),
        Some(Value::Null) => Ok(Cell::Missing),
        Some(value) => {
            let whole = value.as_i64().or_else(|| super::whole(value.as_f64()?));
            whole.map(Cell::Number).ok_or_else(|| {
                let expected = "text or a whole number";
                error::cell(path, row, wanted.name, &value.to_string(), expected)
            })
        }
        None if wanted.required => {
            let found: Vec<&str> = object.keys().map(String::as_str).collect();
            Err(missing(path, wanted.name, &found).at_row(row))
        }
        None => Ok(Cell::Missing),
    }
}

/// An object that has every key once: of two values, one would be lost.
struct Row(BTreeMap<String, Value>);

impl<'de> Deserialize<'de> for Row {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Once;
        impl<'de> Visitor<'de> for Once {
            type Value = Row;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Row, A::Error> {
                let mut row = BTreeMap::new();
                while let Some((key, value)) = map.next_entry::<String, Value>()? {
                    if row.contains_key(&key) {
                        return Err(A::Error::custom(format!("`{key}` is given twice")));
                    }
                    row.insert(key, value);
                }
                Ok(Row(row))
            }
        }
        deserializer.deserialize_map(Once)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: [Wanted<'_>; 2] =
        [Wanted { name: "text", required: true }, Wanted { name: "label", required: false }];

    fn parse(text: &str) -> Result<Content, Error> {
        read(Path::new("x.jsonl"), text, &COLUMNS)
    }

    #[test]
    fn rows_become_cells() {
        let Content { cells, blank_lines } =
            parse("{\"text\":\"a\",\"label\":1}\n\n{\"text\":\"\",\"label\":null}\n").unwrap();
        assert_eq!(cells[0], Some(vec![Cell::Text("a".into()), Cell::Text(String::new())]));
        assert_eq!(cells[1], Some(vec![Cell::Number(1), Cell::Missing]));
        assert_eq!(blank_lines, 1);
        assert_eq!(parse("{\"text\":\"a\"}").unwrap().cells[1], None);
    }

    #[test]
    fn whole_floats_are_numbers_and_truths_are_names() {
        let cells = |label| parse(&format!("{{\"text\":\"a\",\"label\":{label}}}")).unwrap().cells;
        assert_eq!(cells("2.0")[1], Some(vec![Cell::Number(2)]));
        assert_eq!(cells("true")[1], Some(vec![Cell::Text("true".into())]));
    }

    #[test]
    fn bad_lines_are_named() {
        let message = |text| parse(text).unwrap_err().report();
        let cut = message("{\"text\":\"a\"}\n\n{\"text\":");
        assert!(cut.starts_with("x.jsonl: line 3: the object is cut off"), "{cut}");
        assert!(message("[1]").contains("line 1"));
        assert!(message("{\"txt\":\"a\",\"n\":1}").contains("the columns are n, txt"));
        assert!(message("{\"text\":\"a\",\"label\":1.5}").contains("row 0, column `label`: `1.5`"));
        let twice = message("{\"text\":\"a\",\"label\":1,\"label\":2}");
        assert!(twice.contains("line 1") && twice.contains("`label` is given twice"), "{twice}");
    }
}
