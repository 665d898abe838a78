//! Distances of embeddings to the boundaries of a linear head.

use alfm_core::{CoreError, MatrixView};
use alfm_kernels::{Euclidean, MetricSpace};
use rayon::prelude::*;

use crate::{AcquireError, LinearHead, Request};

/// A linear head with the distances between its rows of weights.
///
/// The boundary between classes `a` and `c` is the hyperplane `z_a = z_c`, whose normal is `w_a - w_c`. The
/// lengths of the normals come from the Gram matrix of `W`: no difference of weights is ever built.
pub(super) struct Boundaries<'a> {
    embeddings: MatrixView<'a>,
    head: LinearHead<'a>,
    /// `|w_a - w_c|`, `K x K`.
    normals: Vec<f64>,
}

/// Where a row lies among the boundaries.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    /// The predicted class, the lowest on ties.
    pub(super) predicted: usize,
    /// Its logit.
    pub(super) logit: f64,
    /// Distance to the nearest boundary of the predicted class; infinite if there is none.
    pub(super) nearest: f64,
}

impl<'a> Boundaries<'a> {
    /// `O(K^2 D)` time, `8 K^2` bytes.
    ///
    /// # Errors
    /// [`AcquireError::MissingInput`]; [`CoreError::ColumnCount`] if the head does not fit the embeddings.
    pub(super) fn new(request: &Request<'a>) -> Result<Self, AcquireError> {
        let embeddings = request.embeddings()?;
        let head = request.head()?;
        check_width(&head, embeddings.columns())?;
        let weights = Euclidean::new(head.weights());
        let classes = head.classes();
        let normals = (0..classes * classes)
            .into_par_iter()
            .map(|pair| weights.squared_distance(pair / classes, pair % classes).sqrt())
            .collect();
        Ok(Self { embeddings, head, normals })
    }

    pub(super) fn classes(&self) -> usize {
        self.head.classes()
    }

    /// The places of `rows`: `O(K D)` time a row.
    pub(super) fn places(&self, rows: &[usize]) -> Vec<Place> {
        let place = |logits: &mut Vec<f64>, row: &usize| {
            self.head.logits(self.embeddings.row(*row), logits);
            self.place(logits)
        };
        rows.par_iter().map_init(Vec::new, place).collect()
    }

    fn place(&self, logits: &[f64]) -> Place {
        let predicted = argmax(logits);
        let logit = logits[predicted];
        let nearest = (logits.iter().enumerate())
            .map(|(class, other)| distance(logit - other, self.normal(predicted, class)))
            .fold(f64::INFINITY, f64::min);
        Place { predicted, logit, nearest }
    }

    /// Distances of `rows` to the boundary between the class predicted for each and `class`; to the nearest
    /// boundary where the two are one. `O(D)` time a row.
    pub(super) fn to_class(&self, class: usize, rows: &[usize], places: &[Place]) -> Vec<f64> {
        let weights = self.head.weights().row(class);
        let bias = f64::from(self.head.bias()[class]);
        let one = |(row, place): (&usize, &Place)| {
            if place.predicted == class {
                return place.nearest;
            }
            let logit = alfm_kernels::dot(weights, self.embeddings.row(*row)) + bias;
            distance(place.logit - logit, self.normal(place.predicted, class))
        };
        rows.par_iter().zip(places).with_min_len(256).map(one).collect()
    }

    fn normal(&self, a: usize, c: usize) -> f64 {
        self.normals[a * self.classes() + c]
    }
}

/// The place of the largest logit, the lowest on ties.
pub(super) fn argmax(logits: &[f64]) -> usize {
    (1..logits.len()).fold(0, |best, at| if logits[at] > logits[best] { at } else { best })
}

/// `gap / normal`: how far a point is from a hyperplane; infinite where two classes have the same weights,
/// since no step changes the gap between them.
pub(super) fn distance(gap: f64, normal: f64) -> f64 {
    if normal > 0.0 { gap / normal } else { f64::INFINITY }
}

/// # Errors
/// [`CoreError::ColumnCount`] if the head is not made for embeddings of width `got`.
pub(super) fn check_width(head: &LinearHead<'_>, got: usize) -> Result<(), CoreError> {
    let expected = head.weights().columns();
    if got == expected {
        Ok(())
    } else {
        Err(CoreError::ColumnCount { what: "embeddings", expected, got })
    }
}

/// Scores by which the nearest row comes first.
#[expect(
    clippy::cast_possible_truncation,
    reason = "ranked in single precision, as every score is"
)]
pub(super) fn nearest_first(distances: impl IntoIterator<Item = f64>) -> Vec<f32> {
    distances.into_iter().map(|distance| -distance as f32).collect()
}

#[cfg(test)]
pub(super) mod tests {
    use alfm_core::{ClassId, SeedTree};

    use super::*;
    use crate::{Acquisition, Pick, Pool};

