use serde::{Deserialize, Serialize};

use crate::{ClassId, SampleId};

/// How a label came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Provenance {
    /// An annotator (or, in a simulation, the oracle) answered a question.
    Human,
    /// It was there before the first question.
    Seed,
    /// The engine gave it for free; it never replaces one of the others.
    Pseudo,
}

/// What an annotator may say of an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Answer {
    /// It is of this class; a second answer replaces the first.
    Class(ClassId),
    /// Not now: it may be suggested again from the next round on.
    Skip,
    /// Nobody can tell.
    Unsure,
    /// It is of none of the classes.
    NoneOfThese,
    /// The label that it had was a mistake.
    Retract,
}

/// Who said something, and when, as far as that is known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// The annotator's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub annotator: Option<String>,
    /// Milliseconds since 1970, in UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<u64>,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Event {
    /// An item was suggested to somebody.
    Suggested {
        /// The item.
        id: SampleId,
        /// Whether it was drawn at random, not chosen.
        at_random: bool,
        /// Whether it has a label, and is asked once more.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        again: bool,
        /// When it may be released, in milliseconds since 1970.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<u64>,
    },
    /// It was taken back without an answer.
    Released {
        /// The item.
        id: SampleId,
    },
    /// Something was said of an item, suggested or not.
    Answered {
        /// The item.
        id: SampleId,
        /// What was said; a class in the numbering of that time.
        answer: Answer,
        /// How the answer came about.
        provenance: Provenance,
        /// Whether the item was drawn at random, where no suggestion says it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        at_random: Option<bool>,
    },
    /// An item left the pool.
    Removed {
        /// The item.
        id: SampleId,
    },
    /// A class was added behind the others.
    ClassAdded {
        /// Its name.
        name: String,
    },
    /// A class has another name.
    ClassRenamed {
        /// The class.
        class: ClassId,
        /// Its new name.
        name: String,
    },
    /// A class became a part of another; those behind it moved up by one.
    ClassMerged {
        /// The class that is gone.
        class: ClassId,
        /// The class that has its labels now, in the numbering before.
        into: ClassId,
    },
}

impl Event {
    /// The item that it is about, if it is about one.
    pub fn id(&self) -> Option<&SampleId> {
        match self {
            Self::Suggested { id, .. }
            | Self::Released { id }
            | Self::Answered { id, .. }
            | Self::Removed { id } => Some(id),
            Self::ClassAdded { .. } | Self::ClassRenamed { .. } | Self::ClassMerged { .. } => None,
        }
    }
}

/// An event with its round and source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
    /// The round in which it did; 0 before the first suggestion.
    pub round: u32,
    /// Who did it, and when.
    #[serde(flatten)]
    pub source: Source,
}
