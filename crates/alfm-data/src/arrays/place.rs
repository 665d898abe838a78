use std::path::PathBuf;

use alfm_core::Error;

/// File and key of an array, for errors.
#[derive(Clone)]
pub(crate) struct Place {
    pub(crate) path: PathBuf,
    pub(crate) key: Option<String>,
}

impl Place {
    /// What is wrong with the array.
    pub(crate) fn refuse(&self, message: &str) -> Error {
        match &self.key {
            Some(key) => Error::input(format!("`{key}`: {message}")),
            None => Error::input(message),
        }
        .in_file(&self.path)
    }

    pub(super) fn wrong_type(&self, found: &str, expected: &str) -> Error {
        self.refuse(&format!("element type {found}, expected {expected}: convert the array"))
    }

    /// An array of several dimensions that holds nothing: its other extents are backed by no byte.
    pub(super) fn empty(&self, shape: &[usize]) -> Error {
        self.refuse(&format!("it has shape {shape:?} and holds nothing: write it again"))
    }

    pub(crate) fn wrong_shape(&self, found: &[usize], expected: &str) -> Error {
        self.refuse(&format!("it has shape {found:?}, expected {expected}"))
    }
}
