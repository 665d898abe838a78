//! Strategies that ask within the batch (`galaxy`, `direct`), and every other in the same way.

use alfm_acquire::{Inputs, Interactive, one_answer_each, select_with_oracle};
use alfm_core::{ClassId, Items, LabelLog, SampleId};

use super::Selector;
use crate::strategy::Engine;
use crate::{Error, Round};

impl Selector {
    /// The next batch, answered: a strategy that asks within the batch (`galaxy`, `direct`) is told after every
    /// `annotators` answers, and its next questions depend on them; any other strategy asks the whole batch at once.
    ///
    /// The oracle is asked for each item once. What it answers is for the caller to record, best where the oracle
    /// is: then nothing is lost where it fails later.
    ///
    /// # Errors
    /// As [`suggest`](Selector::suggest), whatever the oracle returns, and if it gives more or fewer answers than it
    /// was asked for.
    pub fn suggest_and_ask<E: From<Error>>(
        &self,
        items: &Items,
        log: &LabelLog,
        inputs: &Inputs<'_>,
        budget: usize,
        annotators: usize,
        mut oracle: impl FnMut(&[SampleId]) -> Result<Vec<ClassId>, E>,
    ) -> Result<Round, E> {
        let Some(strategy) = self.interactive(log, inputs) else {
            let round = self.suggest(items, log, inputs, budget)?;
            let asked: Vec<SampleId> = round.queries.iter().map(|query| query.id.clone()).collect();
            one_answer_each(asked.len(), oracle(&asked)?.len())?;
            return Ok(round);
        };
        let (state, number, seed) = self.begin(items, log, inputs)?;
        let pool = state.pool(*inputs)?;
        let mut failed = None;
        let mut ask = |rows: &[usize]| {
            let asked: Vec<SampleId> = rows.iter().map(|row| items.id(*row)).collect();
            oracle(&asked).map_err(|error| failed = Some(error)).ok()
        };
        let picks = select_with_oracle(strategy, &pool, budget, annotators, &seed, &mut ask);
        match failed {
            Some(error) => Err(error),
            None => Ok(Round { number, ..self.asked(&picks?, inputs, &state, &pool) }),
        }
    }

    /// The first part of a batch of `budget`: at most `annotators` items that may be asked in parallel.
    ///
    /// For a strategy that asks within the batch these are the questions that need no answer of the batch; any
    /// other strategy asks its `annotators` most wanted ones. Tell the answers, then ask for the rest.
    ///
    /// # Errors
    /// As [`suggest`](Selector::suggest).
    pub fn suggest_part(
        &self,
        items: &Items,
        log: &LabelLog,
        inputs: &Inputs<'_>,
        budget: usize,
        annotators: usize,
    ) -> Result<Round, Error> {
        let Some(strategy) = self.interactive(log, inputs) else {
            return self.suggest(items, log, inputs, budget.min(annotators));
        };
        let (state, number, seed) = self.begin(items, log, inputs)?;
        let pool = state.pool(*inputs)?;
        let mut silent = |_: &[usize]| None;
        let picks = select_with_oracle(strategy, &pool, budget, annotators, &seed, &mut silent)?;
        Ok(Round { number, ..self.asked(&picks, inputs, &state, &pool) })
    }

    fn interactive(&self, log: &LabelLog, inputs: &Inputs<'_>) -> Option<&dyn Interactive> {
        match &self.engine {
            Engine::Acquisition(acquisition) if !self.is_cold(log, inputs) => {
                acquisition.interactive()
            }
            _ => None,
        }
    }
}
