//! Every strategy by name, with what a user needs to choose one and to set its options.

use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::error::unknown_option;
use crate::options::{HasOptions, INNER, Opt, configured, out_of_range, values};
use crate::{Acquisition, Error, ErrorKind, Input, Needs, OptionInfo, Options};

/// A strategy of the registry.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Entry {
    /// Its name.
    pub name: &'static str,
    /// Where it comes from.
    pub paper: &'static str,
    /// Time of one batch; `N` pool, `L` labelled, `D` embedding, `K` classes, `b` batch.
    pub time: &'static str,
    /// Memory beside the inputs.
    pub memory: &'static str,
    /// When to use it.
    pub good_for: &'static str,
    pub(crate) make: Make,
}

/// What a user needs to choose a strategy.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Summary {
    /// Its name.
    pub name: &'static str,
    /// What it cannot do without; of a wrapper, beside what the strategy inside needs.
    pub needs: Needs,
    /// Whether it asks within the batch.
    pub interactive: bool,
    /// Whether it is around another strategy, its option `inner`.
    pub wrapper: bool,
    /// Where it comes from.
    pub paper: &'static str,
    /// Time of one batch; `N` pool, `L` labelled, `D` embedding, `K` classes, `b` batch.
    pub time: &'static str,
    /// Memory beside the inputs.
    pub memory: &'static str,
    /// When to use it.
    pub good_for: &'static str,
    /// Its options, in the order of its documentation.
    pub options: Vec<OptionInfo>,
}

impl Summary {
    /// The summary of a strategy that is not in this crate's registry, without options.
    pub const fn new(
        name: &'static str,
        needs: &[Input],
        paper: &'static str,
        [time, memory]: [&'static str; 2],
        good_for: &'static str,
    ) -> Self {
        Self {
            name,
            needs: Needs::of(needs),
            interactive: false,
            wrapper: false,
            paper,
            time,
            memory,
            good_for,
            options: Vec::new(),
        }
    }

    /// The same summary with options.
    #[must_use]
    pub fn with_options(mut self, options: Vec<OptionInfo>) -> Self {
        self.options = options;
        self
    }
}

impl Entry {
    /// What a user needs to choose it.
    pub fn summary(&self) -> Summary {
        let sample = (self.make.sample)();
        let defaults = (self.make.defaults)();
        Summary {
            name: self.name,
            needs: sample.needs(),
            interactive: sample.interactive().is_some(),
            wrapper: self.make.wrapper,
            paper: self.paper,
            time: self.time,
            memory: self.memory,
            good_for: self.good_for,
            options: self.make.options.iter().map(|option| option.info(&defaults)).collect(),
        }
    }

    /// The strategy itself with these options, the others at their defaults.
    ///
    /// # Errors
    /// As [`build`].
    pub fn build(&self, options: &Options) -> Result<Box<dyn Acquisition>, Error> {
        (self.make.build)(&[], options)
    }

    /// The strategy with its default options, a wrapper around [`Random`](crate::Random).
    #[must_use]
    pub fn sample(&self) -> Box<dyn Acquisition> {
        (self.make.sample)()
    }
}

/// How a strategy comes to be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Make {
    wrapper: bool,
    options: &'static [Opt],
    /// The options but for `inner`, at their defaults.
    defaults: fn() -> Options,
    /// With its default options, a wrapper around some strategy that needs nothing.
    sample: fn() -> Box<dyn Acquisition>,
    build: Build,
}

type Build = fn(&[Arc<dyn Acquisition>], &Options) -> Result<Box<dyn Acquisition>, Error>;

/// A strategy around another one.
pub(crate) trait Wrapper: HasOptions {
    /// The same options around another strategy.
    fn around(self, inner: Box<dyn Acquisition>) -> Box<dyn Acquisition>;
}

impl Make {
    /// A strategy without options.
    pub(crate) const fn plain<S: Acquisition + Default + 'static>() -> Self {
        Self {
            wrapper: false,
            options: &[],
            defaults: Options::new,
            sample: || Box::new(S::default()),
            build: |_, options| plain::<S>(options),
        }
    }

    /// A strategy whose fields are options.
    pub(crate) const fn with_options<S>() -> Self
    where
        S: HasOptions + Default + Serialize + DeserializeOwned + 'static,
    {
        Self {
            wrapper: false,
            options: S::OPTIONS,
            defaults: || values(&S::default()),
            sample: || Box::new(S::default()),
            build: |_, options| Ok(Box::new(configured::<S>(options)?)),
        }
    }

    /// A wrapper; `W` is around some strategy that can be left behind.
    pub(crate) const fn wrapper<W>() -> Self
    where
        W: Wrapper + Default + Serialize + DeserializeOwned + 'static,
    {
        Self {
            wrapper: true,
            options: W::OPTIONS,
            defaults: || values(&W::default()),
            sample: || Box::new(W::default()),
            build: wrapped::<W>,
        }
    }
}

