use std::path::{Path, PathBuf};

use burn::prelude::Backend;
use burn::tensor::{Tensor, TensorData};
use serde_json::Value;

use super::config::Architecture;
use super::preprocess::{LONGEST, Preprocessing};
use super::resnet::{Naming, ResNet};
use super::squeezenet::SqueezeNet;
use super::timm::Timm;
use super::tower::VisionTower;
use crate::layers::Cpu;
use crate::layers::kernels::Kernels;
use crate::weights::Weights;
use crate::{Error, ErrorKind};

/// The architectures of images, behind one set of calls.
pub(crate) enum Network<B: Backend = Cpu> {
    Tower(Box<VisionTower<B>>),
    ResNet(ResNet<B>),
    SqueezeNet(SqueezeNet<B>),
}

/// What a model's folder says of it, the weights aside.
pub(crate) struct Description {
    /// Of `config.json`.
    path: PathBuf,
    architecture: Architecture,
    /// Its fields, as transformers has them.
    config: Value,
    pub(crate) preprocessing: Preprocessing,
}

impl Description {
    /// Reads a folder; with `size`, for square images of that edge.
    pub(crate) fn read(folder: &Path, size: Option<usize>) -> Result<Self, Error> {
        let path = folder.join("config.json");
        let (architecture, config) = Architecture::read(&path)?;
        let config = match architecture {
            Architecture::Timm(model) => model.described(&path, &config)?,
            _ => config,
        };
        let preprocessing = Preprocessing::read(folder)?;
        let preprocessing = match size {
            Some(edge) => preprocessing.with_size(checked(edge)?),
            None => preprocessing,
        };
        for edge in preprocessing.output().into_iter().flatten() {
            checked(edge)?;
        }
        Ok(Self { path, architecture, config, preprocessing })
    }

    /// The tensors of the image encoder in this file.
    pub(crate) fn open<'a, B: Backend>(
        &self,
        file: &'a Path,
        bytes: &'a [u8],
    ) -> Result<Weights<'a, B>, Error> {
        let mut weights = Weights::open(file, bytes, self.architecture.prefix(), None)?;
        self.architecture.discard_unused(&mut weights);
        Ok(weights)
    }

    /// Takes the tensors of the model.
    pub(crate) fn network<B: Kernels>(
        &self,
        weights: &mut Weights<'_, B>,
    ) -> Result<Network<B>, Error> {
        let (path, config) = (&self.path, &self.config);
        let size = self.preprocessing.output();
        Ok(match self.architecture {
            Architecture::ResNet => {
                Network::ResNet(ResNet::load(weights, path, config, Naming::Transformers)?)
            }
            Architecture::Timm(Timm::ResNet) => {
                Network::ResNet(ResNet::load(weights, path, config, Naming::Torchvision)?)
            }
            Architecture::SqueezeNet => {
                Network::SqueezeNet(SqueezeNet::load(weights, path, config, size)?)
            }
            tower => {
                // A transformer has one table of positions, so its images have one size.
                let Some(size) = size else {
                    let expected =
                        "height and width, or a crop, are needed: its positions are fixed";
                    return super::config::setting(path, "size", "a shortest edge", expected);
                };
                Network::Tower(Box::new(VisionTower::load(weights, path, tower, config, size)?))
            }
        })
    }
}

impl<B: Kernels> Network<B> {
    /// Length of an embedding.
    pub(crate) fn dimension(&self) -> usize {
        match self {
            Self::Tower(tower) => tower.dimension(),
            Self::ResNet(network) => network.dimension(),
            Self::SqueezeNet(network) => network.dimension(),
        }
    }

    /// Whether anything is left of so small an image behind all poolings.
    pub(crate) fn check(&self, row: usize, size: [usize; 2]) -> Result<(), Error> {
        let smallest = match self {
            Self::SqueezeNet(_) => super::squeezenet::SMALLEST,
            Self::Tower(_) | Self::ResNet(_) => 1,
        };
        match size.iter().min() {
            Some(edge) if *edge < smallest => Err(Error::input(format!(
                "is {} x {} for the model, which needs {smallest} pixels: give it a larger size",
                size[0], size[1]
            ))
            .of_item("image", row)),
            _ => Ok(()),
        }
    }

    /// Numbers of the largest tensor that an image of `size` becomes on its way.
    pub(crate) fn numbers(&self, [height, width]: [usize; 2]) -> usize {
        match self {
            Self::Tower(tower) => tower.numbers().max(3 * height * width),
            // 64 channels at half the edge; where channels grow fourfold, the edge halves.
            Self::ResNet(_) | Self::SqueezeNet(_) => 64 * height.div_ceil(2) * width.div_ceil(2),
        }
    }

    /// `[pictures, 3, height, width] -> [pictures, dimension]`.
    pub(crate) fn forward(&self, pictures: Tensor<B, 4>) -> Tensor<B, 2> {
        match self {
            Self::Tower(tower) => tower.forward(pictures),
            Self::ResNet(network) => network.forward(pictures),
            Self::SqueezeNet(network) => network.forward(pictures),
        }
    }
}

/// The edge of an image that a model can be given.
fn checked(edge: usize) -> Result<usize, Error> {
    match edge {
        1..=LONGEST => Ok(edge),
        found => Err(Error::new(
            ErrorKind::Setting,
            format!("an image size of {found} pixels: give 1 to {LONGEST}, or leave it out"),
        )),
    }
}

/// Images of `3 x height x width` numbers each, one after the other: `[images, 3, height, width]`.
pub(crate) fn pictures<B: Backend>(values: Vec<f32>, [height, width]: [usize; 2]) -> Tensor<B, 4> {
    let shape = [values.len() / (3 * height * width), 3, height, width];
    Tensor::from_data(TensorData::new(values, shape), &Default::default())
}
