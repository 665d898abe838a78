//! Strategies around a strategy.

mod needs;
mod oversample;

pub use oversample::Oversampled;
