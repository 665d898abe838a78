use std::fmt;

use alfm_core::SeedTree;
use rand::RngExt;
use serde::{Deserialize, Serialize};

/// Resamples of a bootstrap interval.
pub const RESAMPLES: usize = 2000;

/// A 95 % interval. A bound is infinite where resamples had no defined value.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// Lower bound.
    pub low: f64,
    /// Upper bound.
    pub high: f64,
}

/// In whole percent; an end that is not defined says so, and so does an interval without any.
impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = |share: f64| {
            if share.is_finite() { format!("{:.0}", share * 100.0 + 0.0) } else { "none".into() }
        };
        if self.low.is_finite() || self.high.is_finite() {
            write!(f, "{} to {} %", end(self.low), end(self.high))
        } else {
            f.write_str("not reached")
        }
    }
}

/// The arithmetic mean; NaN of nothing.
pub fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// `std(ddof = 1) / sqrt(n)`; `None` below two values, where nothing can be said about spread.
///
/// ```
/// let error = alfm_lab::savings::standard_error(&[0.80, 0.82, 0.81, 0.85]);
/// assert!((error.unwrap_or_default() - 0.010_801).abs() < 1e-6);
/// ```
pub fn standard_error(values: &[f64]) -> Option<f64> {
    if values.len() < 2 {
        return None;
    }
    let centre = mean(values);
    let squares: f64 = values.iter().map(|value| (value - centre).powi(2)).sum();
    let n = values.len() as f64;
    Some((squares / (n - 1.0)).sqrt() / n.sqrt())
}

/// The percentile bootstrap interval of a statistic over trials: `statistic` is given the trials of each of
/// [`RESAMPLES`] draws with replacement. `None` below two trials.
///
/// # Panics
/// Never on values: infinities sort to the ends, and NaN counts as the lowest of all.
pub fn bootstrap(
    trials: usize,
    seed: &SeedTree,
    mut statistic: impl FnMut(&[usize]) -> f64,
) -> Option<Interval> {
    if trials < 2 {
        return None;
    }
    let mut rng = seed.rng();
    let mut drawn = vec![0; trials];
    let mut values: Vec<f64> = (0..RESAMPLES)
        .map(|_| {
            drawn.fill_with(|| rng.random_range(0..trials));
            let value = statistic(&drawn);
            if value.is_nan() { f64::NEG_INFINITY } else { value }
        })
        .collect();
    values.sort_by(f64::total_cmp);
    // Nearest ranks: the 50th lowest and the 50th highest of 2,000.
    let tail = RESAMPLES / 40;
    Some(Interval { low: values[tail - 1], high: values[RESAMPLES - tail] })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_that_is_not_defined_says_so() {
        let open = Interval { low: f64::NEG_INFINITY, high: 0.523 };
        assert_eq!(open.to_string(), "none to 52 %");
        let missed = Interval { low: f64::NEG_INFINITY, high: f64::NEG_INFINITY };
        assert_eq!(missed.to_string(), "not reached");
    }

    #[test]
    fn one_trial_has_no_spread() {
        assert_eq!(standard_error(&[0.5]), None);
        assert_eq!(bootstrap(1, &SeedTree::new(0), |_| 0.0), None);
    }

    #[test]
    fn the_interval_holds_the_mean_and_repeats_with_its_seed() {
        let values = [0.1, 0.2, 0.4, 0.8];
        let of = |seed| {
            bootstrap(4, &SeedTree::new(seed), |drawn| {
                mean(&drawn.iter().map(|trial| values[*trial]).collect::<Vec<_>>())
            })
            .unwrap()
        };
        let interval = of(1);
        assert!(interval.low < 0.375 && 0.375 < interval.high);
        assert!(0.1 <= interval.low && interval.high <= 0.8);
        assert_eq!(interval, of(1));
    }

    /// Two trials, 0 and 1: the mean of a resample is 0, 1/2 or 1 with shares 1/4, 1/2, 1/4.
    #[test]
    fn the_interval_of_two_trials_is_their_range() {
        let got =
            bootstrap(2, &SeedTree::new(3), |drawn| mean(&[drawn[0] as f64, drawn[1] as f64]));
        assert_eq!(got, Some(Interval { low: 0.0, high: 1.0 }));
    }

    #[test]
    fn undefined_resamples_open_the_interval_downwards() {
        let got =
            bootstrap(2, &SeedTree::new(3), |drawn| if drawn[0] == 0 { f64::NAN } else { 0.5 });
        assert_eq!(got, Some(Interval { low: f64::NEG_INFINITY, high: 0.5 }));
    }
}
