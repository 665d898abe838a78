//! What can be said of the error of free labels.

use alfm_core::ClassId;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use statrs::function::beta::beta_reg;

use super::opinion_pool::LogOpinionPool;
use super::tuning::TUNED;
use super::{GuardConfig, share};

/// Halvings of an interval of length 1, which leave less of it than double precision tells apart.
const BISECTIONS: usize = 60;

/// A one-sided upper bound on a share, from a count.
///
/// Clopper & Pearson (1934): the largest share under which `wrong` or fewer of `of` still happen with
/// probability `delta`; 1 without observations.
pub(crate) fn clopper_pearson(wrong: f64, of: f64, delta: f64) -> f64 {
    if wrong >= of {
        return 1.0;
    }
    // P(Bin(n, p) <= k) = 1 - I_p(k + 1, n - k) falls as p grows: bisection to double precision.
    let mut low = 0.0;
    let mut high = 1.0;
    for _ in 0..BISECTIONS {
        let middle = 0.5 * (low + high);
        if 1.0 - beta_reg(wrong + 1.0, of - wrong, middle) > delta {
            low = middle;
        } else {
            high = middle;
        }
    }
    high
}

/// What the error of free labels is stated to be, and from which labels.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct StatedError {
    /// Labelled items, asked at random, that would be in the set. Those that may be or not count in part.
    pub labels: usize,
    /// Those of them whose label is not the free one.
    pub contradicted: usize,
    /// Share of the free labels that the student turned into others: no label can judge these, and all count as wrong.
    #[serde(default)]
    pub changed: f64,
    /// Upper bound of the share of wrong free labels, in `[0, 1]`.
    pub bound: f64,
}

/// Labels of a set that are compared with free ones, by their weight.
#[derive(Clone, Copy, Debug, Default)]
struct Compared {
    /// Sum of the weights, and of their squares.
    labels: f64,
    squares: f64,
    contradicted: f64,
}

impl Compared {
    /// The upper bound at confidence `1 - delta`, if a share of at least `noise` of the labels is wrong themselves.
    ///
    /// A wrong label contradicts a right free label always, a wrong one unless it repeats it: contradictions
    /// come at a rate `e (1 - noise K / (K - 1)) + noise`, which is solved for `e`. Uneven weights count as the number
    /// of even ones that would tell as much (Kish 1965).
    fn bound(&self, delta: f64, noise: f64, classes: usize) -> f64 {
        let informative = 1.0 - noise * classes as f64 / (classes as f64 - 1.0);
        if self.labels == 0.0 || informative <= 0.0 {
            return 1.0;
        }
        let effective = self.labels * self.labels / self.squares;
        let contradicted = self.contradicted / self.labels * effective;
        let contradictions = clopper_pearson(contradicted, effective, delta);
        ((contradictions - noise) / informative).clamp(0.0, 1.0)
    }
}

/// What candidates get for free, and what they would get from those that have not learned from free labels.
pub(super) struct Candidates {
    /// Those that get their label first, by the joint entropy that decides it.
    surest: Vec<usize>,
    labels: Vec<u32>,
    /// The same without the student.
    own_surest: Vec<usize>,
    own_labels: Vec<u32>,
}

impl Candidates {
    /// One entropy and one label a candidate; `O(N log N)` time, but nothing is ranked for an empty clean set.
    pub(super) fn new(
        clean: usize,
        entropy: &[f32],
        labels: Vec<u32>,
        own_entropy: &[f32],
        own_labels: Vec<u32>,
    ) -> Self {
        let ranked = |entropy| if clean == 0 { Vec::new() } else { ranked(entropy) };
        Self { surest: ranked(entropy), labels, own_surest: ranked(own_entropy), own_labels }
    }

    /// Share of the `clean` surest ones whose label the student made another.
    pub(super) fn changed(&self, clean: usize) -> f64 {
        let set = &self.surest[..clean];
        let changed = set.iter().filter(|at| self.labels[**at] != self.own_labels[**at]);
        changed.count() as f64 / clean.max(1) as f64
    }
}

/// The labels asked at random, the surest items first, each with the free label that its item would get from those
/// that have not seen it.
#[derive(Default)]
pub(super) struct CalibrationSet {
    labels: Vec<(ClassId, u32)>,
}

/// What can be stated of a clean set.
pub(super) struct ErrorBounds {
    pub(super) all: StatedError,
    pub(super) by_class: Vec<StatedError>,
    /// How many of its surest labels are certified.
    pub(super) certified: usize,
}

