#![doc = include_str!("../README.md")]

mod chosen;
mod clean;
mod decisions;
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
pub use alfm_acquire::{Inputs, LabelsOnly};
pub use alfm_core as core;
pub use alfm_core::{
    ClassId, ClassSchema, Error, ErrorKind, Items, LabelLog, MatrixView, Predictions, SampleId,
};
pub use alfm_kernels as kernels;
pub use alfm_kernels::Joint;
pub use chosen::Chosen;
pub use clean::{CleanItem, CleanParts, CleanSet};
pub use guard::{GuardConfig, LEAST_TRUST, StatedError, Trust};
pub use imbalance::ImbalanceWeight;
pub use prioral::{CleanRule, Decision, PriorAl, PriorAlConfig, prioral_summaries};
pub use round::{Query, Round, Suspect};
pub use selector::Selector;
pub use stopping::{AccuracyEstimate, Advice, Advisor, Agreement, SETTLED_KAPPA, SETTLED_ROUNDS};
pub use strategy::{PRIORAL, PRIORAL_GUARDED, Strategy};
