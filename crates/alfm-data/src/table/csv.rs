use std::io::Read;
use std::path::Path;

use super::{Cell, Cells, Wanted, locate};
use crate::Error;

/// Reads comma-separated values with a header line. All cells are text.
pub(super) fn read(path: &Path, reader: impl Read, wanted: &[Wanted<'_>]) -> Result<Cells, Error> {
    let failed = |source| Error::input("not a readable CSV file").in_file(path).because(source);
    let mut reader = csv::Reader::from_reader(reader);
    let header = reader.headers().map_err(failed)?.clone();
    let found: Vec<&str> = header.iter().map(|name| name.trim_start_matches('\u{feff}')).collect();
    let places = locate(path, wanted, &found)?;
    let mut cells: Cells = places.iter().map(|place| place.map(|_| Vec::new())).collect();
    for record in reader.records() {
        let record = record.map_err(failed)?;
        for (column, place) in cells.iter_mut().zip(&places) {
            if let (Some(column), Some(place)) = (column, place) {
                column.push(Cell::Text(record[*place].to_owned()));
            }
        }
    }
    Ok(cells)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Cells, Error> {
        let wanted =
            [Wanted { name: "text", required: true }, Wanted { name: "id", required: false }];
        read(Path::new("x.csv"), text.as_bytes(), &wanted)
    }

    #[test]
    fn quotes_newlines_and_a_byte_order_mark() {
        let cells = parse("\u{feff}text,label\n\"a, \"\"b\"\"\nc\",1\n,2\n").unwrap();
        let expected = vec![Cell::Text("a, \"b\"\nc".into()), Cell::Text(String::new())];
        assert_eq!(cells, [Some(expected), None]);
    }

    #[test]
    fn bad_files_are_named() {
        let message = |text| parse(text).unwrap_err().report();
        assert!(
            message("txt,label\na,1\n").contains("no column `text`: the columns are txt, label")
        );
        let ragged = message("text,label\na,1\nb\n");
        assert!(ragged.contains("x.csv") && ragged.contains("line: 3"), "{ragged}");
    }
}
