//! Sentences that several modules say.

use std::io;
use std::path::Path;

use alfm_core::{Error, ErrorKind};

/// Something is needed, and there is none of it.
pub(crate) fn none_of(what: &str) -> Error {
    Error::new(ErrorKind::Missing, format!("there are no {what}: at least one is needed"))
}

/// Two inputs that belong together differ in length.
pub(crate) fn length(what: &str, expected: usize, got: usize) -> Error {
    let message =
        format!("{got} {what} given, {expected} expected: give one per item, in the same order");
    Error::new(ErrorKind::Input, message)
}

/// A file that could not be written.
pub(crate) fn unwritten(path: &Path) -> impl FnOnce(io::Error) -> Error {
    let message = "cannot write: check that the folder exists and may be written";
    let error = Error::new(ErrorKind::System, message).in_file(path);
    |source| error.because(source)
}
