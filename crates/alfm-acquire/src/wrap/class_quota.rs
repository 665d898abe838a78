use serde::{Deserialize, Serialize};

use crate::options::{HasOptions, INNER, Opt};
use crate::registry::Wrapper;
use crate::{AcquireError, Acquisition, Input, Needs, Pick, Random, Request};

/// Class quota: the batch is spread evenly over the predicted classes, and `inner` chooses within each.
///
/// A class may take as many rows as are predicted as it. What a class has no rows for is spread over the
/// others in the same way, and what does not divide goes to the classes with the fewest observed labels, the
/// lowest on ties. Picks come class by class in that order, with the scores of `inner`, which sees the whole
/// pool with the candidates of one class at a time.
///
/// [`AcquireError::Input`] for an observed label that the model does not know; what `inner` returns.
///
/// The cost of `inner` for each class, and `O(N K)` time, `O(N)` memory.
///
/// ```
/// use alfm_acquire::{Acquisition, ClassQuota, Margin, find};
/// assert_eq!(ClassQuota { inner: Margin }.name(), "class-quota");
/// let by_name = ClassQuota { inner: find("badge")? };
/// assert_eq!(by_name.needs().len(), 2);
/// # Ok::<(), alfm_acquire::AcquireError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, bound(serialize = "", deserialize = "A: Default"))]
pub struct ClassQuota<A> {
    /// The strategy that chooses among the rows of one predicted class.
    #[serde(skip)]
    pub inner: A,
}

impl<A: Acquisition> HasOptions for ClassQuota<A> {
    const OPTIONS: &'static [Opt] = &[INNER];
}

impl Wrapper for ClassQuota<Random> {
    fn around(self, inner: Box<dyn Acquisition>) -> Box<dyn Acquisition> {
        Box::new(ClassQuota { inner })
    }
}

impl<A: Acquisition> Acquisition for ClassQuota<A> {
    fn name(&self) -> &str {
        "class-quota"
    }

    fn needs(&self) -> Needs {
        self.inner.needs().with(Input::Model)
    }

    fn check(&self) -> Result<(), AcquireError> {
        self.inner.check()
    }

    fn acquire(&self, request: &Request<'_>) -> Result<Vec<Pick>, AcquireError> {
        let model = request.model()?;
        let counts = request.pool.class_counts(model.classes())?;
        let mut members = vec![Vec::new(); model.classes()];
        for row in request.candidates() {
            members[model.argmax(*row).index()].push(*row);
        }
        let mut order: Vec<usize> = (0..model.classes()).collect();
        order.sort_by_key(|class| counts[*class]);
        let room: Vec<usize> = order.iter().map(|class| members[*class].len()).collect();
        let mut picks = Vec::with_capacity(request.budget);
        for (class, quota) in order.into_iter().zip(quotas(request.budget, &room)) {
            let pool = request.pool.restricted_to(members[class].iter().copied());
            let seed = request.seed.index(class as u64);
            picks.extend(self.inner.select(&pool, quota, &seed)?);
        }
        Ok(picks)
    }
}

/// Quotas that sum to `budget`, exceed no room and are even but for that; a remainder goes to the first.
fn quotas(budget: usize, room: &[usize]) -> Vec<usize> {
    let mut quotas = vec![0; room.len()];
    let mut left = budget;
    while left > 0 {
        let open: Vec<usize> = (0..room.len()).filter(|at| quotas[*at] < room[*at]).collect();
        let Some(share) = left.checked_div(open.len()) else { break };
        // All open quotas are equal here, so that one row each for the first is all that can remain.
        for at in open.into_iter().take(if share == 0 { left } else { room.len() }) {
            let more = share.max(1).min(room[at] - quotas[at]);
            quotas[at] += more;
            left -= more;
        }
    }
    quotas
}

#[cfg(test)]
mod tests {
    use alfm_core::{ClassId, Predictions, SeedTree};

    use super::*;
    use crate::{Margin, Pool};

    /// Predicted 0, 0, 0, 0, 1, 1, 0: margins .2, .4, .1, .6, .3, .5 and .8; class 2 never shows.
    const P: [f32; 21] = [
        0.60, 0.40, 0.00, 0.70, 0.30, 0.00, 0.50, 0.40, 0.10, 0.80, 0.20, 0.00, 0.30, 0.60, 0.10,
        0.20, 0.70, 0.10, 0.90, 0.10, 0.00,
    ];

    fn select(strategy: &dyn Acquisition, labels: &[(usize, u32)], budget: usize) -> Vec<usize> {
        let mut observed = [None; 7];
        labels.iter().for_each(|(row, class)| observed[*row] = Some(ClassId::new(*class)));
        let model = Predictions::probabilities(&P, 7, 3).unwrap();
        let pool = Pool::new(&observed).unwrap().with_model(model).unwrap();
        let picks = strategy.select(&pool, budget, &SeedTree::new(0)).unwrap();
        picks.iter().map(|pick| pick.row).collect()
    }

    #[test]
    fn quotas_by_hand() {
        for (budget, room, expected) in [
            (5, &[10, 10, 10][..], &[2, 2, 1][..]),
            (5, &[10, 3, 10], &[2, 2, 1]),
            (7, &[1, 9, 9], &[1, 3, 3]),
            (9, &[9, 0, 2], &[7, 0, 2]),
            (8, &[9, 1, 2, 9], &[3, 1, 2, 2]),
            (1, &[0, 3, 3], &[0, 1, 0]),
            (4, &[2, 2], &[2, 2]),
        ] {
            assert_eq!(quotas(budget, room), expected, "{budget} over {room:?}");
        }
    }

    #[test]
    fn the_batch_is_even_over_predicted_classes() {
        let strategy = ClassQuota { inner: Margin };
        assert_eq!(select(&strategy, &[], 4), [2, 0, 4, 5]);
        // Class 1 has two rows only; class 0 takes the rest.
        assert_eq!(select(&strategy, &[], 6), [2, 0, 1, 3, 4, 5]);
    }

    /// Row 6 was answered 0, so class 1 comes first and has the odd row.
    #[test]
    fn the_remainder_goes_to_the_class_with_fewest_labels() {
        let strategy = ClassQuota { inner: Margin };
        assert_eq!(select(&strategy, &[], 3), [2, 0, 4]);
        assert_eq!(select(&strategy, &[(6, 0)], 3), [4, 5, 2]);
        assert_eq!(select(&strategy, &[(6, 0)], 1), [4]);
    }

    #[test]
    fn any_budget_is_met_exactly_by_any_inner_strategy() {
        let boxed: Box<dyn Acquisition> = Box::new(Random);
        let strategy = ClassQuota { inner: boxed };
        for budget in 0..9 {
            let mut rows = select(&strategy, &[(0, 2)], budget);
            rows.sort_unstable();
            rows.dedup();
            assert_eq!(rows.len(), budget.min(6));
            assert!(!rows.contains(&0));
        }
    }

    #[test]
    fn what_the_inner_strategy_lacks_is_missing() {
        let strategy = ClassQuota { inner: crate::KCenterGreedy::default() };
        assert_eq!(strategy.needs(), Needs::from([Input::Model, Input::Embeddings]));
        let observed = [None; 7];
        let model = Predictions::probabilities(&P, 7, 3).unwrap();
        let pool = Pool::new(&observed).unwrap().with_model(model).unwrap();
        let error = strategy.select(&pool, 1, &SeedTree::new(0)).unwrap_err();
        assert!(error.to_string().contains("needs embeddings"), "{error}");
    }
}
