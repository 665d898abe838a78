//! Cover the pool, whatever the small model says.

mod facility_location;
mod k_center;
mod random;

use crate::Entry;

pub use facility_location::{FacilityLocation, Similarity};
pub use k_center::KCenterGreedy;
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
        build: || Box::new(KCenterGreedy),
    },
    Entry {
        paper: "Bhatt et al. 2024, arXiv 2401.06692",
        time: "N^2 D up to N = 4096, then 20000 N D",
        memory: "N^2 up to N = 4096, then N",
        good_for: "one batch that stands for the pool: cold starts, fine-tuning sets",
        build: || Box::new(FacilityLocation::default()),
    },
];
