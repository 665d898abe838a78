//! An acquisition function that was chosen by name, or brought along.

use std::fmt;
use std::sync::Arc;

use alfm_acquire::{Acquisition, Options, build};
use serde::de::{self, Deserializer, MapAccess, Visitor, value::MapAccessDeserializer};
use serde::ser::Serializer;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Error;

/// An acquisition function: one of the registry, by its name and options, or one of the user's own.
///
/// In a file it is a name, `"badge"`, or a table, `{ name = "power-margin", beta = 2.0 }`. One of the user's own can't
/// be read from a file: it is given again.
///
/// ```
/// use alfm_select::Chosen;
/// let spread: Chosen = serde_json::from_str(r#"{"name": "oversampled", "inner": "margin", "factor": 10}"#)?;
/// assert_eq!(spread.name(), "oversampled");
/// assert!(spread.build().is_ok());
/// assert!(Chosen::named("bdage").build().is_err());
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Chosen {
    name: String,
    options: Options,
    own: Option<Arc<dyn Acquisition>>,
}

/// The key by which a written strategy says that it is the user's own.
const OWN: &str = "own";

impl Chosen {
    /// The strategy of the registry called `name`, with its default options.
    pub fn named(name: impl Into<String>) -> Self {
        Self { name: name.into(), options: Options::new(), own: None }
    }

    /// The same with these options.
    #[must_use]
    pub fn with_options(mut self, options: Options) -> Self {
        self.options = options;
        self
    }

    /// One of the user's own.
    pub fn own(acquisition: Arc<dyn Acquisition>) -> Self {
        let name = acquisition.name().to_owned();
        Self { name, options: Options::new(), own: Some(acquisition) }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its options, as far as they were given.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// The function itself, its options checked.
    ///
    /// # Errors
    /// An unknown name or option, or a value out of range.
    pub fn build(&self) -> Result<Box<dyn Acquisition>, Error> {
        match &self.own {
            None => build(&self.name, &self.options),
            Some(own) => {
                own.check()?;
                Ok(Box::new(Arc::clone(own)))
            }
        }
    }

    /// What a table says beside the name.
    pub(crate) fn from_table(name: String, options: Options) -> Result<Self, Error> {
        if options.contains_key(OWN) {
            let message = format!("strategy `{name}` is one of your own: give it again");
            return Err(crate::error::setting(message));
        }
        Ok(Self { name, options, own: None })
    }

    /// Its options as a file has them.
    pub(crate) fn written(&self) -> Options {
        let mut written = self.options.clone();
        if self.own.is_some() {
            written.insert(OWN.into(), Value::Bool(true));
        }
        written
    }
}

impl From<&str> for Chosen {
    fn from(name: &str) -> Self {
        Self::named(name)
    }
}

/// One of the user's own is the same as itself alone.
impl PartialEq for Chosen {
    fn eq(&self, other: &Self) -> bool {
        let same = match (&self.own, &other.own) {
            (None, None) => true,
            (Some(one), Some(other)) => Arc::ptr_eq(one, other),
            _ => false,
        };
        same && self.name == other.name && self.options == other.options
    }
}

impl Serialize for Chosen {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut table = self.written();
        if table.is_empty() {
            return serializer.serialize_str(&self.name);
        }
        table.insert("name".into(), self.name.clone().into());
        table.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Chosen {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (name, mut options) = deserializer.deserialize_any(NameOrTable)?;
        if options.remove("label").is_some() {
            return Err(de::Error::custom("a query rule has no label: the strategy has one"));
        }
        let chosen = Self::from_table(name, options).map_err(de::Error::custom)?;
        chosen.build().map_err(de::Error::custom)?;
        Ok(chosen)
    }
}

/// Spelled out, because serde's `untagged` would lose the error of the form that was meant.
pub(crate) struct NameOrTable;

impl<'de> Visitor<'de> for NameOrTable {
    type Value = (String, Options);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a strategy's name or a table with its name and options")
    }

    fn visit_str<E: de::Error>(self, name: &str) -> Result<Self::Value, E> {
        Ok((name.to_owned(), Options::new()))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        let mut table = Options::deserialize(MapAccessDeserializer::new(map))?;
        match table.remove("name") {
            Some(Value::String(name)) => Ok((name, table)),
            Some(other) => Err(de::Error::custom(format!("`name` is {other}: it must be a text"))),
            None => Err(de::Error::missing_field("name")),
        }
    }
}
