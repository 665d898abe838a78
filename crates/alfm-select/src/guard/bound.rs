//! What can be said of the error of free labels.

use serde::{Deserialize, Serialize};
use statrs::function::beta::beta_reg;

/// A one-sided upper bound on a share, from a count.
///
/// Clopper & Pearson (1934): the largest share under which `wrong` or fewer of `of` still happen with
/// probability `delta`; 1 without observations.
pub(crate) fn clopper_pearson(wrong: f64, of: f64, delta: f64) -> f64 {
    if wrong >= of {
        return 1.0;
    }
    // P(Bin(n, p) <= k) = 1 - I_p(k + 1, n - k) falls as p grows: bisection to double precision.
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..60 {
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
        let bound = match informative > 0.0 {
            true => ((contradictions - noise) / informative).clamp(0.0, 1.0),
            false => 1.0,
        };
        Self { labels, contradicted, bound }
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
