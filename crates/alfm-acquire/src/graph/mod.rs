//! Order the pool along one line a class and search it for the boundary, answer by answer.

mod cuts;
mod direct;
mod direct_search;
mod galaxy;
mod ledger;
mod lines;
mod positions;
#[cfg(test)]
mod testing;
mod version_space;

use crate::Entry;
use crate::registry::Make;

pub use direct::{Direct, PhaseSplit, Shrink, TieBreak};
pub use galaxy::{Galaxy, LineSchedule};

pub(crate) const ENTRIES: &[Entry] = &[
    Entry {
        name: "galaxy",
        paper: "Zhang, Katz-Samuels & Nowak 2022, arXiv 2202.01402",
        time: "K N log N + b K log N",
        memory: "K N",
        good_for: "imbalanced pools with clean labels, asked one after the other",
        make: Make::with_options::<Galaxy>(),
    },
    Entry {
        name: "direct",
        paper: "Nuggehalli et al. 2025, arXiv 2312.09196",
        time: "K N log N",
        memory: "N",
        good_for: "imbalanced pools with noisy labels, asked in rounds of about 20",
        make: Make::with_options::<Direct>(),
    },
];
