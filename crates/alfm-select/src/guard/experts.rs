//! What both experts say, of the pool and of the labelled items.

use alfm_acquire::Pool;
use alfm_core::{ClassId, Predictions, Probabilities};
use alfm_kernels::{CoDecision, Joint};
use rayon::prelude::*;

use super::confusion::{self, ColumnConfusion};
use super::likelihood::Evidence;
use super::opinion_pool::LogOpinionPool;
use crate::decisions::Decisions;
use crate::scoring::{Scores, SplitRule};
use crate::{Error, LabelsOnly};

/// What both experts say of the pool and, without having seen their labels, of the labelled items.
#[derive(Clone)]
pub(super) struct Experts<'a> {
    prior: Predictions<'a>,
    /// Which classes the prior's columns stand for, if not their own.
    confusion: Option<ColumnConfusion>,
    model: Predictions<'a>,
    /// What the small model says, with a share for classes that have no label yet, if there may be any.
    smoothed: Option<Probabilities>,
    labelled_prior: Probabilities,
    labelled_model: Probabilities,
}

/// The free labels of the pool, and how sure they are.
pub(super) struct PoolScores {
    /// The parts of both experts: their product is the free label.
    pub(super) prior: Probabilities,
    pub(super) model: Probabilities,
    /// The free labels, beside the entropies that decide which items get one.
    pub(super) pool: Scores<'static>,
}

/// Both experts under one opinion pool, on the labelled items alone.
pub(super) struct HeldOut {
    pub(super) prior: Probabilities,
    pub(super) model: Probabilities,
    pub(super) rows: Vec<CoDecision>,
}

impl<'a> Experts<'a> {
    /// The experts, the small model's word smoothed by the [`unseen`] share.
    pub(super) fn new(
        prior: Predictions<'a>,
        own: &LabelsOnly<'a>,
        labelled: &[(usize, ClassId)],
    ) -> Result<Self, Error> {
        let unseen = unseen(labelled.iter().map(|(_, class)| *class), prior.classes());
        let smooth = |row: &[f32], out: &mut [f32]| {
            let share = unseen / row.len() as f32;
            out.iter_mut().zip(row).for_each(|(out, p)| *out = (1.0 - unseen) * p + share);
        };
        Ok(Self {
            prior,
            confusion: None,
            model: own.pool,
            // With all classes seen, the pool's predictions need no copy.
            smoothed: (unseen > 0.0).then(|| map_rows(own.pool, smooth)).transpose()?,
            labelled_prior: gather(prior, labelled.iter().map(|(row, _)| *row))?,
            labelled_model: map_rows(own.out_of_fold, smooth)?,
        })
    }

    /// The same, the prior's columns under the names that the labels give them.
    pub(super) fn renamed(&self, labels: &[ClassId], weights: &[f64]) -> Result<Self, Error> {
        let (confusion, labelled_prior) =
            confusion::cross_fitted(self.labelled_prior.view(), labels, weights)?;
        Ok(Self { confusion: Some(confusion), labelled_prior, ..self.clone() })
    }

    /// What they say of the labelled items, beside the labels.
    pub(super) fn evidence<'b>(
        &'b self,
        labels: &'b [ClassId],
        weights: &'b [f64],
    ) -> Evidence<'b> {
        Evidence {
            prior: self.labelled_prior.view(),
            model: self.labelled_model.view(),
            labels,
            weights,
        }
    }

    /// The class of each of the prior's columns, if it is not heard under its own names.
    pub(super) fn names(&self) -> Option<Vec<ClassId>> {
        self.confusion.as_ref().map(ColumnConfusion::classes)
    }

    /// How sure they are of the pool under one opinion pool, and its free labels under another, `free`, or the same.
    ///
    /// `student` is the small model that has learned from free labels. If it is heard, it alone decides beside the
    /// prior which items are sure, and with the small model of labels alone what they are: what it has not learned
    /// from the prior's other labels is the prior's mistake more often than not.
    pub(super) fn score(
        &self,
        opinions: &LogOpinionPool,
        free: Option<&LogOpinionPool>,
        student: Option<Predictions<'_>>,
        rule: SplitRule,
        pool: &Pool<'_>,
    ) -> Result<PoolScores, Error> {
        let prior = self.prior_part(opinions)?;
        let score = |model: &Probabilities| {
            let (prior, model) = (prior.predictions(), model.predictions());
            let decisions = pool.device().co_decide(prior, model, Joint::Product)?;
            rule.score(Decisions::Held(decisions), prior.classes(), pool)
        };
        let judge = match student {
            Some(student) => map_rows(student, |row, out| opinions.of_model(row, out))?,
            None => self.model_part(opinions, None)?,
        };
        let sure = score(&judge)?;
        let Some(free) = free else { return Ok(PoolScores { prior, model: judge, pool: sure }) };
        let model = self.model_part(free, student)?;
        let mut scores = score(&model)?;
        scores.entropy = sure.entropy;
        Ok(PoolScores { prior, model, pool: scores })
    }

    /// The prior's part on the pool, under its names, `N x K`.
    fn prior_part(&self, opinions: &LogOpinionPool) -> Result<Probabilities, Error> {
        map_rows(self.prior, |row, out| match &self.confusion {
            None => opinions.of_prior(row, out),
            Some(confusion) => opinions.of_prior(&confusion.rename(row), out),
        })
    }

    /// The small model's part on the pool, `N x K`: half of it the student's if it is heard.
    fn model_part(
        &self,
        opinions: &LogOpinionPool,
        student: Option<Predictions<'_>>,
    ) -> Result<Probabilities, Error> {
        let own = self.smoothed.as_ref().map_or(self.model, Probabilities::predictions);
        Ok(match student {
            None => map_rows(own, |row, out| opinions.of_model(row, out))?,
            Some(student) => {
                zip_rows(own, student, |row, other, out| opinions.of_models(row, other, out))?
            }
        })
    }

    /// What they say of the labelled items, each under the opinion pool whose turn it is; nothing without pools.
    pub(super) fn in_turn(
        &self,
        of_folds: &[LogOpinionPool],
        pool: &Pool<'_>,
    ) -> Result<Vec<CoDecision>, Error> {
        let folds = of_folds.iter().map(|opinions| self.held_out(opinions, pool));
        let folds = folds.collect::<Result<Vec<_>, _>>()?;
        let rows = if folds.is_empty() { 0 } else { self.labelled_prior.view().rows() };
        Ok((0..rows).map(|at| folds[at % folds.len()].rows[at]).collect())
    }

    /// What they say of the labelled items under one opinion pool.
    pub(super) fn held_out(
        &self,
        opinions: &LogOpinionPool,
        pool: &Pool<'_>,
    ) -> Result<HeldOut, Error> {
        let prior = self.labelled_prior.predictions();
        let prior = map_rows(prior, |row, out| opinions.of_prior(row, out))?;
        let model = self.labelled_model.predictions();
        let model = map_rows(model, |row, out| opinions.of_model(row, out))?;
        let rows =
            pool.device().co_decide(prior.predictions(), model.predictions(), Joint::Product)?;
        Ok(HeldOut { prior, model, rows })
    }
}

