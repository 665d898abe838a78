use std::path::Path;

use super::{Cell, Content, Wanted, locate, strict};
use crate::Error;

/// Reads values that are separated by `comma`, with a header line. All cells are text.
pub(super) fn read(
    path: &Path,
    text: &str,
    comma: u8,
    wanted: &[Wanted<'_>],
) -> Result<Content, Error> {
    let failed = |source| Error::input("not a readable CSV file").in_file(path).because(source);
    // The crate takes what it can of a broken record, and goes on.
    let blank_lines = strict::check(text, comma).map_err(|error| error.in_file(path))?;
    let mut reader = csv::ReaderBuilder::new().delimiter(comma).from_reader(text.as_bytes());
    let header = reader.headers().map_err(failed)?.clone();
    let found: Vec<&str> = header.iter().collect();
    let places = locate(path, wanted, &found)?;
    let mut cells: Vec<_> = places.iter().map(|place| place.map(|_| Vec::new())).collect();
    for record in reader.records() {
        let record = record.map_err(failed)?;
        for (column, place) in cells.iter_mut().zip(&places) {
            if let (Some(column), Some(place)) = (column, place) {
                column.push(Cell::Text(record[*place].to_owned()));
            }
        }
    }
    Ok(Content { cells, blank_lines })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Content, Error> {
        let wanted =
            [Wanted { name: "text", required: true }, Wanted { name: "id", required: false }];
        read(Path::new("x.csv"), text, b',', &wanted)
    }

    #[test]
    fn quotes_and_line_ends_in_them() {
        let expected = vec![Cell::Text("a, \"b\"\nc".into()), Cell::Text(String::new())];
        let content = parse("text,label\n\"a, \"\"b\"\"\nc\",1\n\n,2\n").unwrap();
        assert_eq!((content.cells, content.blank_lines), (vec![Some(expected), None], 1));
    }

    #[test]
    fn bad_files_are_named() {
        let message = |text| parse(text).unwrap_err().report();
        assert!(
            message("txt,label\na,1\n").contains("no column `text`: the columns are txt, label")
        );
        let ragged = message("text,label\na,1\nb\n");
        assert!(ragged.starts_with("x.csv: line 3: 1 field(s), the header has 2"), "{ragged}");
        let twice = message("text,text\na,1\n");
        assert!(twice.contains("2 columns are named `text`"), "{twice}");
    }
}
