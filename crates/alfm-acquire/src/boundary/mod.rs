//! Ask next to the decision boundary in feature space.

use crate::Entry;

pub(crate) const ENTRIES: &[Entry] = &[];
