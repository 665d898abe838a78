//! What a user needs to choose PriorAL, and to set it.

use alfm_acquire::{Input, OptionInfo, Summary};
use serde_json::Value;

use super::PriorAlConfig;
use crate::strategy::{PRIORAL, PRIORAL_GUARDED};

/// Name, meaning and range of what both forms can be told.
const OPTIONS: [[&str; 3]; 5] = [
    [
        "noise_fraction",
        "rho, the share of the unlabelled items that is the noise set",
        "above 0 and at most 1",
    ],
    [
        "joint",
        "how the experts are joined; a guard takes the product only",
        "product, small-only, prior-only, or { mixture = lambda } with lambda from 0 to 1",
    ],
    [
        "weight",
        "how the joint entropy is scaled by class",
        "prior-frequency, none, square-root, inverse, labelled-frequency or blend",
    ],
    [
        "query",
        "the acquisition function that asks within the noise set",
        "a strategy's name, or a table of its name and options",
    ],
    ["clean", "which free labels the clean set carries", "prior-label, joint-label, soft or off"],
];

const SWITCH: &str = "true or false";

/// The same of the guard.
const GUARD: [[&str; 3]; 13] = [
    ["weigh", "the prior's weight is fitted on the labels; else it is 1", SWITCH],
    ["calibrate", "the small model's temperature and a bias a class are fitted as well", SWITCH],
    ["champion", "the prior is given up where the small model does as well alone", SWITCH],
    [
        "rename",
        "a prior that is given up is heard again under the names that the labels give its columns",
        SWITCH,
    ],
    ["student", "the model that has learned from free labels decides on free labels, too", SWITCH],
    ["sharpen", "the exponent by which soft free labels are sharpened", "above 0 and finite"],
    ["noise_aware", "the noise rate of the labels is fitted", SWITCH],
    ["robust", "labels that contradict both experts weigh less in training", SWITCH],
    ["explore", "the share of every batch that is drawn at random", "from 0 to 1"],
    [
        "relabel",
        "the share of every batch that asks the least credible labels again",
        "from 0 to 1",
    ],
    [
        "weight",
        "what a free label weighs while the prior is fully trusted",
        "at least 0 and finite",
    ],
    [
        "epsilon",
        "the share of wrong labels below which free labels are certified",
        "above 0 and below 1",
    ],
    ["delta", "how often a stated bound may be wrong", "above 0 and below 1"],
];

/// The published and the guarded form, as the registry lists other strategies.
pub fn prioral_summaries() -> [Summary; 2] {
    let published = Summary::new(
        PRIORAL,
        &[Input::Model, Input::Prior],
        "Zhang, Li, Zhang & Zhu 2026, arXiv 2606.07630",
        ["N K", "N"],
        "imbalanced, noisy pools with a prior that is worth something",
    );
    let guarded = Summary::new(
        PRIORAL_GUARDED,
        &[Input::Model, Input::Prior, Input::LabelsOnly],
        "ours, docs/guard.md",
        ["N K", "N K"],
        "a prior of unknown quality",
    );
    let (plain, with_guard) = (PriorAlConfig::default(), PriorAlConfig::guarded());
    [
        published.with_options(listed(&plain, None, &OPTIONS)),
        guarded.with_options(
            [listed(&with_guard, None, &OPTIONS), listed(&with_guard, Some("guard"), &GUARD)]
                .concat(),
        ),
    ]
}

/// The options with their values in this configuration; those of a table are called `TABLE.OPTION`.
fn listed(
    config: &PriorAlConfig,
    table: Option<&str>,
    options: &[[&'static str; 3]],
) -> Vec<OptionInfo> {
    let all = serde_json::to_value(config).unwrap_or_default();
    let values = table.map_or(&all, |table| &all[table]);
    let info = |[name, meaning, range]: &[&'static str; 3]| {
        let mut info = OptionInfo::new(*name, meaning, plain(&values[*name]).as_ref(), range);
        if let Some(table) = table {
            info.name = format!("{table}.{name}").into();
        }
        info
    };
    options.iter().map(info).collect()
}

/// A value as one would write it: a strategy without options by its name.
fn plain(value: &Value) -> Option<Value> {
    match value {
        Value::Object(table) if table.len() == 1 => table.get("name").or(Some(value)).cloned(),
        _ => Some(value.clone()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Map;

    use super::*;
    use crate::Strategy;

    /// Each field is listed, and what is listed can be set by its name.
    #[test]
    fn the_list_is_that_of_the_fields() {
        let config = serde_json::to_value(PriorAlConfig::guarded()).unwrap();
        let fields = |value: &Value, table: &str| -> Vec<String> {
            let names = value.as_object().unwrap().keys().filter(|name| *name != "guard");
            names.map(|name| format!("{table}{name}")).collect()
        };
        let mut expected = [fields(&config, ""), fields(&config["guard"], "guard.")].concat();
        let [_, guarded] = prioral_summaries();
        let mut listed: Vec<String> =
            guarded.options.iter().map(|option| option.name.to_string()).collect();
        expected.sort();
        listed.sort();
        assert_eq!(listed, expected);
        for option in &guarded.options {
            let value = serde_json::from_str(&option.default)
                .unwrap_or_else(|_| Value::String(option.default.clone()));
            let options = Map::from_iter([(option.name.to_string(), value)]);
            let set = Strategy::with_options(PRIORAL_GUARDED, options);
            assert_eq!(set.unwrap(), Strategy::named(PRIORAL_GUARDED).unwrap(), "{}", option.name);
        }
    }

    #[test]
    fn an_option_of_the_guard_is_set_by_its_name_and_leaves_the_others() {
        let options = Map::from_iter([("guard.explore".to_owned(), 0.25.into())]);
        let set = Strategy::with_options(PRIORAL_GUARDED, options).unwrap();
        let guard = crate::GuardConfig { explore: 0.25, ..Default::default() };
        assert_eq!(set, Strategy::prioral(PriorAlConfig::guarded().with_guard(guard)));
        let unknown = Map::from_iter([("guard.exlpore".to_owned(), 0.25.into())]);
        let error = Strategy::with_options(PRIORAL_GUARDED, unknown).unwrap_err().to_string();
        assert!(error.contains("unknown field `exlpore`"), "{error}");
    }
}
