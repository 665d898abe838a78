//! The kernels behind the strategies: row-wise scores, partial selection, running-minimum distances, clusters.
//!
//! All of them work on slices, in blocks of rows that fit the cache, in parallel over blocks. A result
//! depends on its own row only, so that neither the number of threads nor the instruction set changes a bit
//! of it: the vectorised code uses no fused multiply-add, whose rounding differs, but where the product is
//! exact and it does not. Means of clusters are summed in the order of their rows.

pub(crate) mod blocks;
mod co_decision;
mod device;
mod distance;
mod elementary;
mod gradients;
mod k_means;
mod lazy_greedy;
mod lazy_minimum;
mod linkage;
mod metric;
mod normalise;
mod principal;
mod product;
mod representatives;
mod seeding;
mod tile;
mod top;

pub use co_decision::{CoDecision, Joint, co_decide};
pub use device::{Cpu, Device, DeviceError, Farthest, Nearest, devices, open_device};
pub use distance::{Euclidean, MetricSpace, RunningMinimum};
pub use elementary::entropy;
pub use gradients::Gradients;
pub(crate) use gradients::Scratch;
pub(crate) use k_means::{cluster_means, k_means, nearest_means};
pub(crate) use lazy_greedy::{Submodular, lazy_greedy, stochastic_greedy};
pub(crate) use lazy_minimum::LazyMinimum;
pub(crate) use linkage::{Stop, average_linkage};
pub use metric::{Embedded, Metric};
pub use normalise::normalised;
pub(crate) use principal::principal;
pub(crate) use product::{dot, dots};
pub(crate) use representatives::representatives;
pub(crate) use seeding::plus_plus;
pub use top::{largest, split_largest};
