use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::Error;

/// Names an array in a file.
///
/// ```
/// use alfm_data::arrays::ArraySpec;
/// let spec: ArraySpec = "run/probs.npz:model".parse()?;
/// assert_eq!(spec, ArraySpec::Npz { path: "run/probs.npz".into(), key: "model".into() });
/// # Ok::<(), alfm_data::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
#[non_exhaustive]
pub enum ArraySpec {
    /// `FILE.npy`.
    Npy {
        /// The file.
        path: PathBuf,
    },
    /// `FILE.npz:KEY`.
    Npz {
        /// The file.
        path: PathBuf,
        /// The array in it.
        key: String,
    },
    /// `FILE.safetensors:KEY`.
    Safetensors {
        /// The file.
        path: PathBuf,
        /// The tensor in it.
        key: String,
    },
    /// `FILE.parquet:COLUMN`.
    Parquet {
        /// The file.
        path: PathBuf,
        /// The column.
        column: String,
    },
}

impl ArraySpec {
    /// The file.
    pub fn path(&self) -> &Path {
        match self {
            Self::Npy { path }
            | Self::Npz { path, .. }
            | Self::Safetensors { path, .. }
            | Self::Parquet { path, .. } => path,
        }
    }

    /// The array within the file, for formats that hold several.
    pub fn key(&self) -> Option<&str> {
        match self {
            Self::Npy { .. } => None,
            Self::Npz { key, .. } | Self::Safetensors { key, .. } => Some(key),
            Self::Parquet { column, .. } => Some(column),
        }
    }
}

impl FromStr for ArraySpec {
    type Err = Error;

    /// The first `EXTENSION:` ends the file, so that keys may hold colons, and so may folders.
    fn from_str(spec: &str) -> Result<Self, Error> {
        if spec.ends_with(".npy") {
            return Ok(Self::Npy { path: spec.into() });
        }
        let split = |extension: &str| {
            let at = spec.find(&format!("{extension}:"))? + extension.len();
            let (path, key) = (&spec[..at], &spec[at + 1..]);
            (!key.is_empty()).then(|| (PathBuf::from(path), key.to_owned()))
        };
        if let Some((path, key)) = split(".npz") {
            return Ok(Self::Npz { path, key });
        }
        if let Some((path, key)) = split(".safetensors") {
            return Ok(Self::Safetensors { path, key });
        }
        match split(".parquet") {
            Some((path, column)) => Ok(Self::Parquet { path, column }),
            None => Err(Error::input(format!(
                "`{spec}` names no array: write FILE.npy, FILE.npz:KEY, FILE.safetensors:KEY or FILE.parquet:COLUMN"
            ))),
        }
    }
}

impl fmt::Display for ArraySpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.path().display())?;
        self.key().map_or(Ok(()), |key| write!(f, ":{key}"))
    }
}

impl TryFrom<String> for ArraySpec {
    type Error = Error;

    fn try_from(spec: String) -> Result<Self, Error> {
        spec.parse()
    }
}

impl From<ArraySpec> for String {
    fn from(spec: ArraySpec) -> Self {
        spec.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn specs_are_read_and_written() {
        for (spec, key) in [
            ("a/b.npy", None),
            ("a.npz:k", Some("k")),
            ("C:\\a.safetensors:model:head", Some("model:head")),
            ("a.parquet:embedding", Some("embedding")),
        ] {
            let parsed: ArraySpec = spec.parse().unwrap();
            assert_eq!((parsed.key(), parsed.to_string().as_str()), (key, spec));
        }
        for spec in ["", "a.npz", "a.npz:", "a.txt", "a.safetensors", "a.npy:k"] {
            assert!(spec.parse::<ArraySpec>().is_err(), "{spec}");
        }
    }
}
