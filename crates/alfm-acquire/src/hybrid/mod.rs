//! Uncertain and diverse at once.

mod badge;
mod bait;
mod fisher;

use crate::Entry;

pub use badge::Badge;
pub use bait::Bait;

pub(crate) const ENTRIES: &[Entry] = &[
    Entry {
        paper: "Ash et al. 2020, arXiv 1906.03671",
        time: "b N (K + D)",
        memory: "N K",
        good_for: "uncertain and diverse at once: the safe choice without a prior",
        build: || Box::new(Badge),
    },
    Entry {
        paper: "Ash et al. 2021, arXiv 2106.09675",
        time: "(N + 4096 b) n^2 with n = K D, at most 256",
        memory: "n^2 + 4096 (K^2 + D)",
        good_for: "few classes and small batches; slow, close to BADGE",
        build: || Box::new(Bait::default()),
    },
];
