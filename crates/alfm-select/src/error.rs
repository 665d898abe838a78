use alfm_acquire::AcquireError;
use alfm_core::CoreError;
use alfm_kernels::Joint;
use alfm_kernels::KernelError;

/// What can be wrong with a request to a [`Selector`](crate::Selector).
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SelectError {
    /// An input does not fit the pool.
    #[error(transparent)]
    Input(#[from] CoreError),
    /// The strategy is unknown, or misses an input.
    #[error(transparent)]
    Acquire(#[from] AcquireError),
    /// A pool without items.
    #[error("the pool is empty: give at least one item")]
    EmptyPool,
    /// Every item has a label.
    #[error("all {items} items are labelled: there is nothing left to ask")]
    Exhausted {
        /// Items of the pool.
        items: usize,
    },
    /// A strategy that co-decides, without a prior.
    #[error("strategy `{strategy}` needs the foundation model's class probabilities: give a prior")]
    MissingPrior {
        /// The strategy.
        strategy: String,
    },
    /// The model's predictions are missing although there are labels to train on.
    #[error(
        "strategy `{strategy}` needs the model's class predictions: \
         train on the {labels} labels and give its predictions"
    )]
    MissingModel {
        /// The strategy.
        strategy: String,
        /// Labelled items.
        labels: usize,
    },
    /// Out-of-fold predictions that are not those of the labelled items.
    #[error(
        "the out-of-fold predictions have {got} rows, but {labels} items are labelled: \
         give one row per labelled item, by ascending row"
    )]
    OutOfFold {
        /// Labelled items.
        labels: usize,
        /// Rows given.
        got: usize,
    },
    /// A fraction outside `(0, 1]`.
    #[error("noise_fraction (rho) is {value}: it must be above 0 and at most 1")]
    NoiseFraction {
        /// The value given.
        value: f64,
    },
    /// A mixture weight outside `[0, 1]`.
    #[error("the mixture's weight of the prior is {value}: it must be from 0 to 1")]
    MixtureWeight {
        /// The value given.
        value: f32,
    },
    /// An option of the guard out of range.
    #[error("the guard's {name} is {value}: it must be from {low} to {high}")]
    GuardOption {
        /// The option.
        name: &'static str,
        /// The value given.
        value: f64,
        /// The smallest allowed.
        low: f64,
        /// The largest allowed.
        high: f64,
    },
    /// A guard with another joint than the product, which is what it fits.
    #[error(
        "joint is {joint:?}, but the guard fits the experts' product: leave `joint` out, or the guard"
    )]
    GuardedJoint {
        /// The joint given.
        joint: Joint,
    },
    /// Options of PriorAL for a strategy that has none.
    #[error(
        "strategy `{strategy}` takes no options: they belong to `prioral` and `prioral-guarded`"
    )]
    UnusedOptions {
        /// The strategy.
        strategy: String,
    },
}

impl From<KernelError> for SelectError {
    fn from(error: KernelError) -> Self {
        AcquireError::from(error).into()
    }
}
