//! Encoders of texts.

pub(crate) mod batch;
pub(crate) mod config;
pub(crate) mod encoder;
mod layer;
pub(crate) mod masked;
mod names;
pub(crate) mod network;
pub(crate) mod pooling;
mod prompt;
mod relative;
pub(crate) mod sentence;
pub(crate) mod tokens;
pub(crate) mod transformer;
