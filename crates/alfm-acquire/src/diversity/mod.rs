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
use crate::registry::Make;

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
        name: "random",
        paper: "-",
        time: "N + b log N",
        memory: "N",
        good_for: "an unbiased sample: error estimates, first batches, the baseline of every comparison",
        make: Make::plain::<Random>(),
    },
    Entry {
        name: "coreset",
        paper: "Sener & Savarese 2018, arXiv 1708.00489",
        time: "(L + b) N D",
        memory: "N",
        good_for: "covering the pool early, without a model; weak under a long tail of labels",
        make: Make::with_options::<KCenterGreedy>(),
    },
    Entry {
        name: "ff-active",
        paper: "Geifman & El-Yaniv 2017, arXiv 1711.00941",
        time: "(L + b) N D",
        memory: "N",
        good_for: "as coreset, on embeddings of the model that is being trained",
        make: Make::with_options::<FfActive>(),
    },
    Entry {
        name: "typiclust",
        paper: "Hacohen, Dekel & Weinshall 2022, arXiv 2202.02794",
        time: "N C D an iteration, C = min(L + b, 500) clusters",
        memory: "N D",
        good_for: "very few labels and good embeddings, without a model",
        make: Make::with_options::<TypiClust>(),
    },
    Entry {
        name: "probcover",
        paper: "Yehuda et al. 2022, arXiv 2205.11320",
        time: "N^2 D",
        memory: "edges of the ball graph, at most 1 GiB",
        good_for: "very few labels and pools of up to about 100,000 rows, without a model",
        make: Make::with_options::<ProbCover>(),
    },
    Entry {
        name: "alps",
        paper: "Yuan, Lin & Boyd-Graber 2020, arXiv 2010.09535",
        time: "b N T an iteration, T tokens",
        memory: "N T",
        good_for: "the first batch of a text pool, with a masked language model alone",
        make: Make::with_options::<Alps>(),
    },
    Entry {
        name: "facility-location",
        paper: "Bhatt et al. 2024, arXiv 2401.06692",
        time: "N^2 D up to N = 4096, then 20000 N D",
        memory: "N^2 up to N = 4096, then N",
        good_for: "one batch that stands for the pool: cold starts, fine-tuning sets",
        make: Make::with_options::<FacilityLocation>(),
    },
];
