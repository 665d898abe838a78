//! The co-decision engine of PriorAL (Zhang, Li, Zhang & Zhu, ICML 2026, arXiv 2606.07630).

use alfm_acquire::{AcquireError, Acquisition, Input, Pick, Pool, Random, find};
use alfm_core::{ClassId, CoreError, Matrix, Predictions, SeedTree};
use alfm_kernels::{CoDecision, Joint, largest, split_largest};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::guard::{GuardConfig, Verdict, missing, rounded};
use crate::{ImbalanceWeight, LabelsOnly, SelectError};

/// Options of PriorAL; the defaults are the published rule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct PriorAlConfig {
    /// `rho` in `(0, 1]`: the share of the unlabelled items that becomes the noise set. Default 0.5; the
    /// paper's value is not public.
    #[serde(alias = "rho")]
    pub noise_fraction: f64,
    /// How the experts are joined.
    pub joint: Joint,
    /// How the joint entropy is scaled by class.
    pub weight: ImbalanceWeight,
    /// The acquisition function that asks within the noise set, by its name in the registry.
    pub query: String,
    /// Which free labels the clean set carries.
    pub clean: CleanRule,
    /// What keeps a bad prior from doing harm; none as published.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub guard: Option<GuardConfig>,
}

/// Which free labels the clean set carries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum CleanRule {
    /// The prior's most probable class, as published.
    #[default]
    PriorLabel,
    /// The joint distribution's most probable class.
    JointLabel,
    /// The joint distribution itself, as a soft target.
    Soft,
    /// None: only the oracle's labels train the small model.
    Off,
}

impl Default for PriorAlConfig {
    fn default() -> Self {
        Self {
            noise_fraction: 0.5,
            joint: Joint::default(),
            weight: ImbalanceWeight::default(),
            query: ENTROPY.into(),
            clean: CleanRule::default(),
            guard: None,
        }
    }
}

/// The query rule whose scores the co-decision kernel has at hand.
const ENTROPY: &str = "entropy";

impl PriorAlConfig {
    /// The guarded form with its default options: balanced margin in a noise set of a half, soft free labels.
    pub fn guarded() -> Self {
        Self {
            query: "balanced-margin".into(),
            clean: CleanRule::Soft,
            guard: Some(GuardConfig::default()),
            ..Self::default()
        }
    }

    /// Sets the guard's options.
    #[must_use]
    pub fn with_guard(mut self, guard: GuardConfig) -> Self {
        self.guard = Some(guard);
        self
    }

    /// Sets `rho`.
    #[must_use]
    pub fn with_noise_fraction(mut self, noise_fraction: f64) -> Self {
        self.noise_fraction = noise_fraction;
        self
    }

    /// Sets how the experts are joined.
    #[must_use]
    pub fn with_joint(mut self, joint: Joint) -> Self {
        self.joint = joint;
        self
    }

    /// Sets how the joint entropy is scaled by class.
    #[must_use]
    pub fn with_weight(mut self, weight: ImbalanceWeight) -> Self {
        self.weight = weight;
        self
    }

    /// Sets the query rule within the noise set.
    #[must_use]
    pub fn with_query(mut self, query: impl Into<String>) -> Self {
        self.query = query.into();
        self
    }

    /// Sets which free labels the clean set carries.
    #[must_use]
    pub fn with_clean(mut self, clean: CleanRule) -> Self {
        self.clean = clean;
        self
    }

    /// Validates the options into an engine.
    ///
    /// # Errors
    /// [`SelectError::NoiseFraction`], [`SelectError::MixtureWeight`], or an unknown query rule.
    pub fn check(&self) -> Result<PriorAl, SelectError> {
        let noise_fraction = self.noise_fraction;
        if !(noise_fraction > 0.0 && noise_fraction <= 1.0) {
            return Err(SelectError::NoiseFraction { value: noise_fraction });
        }
        if let Joint::Mixture(value) = self.joint
            && !(0.0..=1.0).contains(&value)
        {
            return Err(SelectError::MixtureWeight { value });
        }
        if let Some(guard) = &self.guard {
            guard.check()?;
        }
        let query = match self.query.as_str() {
            ENTROPY => None,
            name => Some(find(name)?),
        };
        Ok(PriorAl { config: self.clone(), query })
    }

