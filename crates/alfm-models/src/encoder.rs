use std::cell::OnceCell;
use std::path::{Path, PathBuf};

use alfm_core::{Error, ErrorKind, Matrix};
use alfm_data::{Hub, Image};
use alfm_embed::{
    Backend, BertEncoder, CaptionEncoder, Embedded, EmbeddingCache, ModelFiles, TextEncoder,
    VisionEncoder,
};
use alfm_prior::Head;

use crate::event::{Event, Watch, nobody};
use crate::pictures::Encoded;

/// A model's encoders, loaded when the first text and the first image come to them, with their cache.
pub struct Encoder {
    model: String,
    takes: ModelFiles,
    folder: PathBuf,
    cache: EmbeddingCache,
    image_size: Option<usize>,
    device: Backend,
    watch: Watch,
    texts: OnceCell<Texts>,
    images: OnceCell<VisionEncoder>,
}

/// What makes embeddings of texts, and probabilities of their cosines if the model has a way of its own.
struct Texts {
    encoder: Box<dyn TextEncoder>,
    head: Option<Head>,
}

impl Encoder {
    /// Finds the model and the files that its `config.json` asks for; embeddings are kept in the folder `cache`.
    ///
    /// `image_size` is the edge in pixels of the square images that it is given, if not the published one. Nothing is
    /// loaded yet.
    ///
    /// # Errors
    /// As [`Hub::model_files`]; an architecture that is not built, with the known ones.
    pub fn find(
        model: &str,
        image_size: Option<usize>,
        hub: &Hub,
        cache: &Path,
    ) -> Result<Self, Error> {
        let config = hub.model_files(model, &["config.json"], &[])?.folder.join("config.json");
        let takes = alfm_embed::model_files(&config)?;
        let files = hub.model_files(model, takes.required, takes.optional)?;
        // A revision is a name; what it names may have been replaced.
        let all = [&["config.json"], takes.required, takes.optional].concat();
        let weights = alfm_embed::fingerprint(&files.folder, &all)?;
        let revision = format!("{} {weights}", files.revision);
        Ok(Self {
            model: model.to_owned(),
            takes,
            folder: files.folder,
            cache: EmbeddingCache::new(cache, model, revision).with_image_size(image_size),
            image_size,
            device: Backend::Cpu,
            watch: nobody(),
            texts: OnceCell::new(),
            images: OnceCell::new(),
        })
    }

    /// Encodes on this device.
    #[must_use]
    pub fn with_device(mut self, device: Backend) -> Self {
        self.cache = self.cache.with_device(device);
        self.device = device;
        self
    }

    /// Tells what happens.
    #[must_use]
    pub fn with_watch(mut self, watch: Watch) -> Self {
        self.watch = watch;
        self
    }

    /// The folder of the model's files.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The model's own way from cosines to class probabilities, if it was trained to have one (CLIP, SigLIP).
    ///
    /// # Errors
    /// A model that encodes images only, or whose files are damaged.
    pub fn head(&self) -> Result<Option<Head>, Error> {
        Ok(self.texts()?.head)
    }

    /// One embedding a text, in the order given; those of the cache are not made again.
    ///
    /// # Errors
    /// As [`Encoder::head`]; what encoder and cache return.
    pub fn embed_texts(&self, texts: &[&str]) -> Result<Matrix, Error> {
        let Texts { encoder, .. } = self.texts()?;
        let embedded = self.cache.embed(&**encoder, texts, &mut |done, total| {
            (self.watch)(Event::Progress { what: "embedding", done, total });
        });
        (self.watch)(Event::Done);
        Ok(self.tell(embedded?))
    }

    /// One embedding an image, in the order given; those of the cache are not made again.
    ///
    /// # Errors
    /// A model that encodes texts only; images that cannot be read, all of them named; what encoder and cache return.
    pub fn embed_images(&self, images: &[Image]) -> Result<Matrix, Error> {
        let encoder = loaded(&self.images, || self.load_images())?;
        let embedded = self.cache.embed_images(encoder, &Encoded(images), &mut |done, total| {
            (self.watch)(Event::Progress { what: "embedding", done, total });
        });
        (self.watch)(Event::Done);
        embedded.map(|embedded| self.tell(embedded)).map_err(|error| at_fault(error, images))
    }

    fn texts(&self) -> Result<&Texts, Error> {
        loaded(&self.texts, || self.load_texts())
    }

    /// A sentence encoder, or the text tower of a model of images and texts.
    fn load_texts(&self) -> Result<Texts, Error> {
        if self.takes.texts && self.takes.images {
            return Ok(of_captions(CaptionEncoder::load_on(&self.folder, self.device)?));
        }
        match BertEncoder::load_on(&self.folder, self.device) {
            // The source says which are known.
            Err(source) if !self.takes.texts => Err(Error::new(
                ErrorKind::Input,
                format!(
                    "there are texts to embed (items, or prompts of classes), and `{}` encodes images only: give images, \
                     and a prior that asks for no prompts, or name an encoder of texts, clip and siglip among them",
                    self.model
                ),
            )
            .because(source)),
            loaded => Ok(Texts { encoder: Box::new(loaded?), head: None }),
        }
    }

    fn load_images(&self) -> Result<VisionEncoder, Error> {
        match VisionEncoder::load_on(&self.folder, self.image_size, self.device) {
            // The source says which are known.
            Err(source) if !self.takes.images => Err(Error::new(
                ErrorKind::Input,
                format!(
                    "the items are images, and `{}` encodes texts only: give texts without --images, or name an encoder \
                     of images",
                    self.model
                ),
            )
            .because(source)),
            loaded => loaded,
        }
    }

    /// The matrix; what the cache found damaged is told.
    fn tell(&self, embedded: Embedded) -> Matrix {
        for shard in &embedded.rejected {
            (self.watch)(Event::Remade { path: &shard.path, reason: &shard.reason });
        }
        embedded.matrix
    }
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

fn of_captions(encoder: CaptionEncoder) -> Texts {
    let similarity = encoder.similarity();
    let scale = similarity.logit_scale.into();
    let head = match similarity.logit_bias {
        Some(bias) => Head::siglip(scale, bias.into()),
        None => Head::clip(scale),
    };
    Texts { encoder: Box::new(encoder), head: Some(head) }
}

/// The error with the names of the images: of all that cannot be read, at once, not one a run.
fn at_fault(error: Error, images: &[Image]) -> Error {
    match error.row().map(|row| &images[row]) {
        Some(image) if image.decode().is_err() => unreadable(images),
        Some(image) => error.in_file(image.to_string()),
        None => error,
    }
}

/// One image a line; of many, the first twenty.
fn unreadable(images: &[Image]) -> Error {
    const SHOWN: usize = 20;
    let damaged = Image::unreadable(images);
    let mut message = format!(
        "{} of {} images cannot be used: mend them, or leave them out (`--skip-unreadable`)",
        damaged.len(),
        images.len()
    );
    for (_, error) in damaged.iter().take(SHOWN) {
        message.push_str(&format!("\n  {}", error.report()));
    }
    if damaged.len() > SHOWN {
        message.push_str(&format!("\n  and {} more", damaged.len() - SHOWN));
    }
    Error::new(ErrorKind::Input, message)
}
