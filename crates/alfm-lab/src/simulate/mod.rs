//! Pools as published experiments make them: imbalanced, with noisy labels.
//!
//! Order: choose the pool ([`alfm_data::subset`]), make it imbalanced, make its labels noisy. Test labels go
//! through the same class map and stay clean.

mod human;
pub mod imbalance;
pub mod noise;

pub use imbalance::{Construction, Imbalance};
pub use noise::{LabelColumns, Missing, Noise, NoiseInput};

/// `floor(x)` that forgives the error of a float that should be a whole number.
fn floor(x: f64) -> usize {
    (x + 1e-9).floor() as usize
}
