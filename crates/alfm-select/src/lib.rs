#![doc = include_str!("../README.md")]

mod clean;
mod error;
mod guard;
mod imbalance;
mod prioral;
mod round;
mod scoring;
mod selector;
mod stopping;
mod strategy;

pub use alfm_acquire as acquire;
pub use alfm_core as core;
pub use alfm_core::{ClassId, ClassSchema, MatrixView, Predictions, SampleId};
pub use alfm_kernels::Joint;
pub use clean::{CleanItem, CleanSet};
pub use error::SelectError;
pub use guard::{GuardConfig, LEAST_TRUST, StatedError, Trust};
pub use imbalance::ImbalanceWeight;
pub use prioral::{CleanRule, Decision, PriorAl, PriorAlConfig};
pub use round::{LabelsOnly, PoolState, Query, Round, Suspect};
pub use selector::Selector;
pub use stopping::{AccuracyEstimate, Advice, Advisor, Agreement, SETTLED_KAPPA, SETTLED_ROUNDS};
pub use strategy::{PRIORAL, PRIORAL_GUARDED, PRIORAL_GUARDED_SUMMARY, PRIORAL_SUMMARY, Strategy};