    /// What both experts say of every row, and what scales their entropy by class.
    pub(crate) fn score(
        &self,
        prior: Predictions<'_>,
        model: Predictions<'_>,
        joint: Joint,
        pool: &Pool<'_>,
    ) -> Result<Scores, SelectError> {
        let rows = pool.device().co_decide(prior, model, joint)?;
        let prior_label = |row: usize| rows[row].prior_label as usize;
        let unlabelled = pool.candidates().iter().map(|row| prior_label(*row));
        let labelled = pool.labelled().map(|(row, class)| (prior_label(row), class));
        let weights = self.weight.of_classes(prior.classes(), unlabelled, labelled);
        let mut scores = Scores { rows, weights, entropy: Vec::new() };
        let entropy = |row: &usize| scores.weighted(&scores.rows[*row]);
        scores.entropy = pool.candidates().par_iter().map(entropy).collect();
        Ok(scores)
    }
}

/// Both experts' joint word on a pool.
pub(crate) struct Scores {
    /// Of every row, labelled ones included.
    pub(crate) rows: Vec<CoDecision>,
    /// The weight of each class.
    weights: Vec<f32>,
    /// `H_b` of every candidate.
    pub(crate) entropy: Vec<f32>,
}

impl Scores {
    /// `H_b = weight(prior label) * H(pbar)`.
    pub(crate) fn weighted(&self, row: &CoDecision) -> f32 {
        self.weights[row.prior_label as usize] * row.joint_entropy
    }
}

/// The engine: decides from two experts what to ask and what to label for free.
#[derive(Debug)]
pub struct PriorAl {
    config: PriorAlConfig,
    /// `None`: the entropies that the co-decision kernel computed on its way.
    query: Option<Box<dyn Acquisition>>,
}

/// What the engine decided in one round; rows are those of the pool's matrices.
#[derive(Clone, Debug)]
pub struct Decision {
    /// The items to ask, most wanted first, at most the budget.
    pub queries: Vec<Pick>,
    /// How many of them, the last ones, were drawn at random.
    pub explored: usize,
    /// Labelled rows to ask again, the least credible first.
    pub again: Vec<usize>,
    /// `D_N`, ascending: the uncertain share, out of which the queries come.
    pub noise: Vec<usize>,
    /// `D_C`, ascending: the rest of the unlabelled rows.
    pub clean: Vec<usize>,
    /// `H_b` of every unlabelled row, in the order of the pool's candidates.
    pub weighted_entropy: Vec<f32>,
    /// What both experts say of every row, labelled ones included.
    pub rows: Vec<CoDecision>,
}

/// What the engine must know of how labels came about.
pub(crate) trait History {
    /// Whether a labelled row was drawn at random.
    fn at_random(&self, row: usize) -> bool;
    /// Whether it was asked more than once.
    fn asked_again(&self, row: usize) -> bool;
}

impl PriorAl {
    /// The options.
    pub fn config(&self) -> &PriorAlConfig {
        &self.config
    }

    pub(crate) fn is_guarded(&self) -> bool {
        self.config.guard.is_some()
    }

    /// Both experts, and what the query rule needs.
    pub(crate) fn needs(&self) -> Vec<Input> {
        let mut needs = vec![Input::Model, Input::Prior];
        if self.config.guard.is_some() {
            needs.push(Input::LabelsOnly);
        }
        let query = self.query.iter().flat_map(|query| query.needs());
        needs.extend(query.filter(|input| !matches!(input, Input::Model | Input::Prior)));
        needs
    }

    /// One round: co-decision, split, query (`prior` is `N x K`, `pool` holds the small model).
    ///
    /// `O(N K)` time for the default query rule, `O(N)` memory, nothing sorted but the queries.
    ///
    /// # Errors
    /// A missing model, or a prior of another shape than the model.
    pub fn decide(
        &self,
        prior: Predictions<'_>,
        pool: &Pool<'_>,
        budget: usize,
        seed: &SeedTree,
    ) -> Result<Decision, SelectError> {
        let missing = || AcquireError::MissingInput {
            strategy: crate::PRIORAL.to_owned(),
            input: Input::Model,
        };
        let model = pool.model().ok_or_else(missing)?;
        let Scores { rows, entropy: weighted_entropy, .. } =
            self.config.score(prior, model, self.config.joint, pool)?;
        let candidates = pool.candidates().len();
        let noise_size = noise_size(self.config.noise_fraction, candidates, budget);
        let (noise, clean) = self.split(&weighted_entropy, noise_size, pool);
        let queries = self.query(&rows, &noise, pool, budget, seed)?;
        Ok(Decision {
            queries,
            explored: 0,
            again: Vec::new(),
            noise,
            clean,
            weighted_entropy,
            rows,
        })
    }

