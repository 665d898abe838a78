use std::path::PathBuf;

/// What can go wrong in an experiment.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LabError {
    /// Something is needed and there is none of it.
    #[error("there are no {what}: at least one is needed")]
    Empty {
        /// What is missing.
        what: &'static str,
    },
    /// Images for an encoder of texts.
    #[error("the items are images, and the encoder knows texts only: name an encoder of images")]
    TextsOnly,
    /// An embedder without an encoder that can be trained.
    #[error(
        "`kind = \"fine-tune\"` needs an encoder that can be trained, and the embeddings here come from none: use `alfm run` with an [encoder], or another learner"
    )]
    NoTuner,
    /// An encoder that could not be trained.
    #[error("the encoder could not be trained")]
    Tuning(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A file that cannot be read or written.
    #[error("{action} {}: check that the folder exists and may be written", path.display())]
    File {
        /// What was tried, for the message.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A record that cannot be written as JSON.
    #[error("a record cannot be written as JSON")]
    Json(#[from] serde_json::Error),
    /// Input that [`alfm_core`] refused.
    #[error(transparent)]
    Core(#[from] alfm_core::CoreError),
    /// The caller stopped the experiment.
    #[error("stopped after {finished} of {total} runs; the same command with --resume goes on")]
    Stopped {
        /// Finished runs, all of them kept.
        finished: usize,
        /// All runs.
        total: usize,
    },
    /// No threads to run on.
    #[error("the threads could not be started")]
    Threads(#[source] rayon::ThreadPoolBuildError),
    /// The encoder failed.
    #[error("the items could not be embedded")]
    Embedding(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The data could not be loaded or changed.
    #[error(transparent)]
    Data(#[from] alfm_data::DataError),
    /// What a simulation, an oracle, a measure or a file of records refused.
    #[error(transparent)]
    Other(#[from] alfm_core::Error),
    /// The small model could not be trained.
    #[error(transparent)]
    Learn(#[from] alfm_learn::LearnError),
    /// The prior could not be made.
    #[error(transparent)]
    Prior(#[from] alfm_prior::PriorError),
    /// A prior's file that has other rows than the data.
    #[error(
        "{file} has {got} rows, but the split that the pool is taken from has {expected} items: give one row for each"
    )]
    PriorRows {
        /// The file, with its key or column.
        file: String,
        /// Its rows.
        got: usize,
        /// Items of the split.
        expected: usize,
    },
    /// A prior's file that cannot be used.
    #[error("{file}: {source}")]
    PriorFile {
        /// The file, with its key or column.
        file: String,
        /// What is wrong with it.
        source: Box<LabError>,
    },
    /// The strategy refused.
    #[error(transparent)]
    Select(#[from] alfm_select::SelectError),
}