fn plain<S: Acquisition + Default + 'static>(
    options: &Options,
) -> Result<Box<dyn Acquisition>, Error> {
    let strategy = S::default();
    match options.keys().next() {
        Some(option) => Err(unknown_option(strategy.name(), option, &[])),
        None => Ok(Box::new(strategy)),
    }
}

fn wrapped<W>(
    own: &[Arc<dyn Acquisition>],
    options: &Options,
) -> Result<Box<dyn Acquisition>, Error>
where
    W: Wrapper + Default + Serialize + DeserializeOwned + 'static,
{
    let mut options = options.clone();
    let inner = options.remove(INNER.name);
    let wrapper = configured::<W>(&options)?;
    let wrong = |value: String| out_of_range(wrapper.name(), W::OPTIONS, INNER.name, value);
    let inner = match inner {
        Some(Value::String(name)) => build_among(own, &name, &Options::new())?,
        Some(Value::Object(mut table)) => match table.remove("name") {
            Some(Value::String(name)) => build_among(own, &name, &table)?,
            _ => return Err(wrong("without a name".to_owned())),
        },
        Some(value) => return Err(wrong(value.to_string())),
        None => return Err(wrong("missing".to_owned())),
    };
    Ok(wrapper.around(inner))
}

/// All strategies that need no prior, family by family; wrappers last.
pub fn registry() -> impl Iterator<Item = &'static Entry> {
    let families = [
        crate::uncertainty::ENTRIES,
        crate::diversity::ENTRIES,
        crate::hybrid::ENTRIES,
        crate::boundary::ENTRIES,
        crate::graph::ENTRIES,
        crate::rare::ENTRIES,
        crate::wrap::ENTRIES,
    ];
    families.into_iter().flatten()
}

/// The strategy called `name`, with its default options.
///
/// # Errors
/// For an unknown name, with the known ones; for a wrapper, which needs a strategy inside: see [`build`].
///
/// ```
/// assert_eq!(alfm_acquire::find("badge")?.name(), "badge");
/// assert!(alfm_acquire::find("bdage").is_err());
/// # Ok::<(), alfm_acquire::Error>(())
/// ```
pub fn find(name: &str) -> Result<Box<dyn Acquisition>, Error> {
    build(name, &Options::new())
}

/// The strategy called `name` with these options, the others at their defaults.
///
/// A wrapper has the strategy inside as its option `inner`: a name, or a table of a name and options.
///
/// # Errors
/// For an unknown name or option, with what is known; for a value of another kind or out of range, with the range.
///
/// ```
/// use serde_json::json;
/// let options = json!({ "inner": { "name": "power-margin", "beta": 2.0 }, "factor": 10 });
/// let spread = alfm_acquire::build("oversampled", options.as_object().unwrap())?;
/// assert_eq!(spread.needs().len(), 2);
/// # Ok::<(), alfm_acquire::Error>(())
/// ```
pub fn build(name: &str, options: &Options) -> Result<Box<dyn Acquisition>, Error> {
    build_among(&[], name, options)
}

/// As [`build`], with strategies of one's `own` beside those of the registry; by name they come first.
///
/// Also inside of wrappers. A strategy of one's own has its options set already.
///
/// # Errors
/// As [`build`], and what the [`check`](Acquisition::check) of one's own strategy says.
pub fn build_among(
    own: &[Arc<dyn Acquisition>],
    name: &str,
    options: &Options,
) -> Result<Box<dyn Acquisition>, Error> {
    if let Some(strategy) = own.iter().find(|strategy| strategy.name() == name) {
        if let Some(option) = options.keys().next() {
            return Err(unknown_option(name, option, &[]));
        }
        strategy.check()?;
        return Ok(Box::new(Arc::clone(strategy)));
    }
    let Some(entry) = registry().find(|entry| entry.name == name) else {
        let known = own.iter().map(|strategy| strategy.name());
        let known: Vec<&str> = known.chain(registry().map(|entry| entry.name)).collect();
        let known = known.join(", ");
        let message = format!("no strategy is called `{name}`; the known ones are {known}");
        return Err(Error::new(ErrorKind::NotFound, message));
    };
    (entry.make.build)(own, options)
}

