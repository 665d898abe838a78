//! What models make of texts: embeddings, or those bundled with the data, and a language model's surprisal.

use std::collections::HashMap;
use std::error::Error;
use std::path::{Path, PathBuf};

use alfm_core::Matrix;
use alfm_data::arrays::matrix_from_safetensors;
use alfm_data::{Dataset, Hub};
use alfm_embed::{BertEncoder, EmbeddingCache, MaskedLm};
use alfm_lab::experiment::Embedder;

use crate::failure::Failure;
use crate::output::{Progress, say};

/// The encoder of the demo and of every default.
pub(crate) const MINILM: &str = "sentence-transformers/all-MiniLM-L6-v2";

/// An encoder with its cache.
pub(crate) struct Encoder {
    encoder: BertEncoder,
    cache: EmbeddingCache,
}

impl Encoder {
    pub(crate) fn load(model: &str, hub: &Hub, cache: &Path) -> Result<Self, Failure> {
        let files = hub.model(model)?;
        let encoder = BertEncoder::load(&files.folder)?;
        Ok(Self { encoder, cache: EmbeddingCache::new(cache, model, files.revision) })
    }

    pub(crate) fn embed_texts(&self, texts: &[&str]) -> Result<Matrix, Failure> {
        let bar = Progress::new("embedding");
        let embedded =
            self.cache.embed(&self.encoder, texts, &mut |done, total| bar.show(done, total))?;
        bar.finish();
        for shard in &embedded.rejected {
            let path = shard.path.display();
            say(&format!("cache: {path} was unusable and made again: {}", shard.reason));
        }
        Ok(embedded.matrix)
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

/// Loads the encoder when the first text is embedded, so that a bad configuration fails before that.
pub(crate) struct LazyEncoder<'a> {
    pub model: String,
    pub hub: &'a Hub,
    pub cache: PathBuf,
    pub loaded: Option<Encoder>,
}

impl Embedder for LazyEncoder<'_> {
    fn embed(&mut self, texts: &[&str]) -> Result<Matrix, Box<dyn Error + Send + Sync>> {
        let encoder = match self.loaded.take() {
            Some(encoder) => encoder,
            None => Encoder::load(&self.model, self.hub, &self.cache)?,
        };
        Ok(self.loaded.insert(encoder).embed_texts(texts)?)
    }
}

/// Embeddings of support-inbox, written by `alfm embed`, so that the demo runs no encoder.
const BUNDLED: &[u8] = include_bytes!("../../../datasets/support-inbox/embeddings.safetensors");

/// The bundled embeddings, by text.
pub(crate) struct Bundled {
    by_text: HashMap<String, Vec<f32>>,
}

impl Bundled {
    pub(crate) fn load(hub: &Hub) -> Result<Self, Failure> {
        let data = Dataset::load("support-inbox", hub)?;
        let mut by_text = HashMap::new();
        let mut add = |key: &str, texts: &[String]| -> Result<(), Failure> {
            let matrix =
                matrix_from_safetensors("support-inbox/embeddings.safetensors", BUNDLED, key)?;
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
