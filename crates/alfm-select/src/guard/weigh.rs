//! One round of weighing the prior against the oracle's labels.

use alfm_acquire::{AcquireError, Input, Pool};
use alfm_core::{ClassId, Matrix, Predictions};

use super::bound::RandomLabels;
use super::experts::{Experts, Labelled};
use super::fit::{Free, Opinions, cross_fitted};
use super::opinion::{self, Opinion};
use super::sample::{Rights, post_stratified};
use super::{GuardConfig, LEAST_TRUST, Trust, share};
use crate::prioral::Scores;
use crate::{LabelsOnly, PriorAlConfig, SelectError};

/// [`Trust::gain`] below which the prior is given up: it has nothing to say that the small model does not know.
const LEAST_GAIN: f64 = 0.003;
/// [`Opinion::trust`] from which on free labels have their full weight.
const FULL_TRUST: f64 = 0.5;

/// Nats by which labels must be explained better for the prior's classes to be renamed.
const RENAMED_BY: f64 = 3.0;

/// What the labels made of both experts.
struct Hearing<'a> {
    experts: Experts<'a>,
    opinions: Opinions,
    told: Labelled,
    testimony: Testimony,
}

/// What labels say of the prior.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Testimony {
    /// It gains more than it costs.
    For,
    /// It gains too little, but within one standard error may gain enough.
    Undecided,
    Against,
}

/// What the guard makes of both experts.
pub(crate) struct Verdict {
    /// The parts of both experts, `N x K`: their plain product is the free label.
    pub(crate) prior: Matrix,
    pub(crate) model: Matrix,
    /// How many of the unlabelled items become clean.
    pub(crate) clean: usize,
    pub(crate) trust: Trust,
    pub(crate) robust: bool,
    /// The share of labels that seems to be wrong.
    noise: f64,
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

    /// For each class, the probability that it is right if the oracle says so of this row, the class being as probable
    /// as in the row's free label.
    pub(crate) fn credence(&self, row: usize) -> Vec<f32> {
        credence(self.prior.view().row(row), self.model.view().row(row), self.noise)
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
        let experts = Experts::new(prior, own, &labelled)?;
        let candidates = pool.candidates().len();
        let largest_clean = share(1.0 - engine.noise_fraction, candidates);

        // The labels were asked where the experts are unsure. Weighted by kind they stand for the pool.
        let published = Opinion::published(prior.classes());
        let sure = experts.score(&published, None, None, engine, pool)?.pool;
        let inside = experts.labelled(&published, pool)?.inside(&sure, largest_clean);
        let weights = post_stratified(&inside, largest_clean, candidates);

        let mut heard = self.hear(experts, &labels, &weights, pool)?;
        if self.rename && heard.testimony != Testimony::For {
            let renamed = heard.experts.renamed(&labels, &weights)?;
            let again = self.hear(renamed, &labels, &weights, pool)?;
            let better = again.opinions.loss + RENAMED_BY < heard.opinions.loss;
            if better && again.testimony == Testimony::For {
                heard = again;
            }
        }
        // It is withdrawn by evidence: what is left in doubt is left.
        let trusted = heard.testimony != Testimony::Against;
        let Hearing { experts, opinions: Opinions { pool: joint, alone, .. }, told, .. } = heard;
        let rights = Rights::new(&told.rows, &labels, &weights);
        // What is given up has no say in anything else.
        let (opinion, told) = match trusted {
            true => (&joint, told),
            false => (&alone, experts.labelled(&alone, pool)?),
        };
        let student = pool.model().filter(|_| trusted && self.student);
        let free = trusted.then(|| opinion.of_free_labels());
        let scored = experts.score(opinion, free.as_ref(), student, engine, pool)?;
        let clean = if trusted { largest_clean } else { 0 };

        // Without free labels there is no error to state.
        let opinions = match trusted {
            true => {
                let evidence = experts.evidence(&labels, &weights);
                cross_fitted(&evidence, self.free(), opinion.noise)
            }
            false => Vec::new(),
        };
        let entropy = experts.in_turn(&opinions, pool)?;
        let entropy: Vec<f32> = entropy.iter().map(|row| scored.pool.weighted(row)).collect();
        let opinions: Vec<Opinion> = opinions.iter().map(Opinion::of_free_labels).collect();
        let unseen = experts.in_turn(&opinions, pool)?;
        let random = (0..unseen.len()).filter(|at| random(labelled[*at].0));
        let random = RandomLabels::new(random, &labels, &unseen, &entropy);
        let stated = random.state(clean, candidates, self, opinion);
        let trust = Trust {
            prior_exponent: joint.prior,
            model_exponent: joint.model,
            gain: joint.gain,
            gain_error: joint.gain_error,
            noise_rate: opinion.noise,
            prior_right: rights.prior,
            joint_right: rights.joint,
            model_right: rights.model,
            // As the prior loses its say, free labels turn into the small model's own opinion, and weigh less.
            weight: self.weight * (joint.trust() / FULL_TRUST).min(1.0) as f32,
            stated: stated.all,
            stated_by_class: stated.by_class,
            certified: stated.certified,
            renamed: experts.names(),
        };
        let experts = told.prior.view().iter().zip(told.model.view().iter());
        let labelled = labelled.iter().zip(experts).map(|((row, class), (l, f))| {
            (*row, *class, credence(l, f, opinion.noise)[class.index()])
        });
        let verdict = Verdict {
            labelled: labelled.collect(),
            trust,
            prior: scored.prior,
            model: scored.model,
            clean,
            robust: self.robust,
            noise: opinion.noise,
        };
        Ok((verdict, scored.pool))
    }