#[cfg(test)]
mod tests {
    use alfm_core::SeedTree;
    use serde_json::json;

    use super::*;
    use crate::error::bad_option;
    use crate::{Pick, Pool, Request};

    fn options(value: Value) -> Options {
        value.as_object().unwrap().clone()
    }

    fn refused(name: &str, value: Value) -> String {
        build(name, &options(value)).unwrap_err().to_string()
    }

    /// Every entry with the options that it must have: a wrapper has a strategy inside.
    fn given(entry: &Entry, mut options: Options) -> Options {
        if entry.make.wrapper {
            options.insert("inner".into(), json!("random"));
        }
        options
    }

    #[test]
    fn an_entry_has_the_name_of_its_strategy() {
        for entry in registry() {
            assert_eq!(entry.name, entry.sample().name());
            let built = entry.build(&given(entry, Options::new())).unwrap();
            assert_eq!((entry.name, entry.summary().needs), (built.name(), built.needs()));
        }
    }

    #[test]
    fn the_listed_options_are_the_fields_of_the_strategy() {
        for entry in registry() {
            let summary = entry.summary();
            let mut listed: Vec<&str> =
                summary.options.iter().map(|option| &*option.name).collect();
            let fields = given(entry, (entry.make.defaults)());
            listed.sort_unstable();
            assert_eq!(listed, fields.keys().collect::<Vec<_>>(), "{}", entry.name);
            for option in &summary.options {
                assert!(!option.meaning.is_empty() && !option.range.is_empty(), "{option:?}");
                assert_eq!(option.default.is_empty(), option.name == "inner", "{option:?}");
            }
        }
    }

    /// All fields are public and are printed, so that the printed strategy is the strategy.
    #[test]
    fn defaults_that_are_spelled_out_change_nothing() {
        for entry in registry() {
            let plain = entry.build(&given(entry, Options::new())).unwrap();
            let spelled = entry.build(&given(entry, (entry.make.defaults)())).unwrap();
            assert_eq!(format!("{plain:?}"), format!("{spelled:?}"));
        }
    }

    #[test]
    fn a_value_of_another_kind_names_its_option() {
        for entry in registry() {
            for option in entry.summary().options {
                let mut given = given(entry, Options::new());
                given.insert(option.name.to_string(), json!([{ "no": "value" }]));
                let error = entry.build(&given).unwrap_err().to_string();
                let start = format!("option `{}` of strategy `{}` is", option.name, entry.name);
                assert!(error.starts_with(&start) && error.ends_with(option.range), "{error}");
            }
        }
    }

