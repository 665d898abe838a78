use alfm_core::{ClassId, MatrixView, Probabilities};
use serde::{Deserialize, Serialize};

use super::{Calibrator, check_labels, log_row};
use crate::Error;
use crate::zero_shot::softmax_rows;

/// Newton steps: some ten are enough, the loss being strictly convex.
const MAX_STEPS: usize = 100;
/// Halvings of a step before it counts as no progress.
const MAX_HALVINGS: usize = 40;

/// Vector scaling: `p'[i,k]` is proportional to `exp(b_k) p[i,k]^(w_k)`.
///
/// A slope and an offset for each class: it also mends a prior that prefers some classes, which a
/// [`Temperature`](super::Temperature) cannot, and needs more labels for it.
///
/// Source: Guo et al., "On calibration of modern neural networks" (2017), section 4.2, on log-probabilities in
/// place of logits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parameters", into = "Parameters")]
pub struct VectorScaling(Parameters);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Parameters {
    slopes: Vec<f64>,
    offsets: Vec<f64>,
}

impl VectorScaling {
    /// Known parameters: the slopes `w` and offsets `b` of the classes, in nats.
    ///
    /// # Errors
    /// Unless there is one of each for two classes or more, and for a number that is not finite.
    pub fn new(slopes: Vec<f64>, offsets: Vec<f64>) -> Result<Self, Error> {
        let (expected, got) = (slopes.len(), offsets.len());
        if expected < 2 {
            return Err(Error::too_few_classes(expected));
        }
        if expected != got {
            return Err(Error::column_count("offsets", expected, got));
        }
        for (name, values) in [("slope", &slopes), ("offset", &offsets)] {
            if let Some(&value) = values.iter().find(|value| !value.is_finite()) {
                return Err(Error::setting(name, value, "it must be finite"));
            }
        }
        Ok(Self(Parameters { slopes, offsets }))
    }

    /// The parameters that minimise `sum_i -ln p'[i, y_i] + strength / 2 (|w - 1|^2 + |b|^2)` on labelled rows.
    ///
    /// `labels` are pairs of a row and its class. The penalty, in nats, keeps classes without labels as they are;
    /// 1 is a cautious `strength`, which must be above 0. Damped Newton steps: `O(n K^2 + K^3)` time each.
    ///
    /// # Errors
    /// As [`Temperature::fit`](super::Temperature::fit), and for the strength.
    pub fn fit(
        prior: &Probabilities,
        labels: &[(usize, ClassId)],
        strength: f64,
    ) -> Result<Self, Error> {
        check_labels(prior, labels, "fit a vector scaling")?;
        if !(strength.is_finite() && strength > 0.0) {
            let rule = "a penalty must be finite and above 0";
            return Err(Error::setting("strength", strength, rule));
        }
        let classes = prior.classes();
        let rows: Vec<(Vec<f64>, usize)> = labels
            .iter()
            .map(|(row, class)| (log_row(prior.row(*row)).collect(), class.index()))
            .collect();
        let loss = Loss { rows, classes, strength };
        let mut point = [vec![1.0; classes], vec![0.0; classes]].concat();
        let mut value = loss.value(&point);
        for _ in 0..MAX_STEPS {
            let (gradient, hessian) = loss.derivatives(&point);
            let step = solve(hessian, gradient.clone());
            let slope: f64 = gradient.iter().zip(&step).map(|(g, s)| g * s).sum();
            if slope <= 1e-12 * (1.0 + value.abs()) {
                break;
            }
            let halvings = std::iter::successors(Some(1.0), |length| Some(0.5 * length));
            let better = halvings.take(MAX_HALVINGS).find_map(|length| {
                let next: Vec<f64> = point.iter().zip(&step).map(|(x, s)| x - length * s).collect();
                let found = loss.value(&next);
                (found <= value - 1e-4 * length * slope).then_some((next, found))
            });
            let Some(better) = better else { break };
            (point, value) = better;
        }
        let offsets = point.split_off(classes);
        Self::new(point, offsets)
    }

    /// The slope `w` of each class.
    pub fn slopes(&self) -> &[f64] {
        &self.0.slopes
    }

    /// The offset `b` of each class, in nats.
    pub fn offsets(&self) -> &[f64] {
        &self.0.offsets
    }
}

impl TryFrom<Parameters> for VectorScaling {
    type Error = Error;

