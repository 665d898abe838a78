//! Imbalance weights: how much an item's entropy counts, by how common its prior label is.

use alfm_core::ClassId;
use serde::{Deserialize, Serialize};

/// What scales the joint entropy of an item, given its prior label `k`; always in `[0, 1]`.
///
/// `w_k` counts the unlabelled items whose prior label is `k`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ImbalanceWeight {
    /// `w_k / max_j w_j` (PriorAL, section 2, step 3): items that look rare join the clean set sooner.
    #[default]
    PriorFrequency,
    /// 1: plain joint entropy.
    None,
    /// `sqrt(w_k / max_j w_j)`.
    SquareRoot,
    /// `min_j w_j / w_k`, over the classes that occur: items that look rare are asked sooner.
    Inverse,
    /// `(n_k + 1) / (max_j n_j + 1)`, where `n_k` counts the oracle's labels of class `k`.
    LabelledFrequency,
    /// `v_k / max_j v_j`, where `v` is `w` moved by the confusion that the oracle's labels show:
    /// `v_k = sum_j w_j P(k | prior says j)`, with one pseudo-count on `P(j | prior says j)`.
    Blend,
}

impl ImbalanceWeight {
    /// The weight of each class.
    ///
    /// `unlabelled` holds the prior label of every unlabelled item; `labelled` the prior label and the
    /// oracle's class of every labelled one. `O(N + K^2)` time.
    pub(crate) fn of_classes(
        self,
        classes: usize,
        unlabelled: impl Iterator<Item = usize>,
        labelled: impl Iterator<Item = (usize, ClassId)>,
    ) -> Vec<f32> {
        let mut prior = vec![0.0f64; classes];
        unlabelled.for_each(|label| prior[label] += 1.0);
        match self {
            Self::None => vec![1.0; classes],
            Self::PriorFrequency => relative(&prior, |share| share),
            Self::SquareRoot => relative(&prior, f64::sqrt),
            Self::Inverse => inverse(&prior),
            Self::LabelledFrequency => {
                let mut counts = vec![1.0; classes];
                labelled.for_each(|(_, class)| counts[class.index()] += 1.0);
                relative(&counts, |share| share)
            }
            Self::Blend => relative(&corrected(&prior, labelled), |share| share),
        }
    }
}

/// `f(count / largest count)`.
#[expect(clippy::cast_possible_truncation, reason = "a share of at most 1")]
fn relative(counts: &[f64], f: impl Fn(f64) -> f64) -> Vec<f32> {
    let largest = counts.iter().copied().fold(f64::MIN_POSITIVE, f64::max);
    counts.iter().map(|count| f(count / largest) as f32).collect()
}

/// `smallest positive count / count`; a class that does not occur weighs 1, but has no item to weigh.
#[expect(clippy::cast_possible_truncation, reason = "a share of at most 1")]
fn inverse(counts: &[f64]) -> Vec<f32> {
    let occurring = || counts.iter().copied().filter(|count| *count > 0.0);
    let smallest = occurring().fold(f64::INFINITY, f64::min);
    counts.iter().map(|count| if *count > 0.0 { (smallest / count) as f32 } else { 1.0 }).collect()
}

/// Prior counts moved by the observed confusion of prior label and oracle label.
fn corrected(prior: &[f64], labelled: impl Iterator<Item = (usize, ClassId)>) -> Vec<f64> {
    let classes = prior.len();
    let mut confusion = vec![0.0; classes * classes];
    for class in 0..classes {
        confusion[class * classes + class] = 1.0;
    }
    labelled.for_each(|(said, class)| confusion[said * classes + class.index()] += 1.0);
    let mut counts = vec![0.0; classes];
    for (row, count) in confusion.chunks_exact(classes).zip(prior) {
        let total: f64 = row.iter().sum();
        for (corrected, seen) in counts.iter_mut().zip(row) {
            *corrected += count * seen / total;
        }
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Prior labels: class 0 four times, 1 once, 2 never. Oracle: class 0 twice (once called 1), 1 once.
    #[test]
    fn weights_by_hand() {
        let cases = [
            (ImbalanceWeight::PriorFrequency, [1.0, 0.25, 0.0]),
            (ImbalanceWeight::None, [1.0, 1.0, 1.0]),
            (ImbalanceWeight::SquareRoot, [1.0, 0.5, 0.0]),
            (ImbalanceWeight::Inverse, [0.25, 1.0, 1.0]),
            (ImbalanceWeight::LabelledFrequency, [1.0, 2.0 / 3.0, 1.0 / 3.0]),
            // P(. | 0) = (1, 0, 0) and P(. | 1) = (1, 2, 0) / 3, so v = (4 + 1/3, 2/3, 0).
            (ImbalanceWeight::Blend, [1.0, 2.0 / 13.0, 0.0]),
        ];
        for (weight, expected) in cases {
            let labelled = [(0, 0), (1, 0), (1, 1)].map(|(said, is)| (said, ClassId::new(is)));
            let got = weight.of_classes(3, [0, 0, 0, 0, 1].into_iter(), labelled.into_iter());
            for (got, expected) in got.iter().zip(expected) {
                assert!((got - expected).abs() < 1e-6, "{weight:?}: {got} for {expected}");
            }
        }
    }
}
