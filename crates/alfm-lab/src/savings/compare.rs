use std::fmt;

use alfm_core::{Error, SeedTree};

use super::{Curve, Interval, Reach, bootstrap, mean};
use crate::error::{empty, length};

/// The quality at which labels are compared.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Target {
    /// (i) The best value of the other strategy's mean curve, wherever it reaches it first.
    TheirBest,
    /// (ii) A fixed level.
    Level(f64),
    /// (iii) The level at which the saving is largest: what headline figures usually quote.
    Largest,
}

/// Labels saved, as a share of what the other strategy needed; negative if more were needed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Saving {
    /// `1 - n_A / n_B`.
    Share(f64),
    /// The other never reached the target: at least `1 - n_A / n_T`.
    AtLeast(f64),
    /// This strategy never reached the target, the other did: at most `1 - n_T / n_B`, zero or negative.
    AtMost(f64),
    /// Neither reached the target.
    Undefined,
}

impl Saving {
    /// The saving of needing `ours` instead of `theirs`.
    pub fn new(ours: Reach, theirs: Reach) -> Self {
        match (ours, theirs) {
            (Reach::At(a), Reach::At(b)) => Self::Share(1.0 - a / b),
            (Reach::At(a), Reach::Beyond(end)) => Self::AtLeast(1.0 - a / end),
            (Reach::Beyond(end), Reach::At(b)) => Self::AtMost(1.0 - end / b),
            (Reach::Beyond(_), Reach::Beyond(_)) => Self::Undefined,
        }
    }

    /// What may be claimed: the share or its lower bound, nothing where the target was not reached.
    pub fn claimed(self) -> Option<f64> {
        match self {
            Self::Share(share) | Self::AtLeast(share) => Some(share),
            Self::AtMost(_) | Self::Undefined => None,
        }
    }
}

impl fmt::Display for Saving {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // `+ 0.0` turns a rounded -0 into 0.
        let percent = |share: &f64| (share * 100.0).round() + 0.0;
        match self {
            Self::Share(share) => write!(f, "{} %", percent(share)),
            Self::AtLeast(share) => write!(f, "at least {} %", percent(share)),
            Self::AtMost(share) => write!(f, "at most {} %", percent(share)),
            Self::Undefined => f.write_str("undefined"),
        }
    }
}

/// One strategy against another at one target.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Comparison {
    /// The convention.
    pub target: Target,
    /// The level that it came to.
    pub level: f64,
    /// Labels that our mean curve needs for the level.
    pub ours: Reach,
    /// Labels that their mean curve needs for it.
    pub theirs: Reach,
    /// The saving.
    pub saving: Saving,
    /// 95 % bootstrap interval over paired trials, the level being found anew in each resample;
    /// a resample in which we miss the target counts as minus infinity. `None` below two trials.
    pub interval: Option<Interval>,
}

/// Compares the mean curves of two strategies over the same trials, in the same order.
///
/// `O(R S T)` for `R` resamples of `S` trials with `T` points (`T^2` for [`Target::Largest`]).
///
/// ```
/// use alfm_core::{Error, SeedTree};
/// use alfm_lab::savings::{Curve, Saving, Target, compare};
/// let n: Vec<f64> = (1..=5).map(|point| 100.0 * f64::from(point)).collect();
/// let ours = Curve::new(n.clone(), vec![0.50, 0.70, 0.82, 0.81, 0.85])?;
/// let theirs = Curve::new(n, vec![0.50, 0.60, 0.58, 0.70, 0.80])?;
/// let got = compare(&[ours], &[theirs], Target::TheirBest, &SeedTree::new(0))?;
/// assert_eq!(got.saving.to_string(), "43 %"); // 1 - 283.33 / 500
/// # Ok::<(), alfm_core::Error>(())
/// ```
///
/// # Errors
/// [`ErrorKind::Input`](alfm_core::ErrorKind) if the numbers of trials differ, otherwise as [`Curve::mean`].
pub fn compare(
    ours: &[Curve],
    theirs: &[Curve],
    target: Target,
    seed: &SeedTree,
) -> Result<Comparison, Error> {
    paired(ours, theirs)?;
    let (level, a, b) = reach(&Curve::mean(ours)?, &Curve::mean(theirs)?, target);
    let interval = bootstrap(ours.len(), seed, |drawn| {
        match (resample(ours, drawn), resample(theirs, drawn)) {
            (Ok(ours), Ok(theirs)) => {
                let (_, a, b) = reach(&ours, &theirs, target);
                Saving::new(a, b).claimed().unwrap_or(f64::NEG_INFINITY)
            }
            _ => f64::NEG_INFINITY,
        }
    });
    Ok(Comparison { target, level, ours: a, theirs: b, saving: Saving::new(a, b), interval })
}

