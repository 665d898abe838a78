use std::ops::Range;

/// Sequences of equal length that lie one after the other in a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Group {
    /// First row of the batch's `[tokens, width]` matrix.
    pub(crate) start: usize,
    pub(crate) count: usize,
    /// Tokens of each sequence.
    pub(crate) length: usize,
}

impl Group {
    /// Rows of the batch's matrix.
    pub(crate) fn rows(&self) -> Range<usize> {
        self.start..self.start + self.count * self.length
    }
}
