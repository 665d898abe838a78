//! The co-decision engine of PriorAL (Zhang, Li, Zhang & Zhu, ICML 2026, arXiv 2606.07630).

mod config;
mod listing;

use alfm_acquire::{Acquisition, Input, Pick, Pool, Random};
use alfm_core::{ClassId, Predictions, SeedTree};
use alfm_kernels::{CoDecision, Rows, largest, split_largest};
use rayon::prelude::*;

pub use config::{CleanRule, PriorAlConfig};
pub use listing::prioral_summaries;

use crate::decisions::Decisions;
use crate::guard::{Assessment, GuardConfig, rounded};
use crate::scoring::Scores;
use crate::{Error, LabelsOnly};

/// The engine: decides from two experts what to ask and what to label for free.
#[derive(Debug)]
pub struct PriorAl {
    config: PriorAlConfig,
    /// `None`: the entropies that the co-decision kernel computed on its way.
    query: Option<Box<dyn Acquisition>>,
}

/// What the engine decided in one round; rows are those of the pool's matrices.
#[derive(Clone, Debug, Default)]
pub struct Decision {
    /// The items to ask, most wanted first, at most the budget.
    pub queries: Vec<Pick>,
    /// How many of them, the last ones, were drawn at random.
    pub explored: usize,
    /// `H(pbar)` of each query, in nats.
    pub joint_entropy: Vec<f32>,
    /// Labelled rows to ask again, the least credible first.
    pub again: Vec<usize>,
    /// `D_N`, ascending: the uncertain share, out of which the queries come.
    pub noise: Vec<u32>,
    /// `D_C`, ascending: the rest of the unlabelled rows.
    pub clean: Vec<u32>,
    /// The free label of each clean row, by the engine's rule, and its joint probability.
    pub free_labels: (Vec<ClassId>, Vec<f32>),
    /// Which clean rows the guard certifies; empty where it certifies none.
    pub certified: Vec<bool>,
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
    /// `O(N K)` time for the default query rule, nothing sorted but the queries. At most `16 N` bytes at a time, 28 MB
    /// beside them, of which at most `8 N` are returned. Above 2^20 rows both experts are read three times, so as not to
    /// hold what they say of each.
    ///
    /// # Errors
    /// A missing model, or a prior of another shape than the model.
    pub fn decide(
        &self,
        prior: Predictions<'_>,
        pool: &Pool<'_>,
        budget: usize,
        seed: &SeedTree,
    ) -> Result<Decision, Error> {
        let missing = || Input::Model.missing_for(crate::PRIORAL);
        let model = pool.model().ok_or_else(missing)?;
        let decisions = Decisions::new(prior, model, self.config.joint, pool.device())?;
        let scores = self.config.split_rule().score(decisions, prior.classes(), pool)?;
        let candidates = scores.entropy.len();
        let noise_size = noise_size(self.config.noise_fraction, candidates, budget);
        let (noise, clean) = split(&scores.entropy, noise_size, pool);
        // 4 bytes a row, before the free labels take 8.
        let Scores { decisions, entropy, .. } = scores;
        drop(entropy);
        let queries = self.query(&decisions, &noise, pool, budget, seed)?;
        self.decided(&decisions, Decision { queries, noise, clean, ..Decision::default() })
    }

