use alfm_core::{ClassId, CoreError};

/// What can be wrong with the input of a prior.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PriorError {
    /// Shapes, class ids or probabilities that do not fit.
    #[error(transparent)]
    Input(#[from] CoreError),
    /// A class without a prompt.
    #[error("class {class} has no prompt: give at least one for each of the {classes} classes", class = class.index())]
    NoPrompt {
        /// The class.
        class: ClassId,
        /// Number of classes.
        classes: usize,
    },
    /// An embedding without a direction.
    #[error(
        "{what} {row} is the zero vector: it has no direction, so embed a text that is not empty"
    )]
    ZeroVector {
        /// What it embeds.
        what: &'static str,
        /// Its row.
        row: usize,
    },
    /// Prompts of a class that point in opposite directions.
    #[error("the prompts of class {class} cancel out: keep those that mean the same", class = class.index())]
    PromptsCancel {
        /// The class.
        class: ClassId,
    },
    /// Items and prompts from different encoders.
    #[error("items have {got} columns, prompts have {expected}: embed both with one encoder")]
    Dimension {
        /// Columns of the prompts.
        expected: usize,
        /// Columns of the items.
        got: usize,
    },
    /// A number outside its range.
    #[error("`{name}` is {value}: {rule}")]
    Setting {
        /// Name of the number.
        name: &'static str,
        /// Its value.
        value: f64,
        /// What it must be.
        rule: &'static str,
    },
    /// Nothing to measure or to fit on.
    #[error("no labelled row is given: at least one is needed to {purpose}")]
    NoLabels {
        /// What the rows are for.
        purpose: &'static str,
    },
    /// A labelled row outside the matrix.
    #[error("labelled row {row} is outside the prior, which has {rows} rows")]
    UnknownRow {
        /// The row.
        row: usize,
        /// Rows of the prior.
        rows: usize,
    },
    /// An ensemble of nothing, or with members that have no weight.
    #[error(
        "{priors} prior(s) and {weights} weight(s) given: an ensemble needs one weight for each of its priors"
    )]
    Members {
        /// Priors given.
        priors: usize,
        /// Weights given.
        weights: usize,
    },
}
