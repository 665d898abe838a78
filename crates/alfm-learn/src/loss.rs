use alfm_core::ClassId;
use ndarray::ArrayViewMut2;

use crate::Examples;

/// The targets of a fit, over the `S` classes that some weighted example shows.
///
/// With `n_k` the summed item weights of class `k` and `n` their total, item `i` of class `k` counts
/// `w_i n / (K n_k)` in the loss, so that each seen class counts `n / K` in all; without balancing it
/// counts `w_i`. Counts are weighted, so that an item of weight 2 is that item twice.
#[derive(Debug)]
pub(crate) struct Targets {
    /// Column among the seen classes, of each item; 0 where the item's weight is 0.
    column: Vec<usize>,
    /// Weight of each labelled item, divided by `n`.
    weight: Vec<f32>,
    /// Weights of the seen classes of each soft item, `M x S` row by row, divided by `n`.
    soft: Vec<f32>,
    /// Total weight `n`.
    pub(crate) total: f64,
    /// The seen classes, ascending.
    pub(crate) seen: Vec<ClassId>,
}

impl Targets {
    /// Targets of examples that [`Examples::check`] has passed.
    pub(crate) fn new(examples: &Examples<'_>, balanced: bool) -> Self {
        let totals = examples.class_totals();
        let total: f64 = totals.iter().sum();
        let mut column_of = vec![0; totals.len()];
        let mut seen = Vec::new();
        for (class, _) in totals.iter().enumerate().filter(|(_, total)| **total > 0.0) {
            column_of[class] = seen.len();
            seen.push(ClassId::from_index(class));
        }
        let share = |class: ClassId, weight: f32| {
            let scale =
                if balanced { examples.classes as f64 * totals[class.index()] } else { total };
            if weight == 0.0 { 0.0 } else { (f64::from(weight) / scale) as f32 }
        };
        let pairs = || examples.labels.iter().zip(examples.weights);
        let soft = examples.soft_rows().flat_map(|(row, weight)| {
            let of_class = move |class: &ClassId| share(*class, weight * row[class.index()]);
            seen.iter().map(of_class)
        });
        Self {
            soft: soft.collect(),
            column: examples.labels.iter().map(|class| column_of[class.index()]).collect(),
            weight: pairs().map(|(class, weight)| share(*class, *weight)).collect(),
            total,
            seen,
        }
    }

    /// Mean weighted cross-entropy in nats, `sum_i weight_i (ln sum_j exp z_ij - z_iy)`.
    ///
    /// Replaces the logits `N x S` by its gradient, `weight_i (softmax(z_i)_j - [j = y_i])`. A soft item is the
    /// sum over its classes.
    pub(crate) fn cross_entropy(&self, mut logits: ArrayViewMut2<'_, f32>) -> f64 {
        let mut loss = 0.0;
        for ((mut row, &column), &weight) in
            logits.rows_mut().into_iter().zip(&self.column).zip(&self.weight)
        {
            let row = row.as_slice_mut().unwrap_or_default();
            let own = row[column];
            let (top, sum) = exponentiate(row);
            loss += f64::from(weight) * (f64::from(sum).ln() + f64::from(top - own));
            let scale = weight / sum;
            row.iter_mut().for_each(|value| *value *= scale);
            row[column] -= weight;
        }
        let soft_rows = logits.rows_mut().into_iter().skip(self.column.len());
        for (mut row, targets) in soft_rows.zip(self.soft.chunks_exact(self.seen.len())) {
            loss += soft_cross_entropy(row.as_slice_mut().unwrap_or_default(), targets);
        }
        loss
    }

    /// Weights of the seen classes of every item, labelled or soft, `N x S` row by row, divided by `n`.
    #[cfg(feature = "fine-tune")]
    pub(crate) fn dense(&self) -> Vec<f32> {
        let classes = self.seen.len();
        let mut rows = vec![0.0; self.column.len() * classes];
        let labelled = rows.chunks_exact_mut(classes).zip(&self.column).zip(&self.weight);
        labelled.for_each(|((row, column), weight)| row[*column] = *weight);
        rows.extend_from_slice(&self.soft);
        rows
    }
}

/// `sum_j t_j (ln sum_k exp z_k - z_j)` in nats, of logits `z` and class weights `t`; the logits become its gradient.
pub(crate) fn soft_cross_entropy(logits: &mut [f32], targets: &[f32]) -> f64 {
    let weight: f32 = targets.iter().sum();
    let own: f32 = logits.iter().zip(targets).map(|(z, t)| z * t).sum();
    let (top, sum) = exponentiate(logits);
    let scale = weight / sum;
    logits.iter_mut().zip(targets).for_each(|(value, t)| *value = *value * scale - t);
    f64::from(weight) * (f64::from(sum).ln() + f64::from(top)) - f64::from(own)
}

