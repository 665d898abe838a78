//! What several strategies have to say.

use std::fmt::Display;

use alfm_core::{Error, ErrorKind};

/// An option out of range.
pub(crate) fn bad_option(strategy: &str, option: &str, value: impl Display, rule: &str) -> Error {
    Error::new(
        ErrorKind::Setting,
        format!("option `{option}` of strategy `{strategy}` is {value}: it must be {rule}"),
    )
}

/// An answer to a question that was not asked, or that was answered before.
pub(crate) fn not_asked(row: usize) -> Error {
    let message =
        format!("row {row} waits for no answer: tell only rows that were asked, each once");
    Error::new(ErrorKind::State, message).at_row(row)
}
