use std::path::PathBuf;

use alfm_embed::EmbedError;

use crate::LearnError;

/// What can go wrong when an encoder is trained.
///
/// Apart from [`LearnError`], which can be copied and compared; the errors of files cannot.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FineTuneError {
    /// Examples or settings.
    #[error(transparent)]
    Learn(#[from] LearnError),
    /// The encoder, or an item that it cannot read.
    #[error(transparent)]
    Encoder(#[from] EmbedError),
    /// An example that is no item.
    #[error("an example is item {row}, but there are {count} items: give rows below that")]
    Row {
        /// The row.
        row: usize,
        /// Number of items.
        count: usize,
    },
    /// A loss or a gradient that is not finite.
    #[error("training diverged at step {step}: lower `learning_rate` and `head_learning_rate`")]
    Diverged {
        /// Counts from 1.
        step: usize,
    },
    /// The caller asked for an end.
    #[error(
        "training was interrupted after step {step}: run it again to go on from its checkpoint"
    )]
    Interrupted {
        /// Counts from 1.
        step: usize,
    },
    /// A checkpoint that cannot be read or written.
    #[error("cannot read or write the checkpoint {path}: check the folder's permissions and free space", path = path.display())]
    Checkpoint {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A checkpoint that is not whole, or of another version.
    #[error("the checkpoint {path} cannot be used ({reason}): delete its folder, or give another", path = path.display())]
    BrokenCheckpoint {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A checkpoint of other examples, settings, seed or encoder.
    #[error("the checkpoint {path} belongs to a fit with other examples, settings, seed or encoder: delete its folder, or give another", path = path.display())]
    OtherFit {
        /// The file.
        path: PathBuf,
    },
}