/// Replaces logits by `exp(z - max z)`; returns the maximum and the sum.
pub(crate) fn exponentiate(row: &mut [f32]) -> (f32, f32) {
    let top = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut sum = 0.0;
    for value in row {
        *value = (*value - top).exp();
        sum += *value;
    }
    (top, sum)
}

#[cfg(test)]
mod tests {
    use alfm_core::Matrix;
    use ndarray::arr2;

    use super::*;

    fn targets(labels: &[u32], weights: &[f32], classes: usize, balanced: bool) -> Targets {
        let embeddings = Matrix::new(vec![0.0; labels.len()], labels.len(), 1).unwrap();
        let labels: Vec<ClassId> = labels.iter().copied().map(ClassId::new).collect();
        let examples = Examples::new(embeddings.view(), &labels, weights, classes);
        examples.check().unwrap();
        Targets::new(&examples, balanced)
    }

    /// n = 4, K = 3: class 0 has n_0 = 1.5 + 1.5, so 4 / (3 * 3) a unit of weight; class 2 has n_2 = 1, so 4 / 3.
    #[test]
    fn classes_weigh_n_over_k_each() {
        let targets = targets(&[0, 2, 0, 1], &[1.5, 1.0, 1.5, 0.0], 3, true);
        assert_eq!(targets.seen, [ClassId::new(0), ClassId::new(2)]);
        assert_eq!(targets.total, 4.0);
        assert_eq!(targets.column, [0, 1, 0, 0]);
        let sixth = 1.0 / 6.0;
        for (weight, expected) in targets.weight.iter().zip([sixth, 2.0 * sixth, sixth, 0.0]) {
            assert!((weight - expected).abs() < 1e-7, "{:?}", targets.weight);
        }
    }

    #[test]
    fn without_balance_items_weigh_as_given() {
        let targets = targets(&[0, 1, 0], &[1.0, 2.0, 1.0], 2, false);
        assert_eq!(targets.weight, [0.25, 0.5, 0.25]);
    }

    /// Row 0: logits ln 3 and 0, so p = (3/4, 1/4), label 0. Row 1: even, label 1. Weights 1/2 each:
    /// loss = (ln 4/3 + ln 2) / 2 = 0.490415.
    #[test]
    fn cross_entropy_and_its_gradient_by_hand() {
        let targets = targets(&[0, 1], &[1.0, 1.0], 2, true);
        let mut logits = arr2(&[[3f32.ln(), 0.0], [1.0, 1.0]]);
        let loss = targets.cross_entropy(logits.view_mut());
        assert!((loss - 0.490_414_6).abs() < 1e-6, "{loss}");
        let expected = arr2(&[[-0.125, 0.125], [0.25, -0.25]]);
        assert!((logits - expected).iter().all(|gap| gap.abs() < 1e-7));
    }

    /// A distribution is its item once for each class, weighted by the class's probability.
    #[test]
    fn a_soft_item_is_each_class_by_its_share() {
        let embeddings = Matrix::new(vec![0.0; 4], 4, 1).unwrap();
        let labels = [0, 1, 0, 1].map(ClassId::new);
        let weights = [1.0, 1.0, 0.5 * 0.75, 0.5 * 0.25];
        let hard = Examples::new(embeddings.view(), &labels, &weights, 2);
        let hard = Targets::new(&hard, true);
        let three = Matrix::new(vec![0.0; 3], 3, 1).unwrap();
        let soft = Matrix::from_rows(&[[0.75, 0.25]]).unwrap();
        let mixed = Examples::new(three.view(), &labels[..2], &[1.0, 1.0, 0.5], 2);
        let mixed = mixed.with_soft(soft.view());
        mixed.check().unwrap();
        let mixed = Targets::new(&mixed, true);
        assert_eq!(mixed.total, hard.total);
        let mut once = arr2(&[[0.3, -0.2], [1.0, 0.1], [0.7, 0.2]]);
        let mut each = arr2(&[[0.3, -0.2], [1.0, 0.1], [0.7, 0.2], [0.7, 0.2]]);
        let (a, b) = (mixed.cross_entropy(once.view_mut()), hard.cross_entropy(each.view_mut()));
        assert!((a - b).abs() < 1e-6, "{a} {b}");
        for class in 0..2 {
            let sum = each[(2, class)] + each[(3, class)];
            assert!((once[(2, class)] - sum).abs() < 1e-7);
        }
    }

    #[test]
    fn huge_logits_stay_finite() {
        let targets = targets(&[0, 1], &[1.0, 1.0], 2, true);
        let mut logits = arr2(&[[-1e30f32, 1e30], [0.0, 1e30]]);
        let loss = targets.cross_entropy(logits.view_mut());
        assert!((loss / 1e30 - 1.0).abs() < 1e-6, "{loss}");
        assert!(logits.iter().all(|value| value.is_finite()));
    }
}
