//! The one error type of all `alfm` crates.

use std::error::Error as StdError;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What kind of thing went wrong: what a program decides by. The sentence is for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A value, a shape or a file that was given is wrong.
    Input,
    /// A setting is out of range, unknown, or contradicts another.
    Setting,
    /// Something is needed that was not given.
    Missing,
    /// Something is named that is not there: an item, a class, a strategy, a file, a device.
    NotFound,
    /// It can't be done now: nothing is left to ask, an answer to a question that was not asked.
    State,
    /// The caller stopped it; what was finished is kept.
    Stopped,
    /// The system refused: a file, a thread, memory.
    System,
    /// Another machine refused, or was not to be reached.
    Network,
    /// A device that failed.
    Device,
}

impl ErrorKind {
    /// Whether whoever called can mend it by giving something else; otherwise it may pass if tried again.
    pub fn is_usage(self) -> bool {
        matches!(self, Self::Input | Self::Setting | Self::Missing | Self::NotFound | Self::State)
    }
}

/// What went wrong, in a sentence that names the value and the remedy, and where.
///
/// One rule for sources: the sentence never repeats what [`source`](StdError::source) says. [`Error::report`] joins
/// them for people.
///
/// ```
/// use alfm_core::{Error, ErrorKind};
/// let error = Error::new(ErrorKind::Input, "row 3 sums to 1.25, not to 1: normalise it")
///     .at_row(3)
///     .in_file("prior.npy");
/// assert_eq!((error.kind(), error.row()), (ErrorKind::Input, Some(3)));
/// assert_eq!(error.to_string(), "prior.npy: row 3 sums to 1.25, not to 1: normalise it");
/// ```
#[derive(Clone, Debug)]
pub struct Error(Box<Inner>);

#[derive(Clone, Debug)]
struct Inner {
    kind: ErrorKind,
    message: String,
    /// What the row is of, where the sentence begins with both.
    item: Option<&'static str>,
    path: Option<PathBuf>,
    row: Option<usize>,
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

impl Error {
    /// An error of this kind; `message` names the value and the remedy.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        let message = message.into();
        Self(Box::new(Inner { kind, message, item: None, path: None, row: None, source: None }))
    }

    /// Of [`ErrorKind::Input`].
    pub fn input(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Input, message)
    }

    /// Of [`ErrorKind::Setting`]: a setting outside its range, and what it must be.
    pub fn setting(name: &str, value: impl fmt::Display, rule: &str) -> Self {
        Self::new(ErrorKind::Setting, format!("`{name}` is {value}: {rule}"))
    }

    /// Says in which file; the innermost file that was named stays.
    #[must_use]
    pub fn in_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.0.path.get_or_insert_with(|| path.into());
        self
    }

    /// Says in which row, from 0; the innermost row that was named stays.
    #[must_use]
    pub fn at_row(mut self, row: usize) -> Self {
        self.0.row.get_or_insert(row);
        self
    }

    /// Says that it is about one of several items, from 0: the sentence goes on behind `what` and the row, as in
    /// "text 3 has no tokens".
    #[must_use]
    pub fn of_item(mut self, what: &'static str, row: usize) -> Self {
        (self.0.item, self.0.row) = (Some(what), Some(row));
        self
    }

    /// The same error, with the row by another count: of the whole instead of a part.
    #[must_use]
    pub fn renumbered(mut self, place: impl FnOnce(usize) -> usize) -> Self {
        self.0.row = self.0.row.map(place);
        self
    }

    /// Says what caused it.
    #[must_use]
    pub fn because(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.0.source = Some(Arc::from(source.into()));
        self
    }

    /// What a program decides by.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The file that is wrong, if it is a file.
    pub fn path(&self) -> Option<&Path> {
        self.0.path.as_deref()
    }

    /// The row that is wrong, from 0, if it is a row.
    pub fn row(&self) -> Option<usize> {
        self.0.row
    }

    /// The sentence and those of all its sources, joined by colons.
    pub fn report(&self) -> String {
        let mut text = self.to_string();
        let mut source = self.source();
        while let Some(cause) = source {
            text.push_str(": ");
            text.push_str(&cause.to_string());
            source = cause.source();
        }
        text
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(path) = &self.0.path {
            write!(f, "{}: ", path.display())?;
        }
        if let (Some(item), Some(row)) = (self.0.item, self.0.row) {
            let gap = if self.0.message.starts_with(':') { "" } else { " " };
            write!(f, "{item} {row}{gap}")?;
        }
        f.write_str(&self.0.message)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}

/// Errors are the same if they say the same.
impl PartialEq for Error {
    fn eq(&self, other: &Self) -> bool {
        let said = |error: &Self| (error.0.kind, error.0.row, error.report());
        said(self) == said(other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_innermost_file_and_row_stay() {
        let error = Error::new(ErrorKind::Input, "it is wrong").in_file("a").in_file("b");
        assert_eq!(error.path(), Some(Path::new("a")));
        assert_eq!(error.at_row(1).at_row(2).row(), Some(1));
    }

    #[test]
    fn items_of_a_part_are_counted_in_the_whole() {
        let error = Error::input("has no tokens").of_item("text", 3).renumbered(|row| row + 10);
        assert_eq!((error.row(), error.to_string().as_str()), (Some(13), "text 13 has no tokens"));
        let error = Error::input(": token 7 is unknown").of_item("text", 0);
        assert_eq!(error.to_string(), "text 0: token 7 is unknown");
    }

    #[test]
    fn sources_are_told_once() {
        let cause = std::io::Error::other("the disk is full");
        let error = Error::new(ErrorKind::System, "cannot write: free some space")
            .in_file("out.npy")
            .because(cause);
        assert_eq!(error.to_string(), "out.npy: cannot write: free some space");
        assert_eq!(error.report(), "out.npy: cannot write: free some space: the disk is full");
        assert_eq!(error, error.clone());
    }
}
