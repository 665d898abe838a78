//! Whether a CSV text says one thing only: quotes that close, and records of one length.

use crate::Error;

#[derive(Clone, Copy, PartialEq)]
enum At {
    /// The start of a field.
    Start,
    Plain,
    Quoted,
    /// Behind a quote that closed, or is the first of two.
    Closed,
}

/// Fails for what parsers of CSV disagree on or lose; else the number of blank lines, which hold no record.
///
/// `comma` is what separates fields. A quote that never closes comes first: whatever else is wrong may follow from it.
pub(super) fn check(text: &str, comma: u8) -> Result<usize, Error> {
    let mut blank = 0;
    let mut ragged = None;
    let mut width = None;
    let (mut at, mut fields, mut record) = (At::Start, 0, 0);
    let (mut line, mut began, mut opened) = (1, 1, 1);
    let bytes = text.as_bytes();
    // A last line without end is a record like the others.
    let unended = !matches!(bytes.last(), None | Some(b'\n' | b'\r'));
    let all = bytes.iter().copied().chain(unended.then_some(b'\n'));
    for (i, byte) in all.enumerate() {
        let ends = match byte {
            b'\n' => true,
            b'\r' => bytes.get(i + 1) != Some(&b'\n'),
            _ => false,
        };
        match (at, byte) {
            (At::Quoted, b'"') => at = At::Closed,
            (At::Quoted, _) => {}
            (At::Closed, b'"') => at = At::Quoted,
            (At::Start, b'"') => (at, opened) = (At::Quoted, line),
            (_, byte) if byte == comma => (at, fields) = (At::Start, fields + 1),
            (_, b'\r') if !ends => {}
            (_, b'\n' | b'\r') => {
                if at == At::Start && fields == 0 {
                    blank += 1;
                } else {
                    let (got, expected) = (fields + 1, *width.get_or_insert(fields + 1));
                    if got != expected && ragged.is_none() {
                        ragged = Some((began, record, got, expected));
                    }
                    record += 1;
                }
                (at, fields, began) = (At::Start, 0, line + 1);
            }
            (At::Closed, _) => {
                let there = if line == opened { "there".into() } else { format!("in line {line}") };
                let message = format!(
                    "line {opened}: the quote that opens here closes {there}, and text follows it: double the quotes \
                     that are part of a text"
                );
                return Err(at_record(message, record));
            }
            _ => at = At::Plain,
        }
        line += usize::from(ends);
    }
    if at == At::Quoted {
        let message = format!(
            "line {opened}: a quote opens here and never closes: close it, or double it if it is part of the text"
        );
        return Err(at_record(message, record));
    }
    match ragged {
        Some((line, record, got, expected)) => {
            let message = format!(
                "line {line}: {got} field(s), the header has {expected}: quote texts that hold commas, quotes or line \
                 ends"
            );
            Err(at_record(message, record))
        }
        None => Ok(blank),
    }
}

/// The header is a record, too, and no row.
fn at_record(message: String, record: usize) -> Error {
    match record.checked_sub(1) {
        Some(row) => Error::input(message).at_row(row),
        None => Error::input(message),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> Result<usize, Error> {
        super::check(text, b',')
    }

    #[test]
    fn what_is_clear_is_read() {
        for text in [
            "",
            "a,b\n1,2\n",
            "a,b\r\n\"1\r\n2\",\"\"\r\n",
            "a,b\r\"x\",y\r",
            "a,b\n5\" nails,a \"word\"",
            "a\n\"\"\n\"\"\"\"\n",
        ] {
            assert_eq!(check(text), Ok(0), "{text:?}");
        }
        assert_eq!(check("a\n\n1\n\r\n2"), Ok(2));
    }

    #[test]
    fn what_is_not_is_refused_with_its_line() {
        for (text, start, row) in [
            ("a,b\n1,\"2\n3,4\n", "line 2: a quote opens here and never closes", Some(0)),
            (
                "a,b\n1,2\n1,\"2\n3,\"4\"\n",
                "line 3: the quote that opens here closes in line 4",
                Some(1),
            ),
            ("a,b\n\"1\" ,2\n", "line 2: the quote that opens here closes there", Some(0)),
            ("a,b\r1,2\r1\r", "line 3: 1 field(s), the header has 2", Some(1)),
            ("a,b\n\"1\n2\",x\n\n1,2,3", "line 5: 3 field(s), the header has 2", Some(1)),
            ("\"a", "line 1: a quote opens here", None),
            // The quote explains the number of fields, not the other way round.
            ("a,b\n1\n2,\"\n", "line 3: a quote opens here", Some(1)),
        ] {
            let error = check(text).unwrap_err();
            assert!(error.to_string().starts_with(start), "{text:?}: {error}");
            assert_eq!(error.row(), row, "{text:?}");
        }
    }
}