impl HeldOut {
    /// Which of the items would be among the `clean` surest ones of a pool that was scored under the same opinions.
    pub(super) fn inside(&self, pool: &Scores<'_>, clean: usize) -> Vec<bool> {
        let limit = match clean {
            0 => f32::NEG_INFINITY,
            _ => {
                let mut entropy = pool.entropy.clone();
                *entropy.select_nth_unstable_by(clean - 1, f32::total_cmp).1
            }
        };
        self.rows.iter().map(|row| pool.weighted(row) <= limit).collect()
    }
}

/// The probability that an item is of a class without label yet, by Good (1953) and Turing: the share of labels
/// that are the only one of their class. A held-out model has never seen the class of such a label.
fn unseen(labels: impl ExactSizeIterator<Item = ClassId>, classes: usize) -> f32 {
    let total = labels.len();
    let mut counts = vec![0_usize; classes];
    labels.for_each(|label| counts[label.index()] += 1);
    let single = counts.iter().filter(|count| **count == 1).count();
    single as f32 / total.max(1) as f32
}

fn gather(
    from: Predictions<'_>,
    rows: impl Iterator<Item = usize>,
) -> Result<Probabilities, Error> {
    let mut values = Vec::new();
    let mut buffer = Vec::new();
    let mut count = 0;
    for row in rows {
        values.extend_from_slice(from.row(row, &mut buffer));
        count += 1;
    }
    Probabilities::new(values, count, from.classes())
}

/// A new matrix, row by row, in parallel.
fn map_rows(
    from: Predictions<'_>,
    map: impl Fn(&[f32], &mut [f32]) + Sync,
) -> Result<Probabilities, Error> {
    fill_rows(from, |[buffer, _], row, out| map(from.row(row, buffer), out))
}

/// The same from two of one shape.
fn zip_rows(
    from: Predictions<'_>,
    other: Predictions<'_>,
    map: impl Fn(&[f32], &[f32], &mut [f32]) + Sync,
) -> Result<Probabilities, Error> {
    fill_rows(from, |[a, b], row, out| map(from.row(row, a), other.row(row, b), out))
}

/// A new matrix of one shape with `like`; each thread has two buffers.
fn fill_rows(
    like: Predictions<'_>,
    fill: impl Fn(&mut [Vec<f32>; 2], usize, &mut [f32]) + Sync,
) -> Result<Probabilities, Error> {
    let mut values = vec![0.0; like.rows() * like.classes()];
    let rows = values.par_chunks_exact_mut(like.classes()).enumerate();
    rows.for_each_init(Default::default, |buffers, (row, out)| fill(buffers, row, out));
    Probabilities::new(values, like.rows(), like.classes())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Classes 2 and 5 have one label each, of six.
    #[test]
    fn the_unseen_share_is_that_of_single_labels() {
        let share = |labels: &[u32], classes| {
            unseen(labels.iter().map(|label| ClassId::new(*label)), classes)
        };
        assert_eq!(share(&[0, 0, 1, 1, 2, 5], 9), 2.0 / 6.0);
        assert_eq!(share(&[0, 0, 1, 1], 2), 0.0);
        assert_eq!(share(&[], 3), 0.0);
    }
}
