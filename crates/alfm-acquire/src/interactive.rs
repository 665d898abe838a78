//! Strategies that ask within the batch: each answer moves the next question.

use alfm_core::{ClassId, SeedTree};

use crate::{AcquireError, Acquisition, Pick, Pool, Request};

/// A strategy whose next question depends on the answers to the ones before it in the same batch.
///
/// [`Acquisition::acquire`] of such a strategy asks the whole batch at once, as far as it can without
/// answers.
pub trait Interactive: Acquisition {
    /// Begins a batch; the session asks and is told until the budget is spent.
    ///
    /// # Errors
    /// As [`Acquisition::acquire`].
    fn begin<'a>(&self, request: &Request<'a>) -> Result<Box<dyn Session + 'a>, AcquireError>;
}

/// A batch in the making.
pub trait Session: Send {
    /// At most `at_most` rows to label now, all of which may be asked in parallel.
    ///
    /// Rows that were asked are never asked again. Empty once the budget is spent, or where nothing more can
    /// be asked before an answer comes.
    fn ask(&mut self, at_most: usize) -> Vec<Pick>;

    /// What the oracle said of a row that was asked.
    ///
    /// # Errors
    /// [`AcquireError::NotAsked`] for a row that waits for no answer,
    /// [`AcquireError::Input`] for a class that the model does not know.
    fn tell(&mut self, row: usize, class: ClassId) -> Result<(), AcquireError>;
}

/// An oracle: the classes of the rows it is asked for, or `None` if it will not answer.
pub type RowOracle<'o> = dyn FnMut(&[usize]) -> Option<Vec<ClassId>> + 'o;

/// Runs an interactive strategy against an oracle that answers `annotators` rows at a time.
///
/// The oracle is asked for the rows of the batch only, each once: there is no other way to a label. `None`
/// from it ends the batch with the rows that it was asked last; otherwise exactly `min(budget, candidates)`
/// rows come back, in the order in which they were asked.
///
/// # Errors
/// As [`Acquisition::select`]; [`AcquireError::Setting`] without an annotator.
pub fn select_with_oracle(
    strategy: &dyn Interactive,
    pool: &Pool<'_>,
    budget: usize,
    annotators: usize,
    seed: &SeedTree,
    oracle: &mut RowOracle<'_>,
) -> Result<Vec<Pick>, AcquireError> {
    let name = strategy.name();
    if annotators == 0 {
        return Err(AcquireError::Setting {
            strategy: name.to_owned(),
            option: "annotators".to_owned(),
            value: "0".to_owned(),
            rule: "at least 1",
        });
    }
    let Some(request) = Request::new(name, strategy.needs(), pool, budget, seed)? else {
        return Ok(Vec::new());
    };
    let budget = request.budget;
    let mut session = strategy.begin(&request)?;
    let mut picks: Vec<Pick> = Vec::with_capacity(budget);
    while picks.len() < budget {
        let asked = session.ask(annotators.min(budget - picks.len()));
        if asked.is_empty() {
            break;
        }
        let rows: Vec<usize> = asked.iter().map(|pick| pick.row).collect();
        picks.extend(asked);
        let Some(answers) = oracle(&rows) else { break };
        for (row, class) in rows.iter().zip(answers) {
            session.tell(*row, class)?;
        }
    }
    Ok(picks)
}
