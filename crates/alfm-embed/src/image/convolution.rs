use burn::prelude::Backend;
use burn::tensor::Tensor;
use burn::tensor::activation::relu;
use burn::tensor::module::conv2d;
use burn::tensor::ops::ConvOptions;

use crate::Error;
use crate::weights::Weights;

/// A convolution with a square kernel and a bias, perhaps rectified.
pub(super) struct Convolution<B: Backend> {
    /// `[outputs, inputs, kernel, kernel]`.
    weight: Tensor<B, 4>,
    bias: Tensor<B, 1>,
    stride: usize,
    padding: usize,
    rectified: bool,
}

/// Sizes of a convolution.
#[derive(Clone, Copy)]
pub(super) struct Sizes {
    pub(super) inputs: usize,
    pub(super) outputs: usize,
    pub(super) kernel: usize,
    pub(super) stride: usize,
    pub(super) padding: usize,
    pub(super) rectified: bool,
}

/// What batch normalisation adds to a variance, in all published ResNets.
const EPSILON: f64 = 1e-5;

impl<B: Backend> Convolution<B> {
    fn new(weight: Tensor<B, 4>, bias: Tensor<B, 1>, sizes: Sizes) -> Self {
        let Sizes { stride, padding, rectified, .. } = sizes;
        Self { weight, bias, stride, padding, rectified }
    }

    /// Takes a convolution with a bias of its own.
    pub(super) fn plain(
        weights: &mut Weights<'_, B>,
        name: &str,
        sizes: Sizes,
    ) -> Result<Self, Error> {
        let weight = weights.take(&format!("{name}.weight"), sizes.shape())?;
        let bias = weights.take(&format!("{name}.bias"), [sizes.outputs])?;
        Ok(Self::new(weight, bias, sizes))
    }

    /// Takes a convolution and the batch normalisation behind it, by their names, as one:
    /// `(w x - mean) g / sqrt(variance + e) + b`.
    pub(super) fn normalised(
        weights: &mut Weights<'_, B>,
        [convolution, normalisation]: &[String; 2],
        sizes: Sizes,
    ) -> Result<Self, Error> {
        let weight = weights.take::<4>(&format!("{convolution}.weight"), sizes.shape())?;
        let mut part =
            |part: &str| weights.take::<1>(&format!("{normalisation}.{part}"), [sizes.outputs]);
        let (gain, shift) = (part("weight")?, part("bias")?);
        let (mean, variance) = (part("running_mean")?, part("running_var")?);
        weights.discard(&format!("{normalisation}.num_batches_tracked"));
        let scale = gain / (variance + EPSILON).sqrt();
        let bias = shift - mean * scale.clone();
        Ok(Self::new(weight * scale.reshape([sizes.outputs, 1, 1, 1]), bias, sizes))
    }

    /// The same for pictures whose channels come in the opposite order.
    pub(super) fn reversed(self) -> Self {
        Self { weight: self.weight.flip([1]), ..self }
    }

    /// `[pictures, inputs, height, width] -> [pictures, outputs, ...]`.
    pub(super) fn forward(&self, input: Tensor<B, 4>) -> Tensor<B, 4> {
        let options = ConvOptions::new([self.stride; 2], [self.padding; 2], [1, 1], 1);
        let output = conv2d(input, self.weight.clone(), Some(self.bias.clone()), options);
        if self.rectified { relu(output) } else { output }
    }
}

impl Sizes {
    fn shape(self) -> [usize; 4] {
        [self.outputs, self.inputs, self.kernel, self.kernel]
    }
}

/// The mean of every channel, `[pictures, channels, height, width] -> [pictures, channels]`.
pub(super) fn global_mean<B: Backend>(input: Tensor<B, 4>) -> Tensor<B, 2> {
    let [count, channels, height, width] = input.dims();
    input.reshape([count, channels, height * width]).mean_dim(2).squeeze_dim(2)
}
