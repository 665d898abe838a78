//! Datasets with checked manifests, simulated imbalance and label noise, oracles, and array files.
//!
//! * [`Dataset::load`] reads a known dataset ([`catalog`]) or a user's own CSV, JSONL or parquet file;
//!   class counts are checked against the [`Manifest`], so a changed or truncated file is an error.
//! * [`Hub`] finds files in a hub cache and, unless it is offline, downloads what is missing.
//! * [`simulate`] makes a pool imbalanced and its labels noisy, as published experiments do.
//! * [`Oracle`] answers queries: persistent, in batches.
//! * [`arrays`] reads matrices, labels and ids that other tools wrote, by memory map where possible.
//!
//! Rules for unclean input: an empty text is kept (it is an item like any other, and row counts stay the
//! published ones); a text that is missing altogether is an error; label -1, an empty or a missing label
//! mean "unlabelled"; blank lines of a JSONL file are skipped.

pub mod arrays;
mod bundled;
mod classes;
mod dataset;
mod error;
mod hub;
mod label_file;
mod manifest;
mod oracle;
pub mod simulate;
pub mod subset;
mod table;

pub use classes::{ClassEntry, read_classes};
pub use dataset::{Dataset, Items, Split};
pub use error::DataError;
pub use hub::{Hub, ModelFiles, Progress, RepoId, RepoKind};
pub use label_file::read_label_column;
pub use manifest::{FetchedFile, Manifest, Source, SplitManifest, catalog};
pub use oracle::{Oracle, OracleError, SimulatedOracle};
pub use table::Columns;
