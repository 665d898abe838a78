use alfm_core::{Error, ErrorKind};

/// A pool without items.
pub(crate) fn empty_pool() -> Error {
    Error::new(ErrorKind::Missing, "the pool is empty: give at least one item")
}

/// An option out of range.
pub(crate) fn setting(message: String) -> Error {
    Error::new(ErrorKind::Setting, message)
}
