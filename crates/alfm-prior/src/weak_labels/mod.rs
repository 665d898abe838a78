//! Weak labels: many rules that vote for a class or abstain, and are often wrong.

mod generative;
mod majority;

pub use generative::{FittedRules, GenerativeModel};
pub use majority::MajorityVote;

use alfm_core::{ClassId, Matrix, Probabilities, ScoreKind};
use serde::{Deserialize, Serialize};

use crate::Error;

/// Which model turns votes into class probabilities, each with its defaults.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum RuleModel {
    /// [`MajorityVote`].
    #[default]
    Majority,
    /// [`GenerativeModel`].
    Generative,
}

impl RuleModel {
    /// The class probabilities `N x K`.
    ///
    /// # Errors
    /// None that the checks of [`Votes`] leave; as [`MajorityVote::apply`] and [`GenerativeModel::fit`].
    pub fn prior(self, votes: &Votes) -> Result<Probabilities, Error> {
        match self {
            Self::Majority => MajorityVote::default().apply(votes),
            Self::Generative => Ok(GenerativeModel::default().fit(votes)?.prior),
        }
    }
}

/// The votes of `M` rules on `N` items, checked once; a rule may abstain.
///
/// Abstentions take no memory: rules that cover a few items each cost what their votes cost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Votes {
    /// Rule and class of every vote, item by item.
    votes: Vec<(usize, usize)>,
    /// Where the votes of each item end.
    ends: Vec<usize>,
    rules: usize,
    classes: usize,
}

impl Votes {
    /// Votes as a row-major matrix, one row an item, one column a rule, for `classes` classes.
    ///
    /// # Errors
    /// If the values fill no `items x rules`, for fewer than two classes or an unknown one.
    pub fn new(
        votes: &[Option<ClassId>],
        items: usize,
        rules: usize,
        classes: usize,
    ) -> Result<Self, Error> {
        if classes < 2 {
            return Err(Error::too_few_classes(classes));
        }
        if items.checked_mul(rules) != Some(votes.len()) || rules == 0 {
            return Err(Error::shape(items, rules, votes.len()));
        }
        let (mut kept, mut ends) = (Vec::new(), Vec::with_capacity(items));
        for row in votes.chunks_exact(rules) {
            for (rule, vote) in row.iter().enumerate() {
                let Some(class) = *vote else { continue };
                if class.index() >= classes {
                    return Err(Error::unknown_class(class, classes));
                }
                kept.push((rule, class.index()));
            }
            ends.push(kept.len());
        }
        Ok(Self { votes: kept, ends, rules, classes })
    }

    /// Number of items `N`.
    pub fn items(&self) -> usize {
        self.ends.len()
    }

    /// Number of rules `M`.
    pub fn rules(&self) -> usize {
        self.rules
    }

    /// Number of classes `K`.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// Share of the items with a vote.
    pub fn coverage(&self) -> f64 {
        let covered = self.iter().filter(|votes| !votes.is_empty()).count();
        covered as f64 / self.items().max(1) as f64
    }

    /// The votes of each item, as rule and class.
    fn iter(&self) -> impl Iterator<Item = &[(usize, usize)]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, end)| &self.votes[start..*end])
    }
}

/// The given class shares, or equal ones.
fn shares(marginal: Option<&[f32]>, classes: usize) -> Result<Vec<f64>, Error> {
    let Some(marginal) = marginal else { return Ok(vec![1.0 / classes as f64; classes]) };
    let row = Matrix::new(marginal.to_vec(), 1, marginal.len().max(1))?;
    let checked = crate::from_matrix(row.view(), ScoreKind::Probabilities, 1, classes)?;
    Ok(checked.view().row(0).iter().copied().map(f64::from).collect())
}

/// Checks a number of pseudo-votes.
fn check_pull(name: &'static str, value: f64) -> Result<(), Error> {
    if value.is_finite() && value > 0.0 {
        return Ok(());
    }
    Err(Error::setting(name, value, "a number of votes must be finite and above 0"))
}
