use alfm_core::{ClassId, Error, Predictions};

use crate::error::{empty, length};

/// Bins of equal width on `(0, 1]` for the calibration error.
const BINS: usize = 15;

/// The least probability that a logarithm is taken of: a model that is certain and wrong costs 69 nats.
const FLOOR: f64 = 1e-30;

/// Mean negative log-likelihood of the clean class: `-(1/N) sum_i ln p[i, y_i]`, in nats.
///
/// Probabilities are floored at `1e-30`, so that one certain mistake does not make the mean infinite.
///
/// # Errors
/// [`ErrorKind::Input`](alfm_core::ErrorKind) if `clean` does not fit, [`ErrorKind::Missing`](alfm_core::ErrorKind)
/// without items.
pub fn negative_log_likelihood(
    predictions: &Predictions<'_>,
    clean: &[ClassId],
) -> Result<f64, Error> {
    check(predictions, clean)?;
    let mut buffer = Vec::new();
    let sum: f64 = clean
        .iter()
        .enumerate()
        .map(|(row, class)| {
            let probability = f64::from(predictions.row(row, &mut buffer)[class.index()]);
            -probability.max(FLOOR).ln()
        })
        .sum();
    Ok(sum / clean.len() as f64)
}

/// Expected calibration error: `sum_m (|B_m|/N) |acc(B_m) - conf(B_m)|` over 15 bins of equal width, bin `m`
/// holding the items whose highest probability lies in `((m-1)/15, m/15]` (Guo et al. 2017, eq. 5).
///
/// # Errors
/// As [`negative_log_likelihood`].
pub fn expected_calibration_error(
    predictions: &Predictions<'_>,
    clean: &[ClassId],
) -> Result<f64, Error> {
    check(predictions, clean)?;
    // Of each bin: sum of confidences minus number of right items. Its absolute value is |B| |acc - conf|.
    let mut gaps = [0.0f64; BINS];
    let mut buffer = Vec::new();
    for (row, class) in clean.iter().enumerate() {
        let best = predictions.argmax(row);
        let confidence = f64::from(predictions.row(row, &mut buffer)[best.index()]);
        let bin = ((confidence * BINS as f64).ceil() as usize).clamp(1, BINS) - 1;
        gaps[bin] += confidence - f64::from(u8::from(best == *class));
    }
    Ok(gaps.iter().map(|gap| gap.abs()).sum::<f64>() / clean.len() as f64)
}

fn check(predictions: &Predictions<'_>, clean: &[ClassId]) -> Result<(), Error> {
    if clean.is_empty() {
        return Err(empty("items to measure"));
    }
    if clean.len() != predictions.rows() {
        return Err(length("predictions", clean.len(), predictions.rows()));
    }
    super::class_counts(clean, predictions.classes()).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two items in bin (.6, .667] and one in (.867, .933]: |.65*2 - 1| + |.9 - 1| over 3.
    #[test]
    fn calibration_error_by_hand() {
        let values = [0.65, 0.35, 0.35, 0.65, 0.9, 0.1];
        let predictions = Predictions::probabilities(&values, 3, 2).unwrap();
        let clean = [0, 0, 0].map(ClassId::new);
        let got = expected_calibration_error(&predictions, &clean).unwrap();
        assert!((got - (0.3 + 0.1) / 3.0).abs() < 1e-6, "{got}");
    }

    #[test]
    fn likelihood_by_hand_and_with_a_certain_mistake() {
        let predictions = Predictions::probabilities(&[0.5, 0.5, 1.0, 0.0], 2, 2).unwrap();
        let right = negative_log_likelihood(&predictions, &[0, 0].map(ClassId::new)).unwrap();
        assert!((right - 0.5f64.ln() / -2.0).abs() < 1e-12);
        let wrong = negative_log_likelihood(&predictions, &[0, 1].map(ClassId::new)).unwrap();
        assert!((wrong - (2f64.ln() + 69.077_552_789_8) / 2.0).abs() < 1e-9);
    }

    #[test]
    fn labels_that_do_not_fit_are_refused() {
        let predictions = Predictions::probabilities(&[0.5, 0.5], 1, 2).unwrap();
        for clean in [vec![], vec![ClassId::new(0); 2], vec![ClassId::new(2)]] {
            assert!(negative_log_likelihood(&predictions, &clean).is_err());
            assert!(expected_calibration_error(&predictions, &clean).is_err());
        }
    }
}