    /// One guarded round; `history` knows which labels were asked at random, and which twice.
    ///
    /// Time as [`decide`](PriorAl::decide) at most three times, and `O(n K)` some hundred times for each noise rate,
    /// twice if the prior is heard again; `O(N K^2)` more if it is believed under other names. `12 N K` bytes for the
    /// calibrated experts, up to `8 N K` more while a class has one label only.
    pub(crate) fn decide_guarded(
        &self,
        guard: &GuardConfig,
        (prior, own): (Predictions<'_>, Option<LabelsOnly<'_>>),
        pool: &Pool<'_>,
        history: &dyn History,
        budget: usize,
        seed: &SeedTree,
    ) -> Result<(Decision, Verdict), SelectError> {
        let own = own.ok_or_else(missing)?;
        let random = |row| history.at_random(row);
        let (verdict, scores) = guard.weigh(&self.config, prior, &own, pool, random)?;
        let Scores { rows, entropy: weighted_entropy, .. } = scores;
        let doubtful = verdict.suspects().into_iter().map(|(row, ..)| row);
        let again: Vec<usize> = doubtful
            .filter(|row| !history.asked_again(*row))
            .take(rounded(guard.relabel, budget))
            .collect();
        let budget = budget - again.len();
        let candidates = pool.candidates().len();
        let noise_size = (candidates - verdict.clean).max(budget).min(candidates);
        let (noise, clean) = self.split(&weighted_entropy, noise_size, pool);

        // Without free labels there is no error to state, and nothing to explore for.
        let explored = match verdict.clean {
            0 => 0,
            _ => rounded(guard.explore, budget),
        };
        let mut queries = self.query(&rows, &noise, pool, budget.saturating_sub(explored), seed)?;
        let taken: Vec<usize> = queries.iter().map(|pick| pick.row).collect();
        let others = pool.candidates().iter().copied().filter(|row| !taken.contains(row));
        let random =
            Random.select(&pool.restricted_to(others), explored, &seed.child("explore"))?;
        let explored = random.len();
        queries.extend(random);
        // What is asked is not given a free label in the same breath.
        let asked: Vec<usize> = queries.iter().map(|pick| pick.row).collect();
        let clean = clean.into_iter().filter(|row| !asked.contains(row)).collect();
        Ok((Decision { queries, explored, again, noise, clean, weighted_entropy, rows }, verdict))
    }

    /// The free labels of a decision's clean set and the joint probability of each.
    pub(crate) fn free_labels(&self, decision: &Decision) -> (Vec<ClassId>, Vec<f32>) {
        let label = |row: &usize| {
            let row = decision.rows[*row];
            match self.config.clean {
                CleanRule::PriorLabel | CleanRule::Off => {
                    (ClassId::new(row.prior_label), row.prior_label_confidence)
                }
                CleanRule::JointLabel | CleanRule::Soft => {
                    (ClassId::new(row.joint_label), row.joint_label_confidence)
                }
            }
        };
        decision.clean.par_iter().map(label).unzip()
    }

    /// Which of the clean rows are the `count` surest ones.
    pub(crate) fn surest(decision: &Decision, pool: &Pool<'_>, count: usize) -> Vec<bool> {
        let entropy = |row: &usize| {
            let at = pool.candidates().binary_search(row).unwrap_or_default();
            decision.weighted_entropy[at]
        };
        let entropies: Vec<f32> = decision.clean.iter().map(entropy).collect();
        let (_, surest) = split_largest(&entropies, entropies.len().saturating_sub(count));
        let mut certified = vec![false; entropies.len()];
        surest.into_iter().for_each(|at| certified[at] = true);
        certified
    }

    /// Noise set and clean set, as rows of the pool.
    fn split(
        &self,
        weighted_entropy: &[f32],
        noise_size: usize,
        pool: &Pool<'_>,
    ) -> (Vec<usize>, Vec<usize>) {
        let (noise, clean) = split_largest(weighted_entropy, noise_size);
        let to_rows =
            |at: Vec<usize>| at.into_iter().map(|at| pool.candidates()[at]).collect::<Vec<_>>();
        (to_rows(noise), to_rows(clean))
    }

