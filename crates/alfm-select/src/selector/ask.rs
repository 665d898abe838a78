//! Strategies that ask within the batch (`galaxy`, `direct`), and every other in the same way.

use alfm_acquire::{Interactive, select_with_oracle};
use alfm_core::{ClassId, SampleId};

use super::Selector;
use crate::strategy::Engine;
use crate::{Error, PoolState, Round};

impl Selector {
    /// The next batch, answered: [`suggest`](Selector::suggest), the oracle, [`tell`](Selector::tell).
    ///
    /// A strategy that asks within the batch (`galaxy`, `direct`) is told after every `annotators` answers,
    /// and its next questions depend on them; any other strategy asks the whole batch at once. The oracle is
    /// asked for each item once. What it has answered is recorded even where it fails later.
    ///
    /// # Errors
    /// As [`suggest`](Selector::suggest) and [`tell`](Selector::tell), and whatever the oracle returns.
    pub fn suggest_and_ask<E: From<Error>>(
        &mut self,
        state: &PoolState<'_>,
        budget: usize,
        annotators: usize,
        mut oracle: impl FnMut(&[SampleId]) -> Result<Vec<ClassId>, E>,
    ) -> Result<Round, E> {
        let Some(strategy) = self.interactive(state) else {
            let round = self.suggest(state, budget)?;
            let asked: Vec<SampleId> = round.queries.iter().map(|query| query.id.clone()).collect();
            let answers = oracle(&asked)?;
            self.tell(&asked.into_iter().zip(answers).collect::<Vec<_>>())?;
            return Ok(round);
        };
        let (number, seed) = self.begin(state)?;
        let pool = self.pool(state)?;
        let mut answered: Vec<(SampleId, ClassId)> = Vec::new();
        let mut failed = None;
        let mut ask = |rows: &[usize]| {
            let asked: Vec<SampleId> = rows.iter().map(|row| self.ids[*row].clone()).collect();
            match oracle(&asked) {
                Ok(classes) => {
                    answered.extend(asked.into_iter().zip(classes.iter().copied()));
                    Some(classes)
                }
                Err(error) => {
                    failed = Some(error);
                    None
                }
            }
        };
        let picks = select_with_oracle(strategy, &pool, budget, annotators, &seed, &mut ask);
        let round = picks.map(|picks| Round { number, ..self.asking(&picks, state, &pool) });
        (self.round, self.told) = (number, false);
        self.tell(&answered)?;
        match failed {
            Some(error) => Err(error),
            None => Ok(round.map_err(Error::from)?),
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
        &mut self,
        state: &PoolState<'_>,
        budget: usize,
        annotators: usize,
    ) -> Result<Round, Error> {
        let Some(strategy) = self.interactive(state) else {
            return self.suggest(state, budget.min(annotators));
        };
        let (number, seed) = self.begin(state)?;
        let pool = self.pool(state)?;
        let mut silent = |_: &[usize]| None;
        let picks = select_with_oracle(strategy, &pool, budget, annotators, &seed, &mut silent)?;
        let round = Round { number, ..self.asking(&picks, state, &pool) };
        (self.round, self.told) = (number, false);
        Ok(round)
    }

    fn interactive(&self, state: &PoolState<'_>) -> Option<&dyn Interactive> {
        match &self.engine {
            Engine::Acquisition(acquisition) if !self.is_cold(state) => acquisition.interactive(),
            _ => None,
        }
    }
}
