//! Ask next to the decision boundary in feature space.

mod base;
mod deep_fool;
mod distances;
mod mase;

use crate::Entry;
use crate::registry::Make;

pub use base::Base;
pub use deep_fool::{DeepFoolStep, Dfal, deep_fool_step};
pub use mase::Mase;

pub(crate) const ENTRIES: &[Entry] = &[
    Entry {
        name: "base",
        paper: "Emam et al. 2021, arXiv 2111.12880",
        time: "N K D + K^2 D",
        memory: "N + K^2",
        good_for: "even attention to every class where predictions are skewed",
        make: Make::plain::<Base>(),
    },
    Entry {
        name: "mase",
        paper: "Emam et al. 2021, arXiv 2111.12880",
        time: "N K D + K^2 D",
        memory: "N + K^2",
        good_for: "margins measured in feature space, when the head's weights differ much in length",
        make: Make::plain::<Mase>(),
    },
    Entry {
        name: "dfal",
        paper: "Ducoffe & Precioso 2018, arXiv 1802.09841",
        time: "N K D + K^2 D",
        memory: "N + K^2",
        good_for: "the adversarial baseline on frozen embeddings, where it is MASE",
        make: Make::plain::<Dfal>(),
    },
];