    fn query(
        &self,
        rows: &[CoDecision],
        noise: &[usize],
        pool: &Pool<'_>,
        budget: usize,
        seed: &SeedTree,
    ) -> Result<Vec<Pick>, SelectError> {
        match &self.query {
            None => {
                let scores: Vec<f32> = noise.iter().map(|row| rows[*row].model_entropy).collect();
                Ok(largest(noise, &scores, budget))
            }
            Some(query) => {
                Ok(query.select(&pool.restricted_to(noise.iter().copied()), budget, seed)?)
            }
        }
    }
}

/// `ceil(rho |U|)`, but never less than what can be asked.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 <= rho |U| <= |U|")]
fn noise_size(noise_fraction: f64, unlabelled: usize, budget: usize) -> usize {
    // Without the small step back, 0.1 * 30 = 3.0000000000000004 would become 4.
    let share = (noise_fraction * unlabelled as f64 - 1e-9).ceil() as usize;
    share.max(budget).min(unlabelled)
}

/// `pbar` of some rows under a joint rule, raised to the power `sharpen`, `rows.len() x K`.
pub(crate) fn joint_probabilities(
    prior: Predictions<'_>,
    model: Predictions<'_>,
    joint: Joint,
    rows: &[usize],
    sharpen: f32,
) -> Result<Matrix, CoreError> {
    let (mut prior_buffer, mut model_buffer) = (Vec::new(), Vec::new());
    let mut values = Vec::with_capacity(rows.len() * prior.classes());
    for row in rows {
        let p_l = prior.row(*row, &mut prior_buffer);
        let p_f = model.row(*row, &mut model_buffer);
        let start = values.len();
        values.extend(p_l.iter().zip(p_f).map(|(l, f)| joint.combine(*l, *f)));
        let mass: f32 = values[start..].iter().sum();
        // Experts with disjoint supports agree on nothing: the soft target says so.
        let uniform = 1.0 / prior.classes() as f32;
        for value in &mut values[start..] {
            *value = if mass < f32::MIN_POSITIVE { uniform } else { *value / mass };
        }
        if sharpen != 1.0 {
            raise(&mut values[start..], sharpen);
        }
    }
    Matrix::new(values, rows.len(), prior.classes())
}

