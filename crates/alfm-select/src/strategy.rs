use std::fmt;

use alfm_acquire::{Acquisition, Input, Summary, find};
use alfm_kernels::Joint;
use serde::de::{self, Deserializer, MapAccess, Visitor, value::MapAccessDeserializer};
use serde::{Deserialize, Serialize};

use crate::{CleanRule, GuardConfig, ImbalanceWeight, PriorAl, PriorAlConfig, SelectError};

/// The name of the published PriorAL rule.
pub const PRIORAL: &str = "prioral";

/// What a user needs to choose the published PriorAL rule.
pub const PRIORAL_SUMMARY: Summary = Summary::new(
    PRIORAL,
    &[Input::Model, Input::Prior],
    "Zhang, Li, Zhang & Zhu 2026, arXiv 2606.07630",
    ["N K", "N"],
    "imbalanced, noisy pools with a prior that is worth something",
);

/// The name of the guarded form, which withdraws its trust in the prior by evidence.
pub const PRIORAL_GUARDED: &str = "prioral-guarded";

/// What a user needs to choose the guarded form.
pub const PRIORAL_GUARDED_SUMMARY: Summary = Summary::new(
    PRIORAL_GUARDED,
    &[Input::Model, Input::Prior, Input::LabelsOnly],
    "ours, docs/guard.md",
    ["N K", "N K"],
    "a prior of unknown quality",
);

/// A strategy by name, with its options and the label under which results show it.
///
/// In a file it is a name, `"badge"`, or a table, `{ name = "prioral", label = "rho .3", rho = 0.3 }`.
///
/// ```
/// use alfm_select::{PriorAlConfig, Strategy};
/// let strategy = Strategy::prioral(PriorAlConfig::default().with_noise_fraction(0.3)).labelled("rho .3");
/// assert_eq!(strategy.label(), "rho .3");
/// assert!(Strategy::named("bdage").is_err());
/// # Ok::<(), alfm_select::SelectError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(into = "Table")]
pub struct Strategy {
    name: String,
    label: Option<String>,
    prioral: PriorAlConfig,
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
    pub fn named(name: &str) -> Result<Self, SelectError> {
        let strategy = Self { name: name.into(), label: None, prioral: default_options(name) };
        strategy.check()?;
        Ok(strategy)
    }

    /// PriorAL with options of its own.
    ///
    /// With a guard it is called `prioral-guarded`.
    pub fn prioral(config: PriorAlConfig) -> Self {
        let name = if config.guard.is_some() { PRIORAL_GUARDED } else { PRIORAL };
        Self { name: name.into(), label: None, prioral: config }
    }

    /// The same strategy under another label.
    #[must_use]
    pub fn labelled(mut self, label: impl Into<String>) -> Self {
        self.label = Some(label.into());
        self
    }

    /// The registry's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What results call it: its label, or its name.
    pub fn label(&self) -> &str {
        self.label.as_deref().unwrap_or(&self.name)
    }

    /// Whether it decides together with a prior.
    pub fn needs_prior(&self) -> bool {
        is_engine(&self.name)
    }

    /// What it cannot do without, once there are labels.
    ///
    /// # Errors
    /// As [`check`](Strategy::check).
    pub fn needs(&self) -> Result<Vec<Input>, SelectError> {
        Ok(match self.engine()? {
            Engine::Acquisition(acquisition) => acquisition.needs().into(),
            Engine::PriorAl(engine) => engine.needs(),
        })
    }

    /// Validates name and options.
    ///
    /// # Errors
    /// An unknown name, an option out of range, or options for a strategy that has none.
    pub fn check(&self) -> Result<(), SelectError> {
        self.engine().map(drop)
    }

    pub(crate) fn engine(&self) -> Result<Engine, SelectError> {
        if is_engine(&self.name) {
            return Ok(Engine::PriorAl(Box::new(self.prioral.check()?)));
        }
        let acquisition = find(&self.name).map_err(with_engines)?;
        if self.prioral != PriorAlConfig::default() {
            return Err(SelectError::UnusedOptions { strategy: self.name.clone() });
        }
        Ok(Engine::Acquisition(acquisition))
    }
}

fn is_engine(name: &str) -> bool {
    [PRIORAL, PRIORAL_GUARDED].contains(&name)
}

fn default_options(name: &str) -> PriorAlConfig {
    if name == PRIORAL_GUARDED { PriorAlConfig::guarded() } else { PriorAlConfig::default() }
}

/// The registry knows the strategies that need no prior; this crate adds the engine.
fn with_engines(error: alfm_acquire::AcquireError) -> SelectError {
    match error {
        alfm_acquire::AcquireError::UnknownStrategy { name, known } => {
            let known = format!("{known}, {PRIORAL}, {PRIORAL_GUARDED}");
            alfm_acquire::AcquireError::UnknownStrategy { name, known }.into()
        }
        other => other.into(),
    }
}

/// The table form, with every option spelled out.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    label: Option<String>,
    #[serde(default, alias = "rho", skip_serializing_if = "Option::is_none")]
    noise_fraction: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    joint: Option<Joint>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    weight: Option<ImbalanceWeight>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    query: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    clean: Option<CleanRule>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    guard: Option<GuardConfig>,
}

impl From<Strategy> for Table {
    fn from(strategy: Strategy) -> Self {
        let own = is_engine(&strategy.name);
        let options = strategy.prioral;
        Self {
            name: strategy.name,
            label: strategy.label,
            noise_fraction: own.then_some(options.noise_fraction),
            joint: own.then_some(options.joint),
            weight: own.then_some(options.weight),
            query: own.then_some(options.query),
            clean: own.then_some(options.clean),
            guard: options.guard,
        }
    }
}

impl TryFrom<Table> for Strategy {
    type Error = SelectError;

    fn try_from(table: Table) -> Result<Self, SelectError> {
        let default = default_options(&table.name);
        let prioral = PriorAlConfig {
            noise_fraction: table.noise_fraction.unwrap_or(default.noise_fraction),
            joint: table.joint.unwrap_or(default.joint),
            weight: table.weight.unwrap_or(default.weight),
            query: table.query.unwrap_or(default.query),
            clean: table.clean.unwrap_or(default.clean),
            guard: table.guard.or(default.guard),
        };
        let strategy = Self { name: table.name, label: table.label, prioral };
        strategy.check()?;
        Ok(strategy)
    }
}

impl<'de> Deserialize<'de> for Strategy {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NameOrTable)
    }
}

/// Spelled out, because serde's `untagged` would lose the error of the form that was meant.
struct NameOrTable;

impl<'de> Visitor<'de> for NameOrTable {
    type Value = Strategy;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a strategy's name or a table with its name and options")
    }

    fn visit_str<E: de::Error>(self, name: &str) -> Result<Strategy, E> {
        Strategy::named(name).map_err(E::custom)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Strategy, A::Error> {
        let table = Table::deserialize(MapAccessDeserializer::new(map))?;
        Strategy::try_from(table).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
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
        for strategy in [Strategy::named("random").unwrap(), Strategy::prioral(config)] {
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
            (r#"{"name": "badge", "rho": 0.7}"#, "takes no options"),
        ];
        for (text, expected) in cases {
            let error = read(text).unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
