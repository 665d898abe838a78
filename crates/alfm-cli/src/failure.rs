//! What ends a command early, and with which exit code.

use std::io;
use std::path::Path;
use std::process::ExitCode;

use alfm_core::{Error, ErrorKind};

/// 1 where the machine failed, 2 where the request or its input was bad.
pub(crate) fn code(error: &Error) -> ExitCode {
    if error.kind().is_usage() { 2.into() } else { 1.into() }
}

/// Something is needed that was not given.
pub(crate) fn missing(what: &str, remedy: &str) -> Error {
    Error::new(ErrorKind::Missing, format!("{what} is needed: {remedy}"))
}

pub(crate) fn unwritable(path: &Path) -> impl FnOnce(io::Error) -> Error {
    move |source| {
        Error::new(ErrorKind::System, "it cannot be written").in_file(path).because(source)
    }
}

pub(crate) fn no_output(source: io::Error) -> Error {
    Error::new(ErrorKind::System, "standard output cannot be written").because(source)
}
