//! One round of weighing the prior against the oracle's labels.

use alfm_acquire::compute::{CoDecision, Joint};
use alfm_acquire::{AcquireError, Input, Pool};
use alfm_core::{ClassId, CoreError, Matrix, Predictions, ScoreKind};
use rayon::prelude::*;

use super::opinion::{self, Evidence, Free, Opinion, Opinions};
use super::{GuardConfig, LEAST_TRUST, StatedError, Trust};
use crate::prioral::Scores;
use crate::{LabelsOnly, PriorAlConfig, SelectError};

/// [`Trust::gain`] below which the prior is given up: it has nothing to say that the small model does not know.
const LEAST_GAIN: f64 = 0.003;
/// What must be gained more for each standard error by which the joint distribution is right less often than the
/// small model.
const GAIN_PER_LAG: f64 = 0.04;
/// [`Opinion::trust`] from which on free labels have their full weight.
const FULL_TRUST: f64 = 0.5;
/// Parts of the clean set that may be certified, the largest first.
const CERTIFIED_SHARES: [f64; 3] = [1.0, 0.5, 0.25];
/// No labelled item counts more than this, however rare its kind is among the labels.
const LARGEST_WEIGHT: f64 = 4.0;

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
    /// The labels that are more probably wrong than right, the least credible first.
    pub(crate) fn suspects(&self) -> Vec<(usize, ClassId, f32)> {
        let doubtful = self.labelled.iter().filter(|(.., credence)| *credence < 0.5);
        let mut suspects: Vec<_> = doubtful.copied().collect();
        // Stable: ties stay in the order of rows.
        suspects.sort_by(|(.., a), (.., b)| a.total_cmp(b));
        suspects
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

impl GuardConfig {
    /// Weighs both experts by the oracle's labels; `random[row]` says that a label was asked at random.
    pub(crate) fn weigh(
        &self,
        engine: &PriorAlConfig,
        prior: Predictions<'_>,
        own: &LabelsOnly<'_>,
        pool: &Pool<'_>,
        random: impl Fn(usize) -> bool,
    ) -> Result<(Verdict, Scores), SelectError> {
        let labelled: Vec<(usize, ClassId)> = pool.labelled().collect();
        let labels: Vec<ClassId> = labelled.iter().map(|(_, class)| *class).collect();
        let unseen = unseen(&labels, prior.classes());
        let smooth = |row: &[f32], out: &mut [f32]| {
            let share = unseen / row.len() as f32;
            out.iter_mut().zip(row).for_each(|(out, p)| *out = (1.0 - unseen) * p + share);
        };
        let out_of_fold = map_rows(own.out_of_fold, smooth)?;
        // With all classes seen, the pool's predictions need no copy.
        let smoothed = (unseen > 0.0).then(|| map_rows(own.pool, smooth)).transpose()?;
        let model = smoothed.as_ref().map(probabilities).transpose()?.unwrap_or(own.pool);
        let experts = Experts {
            prior,
            model,
            labelled_prior: gather(prior, labelled.iter().map(|(row, _)| *row))?,
            labelled_model: out_of_fold,
        };
        let largest_clean = share(1.0 - engine.noise_fraction, pool.candidates().len());

        // The labels were asked where the experts are unsure. Weighted by kind they stand for the pool.
        let published = Opinion::published(prior.classes());
        let told = experts.labelled(&published, pool)?;
        let scored = experts.score(&published, told, engine, pool)?;
        let inside = scored.inside(largest_clean);
        let weights = post_stratified(&inside, largest_clean, pool.candidates().len());

        let evidence = Evidence {
            prior: experts.labelled_prior.view(),
            model: experts.labelled_model.view(),
            labels: &labels,
            weights: &weights,
        };
        let free = Free { prior: self.weigh, calibration: self.calibrate, noise: self.noise_aware };
        let opinions = Opinions::fit(&evidence, free);
        let fitted = experts.labelled(&opinions.pool, pool)?;
        let rights = Rights::new(&fitted.rows, &labels, &weights);
        let trusted = self.trusts(&opinions.pool, &rights, &labels);
        // What is given up has no say in anything else.
        let (opinion, told) = if trusted {
            (opinions.pool.clone(), fitted)
        } else {
            let told = experts.labelled(&opinions.alone, pool)?;
            (opinions.alone, told)
        };
        let scored = experts.score(&opinion, told, engine, pool)?;

        // As the prior loses its say, free labels turn into the small model's own opinion, and weigh less.
        let clean = if trusted { largest_clean } else { 0 };
        let weight = self.weight * (opinions.pool.trust() / FULL_TRUST).min(1.0) as f32;
        let classes = prior.classes();
        let random = RandomLabels::new(&scored, &labels, |at| random(labelled[at].0));
        let candidates = pool.candidates().len();
        let stated = |size: usize, delta: f64, of: Option<usize>| {
            let (labels, wrong) = random.surest(size, candidates, of);
            StatedError::new(labels, wrong, delta, opinion.least_noise, classes)
        };
        // Three sizes are tried, so each bound has a third of the allowed risk (Bonferroni).
        let delta = self.delta / CERTIFIED_SHARES.len() as f64;
        let mut sizes = CERTIFIED_SHARES.map(|part| share(part, clean)).into_iter();
        let certified =
            sizes.find(|size| stated(*size, delta, None).bound <= self.epsilon).unwrap_or(0);
        let told = &scored.labelled;
        let credences = told.prior.view().iter().zip(told.model.view().iter());
        let labelled = labelled.iter().zip(credences).map(|((row, class), (l, f))| {
            (*row, *class, credence(l, f, opinion.noise)[class.index()])
        });
        let verdict = Verdict {
            labelled: labelled.collect(),
            trust: Trust {
                prior_exponent: opinions.pool.prior,
                model_exponent: opinions.pool.model,
                gain: opinions.pool.gain,
                noise_rate: opinion.noise,
                prior_right: rights.prior,
                joint_right: rights.joint,
                model_right: rights.model,
                weight,
                stated: stated(clean, self.delta, None),
                stated_by_class: (0..classes)
                    .map(|class| stated(clean, self.delta, Some(class)))
                    .collect(),
                certified,
            },
            prior: scored.prior,
            model: scored.model,
            clean,
            robust: self.robust,
            opinion,
        };
        Ok((verdict, scored.pool))
    }

    /// Whether the prior keeps its say: it has enough weight, and gains more than it costs.
    fn trusts(&self, opinion: &Opinion, rights: &Rights, labels: &[ClassId]) -> bool {
        let least_gain = LEAST_GAIN + GAIN_PER_LAG * (-rights.lead).max(0.0);
        // Labels of one class can't tell an expert that knows from one that always names that class.
        let tested = labels.iter().any(|label| *label != labels[0]);
        let worth_it = !self.champion || (tested && opinion.gain >= least_gain);
        worth_it && opinion.trust() > LEAST_TRUST
    }
}

/// The probability that an item is of a class without label yet, by Good (1953) and Turing: the share of labels
/// that are the only one of their class. A held-out model has never seen the class of such a label.
fn unseen(labels: &[ClassId], classes: usize) -> f32 {
    let mut counts = vec![0_usize; classes];
    labels.iter().for_each(|label| counts[label.index()] += 1);
    let single = counts.iter().filter(|count| **count == 1).count();
    single as f32 / labels.len().max(1) as f32
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
    pool: Scores,
    labelled: Labelled,
    /// `H_b` of the labelled items.
    labelled_entropy: Vec<f32>,
}

/// The same for the labelled items alone.
struct Labelled {
    prior: Matrix,
    model: Matrix,
    rows: Vec<CoDecision>,
}

impl Experts<'_> {
    fn score(
        &self,
        opinion: &Opinion,
        labelled: Labelled,
        engine: &PriorAlConfig,
        pool: &Pool<'_>,
    ) -> Result<Scored, SelectError> {
        let prior = map_rows(self.prior, |row, out| opinion.of_prior(row, out))?;
        let model = map_rows(self.model, |row, out| opinion.of_model(row, out))?;
        let (p, f) = (probabilities(&prior)?, probabilities(&model)?);
        let scores = engine.score(p, f, Joint::Product, pool)?;
        let labelled_entropy = labelled.rows.iter().map(|row| scores.weighted(row)).collect();
        Ok(Scored { prior, model, pool: scores, labelled, labelled_entropy })
    }

    fn labelled(&self, opinion: &Opinion, pool: &Pool<'_>) -> Result<Labelled, SelectError> {
        let (prior, model) =
            (probabilities(&self.labelled_prior)?, probabilities(&self.labelled_model)?);
        let prior = map_rows(prior, |row, out| opinion.of_prior(row, out))?;
        let model = map_rows(model, |row, out| opinion.of_model(row, out))?;
        let (p, f) = (probabilities(&prior)?, probabilities(&model)?);
        let rows = pool.device().co_decide(p, f, Joint::Product)?;
        Ok(Labelled { prior, model, rows })
    }
}

