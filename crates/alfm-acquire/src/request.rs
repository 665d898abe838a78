use alfm_core::{MatrixView, Predictions, SeedTree};

use crate::{AcquireError, Averaged, Input, LinearHead, Needs, Pool};

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
    /// [`AcquireError::MissingInput`] if the pool lacks an input that the strategy needs.
    pub(crate) fn new(
        strategy: &'a str,
        needs: Needs,
        pool: &'a Pool<'a>,
        budget: usize,
        seed: &SeedTree,
    ) -> Result<Option<Self>, AcquireError> {
        if let Some(input) = needs.iter().find(|input| !pool.has(*input)) {
            return Err(AcquireError::MissingInput { strategy: strategy.to_owned(), input });
        }
        let budget = budget.min(pool.candidates().len());
        Ok((budget > 0).then(|| Self { pool, budget, seed: seed.child(strategy), strategy }))
    }

    /// The rows that may be chosen, ascending.
    pub fn candidates(&self) -> &'a [usize] {
        self.pool.candidates()
    }

    /// The small model's predictions.
    ///
    /// # Errors
    /// [`AcquireError::MissingInput`] if the pool has none; likewise below.
    pub fn model(&self) -> Result<Predictions<'a>, AcquireError> {
        self.needed(Input::Model, self.pool.model())
    }

    /// The embeddings.
    #[expect(clippy::missing_errors_doc, reason = "as `model`")]
    pub fn embeddings(&self) -> Result<MatrixView<'a>, AcquireError> {
        self.needed(Input::Embeddings, self.pool.embeddings())
    }

    /// The foundation model's class probabilities.
    #[expect(clippy::missing_errors_doc, reason = "as `model`")]
    pub fn prior(&self) -> Result<Predictions<'a>, AcquireError> {
        self.needed(Input::Prior, self.pool.prior())
    }

    /// The small model's last layer.
    #[expect(clippy::missing_errors_doc, reason = "as `model`")]
    pub fn head(&self) -> Result<LinearHead<'a>, AcquireError> {
        self.needed(Input::Head, self.pool.head())
    }

    /// The stochastic passes, at least one.
    #[expect(clippy::missing_errors_doc, reason = "as `model`")]
    pub fn passes(&self) -> Result<&'a [Predictions<'a>], AcquireError> {
        self.needed(Input::Passes, self.pool.passes())
    }

    /// The small model's running average.
    #[expect(clippy::missing_errors_doc, reason = "as `model`")]
    pub fn averaged(&self) -> Result<Averaged<'a>, AcquireError> {
        self.needed(Input::Averaged, self.pool.averaged())
    }

    /// The language model's surprisal, `N x T`.
    #[expect(clippy::missing_errors_doc, reason = "as `model`")]
    pub fn surprisal(&self) -> Result<MatrixView<'a>, AcquireError> {
        self.needed(Input::Surprisal, self.pool.surprisal())
    }

    /// The labelled rows and the candidates, ascending: what the strategy may look at.
    pub(crate) fn visible(&self) -> Vec<usize> {
        let labelled = self.pool.labelled().map(|(row, _)| row);
        let mut rows: Vec<usize> = labelled.chain(self.candidates().iter().copied()).collect();
        rows.sort_unstable();
        rows
    }

    fn needed<T>(&self, input: Input, given: Option<T>) -> Result<T, AcquireError> {
        given
            .ok_or_else(|| AcquireError::MissingInput { strategy: self.strategy.to_owned(), input })
    }
}
