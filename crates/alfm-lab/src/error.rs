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
    /// Two inputs that belong together differ in length.
    #[error("{got} {what} given, {expected} expected: give one per item, in the same order")]
    Length {
        /// The input of the wrong length.
        what: &'static str,
        /// Length expected.
        expected: usize,
        /// Length given.
        got: usize,
    },
    /// A class outside the schema.
    #[error("row {row}: {what} is class {class}, but there are {classes} classes, numbered from 0")]
    ClassOutOfRange {
        /// What kind of class it is.
        what: &'static str,
        /// The row.
        row: usize,
        /// The class.
        class: usize,
        /// Number of classes.
        classes: usize,
    },
    /// The label counts of a curve do not increase.
    #[error("point {point} of a curve is at {labels} labels, not more than the point before it")]
    NotIncreasing {
        /// The point, from 0.
        point: usize,
        /// Its number of labels.
        labels: f64,
    },
    /// A value of a curve that is NaN or infinite.
    #[error("point {point} of a curve is {value}: every value must be finite")]
    NotFinite {
        /// The point, from 0.
        point: usize,
        /// The value.
        value: f64,
    },
    /// Curves that are averaged or compared were measured at different numbers of labels.
    #[error(
        "the curves to combine have different label counts ({first} and {other} at point {point}): \
         use the same initial size, batch and rounds"
    )]
    Misaligned {
        /// The first point that differs.
        point: usize,
        /// Labels there of the first curve (`0` where it has ended).
        first: f64,
        /// Labels there of the other (`0` where it has ended).
        other: f64,
    },
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
    /// A line of a records file that is not a record.
    #[error("{}, line {line}: not a run record of this version; delete the line or run again", path.display())]
    Record {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What the parser said.
        source: serde_json::Error,
    },
    /// A record that cannot be written as JSON.
    #[error("a record cannot be written as JSON")]
    Json(#[from] serde_json::Error),
    /// A table that cannot be read or written as CSV.
    #[error("{}: not a table of curves of this version", path.display())]
    Csv {
        /// The file.
        path: PathBuf,
        /// What the reader said.
        source: csv::Error,
    },
    /// A figure that could not be drawn.
    #[error("figure `{title}` could not be drawn: {reason}")]
    Figure {
        /// Its title.
        title: String,
        /// What the drawing library said.
        reason: String,
    },
    /// Input that [`alfm_core`] refused.
    #[error(transparent)]
    Core(#[from] alfm_core::CoreError),
    /// An experiment file that does not read.
    #[error("the experiment file is wrong{hint}: {source}")]
    Config {
        /// The nearest known key, where a key is unknown.
        hint: String,
        /// What the parser said, with the line.
        source: Box<toml::de::Error>,
    },
    /// A configuration that cannot be written.
    #[error("the configuration cannot be written as TOML")]
    WriteConfig(#[source] toml::ser::Error),
    /// A number out of range.
    #[error("`{name}` is {value}: it must be {rule}")]
    Setting {
        /// Its key.
        name: &'static str,
        /// The value given.
        value: String,
        /// What would be right.
        rule: &'static str,
    },
    /// Two strategies that results could not tell apart.
    #[error("two strategies are called `{label}`: give one of them a `label`")]
    RepeatedStrategy {
        /// What both are called.
        label: String,
    },
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
    /// The data could not be loaded or changed, the small model not be trained, the prior not be made.
    #[error(transparent)]
    Other(#[from] alfm_core::Error),
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
