//! The label log as the rows of a pool.

use alfm_acquire::{Inputs, Pool, Ties};
use alfm_core::{ClassId, ItemState, Items, LabelLog};

use crate::Error;
use crate::error::nothing_to_ask;
use crate::prioral::History;

/// What a round sees of labels; built anew each time, `O(N)`.
pub(crate) struct State<'a> {
    pub(super) items: &'a Items,
    pub(super) log: &'a LabelLog,
    observed: Vec<Option<ClassId>>,
    /// Rows without a label that may not be asked now, ascending.
    closed: Vec<usize>,
    ties: Ties,
}

impl<'a> State<'a> {
    pub(super) fn new(items: &'a Items, log: &'a LabelLog, ties: Ties) -> Result<Self, Error> {
        let mut observed = vec![None; items.len()];
        let mut closed = Vec::new();
        for id in log.known() {
            match log.state(id) {
                ItemState::Labelled(class) => observed[items.row(id)?] = Some(class),
                _ if log.is_open(id) => {}
                // Of what has left the pool, the pool need not know.
                ItemState::Removed => closed.extend(items.row_of(id)),
                _ => closed.push(items.row(id)?),
            }
        }
        closed.sort_unstable();
        if log.labelled() + closed.len() == items.len() {
            return Err(nothing_to_ask(items.len(), log.labelled()));
        }
        Ok(Self { items, log, observed, closed, ties })
    }

    pub(super) fn pool<'b>(&'b self, inputs: Inputs<'b>) -> Result<Pool<'b>, Error> {
        let pool = Pool::new(&self.observed)?.with_ties(self.ties).with(inputs)?;
        Ok(if self.closed.is_empty() { pool } else { pool.without(&self.closed) })
    }
}

impl History for State<'_> {
    fn at_random(&self, row: usize) -> bool {
        self.log.at_random(&self.items.id(row))
    }

    fn asked_again(&self, row: usize) -> bool {
        self.log.times_labelled(&self.items.id(row)) > 1
    }
}
