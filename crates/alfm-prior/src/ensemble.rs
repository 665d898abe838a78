//! Several priors to one.

use alfm_core::{CoreError, Matrix, MatrixView, Predictions, ScoreKind};
use serde::{Deserialize, Serialize};

use crate::PriorError;
use crate::calibrate::log_row;
use crate::zero_shot::softmax_rows;

/// How the probabilities of several priors are combined.
///
/// Source: Genest and Zidek, "Combining probability distributions: a critique and an annotated bibliography"
/// (1986).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Pool {
    /// The weighted arithmetic mean: as sure as its members are on average, and never where they disagree.
    #[default]
    Linear,
    /// The weighted geometric mean, normalised: a class that one member all but excludes is out.
    Logarithmic,
}

/// Combines priors `N x K` by weights, which are divided by their sum: `O(M N K)` time.
///
/// The linear pool is `p[i,k] = sum_m w_m p_m[i,k]`; in the logarithmic pool `p[i,k]` is proportional to
/// `prod_m p_m[i,k]^w_m`, where probabilities below 1e-30 count as 1e-30.
///
/// # Errors
/// [`PriorError::Input`] for priors of different shapes or that are no matrices of probabilities,
/// [`PriorError::Members`] unless there are as many weights as priors and at least one,
/// [`PriorError::Setting`] for a weight that is not finite and at least 0, or if all are 0.
///
/// ```
/// use alfm_core::Matrix;
/// use alfm_prior::{Pool, ensemble};
/// let sure = Matrix::from_rows(&[[0.9, 0.1]])?;
/// let unsure = Matrix::from_rows(&[[0.5, 0.5]])?;
/// let priors = [sure.view(), unsure.view()];
/// let linear = ensemble(&priors, &[1.0, 1.0], Pool::Linear)?;
/// assert_eq!(linear.view().row(0), [0.7, 0.3]);
/// let logarithmic = ensemble(&priors, &[1.0, 1.0], Pool::Logarithmic)?; // odds: sqrt(9 : 1)
/// assert!((logarithmic.view().row(0)[0] - 0.75).abs() < 1e-6);
/// # Ok::<(), alfm_prior::PriorError>(())
/// ```
pub fn ensemble(
    priors: &[MatrixView<'_>],
    weights: &[f64],
    pool: Pool,
) -> Result<Matrix, PriorError> {
    let first = match priors {
        [first, ..] if priors.len() == weights.len() => first,
        _ => return Err(PriorError::Members { priors: priors.len(), weights: weights.len() }),
    };
    let (rows, classes) = (first.rows(), first.columns());
    for prior in priors {
        let (what, expected, got) = ("prior", rows, prior.rows());
        if got != expected {
            return Err(CoreError::RowCount { what, expected, got }.into());
        }
        let (expected, got) = (classes, prior.columns());
        if got != expected {
            return Err(CoreError::ColumnCount { what, expected, got }.into());
        }
        Predictions::new(*prior, ScoreKind::Probabilities)?;
    }
    let total = total_weight(weights)?;
    let mut sums = vec![0.0f64; rows * classes];
    for (prior, weight) in priors.iter().zip(weights.iter().map(|weight| weight / total)) {
        let add = |(sum, value): (&mut f64, f64)| *sum += weight * value;
        match pool {
            Pool::Linear => {
                let values = prior.values().iter().copied().map(f64::from);
                sums.iter_mut().zip(values).for_each(add);
            }
            Pool::Logarithmic => sums.iter_mut().zip(log_row(prior.values())).for_each(add),
        }
    }
    let pooled = Matrix::new(sums.into_iter().map(|sum| sum as f32).collect(), rows, classes)?;
    match pool {
        Pool::Linear => Ok(pooled),
        Pool::Logarithmic => softmax_rows(pooled.view()),
    }
}

fn total_weight(weights: &[f64]) -> Result<f64, PriorError> {
    let name = "weight";
    if let Some(value) = weights.iter().copied().find(|w| !(w.is_finite() && *w >= 0.0)) {
        return Err(PriorError::Setting { name, value, rule: "a weight is finite and at least 0" });
    }
    match weights.iter().sum::<f64>() {
        total if total > 0.0 && total.is_finite() => Ok(total),
        value => Err(PriorError::Setting { name, value, rule: "some weight must be above 0" }),
    }
}
