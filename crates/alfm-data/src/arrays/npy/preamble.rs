//! What stands before the data of a `.npy` file.
//!
//! NumPy's format description: six bytes, a version, a length, and the literal of a Python dictionary with the keys
//! `descr`, `fortran_order` and `shape`. Only this much of Python is read, and no more than [`LONGEST`] bytes of it,
//! so that no header takes longer than its bytes.

use std::io::{self, Read};

const MAGIC: &[u8] = b"\x93NUMPY";

/// NumPy's own limit for headers of files that it is not told to trust.
const LONGEST: usize = 10_000;

/// Numbers of a shape; NumPy's arrays have no more dimensions.
const MOST_DIMENSIONS: usize = 64;

/// What the header says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Preamble {
    /// The element type, as in `<f4`; `None` for a record of several.
    pub(super) element: Option<String>,
    pub(super) fortran_order: bool,
    pub(super) shape: Vec<usize>,
}

impl Preamble {
    /// Reads up to the first byte of data.
    pub(super) fn read(from: &mut impl Read) -> io::Result<Self> {
        let mut start = [0; 8];
        from.read_exact(&mut start)?;
        if !start.starts_with(MAGIC) {
            return Err(invalid("it does not begin as a .npy file does"));
        }
        let length = match start[6] {
            1 => usize::from(u16::from_le_bytes(array(from)?)),
            2 | 3 => u32::from_le_bytes(array(from)?) as usize,
            other => return Err(invalid(format!("version {other} of the format is not known"))),
        };
        if length > LONGEST {
            return Err(invalid(format!(
                "its header has {length} bytes, at most {LONGEST} are read"
            )));
        }
        let mut header = vec![0; length];
        from.read_exact(&mut header)?;
        let header = std::str::from_utf8(&header).map_err(|_| invalid("its header is no text"))?;
        Literal(header).dictionary().ok_or_else(|| {
            let shown: String = header.trim_end().chars().take(80).collect();
            invalid(format!("its header is none of NumPy's: {}", shown.escape_debug()))
        })
    }
}

fn array<const N: usize>(from: &mut impl Read) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    from.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn invalid(message: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message.into())
}

/// The rest of a header that is still to be read.
struct Literal<'a>(&'a str);

impl<'a> Literal<'a> {
    fn dictionary(mut self) -> Option<Preamble> {
        let (mut element, mut order, mut shape) = (None, None, None);
        self.token("{")?;
        while self.token("}").is_none() {
            let key = self.string()?;
            self.token(":")?;
            match key {
                "descr" if element.is_none() => element = Some(self.element()?),
                "fortran_order" if order.is_none() => order = Some(self.boolean()?),
                "shape" if shape.is_none() => shape = Some(self.tuple()?),
                _ => return None,
            }
            if self.token(",").is_none() {
                self.token("}")?;
                break;
            }
        }
        self.0.trim().is_empty().then_some(())?;
        Some(Preamble { element: element?, fortran_order: order?, shape: shape? })
    }

    /// Takes what comes next, if it is this.
    fn token(&mut self, token: &str) -> Option<()> {
        self.0 = self.0.trim_start().strip_prefix(token)?;
        Some(())
    }

