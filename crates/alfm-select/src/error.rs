use alfm_core::{Error, ErrorKind};

/// A pool without items.
pub(crate) fn empty_pool() -> Error {
    Error::new(ErrorKind::Missing, "the pool is empty: give at least one item")
}

/// An option out of range.
pub(crate) fn setting(message: String) -> Error {
    Error::new(ErrorKind::Setting, message)
}

/// Every item has a label, is out with somebody, or was set aside.
pub(crate) fn nothing_to_ask(items: usize, labelled: usize) -> Error {
    let message = if labelled == items {
        format!("all {items} items are labelled: there is nothing left to ask")
    } else {
        format!(
            "of {items} items {labelled} are labelled, and the others are out with somebody or were set aside: \
             release some, or add items"
        )
    };
    Error::new(ErrorKind::State, message)
}
