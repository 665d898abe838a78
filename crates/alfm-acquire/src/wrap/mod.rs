//! Strategies around a strategy.

mod class_quota;
mod needs;

pub use class_quota::ClassQuota;
