//! Ask where the small model is unsure.

mod scores;

use crate::Entry;

pub use scores::{Entropy, LeastConfident, Margin};

pub(crate) const ENTRIES: &[Entry] = &[
    Entry {
        paper: "Lewis & Gale 1994",
        time: "N K",
        memory: "N",
        good_for: "few classes and a calibrated model",
        build: || Box::new(LeastConfident),
    },
    Entry {
        paper: "Scheffer, Decomain & Wrobel 2001",
        time: "N K",
        memory: "N",
        good_for: "many classes; hard to beat on balanced pools",
        build: || Box::new(Margin),
    },
    Entry {
        paper: "Settles 2009",
        time: "N K",
        memory: "N",
        good_for: "few classes; the query rule of PriorAL inside its noise set",
        build: || Box::new(Entropy),
    },
];
