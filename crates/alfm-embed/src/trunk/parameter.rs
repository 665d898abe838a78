use safetensors::Dtype;
use safetensors::tensor::{TensorView, serialize};

use crate::weights::{Weights, bytes_of};

/// A tensor of the model.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Parameter {
    /// Its name in the published file, without the prefix that files with a task's head have.
    pub name: String,
    /// Lengths of its axes.
    pub shape: Vec<usize>,
    /// As many values, the last axis running fastest.
    pub values: Vec<f32>,
    /// Whether it is trained: all are but the means and variances of batch normalisation.
    pub trained: bool,
}

impl Parameter {
    /// All tensors of floats, by name.
    pub(super) fn all(weights: &Weights<'_>) -> Vec<Self> {
        let parameters = weights.stored().map(|(name, shape, values)| Self {
            trained: !(name.ends_with(".running_mean") || name.ends_with(".running_var")),
            name: name.to_owned(),
            shape,
            values,
        });
        parameters.collect()
    }

    /// The bytes of a safetensors file of these.
    pub(super) fn file(parameters: &[Self]) -> Vec<u8> {
        let bytes: Vec<Vec<u8>> =
            parameters.iter().map(|parameter| bytes_of(&parameter.values)).collect();
        let views = parameters.iter().zip(&bytes).map(|(parameter, bytes)| {
            let view = TensorView::new(Dtype::F32, parameter.shape.clone(), bytes);
            (&parameter.name, view.expect("a parameter has as many values as its shape says"))
        });
        serialize(views, None).expect("names and shapes can be written as JSON")
    }
}
