//! Simulated experiments: from a configuration to records.
//!
//! An [`ExperimentConfig`] is the product of data sets, imbalances, noises, priors, learners, strategies and
//! seeds. [`prepare`] turns its data into [`Task`]s, one a setting; [`run_all`] runs every strategy and
//! seed on every task, in parallel over runs, and keeps each run as it finishes.

mod config;
mod embedder;
mod one_or_many;
mod prepare;
mod prior;
mod run;
mod schedule;
mod tuning;

pub use alfm_loop::{Dropout, Tuned, TuningExamples};
pub use config::{DEFAULT_ENCODER, DatasetConfig, Encoder, ExperimentConfig, Seeds, Subset};
pub use embedder::Embedder;
pub use prepare::{Task, prepare};
pub use prior::PriorConfig;
pub use run::run_one;
pub use schedule::{Schedule, forget_runs, run_all, start_threads, threads};
pub use tuning::Tuner;