    fn string(&mut self) -> Option<&'a str> {
        let rest = self.0.trim_start();
        let quote = rest.chars().next().filter(|first| matches!(first, '\'' | '"'))?;
        let (content, rest) = rest[1..].split_once(quote)?;
        self.0 = rest;
        (!content.contains('\\')).then_some(content)
    }

    /// A type, or a list of fields, which is skipped: no record is read, however it is made.
    fn element(&mut self) -> Option<Option<String>> {
        if self.token("[").is_none() {
            return self.string().map(|element| Some(element.to_owned()));
        }
        let mut open = 1;
        while open > 0 {
            let next = self.0.find(['[', ']', '\'', '"'])?;
            match self.0.as_bytes()[next] {
                b'[' => open += 1,
                b']' => open -= 1,
                _ => {
                    self.0 = &self.0[next..];
                    self.string()?;
                    continue;
                }
            }
            self.0 = &self.0[next + 1..];
        }
        Some(None)
    }

    fn boolean(&mut self) -> Option<bool> {
        self.token("True").map(|()| true).or_else(|| self.token("False").map(|()| false))
    }

    fn tuple(&mut self) -> Option<Vec<usize>> {
        let mut numbers = Vec::new();
        self.token("(")?;
        while self.token(")").is_none() {
            numbers.push(self.number()?);
            (numbers.len() <= MOST_DIMENSIONS).then_some(())?;
            if self.token(",").is_none() {
                self.token(")")?;
                // `(3)` is a number, not a tuple of one.
                return (numbers.len() > 1).then_some(numbers);
            }
        }
        Some(numbers)
    }

    fn number(&mut self) -> Option<usize> {
        let rest = self.0.trim_start();
        let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let number = rest[..end].parse().ok()?;
        // Python 2 marked long numbers.
        self.0 = rest[end..].strip_prefix('L').unwrap_or(&rest[end..]);
        Some(number)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bytes(version: u8, header: &str) -> Vec<u8> {
        let mut bytes = [MAGIC, &[version, 0]].concat();
        let length = u32::try_from(header.len()).unwrap().to_le_bytes();
        bytes.extend(&length[..if version == 1 { 2 } else { 4 }]);
        bytes.extend(header.as_bytes());
        bytes
    }

    fn read(version: u8, header: &str) -> io::Result<Preamble> {
        Preamble::read(&mut &bytes(version, header)[..])
    }

    fn preamble(element: &str, fortran_order: bool, shape: &[usize]) -> Preamble {
        Preamble { element: Some(element.to_owned()), fortran_order, shape: shape.to_vec() }
    }

    #[test]
    fn headers_as_numpy_has_written_them() {
        for (header, expected) in [
            (
                "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }  \n",
                preamble("<f4", false, &[3, 4]),
            ),
            (
                "{'descr': '|u1', 'fortran_order': True, 'shape': (5,), }\n",
                preamble("|u1", true, &[5]),
            ),
            (
                "{'descr': '<i8', 'fortran_order': False, 'shape': (), }\n",
                preamble("<i8", false, &[]),
            ),
            (
                "{\"shape\": (7L, 2L), \"fortran_order\": False, \"descr\": \"<f8\"}",
                preamble("<f8", false, &[7, 2]),
            ),
        ] {
            for version in [1, 2, 3] {
                assert_eq!(read(version, header).unwrap(), expected, "{header}");
            }
        }
        let record = "{'descr': [('a', '<f4'), ('b]', [('c', '|S1')])], 'fortran_order': False, 'shape': (2,), }";
        let expected = Preamble { element: None, fortran_order: false, shape: vec![2] };
        assert_eq!(read(1, record).unwrap(), expected);
    }

    #[test]
    fn other_headers_are_refused() {
        let whole = "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4)}";
        assert!(read(1, whole).is_ok());
        for (from, to) in [
            ("(3, 4)", "(3)"),
            ("(3, 4)", "(-3, 4)"),
            ("(3, 4)", "(99999999999999999999999, 4)"),
            ("(3, 4)", "(3 4)"),
            ("(3, 4)", "[3, 4]"),
            ("False", "0"),
            ("'<f4'", "'\\x3cf4'"),
            ("'<f4'", "<f4"),
            ("'descr'", "'shape'"),
            ("'descr'", "'else'"),
            ("'descr': '<f4', ", ""),
            ("}", ""),
            ("}", "}, 1"),
        ] {
            let error = read(1, &whole.replace(from, to)).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{to}");
        }
        assert!(read(4, whole).unwrap_err().to_string().starts_with("version 4"));
        assert!(Preamble::read(&mut &b"\x93NUMPX\x01\x00"[..]).is_err());
    }

    /// `nest40.npy`: a parser that backtracks took 2^40 steps for these 64 bytes.
    #[test]
    fn nesting_takes_no_time() {
        for depth in [16, 40, 4000] {
            assert!(read(2, &"(".repeat(depth)).is_err());
            assert!(read(2, &format!("{{'descr': {}", "[".repeat(depth))).is_err());
        }
    }

    #[test]
    fn a_length_that_nothing_backs_takes_no_memory() {
        let mut long = bytes(2, "{}");
        long[8..12].copy_from_slice(&u32::MAX.to_le_bytes());
        let error = Preamble::read(&mut &long[..]).unwrap_err();
        assert_eq!(error.to_string(), "its header has 4294967295 bytes, at most 10000 are read");
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(header in "\\PC{0,200}", version in 0_u8..5) {
            let _ = read(version, &header);
        }

        #[test]
        fn a_mutated_header_is_read_or_refused(at in 0_usize..60, byte in 32_u8..127) {
            let mut bytes = bytes(1, "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), } ");
            bytes[10 + at] = byte;
            let _ = Preamble::read(&mut &bytes[..]);
        }
    }
}
