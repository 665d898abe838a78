//! Trust in the prior: optimistic at first, withdrawn by what the oracle's labels say.

mod bound;
mod opinion;

use alfm_acquire::compute::{CoDecision, Joint, co_decide};
use alfm_acquire::{AcquireError, Input, Pool};
use alfm_core::{ClassId, CoreError, Matrix, Predictions, ScoreKind};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

pub use bound::StatedError;
pub(crate) use bound::clopper_pearson;
use opinion::{Evidence, Free, Opinion};

use crate::{LabelsOnly, PriorAlConfig, SelectError};

/// Options of the guard; every part of it can be switched off to see what it is worth.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct GuardConfig {
    /// The prior's weight in the product is fitted on the oracle's labels; else it is 1.
    pub weigh: bool,
    /// The small model's temperature and a bias for each class are fitted as well.
    pub calibrate: bool,
    /// The prior is given up where the joint distribution labels worse than the small model alone.
    pub champion: bool,
    /// The oracle's labels may be wrong: their noise rate is fitted.
    pub noise_aware: bool,
    /// Labels that contradict both experts weigh less in training.
    pub robust: bool,
    /// The share of every batch that is drawn at random, so that estimates stay honest.
    pub explore: f64,
    /// The share of every batch that asks the least credible labels again, each once.
    pub relabel: f64,
    /// What a free label weighs in training while the prior is fully trusted, an oracle label weighing 1.
    pub weight: f32,
    /// The share of wrong labels below which free labels are certified.
    pub epsilon: f64,
    /// How often a stated bound may be wrong.
    pub delta: f64,
}

impl Default for GuardConfig {
    fn default() -> Self {
        Self {
            weigh: true,
            calibrate: true,
            champion: true,
            noise_aware: true,
            robust: true,
            explore: 0.1,
            relabel: 0.0,
            weight: 0.5,
            epsilon: 0.05,
            delta: 0.1,
        }
    }
}

/// What the guard found in one round.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Trust {
    /// Exponent of the prior in the joint distribution: 0 no trust, 1 as published. Below
    /// [`LEAST_TRUST`] there are no free labels.
    pub prior_exponent: f64,
    /// Exponent of the small model.
    pub model_exponent: f64,
    /// The share of the small model's surprise at the labels that the prior takes away.
    pub gain: f64,
    /// The share of the oracle's labels that seems to be wrong.
    pub noise_rate: f64,
    /// Share of labelled items that the prior gets right, weighted to stand for the pool.
    pub prior_right: f64,
    /// The same for the joint distribution, whose small model has not seen the item.
    pub joint_right: f64,
    /// The same for the small model alone.
    pub model_right: f64,
    /// What each free label weighs in training.
    pub weight: f32,
    /// What can be stated of the error of all free labels; no bound without random labels.
    pub stated: StatedError,
    /// Number of free labels, the surest ones, whose error is below `epsilon` at confidence `1 - delta`.
    pub certified: usize,
}

/// What the guard makes of both experts.
pub(crate) struct Verdict {
    /// The calibrated experts, `N x K`: their plain product is the joint distribution.
    pub(crate) prior: Matrix,
    pub(crate) model: Matrix,
    /// How many of the unlabelled items become clean.
    pub(crate) clean: usize,
    pub(crate) trust: Trust,
    pub(crate) robust: bool,
    opinion: Opinion,
    /// The labelled rows with their class and the probability that it is right.
    pub(crate) labelled: Vec<(usize, ClassId, f32)>,
}

impl Verdict {
    /// At most `count` labelled rows that are more probably wrong than right, the least credible first.
    pub(crate) fn doubtful(&self, count: usize, asked_again: impl Fn(usize) -> bool) -> Vec<usize> {
        let mut rows: Vec<(f32, usize)> = self
            .labelled
            .iter()
            .filter(|(row, _, credence)| *credence < 0.5 && !asked_again(*row))
            .map(|(row, _, credence)| (*credence, *row))
            .collect();
        rows.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        rows.into_iter().map(|(_, row)| row).take(count).collect()
    }

    /// For each class, the probability that it is right if the oracle says so of this row.
    pub(crate) fn credence(&self, row: usize) -> Vec<f32> {
        credence(self.prior.view().row(row), self.model.view().row(row), self.opinion.noise)
    }
}

/// For each class, the probability that a label of that class is right, given both calibrated experts.
#[expect(clippy::cast_possible_truncation, reason = "probabilities")]
fn credence(prior: &[f32], model: &[f32], noise: f64) -> Vec<f32> {
    let joint = || prior.iter().zip(model).map(|(l, f)| f64::from(l * f));
    let mass = joint().sum::<f64>().max(f64::MIN_POSITIVE);
    joint().map(|p| opinion::right(p / mass, noise, prior.len()) as f32).collect()
}