/// Mean paired difference of the areas under two strategies' curves, ours minus theirs, with its 95 %
/// bootstrap interval over trials.
///
/// # Errors
/// As [`compare`].
pub fn area_difference(
    ours: &[Curve],
    theirs: &[Curve],
    seed: &SeedTree,
) -> Result<(f64, Option<Interval>), Error> {
    paired(ours, theirs)?;
    let differences: Vec<f64> = ours.iter().zip(theirs).map(|(a, b)| a.area() - b.area()).collect();
    let interval = bootstrap(differences.len(), seed, |drawn| {
        drawn.iter().map(|trial| differences[*trial]).sum::<f64>() / drawn.len() as f64
    });
    Ok((mean(&differences), interval))
}

fn paired(ours: &[Curve], theirs: &[Curve]) -> Result<(), Error> {
    if ours.is_empty() {
        return Err(empty("trials to compare"));
    }
    if ours.len() != theirs.len() {
        return Err(length("trials of the other strategy", ours.len(), theirs.len()));
    }
    Ok(())
}

fn resample(trials: &[Curve], drawn: &[usize]) -> Result<Curve, Error> {
    Curve::mean(&drawn.iter().map(|trial| trials[*trial].clone()).collect::<Vec<_>>())
}

/// The level of a target, and the labels that each of two curves needs for it.
fn reach(ours: &Curve, theirs: &Curve, target: Target) -> (f64, Reach, Reach) {
    let level = match target {
        Target::TheirBest => theirs.best(),
        Target::Level(level) => level,
        Target::Largest => return largest(ours, theirs),
    };
    (level, ours.labels_to(level), theirs.labels_to(level))
}