impl CalibrationSet {
    /// `random` are positions in `labels`, `free` and `entropy`, which have one entry a labelled item.
    pub(super) fn new(
        random: impl Iterator<Item = usize>,
        labels: &[ClassId],
        free: &[u32],
        entropy: &[f32],
    ) -> Self {
        let mut order: Vec<usize> = random.collect();
        order.sort_by(|a, b| entropy[*a].total_cmp(&entropy[*b]));
        Self { labels: order.into_iter().map(|at| (labels[at], free[at])).collect() }
    }

    /// What they say of the `clean` surest of the candidates; `O(N K)` time.
    pub(super) fn state(
        &self,
        clean: usize,
        candidates: &Candidates,
        guard: &GuardConfig,
        opinions: &LogOpinionPool,
    ) -> ErrorBounds {
        let classes = opinions.bias.len();
        let state = |size: usize, delta: f64, of: Option<usize>| {
            let set = &candidates.surest[..size];
            let compared = self.compared(set, &candidates.own_surest, of);
            let is_of = |label: &u32| of.is_none_or(|class| *label as usize == class);
            let given = set.iter().filter(|at| is_of(&candidates.labels[**at]));
            let changed = given
                .clone()
                .filter(|at| candidates.labels[**at] != candidates.own_labels[**at])
                .count() as f64;
            let given = given.count().max(1) as f64;
            let unchanged =
                set.iter().filter(|at| is_of(&candidates.own_labels[**at])).count() as f64;
            // Of the labels that labels can judge some are given up, none of them wrong at worst.
            let bound = compared.bound(delta, opinions.least_noise, classes);
            StatedError {
                labels: whole(compared.labels),
                contradicted: whole(compared.contradicted),
                changed: changed / given,
                bound: ((bound * unchanged + changed) / given).min(1.0),
            }
        };
        // Three sizes are tried, so each bound has a third of the allowed risk (Bonferroni).
        let delta = guard.delta / TUNED.certified_shares.len() as f64;
        let mut sizes = TUNED.certified_shares.map(|part| share(part, clean)).into_iter();
        let certified = sizes.find(|size| state(*size, delta, None).bound <= guard.epsilon);
        ErrorBounds {
            all: state(clean, guard.delta, None),
            by_class: (0..classes).map(|class| state(clean, guard.delta, Some(class))).collect(),
            certified: certified.unwrap_or(0),
        }
    }

    /// How many of the labels stand for candidates of the `set` and have a free label, one of the class `of` if that is
    /// given, and how many of these contradict it.
    ///
    /// Each stands for the candidates of its rank, by entropy without the student, and counts as much as the set has of
    /// these. By rank, not by entropy: held-out models are less sure than the model of the pool, and few items would
    /// seem as sure as those that get free labels.
    fn compared(&self, set: &[usize], own: &[usize], of: Option<usize>) -> Compared {
        let mut inside = vec![false; own.len()];
        set.iter().for_each(|at| inside[*at] = true);
        let mut compared = Compared::default();
        let labels = self.labels.len();
        for (rank, (label, free)) in self.labels.iter().enumerate() {
            let start = rank * own.len() / labels;
            let end = ((rank + 1) * own.len() / labels).max(start + 1).min(own.len());
            if start >= end || of.is_some_and(|class| *free as usize != class) {
                continue;
            }
            let members = own[start..end].iter().filter(|at| inside[**at]).count();
            let weight = members as f64 / (end - start) as f64;
            compared.labels += weight;
            compared.squares += weight * weight;
            if *free as usize != label.index() {
                compared.contradicted += weight;
            }
        }
        compared
    }
}

/// A sum of weights as a number of labels.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count")]
fn whole(weights: f64) -> usize {
    weights.round() as usize
}

