//! Strategies around a strategy.

mod class_quota;
mod oversample;

use crate::registry::Make;
use crate::{Entry, Random};

pub use class_quota::ClassQuota;
pub use oversample::Oversampled;

pub(crate) const ENTRIES: &[Entry] = &[
    Entry {
        name: "class-quota",
        paper: "-",
        time: "of the strategy inside, for each class; N K",
        memory: "N",
        good_for: "batches that are even over the predicted classes",
        make: Make::wrapper::<ClassQuota<Random>>(),
    },
    Entry {
        name: "oversampled",
        paper: "-",
        time: "of the strategy inside; f b^2 D an iteration, f the factor",
        memory: "f b D",
        good_for: "the first choices of a strategy without their near-duplicates",
        make: Make::wrapper::<Oversampled<Random>>(),
    },
];
