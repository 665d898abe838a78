//! Uncertain and diverse at once.

mod alfa_mix;
mod badge;
mod bait;
mod cluster_margin;
mod drop_query;
mod fisher;
mod lhd;
mod plus_plus;
mod weights;

use crate::Entry;
use crate::registry::Make;

pub use alfa_mix::AlfaMix;
pub use badge::{Badge, FirstCentre};
pub use bait::Bait;
pub use cluster_margin::{ClusterMargin, MemberOrder};
pub use drop_query::DropQuery;
pub use lhd::Lhd;

pub(crate) const ENTRIES: &[Entry] = &[
    Entry {
        name: "badge",
        paper: "Ash et al. 2020, arXiv 1906.03671",
        time: "b N (K + D)",
        memory: "N K",
        good_for: "uncertain and diverse at once: batches without near copies",
        make: Make::with_options::<Badge>(),
    },
    Entry {
        name: "cluster-margin",
        paper: "Citovsky et al. 2021, arXiv 2107.14263",
        time: "N K + n^2 D for n <= 2,000 clustered rows",
        memory: "N + n^2",
        good_for: "large batches, where the smallest margins are near duplicates of each other",
        make: Make::with_options::<ClusterMargin>(),
    },
    Entry {
        name: "dropquery",
        paper: "Gupte et al. 2024, arXiv 2401.14555",
        time: "M N K + b^2 D an iteration, M passes",
        memory: "N D",
        good_for: "frozen embeddings of a foundation model; a cold start too",
        make: Make::with_options::<DropQuery>(),
    },
    Entry {
        name: "alfamix",
        paper: "Parvaneh et al. 2022, arXiv 2203.07034",
        time: "N K (K + D)",
        memory: "N D",
        good_for: "few labels and a linear head, with features that no label covers yet",
        make: Make::with_options::<AlfaMix>(),
    },
    Entry {
        name: "lhd",
        paper: "Khosla et al. 2023, arXiv 2211.00928",
        time: "b N H, H hidden features",
        memory: "N H",
        good_for: "labels that are pure noise in parts of the pool; a model that trains its features",
        make: Make::plain::<Lhd>(),
    },
    Entry {
        name: "bait",
        paper: "Ash et al. 2021, arXiv 2106.09675",
        time: "(N + 4096 b) n^2 with n = K D, at most 256",
        memory: "n^2 + 4096 (K^2 + D)",
        good_for: "few classes and small batches; slow, close to BADGE",
        make: Make::with_options::<Bait>(),
    },
];
