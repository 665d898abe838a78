use alfm_core::{Predictions, Probabilities};
use serde::{Deserialize, Serialize};

use super::Calibrator;
use crate::Error;

/// Most steps of EM.
const MAX_STEPS: usize = 1000;

/// A correction for other class shares than the prior assumes: `p'[i,k]` is proportional to
/// `p[i,k] target_k / source_k`.
///
/// The prior speaks of a world with the class shares `source`; the pool has `target`. What a class looks like is
/// taken to be the same in both.
///
/// Source: Saerens, Latinne and Decaestecker, "Adjusting the outputs of a classifier to new a priori
/// probabilities" (2002), equations 2.4 and 2.9.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Shares", into = "Shares")]
pub struct LabelShift(Shares);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Shares {
    source: Vec<f64>,
    target: Vec<f64>,
}

impl LabelShift {
    /// Known class shares.
    ///
    /// # Errors
    /// Unless both are distributions over the same two classes or more, of which the source excludes none.
    pub fn new(source: Vec<f64>, target: Vec<f64>) -> Result<Self, Error> {
        let (expected, got) = (source.len(), target.len());
        if expected != got {
            return Err(Error::column_count("target", expected, got));
        }
        for shares in [&source, &target] {
            let row: Vec<f32> = shares.iter().map(|share| *share as f32).collect();
            Predictions::probabilities(&row, 1, row.len())?;
        }
        if let Some(&value) = source.iter().find(|share| **share <= 0.0) {
            let rule = "every class has a share above 0 where the prior comes from";
            return Err(Error::setting("source", value, rule));
        }
        Ok(Self(Shares { source, target }))
    }

    /// The target shares that make a prior `N x K` most likely, by EM; no labels are needed.
    ///
    /// From `target = source` on, `target_k` becomes the mean over items of the corrected `p'[i,k]`, until no
    /// share moves by more than 1e-8 or for 1000 steps, `O(N K)` time each. `source` are the shares that the
    /// prior assumes, by default equal ones: those of a model that prefers no class, which a zero-shot prior need
    /// not be. The likelihood takes the prior at its word: calibrate it first.
    ///
    /// # Errors
    /// If `prior` is not a matrix of probabilities, and as [`LabelShift::new`].
    ///
    /// ```
    /// use alfm_core::Probabilities;
    /// use alfm_prior::{Calibrator, LabelShift};
    /// // Two of three items are surely of class 0: the third, at even odds, is more likely so, too.
    /// let prior = Probabilities::from_rows(&[[1.0, 0.0], [1.0, 0.0], [0.5, 0.5], [0.0, 1.0]])?;
    /// let shift = LabelShift::fit(&prior, None)?;
    /// assert!((shift.target()[0] - 2.0 / 3.0).abs() < 1e-6);
    /// assert!((shift.apply(&prior)?.row(2)[0] - 2.0 / 3.0).abs() < 1e-6);
    /// # Ok::<(), alfm_prior::Error>(())
    /// ```
    pub fn fit(prior: &Probabilities, source: Option<&[f64]>) -> Result<Self, Error> {
        let classes = prior.classes();
        let source = source.map_or_else(|| vec![1.0 / classes as f64; classes], <[f64]>::to_vec);
        let mut shift = Self::new(source.clone(), source)?;
        let (expected, got) = (classes, shift.source().len());
        if expected != got {
            return Err(Error::column_count("source", expected, got));
        }
        for _ in 0..MAX_STEPS {
            let mut next = vec![0.0; classes];
            for row in prior.view().iter() {
                next.iter_mut().zip(shift.corrected(row)).for_each(|(sum, p)| *sum += p);
            }
            next.iter_mut().for_each(|share| *share /= prior.rows().max(1) as f64);
            let moves = next.iter().zip(shift.target()).map(|(new, old)| (new - old).abs());
            let still = moves.fold(0.0, f64::max) <= 1e-8;
            if prior.rows() > 0 {
                shift.0.target = next;
            }
            if still {
                break;
            }
        }
        Ok(shift)
    }

    /// The class shares that the prior assumes.
    pub fn source(&self) -> &[f64] {
        &self.0.source
    }

    /// The class shares of the pool.
    pub fn target(&self) -> &[f64] {
        &self.0.target
    }

    /// A row of corrected probabilities; the row itself where only excluded classes are possible.
    fn corrected(&self, row: &[f32]) -> Vec<f64> {
        let shares = self.target().iter().zip(self.source());
        let mut corrected: Vec<f64> = row
            .iter()
            .zip(shares)
            .map(|(p, (target, source))| f64::from(*p) * target / source)
            .collect();
        let sum: f64 = corrected.iter().sum();
        if sum > 0.0 {
            corrected.iter_mut().for_each(|p| *p /= sum);
            corrected
        } else {
            row.iter().copied().map(f64::from).collect()
        }
    }
}

impl TryFrom<Shares> for LabelShift {
    type Error = Error;

    fn try_from(given: Shares) -> Result<Self, Error> {
        Self::new(given.source, given.target)
    }
}

impl From<LabelShift> for Shares {
    fn from(shift: LabelShift) -> Self {
        shift.0
    }
}

impl Calibrator for LabelShift {
    fn apply(&self, prior: &Probabilities) -> Result<Probabilities, Error> {
        let (expected, got) = (self.source().len(), prior.classes());
        if expected != got {
            return Err(Error::column_count("prior", expected, got));
        }
        let values =
            prior.view().iter().flat_map(|row| self.corrected(row)).map(|p| p as f32).collect();
        Probabilities::new(values, prior.rows(), got)
    }
}
