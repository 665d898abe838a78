use alfm_core::Probabilities;
use serde::{Deserialize, Serialize};

use super::{Votes, check_pull, shares};
use crate::Error;

/// Majority vote: every rule counts the same.
///
/// `p[i,k] = (n_ik + s m_k) / (n_i + s)`, where `n_ik` of the `n_i` votes on item `i` are for class `k`, `m` is
/// the class marginal and `s` the smoothing. An item without a vote gets the marginal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct MajorityVote {
    /// `s`: how many votes the marginal is worth, above 0; default 1.
    pub smoothing: f64,
    /// `m`: the share of each class; by default all the same. The votes themselves say
    /// little of it: rules written for one class make it look frequent.
    pub marginal: Option<Vec<f32>>,
}

impl Default for MajorityVote {
    fn default() -> Self {
        Self { smoothing: 1.0, marginal: None }
    }
}

impl MajorityVote {
    /// Sets the smoothing.
    #[must_use]
    pub fn with_smoothing(mut self, smoothing: f64) -> Self {
        self.smoothing = smoothing;
        self
    }

    /// Sets the share of each class.
    #[must_use]
    pub fn with_marginal(mut self, marginal: Vec<f32>) -> Self {
        self.marginal = Some(marginal);
        self
    }

    /// The class probabilities `N x K`, in `O(V + N K)` time for `V` votes.
    ///
    /// # Errors
    /// For the smoothing, or a marginal that is no distribution over the classes.
    ///
    /// ```
    /// use alfm_core::ClassId;
    /// use alfm_prior::weak_labels::{MajorityVote, Votes};
    /// let [a, b] = [0, 1].map(|class| Some(ClassId::new(class)));
    /// let votes = Votes::new(&[a, a, b, None, None, None], 2, 3, 2)?;
    /// let prior = MajorityVote::default().apply(&votes)?;
    /// assert_eq!(prior.view().values(), [2.5 / 4.0, 1.5 / 4.0, 0.5, 0.5]);
    /// # Ok::<(), alfm_prior::Error>(())
    /// ```
    pub fn apply(&self, votes: &Votes) -> Result<Probabilities, Error> {
        check_pull("smoothing", self.smoothing)?;
        let marginal = shares(self.marginal.as_deref(), votes.classes)?;
        let mut values = Vec::with_capacity(votes.items() * votes.classes);
        let mut counts = vec![0.0; votes.classes];
        for given in votes.iter() {
            counts.fill(0.0);
            given.iter().for_each(|(_, class)| counts[*class] += 1.0);
            let total = given.len() as f64 + self.smoothing;
            let smooth = |(count, share)| ((count + self.smoothing * share) / total) as f32;
            values.extend(counts.iter().zip(&marginal).map(smooth));
        }
        Probabilities::new(values, votes.items(), votes.classes)
    }
}
