//! Several priors to one.

use alfm_core::{Matrix, Probabilities};
use serde::{Deserialize, Serialize};

use crate::Error;
use crate::calibrate::log_row;
use crate::zero_shot::softmax_rows;

/// How the probabilities of several priors are combined.
///
/// Source: Genest and Zidek, "Combining probability distributions: a critique and an annotated bibliography"
/// (1986).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Pooling {
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
/// For priors of different shapes or that are no matrices of probabilities, unless there are as many weights as
/// priors and at least one, for a weight that is not finite and at least 0, or if all are 0.
///
/// ```
/// use alfm_core::Probabilities;
/// use alfm_prior::{Pooling, ensemble};
/// let sure = Probabilities::from_rows(&[[0.9, 0.1]])?;
/// let unsure = Probabilities::from_rows(&[[0.5, 0.5]])?;
/// let priors = [&sure, &unsure];
/// let linear = ensemble(&priors, &[1.0, 1.0], Pooling::Linear)?;
/// assert_eq!(linear.row(0), [0.7, 0.3]);
/// let logarithmic = ensemble(&priors, &[1.0, 1.0], Pooling::Logarithmic)?; // odds: sqrt(9 : 1)
/// assert!((logarithmic.row(0)[0] - 0.75).abs() < 1e-6);
/// # Ok::<(), alfm_prior::Error>(())
/// ```
pub fn ensemble(
    priors: &[&Probabilities],
    weights: &[f64],
    pool: Pooling,
) -> Result<Probabilities, Error> {
    let first = match priors {
        [first, ..] if priors.len() == weights.len() => first,
        _ => {
            let (priors, weights) = (priors.len(), weights.len());
            return Err(Error::input(format!(
                "{priors} prior(s) and {weights} weight(s) given: an ensemble needs one weight for each of its priors"
            )));
        }
    };
    let (rows, classes) = (first.rows(), first.classes());
    for prior in priors {
        if prior.rows() != rows {
            return Err(Error::row_count("prior", rows, prior.rows()));
        }
        if prior.classes() != classes {
            return Err(Error::column_count("prior", classes, prior.classes()));
        }
    }
    let total = total_weight(weights)?;
    let mut sums = vec![0.0f64; rows * classes];
    for (prior, weight) in priors.iter().zip(weights.iter().map(|weight| weight / total)) {
        let add = |(sum, value): (&mut f64, f64)| *sum += weight * value;
        match pool {
            Pooling::Linear => {
                let values = prior.view().values().iter().copied().map(f64::from);
                sums.iter_mut().zip(values).for_each(add);
            }
            Pooling::Logarithmic => {
                sums.iter_mut().zip(log_row(prior.view().values())).for_each(add)
            }
        }
    }
    let pooled = Matrix::new(sums.into_iter().map(|sum| sum as f32).collect(), rows, classes)?;
    match pool {
        Pooling::Linear => pooled.try_into(),
        Pooling::Logarithmic => softmax_rows(pooled.view()),
    }
}

fn total_weight(weights: &[f64]) -> Result<f64, Error> {
    let name = "weight";
    if let Some(value) = weights.iter().copied().find(|w| !(w.is_finite() && *w >= 0.0)) {
        return Err(Error::setting(name, value, "a weight is finite and at least 0"));
    }
    match weights.iter().sum::<f64>() {
        total if total > 0.0 && total.is_finite() => Ok(total),
        value => Err(Error::setting(name, value, "some weight must be above 0")),
    }
}
