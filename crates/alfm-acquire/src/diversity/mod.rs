//! Cover the pool, whatever the small model says.

mod ff_active;
mod k_center;
mod k_center_state;
mod random;

use crate::Entry;

pub use ff_active::FfActive;
pub use k_center::KCenterGreedy;
pub use k_center_state::KCenterState;
pub use random::Random;

pub(crate) const ENTRIES: &[Entry] = &[
    Entry {
        paper: "-",
        time: "N + b log N",
        memory: "N",
        good_for: "an unbiased sample: error estimates, first batches, the baseline of every comparison",
        build: || Box::new(Random),
    },
    Entry {
        paper: "Sener & Savarese 2018, arXiv 1708.00489",
        time: "(L + b) N D",
        memory: "N",
        good_for: "covering the pool early, without a model; weak under a long tail of labels",
        build: || Box::new(KCenterGreedy::default()),
    },
    Entry {
        paper: "Geifman & El-Yaniv 2017, arXiv 1711.00941",
        time: "(L + b) N D",
        memory: "N",
        good_for: "as coreset, on embeddings of the model that is being trained",
        build: || Box::new(FfActive::default()),
    },
];
