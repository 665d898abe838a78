use alfm_core::{ClassId, Probabilities};
use serde::{Deserialize, Serialize};

use crate::Error;
use crate::calibrate::{check_labels, log_row};

/// Bins of the expected calibration error.
const BINS: usize = 15;

/// How good a prior is, measured on labelled rows.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PriorQuality {
    /// Number of labelled rows.
    pub labels: usize,
    /// Share of rows whose most probable class (the lowest on ties) is the label.
    pub accuracy: f64,
    /// Mean over the classes among the labels of the share of their rows that are right.
    pub balanced_accuracy: f64,
    /// Mean of `-ln p[i, y_i]`, in nats; probabilities below 1e-30 count as 1e-30.
    pub negative_log_likelihood: f64,
    /// Expected calibration error: `sum_b n_b / n |accuracy_b - confidence_b|` over 15 equal bins of the largest
    /// probability (Guo et al. 2017, equation 3).
    pub calibration_error: f64,
}

impl PriorQuality {
    /// Measures a prior `N x K` on pairs of a row and its class: `O(n K)` time.
    ///
    /// # Errors
    /// Without labels, for a row or class that the prior does not have, or a prior that is no matrix of probabilities.
    ///
    /// ```
    /// use alfm_core::{ClassId, Probabilities};
    /// let prior = Probabilities::from_rows(&[[0.9, 0.1], [0.6, 0.4]])?;
    /// let labels = [(0, ClassId::new(0)), (1, ClassId::new(1))];
    /// let quality = alfm_prior::PriorQuality::measure(&prior, &labels)?;
    /// assert_eq!(quality.accuracy, 0.5);
    /// assert!((quality.calibration_error - (0.1 + 0.6) / 2.0).abs() < 1e-6);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn measure(prior: &Probabilities, labels: &[(usize, ClassId)]) -> Result<Self, Error> {
        let predictions = prior.predictions();
        check_labels(prior, labels, "measure a prior")?;
        let mut classes = vec![(0usize, 0usize); prior.classes()];
        let mut gaps = [0.0f64; BINS];
        let mut surprise = 0.0;
        for &(row, class) in labels {
            let guess = predictions.argmax(row);
            let right = guess == class;
            let confidence = f64::from(prior.row(row)[guess.index()]);
            let (seen, hits) = &mut classes[class.index()];
            *seen += 1;
            *hits += usize::from(right);
            // Bins are (b / 15, (b + 1) / 15], so that a confidence of exactly 1 has one.
            let bin = ((confidence * BINS as f64).ceil() as usize).clamp(1, BINS) - 1;
            gaps[bin] += f64::from(u8::from(right)) - confidence;
            surprise -= log_row(&prior.row(row)[class.index()..=class.index()]).sum::<f64>();
        }
        let count = labels.len() as f64;
        let hits: usize = classes.iter().map(|(_, hits)| hits).sum();
        let recalls = classes.iter().filter(|(seen, _)| *seen > 0);
        let (sum, present) = recalls.fold((0.0, 0.0), |(sum, present), (seen, hits)| {
            (sum + *hits as f64 / *seen as f64, present + 1.0)
        });
        Ok(Self {
            labels: labels.len(),
            accuracy: hits as f64 / count,
            balanced_accuracy: sum / present,
            negative_log_likelihood: surprise / count,
            calibration_error: gaps.iter().map(|gap| gap.abs()).sum::<f64>() / count,
        })
    }
}