    /// What labels say of both experts.
    fn hear<'a>(
        &self,
        experts: Experts<'a>,
        labels: &[ClassId],
        weights: &[f64],
        pool: &Pool<'_>,
    ) -> Result<Hearing<'a>, SelectError> {
        let opinions = Opinions::fit(&experts.evidence(labels, weights), self.free());
        let told = experts.labelled(&opinions.pool, pool)?;
        let testimony = self.testimony(&opinions.pool, labels);
        Ok(Hearing { experts, opinions, told, testimony })
    }

    fn free(&self) -> Free {
        Free { prior: self.weigh, calibration: self.calibrate, noise: self.noise_aware }
    }

    /// Whether the prior keeps its say: it has enough weight, and gains more than it costs.
    fn testimony(&self, opinion: &Opinion, labels: &[ClassId]) -> Testimony {
        // Labels of one class can't tell an expert that knows from one that always names that class.
        let tested = labels.iter().any(|label| *label != labels[0]);
        if opinion.trust() <= LEAST_TRUST || (self.champion && !tested) {
            Testimony::Against
        } else if !self.champion || opinion.gain >= LEAST_GAIN {
            Testimony::For
        } else if opinion.gain + opinion.gain_error >= LEAST_GAIN {
            Testimony::Undecided
        } else {
            Testimony::Against
        }
    }
}

/// The error of a missing [`LabelsOnly`].
pub(crate) fn missing() -> SelectError {
    let strategy = crate::PRIORAL_GUARDED.to_owned();
    AcquireError::MissingInput { strategy, input: Input::LabelsOnly }.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trust_is_withdrawn_by_evidence_and_not_by_doubt() {
        let testimony = |gain: f64, gain_error: f64, labels: [u32; 2]| {
            let opinion = Opinion { gain, gain_error, ..Opinion::published(2) };
            GuardConfig::default().testimony(&opinion, &labels.map(ClassId::new))
        };
        assert_eq!(testimony(0.2, 0.5, [0, 1]), Testimony::For);
        assert_eq!(testimony(-0.02, 0.05, [0, 1]), Testimony::Undecided);
        assert_eq!(testimony(-0.2, 0.05, [0, 1]), Testimony::Against);
        // A prior that says nothing neither gains nor varies.
        assert_eq!(testimony(0.0, 0.0, [0, 1]), Testimony::Against);
        assert_eq!(testimony(0.2, 0.5, [1, 1]), Testimony::Against);
    }
}
