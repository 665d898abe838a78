//! Simulated active-learning experiments.

mod error;
pub mod experiment;
pub mod figures;
#[cfg(test)]
mod fixture;
pub mod metrics;
pub mod record;
pub mod report;
pub mod results;
pub mod savings;
pub mod summary;
pub mod versus;

pub use alfm_core::{Error, ErrorKind};
