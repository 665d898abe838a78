//! What several parts have to say of a model's files.

use std::error::Error as StdError;
use std::io;
use std::path::Path;

use alfm_core::{Error, ErrorKind};

/// The bytes of a file of the model's folder.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, Error> {
    std::fs::read(path).map_err(|source| {
        let kind = match source.kind() {
            io::ErrorKind::NotFound => ErrorKind::NotFound,
            _ => ErrorKind::System,
        };
        let holds = "a model folder holds config.json, model.safetensors and tokenizer.json";
        Error::new(kind, format!("it cannot be read: {holds}")).in_file(path).because(source)
    })
}

/// A JSON file of the model's folder.
pub(crate) fn read_json<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T, Error> {
    serde_json::from_slice(&read(path)?).map_err(|source| not_json(path, source))
}

pub(crate) fn not_json(path: &Path, source: serde_json::Error) -> Error {
    let message = "it is not the JSON expected of it: fetch the file again";
    Error::input(message).in_file(path).because(source)
}

/// An architecture that is not built here.
pub(crate) fn unknown_model<'a>(
    path: &Path,
    found: &str,
    known: impl Iterator<Item = &'a str>,
) -> Error {
    let known = known.collect::<Vec<_>>().join(", ");
    let message =
        format!("model_type or architecture `{found}` is unknown; the known ones are {known}");
    Error::new(ErrorKind::NotFound, message).in_file(path)
}

/// A setting that the encoder does not have, or a size that is impossible.
pub(crate) fn setting(
    path: &Path,
    field: &str,
    found: impl std::fmt::Display,
    expected: &str,
) -> Error {
    Error::input(format!("{field} is {found}, but {expected}")).in_file(path)
}

/// Numbers that are not finite.
pub(crate) fn damaged(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Error {
    Error::input("the model returned a number that is not finite: its weights are damaged")
        .because(source)
}

/// An image that can't be had.
pub(crate) fn unreadable(row: usize, source: Box<dyn StdError + Send + Sync>) -> Error {
    let message = "cannot be read: repair it, or leave it out";
    Error::input(message).of_item("image", row).because(source)
}

/// A thread that could not be started.
pub(crate) fn no_threads(source: rayon::ThreadPoolBuildError) -> Error {
    let message = "cannot start a worker thread: lower RAYON_NUM_THREADS";
    Error::new(ErrorKind::System, message).because(source)
}