/// Exponent of the prior below which it is given up: free labels would only repeat what the small model says.
pub const LEAST_TRUST: f64 = 0.2;
/// [`Trust::gain`] below which a joint distribution that also labels worse than the small model is given up.
const LEAST_GAIN: f64 = 0.05;
/// Parts of the clean set that may be certified, the largest first.
const CERTIFIED_SHARES: [f64; 3] = [1.0, 0.5, 0.25];
/// No labelled item counts more than this, however rare its kind is among the labels.
const LARGEST_WEIGHT: f64 = 4.0;

impl GuardConfig {
    /// Validates the options.
    ///
    /// # Errors
    /// [`SelectError::GuardOption`] for the first one out of range.
    pub(crate) fn check(&self) -> Result<(), SelectError> {
        let weight = f64::from(self.weight);
        for (name, value, low, high) in [
            ("explore", self.explore, 0.0, 1.0),
            ("relabel", self.relabel, 0.0, 1.0),
            ("weight", weight, f64::MIN_POSITIVE, f64::MAX),
            ("epsilon", self.epsilon, 0.0, 1.0),
            ("delta", self.delta, f64::MIN_POSITIVE, 0.5),
        ] {
            if !(low..=high).contains(&value) {
                return Err(SelectError::GuardOption { name, value, low, high });
            }
        }
        Ok(())
    }

    /// Weighs both experts by the oracle's labels; `random[row]` says that a label was asked at random.
    pub(crate) fn weigh(
        &self,
        engine: &PriorAlConfig,
        prior: Predictions<'_>,
        own: &LabelsOnly<'_>,
        pool: &Pool<'_>,
        random: impl Fn(usize) -> bool,
    ) -> Result<Verdict, SelectError> {
        let labelled: Vec<(usize, ClassId)> = pool.labelled().collect();
        let labels: Vec<ClassId> = labelled.iter().map(|(_, class)| *class).collect();
        let experts = Experts {
            prior,
            model: own.pool,
            labelled_prior: gather(prior, labelled.iter().map(|(row, _)| *row))?,
            labelled_model: gather(own.out_of_fold, 0..labels.len())?,
        };
        let largest_clean = share(1.0 - engine.noise_fraction, pool.candidates().len());

        // The labels were asked where the experts are unsure. Weighted by kind they stand for the pool.
        let published = Opinion::published(prior.classes());
        let scored = experts.score(&published, engine, pool)?;
        let inside = scored.inside(largest_clean);
        let weights = post_stratified(&inside, largest_clean, pool.candidates().len());

        let evidence = Evidence {
            prior: experts.labelled_prior.view(),
            model: experts.labelled_model.view(),
            labels: &labels,
            weights: &weights,
        };
        let free = Free { prior: self.weigh, calibration: self.calibrate, noise: self.noise_aware };
        let opinion = Opinion::fit(&evidence, free);
        let scored = experts.score(&opinion, engine, pool)?;

        // As the prior loses its say, free labels turn into the small model's own opinion, and weigh less.
        let rights = Rights::new(&scored.labelled, &labels, &weights);
        let beaten = self.champion && rights.joint < rights.model && opinion.gain < LEAST_GAIN;
        let trusted = opinion.prior > LEAST_TRUST && !beaten;
        let clean = if trusted { largest_clean } else { 0 };
        let weight = self.weight * opinion.prior.min(1.0) as f32;
        let stated = |size: usize, delta: f64| {
            let asked = scored
                .inside(size)
                .into_iter()
                .enumerate()
                .filter(|(at, inside)| *inside && random(labelled[*at].0));
            let agree: Vec<bool> = asked
                .map(|(at, _)| scored.labelled[at].joint_label as usize == labels[at].index())
                .collect();
            let wrong = agree.iter().filter(|agree| !**agree).count();
            StatedError::new(agree.len(), wrong, delta, opinion.least_noise, prior.classes())
        };
        // Three sizes are tried, so each bound has a third of the allowed risk (Bonferroni).
        let delta = self.delta / CERTIFIED_SHARES.len() as f64;
        let mut sizes = CERTIFIED_SHARES.map(|part| share(part, clean)).into_iter();
        let certified = sizes.find(|size| stated(*size, delta).bound <= self.epsilon).unwrap_or(0);
        let rows = scored.labelled_prior.view();
        let credences = rows.iter().zip(scored.labelled_model.view().iter());
        let labelled = labelled.iter().zip(credences).map(|((row, class), (l, f))| {
            (*row, *class, credence(l, f, opinion.noise)[class.index()])
        });
        Ok(Verdict {
            labelled: labelled.collect(),
            trust: Trust {
                prior_exponent: opinion.prior,
                model_exponent: opinion.model,
                gain: opinion.gain,
                noise_rate: opinion.noise,
                prior_right: rights.prior,
                joint_right: rights.joint,
                model_right: rights.model,
                weight,
                stated: stated(clean, self.delta),
                certified,
            },
            prior: scored.prior,
            model: scored.model,
            clean,
            robust: self.robust,
            opinion,
        })
    }
}

/// What both experts say of the pool and, without having seen their labels, of the labelled items.
struct Experts<'a> {
    prior: Predictions<'a>,
    model: Predictions<'a>,
    labelled_prior: Matrix,
    labelled_model: Matrix,
}