impl Scored {
    /// Which labelled items would be among the `clean` surest ones.
    fn inside(&self, clean: usize) -> Vec<bool> {
        let limit = match clean {
            0 => f32::NEG_INFINITY,
            _ => {
                let mut entropy = self.pool.entropy.clone();
                *entropy.select_nth_unstable_by(clean - 1, f32::total_cmp).1
            }
        };
        self.labelled_entropy.iter().map(|entropy| *entropy <= limit).collect()
    }
}

/// The labels asked at random, the surest items first, each with the free label that it would get.
struct RandomLabels {
    labels: Vec<(ClassId, u32)>,
}

impl RandomLabels {
    fn new(scored: &Scored, labels: &[ClassId], random: impl Fn(usize) -> bool) -> Self {
        let mut order: Vec<usize> = (0..labels.len()).filter(|at| random(*at)).collect();
        let entropy = |at: &usize| scored.labelled_entropy[*at];
        order.sort_by(|a, b| entropy(a).total_cmp(&entropy(b)));
        let free = |at: usize| scored.labelled.rows[at].joint_label;
        Self { labels: order.into_iter().map(|at| (labels[at], free(at))).collect() }
    }

    /// As large a share of the labels as `size` is of the `candidates`: how many have a free label, one of the class
    /// `of` if that is given, and how many of these contradict it.
    ///
    /// By rank, not by entropy: held-out models are less sure than the model of the pool, and few items would seem
    /// as sure as those that get free labels.
    fn surest(&self, size: usize, candidates: usize, of: Option<usize>) -> (usize, usize) {
        let count = (self.labels.len() * size).div_ceil(candidates.max(1)).min(self.labels.len());
        let of_class = |(_, free): &&(ClassId, u32)| of.is_none_or(|class| *free as usize == class);
        let counted = self.labels[..count].iter().filter(of_class);
        let wrong = counted.clone().filter(|(label, free)| *free as usize != label.index());
        (counted.count(), wrong.count())
    }
}

