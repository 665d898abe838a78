use alfm_core::ClassId;
use alfm_kernels::{Euclidean, MetricSpace};

use super::distances::{argmax, check_width, distance};
use super::mase::nearest_to_a_boundary;
use crate::{AcquireError, Acquisition, Input, LinearHead, Needs, Pick, Request};

/// DFAL: the rows that the smallest DeepFool perturbation makes change class (Ducoffe & Precioso 2018, arXiv
/// 1802.09841), perturbed in the space of the embeddings.
///
/// There the model is its linear head, one step of DeepFool ([`deep_fool_step`]) is exact, and the norm of
/// the perturbation is MASE's distance: the same rows in the same order, with minus the norm for a score.
/// The paper also trains on the perturbed copies; that is the learner's affair.
///
/// [`AcquireError::Input`] if the head does not fit the embeddings. `O(N K D + K^2 D)` time, `O(N + K^2)`
/// memory.
#[derive(Clone, Copy, Debug, Default)]
pub struct Dfal;

impl Acquisition for Dfal {
    fn name(&self) -> &str {
        "dfal"
    }

    fn needs(&self) -> Needs {
        Needs::from([Input::Embeddings, Input::Head])
    }

    fn acquire(&self, request: &Request<'_>) -> Result<Vec<Pick>, AcquireError> {
        nearest_to_a_boundary(request)
    }
}

/// The smallest step that carries an embedding over a boundary of a linear head.
#[derive(Clone, Debug, PartialEq)]
pub struct DeepFoolStep {
    /// The class on the other side; the lowest on ties.
    pub class: ClassId,
    /// `|r|`, the distance to the boundary.
    pub distance: f64,
    /// `r`, which ends on the boundary.
    pub perturbation: Vec<f64>,
    /// Logits at `x + overshoot r`.
    pub logits: Vec<f64>,
}

/// One step of DeepFool from `embedding`: `r = |f_l| w_l / |w_l|^2` (Moosavi-Dezfooli et al. 2016, arXiv
/// 1511.04599), with `w_k` and `f_k` the differences of weights and logits to the predicted class and `l` the
/// class of the smallest `|f_k| / |w_k|`. The usual `overshoot` is 1.02.
///
/// `None` if no other class has a boundary with the predicted one. `O(K D)` time, `O(K + D)` memory.
///
/// # Errors
/// [`CoreError::ColumnCount`](alfm_core::CoreError::ColumnCount) if the head does not fit the embedding.
pub fn deep_fool_step(
    head: &LinearHead<'_>,
    embedding: &[f32],
    overshoot: f64,
) -> Result<Option<DeepFoolStep>, AcquireError> {
    check_width(head, embedding.len())?;
    let mut logits = Vec::new();
    head.logits(embedding, &mut logits);
    let predicted = argmax(&logits);
    let Some((class, distance)) = nearest_boundary(head, &logits, predicted) else {
        return Ok(None);
    };
    let weights = head.weights();
    let normal = weights.row(class).iter().zip(weights.row(predicted));
    let normal: Vec<f64> = normal.map(|(l, yhat)| f64::from(*l) - f64::from(*yhat)).collect();
    let length = normal.iter().map(|w| w * w).sum::<f64>().sqrt();
    let perturbation: Vec<f64> = normal.iter().map(|w| distance * w / length).collect();
    for (logit, weights) in logits.iter_mut().zip(weights.iter()) {
        let moved = weights.iter().zip(&perturbation).map(|(w, r)| f64::from(*w) * r);
        *logit += overshoot * moved.sum::<f64>();
    }
    let class = ClassId::from_index(class);
    Ok(Some(DeepFoolStep { class, distance, perturbation, logits }))
}

/// The class whose boundary with the predicted one is nearest, and how near.
fn nearest_boundary(
    head: &LinearHead<'_>,
    logits: &[f64],
    predicted: usize,
) -> Option<(usize, f64)> {
    let weights = Euclidean::new(head.weights());
    let boundary = |class: usize| {
        let normal = weights.squared_distance(predicted, class).sqrt();
        (class, distance(logits[predicted] - logits[class], normal))
    };
    let boundaries = (0..logits.len()).map(boundary).filter(|(_, distance)| distance.is_finite());
    boundaries.reduce(|best, next| if next.1 < best.1 { next } else { best })
}

#[cfg(test)]
mod tests {
    use super::super::distances::tests::{BIAS, POINTS, WEIGHTS, head, picks, rows};
    use super::*;
    use crate::Mase;

    fn close(got: &[f64], expected: &[f64]) {
        assert_eq!(got.len(), expected.len());
        let near = got.iter().zip(expected).all(|(got, expected)| (got - expected).abs() < 1e-9);
        assert!(near, "{got:?} is not {expected:?}");
    }

    fn step(embedding: &[f32], overshoot: f64) -> DeepFoolStep {
        deep_fool_step(&head(&WEIGHTS, &BIAS), embedding, overshoot).unwrap().unwrap()
    }

    #[test]
    fn worked_example() {
        let step = step(&[2.0, 0.5], 1.02);
        assert!((step.distance - 1.060660).abs() < 1e-6);
        close(&step.perturbation, &[-0.75, 0.75]);
        close(&step.logits, &[1.235, 1.265, -2.0]);
        close(&self::step(&[2.0, 0.5], 1.0).logits, &[1.25, 1.25, -2.0]);
    }

    /// Class 1 is at 1.06, class 2 at 1.79: public code that forgets its best goes on to the last class.
    #[test]
    fn the_running_best_is_kept_past_the_last_class() {
        assert_eq!(step(&[2.0, 0.5], 1.02).class, ClassId::new(1));
    }

    #[test]
    fn a_step_is_as_long_as_the_distance_of_mase() {
        let picks = picks(&Mase, head(&WEIGHTS, &BIAS), &POINTS, 0, 7);
        for pick in picks {
            let step = step(&POINTS[2 * pick.row..][..2], 1.02);
            assert!((step.distance + pick.score).abs() < 1e-6);
            let length = step.perturbation.iter().map(|r| r * r).sum::<f64>().sqrt();
            assert!((length - step.distance).abs() < 1e-9);
            assert_eq!(argmax(&step.logits), step.class.index(), "the step changes the class");
        }
    }

    #[test]
    fn dfal_is_mase_on_a_linear_head() {
        let head = head(&WEIGHTS, &BIAS);
        assert_eq!(picks(&Dfal, head, &POINTS, 0, 4), picks(&Mase, head, &POINTS, 0, 4));
        assert_eq!(rows(&picks(&Dfal, head, &POINTS, 0, 2)), [1, 4]);
    }

    #[test]
    fn equal_weights_have_no_step_and_a_wrong_width_is_refused() {
        let flat = head(&[1.0; 4], &[0.0, 1.0]);
        assert_eq!(deep_fool_step(&flat, &[1.0, 1.0], 1.02).unwrap(), None);
        assert!(deep_fool_step(&flat, &[1.0], 1.02).is_err());
    }
}
