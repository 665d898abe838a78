use std::path::Path;

use alfm_core::Digest;
use serde_json::Value;

use crate::Error;
use crate::error::{read, read_json, unknown_model};
use crate::image::config::Architecture;
use crate::text::config::Family;

/// The files that a model is loaded from, beside its `config.json`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ModelFiles {
    /// What it can't do without.
    pub required: &'static [&'static str],
    /// What some have: pooling, normalisation and maximum length of sentence-transformers.
    pub optional: &'static [&'static str],
    /// Whether it encodes texts.
    pub texts: bool,
    /// Whether it encodes images.
    pub images: bool,
}

pub(crate) const WEIGHTS: &str = "model.safetensors";
const TOKENIZER: &str = "tokenizer.json";
const PREPROCESSING: &str = "preprocessor_config.json";
const SENTENCE: [&str; 4] = [
    "modules.json",
    "1_Pooling/config.json",
    "sentence_bert_config.json",
    "config_sentence_transformers.json",
];

/// What to fetch for the model that this `config.json` describes.
///
/// # Errors
/// For a model that is not built, with the known ones; a file that can't be read.
pub fn model_files(config: &Path) -> Result<ModelFiles, Error> {
    let fields: Value = read_json(config)?;
    if Family::by_name(fields["model_type"].as_str().unwrap_or_default()).is_some() {
        return Ok(ModelFiles {
            required: &[WEIGHTS, TOKENIZER],
            optional: &SENTENCE,
            texts: true,
            images: false,
        });
    }
    let architecture = Architecture::of(&fields).ok_or_else(|| {
        let known = Family::names().chain(Architecture::names());
        unknown_model(config, Architecture::name_in(&fields), known)
    })?;
    Ok(ModelFiles {
        required: match architecture {
            Architecture::Clip | Architecture::Siglip => &[WEIGHTS, TOKENIZER, PREPROCESSING],
            Architecture::SqueezeNet | Architecture::Timm(_) => &[WEIGHTS],
            Architecture::Vit | Architecture::Dinov2 | Architecture::ResNet => {
                &[WEIGHTS, PREPROCESSING]
            }
        },
        optional: &[],
        texts: matches!(architecture, Architecture::Clip | Architecture::Siglip),
        images: true,
    })
}

/// What a model's files are, as 32 hexadecimal digits: a name such as `main`, or a folder, may hold other weights
/// tomorrow.
///
/// The named files are read whole; those that are not there are left out. As fast as SHA-256: some tenths of a second
/// for a hundred megabytes.
///
/// # Errors
/// For a file that can't be read.
pub fn fingerprint(folder: &Path, files: &[&str]) -> Result<String, Error> {
    let mut parts = Vec::new();
    for name in files {
        let path = folder.join(name);
        if path.exists() {
            parts.push((*name).to_owned());
            parts.push(Digest::of(read(&path)?).to_string());
        }
    }
    let mut digest = Digest::of_parts(parts).to_string();
    digest.truncate(32);
    Ok(digest)
}
