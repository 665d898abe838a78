#![doc = include_str!("../README.md")]
//!
//! * [`summary`] groups records by setting and strategy, [`versus`] compares strategies.
//! * [`figures`] draws learning curves and gains as SVG and PNG.
//! * [`report`] writes `report.html` and `summary.md`, [`results`] a whole output folder.

pub mod figures;
#[cfg(test)]
mod fixture;
pub mod report;
pub mod results;
pub mod summary;
pub mod versus;

use std::path::Path;

use alfm_core::files::write_atomically;
use alfm_core::{Error, ErrorKind};

/// Something is needed, and there is none of it.
fn none_of(what: &str) -> Error {
    Error::new(ErrorKind::Missing, format!("there are no {what}: at least one is needed"))
}

/// Writes a file, whole or not at all.
fn save(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    write_atomically(path, |out| out.write_all(bytes)).map_err(|source| {
        let message = "cannot write: check that the folder exists and may be written";
        Error::new(ErrorKind::System, message).in_file(path).because(source)
    })
}
