use std::sync::Arc;

use alfm_acquire::{Acquisition, Needs, Options};
use serde::de::{self, Deserializer};
use serde::ser::Serializer;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::chosen::{Chosen, NameOrTable};
use crate::error::setting;
use crate::{Error, ErrorKind, PriorAl, PriorAlConfig};

/// The name of the published PriorAL rule.
pub const PRIORAL: &str = "prioral";

/// The name of the guarded form, which withdraws its trust in the prior by evidence.
pub const PRIORAL_GUARDED: &str = "prioral-guarded";

/// A strategy by name, with its options and the label under which results show it.
///
/// In a file it is a name, `"badge"`, or a table, `{ name = "prioral", label = "rho .3", rho = 0.3 }` or
/// `{ name = "power-margin", beta = 2.0 }`. Options are checked when they are read.
///
/// ```
/// use alfm_select::{PriorAlConfig, Strategy};
/// let strategy = Strategy::prioral(PriorAlConfig::default().with_noise_fraction(0.3)).labelled("rho .3");
/// assert_eq!(strategy.label(), "rho .3");
/// assert!(Strategy::named("bdage").is_err());
/// # Ok::<(), alfm_select::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Strategy {
    rule: Rule,
    label: Option<String>,
}

#[derive(Clone, Debug, PartialEq)]
enum Rule {
    PriorAl(Box<PriorAlConfig>),
    Acquisition(Chosen),
}

/// A strategy whose options hold.
#[derive(Debug)]
pub(crate) enum Engine {
    Acquisition(Box<dyn Acquisition>),
    PriorAl(Box<PriorAl>),
}

impl Strategy {
    /// The strategy called `name`, with its default options.
    ///
    /// # Errors
    /// An unknown name; the error lists the known ones.
    pub fn named(name: &str) -> Result<Self, Error> {
        Self::from_table(name.into(), Options::new())
    }

    /// The strategy called `name` with these options, as they stand in a file.
    ///
    /// # Errors
    /// An unknown name or option, or a value out of range.
    pub fn with_options(name: &str, options: Options) -> Result<Self, Error> {
        Self::from_table(name.into(), options)
    }

    /// PriorAL with options of its own.
    ///
    /// With a guard it is called `prioral-guarded`.
    pub fn prioral(config: PriorAlConfig) -> Self {
        Self { rule: Rule::PriorAl(Box::new(config)), label: None }
    }

    /// An acquisition function with its options.
    pub fn acquisition(chosen: Chosen) -> Self {
        Self { rule: Rule::Acquisition(chosen), label: None }
    }

    /// An acquisition function of one's own; it enters selector, loop and experiments like any other.
    pub fn custom(acquisition: Arc<dyn Acquisition>) -> Self {
        Self::acquisition(Chosen::own(acquisition))
    }

    /// The same strategy under another label.
    #[must_use]
    pub fn labelled(mut self, label: impl Into<String>) -> Self {
        self.label = Some(label.into());
        self
    }

    /// The registry's name.
    pub fn name(&self) -> &str {
        match &self.rule {
            Rule::PriorAl(config) if config.guard.is_some() => PRIORAL_GUARDED,
            Rule::PriorAl(_) => PRIORAL,
            Rule::Acquisition(chosen) => chosen.name(),
        }
    }

    /// What results call it: its label, or its name.
    pub fn label(&self) -> &str {
        self.label.as_deref().unwrap_or_else(|| self.name())
    }

    /// Whether it decides together with a prior.
    pub fn needs_prior(&self) -> bool {
        matches!(self.rule, Rule::PriorAl(_))
    }

    /// What it cannot do without, once there are labels.
    ///
    /// # Errors
    /// As [`check`](Strategy::check).
    pub fn needs(&self) -> Result<Needs, Error> {
        Ok(match self.engine()? {
            Engine::Acquisition(acquisition) => acquisition.needs(),
            Engine::PriorAl(engine) => engine.needs().into(),
        })
    }

    /// Validates name and options.
    ///
    /// # Errors
    /// An unknown name or option, or a value out of range.
    pub fn check(&self) -> Result<(), Error> {
        self.engine().map(drop)
    }

    pub(crate) fn engine(&self) -> Result<Engine, Error> {
        Ok(match &self.rule {
            Rule::PriorAl(config) => Engine::PriorAl(Box::new(config.check()?)),
            Rule::Acquisition(chosen) => Engine::Acquisition(chosen.build().map_err(with_engines)?),
        })
    }

