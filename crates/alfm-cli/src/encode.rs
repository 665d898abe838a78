//! What models make of texts and images: embeddings, or those bundled with the data, and a language model's
//! surprisal.

use std::cell::OnceCell;
use std::collections::HashMap;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use alfm_core::{Digest, Matrix};
use alfm_data::arrays::matrix_from_safetensors;
use alfm_data::{Dataset, Hub, Image, RgbImage, Split};
use alfm_datasets::SUPPORT_INBOX_EMBEDDINGS;
use alfm_embed::{
    Backend, BertEncoder, CaptionEncoder, EmbedError, Embedded, EmbeddingCache, MaskedLm, Pictures,
    TextEncoder, VisionEncoder,
};
use alfm_lab::experiment::{Embedder, Tuner};
use alfm_prior::Head;

use crate::failure::Failure;
use crate::output::{Progress, say};
use crate::tune::FolderTuner;

/// The encoder of the demo and of every default.
pub(crate) const MINILM: &str = "sentence-transformers/all-MiniLM-L6-v2";

/// A model's encoders, loaded when the first text and the first image come to them, with their cache.
pub(crate) struct Encoder {
    model: String,
    folder: PathBuf,
    cache: EmbeddingCache,
    image_size: Option<usize>,
    device: Backend,
    texts: OnceCell<Texts>,
    images: OnceCell<VisionEncoder>,
}

/// What makes embeddings of texts, and probabilities of their cosines if the model has a way of its own.
struct Texts {
    encoder: Box<dyn TextEncoder>,
    head: Option<Head>,
}

impl Encoder {
    /// Finds the model; `image_size` is the edge of the images that it is given, if not the published one.
    pub(crate) fn find(
        model: &str,
        image_size: Option<usize>,
        hub: &Hub,
        cache: &Path,
    ) -> Result<Self, Failure> {
        let config = hub.model_files(model, &["config.json"], &[])?.folder.join("config.json");
        let needed = alfm_embed::model_files(&config)?;
        let files = hub.model_files(model, needed.required, needed.optional)?;
        let cache = EmbeddingCache::new(cache, model, files.revision).with_image_size(image_size);
        let (texts, images) = (OnceCell::new(), OnceCell::new());
        let (model, folder, device) = (model.to_owned(), files.folder, Backend::Cpu);
        Ok(Self { model, folder, cache, image_size, device, texts, images })
    }

    /// Encodes on this device.
    pub(crate) fn with_device(mut self, device: Backend) -> Self {
        self.cache = self.cache.with_device(device);
        self.device = device;
        self
    }

    fn texts(&self) -> Result<&Texts, Failure> {
        loaded(&self.texts, || Texts::load(&self.model, &self.folder, self.device))
    }

    /// The model's own way from cosines to class probabilities.
    pub(crate) fn head(&self) -> Result<Option<Head>, Failure> {
        Ok(self.texts()?.head)
    }

    pub(crate) fn embed_texts(&self, texts: &[&str]) -> Result<Matrix, Failure> {
        let Texts { encoder, .. } = self.texts()?;
        let bar = Progress::new("embedding");
        let mut progress = |done, total| bar.show(done, total);
        let embedded = self.cache.embed(&**encoder, texts, &mut progress)?;
        bar.finish();
        Ok(said(embedded))
    }

    /// Its type is known when its files are found: if not to this encoder, then to that of texts.
    fn load_images(&self) -> Result<VisionEncoder, Failure> {
        match VisionEncoder::load_on(&self.folder, self.image_size, self.device) {
            Err(EmbedError::UnknownModelType { known, .. }) => {
                Err(Failure::TextsOnly { model: self.model.clone(), known })
            }
            loaded => Ok(loaded?),
        }
    }

    pub(crate) fn embed_images(&self, images: &[Image]) -> Result<Matrix, Failure> {
        let encoder = loaded(&self.images, || self.load_images())?;
        let bar = Progress::new("embedding");
        let mut progress = |done, total| bar.show(done, total);
        let embedded = self.cache.embed_images(encoder, &Encoded(images), &mut progress);
        bar.finish();
        embedded.map(said).map_err(|error| at_fault(error, images))
    }
}

/// The error with the names of the images: of all that cannot be read, at once, not one a run.
fn at_fault(error: EmbedError, images: &[Image]) -> Failure {
    match error {
        EmbedError::Picture { .. } => {
            let damaged = Image::unreadable(images).into_iter().map(|(_, error)| error);
            Failure::Damaged { damaged: damaged.collect(), items: images.len() }
        }
        EmbedError::EmptyImage { row }
        | EmbedError::SmallImage { row, .. }
        | EmbedError::ThinImage { row, .. }
        | EmbedError::Resize { row, .. } => {
            Failure::Unfit { image: images[row].to_string(), source: error }
        }
        error => error.into(),
    }
}

/// What is in the cell, loaded if it is empty.
fn loaded<T>(cell: &OnceCell<T>, load: impl FnOnce() -> Result<T, Failure>) -> Result<&T, Failure> {
    match cell.get() {
        Some(value) => Ok(value),
        None => {
            let value = load()?;
            Ok(cell.get_or_init(|| value))
        }
    }
}

