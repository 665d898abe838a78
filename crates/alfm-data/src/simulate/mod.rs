//! Pools as published experiments make them: imbalanced, with noisy labels.
//!
//! Order: choose the pool ([`crate::subset`]), make it imbalanced, make its labels noisy. Test labels go
//! through the same class map and stay clean.

mod human;
pub mod imbalance;
pub mod noise;

pub use imbalance::{Construction, Imbalance};
pub use noise::{LabelColumns, Missing, Noise, NoiseInput};

use alfm_core::{ClassId, SeedTree};
use rand::seq::SliceRandom;

/// Rows of each class, in order.
pub(crate) fn rows_by_class(labels: &[ClassId], classes: usize) -> Vec<Vec<usize>> {
    let mut rows = vec![Vec::new(); classes];
    for (row, label) in labels.iter().enumerate() {
        rows[label.index()].push(row);
    }
    rows
}

/// The first `count` of a seeded permutation of `rows`.
pub(crate) fn draw(mut rows: Vec<usize>, count: usize, seed: &SeedTree) -> Vec<usize> {
    rows.shuffle(&mut seed.rng());
    rows.truncate(count);
    rows
}

/// `floor(x)` that forgives the error of a float that should be a whole number.
pub(crate) fn floor(x: f64) -> usize {
    (x + 1e-9).floor() as usize
}