/// Both experts under one opinion.
struct Scored {
    prior: Matrix,
    model: Matrix,
    /// `H_b` of the unlabelled items, ascending.
    sorted: Vec<f32>,
    labelled_prior: Matrix,
    labelled_model: Matrix,
    labelled: Vec<CoDecision>,
    /// `H_b` of the labelled items.
    labelled_entropy: Vec<f32>,
}

impl Experts<'_> {
    fn score(
        &self,
        opinion: &Opinion,
        engine: &PriorAlConfig,
        pool: &Pool<'_>,
    ) -> Result<Scored, SelectError> {
        let prior = map_rows(self.prior, |row, out| opinion.of_prior(row, out))?;
        let model = map_rows(self.model, |row, out| opinion.of_model(row, out))?;
        let labelled_prior =
            map_rows(probabilities(&self.labelled_prior)?, |row, out| opinion.of_prior(row, out))?;
        let labelled_model =
            map_rows(probabilities(&self.labelled_model)?, |row, out| opinion.of_model(row, out))?;
        let rows = co_decide(probabilities(&prior)?, probabilities(&model)?, Joint::Product)?;
        let (p, f) = (probabilities(&labelled_prior)?, probabilities(&labelled_model)?);
        let labelled = co_decide(p, f, Joint::Product)?;
        let weights = engine.class_weights(&rows, pool, self.prior.classes());
        let weighted = |row: &CoDecision| weights[row.prior_label as usize] * row.joint_entropy;
        let mut sorted: Vec<f32> =
            pool.candidates().par_iter().map(|row| weighted(&rows[*row])).collect();
        sorted.par_sort_unstable_by(f32::total_cmp);
        let labelled_entropy = labelled.iter().map(weighted).collect();
        Ok(Scored {
            prior,
            model,
            sorted,
            labelled_prior,
            labelled_model,
            labelled,
            labelled_entropy,
        })
    }
}

impl Scored {
    /// Which labelled items would be among the `clean` surest ones.
    fn inside(&self, clean: usize) -> Vec<bool> {
        let limit = match clean {
            0 => f32::NEG_INFINITY,
            _ => self.sorted[clean - 1],
        };
        self.labelled_entropy.iter().map(|entropy| *entropy <= limit).collect()
    }
}

/// Weighted shares of labelled items that each expert gets right.
struct Rights {
    prior: f64,
    joint: f64,
    model: f64,
}

impl Rights {
    fn new(rows: &[CoDecision], labels: &[ClassId], weights: &[f64]) -> Self {
        let total: f64 = weights.iter().sum();
        let share = |label: fn(&CoDecision) -> u32| {
            let of = rows.iter().zip(labels).zip(weights);
            let right = of.filter(|((row, class), _)| label(row) as usize == class.index());
            right.map(|(_, weight)| weight).sum::<f64>() / total
        };
        Self {
            prior: share(|row| row.prior_label),
            joint: share(|row| row.joint_label),
            model: share(|row| row.model_label),
        }
    }
}

/// Weights that give labelled items inside and outside the clean set their share of the pool; they sum to `n`.
fn post_stratified(inside: &[bool], clean: usize, unlabelled: usize) -> Vec<f64> {
    let within = inside.iter().filter(|inside| **inside).count();
    let pool_share = clean as f64 / unlabelled.max(1) as f64;
    let label_share = within as f64 / inside.len().max(1) as f64;
    let ratio = |wanted: f64, got: f64| match got > 0.0 {
        true => (wanted / got).min(LARGEST_WEIGHT),
        false => 1.0,
    };
    let (clean, noise) =
        (ratio(pool_share, label_share), ratio(1.0 - pool_share, 1.0 - label_share));
    let weights = inside.iter().map(|inside| if *inside { clean } else { noise });
    let total: f64 = weights.clone().sum();
    let scale = inside.len() as f64 / total.max(f64::MIN_POSITIVE);
    weights.map(|weight| weight * scale).collect()
}

/// `part of whole`, rounded.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most `whole`")]
pub(crate) fn rounded(part: f64, whole: usize) -> usize {
    (part * whole as f64).round() as usize
}

/// `floor(part of whole)`.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most `whole`")]
fn share(part: f64, whole: usize) -> usize {
    (part * whole as f64 + 1e-9).floor() as usize
}

fn probabilities(matrix: &Matrix) -> Result<Predictions<'_>, CoreError> {
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
    let classes = from.classes();
    let mut values = vec![0.0; from.rows() * classes];
    values
        .par_chunks_exact_mut(classes)
        .enumerate()
        .for_each_init(Vec::new, |buffer, (row, out)| map(from.row(row, buffer), out));
    Matrix::new(values, from.rows(), classes)
}

/// The error of a missing [`LabelsOnly`].
pub(crate) fn missing() -> SelectError {
    let (strategy, input) = (crate::PRIORAL_GUARDED, Input::LabelsOnly);
    AcquireError::MissingInput { strategy, input }.into()
}
