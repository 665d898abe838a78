//! What the oracle calls the groups that the prior tells apart.

use alfm_core::{ClassId, CoreError, Matrix, MatrixView};

use super::fit::FOLDS;

/// How many labels count for nothing known of a group: they are spread evenly over the classes.
const SMOOTHING: f64 = 1.0;
/// Steps of expectation-maximisation.
const STEPS: usize = 10;

/// For each class of the prior, how its items are spread over the oracle's classes: `p_L'(k) = sum_j p_L(j) M(j, k)`.
///
/// A prior whose columns were mixed up, or which takes one class for another, may still tell them apart. `M` is the
/// confusion matrix of one annotator (Dawid & Skene 1979), here of one who gives probabilities.
#[derive(Clone, Debug)]
pub(super) struct Names {
    /// `M`, row by row.
    spread: Vec<f64>,
    classes: usize,
}

impl Names {
    /// The most probable names under weighted labels, by expectation-maximisation from equal rows: `O(n K)` a step.
    pub(super) fn fit(prior: MatrixView<'_>, labels: &[ClassId], weights: &[f64]) -> Self {
        let classes = prior.columns();
        let mut names = Self { spread: vec![1.0; classes * classes], classes };
        let mut group = vec![0.0; classes];
        for _ in 0..STEPS {
            let mut counts = vec![SMOOTHING / classes as f64; classes * classes];
            let mut sizes = vec![SMOOTHING; classes];
            for ((row, label), weight) in prior.iter().zip(labels).zip(weights) {
                for (j, (group, p)) in group.iter_mut().zip(row).enumerate() {
                    *group = f64::from(p.max(f32::MIN_POSITIVE)) * names.share(j, label.index());
                }
                let mass: f64 = group.iter().sum();
                for (j, group) in group.iter().enumerate() {
                    counts[j * classes + label.index()] += weight * group / mass;
                    sizes[j] += weight * group / mass;
                }
            }
            for (spread, size) in counts.chunks_exact_mut(classes).zip(&sizes) {
                spread.iter_mut().for_each(|count| *count /= size);
            }
            names.spread = counts;
        }
        names
    }

    fn share(&self, of: usize, class: usize) -> f64 {
        self.spread[of * self.classes + class]
    }

    /// What the prior says of an item, under these names; `O(K^2)`.
    #[expect(clippy::cast_possible_truncation, reason = "probabilities")]
    pub(super) fn rename(&self, row: &[f32]) -> Vec<f32> {
        let under = |class| row.iter().enumerate().map(move |(j, p)| (f64::from(*p), j, class));
        let named = |class| under(class).map(|(p, j, class)| p * self.share(j, class)).sum::<f64>();
        (0..self.classes).map(|class| named(class) as f32).collect()
    }

    /// The class that most items of each of the prior's classes have; the lowest on ties.
    pub(super) fn most(&self) -> Vec<ClassId> {
        let largest = |spread: &[f64]| {
            let before = |best: usize, class: usize| spread[class] > spread[best];
            (1..spread.len()).fold(0, |best, class| if before(best, class) { class } else { best })
        };
        self.spread.chunks_exact(self.classes).map(largest).map(ClassId::from_index).collect()
    }
}

/// Names, and what the prior says of labelled items under names that were found without their labels, `n x K`.
pub(super) fn cross_fitted(
    prior: MatrixView<'_>,
    labels: &[ClassId],
    weights: &[f64],
) -> Result<(Names, Matrix), CoreError> {
    let without = |fold: usize| {
        let each = weights.iter().enumerate();
        let others = each.map(|(at, weight)| if at % FOLDS == fold { 0.0 } else { *weight });
        Names::fit(prior, labels, &others.collect::<Vec<_>>())
    };
    let in_turn: Vec<Names> = (0..FOLDS).map(without).collect();
    let rows = prior.iter().enumerate();
    let values = rows.flat_map(|(at, row)| in_turn[at % FOLDS].rename(row)).collect();
    let told = Matrix::new(values, labels.len(), prior.columns())?;
    Ok((Names::fit(prior, labels, weights), told))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Thirty items of three classes; the prior gives 0.8 to the class after the right one.
    fn mixed_up() -> (Matrix, Vec<ClassId>) {
        let row = |item: usize| {
            let mut row = [0.1_f32; 3];
            row[(item + 1) % 3] = 0.8;
            row
        };
        let rows: Vec<[f32; 3]> = (0..30).map(row).collect();
        let labels = (0..30).map(|item| ClassId::from_index(item % 3)).collect();
        (Matrix::from_rows(&rows).unwrap(), labels)
    }

    #[test]
    fn classes_that_were_mixed_up_get_their_names_back() {
        let (prior, labels) = mixed_up();
        let names = Names::fit(prior.view(), &labels, &[1.0; 30]);
        assert_eq!(names.most(), [2, 0, 1].map(ClassId::new));
        let told = names.rename(prior.view().row(0));
        assert!(told[0] > 0.7 && (told.iter().sum::<f32>() - 1.0).abs() < 1e-6, "{told:?}");
    }

    /// Classes 0 and 1 are told apart, class 2 has no label: its group stays open.
    #[test]
    fn a_group_without_labels_has_no_name() {
        let (prior, labels) = mixed_up();
        let without = labels.iter().map(|label| f64::from(u8::from(label.index() != 2)));
        let names = Names::fit(prior.view(), &labels, &without.collect::<Vec<_>>());
        let told = names.rename(&[1.0, 0.0, 0.0]);
        assert!(told.iter().all(|p| *p < 0.6), "{told:?}");
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