    /// The strategy that a table describes.
    fn from_table(name: String, mut table: Options) -> Result<Self, Error> {
        let label = match table.remove("label") {
            None => None,
            Some(Value::String(label)) => Some(label),
            Some(other) => return Err(setting(format!("`label` is {other}: it must be a text"))),
        };
        let strategy = match default_options(&name) {
            Some(default) => Self::prioral(with_changes(&default, table)?),
            None => Self::acquisition(Chosen::from_table(name, table)?),
        };
        let strategy = Self { label, ..strategy };
        strategy.check()?;
        Ok(strategy)
    }
}

fn default_options(name: &str) -> Option<PriorAlConfig> {
    match name {
        PRIORAL => Some(PriorAlConfig::default()),
        PRIORAL_GUARDED => Some(PriorAlConfig::guarded()),
        _ => None,
    }
}

/// The default options with those of a table in their place; `guard.OPTION` sets one of the guard's.
fn with_changes(default: &PriorAlConfig, mut table: Options) -> Result<PriorAlConfig, Error> {
    let wrong = |error: serde_json::Error| setting(error.to_string());
    if let Some(rho) = table.remove("rho") {
        table.insert("noise_fraction".into(), rho);
    }
    let mut options = match serde_json::to_value(default).map_err(wrong)? {
        Value::Object(options) => options,
        _ => Options::new(),
    };
    for (name, value) in table {
        match name.split_once('.') {
            Some(("guard", option)) => match options.get_mut("guard") {
                Some(Value::Object(guard)) => {
                    guard.insert(option.into(), value);
                }
                _ => {
                    let message = format!("`{name}` is an option of `{PRIORAL_GUARDED}`");
                    return Err(setting(message));
                }
            },
            _ => {
                options.insert(name, value);
            }
        }
    }
    serde_json::from_value(Value::Object(options)).map_err(wrong)
}

/// The registry knows the strategies that need no prior; this crate adds the engine.
fn with_engines(error: Error) -> Error {
    match error.kind() {
        ErrorKind::NotFound => {
            Error::new(ErrorKind::NotFound, format!("{error}, {PRIORAL}, {PRIORAL_GUARDED}"))
        }
        _ => error,
    }
}

/// The table form; PriorAL's has every option spelled out.
impl Serialize for Strategy {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Table<'a, T> {
            name: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            label: Option<&'a str>,
            #[serde(flatten)]
            options: T,
        }
        let (name, label) = (self.name(), self.label.as_deref());
        match &self.rule {
            Rule::PriorAl(options) => Table { name, label, options }.serialize(serializer),
            Rule::Acquisition(chosen) => {
                Table { name, label, options: chosen.written() }.serialize(serializer)
            }
        }
    }
}

impl<'de> Deserialize<'de> for Strategy {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (name, table) = deserializer.deserialize_any(NameOrTable)?;
        Self::from_table(name, table).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use alfm_kernels::Joint;

    use super::*;

    fn read(text: &str) -> Result<Strategy, String> {
        serde_json::from_str(text).map_err(|error| error.to_string())
    }

    #[test]
    fn a_name_or_a_table() {
        assert_eq!(read(r#""badge""#), Ok(Strategy::named("badge").unwrap()));
        let table = read(r#"{"name": "prioral", "rho": 0.3, "label": "x"}"#).unwrap();
        let expected = PriorAlConfig::default().with_noise_fraction(0.3);
        assert_eq!(table, Strategy::prioral(expected).labelled("x"));
    }

    #[test]
    fn what_is_written_reads_back() {
        let config = PriorAlConfig::default().with_joint(Joint::Mixture(0.25)).with_query("badge");
        let power = read(r#"{"name": "power-margin", "beta": 2.0, "label": "b2"}"#).unwrap();
        for strategy in [Strategy::named("random").unwrap(), Strategy::prioral(config), power] {
            let text = serde_json::to_string(&strategy).unwrap();
            assert_eq!(read(&text), Ok(strategy), "{text}");
        }
    }

    #[test]
    fn errors_say_what_is_wrong() {
        let cases = [
            (r#""bdage""#, "no strategy is called `bdage`"),
            (r#""bdage""#, ", prioral"),
            (r#"{"name": "prioral", "rho": 2.0}"#, "noise_fraction (rho) is 2"),
            (r#"{"name": "prioral", "rh0": 0.5}"#, "unknown field `rh0`"),
            (r#"{"name": "badge", "rho": 0.7}"#, "has no option `rho`"),
            (r#"{"name": "prioral", "query": {"name": "badge", "rho": 1}}"#, "has no option `rho`"),
            (r#"{"name": "mine", "own": true}"#, "is one of your own: give it again"),
            (r#"{"label": "x"}"#, "missing field `name`"),
        ];
        for (text, expected) in cases {
            let error = read(text).unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
