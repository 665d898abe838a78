//! Strategies around a strategy.

mod class_quota;
mod needs;
mod oversample;

pub use class_quota::ClassQuota;
pub use oversample::Oversampled;
