//! Uncertain and diverse at once.

mod badge;
mod gradients;
mod plus_plus;
mod weights;

use crate::Entry;

pub use badge::{Badge, FirstCentre};

pub(crate) const ENTRIES: &[Entry] = &[Entry {
    paper: "Ash et al. 2020, arXiv 1906.03671",
    time: "b N (K + D)",
    memory: "N K",
    good_for: "uncertain and diverse at once: the safe choice without a prior",
    build: || Box::new(Badge::default()),
}];
