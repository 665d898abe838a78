//! The demo: an experiment whose data and embeddings are compiled in, so that it needs no encoder and no network.

use std::collections::HashMap;
use std::error::Error as StdError;

use alfm_core::Matrix;
use alfm_data::arrays::matrix_from_safetensors;
use alfm_data::{Dataset, Hub};
use alfm_datasets::SUPPORT_INBOX_EMBEDDINGS;

use crate::Error;
use crate::experiment::{Embedder, ExperimentConfig};

/// What `alfm demo` runs: eight strategies on the support inbox.
///
/// ```
/// let config = alfm_lab::demo::config()?;
/// assert_eq!(config.strategies.len(), 8);
/// # Ok::<(), alfm_lab::Error>(())
/// ```
///
/// # Errors
/// None, unless the file that is compiled in is damaged.
pub fn config() -> Result<ExperimentConfig, Error> {
    ExperimentConfig::from_toml(include_str!("demo.toml"))
}

/// The bundled embeddings of the support inbox and of its class prompts, by text: 384 numbers each, by
/// `sentence-transformers/all-MiniLM-L6-v2`.
pub struct BundledEmbeddings {
    by_text: HashMap<String, Vec<f32>>,
}

impl BundledEmbeddings {
    /// Reads them.
    ///
    /// # Errors
    /// None, unless the files that are compiled in are damaged.
    pub fn load() -> Result<Self, Error> {
        let data = Dataset::load("support-inbox", &Hub::new("unused").with_offline(true))?;
        let prompts: Vec<&str> = data.manifest().prompts().map(|(_, text)| text).collect();
        let mut by_text = HashMap::new();
        let mut add = |key: &str, texts: &[&str]| -> Result<(), Error> {
            let name = "support-inbox/embeddings.safetensors";
            let matrix = matrix_from_safetensors(name, SUPPORT_INBOX_EMBEDDINGS, key)?;
            for (text, row) in texts.iter().zip(matrix.view().iter()) {
                by_text.insert((*text).to_owned(), row.to_vec());
            }
            Ok(())
        };
        for (name, split) in data.splits() {
            add(name, &split.texts()?.iter().map(String::as_str).collect::<Vec<_>>())?;
        }
        add("prompts", &prompts)?;
        Ok(Self { by_text })
    }
}

impl Embedder for BundledEmbeddings {
    fn embed(&mut self, texts: &[&str]) -> Result<Matrix, Box<dyn StdError + Send + Sync>> {
        let found = |text: &&str| {
            let unknown = || format!("no bundled embedding of `{text}`: embed it with a model");
            self.by_text.get(*text).ok_or_else(unknown)
        };
        let rows: Vec<&Vec<f32>> = texts.iter().map(found).collect::<Result<_, _>>()?;
        Ok(Matrix::from_rows(&rows)?)
    }
}
