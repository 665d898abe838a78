//! How well a model labels a set of items, measured against clean labels.
//!
//! Balanced accuracy is the headline number: under imbalance, plain accuracy rewards a model that never
//! says the name of a rare class.

mod calibration;
mod confusion;

use alfm_core::{ClassId, Error, ErrorKind, Predictions};
use serde::{Deserialize, Serialize};

pub use calibration::{expected_calibration_error, negative_log_likelihood};
pub use confusion::{BalancedMode, Confusion};

/// All metrics of one set of items, as they are recorded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scores {
    /// Mean recall over the classes present in the set.
    pub balanced_accuracy: f64,
    /// Mean recall over all classes, an absent class counting as 0 (LabelBench's convention).
    pub balanced_accuracy_all: f64,
    /// GALAXY's balanced accuracy, which pools the minority classes.
    pub galaxy_accuracy: f64,
    /// Share of items that are right.
    pub accuracy: f64,
    /// Mean F1 over the classes present.
    pub macro_f1: f64,
    /// Recall of each class; `None` for a class without items in the set.
    pub recall: Vec<Option<f64>>,
    /// The lowest recall of a class.
    pub lowest_recall: f64,
    /// Standard deviation of recall over the classes present (`ddof = 0`: these are all classes there are).
    pub recall_deviation: f64,
    /// Classes without items in the set.
    pub absent_classes: usize,
    /// Mean negative log-likelihood of the clean class, in nats.
    pub nll: f64,
    /// Expected calibration error over 15 bins of equal width.
    pub ece: f64,
}

impl Scores {
    /// Measures predictions against clean labels; `majority` is the class that GALAXY's metric sets apart.
    ///
    /// `O(N K)` time, `O(K^2)` memory.
    ///
    /// # Errors
    /// As [`Confusion::new`], and [`ErrorKind::Input`] for a `majority` outside the classes.
    pub fn measure(
        predictions: &Predictions<'_>,
        clean: &[ClassId],
        majority: ClassId,
    ) -> Result<Self, Error> {
        let predicted: Vec<ClassId> =
            (0..predictions.rows()).map(|row| predictions.argmax(row)).collect();
        let confusion = Confusion::new(clean, &predicted, predictions.classes())?;
        Ok(Self {
            balanced_accuracy: confusion.balanced_accuracy(BalancedMode::Present),
            balanced_accuracy_all: confusion.balanced_accuracy(BalancedMode::All),
            galaxy_accuracy: confusion.galaxy_accuracy(majority)?,
            accuracy: confusion.accuracy(),
            macro_f1: confusion.macro_f1(),
            recall: confusion.recalls(),
            lowest_recall: confusion.lowest_recall(),
            recall_deviation: confusion.recall_deviation(),
            absent_classes: confusion.absent_classes(),
            nll: negative_log_likelihood(predictions, clean)?,
            ece: expected_calibration_error(predictions, clean)?,
        })
    }
}

/// Items of each class: `counts[k] = #{i : y_i = k}`.
///
/// # Errors
/// [`ErrorKind::Input`] for the first label that is no class.
pub fn class_counts(labels: &[ClassId], classes: usize) -> Result<Vec<usize>, Error> {
    let mut counts = vec![0; classes];
    for (row, label) in labels.iter().enumerate() {
        let class = label.index();
        let outside = || {
            let message = format!(
                "row {row}: label is class {class}, but there are {classes} classes, numbered from 0"
            );
            Error::new(ErrorKind::Input, message).at_row(row)
        };
        *counts.get_mut(class).ok_or_else(outside)? += 1;
    }
    Ok(counts)
}

/// The class with the most items; the lowest on ties.
pub fn majority_class(counts: &[usize]) -> ClassId {
    let most = counts.iter().copied().max().unwrap_or(0);
    ClassId::from_index(counts.iter().position(|count| *count == most).unwrap_or(0))
}

/// Labelled items whose **clean** class is not the majority class.
///
/// Under noise most observed minority labels are false, so that counting the oracle's answers would
/// flatter a strategy that collects wrong labels.
///
/// ```
/// use alfm_core::ClassId;
/// let clean_counts_of_labelled = [3, 2, 40];
/// assert_eq!(alfm_lab::metrics::minority_labels(&clean_counts_of_labelled, ClassId::new(2)), 5);
/// ```
pub fn minority_labels(clean_counts: &[usize], majority: ClassId) -> usize {
    let of_majority = clean_counts.get(majority.index()).copied().unwrap_or(0);
    clean_counts.iter().sum::<usize>() - of_majority
}

/// Whether a training looks as if it had failed: balanced pool accuracy below `2/K`, the protocol's rule,
/// but never above a tenth of the way from chance to perfect, because `2/K` is 1 for two classes.
///
/// ```
/// assert!(alfm_lab::metrics::diverged(0.10, 12)); // below 2/12
/// assert!(!alfm_lab::metrics::diverged(0.60, 2)); // 2/2 would call every training a failure
/// ```
pub fn diverged(balanced_pool_accuracy: f64, classes: usize) -> bool {
    let chance = 1.0 / classes as f64;
    balanced_pool_accuracy < (2.0 * chance).min(chance + 0.1 * (1.0 - chance))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minority_labels_are_those_outside_the_majority() {
        assert_eq!(majority_class(&[3, 7, 7]), ClassId::new(1));
        assert_eq!(majority_class(&[]), ClassId::new(0));
        assert_eq!(minority_labels(&[3, 7, 6], ClassId::new(1)), 9);
    }

    #[test]
    fn a_label_outside_the_classes_is_named() {
        let error = class_counts(&[ClassId::new(0), ClassId::new(5)], 3).unwrap_err();
        assert!(error.to_string().contains("row 1"), "{error}");
    }

    #[test]
    fn scores_of_two_items_by_hand() {
        let values = [0.75, 0.25, 0.75, 0.25];
        let predictions = Predictions::probabilities(&values, 2, 2).unwrap();
        let clean = [ClassId::new(0), ClassId::new(1)];
        let scores = Scores::measure(&predictions, &clean, ClassId::new(0)).unwrap();
        assert_eq!(scores.recall, [Some(1.0), Some(0.0)]);
        assert_eq!((scores.balanced_accuracy, scores.accuracy), (0.5, 0.5));
        assert_eq!((scores.lowest_recall, scores.recall_deviation), (0.0, 0.5));
        // -(ln .75 + ln .25)/2, and both items in one bin: |.5 - .75|.
        assert!((scores.nll - 0.836_988_216_8).abs() < 1e-9);
        assert!((scores.ece - 0.25).abs() < 1e-12);
    }

    #[test]
    fn two_over_k_counts_only_where_it_means_something() {
        let cases = [(0.54, 2, true), (0.56, 2, false), (0.16, 12, true), (0.17, 12, false)];
        for (accuracy, classes, expected) in cases {
            assert_eq!(diverged(accuracy, classes), expected, "{accuracy} of {classes}");
        }
    }
}
