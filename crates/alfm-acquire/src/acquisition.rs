use std::fmt;

use alfm_core::SeedTree;

use crate::{Error, Input, Interactive, Pick, Pool, Request};

/// An acquisition function.
///
/// Implementors write [`acquire`](Acquisition::acquire); callers call [`select`](Acquisition::select),
/// which keeps the contract at its edges.
pub trait Acquisition: fmt::Debug + Send + Sync {
    /// The name by which the strategy is known, in kebab case.
    fn name(&self) -> &'static str;

    /// What it cannot do without.
    fn needs(&self) -> &'static [Input];

    /// Chooses `request.budget` candidates, in selection order.
    ///
    /// Called with `1 <= budget <= candidates` and with every needed input present.
    ///
    /// # Errors
    /// As [`select`](Acquisition::select).
    fn acquire(&self, request: &Request<'_>) -> Result<Vec<Pick>, Error>;

    /// The strategy as one that asks within the batch, if it is one.
    fn interactive(&self) -> Option<&dyn Interactive> {
        None
    }

    /// Chooses `min(budget, candidates)` distinct candidates, in selection order.
    ///
    /// # Errors
    /// If the pool lacks an input that the strategy needs, or an option of the strategy is out of range.
    fn select(&self, pool: &Pool<'_>, budget: usize, seed: &SeedTree) -> Result<Vec<Pick>, Error> {
        match Request::new(self.name(), self.needs(), pool, budget, seed)? {
            None => Ok(Vec::new()),
            Some(request) => self.acquire(&request),
        }
    }
}

/// A strategy of the registry is itself one, so that it can be wrapped.
impl Acquisition for Box<dyn Acquisition> {
    fn name(&self) -> &'static str {
        (**self).name()
    }

    fn needs(&self) -> &'static [Input] {
        (**self).needs()
    }

    fn acquire(&self, request: &Request<'_>) -> Result<Vec<Pick>, Error> {
        (**self).acquire(request)
    }

    fn interactive(&self) -> Option<&dyn Interactive> {
        (**self).interactive()
    }
}
