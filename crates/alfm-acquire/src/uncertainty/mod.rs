//! Ask where the small model is unsure.
//!
//! The variation ratio `1 - max_k p_k` is least confidence by another name: it has no entry of its own.

mod bald;
mod power;
mod scores;

use crate::Entry;
use crate::registry::Make;

pub use bald::Bald;
pub use power::{Power, Weigh};
pub(crate) use scores::two_largest;
pub use scores::{Entropy, Gini, LeastConfident, Margin};

#[cfg(test)]
pub(crate) use scores::tests::P6;

pub(crate) const ENTRIES: &[Entry] = &[
    Entry {
        name: "least-confident",
        paper: "Lewis & Gale 1994",
        time: "N K",
        memory: "N",
        good_for: "few classes and a calibrated model",
        make: Make::plain::<LeastConfident>(),
    },
    Entry {
        name: "margin",
        paper: "Scheffer, Decomain & Wrobel 2001",
        time: "N K",
        memory: "N",
        good_for: "many classes; hard to beat on balanced pools",
        make: Make::plain::<Margin>(),
    },
    Entry {
        name: "entropy",
        paper: "Settles 2009",
        time: "N K",
        memory: "N",
        good_for: "few classes; the query rule of PriorAL inside its noise set",
        make: Make::plain::<Entropy>(),
    },
    Entry {
        name: "gini",
        paper: "-",
        time: "N K",
        memory: "N",
        good_for: "entropy that listens less to the unlikely classes",
        make: Make::plain::<Gini>(),
    },
    Entry {
        name: "bald",
        paper: "Houlsby et al. 2011, arXiv 1112.5745; Gal et al. 2017, arXiv 1703.02910",
        time: "M N K",
        memory: "N",
        good_for: "a model with dropout: doubt that more labels can resolve, not noise of the labels",
        make: Make::plain::<Bald>(),
    },
    Entry {
        name: "power-margin",
        paper: "Kirsch et al. 2021, arXiv 2106.12059",
        time: "N K",
        memory: "N",
        good_for: "large batches by margin, without the near-duplicates of its top",
        make: Make::with_options::<Power<Margin>>(),
    },
    Entry {
        name: "power-entropy",
        paper: "Kirsch et al. 2021, arXiv 2106.12059",
        time: "N K",
        memory: "N",
        good_for: "large batches by entropy, without the near-duplicates of its top",
        make: Make::with_options::<Power<Entropy>>(),
    },
    Entry {
        name: "power-gini",
        paper: "Kirsch et al. 2021, arXiv 2106.12059",
        time: "N K",
        memory: "N",
        good_for: "large batches by impurity, without the near-duplicates of its top",
        make: Make::with_options::<Power<Gini>>(),
    },
    Entry {
        name: "power-least-confident",
        paper: "Kirsch et al. 2021, arXiv 2106.12059",
        time: "N K",
        memory: "N",
        good_for: "large batches by least confidence, without the near-duplicates of its top",
        make: Make::with_options::<Power<LeastConfident>>(),
    },
    Entry {
        name: "power-bald",
        paper: "Kirsch et al. 2021, arXiv 2106.12059",
        time: "M N K",
        memory: "N",
        good_for: "large batches by BALD: as good as BatchBALD there, at the cost of BALD",
        make: Make::with_options::<Power<Bald>>(),
    },
];