/// Positions by rising entropy, the first on ties.
fn ranked(entropy: &[f32]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..entropy.len()).collect();
    order.par_sort_by(|a, b| entropy[*a].total_cmp(&entropy[*b]));
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    /// No error in `n`: `1 - delta^(1/n)`. One error in 10 at 95 %: 0.394 (scipy.stats.beta.ppf(.95, 2, 9)).
    #[test]
    fn bounds_by_hand() {
        for n in [1.0, 10.0, 59.0] {
            let expected = 1.0 - 0.05f64.powf(1.0 / n);
            assert!((clopper_pearson(0.0, n, 0.05) - expected).abs() < 1e-9, "{n}");
        }
        assert!((clopper_pearson(1.0, 10.0, 0.05) - 0.394163).abs() < 1e-5);
        assert_eq!(clopper_pearson(0.0, 0.0, 0.05), 1.0);
        assert_eq!(clopper_pearson(3.0, 3.0, 0.05), 1.0);
    }

    /// 100 labels, 10 % of them wrong, 12 contradictions: of the bound of 0.172 the noise takes its part.
    #[test]
    fn known_noise_is_not_counted_as_error() {
        let compared = Compared { labels: 100.0, squares: 100.0, contradicted: 12.0 };
        let plain = compared.bound(0.1, 0.0, 2);
        assert!((compared.bound(0.1, 0.1, 2) - (plain - 0.1) / 0.8).abs() < 1e-12);
        assert_eq!(compared.bound(0.1, 0.5, 2), 1.0);
        // Of half the weight, 100 labels still tell as much as 100.
        let half = Compared { labels: 50.0, squares: 25.0, contradicted: 6.0 };
        assert!((half.bound(0.1, 0.0, 2) - plain).abs() < 1e-12);
    }

    fn pool() -> LogOpinionPool {
        LogOpinionPool::published(2)
    }

    /// Ten labels stand for 100 candidates, ten each; those of ranks 0 to 4 are right, and so on.
    fn calibration(wrong: &[usize]) -> CalibrationSet {
        let label = |rank: usize| (ClassId::new(u32::from(wrong.contains(&rank))), 0);
        CalibrationSet { labels: (0..10).map(label).collect() }
    }

    fn rising() -> Vec<f32> {
        (0..100u16).map(f32::from).collect()
    }

    /// Without a student the surest half is that of the labels; the sixth label does not count.
    #[test]
    fn labels_stand_for_the_candidates_of_their_rank() {
        let entropy = rising();
        let candidates = Candidates::new(50, &entropy, vec![0; 100], &entropy, vec![0; 100]);
        let state = |wrong: &[usize]| {
            let guard = GuardConfig::default();
            calibration(wrong).state(50, &candidates, &guard, &pool()).all
        };
        let none = state(&[5, 9]);
        assert_eq!((none.labels, none.contradicted, none.changed), (5, 0, 0.0));
        assert!((none.bound - clopper_pearson(0.0, 5.0, 0.1)).abs() < 1e-12);
        assert_eq!(state(&[4]).contradicted, 1);
    }

    /// The student takes candidates 80 to 99 in place of 30 to 49: labels 8 and 9 count, 3 and 4 do not.
    #[test]
    fn the_bound_is_that_of_the_candidates_that_the_student_chose() {
        let own_entropy = rising();
        let chosen = |at: usize| !(30..80).contains(&at);
        let entropy: Vec<f32> =
            (0..100).map(|at| if chosen(at) { 0.0 } else { 1.0 } + at as f32 / 1e3).collect();
        let candidates = Candidates::new(50, &entropy, vec![0; 100], &own_entropy, vec![0; 100]);
        let stated = calibration(&[3, 8]).state(50, &candidates, &GuardConfig::default(), &pool());
        assert_eq!((stated.all.labels, stated.all.contradicted), (5, 1));
    }

    /// Five of fifty free labels are others with the student.
    #[test]
    fn what_the_student_changed_counts_as_wrong() {
        let entropy = rising();
        let labels = (0..100).map(|at| u32::from(at % 10 == 0)).collect();
        let candidates = Candidates::new(50, &entropy, labels, &entropy, vec![0; 100]);
        assert!((candidates.changed(50) - 0.1).abs() < 1e-12);
        let stated = calibration(&[]).state(50, &candidates, &GuardConfig::default(), &pool());
        let own = clopper_pearson(0.0, 5.0, 0.1);
        assert!((stated.all.changed - 0.1).abs() < 1e-12, "{:?}", stated.all);
        assert!((stated.all.bound - (own + 0.1).min(1.0)).abs() < 1e-12, "{:?}", stated.all);
        assert_eq!(stated.certified, 0);
        // Of class 1 are the five alone, and no label judges them.
        assert_eq!((stated.by_class[1].changed, stated.by_class[1].bound), (1.0, 1.0));
        // The 45 of class 0 were 50, and as many of these may be wrong.
        let of_class = (own * 50.0 / 45.0).min(1.0);
        assert!((stated.by_class[0].bound - of_class).abs() < 1e-12, "{:?}", stated.by_class);
    }
}
