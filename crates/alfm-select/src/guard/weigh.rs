//! One round of weighing the prior against the oracle's labels.

use alfm_acquire::Pool;
use alfm_core::{ClassId, Predictions, Probabilities};
use alfm_kernels::CoDecision;

use super::bound::{CalibrationSet, Candidates};
use super::experts::{Experts, HeldOut, PoolScores};
use super::fit::{ProfileFit, cross_fitted};
use super::likelihood::FreeParameters;
use super::opinion_pool::{LogOpinionPool, label_posterior};
use super::sample::{WeightedAccuracy, post_stratified};
use super::tuning::TUNED;
use super::{GuardConfig, Trust, share};
use crate::scoring::{Scores, SplitRule, settle_contradiction};
use crate::{Error, LabelsOnly};

/// Both experts, weighed by the labels.
struct Weighed<'a> {
    experts: Experts<'a>,
    fit: ProfileFit,
    held_out: HeldOut,
    test: GainTest,
}

/// Whether labels show that the prior gains more than it costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum GainTest {
    Passed,
    /// It gains too little, but within one standard error may gain enough.
    Inconclusive,
    Failed,
}

/// The labelled items as a sample of the pool.
struct Sample<'a> {
    labels: &'a [ClassId],
    /// What each counts so that they stand for the pool.
    weights: &'a [f64],
    /// Those that were drawn at random.
    random: Vec<usize>,
}

/// What the guard makes of both experts.
pub(crate) struct Assessment {
    /// The parts of both experts, `N x K`: their plain product is the free label.
    pub(crate) prior: Probabilities,
    pub(crate) model: Probabilities,
    /// How many of the unlabelled items become clean.
    pub(crate) clean: usize,
    pub(crate) trust: Trust,
    pub(crate) robust: bool,
    /// The share of labels that seems to be wrong.
    noise: f64,
    /// The labelled rows with their class and the probability that it is right.
    pub(crate) labelled: Vec<(usize, ClassId, f32)>,
}

impl Assessment {
    /// The labels that are more probably wrong than right, the least credible first.
    pub(crate) fn suspects(&self) -> Vec<(usize, ClassId, f32)> {
        let doubtful = self.labelled.iter().filter(|(.., credence)| *credence < TUNED.suspect);
        let mut suspects: Vec<_> = doubtful.copied().collect();
        // Stable: ties stay in the order of rows.
        suspects.sort_by(|(.., a), (.., b)| a.total_cmp(b));
        suspects
    }

    /// For each class, the probability that it is right if the oracle says so of this row, the class being as probable
    /// as in the row's free label.
    pub(crate) fn credence(&self, row: usize) -> Vec<f32> {
        credence(self.prior.view().row(row), self.model.view().row(row), self.noise)
    }
}

/// For each class, the probability that a label of that class is right, given both calibrated experts.
#[expect(clippy::cast_possible_truncation, reason = "probabilities")]
fn credence(prior: &[f32], model: &[f32], noise: f64) -> Vec<f32> {
    let mut joint: Vec<f32> = prior.iter().zip(model).map(|(l, f)| l * f).collect();
    settle_contradiction(prior, model, &mut joint);
    let joint = || joint.iter().map(|p| f64::from(*p));
    let mass: f64 = joint().sum();
    joint().map(|p| label_posterior(p / mass, noise, prior.len()) as f32).collect()
}

