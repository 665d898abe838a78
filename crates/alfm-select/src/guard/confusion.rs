//! Which of the oracle's classes each of the prior's columns stands for.

use alfm_core::{ClassId, Error, MatrixView, Probabilities};

use super::likelihood::without;
use super::tuning::TUNED;

/// For each column of the prior, how its items are spread over the oracle's classes: `p_L'(k) = sum_j p_L(j) M(j, k)`.
///
/// A prior whose columns were mixed up may still tell the classes apart. `M` is the confusion matrix of one
/// annotator (Dawid & Skene 1979), here of one who gives probabilities, and balanced (Sinkhorn & Knopp 1967): every
/// class has one column's worth, so that a class with few labels gets what the others leave.
#[derive(Clone, Debug)]
pub(super) struct ColumnConfusion {
    /// `M`, row by row.
    spread: Vec<f64>,
    classes: usize,
}

impl ColumnConfusion {
    /// The most probable names under weighted labels, by expectation-maximisation from equal rows: `O(n K + K^2)` a step.
    pub(super) fn fit(prior: MatrixView<'_>, labels: &[ClassId], weights: &[f64]) -> Self {
        let classes = prior.columns();
        let mut confusion = Self { spread: vec![1.0; classes * classes], classes };
        let mut column = vec![0.0; classes];
        for _ in 0..TUNED.confusion_steps {
            let mut counts = vec![TUNED.confusion_smoothing / classes as f64; classes * classes];
            for ((row, label), weight) in prior.iter().zip(labels).zip(weights) {
                for (j, (column, p)) in column.iter_mut().zip(row).enumerate() {
                    *column =
                        f64::from(p.max(f32::MIN_POSITIVE)) * confusion.share(j, label.index());
                }
                let mass: f64 = column.iter().sum();
                for (j, column) in column.iter().enumerate() {
                    counts[j * classes + label.index()] += weight * column / mass;
                }
            }
            balance(&mut counts, classes);
            confusion.spread = counts;
        }
        confusion
    }

    fn share(&self, of: usize, class: usize) -> f64 {
        self.spread[of * self.classes + class]
    }

    /// What the prior says of an item, under these names; `O(K^2)`.
    #[expect(clippy::cast_possible_truncation, reason = "probabilities")]
    pub(super) fn rename(&self, row: &[f32]) -> Vec<f32> {
        let mut named = vec![0.0; self.classes];
        for (p, spread) in row.iter().zip(self.spread.chunks_exact(self.classes)) {
            named.iter_mut().zip(spread).for_each(|(named, share)| *named += f64::from(*p) * share);
        }
        named.into_iter().map(|p| p as f32).collect()
    }

    /// The class that each column mostly stands for; the lowest on ties.
    pub(super) fn classes(&self) -> Vec<ClassId> {
        let largest = |spread: &[f64]| {
            let before = |best: usize, class: usize| spread[class] > spread[best];
            (1..spread.len()).fold(0, |best, class| if before(best, class) { class } else { best })
        };
        self.spread.chunks_exact(self.classes).map(largest).map(ClassId::from_index).collect()
    }
}

/// Scales rows and columns in turn until both sum to 1; the rows do exactly.
fn balance(counts: &mut [f64], classes: usize) {
    for _ in 0..TUNED.balancing_steps {
        let mut sums = vec![0.0; classes];
        for row in counts.chunks_exact(classes) {
            sums.iter_mut().zip(row).for_each(|(sum, count)| *sum += count);
        }
        for row in counts.chunks_exact_mut(classes) {
            row.iter_mut().zip(&sums).for_each(|(count, sum)| *count /= sum);
            let sum: f64 = row.iter().sum();
            row.iter_mut().for_each(|count| *count /= sum);
        }
    }
}

/// Names, and what the prior says of labelled items under names that were found without their labels, `n x K`.
pub(super) fn cross_fitted(
    prior: MatrixView<'_>,
    labels: &[ClassId],
    weights: &[f64],
) -> Result<(ColumnConfusion, Probabilities), Error> {
    let judge = |fold: usize| ColumnConfusion::fit(prior, labels, &without(weights, fold));
    let in_turn: Vec<ColumnConfusion> = (0..TUNED.folds).map(judge).collect();
    let rows = prior.iter().enumerate();
    let values = rows.flat_map(|(at, row)| in_turn[at % TUNED.folds].rename(row)).collect();
    let told = Probabilities::new(values, labels.len(), prior.columns())?;
    Ok((ColumnConfusion::fit(prior, labels, weights), told))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Thirty items of three classes; the prior gives 0.8 to the class after the right one.
    fn mixed_up() -> (Probabilities, Vec<ClassId>) {
        let row = |item: usize| {
            let mut row = [0.1_f32; 3];
            row[(item + 1) % 3] = 0.8;
            row
        };
        let rows: Vec<[f32; 3]> = (0..30).map(row).collect();
        let labels = (0..30).map(|item| ClassId::from_index(item % 3)).collect();
        (Probabilities::from_rows(&rows).unwrap(), labels)
    }

    #[test]
    fn classes_that_were_mixed_up_get_their_names_back() {
        let (prior, labels) = mixed_up();
        let names = ColumnConfusion::fit(prior.view(), &labels, &[1.0; 30]);
        assert_eq!(names.classes(), [2, 0, 1].map(ClassId::new));
        let told = names.rename(prior.view().row(0));
        assert!(told[0] > 0.7 && (told.iter().sum::<f32>() - 1.0).abs() < 1e-6, "{told:?}");
    }

    #[test]
    fn a_class_without_labels_gets_the_column_that_the_others_leave() {
        let (prior, labels) = mixed_up();
        let without = labels.iter().map(|label| f64::from(u8::from(label.index() != 2)));
        let names = ColumnConfusion::fit(prior.view(), &labels, &without.collect::<Vec<_>>());
        assert_eq!(names.classes(), [2, 0, 1].map(ClassId::new));
    }

    /// [4 1; 1 1] by hand: [2 1; 1 2] / 3.
    #[test]
    fn balanced_rows_and_columns_sum_to_one() {
        let mut counts = [4.0, 1.0, 1.0, 1.0];
        balance(&mut counts, 2);
        let expected = [2.0, 1.0, 1.0, 2.0].map(|third| third / 3.0);
        let close = |(a, b): (&f64, &f64)| (a - b).abs() < 1e-9;
        assert!(counts.iter().zip(&expected).all(close), "{counts:?}");
    }

    /// The label of item 0 is changed: what is said of it stays, what is said of others does not.
    #[test]
    fn no_label_has_a_say_in_the_names_that_judge_it() {
        let (prior, mut labels) = mixed_up();
        let (_, before) = cross_fitted(prior.view(), &labels, &[1.0; 30]).unwrap();
        labels[0] = ClassId::new(2);
        let (_, after) = cross_fitted(prior.view(), &labels, &[1.0; 30]).unwrap();
        assert_eq!(before.view().row(0), after.view().row(0));
        assert_ne!(before.view().row(1), after.view().row(1));
    }
}
