#![doc = include_str!("../README.md")]
//!
//! * [`SampleId`] names an item of the pool, [`Items`] are all of them, [`ClassId`] and [`ClassSchema`] its possible
//!   labels.
//! * [`MatrixView`] and [`Predictions`] are row-major inputs that were checked once, at the boundary:
//!   code behind them needs no further checks for shape, NaN or unnormalised rows. [`Matrix`] and [`Probabilities`]
//!   own what was checked: what encoders, learners and priors return.
//! * [`LabelLog`] is the one owner of labels: who said what, when, and of which items nobody was asked.
//! * [`SeedTree`] is the one source of randomness: same seed, same bytes, whatever the number of threads.

mod check;
mod digest;
mod element;
mod error;
mod failure;
#[cfg(feature = "files")]
pub mod files;
mod items;
mod log;
mod matrix;
mod predictions;
mod probabilities;
mod sample;
mod schema;
mod seed;
mod softmax;

pub use digest::Digest;
pub use failure::{Error, ErrorKind};
pub use items::Items;
pub use log::{Answer, Entry, Event, ItemState, Label, LabelLog, Provenance, Source};
pub use matrix::{Matrix, MatrixView};
pub use predictions::{Predictions, ROW_SUM_TOLERANCE, ScoreKind};
pub use probabilities::Probabilities;
pub use sample::SampleId;
pub use schema::{ClassId, ClassSchema};
pub use seed::SeedTree;
