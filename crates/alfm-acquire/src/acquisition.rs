use std::fmt;
use std::sync::Arc;

use alfm_core::SeedTree;

use crate::{AcquireError, Interactive, Needs, Pick, Pool, Request};

/// An acquisition function.
///
/// Implementors write [`acquire`](Acquisition::acquire); callers call [`select`](Acquisition::select),
/// which keeps the contract at its edges.
pub trait Acquisition: fmt::Debug + Send + Sync {
    /// The name by which the strategy is known, in kebab case. It names its branch of the seed tree too.
    fn name(&self) -> &str;

    /// What it cannot do without.
    fn needs(&self) -> Needs;

    /// Checks its options, whatever the pool. The registry calls it when it builds a strategy.
    ///
    /// # Errors
    /// [`AcquireError::Setting`] if an option is out of range.
    fn check(&self) -> Result<(), AcquireError> {
        Ok(())
    }

    /// Chooses `request.budget` candidates, in selection order.
    ///
    /// Called with `1 <= budget <= candidates`, with every needed input present and options that hold.
    ///
    /// # Errors
    /// [`AcquireError::Input`] if an input does not fit what the strategy makes of it.
    fn acquire(&self, request: &Request<'_>) -> Result<Vec<Pick>, AcquireError>;

    /// The strategy as one that asks within the batch, if it is one.
    fn interactive(&self) -> Option<&dyn Interactive> {
        None
    }

    /// Chooses `min(budget, candidates)` distinct candidates, in selection order.
    ///
    /// # Errors
    /// As [`check`](Acquisition::check) and [`acquire`](Acquisition::acquire);
    /// [`AcquireError::MissingInput`] if the pool lacks an input that the strategy needs.
    fn select(
        &self,
        pool: &Pool<'_>,
        budget: usize,
        seed: &SeedTree,
    ) -> Result<Vec<Pick>, AcquireError> {
        self.check()?;
        match Request::new(self.name(), self.needs(), pool, budget, seed)? {
            None => Ok(Vec::new()),
            Some(request) => self.acquire(&request),
        }
    }
}

/// A strategy that is owned or shared is itself one, so that it can be wrapped.
macro_rules! behind {
    ($pointer:ident) => {
        impl Acquisition for $pointer<dyn Acquisition> {
            fn name(&self) -> &str {
                (**self).name()
            }

            fn needs(&self) -> Needs {
                (**self).needs()
            }

            fn check(&self) -> Result<(), AcquireError> {
                (**self).check()
            }

            fn acquire(&self, request: &Request<'_>) -> Result<Vec<Pick>, AcquireError> {
                (**self).acquire(request)
            }

            fn interactive(&self) -> Option<&dyn Interactive> {
                (**self).interactive()
            }
        }
    };
}

behind!(Box);
behind!(Arc);
