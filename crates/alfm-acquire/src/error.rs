use alfm_core::CoreError;
use alfm_kernels::KernelError;
use alfm_kernels::device::DeviceError;

use crate::Input;
use crate::options::Opt;

/// What can be wrong with a request for a batch.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum AcquireError {
    /// An input does not fit the pool.
    #[error(transparent)]
    Input(#[from] CoreError),
    /// A device that is not there, or that failed.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// The strategy needs an input that the pool does not hold.
    #[error(
        "strategy `{strategy}` needs {input}: give them, or choose a strategy that does without"
    )]
    MissingInput {
        /// The strategy.
        strategy: String,
        /// What is missing.
        input: Input,
    },
    /// An option out of range, of another kind, or missing where it must be given.
    #[error("option `{option}` of strategy `{strategy}` is {value}: it must be {rule}")]
    Setting {
        /// The strategy.
        strategy: String,
        /// The option.
        option: String,
        /// Its value.
        value: String,
        /// What it must be.
        rule: &'static str,
    },
    /// An empty list of stochastic passes.
    #[error("no stochastic pass is given: give at least one, usually about 20")]
    NoPasses,
    /// An answer to a question that was not asked, or that was answered before.
    #[error("row {row} waits for no answer: tell only rows that were asked, each once")]
    NotAsked {
        /// The row.
        row: usize,
    },
    /// More rows than a row number of 32 bits can tell apart.
    #[error("{rows} rows are too many for one pool: split it into parts of at most 2^32")]
    PoolTooLarge {
        /// Rows given.
        rows: usize,
    },
    /// The strategy has no such option.
    #[error("strategy `{strategy}` has no option `{option}`: {}", remedy(option, known))]
    UnknownOption {
        /// The strategy.
        strategy: String,
        /// The option that was given.
        option: String,
        /// Its options.
        known: Vec<&'static str>,
    },
    /// No strategy has this name.
    #[error("no strategy is called `{name}`; the known ones are {known}")]
    UnknownStrategy {
        /// The name that was asked for.
        name: String,
        /// Every known name.
        known: String,
    },
}

impl From<KernelError> for AcquireError {
    fn from(error: KernelError) -> Self {
        match error {
            KernelError::Input(error) => Self::Input(error),
            KernelError::Device(error) => Self::Device(error),
        }
    }
}

impl AcquireError {
    pub(crate) fn unknown_option(strategy: &str, option: &str, known: &[Opt]) -> Self {
        let known = known.iter().map(|option| option.name).collect();
        Self::UnknownOption { strategy: strategy.to_owned(), option: option.to_owned(), known }
    }
}

fn remedy(option: &str, known: &[&str]) -> String {
    let likeness = |known: &str| strsim::jaro_winkler(option, known);
    match known.iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b))) {
        None => "it takes none".to_owned(),
        Some(nearest) => format!("did you mean `{nearest}`? It takes {}", known.join(", ")),
    }
}
