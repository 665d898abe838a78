//! What several readers have to say of their files.

use std::error::Error as StdError;
use std::path::Path;

use alfm_core::{Digest, Error, ErrorKind};

/// A file that cannot be opened, read or written.
pub(crate) fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Error {
    move |source| {
        let (kind, message) = match source.kind() {
            std::io::ErrorKind::NotFound => (ErrorKind::NotFound, "it cannot be opened"),
            _ => (ErrorKind::System, "it cannot be read or written"),
        };
        Error::new(kind, message).in_file(path).because(source)
    }
}

/// A parquet file that does not parse.
pub(crate) fn parquet<E: Into<Box<dyn StdError + Send + Sync>>>(
    path: &Path,
) -> impl FnOnce(E) -> Error {
    move |source| {
        let message = "not a readable parquet file: it may be truncated, fetch it again";
        Error::input(message).in_file(path).because(source)
    }
}

/// A column whose values cannot be used.
pub(crate) fn column_type(path: &Path, column: &str, found: String, expected: &str) -> Error {
    Error::input(format!("column `{column}` holds {found}, expected {expected}")).in_file(path)
}

/// A value that cannot be used; the row is without the header.
pub(crate) fn cell(path: &Path, row: usize, column: &str, value: &str, expected: &str) -> Error {
    Error::input(format!(
        "row {row}, column `{column}`: `{value}` cannot be used, expected {expected}"
    ))
    .at_row(row)
    .in_file(path)
}

/// An array that its file does not hold.
pub(crate) fn missing_array(path: &Path, key: &str, found: &[impl AsRef<str>]) -> Error {
    let found = found.iter().map(AsRef::as_ref).collect::<Vec<_>>().join(", ");
    Error::new(ErrorKind::NotFound, format!("it holds no array `{key}`: it holds {found}"))
        .in_file(path)
}

/// A file whose labels show too few classes to learn them from.
pub(crate) fn no_classes(path: &Path, found: usize) -> Error {
    let remedy = "give a list of classes";
    Error::input(format!("its labels show {found} class(es), at least 2 are needed: {remedy}"))
        .in_file(path)
}

/// Content that is not what it should be by its hash.
pub(crate) fn other_content(path: &Path, expected: Digest, got: Digest) -> Error {
    Error::input(format!("SHA-256 is {got}, expected {expected}: fetch the file again"))
        .in_file(path)
}
