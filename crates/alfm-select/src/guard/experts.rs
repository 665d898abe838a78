//! What both experts say, of the pool and of the labelled items.

use alfm_acquire::Pool;
use alfm_core::{ClassId, CoreError, Matrix, Predictions, ScoreKind};
use alfm_kernels::{CoDecision, Joint};
use rayon::prelude::*;

use super::fit::Evidence;
use super::names::{self, Names};
use super::opinion::Opinion;
use crate::prioral::Scores;
use crate::{LabelsOnly, PriorAlConfig, SelectError};

/// What both experts say of the pool and, without having seen their labels, of the labelled items.
#[derive(Clone)]
pub(super) struct Experts<'a> {
    prior: Predictions<'a>,
    /// The names of the prior's classes, if not its own.
    names: Option<Names>,
    model: Predictions<'a>,
    /// What the small model says, with a share for classes that have no label yet, if there may be any.
    smoothed: Option<Matrix>,
    labelled_prior: Matrix,
    labelled_model: Matrix,
}

/// The free labels of the pool, and how sure they are.
pub(super) struct Scored {
    /// The parts of both experts: their product is the free label.
    pub(super) prior: Matrix,
    pub(super) model: Matrix,
    /// The free labels, beside the entropies that decide which items get one.
    pub(super) pool: Scores,
}

/// Both experts under one opinion, on the labelled items alone.
pub(super) struct Labelled {
    pub(super) prior: Matrix,
    pub(super) model: Matrix,
    pub(super) rows: Vec<CoDecision>,
}

impl<'a> Experts<'a> {
    /// The experts, the small model's word smoothed by the [`unseen`] share.
    pub(super) fn new(
        prior: Predictions<'a>,
        own: &LabelsOnly<'a>,
        labelled: &[(usize, ClassId)],
    ) -> Result<Self, SelectError> {
        let unseen = unseen(labelled.iter().map(|(_, class)| *class), prior.classes());
        let smooth = |row: &[f32], out: &mut [f32]| {
            let share = unseen / row.len() as f32;
            out.iter_mut().zip(row).for_each(|(out, p)| *out = (1.0 - unseen) * p + share);
        };
        Ok(Self {
            prior,
            names: None,
            model: own.pool,
            // With all classes seen, the pool's predictions need no copy.
            smoothed: (unseen > 0.0).then(|| map_rows(own.pool, smooth)).transpose()?,
            labelled_prior: gather(prior, labelled.iter().map(|(row, _)| *row))?,
            labelled_model: map_rows(own.out_of_fold, smooth)?,
        })
    }

    /// The same, the prior's columns under the names that the labels give them.
    pub(super) fn renamed(&self, labels: &[ClassId], weights: &[f64]) -> Result<Self, SelectError> {
        let (names, told) = names::cross_fitted(self.labelled_prior.view(), labels, weights)?;
        Ok(Self { names: Some(names), labelled_prior: told, ..self.clone() })
    }

