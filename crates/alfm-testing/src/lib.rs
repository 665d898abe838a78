//! What the tests of acquisition functions share, those of strategies outside this repository included.
//!
//! * [`contract`] is what every strategy keeps, as functions that panic where one doesn't.
//! * [`OwnedPool`] is a small pool with every input that a strategy may need, [`pools`] draws them at random.
//! * [`golden`] reads the numbers that references in other languages have written down.
//! * [`device`] finds the devices of this machine and makes inputs on which they are compared.
//!
//! A strategy of one's own is tested in one line:
//!
//! ```
//! use alfm_testing::contract;
//!
//! contract::check(&alfm_acquire::Margin);
//! ```

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

pub mod contract;
pub mod device;
pub mod golden;
mod pool;

pub use pool::{OwnedPool, pools};