    /// One guarded round; `history` knows which labels were asked at random, and which twice.
    ///
    /// Time as [`decide`](PriorAl::decide) at most five times, `O(N log N)` to rank the candidates, and some ten steps of
    /// `O(n K^2 + K^3)` for each noise rate, twice if the prior is heard again; `O(N K^2)` more if it is believed under
    /// other names. `20 N K` bytes for the calibrated experts, up to `8 N K` more while a class has one label only.
    pub(crate) fn decide_guarded(
        &self,
        guard: &GuardConfig,
        (prior, own): (Predictions<'_>, Option<LabelsOnly<'_>>),
        pool: &Pool<'_>,
        history: &dyn History,
        budget: usize,
        seed: &SeedTree,
    ) -> Result<(Decision, Assessment), Error> {
        let own = own.ok_or_else(|| Input::LabelsOnly.missing_for(crate::PRIORAL_GUARDED))?;
        let random = |row| history.at_random(row);
        let free_label = |row: &CoDecision| self.config.clean.label(row).0;
        let rule = self.config.split_rule();
        let (assessment, scores) = guard.weigh(rule, prior, &own, pool, random, free_label)?;
        let doubtful = assessment.suspects().into_iter().map(|(row, ..)| row);
        let again: Vec<usize> = doubtful
            .filter(|row| !history.asked_again(*row))
            .take(rounded(guard.relabel, budget))
            .collect();
        let budget = budget - again.len();
        let candidates = scores.entropy.len();
        let noise_size = (candidates - assessment.clean).max(budget).min(candidates);
        let (noise, clean) = split(&scores.entropy, noise_size, pool);

        // The stated error rests on the random share, so it is drawn before anything is chosen, from all that might be
        // labelled for free. Without free labels there is no error to state, and nothing to explore for.
        let explored =
            if assessment.clean == 0 { 0 } else { rounded(guard.explore, budget).min(budget) };
        let random = Random.select(pool, explored, &seed.child("explore"))?;
        let drawn = sorted_rows(&random);
        let others = noise.iter().copied().filter(|row| drawn.binary_search(row).is_err());
        let others: Vec<u32> = others.collect();
        let mut queries = self.query(&scores.decisions, &others, pool, budget - explored, seed)?;
        let explored = random.len();
        queries.extend(random);
        // What is asked is not given a free label in the same breath.
        let asked = sorted_rows(&queries);
        let clean = clean.into_iter().filter(|row| asked.binary_search(row).is_err());
        let clean: Vec<u32> = clean.collect();
        let certified = surest(&scores.entropy, &clean, pool, assessment.trust.certified);
        let decision =
            Decision { queries, explored, again, noise, clean, certified, ..Decision::default() };
        Ok((self.decided(&scores.decisions, decision)?, assessment))
    }

    /// What is left to say of the queries and of the clean rows.
    fn decided(
        &self,
        decisions: &Decisions<'_>,
        mut decision: Decision,
    ) -> Result<Decision, Error> {
        let asked = sorted_rows(&decision.queries);
        let entropies: Vec<f32> = decisions.of(&asked[..], |row| row.joint_entropy)?;
        let place = |pick: &Pick| asked.partition_point(|row| (*row as usize) < pick.row);
        decision.joint_entropy =
            decision.queries.iter().map(|pick| entropies[place(pick)]).collect();
        if self.config.clean != CleanRule::Off {
            let label = |row: &CoDecision| {
                let (class, confidence) = self.config.clean.label(row);
                (ClassId::new(class), confidence)
            };
            decision.free_labels = decisions.of(&decision.clean[..], label)?;
        }
        Ok(decision)
    }

    fn query(
        &self,
        decisions: &Decisions<'_>,
        noise: &[u32],
        pool: &Pool<'_>,
        budget: usize,
        seed: &SeedTree,
    ) -> Result<Vec<Pick>, Error> {
        match &self.query {
            None => {
                let scores: Vec<f32> = decisions.of(noise, |row| row.model_entropy)?;
                Ok(largest(noise, &scores, budget, pool.ties()))
            }
            Some(query) => {
                let noise = noise.iter().map(|row| *row as usize);
                Ok(query.select(&pool.restricted_to(noise), budget, seed)?)
            }
        }
    }
}

/// Noise set and clean set, as rows of the pool.
#[expect(clippy::cast_possible_truncation, reason = "a pool has at most 2^32 rows")]
fn split(weighted_entropy: &[f32], noise_size: usize, pool: &Pool<'_>) -> (Vec<u32>, Vec<u32>) {
    let candidates = pool.candidate_rows();
    let (mut noise, mut clean) =
        split_largest(candidates, weighted_entropy, noise_size, pool.ties());
    let to_row = |at: &mut u32| *at = candidates.at(*at as usize) as u32;
    noise.par_iter_mut().for_each(to_row);
    clean.par_iter_mut().for_each(to_row);
    (noise, clean)
}