impl Texts {
    /// A sentence encoder, or the text tower of a model of images and texts.
    fn load(model: &str, folder: &Path, device: Backend) -> Result<Self, Failure> {
        let known = match BertEncoder::load_on(folder, device) {
            Ok(encoder) => return Ok(Self { encoder: Box::new(encoder), head: None }),
            Err(EmbedError::UnknownModelType { known, .. }) => known,
            Err(error) => return Err(error.into()),
        };
        match CaptionEncoder::load_on(folder, device) {
            Ok(encoder) => Ok(Self::of_captions(encoder)),
            Err(EmbedError::Setting { field: "model_type", .. }) => {
                Err(Failure::ImagesOnly { model: model.to_owned(), known })
            }
            Err(error) => Err(error.into()),
        }
    }

    fn of_captions(encoder: CaptionEncoder) -> Self {
        let similarity = encoder.similarity();
        let scale = similarity.logit_scale.into();
        let head = match similarity.logit_bias {
            Some(bias) => Head::siglip(scale, bias.into()),
            None => Head::clip(scale),
        };
        Self { encoder: Box::new(encoder), head: Some(head) }
    }
}

/// The matrix; what the cache found damaged is said.
fn said(embedded: Embedded) -> Matrix {
    for shard in &embedded.rejected {
        let path = shard.path.display();
        say(&format!("cache: {path} was unusable and made again: {}", shard.reason));
    }
    embedded.matrix
}

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

/// A masked language model.
pub(crate) struct LanguageModel(MaskedLm);

impl LanguageModel {
    pub(crate) fn load(model: &str, hub: &Hub) -> Result<Self, Failure> {
        Ok(Self(MaskedLm::load(&hub.model(model)?.folder)?))
    }

    /// Its surprisal at every token, `texts x 128`.
    pub(crate) fn surprisal(&self, texts: &[&str]) -> Result<Matrix, Failure> {
        let bar = Progress::new("surprisal");
        let matrix = self.0.surprisal(texts, &mut |done, total| bar.show(done, total))?;
        bar.finish();
        Ok(matrix)
    }
}

/// Finds the model when the first item is embedded, so that a bad configuration fails before that.
pub(crate) struct LazyEncoder<'a> {
    pub model: String,
    pub image_size: Option<usize>,
    pub device: Backend,
    pub hub: &'a Hub,
    pub cache: PathBuf,
    pub found: Option<Encoder>,
}

impl LazyEncoder<'_> {
    fn encoder(&mut self) -> Result<&Encoder, Failure> {
        let encoder = match self.found.take() {
            Some(encoder) => encoder,
            None => Encoder::find(&self.model, self.image_size, self.hub, &self.cache)?
                .with_device(self.device),
        };
        Ok(self.found.insert(encoder))
    }
}

impl Embedder for LazyEncoder<'_> {
    fn embed(&mut self, texts: &[&str]) -> Result<Matrix, Box<dyn Error + Send + Sync>> {
        Ok(self.encoder()?.embed_texts(texts)?)
    }

    fn embed_images(&mut self, images: &[Image]) -> Result<Matrix, Box<dyn Error + Send + Sync>> {
        Ok(self.encoder()?.embed_images(images)?)
    }

    fn head(&mut self) -> Result<Option<Head>, Box<dyn Error + Send + Sync>> {
        Ok(self.encoder()?.head()?)
    }

    fn tuner(
        &mut self,
        pool: &Split,
        test: &Split,
    ) -> Result<Arc<dyn Tuner>, Box<dyn Error + Send + Sync>> {
        let (folder, image_size) = (self.encoder()?.folder.clone(), self.image_size);
        let (pool, test) = (pool.clone(), test.clone());
        Ok(Arc::new(FolderTuner { folder, image_size, pool, test }))
    }
}

/// The bundled embeddings, by text.
pub(crate) struct Bundled {
    by_text: HashMap<String, Vec<f32>>,
}

impl Bundled {
    pub(crate) fn load(hub: &Hub) -> Result<Self, Failure> {
        let data = Dataset::load("support-inbox", hub)?;
        let mut by_text = HashMap::new();
        let mut add = |key: &str, texts: &[String]| -> Result<(), Failure> {
            let name = "support-inbox/embeddings.safetensors";
            let matrix = matrix_from_safetensors(name, SUPPORT_INBOX_EMBEDDINGS, key)?;
            for (text, row) in texts.iter().zip(matrix.view().iter()) {
                by_text.insert(text.clone(), row.to_vec());
            }
            Ok(())
        };
        for (name, split) in data.splits() {
            add(name, split.texts()?)?;
        }
        add("prompts", &prompts(&data))?;
        Ok(Self { by_text })
    }
}

impl Embedder for Bundled {
    fn embed(&mut self, texts: &[&str]) -> Result<Matrix, Box<dyn Error + Send + Sync>> {
        let found = |text: &&str| {
            self.by_text.get(*text).ok_or_else(|| format!("no bundled embedding of `{text}`"))
        };
        let rows: Vec<&Vec<f32>> = texts.iter().map(found).collect::<Result<_, _>>()?;
        Ok(Matrix::from_rows(&rows)?)
    }
}

/// The class prompts of a data set, class by class.
pub(crate) fn prompts(data: &Dataset) -> Vec<String> {
    data.manifest().prompts().map(|(_, text)| text.to_owned()).collect()
}
