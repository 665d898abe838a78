//! Images: what is decoded, from where, and what is refused.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod archive;
mod decode;
mod folder;

use std::io::Cursor;

use alfm_data::RgbImage;
use image::{DynamicImage, ImageFormat, Rgb};

pub(crate) fn encode(image: impl Into<DynamicImage>, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    image.into().write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

/// 3 x 2 pixels, each of its own colour.
pub(crate) fn colours() -> RgbImage {
    RgbImage::from_fn(3, 2, |x, y| Rgb([80 * x as u8, 120 * y as u8, 10]))
}
