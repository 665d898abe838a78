use std::error::Error;

use alfm_core::Digest;
use alfm_data::{Image, RgbImage};
use alfm_embed::Pictures;

/// A data set's images, as an encoder takes them.
pub(crate) struct Encoded<'a>(pub(crate) &'a [Image]);

impl Pictures for Encoded<'_> {
    fn count(&self) -> usize {
        self.0.len()
    }

    fn decode(&self, row: usize) -> Result<RgbImage, Box<dyn Error + Send + Sync>> {
        Ok(self.0[row].decode()?)
    }

    fn digest(&self, row: usize) -> Digest {
        self.0[row].digest()
    }
}