    /// What they say of the labelled items, beside the labels.
    pub(super) fn evidence<'b>(
        &'b self,
        labels: &'b [ClassId],
        weights: &'b [f64],
    ) -> Evidence<'b> {
        let (prior, model) = (self.labelled_prior.view(), self.labelled_model.view());
        Evidence { prior, model, labels, weights }
    }

    /// The class of each of the prior's columns, if it is not heard under its own names.
    pub(super) fn names(&self) -> Option<Vec<ClassId>> {
        self.names.as_ref().map(Names::classes)
    }

    /// How sure they are of the pool under one opinion, and its free labels under another, `free`, or the same.
    ///
    /// `student` is the small model that has learned from free labels. If it is heard, it alone decides beside the
    /// prior which items are sure, and with the small model of labels alone what they are: what it has not learned
    /// from the prior's other labels is the prior's mistake more often than not.
    pub(super) fn score(
        &self,
        opinion: &Opinion,
        free: Option<&Opinion>,
        student: Option<Predictions<'_>>,
        engine: &PriorAlConfig,
        pool: &Pool<'_>,
    ) -> Result<Scored, SelectError> {
        let prior = self.prior_part(opinion)?;
        let score = |model: &Matrix| {
            engine.score(probabilities(&prior)?, probabilities(model)?, Joint::Product, pool)
        };
        let judge = match student {
            Some(student) => map_rows(student, |row, out| opinion.of_model(row, out))?,
            None => self.model_part(opinion, None)?,
        };
        let sure = score(&judge)?;
        let Some(free) = free else { return Ok(Scored { prior, model: judge, pool: sure }) };
        let model = self.model_part(free, student)?;
        let mut scores = score(&model)?;
        scores.entropy = sure.entropy;
        Ok(Scored { prior, model, pool: scores })
    }

    /// The prior's part on the pool, under its names, `N x K`.
    fn prior_part(&self, opinion: &Opinion) -> Result<Matrix, SelectError> {
        Ok(map_rows(self.prior, |row, out| match &self.names {
            None => opinion.of_prior(row, out),
            Some(names) => opinion.of_prior(&names.rename(row), out),
        })?)
    }

    /// The small model's part on the pool, `N x K`: half of it the student's if it is heard.
    fn model_part(
        &self,
        opinion: &Opinion,
        student: Option<Predictions<'_>>,
    ) -> Result<Matrix, SelectError> {
        let own = self.smoothed.as_ref().map(probabilities).transpose()?.unwrap_or(self.model);
        Ok(match student {
            None => map_rows(own, |row, out| opinion.of_model(row, out))?,
            Some(student) => {
                zip_rows(own, student, |row, other, out| opinion.of_models(row, other, out))?
            }
        })
    }

    /// What they say of the labelled items, each under the opinion whose turn it is; nothing without opinions.
    pub(super) fn in_turn(
        &self,
        opinions: &[Opinion],
        pool: &Pool<'_>,
    ) -> Result<Vec<CoDecision>, SelectError> {
        let told = opinions.iter().map(|opinion| self.labelled(opinion, pool));
        let told = told.collect::<Result<Vec<_>, _>>()?;
        let rows = if told.is_empty() { 0 } else { self.labelled_prior.view().rows() };
        Ok((0..rows).map(|at| told[at % told.len()].rows[at]).collect())
    }

    /// What they say of the labelled items under one opinion.
    pub(super) fn labelled(
        &self,
        opinion: &Opinion,
        pool: &Pool<'_>,
    ) -> Result<Labelled, SelectError> {
        let (prior, model) =
            (probabilities(&self.labelled_prior)?, probabilities(&self.labelled_model)?);
        let prior = map_rows(prior, |row, out| opinion.of_prior(row, out))?;
        let model = map_rows(model, |row, out| opinion.of_model(row, out))?;
        let (p, f) = (probabilities(&prior)?, probabilities(&model)?);
        let rows = pool.device().co_decide(p, f, Joint::Product)?;
        Ok(Labelled { prior, model, rows })
    }
}

impl Labelled {
    /// Which of the items would be among the `clean` surest ones of a pool that was scored under the same opinion.
    pub(super) fn inside(&self, pool: &Scores, clean: usize) -> Vec<bool> {
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

pub(crate) fn probabilities(matrix: &Matrix) -> Result<Predictions<'_>, CoreError> {
    Predictions::new(matrix.view(), ScoreKind::Probabilities)
}

fn gather(from: Predictions<'_>, rows: impl Iterator<Item = usize>) -> Result<Matrix, CoreError> {
    let (mut values, mut buffer, mut count) = (Vec::new(), Vec::new(), 0);
    for row in rows {
        values.extend_from_slice(from.row(row, &mut buffer));
        count += 1;
    }
    Matrix::new(values, count, from.classes())
}

/// A new matrix, row by row, in parallel.
fn map_rows(
    from: Predictions<'_>,
    map: impl Fn(&[f32], &mut [f32]) + Sync,
) -> Result<Matrix, CoreError> {
    fill_rows(from, |[buffer, _], row, out| map(from.row(row, buffer), out))
}

/// The same from two of one shape.
fn zip_rows(
    from: Predictions<'_>,
    other: Predictions<'_>,
    map: impl Fn(&[f32], &[f32], &mut [f32]) + Sync,
) -> Result<Matrix, CoreError> {
    fill_rows(from, |[a, b], row, out| map(from.row(row, a), other.row(row, b), out))
}

/// A new matrix of one shape with `like`; each thread has two buffers.
fn fill_rows(
    like: Predictions<'_>,
    fill: impl Fn(&mut [Vec<f32>; 2], usize, &mut [f32]) + Sync,
) -> Result<Matrix, CoreError> {
    let mut values = vec![0.0; like.rows() * like.classes()];
    let rows = values.par_chunks_exact_mut(like.classes()).enumerate();
    rows.for_each_init(Default::default, |buffers, (row, out)| fill(buffers, row, out));
    Matrix::new(values, like.rows(), like.classes())
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
