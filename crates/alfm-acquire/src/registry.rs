//! Every strategy by name, with what a user needs to choose one.

use crate::{
    AcquireError, Acquisition, Badge, Entropy, KCenterGreedy, LeastConfident, Margin, Random,
};

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
    build: fn() -> Box<dyn Acquisition>,
}

impl Entry {
    /// The strategy itself, with its default options.
    pub fn build(&self) -> Box<dyn Acquisition> {
        (self.build)()
    }
}

/// All strategies that need no prior, simplest first.
pub const REGISTRY: &[Entry] = &[
    Entry {
        paper: "-",
        time: "N + b log N",
        memory: "N",
        good_for: "an unbiased sample: error estimates, first batches, the baseline of every comparison",
        build: || Box::new(Random),
    },
    Entry {
        paper: "Lewis & Gale 1994",
        time: "N K",
        memory: "N",
        good_for: "few classes and a calibrated model",
        build: || Box::new(LeastConfident),
    },
    Entry {
        paper: "Scheffer, Decomain & Wrobel 2001",
        time: "N K",
        memory: "N",
        good_for: "many classes; hard to beat on balanced pools",
        build: || Box::new(Margin),
    },
    Entry {
        paper: "Settles 2009",
        time: "N K",
        memory: "N",
        good_for: "few classes; the query rule of PriorAL inside its noise set",
        build: || Box::new(Entropy),
    },
    Entry {
        paper: "Sener & Savarese 2018, arXiv 1708.00489",
        time: "(L + b) N D",
        memory: "N",
        good_for: "covering the pool early, without a model; weak under a long tail of labels",
        build: || Box::new(KCenterGreedy),
    },
    Entry {
        paper: "Ash et al. 2020, arXiv 1906.03671",
        time: "b N (K + D)",
        memory: "N K",
        good_for: "uncertain and diverse at once: the safe choice without a prior",
        build: || Box::new(Badge),
    },
];

/// The strategy called `name`, with its default options.
///
/// # Errors
/// [`AcquireError::UnknownStrategy`], which lists the known names.
///
/// ```
/// assert_eq!(alfm_acquire::find("badge")?.name(), "badge");
/// assert!(alfm_acquire::find("bdage").is_err());
/// # Ok::<(), alfm_acquire::AcquireError>(())
/// ```
pub fn find(name: &str) -> Result<Box<dyn Acquisition>, AcquireError> {
    let mut all = REGISTRY.iter().map(Entry::build);
    all.find(|strategy| strategy.name() == name).ok_or_else(|| {
        let known: Vec<&str> = REGISTRY.iter().map(|entry| entry.build().name()).collect();
        AcquireError::UnknownStrategy { name: name.into(), known: known.join(", ") }
    })
}
