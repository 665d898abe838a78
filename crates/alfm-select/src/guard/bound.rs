//! What can be said of the error of free labels.

use alfm_core::ClassId;
use alfm_kernels::CoDecision;
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
    /// Labelled items, asked at random, that would be in the set.
    pub labels: usize,
    /// Those of them whose label is not the free one.
    pub contradicted: usize,
    /// Upper bound of the share of wrong free labels, in `[0, 1]`.
    pub bound: f64,
}

impl StatedError {
    /// The bound at confidence `1 - delta`, if a share of at least `noise` of the labels is wrong themselves.
    ///
    /// A wrong label contradicts a right free label always, a wrong one unless it repeats it: contradictions
    /// come at a rate `e (1 - noise K / (K - 1)) + noise`, which is solved for `e`.
    pub(crate) fn new(
        labels: usize,
        contradicted: usize,
        delta: f64,
        noise: f64,
        classes: usize,
    ) -> Self {
        let contradictions = clopper_pearson(contradicted as f64, labels as f64, delta);
        let informative = 1.0 - noise * classes as f64 / (classes as f64 - 1.0);
        let bound = if informative > 0.0 {
            ((contradictions - noise) / informative).clamp(0.0, 1.0)
        } else {
            1.0
        };
        Self { labels, contradicted, bound }
    }
}

/// The labels asked at random, the surest items first, each with the free label that its item would get from those
/// that have not seen it.
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
    /// `random` are positions in `labels`, `rows` and `entropy`, which have one entry a labelled item.
    pub(super) fn new(
        random: impl Iterator<Item = usize>,
        labels: &[ClassId],
        rows: &[CoDecision],
        entropy: &[f32],
    ) -> Self {
        let mut order: Vec<usize> = random.collect();
        order.sort_by(|a, b| entropy[*a].total_cmp(&entropy[*b]));
        let with_free = |at: usize| (labels[at], rows[at].joint_label);
        Self { labels: order.into_iter().map(with_free).collect() }
    }

    /// What they say of the `clean` surest of the `candidates`.
    pub(super) fn state(
        &self,
        clean: usize,
        candidates: usize,
        guard: &GuardConfig,
        opinions: &LogOpinionPool,
    ) -> ErrorBounds {
        let classes = opinions.bias.len();
        let state = |size: usize, delta: f64, of: Option<usize>| {
            let (labels, wrong) = self.surest(size, candidates, of);
            StatedError::new(labels, wrong, delta, opinions.least_noise, classes)
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
        let plain = StatedError::new(100, 12, 0.1, 0.0, 2).bound;
        let aware = StatedError::new(100, 12, 0.1, 0.1, 2).bound;
        assert!((aware - (plain - 0.1) / 0.8).abs() < 1e-12);
        assert_eq!(StatedError::new(100, 12, 0.1, 0.5, 2).bound, 1.0);
    }
}
