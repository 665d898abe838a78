use std::io::Cursor;

use image::error::{DecodingError, ImageFormatHint};
use image::metadata::Orientation;
use image::{
    DynamicImage, GrayImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits, RgbImage,
};

use super::Image;
use crate::Error;

/// Decodes a file's content; its first bytes, not its name, tell the format.
pub(super) fn encoded(image: &Image, bytes: &[u8], max_pixels: u64) -> Result<RgbImage, Error> {
    let failed = |source: ImageError| {
        let message = "not a readable image: replace it, or leave its item out";
        image.refuse(message.to_owned()).because(source)
    };
    let mut reader = ImageReader::new(Cursor::new(bytes))
        .with_guessed_format()
        .map_err(|source| failed(source.into()))?;
    let format = reader.format();
    // What decoders set up before they tell the size, and 16 bits of four channels a pixel.
    let mut limits = Limits::default();
    let most = max_pixels.saturating_mul(8);
    limits.max_alloc = limits.max_alloc.map(|alloc| alloc.max(most));
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(failed)?;
    let (width, height) = decoder.dimensions();
    check_size(image, width, height, max_pixels)?;
    if format == Some(ImageFormat::Jpeg) && !jpeg_ends(bytes) {
        let hint = ImageFormatHint::Exact(ImageFormat::Jpeg);
        let why = "no end marker: it is truncated";
        return Err(failed(ImageError::Decoding(DecodingError::new(hint, why))));
    }
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let mut decoded = DynamicImage::from_decoder(decoder).map_err(failed)?;
    decoded.apply_orientation(orientation);
    Ok(decoded.into_rgb8())
}

/// Raw pixels as RGB.
pub(super) fn pixels(
    image: &Image,
    (width, height): (u32, u32),
    values: &[u8],
    max_pixels: u64,
) -> Result<RgbImage, Error> {
    check_size(image, width, height, max_pixels)?;
    let grey = || GrayImage::from_raw(width, height, values.to_vec());
    let rgb = match values.len() as u64 == u64::from(width) * u64::from(height) {
        true => grey().map(|grey| DynamicImage::from(grey).into_rgb8()),
        false => RgbImage::from_raw(width, height, values.to_vec()),
    };
    // The number of values was checked when the image was made.
    Ok(rgb.unwrap_or_default())
}

fn check_size(image: &Image, width: u32, height: u32, limit: u64) -> Result<(), Error> {
    match u64::from(width) * u64::from(height) <= limit {
        true => Ok(()),
        false => Err(image.refuse(format!(
            "{width} x {height} pixels, at most {limit} are decoded: scale it down"
        ))),
    }
}

/// Whether an end-of-image marker follows the last start of a scan.
///
/// The decoder fills what a truncated file lacks with grey and says nothing. Neither marker can occur within
/// a scan, where a byte of 255 is followed by 0; thumbnails, with markers of their own, come before it.
fn jpeg_ends(bytes: &[u8]) -> bool {
    let last = |marker: u8| bytes.windows(2).rposition(|pair| *pair == [0xff, marker]);
    last(0xd9) > last(0xda)
}