    /// The worked example of the specification: 7 points, 3 classes, D = 2.
    pub(in crate::boundary) const WEIGHTS: [f32; 6] = [1.0, 0.0, 0.0, 1.0, -1.0, -1.0];
    pub(in crate::boundary) const BIAS: [f32; 3] = [0.0, 0.0, 0.5];
    pub(in crate::boundary) const POINTS: [f32; 14] =
        [2.0, 0.5, 0.6, 0.5, 0.2, 1.0, -1.0, -0.5, -0.2, -0.1, 1.0, 0.1, -0.6, 0.05];

    pub(in crate::boundary) fn head<'a>(weights: &'a [f32], bias: &'a [f32]) -> LinearHead<'a> {
        let width = weights.len() / bias.len();
        LinearHead::new(MatrixView::new(weights, bias.len(), width).unwrap(), bias).unwrap()
    }

    /// The choice of `strategy` among points under a head, with `labelled` rows of class 0 put in front.
    pub(in crate::boundary) fn picks(
        strategy: &dyn Acquisition,
        head: LinearHead<'_>,
        points: &[f32],
        labelled: usize,
        budget: usize,
    ) -> Vec<Pick> {
        let width = head.weights().columns();
        let points = [&vec![0.0; labelled * width], points].concat();
        let rows = points.len() / width;
        let observed: Vec<_> =
            (0..rows).map(|row| (row < labelled).then_some(ClassId::new(0))).collect();
        let pool = Pool::new(&observed)
            .unwrap()
            .with_embeddings(MatrixView::new(&points, rows, width).unwrap())
            .unwrap()
            .with_head(head)
            .unwrap();
        let picks = strategy.select(&pool, budget, &SeedTree::new(0)).unwrap();
        picks.into_iter().map(|pick| Pick { row: pick.row - labelled, ..pick }).collect()
    }

    pub(in crate::boundary) fn rows(picks: &[Pick]) -> Vec<usize> {
        picks.iter().map(|pick| pick.row).collect()
    }

    fn with<T>(
        weights: &[f32],
        bias: &[f32],
        points: &[f32],
        f: impl FnOnce(Boundaries<'_>) -> T,
    ) -> T {
        let head = head(weights, bias);
        let width = head.weights().columns();
        let count = points.len() / width;
        let observed = vec![None; count];
        let pool = Pool::new(&observed)
            .unwrap()
            .with_head(head)
            .unwrap()
            .with_embeddings(MatrixView::new(points, count, width).unwrap())
            .unwrap();
        let seed = SeedTree::new(0);
        f(Boundaries::new(&Request { pool: &pool, budget: 1, seed, strategy: "mase" }).unwrap())
    }

    #[test]
    fn worked_example() {
        let rows = [0, 1, 2, 3, 4, 5, 6];
        let places = with(&WEIGHTS, &BIAS, &POINTS, |boundaries| boundaries.places(&rows));
        let predicted: Vec<usize> = places.iter().map(|place| place.predicted).collect();
        assert_eq!(predicted, [0, 0, 1, 2, 2, 0, 2]);
        let expected = [1.060660, 0.070711, 0.565685, 1.118034, 0.402492, 0.636396, 0.447214];
        for (place, expected) in places.iter().zip(expected) {
            assert!((place.nearest - expected).abs() < 1e-6, "{place:?}");
        }
    }

    /// The public code of BASE builds a `B x K x D` tensor of differences; the Gram matrix gives the same.
    #[test]
    fn no_difference_of_weights_is_needed() {
        let naive = |a: usize, c: usize| {
            let row = |k: usize| &WEIGHTS[2 * k..][..2];
            let squares = row(a).iter().zip(row(c)).map(|(a, c)| f64::from(a - c).powi(2));
            squares.sum::<f64>().sqrt()
        };
        with(&WEIGHTS, &BIAS, &POINTS, |boundaries| {
            for (a, c) in [(0, 0), (0, 1), (1, 2), (2, 0)] {
                assert!((boundaries.normal(a, c) - naive(a, c)).abs() < 1e-12);
            }
        });
    }

    #[test]
    fn classes_with_the_same_weights_have_no_boundary() {
        let distances = with(&[1.0, 1.0, 0.0], &[0.5, 0.0, 0.0], &[1.0, -1.0], |boundaries| {
            let places = boundaries.places(&[0, 1]);
            (0..3).map(|class| boundaries.to_class(class, &[0, 1], &places)).collect::<Vec<_>>()
        });
        // Row 0 is class 0, at 1.5 of class 2; row 1 is class 2, at 0.5 of class 0 and at 1 of class 1.
        assert_eq!(distances, [[1.5, 0.5], [f64::INFINITY, 1.0], [1.5, 0.5]]);
    }

    #[test]
    fn a_head_that_does_not_fit_is_refused() {
        let observed = [None];
        let pool = Pool::new(&observed)
            .unwrap()
            .with_head(head(&WEIGHTS, &BIAS))
            .unwrap()
            .with_embeddings(MatrixView::new(&[1.0, 2.0, 3.0], 1, 3).unwrap())
            .unwrap();
        for strategy in ["base", "mase", "dfal"] {
            let error = crate::find(strategy).unwrap().select(&pool, 1, &SeedTree::new(0));
            assert!(error.unwrap_err().to_string().contains("embeddings"), "{strategy}");
        }
    }
}
