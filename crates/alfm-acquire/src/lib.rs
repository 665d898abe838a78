#![doc = include_str!("../README.md")]
//!
//! Every strategy implements [`Acquisition`] and keeps its contract: exactly `min(budget, unlabelled)`
//! distinct unlabelled rows, in selection order, the same for the same seed and inputs whatever the number
//! of threads. A [`Pool`] holds nothing but what the oracle has answered, so no strategy can see more.
//!
//! [`registry`] lists the strategies with their papers, needs, costs and options; [`find`] builds one by name,
//! [`build`] one with options, [`build_among`] one of the registry or of one's own.
//!
//! Rows are positions in the matrices of the pool. Code that faces users should name items by
//! [`SampleId`](alfm_core::SampleId); the `alfm-select` crate does.

mod acquisition;
mod boundary;
mod candidates;
mod diversity;
mod error;
mod graph;
mod hybrid;
mod input;
mod interactive;
mod needs;
mod options;
mod pool;
mod rare;
mod registry;
mod request;
mod uncertainty;
mod wrap;

pub use acquisition::Acquisition;
pub use alfm_core::{Error, ErrorKind};
pub use alfm_kernels as kernels;
pub use alfm_kernels::{Pick, Ties};
pub use boundary::{Base, DeepFoolStep, Dfal, Mase, deep_fool_step};
pub use candidates::Candidates;
pub use diversity::{
    Alps, FacilityLocation, FfActive, KCenterGreedy, KCenterState, ProbCover, Random, Similarity,
    TypiClust,
};
pub use graph::{Direct, Galaxy, LineSchedule, PhaseSplit, Shrink, TieBreak};
pub use hybrid::{AlfaMix, Badge, Bait, ClusterMargin, DropQuery, FirstCentre, Lhd, MemberOrder};
pub use input::{Averaged, Input, Inputs, LabelsOnly, LinearHead};
pub use interactive::{Interactive, RowOracle, Session, one_answer_each, select_with_oracle};
pub use needs::Needs;
pub use options::{OptionInfo, Options};
pub use pool::Pool;
pub use rare::{
    BalancedMargin, Balancing, MajorityDistance, MostLikelyPositive, MutualInformation, Similar,
    WeakLabeler, doubly_robust_loss,
};
pub use registry::{Entry, Summary, build, build_among, find, registry};
pub use request::Request;
pub use uncertainty::{Bald, Entropy, Gini, LeastConfident, Margin, Power, Weigh};
pub use wrap::{ClassQuota, Oversampled};
