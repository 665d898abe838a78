//! Training of an encoder as a whole, from the published weights, with a linear head on its features.
//!
//! [`FineTuneConfig`](crate::FineTuneConfig) holds the settings, [`FineTune::fit`](crate::FineTune::fit) the fit, [`FineTuned`] what comes of it. The head starts
//! as logistic regression on the published features, so that the encoder is not torn apart by a head that knows
//! nothing (Kumar et al. 2022, arXiv 2202.10054). The loss is that of the other learners without the penalty; its
//! minimisation is AdamW with a learning rate that rises, then falls as a cosine, on gradients of limited length.
//!
//! The encoder's gradients come from [`alfm_embed::Trunk`]; the head's are written out, so that this crate needs no
//! tensor library. The optimiser is ten lines for the same reason: parameters and moments are plain numbers, which a
//! checkpoint holds as they are.

mod adamw;
mod checkpoint;
mod error;
mod fit;
mod head;
mod model;
mod objective;
mod schedule;
mod split;
mod state;
#[cfg(test)]
mod tests;

pub use error::FineTuneError;
pub use fit::{FineTuneStep, ItemExamples};
pub use model::{FineTuneSummary, FineTuned};
