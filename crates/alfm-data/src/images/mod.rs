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

pub(crate) use folder::{Found, walk};
pub(crate) use npz::{cells as npz_cells, read as read_npz};
pub(crate) use table::read as read_table;

use crate::DataError;

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
    /// [`DataError::Io`].
    pub fn file(path: impl AsRef<Path>) -> Result<Self, DataError> {
        let path = path.as_ref();
        let digest = Digest::of(std::fs::read(path).map_err(DataError::io(path))?);
        Ok(Self { origin: path.into(), row: None, content: Content::File, digest })
    }

    /// Raw pixels, row by row: `width * height` grey values, or as many times R, G and B.
    ///
    /// # Errors
    /// [`DataError::ArrayLength`] for another number of values.
    pub fn pixels(
        origin: impl AsRef<Path>,
        row: Option<usize>,
        (width, height): (u32, u32),
        values: impl Into<Arc<[u8]>>,
    ) -> Result<Self, DataError> {
        let (origin, values) = (origin.as_ref(), values.into());
        let expected = (width as usize).saturating_mul(height as usize);
        let got = values.len();
        if got != expected && got != expected.saturating_mul(3) {
            let array = Place(origin, row).to_string();
            return Err(DataError::ArrayLength { array, expected, got });
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
    /// [`DataError::Image`] for what is no image or a truncated one, [`DataError::ImageSize`] for more than
    /// [`MAX_PIXELS`], before any of them is allocated. Files: [`DataError::Io`], and
    /// [`DataError::ContentHash`] if it is not the file that was loaded.
    #[cfg(feature = "images")]
    pub fn decode(&self) -> Result<RgbImage, DataError> {
        self.decode_within(MAX_PIXELS)
    }

    /// [`Image::decode`] with another limit on `width * height`.
    ///
    /// # Errors
    /// As [`Image::decode`].
    #[cfg(feature = "images")]
    pub fn decode_within(&self, max_pixels: u64) -> Result<RgbImage, DataError> {
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
    pub fn unreadable(images: &[Self]) -> Vec<(usize, DataError)> {
        let check = |(row, image): (usize, &Self)| Some((row, image.decode().err()?));
        images.par_iter().enumerate().filter_map(check).collect()
    }

    /// The file's bytes, if they are still those that were hashed.
    #[cfg(feature = "images")]
    fn read(&self) -> Result<Vec<u8>, DataError> {
        let path = &*self.origin;
        let bytes = std::fs::read(path).map_err(DataError::io(path))?;
        let (expected, got) = (self.digest, Digest::of(&bytes));
        match expected == got {
            true => Ok(bytes),
            false => Err(DataError::ContentHash { path: path.into(), expected, got }),
        }
    }
}

/// Fails where this build cannot decode images, so that none is loaded.
pub(crate) fn supported(path: &Path) -> Result<(), DataError> {
    if cfg!(feature = "images") { Ok(()) } else { Err(DataError::not_built("images", path)) }
}

/// File and row, as errors call an image.
struct Place<'a>(&'a Path, Option<usize>);

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.display())?;
        self.1.map_or(Ok(()), |row| write!(f, ", row {row}"))
    }
}

/// File and row.
impl fmt::Display for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Place(&self.origin, self.row).fmt(f)
    }
}

/// Without the bytes.
impl fmt::Debug for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Image({self}, {})", self.digest.short())
    }
}
