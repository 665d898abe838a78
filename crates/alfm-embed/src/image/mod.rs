//! Encoders of images, and the text towers that share their space.

mod caption_tower;
pub(crate) mod captions;
pub(crate) mod config;
mod convolution;
pub(crate) mod encoder;
mod names;
pub(crate) mod network;
pub(crate) mod pictures;
pub(crate) mod placed;
mod positions;
pub(crate) mod preprocess;
mod processor;
mod resnet;
mod squeezenet;
mod timm;
mod tower;
