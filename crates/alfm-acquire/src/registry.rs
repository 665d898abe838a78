//! Every strategy by name, with what a user needs to choose one.

use serde::Serialize;

use crate::{Acquisition, Error, ErrorKind, Input};

/// A strategy of the registry.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Entry {
    /// Where it comes from.
    pub paper: &'static str,
    /// Time of one batch; `N` pool, `L` labelled, `D` embedding, `K` classes, `b` batch.
    pub time: &'static str,
    /// Memory beside the inputs.
    pub memory: &'static str,
    /// When to use it.
    pub good_for: &'static str,
    pub(crate) build: fn() -> Box<dyn Acquisition>,
}

/// What a user needs to choose a strategy.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Summary {
    /// Its name.
    pub name: &'static str,
    /// What it cannot do without.
    pub needs: &'static [Input],
    /// Whether it asks within the batch.
    pub interactive: bool,
    /// Where it comes from.
    pub paper: &'static str,
    /// Time of one batch; `N` pool, `L` labelled, `D` embedding, `K` classes, `b` batch.
    pub time: &'static str,
    /// Memory beside the inputs.
    pub memory: &'static str,
    /// When to use it.
    pub good_for: &'static str,
}

impl Summary {
    /// The summary of a strategy that is not in this crate's registry.
    pub const fn new(
        name: &'static str,
        needs: &'static [Input],
        paper: &'static str,
        [time, memory]: [&'static str; 2],
        good_for: &'static str,
    ) -> Self {
        Self { name, needs, interactive: false, paper, time, memory, good_for }
    }
}

impl Entry {
    /// What a user needs to choose it.
    pub fn summary(&self) -> Summary {
        let strategy = self.build();
        Summary {
            interactive: strategy.interactive().is_some(),
            ..Summary::new(
                strategy.name(),
                strategy.needs(),
                self.paper,
                [self.time, self.memory],
                self.good_for,
            )
        }
    }

    /// The strategy itself, with its default options.
    pub fn build(&self) -> Box<dyn Acquisition> {
        (self.build)()
    }
}

/// All strategies that need no prior, family by family.
pub fn registry() -> impl Iterator<Item = &'static Entry> {
    let families = [
        crate::uncertainty::ENTRIES,
        crate::diversity::ENTRIES,
        crate::hybrid::ENTRIES,
        crate::boundary::ENTRIES,
        crate::graph::ENTRIES,
        crate::rare::ENTRIES,
    ];
    families.into_iter().flatten()
}

/// The strategy called `name`, with its default options.
///
/// # Errors
/// For an unknown one, with the known names.
///
/// ```
/// assert_eq!(alfm_acquire::find("badge")?.name(), "badge");
/// assert!(alfm_acquire::find("bdage").is_err());
/// # Ok::<(), alfm_acquire::Error>(())
/// ```
pub fn find(name: &str) -> Result<Box<dyn Acquisition>, Error> {
    let mut all = registry().map(Entry::build);
    all.find(|strategy| strategy.name() == name).ok_or_else(|| {
        let known: Vec<&str> = registry().map(|entry| entry.build().name()).collect();
        let known = known.join(", ");
        let message = format!("no strategy is called `{name}`; the known ones are {known}");
        Error::new(ErrorKind::NotFound, message)
    })
}
