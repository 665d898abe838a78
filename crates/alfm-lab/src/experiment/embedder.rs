use std::error::Error as StdError;
use std::sync::Arc;

use alfm_core::Matrix;
use alfm_data::{Image, Split};
use alfm_prior::Head;

use super::tuning::Tuner;
use crate::Error;
use crate::error::no_tuner;

/// What turns items into embeddings; the program brings the encoder, so that this crate needs none.
pub trait Embedder {
    /// One embedding a text, in the order given.
    ///
    /// # Errors
    /// Whatever the encoder returns; likewise below.
    fn embed(&mut self, texts: &[&str]) -> Result<Matrix, Box<dyn StdError + Send + Sync>>;

    /// One embedding an image, in the order given; in the space of the texts, if there is one for both.
    /// Without another implementation that is an error.
    #[expect(clippy::missing_errors_doc, reason = "as `embed`")]
    fn embed_images(
        &mut self,
        _images: &[Image],
    ) -> Result<Matrix, Box<dyn StdError + Send + Sync>> {
        Err(Box::new(Error::input(
            "the items are images, and the encoder knows texts only: name an encoder of images",
        )))
    }

    /// How the encoder's own model makes class probabilities of cosines, if it was trained to (CLIP, SigLIP).
    #[expect(clippy::missing_errors_doc, reason = "as `embed`")]
    fn head(&mut self) -> Result<Option<Head>, Box<dyn StdError + Send + Sync>> {
        Ok(None)
    }

    /// What trains the encoder on a pool. Without another implementation that is an error.
    #[expect(clippy::missing_errors_doc, reason = "as `embed`")]
    fn tuner(
        &mut self,
        _pool: &Split,
        _test: &Split,
    ) -> Result<Arc<dyn Tuner>, Box<dyn StdError + Send + Sync>> {
        Err(Box::new(no_tuner()))
    }
}
