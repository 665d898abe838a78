use std::path::Path;

use burn::prelude::Backend;
use burn::tensor::Tensor;
use burn::tensor::activation::relu;
use burn::tensor::module::max_pool2d;
use serde::Deserialize;
use serde_json::Value;

use super::config::{fields, setting};
use super::convolution::{Convolution, Sizes, global_mean};
use crate::Error;
use crate::weights::Weights;

/// Channels of a bottleneck's output a channel of its middle.
pub(super) const REDUCTION: usize = 4;

/// A ResNet without its classifier (He et al. 2016, arXiv 1512.03385), of basic or bottleneck blocks:
/// the means of the last layer's channels.
pub(crate) struct ResNet<B: Backend> {
    first: Convolution<B>,
    blocks: Vec<Residual<B>>,
    dimension: usize,
}

struct Residual<B: Backend> {
    shortcut: Option<Convolution<B>>,
    layers: Vec<Convolution<B>>,
}

/// Whose names the tensors have.
#[derive(Clone, Copy)]
pub(super) enum Naming {
    Transformers,
    /// timm has the same.
    Torchvision,
}

impl Naming {
    /// Convolution and normalisation in front of all blocks.
    fn first(self) -> [String; 2] {
        match self {
            Self::Transformers => of_transformers("embedder.embedder"),
            Self::Torchvision => ["conv1", "bn1"].map(str::to_owned),
        }
    }

    /// What the names of a block begin with.
    fn block(self, stage: usize, block: usize) -> String {
        match self {
            Self::Transformers => format!("encoder.stages.{stage}.layers.{block}"),
            Self::Torchvision => format!("layer{}.{block}", stage + 1),
        }
    }

    /// Convolution and normalisation number `at` of a block.
    fn layer(self, block: &str, at: usize) -> [String; 2] {
        match self {
            Self::Transformers => of_transformers(&format!("{block}.layer.{at}")),
            Self::Torchvision => ["conv", "bn"].map(|part| format!("{block}.{part}{}", at + 1)),
        }
    }

    fn shortcut(self, block: &str) -> [String; 2] {
        match self {
            Self::Transformers => of_transformers(&format!("{block}.shortcut")),
            Self::Torchvision => [0, 1].map(|part| format!("{block}.downsample.{part}")),
        }
    }
}

fn of_transformers(layer: &str) -> [String; 2] {
    ["convolution", "normalization"].map(|part| format!("{layer}.{part}"))
}

/// `config.json`; the defaults are those of transformers.
#[derive(Deserialize)]
#[serde(default)]
struct Raw {
    num_channels: usize,
    embedding_size: usize,
    hidden_sizes: Vec<usize>,
    depths: Vec<usize>,
    layer_type: String,
    hidden_act: String,
    downsample_in_first_stage: bool,
    downsample_in_bottleneck: bool,
}

impl Default for Raw {
    fn default() -> Self {
        Self {
            num_channels: 3,
            embedding_size: 64,
            hidden_sizes: vec![256, 512, 1024, 2048],
            depths: vec![3, 4, 6, 3],
            layer_type: "bottleneck".to_owned(),
            hidden_act: "relu".to_owned(),
            downsample_in_first_stage: false,
            downsample_in_bottleneck: false,
        }
    }
}

impl Raw {
    fn check(&self, path: &Path) -> Result<(), Error> {
        if self.num_channels != 3 {
            return setting(path, "num_channels", self.num_channels, "pictures have 3 channels");
        }
        if !["basic", "bottleneck"].contains(&self.layer_type.as_str()) {
            let expected = "only `basic` and `bottleneck` are built";
            return setting(path, "layer_type", &self.layer_type, expected);
        }
        if self.hidden_act != "relu" {
            return setting(path, "hidden_act", &self.hidden_act, "only `relu` is built");
        }
        let (sizes, depths) = (&self.hidden_sizes, &self.depths);
        if sizes.is_empty() || sizes.len() != depths.len() || depths.contains(&0) {
            let expected = "as many numbers as hidden_sizes has, all at least 1, are needed";
            return setting(path, "depths", format!("{depths:?}"), expected);
        }
        if sizes.iter().any(|size| *size < REDUCTION) {
            let expected = format!("all must be at least {REDUCTION}");
            return setting(path, "hidden_sizes", format!("{sizes:?}"), &expected);
        }
        Ok(())
    }
}

