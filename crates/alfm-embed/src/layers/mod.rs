//! What the models are made of, on any backend of Burn.

pub(crate) mod activation;
pub(crate) mod block;
#[cfg(any(feature = "wgpu", feature = "cuda"))]
pub(crate) mod card;
mod group;
mod heads;
pub(crate) mod kernels;
pub(crate) mod table;

use burn::backend::Flex;
use burn::prelude::Backend;
use burn::tensor::{Tensor, TensorData, TensorPrimitive};

use activation::Activation;
pub(crate) use group::Group;
use kernels::Kernels;

/// Burn's CPU backend.
pub(crate) type Cpu = Flex;

/// The same with gradients.
#[cfg(feature = "trunk")]
pub(crate) type Train = burn::backend::Autodiff<Flex>;

/// `x W + b` with `W` `[input, output]`.
pub(crate) struct Linear<B: Backend = Cpu> {
    weight: Tensor<B, 2>,
    bias: Option<Tensor<B, 1>>,
}

impl<B: Backend> Linear<B> {
    pub(crate) fn new(weight: Tensor<B, 2>, bias: Option<Tensor<B, 1>>) -> Self {
        Self { weight, bias }
    }

    /// `(x W + b) s` as one map, for a scale `s` of every output.
    pub(crate) fn scaled(self, scale: Tensor<B, 1>) -> Self {
        let bias = self.bias.map(|bias| bias * scale.clone());
        Self { weight: self.weight * scale.unsqueeze(), bias }
    }

    /// Length of what it takes.
    pub(crate) fn inputs(&self) -> usize {
        self.weight.dims()[0]
    }

    /// Length of what it returns.
    pub(crate) fn outputs(&self) -> usize {
        self.weight.dims()[1]
    }
}

impl<B: Kernels> Linear<B> {
    /// `[rows, input] -> [rows, output]`.
    pub(crate) fn forward(&self, input: Tensor<B, 2>) -> Tensor<B, 2> {
        let [rows, width] = input.dims();
        if rows == 1 {
            // A single row is multiplied by other kernels, whose last bits differ: with a second
            // one, a row's result depends on that row alone.
            let output = self.forward(input.expand([2, width]));
            return output.narrow(0, 0, 1);
        }
        B::map(input, self.weight.clone(), self.bias.clone())
    }
}

/// Layer normalisation over the last axis.
pub(crate) struct LayerNorm<B: Backend = Cpu> {
    scale: Tensor<B, 1>,
    shift: Tensor<B, 1>,
    epsilon: f64,
}

impl<B: Backend> LayerNorm<B> {
    pub(crate) fn new(scale: Tensor<B, 1>, shift: Tensor<B, 1>, epsilon: f64) -> Self {
        Self { scale, shift, epsilon }
    }

    /// `[rows, width] -> [rows, width]`.
    pub(crate) fn forward(&self, input: Tensor<B, 2>) -> Tensor<B, 2> {
        Tensor::from_primitive(TensorPrimitive::Float(B::layer_norm(
            input.into_primitive().tensor(),
            self.scale.clone().into_primitive().tensor(),
            Some(self.shift.clone().into_primitive().tensor()),
            self.epsilon,
        )))
    }
}

/// A linear map followed by an activation, the bias and the activation in one pass.
pub(crate) struct Activated<B: Backend = Cpu> {
    map: Linear<B>,
    bias: Tensor<B, 1>,
    activation: Activation,
}

impl<B: Kernels> Activated<B> {
    /// # Panics
    /// Where `map` has no bias.
    pub(crate) fn new(map: Linear<B>, activation: Activation) -> Self {
        let bias = map.bias.expect("a map before an activation has a bias");
        Self { map: Linear::new(map.weight, None), bias, activation }
    }

    /// `[rows, input] -> [rows, output]`.
    pub(crate) fn forward(&self, input: Tensor<B, 2>) -> Tensor<B, 2> {
        B::activate(self.map.forward(input), self.bias.clone(), self.activation)
    }
}

/// `map` of every `rows` rows alone, one after the other.
///
/// With few rows a matrix product takes other kernels, whose last bits differ: so that a result depends on its own
/// rows alone, what has one row an item is not mapped with those of its neighbours.
pub(crate) fn piecewise<B: Backend>(
    input: &Tensor<B, 2>,
    rows: usize,
    map: impl Fn(Tensor<B, 2>) -> Tensor<B, 2>,
) -> Tensor<B, 2> {
    let starts = (0..input.dims()[0]).step_by(rows);
    Tensor::cat(starts.map(|start| map(input.clone().narrow(0, start, rows))).collect(), 0)
}

/// A tensor of these values; no copy.
pub(crate) fn matrix(values: Vec<f32>, shape: [usize; 2]) -> Tensor<Cpu, 2> {
    Tensor::from_data(TensorData::new(values, shape), &Default::default())
}

/// The values of an `f32` tensor; no copy where the tensor owns its buffer alone.
pub(crate) fn floats(data: TensorData) -> Vec<f32> {
    data.into_vec().expect("the encoder makes only f32 tensors")
}
