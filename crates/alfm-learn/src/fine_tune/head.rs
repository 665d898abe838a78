use alfm_core::ClassId;
use ndarray::{Array1, Array2, ArrayView2, Axis};

use crate::LinearLayer;

/// The linear map from features to the logits of the `S` seen classes.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Head {
    /// `D x S` row by row.
    pub(super) weights: Vec<f32>,
    pub(super) intercepts: Vec<f32>,
}

/// Gradients of a batch.
pub(super) struct HeadGradients {
    /// Those of the features, `N x D` row by row.
    pub(super) features: Vec<f32>,
    pub(super) weights: Vec<f32>,
    pub(super) intercepts: Vec<f32>,
}

impl Head {
    /// All zero.
    pub(super) fn zero(dimension: usize, classes: usize) -> Self {
        Self { weights: vec![0.0; dimension * classes], intercepts: vec![0.0; classes] }
    }

    /// The seen classes' part of a layer over all classes.
    pub(super) fn of_layer(layer: &LinearLayer, seen: &[ClassId]) -> Self {
        let weights = layer.weights.view();
        let columns = 0..weights.columns();
        let row = |d| seen.iter().map(move |class| weights.row(class.index())[d]);
        Self {
            weights: columns.flat_map(row).collect(),
            intercepts: seen.iter().map(|class| layer.bias[class.index()]).collect(),
        }
    }

    /// The weights as a matrix `D x S`.
    pub(super) fn matrix(&self) -> ArrayView2<'_, f32> {
        rows(&self.weights, self.intercepts.len())
    }

    /// Features `N x D` to logits `N x S`, both row by row.
    pub(super) fn logits(&self, features: &[f32]) -> Array2<f32> {
        let features = rows(features, self.weights.len() / self.intercepts.len());
        features.dot(&self.matrix()) + Array1::from(self.intercepts.clone())
    }

    /// From the gradient of the logits, `N x S`.
    pub(super) fn backward(&self, features: &[f32], upstream: &Array2<f32>) -> HeadGradients {
        let features = rows(features, self.weights.len() / self.intercepts.len());
        HeadGradients {
            features: flat(&upstream.dot(&self.matrix().t())),
            weights: flat(&features.t().dot(upstream)),
            intercepts: upstream.sum_axis(Axis(0)).to_vec(),
        }
    }
}

/// Values as rows of this length.
fn rows(values: &[f32], columns: usize) -> ArrayView2<'_, f32> {
    ArrayView2::from_shape((values.len() / columns, columns), values)
        .expect("rows are whole: both lengths come from the same head")
}

/// Row by row, whatever the layout.
fn flat(values: &Array2<f32>) -> Vec<f32> {
    values.iter().copied().collect()
}

#[cfg(test)]
mod tests {
    use ndarray::arr2;

    use super::*;

    /// One item (1, 2), weights (1, 0), (0, 3), intercepts (5, 7): logits 1 + 5 and 6 + 7. With the upstream (1, -1)
    /// the features get (1, -3), the weights (1, -1), (2, -2), the intercepts (1, -1).
    #[test]
    fn logits_and_gradients_by_hand() {
        let head = Head { weights: vec![1.0, 0.0, 0.0, 3.0], intercepts: vec![5.0, 7.0] };
        assert_eq!(head.logits(&[1.0, 2.0]), arr2(&[[6.0, 13.0]]));
        let gradients = head.backward(&[1.0, 2.0], &arr2(&[[1.0, -1.0]]));
        assert_eq!(gradients.features, [1.0, -3.0]);
        assert_eq!(gradients.weights, [1.0, -1.0, 2.0, -2.0]);
        assert_eq!(gradients.intercepts, [1.0, -1.0]);
    }
}
