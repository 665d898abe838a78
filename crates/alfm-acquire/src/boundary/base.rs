use alfm_kernels::largest;

use super::distances::{Boundaries, Place, nearest_first};
use crate::{Acquisition, Error, Input, Needs, Pick, Request};

/// BASE: an equal share of the batch for the boundaries of every class (Emam et al. 2021, arXiv 2111.12880).
///
/// Class `c` takes the rows that are nearest to its decision region's boundary and not taken yet: at
/// `m_i = min over k of R_ik` where `c` is predicted, else at `R_ic`, where
/// `R_ic = (z_yhat - z_c) / |w_yhat - w_c|`, in units of the embedding. Classes take in ascending order,
/// ties go to the lowest row, and the score of a pick is minus that distance; infinite where two classes have
/// the same weights.
///
/// The quota is `floor(b / K)`. The `b mod K` rows that remain go to one class each, from a start that moves
/// on by that number with every `b` labels, so that over the rounds all classes have the same; before the
/// first `b` labels it is class 0.
///
/// If the head does not fit the embeddings.
///
/// `O(N K D + K^2 D)` time, `O(N + K^2)` memory: a logit is computed again where a class needs it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Base;

impl Acquisition for Base {
    fn name(&self) -> &str {
        "base"
    }

    fn needs(&self) -> Needs {
        Needs::from([Input::Embeddings, Input::Head])
    }

    fn acquire(&self, request: &Request<'_>) -> Result<Vec<Pick>, Error> {
        let boundaries = Boundaries::new(request)?;
        let quotas = quotas(request.budget, boundaries.classes(), request.pool.labelled().count());
        let mut rows = request.candidates().to_vec();
        let mut places = boundaries.places(&rows);
        let mut picks = Vec::with_capacity(request.budget);
        for (class, quota) in quotas.into_iter().enumerate().filter(|(_, quota)| *quota > 0) {
            let scores = nearest_first(boundaries.to_class(class, &rows, &places));
            let taken = largest(&rows[..], &scores, quota, request.ties());
            remove(&mut rows, &mut places, &taken);
            picks.extend(taken);
        }
        Ok(picks)
    }
}

/// How many rows each class may take.
fn quotas(budget: usize, classes: usize, labelled: usize) -> Vec<usize> {
    let share = budget / classes;
    let rest = budget % classes;
    let round = labelled / budget;
    let start = (round % classes) * rest % classes;
    let turn = |class: usize| (class + classes - start) % classes;
    (0..classes).map(|class| share + usize::from(turn(class) < rest)).collect()
}

/// Takes `taken` out of `rows`, which ascend, and out of `places`, which run in parallel.
fn remove(rows: &mut Vec<usize>, places: &mut Vec<Place>, taken: &[Pick]) {
    let mut keep = vec![true; rows.len()];
    for pick in taken {
        if let Ok(at) = rows.binary_search(&pick.row) {
            keep[at] = false;
        }
    }
    let mut kept = keep.iter();
    rows.retain(|_| kept.next() == Some(&true));
    let mut kept = keep.iter();
    places.retain(|_| kept.next() == Some(&true));
}

#[cfg(test)]
mod tests {
    use super::super::distances::tests::{BIAS, POINTS, WEIGHTS, head, picks, rows};
    use super::*;
    use crate::Mase;

    #[test]
    fn worked_example() {
        assert_eq!(quotas(4, 3, 0), [2, 1, 1]);
        let picks = picks(&Base, head(&WEIGHTS, &BIAS), &POINTS, 0, 4);
        assert_eq!(rows(&picks), [1, 4, 6, 5]);
    }

