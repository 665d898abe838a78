#![doc = include_str!("../README.md")]
//!
//! * [`Encoder`] finds a model's files, tells from its `config.json` whether it encodes texts, images or both, and keeps
//!   what it has encoded in a cache.
//! * [`LazyEncoder`] is an [`Encoder`] for experiments: it is found when the first item comes to it, and trained where
//!   an experiment asks for that (feature `fine-tune`).
//! * [`LanguageModel`] tells how surprised a masked language model is by each token of a text.

mod encoder;
mod event;
mod lazy;
mod pictures;
mod surprisal;
#[cfg(feature = "fine-tune")]
mod tuner;

pub use encoder::Encoder;
pub use event::{Event, Watch};
pub use lazy::LazyEncoder;
pub use surprisal::LanguageModel;

/// Where an encoder runs; of `alfm-embed`.
pub use alfm_embed::Backend;
