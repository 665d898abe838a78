//! Order the pool along one line a class and search it for the boundary, answer by answer.

use crate::Entry;

pub(crate) const ENTRIES: &[Entry] = &[];
