#![doc = include_str!("../README.md")]
//!
//! * [`zero_shot`]: similarity of item and class-prompt embeddings; [`Head`] reads it as CLIP or SigLIP does, and
//!   [`fill_templates`] writes the prompts.
//! * [`from_hard_labels`]: the labels of another annotator or model, as sure as they are [`Reliability`].
//! * [`from_answers`]: answers that somebody else got, with what they say of how sure they are.
//! * [`weak_labels`]: rules that vote or abstain, by majority or a generative model.
//! * `llm`: a language model behind an endpoint, with the feature of that name.
//! * [`from_matrix`]: probabilities computed elsewhere.
//! * [`ensemble`]: several of these to one.
//! * [`uniform`] and [`rotated`]: priors that know nothing, and that are wrong on purpose.
//! * [`calibrate`]: a [`Calibrator`] sharpens or softens any of them; [`PriorQuality`] says how good it is.
//!
//! Embeddings and labels are inputs: but for `llm`, this crate opens no file and no connection.

mod answers;
pub mod calibrate;
mod ensemble;
mod hard_labels;
mod head;
#[cfg(feature = "llm")]
pub mod llm;
mod quality;
mod simple;
mod templates;
pub mod weak_labels;
mod zero_shot;

pub use alfm_core::{Error, ErrorKind};
pub use answers::{AnsweredPrior, GivenAnswer, GivenLabel, GivenProbabilities, from_answers};
pub use calibrate::{Calibrator, LabelShift, Temperature, VectorScaling};
pub use ensemble::{Pooling, ensemble};
pub use hard_labels::{Reliability, from_hard_labels};
pub use head::Head;
pub use quality::PriorQuality;
pub use simple::{from_matrix, rotated, uniform};
pub use templates::{CLIP_TEMPLATES, fill_templates};
pub use zero_shot::{ClassPrompts, DEFAULT_TEMPERATURE, zero_shot, zero_shot_by};
