use std::fmt::Display;

use crate::{ClassId, Error, ErrorKind, SampleId};

/// What several crates have to say of their inputs.
impl Error {
    /// The number of values does not fill `rows x columns`.
    pub fn shape(rows: usize, columns: usize, got: usize) -> Self {
        Self::input(format!(
            "{rows} x {columns} values expected, {got} given: pass a row-major matrix of that shape"
        ))
    }

    /// Two inputs that describe the same items differ in their number of rows.
    pub fn row_count(what: &str, expected: usize, got: usize) -> Self {
        Self::input(format!(
            "`{what}` has {got} rows, but the pool has {expected} items: give one row per item"
        ))
    }

    /// Two inputs that describe the same classes differ in their number of columns.
    pub fn column_count(what: &str, expected: usize, got: usize) -> Self {
        Self::input(format!(
            "`{what}` has {got} columns, but there are {expected} classes: give one per class"
        ))
    }

    /// A value that is NaN or infinite.
    pub fn not_finite(row: usize, column: usize, value: impl Display) -> Self {
        Self::input(format!("row {row}, column {column} is {value}: every value must be finite"))
            .at_row(row)
    }

    /// Fewer than two classes.
    pub fn too_few_classes(got: usize) -> Self {
        Self::input(format!(
            "{got} class(es) given: at least 2 are needed to have something to decide"
        ))
    }

    /// A class id outside the schema.
    pub fn unknown_class(class: ClassId, classes: usize) -> Self {
        let (class, last) = (class.index(), classes.saturating_sub(1));
        let message =
            format!("class {class} is unknown: the schema has {classes} classes, 0 to {last}");
        Self::new(ErrorKind::NotFound, message)
    }

    /// An item that the pool does not hold.
    pub fn unknown_item(id: &SampleId) -> Self {
        let message =
            format!("item `{id}` is not in the pool: labels are accepted for its items only");
        Self::new(ErrorKind::NotFound, message)
    }

    /// Two classes, two items or the like share a name; `what` says which.
    pub fn duplicate(what: &str, name: impl Display) -> Self {
        Self::input(format!("{what} `{name}` is given twice: names must be distinct"))
    }
}

impl From<CoreError> for Error {
    fn from(error: CoreError) -> Self {
        let kind = match error {
            CoreError::UnknownClass { .. }
            | CoreError::UnknownClassName { .. }
            | CoreError::UnknownItem { .. } => ErrorKind::NotFound,
            CoreError::PseudoOverOracle { .. } => ErrorKind::State,
            _ => ErrorKind::Input,
        };
        let converted = Self::new(kind, error.to_string());
        match error {
            CoreError::RaggedRow { row, .. }
            | CoreError::NotFinite { row, .. }
            | CoreError::NegativeProbability { row, .. }
            | CoreError::RowSum { row, .. } => converted.at_row(row),
            _ => converted,
        }
    }
}

/// What can be wrong with the input of any `alfm` crate.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CoreError {
    /// The number of values does not fill `rows x columns`.
    #[error(
        "{rows} x {columns} values expected, {got} given: pass a row-major matrix of that shape"
    )]
    Shape {
        /// Rows asked for.
        rows: usize,
        /// Columns asked for.
        columns: usize,
        /// Values given.
        got: usize,
    },
    /// Rows of different lengths cannot form a matrix.
    #[error("row {row} has {got} values, the rows before it have {expected}")]
    RaggedRow {
        /// The first row that differs.
        row: usize,
        /// Length of the rows before it.
        expected: usize,
        /// Its length.
        got: usize,
    },
    /// Two inputs that describe the same items differ in their number of rows.
    #[error("`{what}` has {got} rows, but the pool has {expected} items: give one row per item")]
    RowCount {
        /// The input with the wrong number of rows.
        what: &'static str,
        /// Items of the pool.
        expected: usize,
        /// Rows given.
        got: usize,
    },
    /// Two inputs that describe the same classes differ in their number of columns.
    #[error("`{what}` has {got} columns, but there are {expected} classes: give one per class")]
    ColumnCount {
        /// The input with the wrong number of columns.
        what: &'static str,
        /// Number of classes.
        expected: usize,
        /// Columns given.
        got: usize,
    },
    /// A value that is NaN or infinite.
    #[error("row {row}, column {column} is {value}: every value must be finite")]
    NotFinite {
        /// Row of the value.
        row: usize,
        /// Column of the value.
        column: usize,
        /// The value.
        value: f32,
    },
    /// A probability below zero.
    #[error("row {row}, column {column} is {value}: a probability cannot be negative")]
    NegativeProbability {
        /// Row of the value.
        row: usize,
        /// Column of the value.
        column: usize,
        /// The value.
        value: f32,
    },
    /// A row of probabilities that does not sum to one.
    #[error(
        "row {row} sums to {sum:.4}, not to 1 within {tolerance}: normalise it, or pass logits as logits"
    )]
    RowSum {
        /// The row.
        row: usize,
        /// What it sums to.
        sum: f64,
        /// How far from 1 it may be, by the type of its values.
        tolerance: f64,
    },
    /// Fewer than two classes.
    #[error("{got} class(es) given: at least 2 are needed to have something to decide")]
    TooFewClasses {
        /// Number of classes given.
        got: usize,
    },
    /// A class id outside the schema.
    #[error(
        "class {class} is unknown: the schema has {classes} classes, 0 to {last}",
        class = class.index(), last = classes - 1
    )]
    UnknownClass {
        /// The id.
        class: ClassId,
        /// Number of classes of the schema.
        classes: usize,
    },
    /// A class name outside the schema.
    #[error("class name `{name}` is unknown: the schema has {known}")]
    UnknownClassName {
        /// The name.
        name: String,
        /// The known names, joined.
        known: String,
    },
    /// Two classes, or two items, share a name.
    #[error("{what} `{name}` is given twice: names must be distinct")]
    Duplicate {
        /// What kind of name it is.
        what: &'static str,
        /// The name.
        name: String,
    },
    /// An item that the pool does not hold.
    #[error("item `{id}` is not in the pool: labels are accepted for its items only")]
    UnknownItem {
        /// The item.
        id: SampleId,
    },
    /// A pseudo-label for an item that already has an oracle label.
    #[error("item `{id}` has an oracle label: a pseudo-label may not replace it")]
    PseudoOverOracle {
        /// The item.
        id: SampleId,
    },
}
