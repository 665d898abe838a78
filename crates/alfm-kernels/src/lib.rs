#![doc = include_str!("../README.md")]
//!
//! The kernels behind the acquisition functions: row-wise scores, partial selection, running-minimum distances,
//! clusters, lazy greedy; and the devices that they run on.
//!
//! All of them work on slices, in blocks of rows that fit the cache, in parallel over blocks. A result
//! depends on its own row only, so that neither the number of threads nor the instruction set changes a bit
//! of it: the vectorised code uses no fused multiply-add, whose rounding differs, but where the product is
//! exact and it does not. Means of clusters are summed in the order of their rows.
//!
//! * [`device`] probes what a machine has. Co-decision, k-center's farthest point and BADGE's distances have a path of
//!   their own on a card (features `wgpu` and `cuda`).
//! * [`draw`] turns uniform numbers into draws, so that a test can write the numbers down.
//!
//! Rows are positions in matrices that were checked before ([`MatrixView`](alfm_core::MatrixView),
//! [`Predictions`](alfm_core::Predictions)); nothing is checked again.

pub mod blocks;
mod co_decision;
pub mod device;
mod distance;
pub mod draw;
mod elementary;
mod gradients;
mod k_means;
mod lazy_greedy;
mod lazy_minimum;
mod linkage;
mod metric;
mod normalise;
mod pick;
mod principal;
mod product;
mod representatives;
mod seeding;
mod tile;
mod top;

pub use co_decision::{CoDecision, Joint, co_decide};
pub use distance::{Euclidean, MetricSpace, RunningMinimum};
pub use elementary::entropy;
pub use gradients::{GradientScratch, Gradients};
pub use k_means::{Clustering, Representative, cluster_means, k_means, nearest_means};
pub use lazy_greedy::{Submodular, lazy_greedy, stochastic_greedy};
pub use linkage::{Stop, average_linkage};
pub use metric::{Embedded, Metric};
pub use normalise::normalised;
pub use pick::Pick;
pub use principal::principal;
pub use product::{dot, dots};
pub use representatives::representatives;
pub use seeding::plus_plus;
pub use top::{Rows, Ties, largest, split_largest};
