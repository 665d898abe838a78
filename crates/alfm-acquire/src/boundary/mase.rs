use super::distances::{Boundaries, nearest_first};
use crate::{Acquisition, Error, Input, Needs, Pick, Request};

/// MASE: the rows nearest to a decision boundary in feature space (Emam et al. 2021, arXiv 2111.12880).
///
/// `m_i = min over c of (z_yhat - z_c) / |w_yhat - w_c|`, in units of the embedding; the score of a pick is
/// `-m_i`, ties go to the lowest row. Classes with the same weights have no boundary between them: infinity.
///
/// If the head does not fit the embeddings.
///
/// `O(N K D + K^2 D)` time, `O(N + K^2)` memory.
#[derive(Clone, Copy, Debug, Default)]
pub struct Mase;

impl Acquisition for Mase {
    fn name(&self) -> &str {
        "mase"
    }

    fn needs(&self) -> Needs {
        Needs::from([Input::Embeddings, Input::Head])
    }

    fn acquire(&self, request: &Request<'_>) -> Result<Vec<Pick>, Error> {
        nearest_to_a_boundary(request)
    }
}

/// The rows with the smallest distance to any boundary.
pub(super) fn nearest_to_a_boundary(request: &Request<'_>) -> Result<Vec<Pick>, Error> {
    let places = Boundaries::new(request)?.places(request.candidates());
    let scores = nearest_first(places.into_iter().map(|place| place.nearest));
    Ok(request.largest(&scores))
}

#[cfg(test)]
mod tests {
    use super::super::distances::tests::{BIAS, POINTS, WEIGHTS, head, picks, rows};
    use super::*;
    use crate::Margin;

    #[test]
    fn worked_example() {
        let picks = picks(&Mase, head(&WEIGHTS, &BIAS), &POINTS, 0, 4);
        assert_eq!(rows(&picks), [1, 4, 6, 2]);
        assert!((picks[0].score + 0.070711).abs() < 1e-6);
    }

    /// Two classes have one boundary, and the logit margin over its normal's length.
    #[test]
    fn two_classes_rank_as_the_margin_does() {
        let points = [1.0, -0.2, 0.4, -3.0, 0.1];
        let head = head(&[2.0, -1.0], &[0.0, 0.3]);
        let mut logits = Vec::new();
        let values: Vec<f32> = (points.iter())
            .flat_map(|x| {
                head.logits(&[*x], &mut logits);
                logits.iter().map(|z| *z as f32).collect::<Vec<_>>()
            })
            .collect();
        let observed = [None; 5];
        let model = alfm_core::Predictions::logits(&values, 5, 2).unwrap();
        let pool = crate::Pool::new(&observed).unwrap().with_model(model).unwrap();
        let by_margin = Margin.select(&pool, 5, &alfm_core::SeedTree::new(0)).unwrap();
        assert_eq!(rows(&picks(&Mase, head, &points, 0, 5)), rows(&by_margin));
    }

    #[test]
    fn without_any_boundary_the_lowest_rows_come() {
        let head = head(&[0.0; 4], &[0.0; 2]);
        let picks = picks(&Mase, head, &POINTS, 0, 3);
        assert_eq!(rows(&picks), [0, 1, 2]);
        assert_eq!(picks[0].score, f64::NEG_INFINITY);
    }
}
