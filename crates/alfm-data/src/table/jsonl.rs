use std::io::BufRead;
use std::path::Path;

use serde_json::{Map, Value};

use super::{Cell, Cells, Wanted, missing};
use crate::Error;
use crate::error::{self, io};

/// Reads one JSON object a line; blank lines are skipped.
pub(super) fn read(
    path: &Path,
    reader: impl BufRead,
    wanted: &[Wanted<'_>],
) -> Result<Cells, Error> {
    let mut cells: Vec<Vec<Cell>> = vec![Vec::new(); wanted.len()];
    let mut seen = vec![false; wanted.len()];
    for (at, line) in reader.lines().enumerate() {
        let line = line.map_err(io(path))?;
        if line.trim().is_empty() {
            continue;
        }
        let object: Map<String, Value> = serde_json::from_str(&line).map_err(|source| {
            Error::input(format!("line {}: every line must be one JSON object", at + 1))
                .in_file(path)
                .because(source)
        })?;
        for (column, wanted) in wanted.iter().enumerate() {
            seen[column] |= object.contains_key(wanted.name);
            let value = cell(path, cells[column].len(), wanted, &object)?;
            cells[column].push(value);
        }
    }
    let present = |(column, seen)| if seen { Some(column) } else { None };
    Ok(cells.into_iter().zip(seen).map(present).collect())
}

fn cell(
    path: &Path,
    row: usize,
    wanted: &Wanted<'_>,
    object: &Map<String, Value>,
) -> Result<Cell, Error> {
    let unusable = |value: &Value| {
        error::cell(path, row, wanted.name, &value.to_string(), "text or a whole number")
    };
    match object.get(wanted.name) {
        Some(Value::String(text)) => Ok(Cell::Text(text.clone())),
        Some(Value::Null) => Ok(Cell::Missing),
        Some(value) => value.as_i64().map(Cell::Number).ok_or_else(|| unusable(value)),
        None if wanted.required => {
            let found: Vec<&str> = object.keys().map(String::as_str).collect();
            Err(missing(path, wanted.name, &found))
        }
        None => Ok(Cell::Missing),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: [Wanted<'_>; 2] =
        [Wanted { name: "text", required: true }, Wanted { name: "label", required: false }];

    fn parse(text: &str) -> Result<Cells, Error> {
        read(Path::new("x.jsonl"), text.as_bytes(), &COLUMNS)
    }

    #[test]
    fn rows_become_cells() {
        let cells =
            parse("{\"text\":\"a\",\"label\":1}\n\n{\"text\":\"\",\"label\":null}\n").unwrap();
        assert_eq!(cells[0], Some(vec![Cell::Text("a".into()), Cell::Text(String::new())]));
        assert_eq!(cells[1], Some(vec![Cell::Number(1), Cell::Missing]));
        assert_eq!(parse("{\"text\":\"a\"}").unwrap()[1], None);
    }

    #[test]
    fn bad_lines_are_named() {
        let message = |text| parse(text).unwrap_err().to_string();
        assert!(message("{\"text\":\"a\"}\n{\"text\":").contains("x.jsonl: line 2"));
        assert!(message("[1]").contains("line 1"));
        assert!(message("{\"txt\":\"a\",\"n\":1}").contains("the columns are n, txt"));
        assert!(message("{\"text\":\"a\",\"label\":1.5}").contains("row 0, column `label`: `1.5`"));
    }
}
