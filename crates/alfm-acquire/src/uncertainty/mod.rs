//! Ask where the small model is unsure.
//!
//! The variation ratio `1 - max_k p_k` is least confidence by another name: it has no entry of its own.

mod bald;
mod power;
mod scores;

use crate::Entry;

pub use bald::Bald;
pub use power::{Power, Weigh};
pub(crate) use scores::two_largest;
pub use scores::{Entropy, Gini, LeastConfident, Margin};

#[cfg(test)]
pub(crate) use scores::tests::P6;

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
    Entry {
        paper: "-",
        time: "N K",
        memory: "N",
        good_for: "entropy that listens less to the unlikely classes",
        build: || Box::new(Gini),
    },
    Entry {
        paper: "Houlsby et al. 2011, arXiv 1112.5745; Gal et al. 2017, arXiv 1703.02910",
        time: "M N K",
        memory: "N",
        good_for: "a model with dropout: doubt that more labels can resolve, not noise of the labels",
        build: || Box::new(Bald),
    },
    Entry {
        paper: "Kirsch et al. 2021, arXiv 2106.12059",
        time: "N K",
        memory: "N",
        good_for: "large batches by margin, without the near-duplicates of its top",
        build: || Box::new(Power::new(Margin)),
    },
    Entry {
        paper: "Kirsch et al. 2021, arXiv 2106.12059",
        time: "N K",
        memory: "N",
        good_for: "large batches by entropy, without the near-duplicates of its top",
        build: || Box::new(Power::new(Entropy)),
    },
    Entry {
        paper: "Kirsch et al. 2021, arXiv 2106.12059",
        time: "N K",
        memory: "N",
        good_for: "large batches by impurity, without the near-duplicates of its top",
        build: || Box::new(Power::new(Gini)),
    },
    Entry {
        paper: "Kirsch et al. 2021, arXiv 2106.12059",
        time: "N K",
        memory: "N",
        good_for: "large batches by least confidence, without the near-duplicates of its top",
        build: || Box::new(Power::new(LeastConfident)),
    },
    Entry {
        paper: "Kirsch et al. 2021, arXiv 2106.12059",
        time: "M N K",
        memory: "N",
        good_for: "large batches by BALD: as good as BatchBALD there, at the cost of BALD",
        build: || Box::new(Power::new(Bald)),
    },
];