/// `p^power`, normalised.
fn raise(p: &mut [f32], power: f32) {
    // The largest becomes 1: a high power does not lose the mass.
    let top = p.iter().copied().fold(0.0, f32::max);
    p.iter_mut().for_each(|p| *p = (*p / top).powf(power));
    let mass: f32 = p.iter().sum();
    p.iter_mut().for_each(|p| *p /= mass);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fixture C6: 6 items, 3 classes, all unlabelled.
    const PRIOR: [f32; 18] = [
        0.80, 0.10, 0.10, 0.70, 0.20, 0.10, 0.60, 0.30, 0.10, 0.40, 0.35, 0.25, 0.10, 0.80, 0.10,
        0.20, 0.10, 0.70,
    ];
    const MODEL: [f32; 18] = [
        0.70, 0.20, 0.10, 0.30, 0.40, 0.30, 0.34, 0.33, 0.33, 0.50, 0.30, 0.20, 0.33, 0.32, 0.35,
        0.05, 0.05, 0.90,
    ];

    fn decide(config: &PriorAlConfig) -> Decision {
        let observed = [None; 6];
        let model = Predictions::probabilities(&MODEL, 6, 3).unwrap();
        let pool = Pool::new(&observed).unwrap().with_model(model).unwrap();
        let prior = Predictions::probabilities(&PRIOR, 6, 3).unwrap();
        config.check().unwrap().decide(prior, &pool, 2, &SeedTree::new(0)).unwrap()
    }

    fn rows(picks: &[Pick]) -> Vec<usize> {
        picks.iter().map(|pick| pick.row).collect()
    }

    #[test]
    fn c6_scores() {
        let decision = decide(&PriorAlConfig::default());
        let joint = [0.233368, 0.844913, 0.890926, 0.959638, 0.659178, 0.125256];
        let weighted = [0.233368, 0.844913, 0.890926, 0.959638, 0.164794, 0.031314];
        let model = [0.801819, 1.0889, 1.098513, 1.029653, 1.097915, 0.394398];
        let labels = [0, 0, 0, 0, 1, 2];
        for row in 0..6 {
            let got = decision.rows[row];
            assert!((got.joint_entropy - joint[row]).abs() < 1e-6, "H(pbar) of row {row}");
            assert!((decision.weighted_entropy[row] - weighted[row]).abs() < 1e-6, "H_b of {row}");
            assert!((got.model_entropy - model[row]).abs() < 1e-6, "U_f of row {row}");
            assert_eq!(got.prior_label, labels[row]);
        }
    }

    #[test]
    fn c6_sets() {
        let cases = [
            (0.50, ImbalanceWeight::PriorFrequency, vec![3, 2, 1], vec![0, 4, 5], [2, 1]),
            (0.66, ImbalanceWeight::PriorFrequency, vec![3, 2, 1, 0], vec![4, 5], [2, 1]),
            (0.66, ImbalanceWeight::None, vec![3, 2, 1, 4], vec![0, 5], [2, 4]),
        ];
        for (rho, weight, noise, clean, queries) in cases {
            let config = PriorAlConfig::default().with_noise_fraction(rho).with_weight(weight);
            let decision = decide(&config);
            let mut by_entropy = decision.noise.clone();
            by_entropy.sort_by(|a, b| {
                decision.weighted_entropy[*b].total_cmp(&decision.weighted_entropy[*a])
            });
            assert_eq!(by_entropy, noise, "rho {rho}, {weight:?}");
            assert_eq!(decision.clean, clean, "rho {rho}, {weight:?}");
            assert_eq!(rows(&decision.queries), queries, "rho {rho}, {weight:?}");
        }
    }

    /// The kernel's shortcut and the registry's strategy ask for the same items.
    #[test]
    fn the_entropy_shortcut_is_the_entropy_strategy() {
        let mut engine = PriorAlConfig::default().check().unwrap();
        engine.query = Some(find(ENTROPY).unwrap());
        let observed = [None; 6];
        let model = Predictions::probabilities(&MODEL, 6, 3).unwrap();
        let pool = Pool::new(&observed).unwrap().with_model(model).unwrap();
        let prior = Predictions::probabilities(&PRIOR, 6, 3).unwrap();
        let slow = engine.decide(prior, &pool, 3, &SeedTree::new(0)).unwrap();
        let fast = PriorAlConfig::default().check().unwrap();
        let fast = fast.decide(prior, &pool, 3, &SeedTree::new(0)).unwrap();
        assert_eq!(slow.queries, fast.queries);
    }

    #[test]
    fn the_noise_set_holds_at_least_the_budget() {
        assert_eq!(noise_size(0.5, 7, 2), 4);
        assert_eq!(noise_size(0.1, 30, 2), 3);
        assert_eq!(noise_size(0.1, 30, 9), 9);
        assert_eq!(noise_size(0.1, 30, 90), 30);
        assert_eq!(noise_size(1.0, 30, 0), 30);
    }

    #[test]
    fn options_out_of_range_are_refused() {
        for value in [0.0, -0.5, 1.5, f64::NAN] {
            let config = PriorAlConfig::default().with_noise_fraction(value);
            assert!(matches!(config.check(), Err(SelectError::NoiseFraction { .. })), "{value}");
        }
        let config = PriorAlConfig::default().with_joint(Joint::Mixture(1.5));
        assert_eq!(config.check().unwrap_err(), SelectError::MixtureWeight { value: 1.5 });
        assert!(PriorAlConfig::default().with_query("bdage").check().is_err());
    }

    #[test]
    fn soft_targets_are_the_joint_distribution() {
        let prior = Predictions::probabilities(&PRIOR, 6, 3).unwrap();
        let model = Predictions::probabilities(&MODEL, 6, 3).unwrap();
        let soft = |sharpen| {
            let soft = joint_probabilities(prior, model, Joint::Product, &[3], sharpen).unwrap();
            soft.into_values()
        };
        let joint: [f32; 3] = [0.40 * 0.50, 0.35 * 0.30, 0.25 * 0.20];
        let mass: f32 = joint.iter().sum();
        assert!((soft(1.0)[0] - 0.20 / mass).abs() < 1e-6);
        let squares: f32 = joint.iter().map(|p| p * p).sum();
        assert!((soft(2.0)[1] - 0.105_f32.powi(2) / squares).abs() < 1e-6);
        assert_eq!(soft(1e30), [1.0, 0.0, 0.0]);
    }
}
