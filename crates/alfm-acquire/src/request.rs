use alfm_core::SeedTree;
use alfm_kernels::{Ties, largest};

use crate::{Error, Input, Needs, Pick, Pool};

/// One call of a strategy: how many rows, out of what.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    /// What the strategy may see.
    pub pool: &'a Pool<'a>,
    /// How many rows to choose: at least 1, at most the number of candidates.
    pub budget: usize,
    /// The strategy's own branch of the seed tree.
    pub seed: SeedTree,
    /// The strategy's name, for errors.
    pub strategy: &'a str,
}

impl<'a> Request<'a> {
    /// What `strategy` is asked for, its budget cut to the candidates; `None` where nothing is left to choose.
    ///
    /// # Errors
    /// If the pool lacks an input that the strategy needs.
    pub(crate) fn new(
        strategy: &'a str,
        needs: Needs,
        pool: &'a Pool<'a>,
        budget: usize,
        seed: &SeedTree,
    ) -> Result<Option<Self>, Error> {
        if let Some(input) = needs.iter().find(|input| !pool.has(*input)) {
            return Err(input.missing_for(strategy));
        }
        let budget = budget.min(pool.candidate_rows().len());
        Ok((budget > 0).then(|| Self { pool, budget, seed: seed.child(strategy), strategy }))
    }

    /// The rows that may be chosen, ascending.
    pub fn candidates(&self) -> &'a [usize] {
        self.pool.candidates()
    }

    /// The candidates with the largest scores, one score a candidate.
    pub(crate) fn largest(&self, scores: &[f32]) -> Vec<Pick> {
        largest(self.candidates(), scores, self.budget, self.ties())
    }

    /// Which of equally good rows comes first.
    pub fn ties(&self) -> Ties {
        self.pool.ties()
    }

    /// The labelled rows and the candidates, ascending: what the strategy may look at.
    pub(crate) fn visible(&self) -> Vec<usize> {
        let labelled = self.pool.labelled().map(|(row, _)| row);
        let mut rows: Vec<usize> = labelled.chain(self.candidates().iter().copied()).collect();
        rows.sort_unstable();
        rows
    }

    pub(crate) fn needed<T>(&self, input: Input, given: Option<T>) -> Result<T, Error> {
        given.ok_or_else(|| input.missing_for(self.strategy))
    }
}
