/// A chosen row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pick {
    /// The row of the pool's matrices.
    pub row: usize,
    /// Why it was chosen, in the strategy's own unit; larger is more wanted.
    ///
    /// Infinite where a first centre has no earlier one to be far from.
    pub score: f64,
}
