use alfm_core::ClassId;

use crate::error::not_asked;
use crate::{Error, Pool};

/// What a session knows of a row: nothing but what the oracle has said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Neither labelled nor a candidate.
    Outside,
    Askable,
    /// Asked, not answered.
    Asked,
    Labelled(ClassId),
}

/// The rows of a session: the labels of the pool, the questions and the answers.
pub(super) struct Ledger {
    states: Vec<State>,
    labelled: Vec<u32>,
    unanswered: usize,
    classes: usize,
}

impl Ledger {
    pub(super) fn new(pool: &Pool<'_>, classes: usize) -> Self {
        let mut states = vec![State::Outside; pool.rows()];
        for row in pool.candidates() {
            states[*row] = State::Askable;
        }
        let mut labelled = Vec::new();
        for (row, class) in pool.labelled() {
            states[row] = State::Labelled(class);
            labelled.push(row as u32);
        }
        Self { states, labelled, unanswered: 0, classes }
    }

    /// The labelled rows, in the order in which their labels came.
    pub(super) fn labelled(&self) -> &[u32] {
        &self.labelled
    }

    pub(super) fn state(&self, row: u32) -> State {
        self.states[row as usize]
    }

    /// Whether every question has its answer.
    pub(super) fn is_settled(&self) -> bool {
        self.unanswered == 0
    }

    pub(super) fn ask(&mut self, row: usize) {
        self.states[row] = State::Asked;
        self.unanswered += 1;
    }

    pub(super) fn tell(&mut self, row: usize, class: ClassId) -> Result<(), Error> {
        if self.states.get(row) != Some(&State::Asked) {
            return Err(not_asked(row));
        }
        if class.index() >= self.classes {
            return Err(Error::unknown_class(class, self.classes));
        }
        self.states[row] = State::Labelled(class);
        self.labelled.push(row as u32);
        self.unanswered -= 1;
        Ok(())
    }
}
