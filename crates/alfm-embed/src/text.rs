//! Encoders of texts.

pub(crate) mod batch;
pub(crate) mod config;
pub(crate) mod encoder;
mod layer;
pub(crate) mod masked;
pub(crate) mod model;
mod names;
pub(crate) mod pooling;
mod relative;
pub(crate) mod tokens;
pub(crate) mod transformer;
