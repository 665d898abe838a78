use std::error::Error;

use alfm_core::Digest;
use image::RgbImage;

/// Images by number, decoded when an encoder comes to them, so that a pool need not fit into memory.
///
/// ```
/// use alfm_embed::Pictures;
/// let black: &[_] = &[image::RgbImage::new(2, 1), image::RgbImage::new(1, 2)];
/// assert_eq!((black.count(), black.decode(1)?.height()), (2, 2));
/// assert_ne!(black.digest(0), black.digest(1));
/// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
/// ```
pub trait Pictures: Sync {
    /// How many there are.
    fn count(&self) -> usize;

    /// The image at position `row`.
    ///
    /// # Errors
    /// Why it can't be had.
    fn decode(&self, row: usize) -> Result<RgbImage, Box<dyn Error + Send + Sync>>;

    /// A hash of its content, by which a cache knows it.
    fn digest(&self, row: usize) -> Digest;
}

impl Pictures for &[RgbImage] {
    fn count(&self) -> usize {
        self.len()
    }

    fn decode(&self, row: usize) -> Result<RgbImage, Box<dyn Error + Send + Sync>> {
        Ok(self[row].clone())
    }

    fn digest(&self, row: usize) -> Digest {
        let (width, height) = self[row].dimensions();
        Digest::of_parts([&width.to_le_bytes()[..], &height.to_le_bytes(), self[row].as_raw()])
    }
}

/// Some of the images, in a row.
pub(crate) struct Window<'a> {
    pub(crate) of: &'a dyn Pictures,
    pub(crate) start: usize,
    pub(crate) count: usize,
}

impl Pictures for Window<'_> {
    fn count(&self) -> usize {
        self.count
    }

    fn decode(&self, row: usize) -> Result<RgbImage, Box<dyn Error + Send + Sync>> {
        self.of.decode(self.start + row)
    }

    fn digest(&self, row: usize) -> Digest {
        self.of.digest(self.start + row)
    }
}
