//! What models make of texts and images: embeddings, or those bundled with the data, and a language model's
//! surprisal.

use std::cell::OnceCell;
use std::collections::HashMap;
use std::error::Error as StdError;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use alfm_core::{Digest, Error, Matrix};
use alfm_data::arrays::matrix_from_safetensors;
use alfm_data::{Dataset, Hub, Image, RgbImage, Split};
use alfm_datasets::SUPPORT_INBOX_EMBEDDINGS;
use alfm_embed::{
    Backend, BertEncoder, CaptionEncoder, Embedded, EmbeddingCache, MaskedLm, ModelFiles, Pictures,
    TextEncoder, VisionEncoder,
};
use alfm_lab::experiment::{Embedder, Tuner};
use alfm_prior::Head;

use crate::output::{Progress, say};
use crate::tune::FolderTuner;

/// The encoder of the demo and of every default.
pub(crate) const MINILM: &str = "sentence-transformers/all-MiniLM-L6-v2";

/// A model's encoders, loaded when the first text and the first image come to them, with their cache.
pub(crate) struct Encoder {
    model: String,
    takes: ModelFiles,
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
    ) -> Result<Self, Error> {
        let config = hub.model_files(model, &["config.json"], &[])?.folder.join("config.json");
        let needed = alfm_embed::model_files(&config)?;
        let files = hub.model_files(model, needed.required, needed.optional)?;
        let cache = EmbeddingCache::new(cache, model, files.revision).with_image_size(image_size);
        let (texts, images) = (OnceCell::new(), OnceCell::new());
        let (model, folder, device) = (model.to_owned(), files.folder, Backend::Cpu);
        Ok(Self { model, takes: needed, folder, cache, image_size, device, texts, images })
    }

    /// Encodes on this device.
    pub(crate) fn with_device(mut self, device: Backend) -> Self {
        self.cache = self.cache.with_device(device);
        self.device = device;
        self
    }

    fn texts(&self) -> Result<&Texts, Error> {
        loaded(&self.texts, || Texts::load(&self.model, self.takes, &self.folder, self.device))
    }

    /// The model's own way from cosines to class probabilities.
    pub(crate) fn head(&self) -> Result<Option<Head>, Error> {
        Ok(self.texts()?.head)
    }

    pub(crate) fn embed_texts(&self, texts: &[&str]) -> Result<Matrix, Error> {
        let Texts { encoder, .. } = self.texts()?;
        let bar = Progress::new("embedding");
        let mut progress = |done, total| bar.show(done, total);
        let embedded = self.cache.embed(&**encoder, texts, &mut progress)?;
        bar.finish();
        Ok(said(embedded))
    }

    /// Its type is known when its files are found: if not to this encoder, then to that of texts.
    fn load_images(&self) -> Result<VisionEncoder, Error> {
        match VisionEncoder::load_on(&self.folder, self.image_size, self.device) {
            // The error says which are known.
            Err(source) if !self.takes.images => {
                let (model, remedy) =
                    (&self.model, "give texts without --images, or name an encoder of images");
                let message =
                    format!("the items are images, and `{model}` encodes texts only: {remedy}");
                Err(Error::input(message).because(source))
            }
            loaded => loaded,
        }
    }

    pub(crate) fn embed_images(&self, images: &[Image]) -> Result<Matrix, Error> {
        let encoder = loaded(&self.images, || self.load_images())?;
        let bar = Progress::new("embedding");
        let mut progress = |done, total| bar.show(done, total);
        let embedded = self.cache.embed_images(encoder, &Encoded(images), &mut progress);
        bar.finish();
        embedded.map(said).map_err(|error| at_fault(error, images))
    }
}

/// The error with the names of the images: of all that cannot be read, at once, not one a run.
fn at_fault(error: Error, images: &[Image]) -> Error {
    match error.row().map(|row| &images[row]) {
        Some(image) if image.decode().is_err() => {
            let damaged = Image::unreadable(images);
            let lines = first_lines(&damaged);
            Error::input(format!(
                "{} of {} images cannot be used: mend them, or take them out of the data\n{lines}",
                damaged.len(),
                images.len(),
            ))
        }
        Some(image) => error.in_file(image.to_string()),
        None => error,
    }
}

/// One a line; of many, the first twenty.
fn first_lines(errors: &[(usize, Error)]) -> String {
    const SHOWN: usize = 20;
    let mut lines: Vec<String> =
        errors.iter().take(SHOWN).map(|(_, error)| format!("  {}", error.report())).collect();
    if errors.len() > SHOWN {
        lines.push(format!("  and {} more", errors.len() - SHOWN));
    }
    lines.join("\n")
}

/// What is in the cell, loaded if it is empty.
fn loaded<T>(cell: &OnceCell<T>, load: impl FnOnce() -> Result<T, Error>) -> Result<&T, Error> {
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
    fn load(model: &str, takes: ModelFiles, folder: &Path, device: Backend) -> Result<Self, Error> {
        if takes.texts && takes.images {
            return Ok(Self::of_captions(CaptionEncoder::load_on(folder, device)?));
        }
        match BertEncoder::load_on(folder, device) {
            // The error says which are known.
            Err(source) if !takes.texts => {
                let message = format!(
                    "there are texts to embed (items, or prompts of classes), and `{model}` encodes images only: give \
                     images, and a prior that asks for no prompts, or name an encoder of texts, clip and siglip among \
                     them"
                );
                Err(Error::input(message).because(source))
            }
            loaded => Ok(Self { encoder: Box::new(loaded?), head: None }),
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

    fn decode(&self, row: usize) -> Result<RgbImage, Box<dyn StdError + Send + Sync>> {
        Ok(self.0[row].decode()?)
    }

    fn digest(&self, row: usize) -> Digest {
        self.0[row].digest()
    }
}

/// A masked language model.
pub(crate) struct LanguageModel(MaskedLm);

impl LanguageModel {
    pub(crate) fn load(model: &str, hub: &Hub) -> Result<Self, Error> {
        Ok(Self(MaskedLm::load(&hub.model(model)?.folder)?))
    }

    /// Its surprisal at every token, `texts x 128`.
    pub(crate) fn surprisal(&self, texts: &[&str]) -> Result<Matrix, Error> {
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
    fn encoder(&mut self) -> Result<&Encoder, Error> {
        let encoder = match self.found.take() {
            Some(encoder) => encoder,
            None => Encoder::find(&self.model, self.image_size, self.hub, &self.cache)?
                .with_device(self.device),
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

    fn tuner(
        &mut self,
        pool: &Split,
        test: &Split,
    ) -> Result<Arc<dyn Tuner>, Box<dyn StdError + Send + Sync>> {
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
    pub(crate) fn load(hub: &Hub) -> Result<Self, Error> {
        let data = Dataset::load("support-inbox", hub)?;
        let mut by_text = HashMap::new();
        let mut add = |key: &str, texts: &[String]| -> Result<(), Error> {
            let matrix = matrix_from_safetensors(
                "support-inbox/embeddings.safetensors",
                SUPPORT_INBOX_EMBEDDINGS,
                key,
            )?;
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
    fn embed(&mut self, texts: &[&str]) -> Result<Matrix, Box<dyn StdError + Send + Sync>> {
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
