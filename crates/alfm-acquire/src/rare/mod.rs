//! Go after the rare classes.

mod balanced_margin;
mod balancing;
mod centres;
mod gradient_kernel;
mod most_likely_positive;
mod similar;
mod weak_labeler;

use crate::Entry;
use crate::registry::Make;

pub use balanced_margin::BalancedMargin;
pub use balancing::{Balancing, MajorityDistance};
pub use most_likely_positive::MostLikelyPositive;
pub use similar::{MutualInformation, Similar};
pub use weak_labeler::{WeakLabeler, doubly_robust_loss};

pub(crate) const ENTRIES: &[Entry] = &[
    Entry {
        name: "balanced-margin",
        paper: "-",
        time: "N K, and N a short class",
        memory: "N",
        good_for: "margin where some classes are rare, by nature or by bad luck; the guarded PriorAL asks by it",
        make: Make::with_options::<BalancedMargin>(),
    },
    Entry {
        name: "mlp",
        paper: "Warmuth et al. 2001; Warmuth et al. 2003; Jiang et al. 2018",
        time: "N K",
        memory: "N",
        good_for: "harvesting rare items fast; learns little about where the boundary is",
        make: Make::with_options::<MostLikelyPositive>(),
    },
    Entry {
        name: "wl-ac",
        paper: "Chen et al. 2022, arXiv 2211.02233",
        time: "N (K + log N)",
        memory: "N",
        good_for: "a foundation model's labels beside the oracle's: batches whose inclusion is known",
        make: Make::plain::<WeakLabeler>(),
    },
    Entry {
        name: "balancing",
        paper: "Aggarwal, Popescu & Hudelot 2020, WACV",
        time: "N D K",
        memory: "N K",
        good_for: "evening out class counts at the end of a budget, on embeddings that separate classes",
        make: Make::with_options::<Balancing>(),
    },
    Entry {
        name: "similar",
        paper: "Kothawade et al. 2021, arXiv 2107.00717",
        time: "|Q| N (K + D) for |Q| rare labels",
        memory: "|Q| N up to 256 MiB, then N",
        good_for: "more of the rare classes, once a few labels show what they look like",
        make: Make::with_options::<Similar>(),
    },
];
