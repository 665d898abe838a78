use alfm_core::CoreError;

/// What can be wrong with examples, settings or items to predict.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum LearnError {
    /// Labels or weights do not match the embeddings, an id is unknown, or there are too few classes.
    #[error(transparent)]
    Input(#[from] CoreError),
    /// A weight that is negative, infinite or NaN.
    #[error("example {row} has weight {weight}: give a finite weight of 0 or more")]
    Weight {
        /// Row of the example.
        row: usize,
        /// Its weight.
        weight: f32,
    },
    /// No example carries any weight.
    #[error("none of the {rows} examples has a weight above 0: label at least one item first")]
    NothingToLearn {
        /// Number of examples given.
        rows: usize,
    },
    /// Too few examples to leave one out.
    #[error("{rows} example cannot be predicted by the others: label at least two items first")]
    TooFewExamples {
        /// Number of examples given.
        rows: usize,
    },
    /// Items of another width than the examples had.
    #[error(
        "items have {got} columns, the model was fitted on {expected}: use one encoder for both"
    )]
    Dimension {
        /// Columns of the examples.
        expected: usize,
        /// Columns of the items.
        got: usize,
    },
    /// A learner of embeddings was asked of settings that train the encoder.
    #[error(
        "`fine-tune` learns from items, not from embeddings: train it with `FineTune::fit`, or use `linear`"
    )]
    NeedsItems,
    /// A setting outside its range.
    #[error("`{name}` is {value}: {rule}")]
    Setting {
        /// Name of the setting.
        name: &'static str,
        /// What it was set to.
        value: String,
        /// What it must be.
        rule: &'static str,
    },
}