impl<B: Backend> ResNet<B> {
    /// Takes all tensors of the model.
    pub(super) fn load(
        weights: &mut Weights<'_, B>,
        path: &Path,
        config: &Value,
        naming: Naming,
    ) -> Result<Self, Error> {
        let raw: Raw = fields(path, config.clone())?;
        raw.check(path)?;
        let outputs = raw.embedding_size;
        let sizes = Sizes { inputs: 3, outputs, kernel: 7, stride: 2, padding: 3, rectified: true };
        let first = Convolution::normalised(weights, &naming.first(), sizes)?;
        let (mut blocks, mut inputs) = (Vec::new(), raw.embedding_size);
        for (stage, (&outputs, &depth)) in raw.hidden_sizes.iter().zip(&raw.depths).enumerate() {
            for layer in 0..depth {
                let halved = layer == 0 && (stage > 0 || raw.downsample_in_first_stage);
                let stride = if halved { 2 } else { 1 };
                let name = (naming, naming.block(stage, layer));
                blocks.push(Residual::load(weights, name, &raw, [inputs, outputs], stride)?);
                inputs = outputs;
            }
        }
        Ok(Self { first, blocks, dimension: inputs })
    }

    pub(super) fn dimension(&self) -> usize {
        self.dimension
    }

    /// `[pictures, 3, height, width] -> [pictures, dimension]`.
    pub(super) fn forward(&self, pictures: Tensor<B, 4>) -> Tensor<B, 2> {
        let first = self.first.forward(pictures);
        let first = max_pool2d(first, [3, 3], [2, 2], [1, 1], [1, 1], false);
        global_mean(self.blocks.iter().fold(first, |hidden, block| block.forward(hidden)))
    }
}

impl<B: Backend> Residual<B> {
    fn load(
        weights: &mut Weights<'_, B>,
        (naming, block): (Naming, String),
        raw: &Raw,
        [inputs, outputs]: [usize; 2],
        stride: usize,
    ) -> Result<Self, Error> {
        // Kernel, stride, inputs and outputs of each convolution.
        let layers = if raw.layer_type == "basic" {
            vec![(3, stride, inputs, outputs), (3, 1, outputs, outputs)]
        } else {
            let middle = outputs / REDUCTION;
            let [first, second] =
                if raw.downsample_in_bottleneck { [stride, 1] } else { [1, stride] };
            vec![(1, first, inputs, middle), (3, second, middle, middle), (1, 1, middle, outputs)]
        };
        let last = layers.len() - 1;
        let layers =
            layers.into_iter().enumerate().map(|(at, (kernel, stride, inputs, outputs))| {
                let (padding, rectified) = (kernel / 2, at < last);
                let sizes = Sizes { inputs, outputs, kernel, stride, padding, rectified };
                Convolution::normalised(weights, &naming.layer(&block, at), sizes)
            });
        let layers = layers.collect::<Result<_, _>>()?;
        let shortcut = if inputs != outputs || stride != 1 {
            let sizes = Sizes { inputs, outputs, kernel: 1, stride, padding: 0, rectified: false };
            Some(Convolution::normalised(weights, &naming.shortcut(&block), sizes)?)
        } else {
            None
        };
        Ok(Self { shortcut, layers })
    }

    fn forward(&self, input: Tensor<B, 4>) -> Tensor<B, 4> {
        let kept = match &self.shortcut {
            Some(shortcut) => shortcut.forward(input.clone()),
            None => input.clone(),
        };
        relu(kept + self.layers.iter().fold(input, |hidden, layer| layer.forward(hidden)))
    }
}