/// Weighted shares of labelled items that each expert gets right.
struct Rights {
    prior: f64,
    joint: f64,
    model: f64,
    /// By how many standard errors the joint distribution is right more often than the small model.
    lead: f64,
}

impl Rights {
    fn new(rows: &[CoDecision], labels: &[ClassId], weights: &[f64]) -> Self {
        let total: f64 = weights.iter().sum();
        let share = |label: fn(&CoDecision) -> u32| {
            let of = rows.iter().zip(labels).zip(weights);
            let right = of.filter(|((row, class), _)| label(row) as usize == class.index());
            right.map(|(_, weight)| weight).sum::<f64>() / total
        };
        // Where both are right, or both wrong, neither leads (McNemar 1947).
        let (mut lead, mut variance) = (0.0_f64, 0.0_f64);
        for ((row, class), weight) in rows.iter().zip(labels).zip(weights) {
            let right = |label: u32| f64::from(u8::from(label as usize == class.index()));
            let won = weight * (right(row.joint_label) - right(row.model_label));
            lead += won;
            variance += won * won;
        }
        Self {
            lead: if variance > 0.0 { lead / variance.sqrt() } else { 0.0 },
            prior: share(|row| row.prior_label),
            joint: share(|row| row.joint_label),
            model: share(|row| row.model_label),
        }
    }
}

