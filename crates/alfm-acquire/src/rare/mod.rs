//! Go after the rare classes.

mod gradient_kernel;
mod similar;

use crate::Entry;

pub use similar::{MutualInformation, Similar};

pub(crate) const ENTRIES: &[Entry] = &[Entry {
    paper: "Kothawade et al. 2021, arXiv 2107.00717",
    time: "|Q| N (K + D) for |Q| rare labels",
    memory: "|Q| N up to 256 MiB, then N",
    good_for: "more of the rare classes, once a few labels show what they look like",
    build: || Box::new(Similar::default()),
}];
