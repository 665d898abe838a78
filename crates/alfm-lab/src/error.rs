//! What several parts have to say.

use std::error::Error as StdError;
use std::io;
use std::path::Path;

use alfm_core::{Error, ErrorKind};

/// Something is needed and there is none of it.
pub(crate) fn empty(what: &str) -> Error {
    Error::new(ErrorKind::Missing, format!("there are no {what}: at least one is needed"))
}

/// Two inputs that belong together differ in length.
pub(crate) fn length(what: &str, expected: usize, got: usize) -> Error {
    Error::input(format!(
        "{got} {what} given, {expected} expected: give one per item, in the same order"
    ))
}

/// A number out of range.
pub(crate) fn setting(name: &str, value: impl std::fmt::Display, rule: &str) -> Error {
    Error::setting(name, value, &format!("it must be {rule}"))
}

/// An embedder without an encoder that can be trained.
pub(crate) fn no_tuner() -> Error {
    let message = "`kind = \"fine-tune\"` needs an encoder that can be trained, and the embeddings here come from \
                   none: use `alfm run` with an [encoder], or another learner";
    Error::new(ErrorKind::Setting, message)
}

/// A file that cannot be read or written; `action` is what was tried.
pub(crate) fn file(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
    move |source| {
        let message = format!("{action}: check that the folder exists and may be written");
        Error::new(ErrorKind::System, message).in_file(path).because(source)
    }
}

/// A record that cannot be written as JSON.
pub(crate) fn no_json(source: serde_json::Error) -> Error {
    Error::new(ErrorKind::System, "a record cannot be written as JSON").because(source)
}

/// Of [`failed`], where an encoder could not be trained.
pub(crate) const UNTRAINED: &str = "the encoder could not be trained";

/// What an encoder of the caller could not do, of the kind that it says.
pub(crate) fn failed(
    message: &'static str,
) -> impl FnOnce(Box<dyn StdError + Send + Sync>) -> Error {
    move |source| {
        let kind = source.downcast_ref::<Error>().map_or(ErrorKind::Input, Error::kind);
        Error::new(kind, message).because(source)
    }
}
