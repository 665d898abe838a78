use std::io::Cursor;

use image::error::{DecodingError, ImageFormatHint};
use image::metadata::Orientation;
use image::{
    DynamicImage, GrayImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits, RgbImage,
};

use super::Image;
use crate::Error;

/// Bytes of memory for what is no pixel.
const MOST_BESIDE: u64 = 64 << 20;

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
    // What decoders keep before they tell the size: comments and colour profiles, which may be bombs.
    let mut limits = Limits::default();
    limits.max_alloc = Some(MOST_BESIDE);
    reader.limits(limits.clone());
    let mut decoder = reader.into_decoder().map_err(failed)?;
    let (width, height) = decoder.dimensions();
    check_size(image, width, height, max_pixels)?;
    // Four channels of 8 bits, or half as many pixels of 16.
    let most = max_pixels.saturating_mul(4);
    if decoder.total_bytes() > most {
        let bytes = decoder.total_bytes();
        return Err(image.refuse(format!(
            "{width} x {height} pixels take {bytes} bytes, at most {most} are decoded: scale it down"
        )));
    }
    limits.max_alloc = Some(MOST_BESIDE.saturating_add(most));
    decoder.set_limits(limits).map_err(failed)?;
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
    let is_grey = values.len() as u64 == u64::from(width) * u64::from(height);
    let rgb = if is_grey {
        let grey = GrayImage::from_raw(width, height, values.to_vec());
        grey.map(|grey| DynamicImage::from(grey).into_rgb8())
    } else {
        RgbImage::from_raw(width, height, values.to_vec())
    };
    // The number of values was checked when the image was made.
    Ok(rgb.unwrap_or_default())
}

fn check_size(image: &Image, width: u32, height: u32, limit: u64) -> Result<(), Error> {
    if u64::from(width) * u64::from(height) <= limit {
        return Ok(());
    }
    let message = format!("{width} x {height} pixels, at most {limit} are decoded: scale it down");
    Err(image.refuse(message))
}

/// Whether the image has its end-of-image marker; what lies behind it, such as the film of a motion photo, is not
/// looked at.
///
/// The decoder fills what a truncated file lacks with grey and says nothing. Segments tell their lengths, so that
/// thumbnails, with markers of their own, are passed over; within a scan, a byte of 255 is data only before 0 and the
/// restart markers.
fn jpeg_ends(bytes: &[u8]) -> bool {
    let mut at = 2;
    loop {
        // To the next marker: within a scan, over its data; elsewhere, over bytes that fill.
        let Some(skipped) = bytes.get(at..).and_then(|rest| {
            rest.windows(2).position(|pair| {
                pair[0] == 0xff && !matches!(pair[1], 0 | 0x01 | 0xd0..=0xd7 | 0xff)
            })
        }) else {
            return false;
        };
        at += skipped;
        if bytes[at + 1] == 0xd9 {
            return true;
        }
        let Some(length) = bytes.get(at + 2..at + 4) else { return false };
        at += 2 + usize::from(u16::from_be_bytes([length[0], length[1]]));
    }
}