/// Which of the clean rows are the `count` surest ones; `entropy` has one value a candidate.
fn surest(entropy: &[f32], clean: &[u32], pool: &Pool<'_>, count: usize) -> Vec<bool> {
    if count == 0 {
        return Vec::new();
    }
    // Clean rows are some of the candidates, both ascending: one walk finds each.
    let mut of_candidates = pool.candidates().iter().zip(entropy);
    let entropy = |row: &u32| {
        let of_row = of_candidates.find(|(candidate, _)| **candidate == *row as usize);
        of_row.map(|(_, entropy)| *entropy)
    };
    let entropies: Vec<f32> = clean.iter().filter_map(entropy).collect();
    debug_assert_eq!(entropies.len(), clean.len(), "clean rows are candidates");
    let rest = entropies.len().saturating_sub(count);
    let (_, surest) = split_largest(clean, &entropies, rest, pool.ties());
    let mut certified = vec![false; entropies.len()];
    surest.into_iter().for_each(|at| certified[at as usize] = true);
    certified
}

/// The rows of some picks, ascending.
#[expect(clippy::cast_possible_truncation, reason = "a pool has at most 2^32 rows")]
fn sorted_rows(picks: &[Pick]) -> Vec<u32> {
    let mut rows: Vec<u32> = picks.iter().map(|pick| pick.row as u32).collect();
    rows.sort_unstable();
    rows
}

/// `ceil(rho |U|)`, but never less than what can be asked.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 <= rho |U| <= |U|")]
fn noise_size(noise_fraction: f64, unlabelled: usize, budget: usize) -> usize {
    // Without the small step back, 0.1 * 30 = 3.0000000000000004 would become 4.
    let share = (noise_fraction * unlabelled as f64 - 1e-9).ceil() as usize;
    share.max(budget).min(unlabelled)
}

#[cfg(test)]
mod tests {
    use alfm_acquire::find;

    use super::config::ENTROPY;
    use super::*;
    use crate::ImbalanceWeight;

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

    /// What the experts say of every row, and `H_b`.
    fn scores(config: &PriorAlConfig) -> (Vec<CoDecision>, Vec<f32>) {
        let model = Predictions::probabilities(&MODEL, 6, 3).unwrap();
        let prior = Predictions::probabilities(&PRIOR, 6, 3).unwrap();
        let pool = Pool::new(&[None; 6]).unwrap();
        let decisions = Decisions::new(prior, model, config.joint, pool.device()).unwrap();
        let scores = config.split_rule().score(decisions, 3, &pool).unwrap();
        let rows = scores.decisions.of(pool.candidate_rows(), |row| *row).unwrap();
        (rows, scores.entropy)
    }

    fn rows(picks: &[Pick]) -> Vec<usize> {
        picks.iter().map(|pick| pick.row).collect()
    }

    #[test]
    fn c6_scores() {
        let (rows, entropy) = scores(&PriorAlConfig::default());
        let joint = [0.233368, 0.844913, 0.890926, 0.959638, 0.659178, 0.125256];
        let weighted = [0.233368, 0.844913, 0.890926, 0.959638, 0.164794, 0.031314];
        let model = [0.801819, 1.0889, 1.098513, 1.029653, 1.097915, 0.394398];
        let labels = [0, 0, 0, 0, 1, 2];
        for row in 0..6 {
            let got = rows[row];
            assert!((got.joint_entropy - joint[row]).abs() < 1e-6, "H(pbar) of row {row}");
            assert!((entropy[row] - weighted[row]).abs() < 1e-6, "H_b of {row}");
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
            let (_, entropy) = scores(&config);
            by_entropy.sort_by(|a, b| entropy[*b as usize].total_cmp(&entropy[*a as usize]));
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
}