    fn try_from(given: Parameters) -> Result<Self, Error> {
        Self::new(given.slopes, given.offsets)
    }
}

impl From<VectorScaling> for Parameters {
    fn from(scaling: VectorScaling) -> Self {
        scaling.0
    }
}

impl Calibrator for VectorScaling {
    fn apply(&self, prior: &Probabilities) -> Result<Probabilities, Error> {
        let (expected, got) = (self.slopes().len(), prior.classes());
        if expected != got {
            return Err(Error::column_count("prior", expected, got));
        }
        let scaled = |row| {
            let parameters = self.slopes().iter().zip(self.offsets());
            log_row(row).zip(parameters).map(|(log, (w, b))| (w * log + b) as f32)
        };
        let logits: Vec<f32> = prior.view().iter().flat_map(scaled).collect();
        softmax_rows(MatrixView::new(&logits, prior.rows(), got)?)
    }
}

/// The penalised loss of slopes and offsets, one after the other.
struct Loss {
    /// Log-probabilities and class of each labelled row.
    rows: Vec<(Vec<f64>, usize)>,
    classes: usize,
    strength: f64,
}

impl Loss {
    fn value(&self, point: &[f64]) -> f64 {
        let (slopes, offsets) = point.split_at(self.classes);
        let penalty: f64 = slopes.iter().map(|w| (w - 1.0).powi(2)).sum::<f64>()
            + offsets.iter().map(|b| b.powi(2)).sum::<f64>();
        let surprise: f64 = self.rows.iter().map(|(logs, class)| -ln(logs, point)[*class]).sum();
        surprise + 0.5 * self.strength * penalty
    }

    /// The gradient and the Hessian, row by row.
    fn derivatives(&self, point: &[f64]) -> (Vec<f64>, Vec<f64>) {
        let (classes, size) = (self.classes, 2 * self.classes);
        let start = |at: usize| if at < classes { 1.0 } else { 0.0 };
        let mut gradient: Vec<f64> =
            point.iter().enumerate().map(|(at, x)| self.strength * (x - start(at))).collect();
        let mut hessian = vec![0.0; size * size];
        (0..size).for_each(|at| hessian[at * size + at] = self.strength);
        for (logs, class) in &self.rows {
            let p: Vec<f64> = ln(logs, point).into_iter().map(f64::exp).collect();
            // What a parameter's logit is multiplied with: the slope's by its log, the offset's by one.
            let factor = |at: usize| if at < classes { logs[at] } else { 1.0 };
            for a in 0..size {
                let of_a = a % classes;
                let hit = f64::from(u8::from(of_a == *class));
                gradient[a] += factor(a) * (p[of_a] - hit);
                for b in 0..size {
                    let of_b = b % classes;
                    let same = if of_a == of_b { p[of_a] } else { 0.0 };
                    hessian[a * size + b] += factor(a) * factor(b) * (same - p[of_a] * p[of_b]);
                }
            }
        }
        (gradient, hessian)
    }
}

/// `ln softmax(w logs + b)`.
fn ln(logs: &[f64], point: &[f64]) -> Vec<f64> {
    let (slopes, offsets) = point.split_at(logs.len());
    let scaled = logs.iter().zip(slopes).zip(offsets).map(|((log, w), b)| w * log + b);
    let mut row: Vec<f64> = scaled.collect();
    let top = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = row.iter().map(|z| (z - top).exp()).sum();
    row.iter_mut().for_each(|z| *z -= top + sum.ln());
    row
}

/// Solves `A x = v` for a symmetric positive definite `A` by Cholesky factors.
fn solve(mut a: Vec<f64>, mut v: Vec<f64>) -> Vec<f64> {
    let size = v.len();
    for i in 0..size {
        for j in 0..=i {
            let dot: f64 = (0..j).map(|k| a[i * size + k] * a[j * size + k]).sum();
            let rest = a[i * size + j] - dot;
            a[i * size + j] = if i == j { rest.sqrt() } else { rest / a[j * size + j] };
        }
        let dot: f64 = (0..i).map(|k| a[i * size + k] * v[k]).sum();
        v[i] = (v[i] - dot) / a[i * size + i];
    }
    for i in (0..size).rev() {
        let dot: f64 = (i + 1..size).map(|k| a[k * size + i] * v[k]).sum();
        v[i] = (v[i] - dot) / a[i * size + i];
    }
    v
}
