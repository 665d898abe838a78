//! The options of strategies: fields of their structs, listed and set by name, checked when one is built.

use std::borrow::Cow;
use std::fmt;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::error::{bad_option, unknown_option};
use crate::{Acquisition, Error};

/// Options by name, as they stand in a file.
pub type Options = Map<String, Value>;

/// An option of a strategy, as the registry lists it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct OptionInfo {
    /// Its name; that of an option within a table is `TABLE.OPTION`.
    pub name: Cow<'static, str>,
    /// What it sets.
    pub meaning: &'static str,
    /// Its value where none is given, `none` if it is not set then; empty if it must be given.
    pub default: String,
    /// The values that it takes.
    pub range: &'static str,
}

impl OptionInfo {
    /// An option with its default as the strategy itself has it.
    pub fn new(
        name: impl Into<Cow<'static, str>>,
        meaning: &'static str,
        default: Option<&Value>,
        range: &'static str,
    ) -> Self {
        let default = match default {
            None => String::new(),
            Some(Value::Null) => "none".to_owned(),
            Some(Value::String(text)) => text.clone(),
            Some(value) => value.to_string(),
        };
        Self { name: name.into(), meaning, default, range }
    }
}

/// What the code cannot say of an option itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Opt {
    pub(crate) name: &'static str,
    meaning: &'static str,
    range: &'static str,
}

impl Opt {
    pub(crate) const fn new(
        name: &'static str,
        meaning: &'static str,
        range: &'static str,
    ) -> Self {
        Self { name, meaning, range }
    }

    pub(crate) fn info(&self, defaults: &Options) -> OptionInfo {
        OptionInfo::new(self.name, self.meaning, defaults.get(self.name), self.range)
    }
}

pub(crate) const BOOL: &str = "true or false";
pub(crate) const WHOLE: &str = "a whole number";
pub(crate) const COUNT: &str = "a whole number of at least 1";

/// The strategy that a wrapper is around.
pub(crate) const INNER: Opt = Opt::new(
    "inner",
    "the strategy that it is around",
    "a strategy's name, or a table of its name and options",
);

/// A strategy whose fields are options.
pub(crate) trait HasOptions: Acquisition {
    /// Its options, one a field.
    const OPTIONS: &'static [Opt];

    /// Refuses a value unless it `holds` to the range that is listed.
    fn require(
        &self,
        option: &'static str,
        value: impl fmt::Display,
        holds: bool,
    ) -> Result<(), Error> {
        if holds { Ok(()) } else { Err(out_of_range(self.name(), Self::OPTIONS, option, value)) }
    }
}

/// The error of a value that is not in the range that is listed.
pub(crate) fn out_of_range(
    strategy: &str,
    known: &[Opt],
    option: &str,
    value: impl fmt::Display,
) -> Error {
    let rule = known.iter().find(|known| known.name == option).map_or("", |known| known.range);
    bad_option(strategy, option, value, rule)
}

/// The values of the options of `strategy`.
pub(crate) fn values<S: Serialize>(strategy: &S) -> Options {
    match serde_json::to_value(strategy) {
        Ok(Value::Object(values)) => values,
        // A strategy without fields; nothing else that derives `Serialize` for its fields gives no table.
        _ => Options::new(),
    }
}

/// A strategy with these options, the others at their defaults.
///
/// # Errors
/// For an unknown option, and a value of another kind or out of range.
pub(crate) fn configured<S>(options: &Options) -> Result<S, Error>
where
    S: HasOptions + Default + Serialize + DeserializeOwned,
{
    let mut strategy = S::default();
    let mut all = values(&strategy);
    for (option, value) in options {
        let name = strategy.name();
        let Some(field) = all.get_mut(option) else {
            return Err(unknown_option(name, option, S::OPTIONS));
        };
        field.clone_from(value);
        // One after the other, so that an error is that of this option.
        strategy = serde_json::from_value(Value::Object(all.clone()))
            .map_err(|_| out_of_range(name, S::OPTIONS, option, value))?;
    }
    strategy.check()?;
    Ok(strategy)
}
