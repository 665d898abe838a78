//! Images, kept encoded and decoded on demand.

#[cfg(feature = "images")]
mod decode;
mod folder;
mod npz;
#[cfg(feature = "parquet")]
mod parquet;
mod table;

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use alfm_core::Digest;
#[cfg(feature = "images")]
use image::RgbImage;
#[cfg(feature = "images")]
use rayon::prelude::*;

pub(crate) use folder::{Found, Walk, skipped, walk};
pub(crate) use npz::{cells as npz_cells, read as read_npz};
pub(crate) use table::read as read_table;

use crate::error::not_built;
#[cfg(feature = "images")]
use crate::error::other_content;
use crate::{Error, file};

/// Most pixels that [`Image::decode`] takes: 64 million.
pub const MAX_PIXELS: u64 = 64_000_000;

/// An image as it came: the bytes of a file, a file, or raw pixels. Cheap to clone.
#[derive(Clone, PartialEq)]
pub struct Image {
    origin: Arc<Path>,
    row: Option<usize>,
    content: Content,
    digest: Digest,
}

#[derive(Clone, PartialEq)]
enum Content {
    Encoded(Arc<[u8]>),
    File,
    /// Row by row, with one value a pixel (grey) or three (RGB).
    Pixels {
        width: u32,
        height: u32,
        values: Arc<[u8]>,
    },
}

impl Image {
    /// An encoded image in memory; `origin` and `row` are what errors call it.
    ///
    /// ```
    /// use alfm_data::Image;
    /// let image = Image::encoded("train.parquet", Some(3), *b"no image");
    /// assert_eq!(image.to_string(), "train.parquet, row 3");
    /// # #[cfg(feature = "images")]
    /// assert!(image.decode().unwrap_err().to_string().contains("row 3: not a readable image"));
    /// ```
    pub fn encoded(
        origin: impl AsRef<Path>,
        row: Option<usize>,
        bytes: impl Into<Arc<[u8]>>,
    ) -> Self {
        let bytes = bytes.into();
        let digest = Digest::of(&bytes);
        Self { origin: origin.as_ref().into(), row, content: Content::Encoded(bytes), digest }
    }

    /// An image file, which is read and hashed now, and read again by every [`Image::decode`].
    ///
    /// # Errors
    /// For a file that cannot be read.
    pub fn file(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let digest = Digest::of(file::bytes(path)?);
        Ok(Self { origin: path.into(), row: None, content: Content::File, digest })
    }

    /// Raw pixels, row by row: `width * height` grey values, or as many times R, G and B.
    ///
    /// # Errors
    /// For another number of values.
    pub fn pixels(
        origin: impl AsRef<Path>,
        row: Option<usize>,
        (width, height): (u32, u32),
        values: impl Into<Arc<[u8]>>,
    ) -> Result<Self, Error> {
        let (origin, values) = (origin.as_ref(), values.into());
        let expected = (width as usize).saturating_mul(height as usize);
        let got = values.len();
        if got != expected && got != expected.saturating_mul(3) {
            return Err(refuse(
                origin,
                row,
                format!(
                    "{got} bytes of data, its shape needs {expected}: the file is truncated, write it again"
                ),
            ));
        }
        let (w, h) = (width.to_le_bytes(), height.to_le_bytes());
        let digest = Digest::of_parts([&w[..], &h[..], &values[..]]);
        let content = Content::Pixels { width, height, values };
        Ok(Self { origin: origin.into(), row, content, digest })
    }

    /// The file that it came from.
    pub fn origin(&self) -> &Path {
        &self.origin
    }

    /// Its row there, from 0; `None` for a file of its own.
    pub fn row(&self) -> Option<usize> {
        self.row
    }

    /// SHA-256 of the encoded bytes; of width, height and values for raw pixels.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// The image as 8-bit RGB, upright; [`crate`] has the rules.
    ///
    /// # Errors
    /// For what is no image or a truncated one, and for more than [`MAX_PIXELS`], before any of them is allocated;
    /// for a file that cannot be read or is not the one that was loaded.
    #[cfg(feature = "images")]
    pub fn decode(&self) -> Result<RgbImage, Error> {
        self.decode_within(MAX_PIXELS)
    }

    /// [`Image::decode`] with another limit on `width * height`.
    ///
    /// # Errors
    /// As [`Image::decode`].
    #[cfg(feature = "images")]
    pub fn decode_within(&self, max_pixels: u64) -> Result<RgbImage, Error> {
        match &self.content {
            Content::Encoded(bytes) => decode::encoded(self, bytes, max_pixels),
            Content::File => decode::encoded(self, &self.read()?, max_pixels),
            Content::Pixels { width, height, values } => {
                decode::pixels(self, (*width, *height), values, max_pixels)
            }
        }
    }

    /// Which of these cannot be decoded, and why, in their order: decodes every one, in parallel.
    #[cfg(feature = "images")]
    pub fn unreadable(images: &[Self]) -> Vec<(usize, Error)> {
        let check = |(row, image): (usize, &Self)| Some((row, image.decode().err()?));
        images.par_iter().enumerate().filter_map(check).collect()
    }

    /// The file's bytes, if they are still those that were hashed.
    #[cfg(feature = "images")]
    fn read(&self) -> Result<Vec<u8>, Error> {
        let path = &*self.origin;
        let bytes = file::bytes(path)?;
        let (expected, got) = (self.digest, Digest::of(&bytes));
        if got == expected { Ok(bytes) } else { Err(other_content(path, expected, got)) }
    }

    /// What is wrong with it.
    #[cfg(feature = "images")]
    fn refuse(&self, message: String) -> Error {
        refuse(&self.origin, self.row, message)
    }
}

/// Fails where this build cannot decode images, so that none is loaded.
pub(crate) fn supported(path: &Path) -> Result<(), Error> {
    if cfg!(feature = "images") { Ok(()) } else { Err(not_built("images", path)) }
}

fn refuse(origin: &Path, row: Option<usize>, message: String) -> Error {
    match row {
        Some(row) => Error::input(format!(": {message}")).of_item("row", row),
        None => Error::input(message),
    }
    .in_file(origin)
}

/// File and row.
impl fmt::Display for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.origin.display())?;
        self.row.map_or(Ok(()), |row| write!(f, ", row {row}"))
    }
}

/// Without the bytes.
impl fmt::Debug for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Image({self}, {})", self.digest.short())
    }
}
