//! Acquisition functions: which items of a pool to label next.
//!
//! Every strategy implements [`Acquisition`] and keeps its contract: exactly `min(budget, unlabelled)`
//! distinct unlabelled rows, in selection order, the same for the same seed and inputs whatever the number
//! of threads. A [`Pool`] holds nothing but what the oracle has answered, so no strategy can see more.
//!
//! [`REGISTRY`] lists the strategies with their papers, needs and costs; [`find`] builds one by name.
//!
//! Rows are positions in the matrices of the pool. Code that faces users should name items by
//! [`SampleId`](alfm_core::SampleId); the `alfm-select` crate does.

mod acquisition;
mod badge;
pub mod compute;
mod draw;
mod error;
mod k_center;
mod pool;
mod random;
mod registry;
mod uncertainty;

pub use acquisition::{Acquisition, Needs, Pick};
pub use badge::Badge;
pub use error::AcquireError;
pub use k_center::KCenterGreedy;
pub use pool::Pool;
pub use random::Random;
pub use registry::{Entry, REGISTRY, find};
pub use uncertainty::{Entropy, LeastConfident, Margin};

#[cfg(test)]
mod contract;
