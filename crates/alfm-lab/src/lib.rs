#![doc = include_str!("../README.md")]
//!
//! * [`simulate`] makes a pool imbalanced and its labels noisy, as published experiments do.
//! * [`oracle`] answers queries.
//! * [`experiment`] runs strategies on pools, from a configuration to records.
//! * [`record`] holds what a run leaves behind, [`metrics`] how good a model is, [`savings`] how many labels one
//!   strategy saves against another. `alfm-report` draws and tabulates them.

pub mod demo;
mod error;
pub mod experiment;
pub mod metrics;
pub mod oracle;
pub mod record;
pub mod savings;
pub mod simulate;

pub use alfm_core::{Error, ErrorKind};
