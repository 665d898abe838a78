use alfm_core::{ClassId, MatrixView, Probabilities};
use serde::{Deserialize, Serialize};

use super::{Calibrator, check_labels, log_row};
use crate::Error;
use crate::zero_shot::softmax_rows;

/// Temperature scaling: `p'[i,k]` is proportional to `p[i,k]^(1 / T)`.
///
/// Source: Guo et al., "On calibration of modern neural networks" (2017), equation 9.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Temperature(f64);

impl Temperature {
    /// Smallest and largest temperature that [`Temperature::fit`] returns.
    pub const RANGE: (f64, f64) = (0.02, 50.0);

    /// A known temperature: above 1 softens, below 1 sharpens.
    ///
    /// # Errors
    /// If it is not finite and above 0.
    pub fn new(temperature: f64) -> Result<Self, Error> {
        if temperature.is_finite() && temperature > 0.0 {
            return Ok(Self(temperature));
        }
        let rule = "a temperature must be finite and above 0";
        Err(Error::setting("temperature", temperature, rule))
    }

    /// The temperature that minimises the negative log-likelihood of some labelled rows of a prior.
    ///
    /// `labels` are pairs of a row and its class. The likelihood is concave in `1 / T`: a golden-section search
    /// over [`Temperature::RANGE`] finds the optimum to 1e-6, in `O(n K)` time a step.
    ///
    /// # Errors
    /// Without labels, for a row or class that the prior does not have, or a prior that is no matrix of probabilities.
    pub fn fit(prior: &Probabilities, labels: &[(usize, ClassId)]) -> Result<Self, Error> {
        check_labels(prior, labels, "fit a temperature")?;
        let rows: Vec<(Vec<f64>, usize)> = labels
            .iter()
            .map(|(row, class)| (log_row(prior.row(*row)).collect(), class.index()))
            .collect();
        let loss =
            |inverse: f64| rows.iter().map(|(logs, class)| surprise(logs, *class, inverse)).sum();
        let (coldest, hottest) = Self::RANGE;
        Ok(Self(1.0 / golden_section(loss, 1.0 / hottest, 1.0 / coldest)))
    }

    /// The value `T`.
    pub fn get(self) -> f64 {
        self.0
    }
}

impl TryFrom<f64> for Temperature {
    type Error = Error;

    fn try_from(temperature: f64) -> Result<Self, Error> {
        Self::new(temperature)
    }
}

impl From<Temperature> for f64 {
    fn from(temperature: Temperature) -> Self {
        temperature.0
    }
}

impl Calibrator for Temperature {
    fn apply(&self, prior: &Probabilities) -> Result<Probabilities, Error> {
        let scaled = |row| log_row(row).map(|log| (log / self.0) as f32);
        let logits: Vec<f32> = prior.view().iter().flat_map(scaled).collect();
        softmax_rows(MatrixView::new(&logits, prior.rows(), prior.classes())?)
    }
}

/// `-ln softmax(inverse * logs)[class]`.
fn surprise(logs: &[f64], class: usize, inverse: f64) -> f64 {
    let top = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = logs.iter().map(|log| (inverse * (log - top)).exp()).sum();
    sum.ln() - inverse * (logs[class] - top)
}

/// The minimiser of a unimodal function of `1 / T`, searched on a logarithmic scale.
fn golden_section(loss: impl Fn(f64) -> f64, low: f64, high: f64) -> f64 {
    let ratio = (5f64.sqrt() - 1.0) / 2.0;
    let value = |log: f64| loss(log.exp());
    let (mut low, mut high) = (low.ln(), high.ln());
    let (mut left, mut right) = (high - ratio * (high - low), low + ratio * (high - low));
    let (mut at_left, mut at_right) = (value(left), value(right));
    while high - low > 1e-6 {
        if at_left <= at_right {
            (high, right, at_right) = (right, left, at_left);
            left = high - ratio * (high - low);
            at_left = value(left);
        } else {
            (low, left, at_left) = (left, right, at_right);
            right = low + ratio * (high - low);
            at_right = value(right);
        }
    }
    (0.5 * (low + high)).exp()
}