impl GuardConfig {
    /// Weighs both experts by the oracle's labels; `random[row]` says that a label was asked at random, `free_label` is
    /// what a row gets for free.
    pub(crate) fn weigh(
        &self,
        rule: SplitRule,
        prior: Predictions<'_>,
        own: &LabelsOnly<'_>,
        pool: &Pool<'_>,
        random: impl Fn(usize) -> bool,
        free_label: impl Fn(&CoDecision) -> u32 + Sync,
    ) -> Result<(Assessment, Scores<'static>), Error> {
        let labelled: Vec<(usize, ClassId)> = pool.labelled().collect();
        let labels: Vec<ClassId> = labelled.iter().map(|(_, class)| *class).collect();
        let experts = Experts::new(prior, own, &labelled)?;
        let candidates = pool.candidate_rows().len();
        let largest_clean = share(1.0 - rule.noise_fraction, candidates);

        // The labels were asked where the experts are unsure. Weighted by kind they stand for the pool.
        let published = LogOpinionPool::published(prior.classes());
        let sure = experts.score(&published, None, None, rule, pool)?.pool;
        let inside = experts.held_out(&published, pool)?.inside(&sure, largest_clean);
        let weights = post_stratified(&inside, largest_clean, candidates);

        let weighed = self.weigh_named(experts, &labels, &weights, pool)?;
        // Trust is withdrawn by evidence: what is left in doubt is left.
        let trusted = weighed.test != GainTest::Failed;
        let Weighed { experts, fit: ProfileFit { pool: joint, alone, .. }, held_out, .. } = weighed;
        let accuracy = WeightedAccuracy::new(&held_out.rows, &labels, &weights);
        // What is given up has no say in anything else.
        let opinions = if trusted { &joint } else { &alone };
        let held_out = if trusted { held_out } else { experts.held_out(&alone, pool)? };
        let free = trusted.then(|| opinions.of_free_labels());
        let clean = if trusted { largest_clean } else { 0 };
        let alone = experts.score(opinions, free.as_ref(), None, rule, pool)?;
        let student = pool.model().filter(|_| trusted && self.student);
        let heard = match student {
            Some(_) => Some(experts.score(opinions, free.as_ref(), student, rule, pool)?),
            None => None,
        };
        let free_labels = |scores: &Scores<'_>| -> Result<Vec<u32>, Error> {
            scores.decisions.of(pool.candidate_rows(), &free_label)
        };
        let candidates = |delivered: &PoolScores| {
            let (labels, own_labels) = (free_labels(&delivered.pool)?, free_labels(&alone.pool)?);
            let (entropy, own_entropy) = (&delivered.pool.entropy, &alone.pool.entropy);
            Ok::<_, Error>(Candidates::new(clean, entropy, labels, own_entropy, own_labels))
        };
        // It has seen the labels, so that none can tell whether it is right; but one that overrules the others too often
        // is not.
        let with_student = heard.as_ref().map(&candidates).transpose()?;
        let with_student = with_student.filter(|with| with.changed(clean) <= TUNED.most_changed);
        let student_withdrawn = heard.is_some() && with_student.is_none();
        // The error is stated of what is delivered, from what those say that have not seen the labels.
        let candidates = match with_student {
            Some(candidates) => candidates,
            None => candidates(&alone)?,
        };
        // Without free labels there is no error to state.
        let calibration = if trusted {
            let random = (0..labels.len()).filter(|at| random(labelled[*at].0));
            let sample = Sample { labels: &labels, weights: &weights, random: random.collect() };
            self.calibration_set(&experts, &sample, opinions, &alone.pool, pool, &free_label)?
        } else {
            CalibrationSet::default()
        };
        let bounds = calibration.state(clean, &candidates, self, opinions);
        let scored = heard.filter(|_| !student_withdrawn).unwrap_or(alone);
        let trust = Trust {
            prior_exponent: joint.prior,
            model_exponent: joint.model,
            gain: joint.gain,
            gain_error: joint.gain_error,
            noise_rate: opinions.noise,
            prior_right: accuracy.prior,
            joint_right: accuracy.joint,
            model_right: accuracy.model,
            // As the prior loses its say, free labels turn into the small model's own opinion, and weigh less.
            weight: self.weight * (joint.trust() / TUNED.full_trust).min(1.0) as f32,
            student_withdrawn,
            stated: bounds.all,
            stated_by_class: bounds.by_class,
            certified: bounds.certified,
            renamed: experts.names(),
        };
        let experts = held_out.prior.view().iter().zip(held_out.model.view().iter());
        let labelled = labelled.iter().zip(experts).map(|((row, class), (l, f))| {
            (*row, *class, credence(l, f, opinions.noise)[class.index()])
        });
        let assessment = Assessment {
            labelled: labelled.collect(),
            trust,
            prior: scored.prior,
            model: scored.model,
            clean,
            robust: self.robust,
            noise: opinions.noise,
        };
        Ok((assessment, scored.pool))
    }

    /// The random labels, each with what its item would get for free from an opinion pool that was fitted without it.
    fn calibration_set(
        &self,
        experts: &Experts<'_>,
        sample: &Sample<'_>,
        opinions: &LogOpinionPool,
        scores: &Scores<'_>,
        pool: &Pool<'_>,
        free_label: &impl Fn(&CoDecision) -> u32,
    ) -> Result<CalibrationSet, Error> {
        let evidence = experts.evidence(sample.labels, sample.weights);
        let of_folds = cross_fitted(&evidence, self.free_parameters(), opinions.noise);
        let sure = experts.in_turn(&of_folds, pool)?;
        let entropy: Vec<f32> = sure.iter().map(|row| scores.weighted(row)).collect();
        let of_folds: Vec<_> = of_folds.iter().map(LogOpinionPool::of_free_labels).collect();
        let free: Vec<u32> = experts.in_turn(&of_folds, pool)?.iter().map(free_label).collect();
        let random = sample.random.iter().copied();
        Ok(CalibrationSet::new(random, sample.labels, &free, &entropy))
    }

    /// Both experts weighed, the prior under the names that labels give its columns if it passes only under these.
    fn weigh_named<'a>(
        &self,
        experts: Experts<'a>,
        labels: &[ClassId],
        weights: &[f64],
        pool: &Pool<'_>,
    ) -> Result<Weighed<'a>, Error> {
        let own = self.weigh_experts(experts, labels, weights, pool)?;
        if !self.rename || own.test == GainTest::Passed {
            return Ok(own);
        }
        let renamed = own.experts.renamed(labels, weights)?;
        let renamed = self.weigh_experts(renamed, labels, weights, pool)?;
        let better = renamed.fit.loss + TUNED.renamed_by < own.fit.loss;
        Ok(if better && renamed.test == GainTest::Passed { renamed } else { own })
    }

    /// What labels say of both experts.
    fn weigh_experts<'a>(
        &self,
        experts: Experts<'a>,
        labels: &[ClassId],
        weights: &[f64],
        pool: &Pool<'_>,
    ) -> Result<Weighed<'a>, Error> {
        let fit = ProfileFit::new(&experts.evidence(labels, weights), self.free_parameters());
        let held_out = experts.held_out(&fit.pool, pool)?;
        let test = self.gain_test(&fit.pool, labels);
        Ok(Weighed { experts, fit, held_out, test })
    }

    fn free_parameters(&self) -> FreeParameters {
        FreeParameters { prior: self.weigh, calibration: self.calibrate, noise: self.noise_aware }
    }

    /// Whether the prior keeps its say: it has enough weight, and gains more than it costs.
    fn gain_test(&self, opinions: &LogOpinionPool, labels: &[ClassId]) -> GainTest {
        // Labels of one class can't tell an expert that knows from one that always names that class.
        let tested = labels.iter().any(|label| *label != labels[0]);
        if opinions.trust() <= TUNED.least_trust || (self.champion && !tested) {
            GainTest::Failed
        } else if !self.champion || opinions.gain >= TUNED.least_gain {
            GainTest::Passed
        } else if opinions.gain + TUNED.gain_errors * opinions.gain_error >= TUNED.least_gain {
            GainTest::Inconclusive
        } else {
            GainTest::Failed
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trust_is_withdrawn_by_evidence_and_not_by_doubt() {
        let test = |gain: f64, gain_error: f64, labels: [u32; 2]| {
            let opinions = LogOpinionPool { gain, gain_error, ..LogOpinionPool::published(2) };
            GuardConfig::default().gain_test(&opinions, &labels.map(ClassId::new))
        };
        assert_eq!(test(0.2, 0.5, [0, 1]), GainTest::Passed);
        assert_eq!(test(-0.02, 0.05, [0, 1]), GainTest::Inconclusive);
        assert_eq!(test(-0.2, 0.05, [0, 1]), GainTest::Failed);
        // A prior that says nothing neither gains nor varies.
        assert_eq!(test(0.0, 0.0, [0, 1]), GainTest::Failed);
        assert_eq!(test(0.2, 0.5, [1, 1]), GainTest::Failed);
    }

    /// The prior is certain of class 0, the small model of class 1: both are as probable, and neither label is wrong for
    /// certain.
    #[test]
    fn experts_that_rule_each_other_out_leave_both_labels_their_credence() {
        let credence = credence(&[1.0, 0.0, 0.0], &[0.0, 1.0, 0.0], 0.2);
        let half = 0.8 * 0.5 / (0.8 * 0.5 + 0.1 * 0.5);
        assert!((f64::from(credence[0]) - half).abs() < 1e-6, "{credence:?}");
        assert_eq!(credence[0], credence[1]);
    }
}
