//! The kernels behind the strategies: row-wise scores, partial selection, running-minimum distances.
//!
//! All of them work on slices, in blocks of rows that fit the cache, in parallel over blocks. A result
//! depends on its own row only, so that neither the number of threads nor the instruction set changes a bit
//! of it: the vectorised code uses no fused multiply-add, whose rounding differs.

mod co_decision;
mod distance;
mod elementary;
mod lazy_greedy;
mod principal;
mod tile;
mod top;

pub use co_decision::{CoDecision, Joint, co_decide};
pub use distance::{Euclidean, MetricSpace, RunningMinimum};
pub(crate) use distance::{dot, dots};
pub use elementary::entropy;
pub(crate) use lazy_greedy::{Submodular, complete, lazy_greedy, stochastic_greedy};
pub(crate) use principal::principal;
pub use top::{largest, split_largest};