    #[test]
    fn the_remainder_is_not_always_for_the_first_classes() {
        // b < K: rounds of 2 over 5 classes.
        let rounds = (0..5).map(|round| quotas(2, 5, 2 * round));
        let expected =
            [[1, 1, 0, 0, 0], [0, 0, 1, 1, 0], [1, 0, 0, 0, 1], [0, 1, 1, 0, 0], [0, 0, 0, 1, 1]];
        assert_eq!(rounds.collect::<Vec<_>>(), expected);
        for (budget, classes) in [(2, 5), (4, 3), (7, 4), (6, 4), (3, 3)] {
            let mut total = vec![0; classes];
            for round in 0..classes {
                let quotas = quotas(budget, classes, 3 + budget * round);
                assert_eq!(quotas.iter().sum::<usize>(), budget);
                total.iter_mut().zip(quotas).for_each(|(total, quota)| *total += quota);
            }
            assert_eq!(total, vec![budget; classes], "b = {budget}, K = {classes}");
        }
    }

    /// A batch of one row serves class 0 in the first round, 1 in the second, 2 in the third.
    #[test]
    fn the_start_follows_the_labels() {
        let head = head(&WEIGHTS, &BIAS);
        let first = |labelled| picks(&Base, head, &POINTS[6..12], labelled, 1);
        for class in 0..3 {
            assert_eq!(first(class)[0].row, nearest(&head, &POINTS[6..12], class), "{class}");
        }
    }

    /// The row nearest to the region of `class`, computed as it is defined.
    fn nearest(head: &crate::LinearHead<'_>, points: &[f32], class: usize) -> usize {
        let mut logits = Vec::new();
        let distances: Vec<f64> = (points.chunks(2))
            .map(|point| {
                head.logits(point, &mut logits);
                let yhat = (0..3).max_by(|a, b| logits[*a].total_cmp(&logits[*b])).unwrap();
                let r = |c: usize| {
                    let w = |k: usize, d: usize| f64::from(WEIGHTS[2 * k + d]);
                    let normal = (w(yhat, 0) - w(c, 0)).hypot(w(yhat, 1) - w(c, 1));
                    (logits[yhat] - logits[c]) / normal
                };
                let others = (0..3).filter(|c| *c != yhat).map(r);
                if yhat == class { others.fold(f64::INFINITY, f64::min) } else { r(class) }
            })
            .collect();
        (0..distances.len()).min_by(|a, b| distances[*a].total_cmp(&distances[*b])).unwrap()
    }

    /// Public code asserts that two ways to a mean distance agree exactly; here nothing is asserted, and a
    /// pool predicted as one class, far out, gives its exact batch.
    #[test]
    fn no_equality_is_asserted_on_rounded_means() {
        let points: Vec<f32> = (0..60).map(|i| 1e6 + (i as f32).sin() * 1e3).collect();
        let mut all =
            rows(&picks(&Base, head(&[0.1, 0.3, 0.7, 0.1, 0.2, 0.9], &BIAS), &points, 0, 99));
        all.sort_unstable();
        assert_eq!(all, (0..30).collect::<Vec<_>>());
    }

    #[test]
    fn two_classes_take_what_mase_takes() {
        let head = head(&[1.0, 0.5, -0.5, 0.25], &[0.1, 0.0]);
        for budget in 1..7 {
            let mut base = rows(&picks(&Base, head, &POINTS, 0, budget));
            let mut mase = rows(&picks(&Mase, head, &POINTS, 0, budget));
            base.sort_unstable();
            mase.sort_unstable();
            assert_eq!(base, mase);
        }
    }

    #[test]
    fn a_class_that_is_never_predicted_has_its_share() {
        // Class 1 loses everywhere to class 0 by its bias.
        let head = head(&[1.0, 1.1, -1.0], &[0.0, -9.0, 0.0]);
        let picks = picks(&Base, head, &[0.1, -0.2, 2.0, 3.0, -4.0], 0, 3);
        // Class 1 takes row 1: predicted 2, at (0.2 + 9.22) / 2.1 = 4.49 of class 1, against 87 for row 3.
        assert_eq!(rows(&picks), [0, 1, 2]);
        assert!((picks[1].score + 9.42 / 2.1).abs() < 1e-5);
    }
}