    #[test]
    fn a_value_out_of_range_names_its_option() {
        for (name, option, value) in [
            ("alps", "fraction", json!(0.0)),
            ("facility-location", "similarity", json!({ "gaussian": { "width": -1.0 } })),
            ("facility-location", "neighbours", json!(0)),
            ("facility-location", "reference", json!(0)),
            ("facility-location", "stochastic", json!(1.0)),
            ("probcover", "delta", json!(0.0)),
            ("probcover", "purity", json!(1.5)),
            ("probcover", "bisections", json!(0)),
            ("typiclust", "max_clusters", json!(0)),
            ("typiclust", "neighbours", json!(0)),
            ("alfamix", "step", json!(0.0)),
            ("alfamix", "steps", json!(0)),
            ("badge", "partition", json!(0)),
            ("badge", "first", json!("shortest")),
            ("bait", "regularisation", json!(0.0)),
            ("bait", "oversample", json!(0)),
            ("bait", "dimension", json!(0)),
            ("bait", "considered", json!(0)),
            ("cluster-margin", "factor", json!(0.5)),
            ("cluster-margin", "epsilon", json!(-1.0)),
            ("cluster-margin", "mean_size", json!(0.0)),
            ("cluster-margin", "subset", json!(-3)),
            ("dropquery", "factor", json!(0)),
            ("balanced-margin", "share", json!(1.01)),
            ("similar", "objective", json!({ "graph-cut": { "lambda": 0.0 } })),
            ("similar", "objective", json!({ "facility-location": { "eta": -1.0 } })),
            ("direct", "parallel_annotators", json!(0)),
            ("power-bald", "beta", json!(-0.5)),
        ] {
            let error = build(name, &options(json!({ option: value }))).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Setting);
            let (said, rule) = (error.to_string(), ": it must be ");
            assert!(said.starts_with(&format!("option `{option}` of strategy `{name}` is ")));
            assert!(said.split_once(rule).is_some_and(|(_, rule)| !rule.is_empty()), "{said}");
        }
        let error = refused("oversampled", json!({ "inner": "margin", "factor": 0 }));
        assert_eq!(
            error,
            "option `factor` of strategy `oversampled` is 0: it must be a whole number of at least 1"
        );
    }

    #[test]
    fn an_unknown_option_is_told_the_nearest() {
        assert_eq!(
            refused("badge", json!({ "frist": "uniform" })),
            "strategy `badge` has no option `frist`: did you mean `first`? \
             It takes first, partition, lazy"
        );
        assert_eq!(
            refused("margin", json!({ "beta": 2.0 })),
            "strategy `margin` has no option `beta`: it takes none"
        );
    }

    #[test]
    fn a_wrapper_has_a_strategy_inside() {
        let inner = json!({ "name": "oversampled", "factor": 3, "inner": "power-margin" });
        let nested = build("class-quota", &options(json!({ "inner": inner }))).unwrap();
        assert_eq!(nested.needs(), Needs::from([Input::Model, Input::Embeddings]));
        let printed = format!("{nested:?}");
        assert!(printed.contains("factor: 3") && printed.contains("Power"), "{printed}");
        for (options, expected) in [
            (json!({}), "option `inner` of strategy `class-quota` is missing: it must be"),
            (json!({ "inner": 3 }), "option `inner` of strategy `class-quota` is 3"),
            (json!({ "inner": { "beta": 2.0 } }), "is without a name"),
            (json!({ "inner": "bdage" }), "no strategy is called `bdage`"),
            (json!({ "inner": { "name": "badge", "rho": 1 } }), "`badge` has no option `rho`"),
            (json!({ "inner": "badge", "factor": 2 }), "It takes inner"),
        ] {
            let error = refused("class-quota", options);
            assert!(error.contains(expected), "{error}");
        }
    }

    /// Rows from the last to the first.
    #[derive(Debug)]
    struct Backwards {
        step: usize,
    }

    impl Acquisition for Backwards {
        fn name(&self) -> &str {
            "backwards"
        }

        fn needs(&self) -> Needs {
            Needs::NONE
        }

        fn check(&self) -> Result<(), Error> {
            if self.step > 0 {
                return Ok(());
            }
            Err(bad_option(self.name(), "step", 0, "at least 1"))
        }

        fn acquire(&self, request: &Request<'_>) -> Result<Vec<Pick>, Error> {
            let rows = request.candidates().iter().rev().take(request.budget);
            Ok(rows.map(|row| Pick { row: *row, score: *row as f64 }).collect())
        }
    }

    #[test]
    fn a_strategy_of_ones_own_is_found_and_wrapped() {
        let own: [Arc<dyn Acquisition>; 1] = [Arc::new(Backwards { step: 1 })];
        let found = build_among(&own, "backwards", &Options::new()).unwrap();
        let pool = Pool::new(&[None; 5]).unwrap();
        let picks = found.select(&pool, 2, &SeedTree::new(0)).unwrap();
        assert_eq!(picks.iter().map(|pick| pick.row).collect::<Vec<_>>(), [4, 3]);
        let around = options(json!({ "inner": "backwards" }));
        let wrapped = build_among(&own, "class-quota", &around).unwrap();
        assert_eq!(wrapped.needs(), Needs::from([Input::Model]));
        assert!(build("class-quota", &around).is_err(), "known to nobody else");
        let error = build_among(&own, "backwrads", &Options::new()).unwrap_err().to_string();
        assert!(error.contains("the known ones are backwards, least-confident"), "{error}");
        let error = build_among(&own, "backwards", &options(json!({ "step": 2 }))).unwrap_err();
        let expected = "strategy `backwards` has no option `step`: it takes none";
        assert_eq!((error.kind(), error.to_string().as_str()), (ErrorKind::Setting, expected));
        let own: [Arc<dyn Acquisition>; 1] = [Arc::new(Backwards { step: 0 })];
        let error = build_among(&own, "backwards", &Options::new()).unwrap_err();
        let expected = "option `step` of strategy `backwards` is 0: it must be at least 1";
        assert_eq!(error.to_string(), expected);
        let error = build_among(&own, "class-quota", &around).unwrap_err();
        let expected = "option `step` of strategy `backwards` is 0: it must be at least 1";
        assert_eq!(error.to_string(), expected);
    }
}
