//! Go after the rare classes.

use crate::Entry;

pub(crate) const ENTRIES: &[Entry] = &[];
