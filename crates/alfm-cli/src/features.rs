//! What this build can do, and what it says where it can't.

use alfm_core::{Error, ErrorKind};

/// The parts that a build may lack, each with whether it is there.
const FEATURES: [(&str, bool); 8] = [
    ("fine-tune", cfg!(feature = "fine-tune")),
    ("hub", cfg!(feature = "hub")),
    ("images", cfg!(feature = "images")),
    ("llm", cfg!(feature = "llm")),
    ("models", cfg!(feature = "models")),
    ("npz", cfg!(feature = "npz")),
    ("parquet", cfg!(feature = "parquet")),
    ("png", cfg!(feature = "png")),
];

/// What `alfm --help` ends with: what is missing, and how to get it.
pub(crate) fn note() -> String {
    let missing: Vec<&str> =
        FEATURES.iter().filter(|(_, there)| !there).map(|(name, _)| *name).collect();
    if missing.is_empty() {
        return "This build has every feature.".to_owned();
    }
    format!(
        "This build is without: {}. Build with `--features full` for all of them, or name some, \
         as in `cargo run --release -p alfm-cli --features hub,models -- embed --help`.",
        missing.join(", ")
    )
}

/// A command, or a part of one, that this build has not.
#[allow(dead_code, reason = "a full build lacks nothing")]
pub(crate) fn missing(what: &str, feature: &str) -> Error {
    let message = format!(
        "{what} needs the feature `{feature}`, which this build is without: build with `--features {feature}`, or with `--features full` for everything"
    );
    Error::new(ErrorKind::Missing, message)
}
