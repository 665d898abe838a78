//! One reader for all files of text: the same marks, line ends and faults everywhere.

use std::path::Path;

use crate::{Error, file};

const MARK: &[u8] = b"\xef\xbb\xbf";

/// Reads a file of UTF-8 text, with or without a byte-order mark, which is no part of the text.
///
/// # Errors
/// A file that cannot be read or is no regular one; UTF-16 or UTF-32; a byte that is no UTF-8, or is zero, with its
/// line.
pub fn read_text(path: &Path) -> Result<String, Error> {
    decode(path, file::bytes(path)?)
}

/// Reads the lines of a text file; `\n`, `\r\n` and `\r` end one. Behind the last end there is no line.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("ids.txt");
/// std::fs::write(&path, b"\xef\xbb\xbfa\r\nb\r\n")?;
/// assert_eq!(alfm_data::read_lines(&path)?, ["a", "b"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// As [`read_text`].
pub fn read_lines(path: &Path) -> Result<Vec<String>, Error> {
    Ok(lines(&read_text(path)?).map(str::to_owned).collect())
}

pub(crate) fn lines(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let (line, tail) = rest.split_at(rest.find(['\n', '\r']).unwrap_or(rest.len()));
        let end = tail.strip_prefix("\r\n").or_else(|| tail.strip_prefix(['\n', '\r']));
        rest = end.unwrap_or_default();
        Some(line)
    })
}

pub(crate) fn decode(path: &Path, mut bytes: Vec<u8>) -> Result<String, Error> {
    let refuse = |message: String| Err(Error::input(message).in_file(path));
    if let Some(encoding) = other_encoding(&bytes) {
        return refuse(format!("it is {encoding}: save it as UTF-8"));
    }
    if let Some(at) = bytes.iter().position(|&byte| byte == 0) {
        let line = line_of(&bytes[..at]);
        return refuse(format!(
            "line {line}: byte {at} of the file is zero: it is damaged, or no text; save it as UTF-8"
        ));
    }
    if bytes.starts_with(MARK) {
        bytes.drain(..MARK.len());
    }
    String::from_utf8(bytes).or_else(|error| {
        let at = error.utf8_error().valid_up_to();
        let bytes = error.as_bytes();
        let (line, value) = (line_of(&bytes[..at]), bytes[at]);
        refuse(format!(
            "line {line}: byte {at} of the text is 0x{value:02X}, which is no UTF-8: save it as UTF-8 (it may be \
             Latin-1 or Windows-1252)"
        ))
    })
}

/// By its mark; of UTF-16 without one, Latin letters have a zero in every other byte.
fn other_encoding(bytes: &[u8]) -> Option<&'static str> {
    const UTF_32: [&[u8]; 2] = [b"\xff\xfe\0\0", b"\0\0\xfe\xff"];
    const UTF_16: [&[u8]; 2] = [b"\xff\xfe", b"\xfe\xff"];
    if UTF_32.iter().any(|mark| bytes.starts_with(mark)) {
        return Some("UTF-32");
    }
    if UTF_16.iter().any(|mark| bytes.starts_with(mark)) {
        return Some("UTF-16");
    }
    let start = &bytes[..bytes.len().min(64)];
    let zeros = |first: usize| start.iter().skip(first).step_by(2).filter(|&&b| b == 0).count();
    let (even, odd) = (zeros(0), zeros(1));
    (start.len() >= 4 && even.min(odd) == 0 && even.max(odd) * 4 > start.len()).then_some("UTF-16")
}

/// The line that follows these bytes, from 1.
fn line_of(before: &[u8]) -> usize {
    let ends = before.iter().enumerate().filter(|(at, byte)| match byte {
        b'\n' => true,
        b'\r' => before.get(at + 1) != Some(&b'\n'),
        _ => false,
    });
    1 + ends.count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Result<String, String> {
        decode(Path::new("x.txt"), bytes.to_vec()).map_err(|error| error.to_string())
    }

    #[test]
    fn every_line_end_is_one() {
        let all = |text| lines(text).collect::<Vec<_>>();
        for text in ["a\nb c\n\nd", "a\r\nb c\r\n\r\nd\r\n", "a\rb c\r\rd\r"] {
            assert_eq!(all(text), ["a", "b c", "", "d"], "{text:?}");
        }
        assert!(all("").is_empty());
        assert_eq!(all("\n"), [""]);
    }

    #[test]
    fn a_mark_is_no_text_and_other_encodings_are_named() {
        assert_eq!(read(b"\xef\xbb\xbfa").unwrap(), "a");
        assert_eq!(read("ä\n".as_bytes()).unwrap(), "ä\n");
        let utf_16 = |start: &[u8], order: fn(u16) -> [u8; 2]| {
            let letters = "text,label\r\n".encode_utf16().flat_map(order);
            read(&start.iter().copied().chain(letters).collect::<Vec<_>>()).unwrap_err()
        };
        for message in [
            utf_16(b"\xff\xfe", u16::to_le_bytes),
            utf_16(b"\xfe\xff", u16::to_be_bytes),
            utf_16(b"", u16::to_le_bytes),
            utf_16(b"", u16::to_be_bytes),
        ] {
            assert_eq!(message, "x.txt: it is UTF-16: save it as UTF-8");
        }
    }

    #[test]
    fn bad_bytes_are_named_with_their_line() {
        let message = read(b"a\r\nb\rcaf\xe9\n").unwrap_err();
        assert!(message.starts_with("x.txt: line 3: byte 8 of the text is 0xE9"), "{message}");
        let message = read(b"a long line\nb\0\n").unwrap_err();
        assert!(message.starts_with("x.txt: line 2: byte 13 of the file is zero"), "{message}");
    }
}
