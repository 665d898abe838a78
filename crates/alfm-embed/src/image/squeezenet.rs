use std::path::Path;

use burn::prelude::Backend;
use burn::tensor::Tensor;
use burn::tensor::module::max_pool2d;
use serde_json::Value;

use super::config::setting;
use super::convolution::{Convolution, Sizes, global_mean};
use crate::Error;
use crate::weights::Weights;

/// Place in torchvision's `features`, and channels in, squeezed and out of either half.
const FIRES: [(usize, [usize; 3]); 8] = [
    (3, [64, 16, 64]),
    (4, [128, 16, 64]),
    (6, [128, 32, 128]),
    (7, [256, 32, 128]),
    (9, [256, 48, 192]),
    (10, [384, 48, 192]),
    (11, [384, 64, 256]),
    (12, [512, 64, 256]),
];

/// Layers that a pooling stands in front of.
const POOLED: [usize; 3] = [3, 6, 9];

/// The smallest picture of which something is left behind the three poolings.
pub(super) const SMALLEST: usize = 31;

/// SqueezeNet 1.1 without its classifier (Iandola et al. 2016, arXiv 1602.07360): 512 means.
pub(crate) struct SqueezeNet<B: Backend> {
    first: Convolution<B>,
    fires: Vec<(usize, Fire<B>)>,
}

struct Fire<B: Backend> {
    squeeze: Convolution<B>,
    expand1: Convolution<B>,
    expand3: Convolution<B>,
}

impl<B: Backend> SqueezeNet<B> {
    /// Takes all tensors of the model, for pictures of `size`.
    pub(super) fn load(
        weights: &mut Weights<'_, B>,
        path: &Path,
        config: &Value,
        size: Option<[usize; 2]>,
    ) -> Result<Self, Error> {
        if let Some(edge) = size.into_iter().flatten().find(|edge| *edge < SMALLEST) {
            let expected = format!("pictures of at least {SMALLEST} pixels are needed");
            return setting(path, "input_size", edge, &expected);
        }
        let sizes =
            Sizes { inputs: 3, outputs: 64, kernel: 3, stride: 2, padding: 0, rectified: true };
        let first = Convolution::plain(weights, "features.0", sizes)?;
        let bgr = config["preprocess"]["channel_order"] == "BGR";
        let fires = FIRES.iter().map(|&(index, channels)| {
            Ok((index, Fire::load(weights, &format!("features.{index}"), channels)?))
        });
        Ok(Self {
            fires: fires.collect::<Result<_, Error>>()?,
            first: if bgr { first.reversed() } else { first },
        })
    }

    pub(super) fn dimension(&self) -> usize {
        512
    }

    /// `[pictures, 3, height, width] -> [pictures, 512]`.
    pub(super) fn forward(&self, pictures: Tensor<B, 4>) -> Tensor<B, 2> {
        let first = self.first.forward(pictures);
        global_mean(self.fires.iter().fold(first, |mut hidden, (index, fire)| {
            if POOLED.contains(index) {
                hidden = max_pool2d(hidden, [3, 3], [2, 2], [0, 0], [1, 1], false);
            }
            fire.forward(hidden)
        }))
    }
}

impl<B: Backend> Fire<B> {
    fn load(
        weights: &mut Weights<'_, B>,
        name: &str,
        [inputs, squeezed, half]: [usize; 3],
    ) -> Result<Self, Error> {
        let mut take = |part: &str, inputs, outputs, kernel| {
            let padding = kernel / 2;
            let sizes = Sizes { inputs, outputs, kernel, stride: 1, padding, rectified: true };
            Convolution::plain(weights, &format!("{name}.{part}"), sizes)
        };
        Ok(Self {
            squeeze: take("squeeze", inputs, squeezed, 1)?,
            expand1: take("expand1x1", squeezed, half, 1)?,
            expand3: take("expand3x3", squeezed, half, 3)?,
        })
    }

    fn forward(&self, input: Tensor<B, 4>) -> Tensor<B, 4> {
        let squeezed = self.squeeze.forward(input);
        let halves = vec![self.expand1.forward(squeezed.clone()), self.expand3.forward(squeezed)];
        Tensor::cat(halves, 1)
    }
}
