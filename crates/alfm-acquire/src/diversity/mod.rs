//! Cover the pool, whatever the small model says.

mod alps;
mod balls;
mod facility_location;
mod ff_active;
mod k_center;
mod k_center_state;
mod prob_cover;
mod random;
mod typi_clust;

use crate::Entry;

pub use alps::Alps;
pub use facility_location::{FacilityLocation, Similarity};
pub use ff_active::FfActive;
pub use k_center::KCenterGreedy;
pub use k_center_state::KCenterState;
pub use prob_cover::ProbCover;
pub use random::Random;
pub use typi_clust::TypiClust;

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
    Entry {
        paper: "Hacohen, Dekel & Weinshall 2022, arXiv 2202.02794",
        time: "N C D an iteration, C = min(L + b, 500) clusters",
        memory: "N D",
        good_for: "very few labels and good embeddings, without a model",
        build: || Box::new(TypiClust::default()),
    },
    Entry {
        paper: "Yehuda et al. 2022, arXiv 2205.11320",
        time: "N^2 D",
        memory: "edges of the ball graph, at most 1 GiB",
        good_for: "very few labels and pools of up to about 100,000 rows, without a model",
        build: || Box::new(ProbCover::default()),
    },
    Entry {
        paper: "Yuan, Lin & Boyd-Graber 2020, arXiv 2010.09535",
        time: "b N T an iteration, T tokens",
        memory: "N T",
        good_for: "the first batch of a text pool, with a masked language model alone",
        build: || Box::new(Alps::default()),
    },
    Entry {
        paper: "Bhatt et al. 2024, arXiv 2401.06692",
        time: "N^2 D up to N = 4096, then 20000 N D",
        memory: "N^2 up to N = 4096, then N",
        good_for: "one batch that stands for the pool: cold starts, fine-tuning sets",
        build: || Box::new(FacilityLocation::default()),
    },
];
