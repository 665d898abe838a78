//! Annotation savings: how many fewer labels one strategy needs than another for the same quality.
//!
//! Which target is compared changes the answer, so all conventions of the field are computed and shown
//! side by side. A strategy that never reaches a target keeps its row, as an upper bound on a saving that
//! is not there.

mod compare;
mod curve;
mod interval;

pub use compare::{Comparison, Saving, Target, area_difference, compare};
pub use curve::{Curve, Reach};
pub use interval::{Interval, RESAMPLES, bootstrap, mean, standard_error};
