use std::error::Error as StdError;
use std::path::PathBuf;
use std::sync::Arc;

use alfm_core::{Error, Matrix};
use alfm_data::{Hub, Image, Split};
use alfm_embed::Backend;
use alfm_lab::experiment::{Embedder, Tuner};
use alfm_prior::Head;

use crate::Encoder;
use crate::event::{Watch, nobody};

/// Finds the model when the first item is embedded, so that a bad configuration fails before that.
pub struct LazyEncoder<'a> {
    model: String,
    image_size: Option<usize>,
    device: Backend,
    hub: &'a Hub,
    cache: PathBuf,
    watch: Watch,
    found: Option<Encoder>,
}

impl<'a> LazyEncoder<'a> {
    /// As [`Encoder::find`], which is called by the first item.
    pub fn new(
        model: impl Into<String>,
        image_size: Option<usize>,
        hub: &'a Hub,
        cache: impl Into<PathBuf>,
    ) -> Self {
        let (model, cache) = (model.into(), cache.into());
        Self { model, image_size, device: Backend::Cpu, hub, cache, watch: nobody(), found: None }
    }

    /// Encodes on this device.
    #[must_use]
    pub fn with_device(mut self, device: Backend) -> Self {
        self.device = device;
        self
    }

    /// Tells what happens.
    #[must_use]
    pub fn with_watch(mut self, watch: Watch) -> Self {
        self.watch = watch;
        self
    }

    fn encoder(&mut self) -> Result<&Encoder, Error> {
        let encoder = match self.found.take() {
            Some(encoder) => encoder,
            None => Encoder::find(&self.model, self.image_size, self.hub, &self.cache)?
                .with_device(self.device)
                .with_watch(Arc::clone(&self.watch)),
        };
        Ok(self.found.insert(encoder))
    }
}

impl Embedder for LazyEncoder<'_> {
    fn embed(&mut self, texts: &[&str]) -> Result<Matrix, Box<dyn StdError + Send + Sync>> {
        Ok(self.encoder()?.embed_texts(texts)?)
    }

    fn embed_images(
        &mut self,
        images: &[Image],
    ) -> Result<Matrix, Box<dyn StdError + Send + Sync>> {
        Ok(self.encoder()?.embed_images(images)?)
    }

    fn head(&mut self) -> Result<Option<Head>, Box<dyn StdError + Send + Sync>> {
        Ok(self.encoder()?.head()?)
    }

    #[cfg(feature = "fine-tune")]
    fn tuner(
        &mut self,
        pool: &Split,
        test: &Split,
    ) -> Result<Arc<dyn Tuner>, Box<dyn StdError + Send + Sync>> {
        let (folder, image_size) = (self.encoder()?.folder().to_owned(), self.image_size);
        let (pool, test) = (pool.clone(), test.clone());
        Ok(Arc::new(crate::tuner::FolderTuner { folder, image_size, pool, test }))
    }

    #[cfg(not(feature = "fine-tune"))]
    fn tuner(
        &mut self,
        _pool: &Split,
        _test: &Split,
    ) -> Result<Arc<dyn Tuner>, Box<dyn StdError + Send + Sync>> {
        let message = "this build does not train encoders: build with `--features fine-tune`";
        Err(Box::new(Error::new(alfm_core::ErrorKind::Missing, message)))
    }
}