/// The level with the largest saving among those that both curves reach.
///
/// Between two values that occur in the curves, both `n(a)` are linear in `a`, so that their ratio is
/// monotone: the supremum lies at such a value, or in the limit from above it where a curve rests there.
fn largest(ours: &Curve, theirs: &Curve) -> (f64, Reach, Reach) {
    let levels = ours.values().iter().chain(theirs.values()).copied();
    let both = |(_, a, b): &(f64, Reach, Reach)| matches!((a, b), (Reach::At(_), Reach::At(_)));
    let share = |(_, a, b): &(f64, Reach, Reach)| {
        Saving::new(*a, *b).claimed().unwrap_or(f64::NEG_INFINITY)
    };
    let lowest = theirs.values()[0].min(ours.values()[0]);
    levels
        .flat_map(|level| {
            [
                (level, ours.labels_to(level), theirs.labels_to(level)),
                (level, ours.labels_beyond(level), theirs.labels_beyond(level)),
            ]
        })
        .filter(both)
        .max_by(|x, y| share(x).total_cmp(&share(y)))
        // Curves of one point each always share their lower value, so that this default never shows.
        .unwrap_or((lowest, ours.labels_to(lowest), theirs.labels_to(lowest)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn curve(values: &[f64]) -> Curve {
        let labels = (1..=values.len()).map(|point| 100.0 * point as f64).collect();
        Curve::new(labels, values.to_vec()).unwrap()
    }

    fn protocol() -> (Vec<Curve>, Vec<Curve>) {
        let ours = curve(&[0.50, 0.70, 0.82, 0.81, 0.85]);
        (vec![ours], vec![curve(&[0.50, 0.60, 0.58, 0.70, 0.80])])
    }

    #[test]
    fn the_protocols_savings() {
        let (ours, theirs) = protocol();
        let cases = [
            (Target::Level(0.60), 0.25),
            (Target::Level(0.65), 0.50),
            (Target::Level(0.80), 0.433_333),
            (Target::TheirBest, 0.433_333),
            (Target::Largest, 0.50),
        ];
        for (target, expected) in cases {
            let got = compare(&ours, &theirs, target, &SeedTree::new(0)).unwrap();
            let share = got.saving.claimed().unwrap();
            assert!((share - expected).abs() < 1e-6, "{target:?}: {share}");
            assert_eq!(got.interval, None, "one trial has no interval");
        }
    }

    /// B peaks in the middle: its own best counts where B first has it, not at its end.
    #[test]
    fn their_best_is_counted_where_they_first_reach_it() {
        let ours = [curve(&[0.1, 0.2, 0.4])];
        let theirs = [curve(&[0.1, 0.3, 0.2])];
        let got = compare(&ours, &theirs, Target::TheirBest, &SeedTree::new(0)).unwrap();
        assert_eq!(got.theirs, Reach::At(200.0));
        assert_eq!(got.saving.to_string(), "-25 %");
    }

    #[test]
    fn a_missed_target_is_kept_and_shown() {
        let (high, low) = ([curve(&[0.1, 0.9])], [curve(&[0.1, 0.5])]);
        let seed = SeedTree::new(0);
        let missed = compare(&low, &high, Target::TheirBest, &seed).unwrap();
        assert_eq!(missed.saving, Saving::AtMost(0.0));
        assert_eq!(missed.ours.to_string(), "> 200");
        let bound = compare(&high, &low, Target::Level(0.6), &seed).unwrap();
        // 100 + 100 * (.6 - .1)/.8 = 162.5 of at least 200.
        assert_eq!(bound.saving, Saving::AtLeast(0.187_5));
        let neither = compare(&high, &low, Target::Level(0.95), &seed).unwrap();
        assert_eq!(neither.saving.to_string(), "undefined");
    }

    #[test]
    fn a_resample_that_misses_the_target_opens_the_interval() {
        let theirs = vec![curve(&[0.1, 0.5]), curve(&[0.1, 0.5])];
        let ours = vec![curve(&[0.1, 0.9]), curve(&[0.1, 0.2])];
        let got = compare(&ours, &theirs, Target::TheirBest, &SeedTree::new(0)).unwrap();
        assert_eq!(got.interval.unwrap().low, f64::NEG_INFINITY);
        // Mean ours: .1 to .55; the best case, trial 0 twice, reaches .5 at 150 labels of 200.
        assert!((got.interval.unwrap().high - 0.25).abs() < 1e-12);
    }

    #[test]
    fn areas_are_paired_by_trial() {
        let ours = [curve(&[0.2, 0.4]), curve(&[0.6, 0.8])];
        let theirs = [curve(&[0.1, 0.3]), curve(&[0.5, 0.7])];
        let (difference, interval) = area_difference(&ours, &theirs, &SeedTree::new(0)).unwrap();
        assert!((difference - 0.1).abs() < 1e-12);
        // The trials differ by .4, their difference by nothing: pairing removes what they share.
        let interval = interval.unwrap();
        assert!((interval.low - 0.1).abs() < 1e-12 && (interval.high - 0.1).abs() < 1e-12);
    }

    #[test]
    fn unequal_trials_are_refused() {
        let (ours, theirs) = protocol();
        let two = [theirs[0].clone(), theirs[0].clone()];
        assert!(compare(&ours, &two, Target::Largest, &SeedTree::new(0)).is_err());
        assert!(area_difference(&[], &[], &SeedTree::new(0)).is_err());
    }

    proptest! {
        /// No level of a fine grid beats the level that is called the largest.
        #[test]
        fn no_level_saves_more_than_the_largest(
            ours in prop::collection::vec(0.0f64..1.0, 2..8), theirs in prop::collection::vec(0.0f64..1.0, 2..8),
            level in 0.0f64..1.0,
        ) {
            let (ours, theirs) = (curve(&ours), curve(&theirs));
            let (_, a, b) = largest(&ours, &theirs);
            let best = Saving::new(a, b).claimed().unwrap();
            if let Saving::Share(share) = Saving::new(ours.labels_to(level), theirs.labels_to(level)) {
                prop_assert!(share <= best + 1e-12);
            }
        }
    }
}
