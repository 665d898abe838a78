use super::{Answer, ItemState};
use crate::ClassId;

/// What the entries so far make of one item.
#[derive(Clone, Debug, Default)]
pub(super) struct Record {
    pub(super) outcome: Outcome,
    pub(super) pending: bool,
    pub(super) at_random: bool,
    pub(super) times_labelled: usize,
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) enum Outcome {
    #[default]
    Unlabelled,
    /// The class in today's numbering, and the entry that says so.
    Class {
        class: ClassId,
        entry: usize,
    },
    Skipped {
        round: u32,
    },
    Unsure,
    NoneOfThese,
    Retracted,
    Removed,
}

impl Record {
    pub(super) fn answer(&mut self, answer: Answer, round: u32, entry: usize) {
        self.pending = false;
        self.outcome = match answer {
            Answer::Class(class) => {
                self.times_labelled += 1;
                Outcome::Class { class, entry }
            }
            // Who passes an item by does not take its label away.
            Answer::Skip if self.class().is_some() => self.outcome,
            Answer::Skip => Outcome::Skipped { round },
            Answer::Unsure => Outcome::Unsure,
            Answer::NoneOfThese => Outcome::NoneOfThese,
            Answer::Retract => Outcome::Retracted,
        };
    }

    pub(super) fn remove(&mut self) {
        (self.outcome, self.pending) = (Outcome::Removed, false);
    }

    pub(super) fn renumber(&mut self, today: &[ClassId]) {
        if let Outcome::Class { class, .. } = &mut self.outcome {
            *class = today[class.index()];
        }
    }

    pub(super) fn class(&self) -> Option<ClassId> {
        match self.outcome {
            Outcome::Class { class, .. } => Some(class),
            _ => None,
        }
    }

    /// The entry that gave the label which holds now.
    pub(super) fn entry(&self) -> Option<usize> {
        match self.outcome {
            Outcome::Class { entry, .. } => Some(entry),
            _ => None,
        }
    }

    pub(super) fn state(&self) -> ItemState {
        match self.outcome {
            Outcome::Class { class, .. } => ItemState::Labelled(class),
            Outcome::Removed => ItemState::Removed,
            _ if self.pending => ItemState::Pending,
            Outcome::Unlabelled => ItemState::Unlabelled,
            Outcome::Skipped { .. } => ItemState::Skipped,
            Outcome::Unsure => ItemState::Unsure,
            Outcome::NoneOfThese => ItemState::NoneOfThese,
            Outcome::Retracted => ItemState::Retracted,
        }
    }

    pub(super) fn is_open(&self, next: u32) -> bool {
        match self.outcome {
            _ if self.pending => false,
            Outcome::Unlabelled | Outcome::Retracted => true,
            Outcome::Skipped { round } => round < next,
            _ => false,
        }
    }
}
