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
