use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// The name of an item: stable over rounds, files and sessions.
///
/// Cloning is cheap (a shared string), so that a pool of a million items can hand out its ids freely.
///
/// ```
/// let id = alfm_core::SampleId::from("p0001");
/// assert_eq!(id.as_str(), "p0001");
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SampleId(#[serde(with = "shared_str")] Arc<str>);

impl SampleId {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for SampleId {
    fn from(name: &str) -> Self {
        Self(name.into())
    }
}

impl From<String> for SampleId {
    fn from(name: String) -> Self {
        Self(name.into())
    }
}

impl fmt::Display for SampleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for SampleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SampleId({:?})", &*self.0)
    }
}

/// Spelled out, because serde's own support for `Arc` is a feature that would leak into every user.
mod shared_str {
    use std::sync::Arc;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(text: &Arc<str>, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(text)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Arc<str>, D::Error> {
        String::deserialize(d).map(Arc::from)
    }
}