/// Weights that give labelled items inside and outside the clean set their share of the pool.
///
/// They sum to the number of labels of equal weight that would tell as much, `(sum w)^2 / sum w^2` (Kish 1965).
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
    let [total, squares] =
        weights.clone().fold([0.0; 2], |[total, squares], w| [total + w, squares + w * w]);
    weights.map(|weight| weight * total / squares).collect()
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

#[cfg(test)]
mod tests {
    use alfm_acquire::compute::co_decide;

    use super::*;

    fn classes(labels: &[u32]) -> Vec<ClassId> {
        labels.iter().map(|label| ClassId::new(*label)).collect()
    }

    /// Classes 2 and 5 have one label each, of six.
    #[test]
    fn the_unseen_share_is_that_of_single_labels() {
        assert_eq!(unseen(&classes(&[0, 0, 1, 1, 2, 5]), 9), 2.0 / 6.0);
        assert_eq!(unseen(&classes(&[0, 0, 1, 1]), 2), 0.0);
        assert_eq!(unseen(&[], 3), 0.0);
    }

    /// Four of ten labels lie in a clean set that is half of the pool: weights 1.25 and 5/6 by hand, and
    /// (4 * 1.25 + 6 * 5/6)^2 / (4 * 1.25^2 + 6 * 25/36) = 9.6 labels of equal weight.
    #[test]
    fn weights_stand_for_the_pool_and_sum_to_the_effective_number() {
        let inside: Vec<bool> = (0..10).map(|item| item < 4).collect();
        let weights = post_stratified(&inside, 50, 100);
        assert!((weights[0] / weights[9] - 1.5).abs() < 1e-12, "{weights:?}");
        assert!((weights.iter().sum::<f64>() - 9.6).abs() < 1e-12, "{weights:?}");
        let even = post_stratified(&inside, 40, 100);
        assert!(even.iter().all(|weight| (weight - 1.0).abs() < 1e-12), "{even:?}");
        assert!(post_stratified(&[], 50, 100).is_empty());
    }

    /// Items that only the joint (weights 1, 1, 2) or only the small model (weight 1) has right:
    /// (1 + 1 + 2 - 1) / sqrt(1 + 1 + 4 + 1). What both have right, or wrong, does not count.
    #[test]
    fn the_lead_is_in_standard_errors() {
        let row = |joint_label, model_label| CoDecision {
            joint_label,
            model_label,
            ..co_decide(
                Predictions::probabilities(&[0.5, 0.5], 1, 2).unwrap(),
                Predictions::probabilities(&[0.5, 0.5], 1, 2).unwrap(),
                Joint::Product,
            )
            .unwrap()[0]
        };
        let rows = [row(0, 1), row(0, 1), row(0, 1), row(1, 0), row(0, 0), row(1, 1)];
        let labels = classes(&[0; 6]);
        let rights = Rights::new(&rows, &labels, &[1.0, 1.0, 2.0, 1.0, 5.0, 1.0]);
        assert!((rights.lead - 3.0 / 7.0_f64.sqrt()).abs() < 1e-12, "{}", rights.lead);
        assert_eq!(Rights::new(&rows[4..], &labels[4..], &[1.0, 1.0]).lead, 0.0);
    }
}
