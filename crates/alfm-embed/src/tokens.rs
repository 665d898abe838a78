use std::path::Path;

use rayon::prelude::*;
use serde::Deserialize;
use tokenizers::{Tokenizer, TruncationParams};

use crate::EmbedError;
use crate::config::ModelConfig;
use crate::error::read_json;

/// Texts to tokens, with the special tokens and the length limit of the model.
pub(crate) struct Tokens {
    tokenizer: Tokenizer,
    lowercase: bool,
    vocabulary: usize,
}

/// `sentence_bert_config.json`.
#[derive(Default, Deserialize)]
struct SentenceConfig {
    max_seq_length: Option<usize>,
    #[serde(default)]
    do_lower_case: bool,
}

impl Tokens {
    /// Reads `tokenizer.json` and, where it is there, `sentence_bert_config.json`.
    pub(crate) fn read(folder: &Path, config: &ModelConfig) -> Result<Self, EmbedError> {
        let sentence = folder.join("sentence_bert_config.json");
        let sentence: SentenceConfig =
            if sentence.exists() { read_json(&sentence)? } else { SentenceConfig::default() };
        let path = folder.join("tokenizer.json");
        let bytes = crate::error::read(&path)?;
        let broken = |source| EmbedError::Tokenizer { path: path.clone(), source };
        let mut tokenizer = Tokenizer::from_bytes(bytes).map_err(broken)?;
        let limit = sentence.max_seq_length.unwrap_or(usize::MAX).min(config.longest());
        limit_length(&mut tokenizer, limit, &path)?;
        Ok(Self { tokenizer, lowercase: sentence.do_lower_case, vocabulary: config.vocabulary })
    }

    /// Tokens of each text, in parallel over texts.
    ///
    /// # Errors
    /// For the first text at fault: [`EmbedError::Tokenize`], [`EmbedError::NoTokens`],
    /// [`EmbedError::UnknownToken`].
    pub(crate) fn encode(&self, texts: &[&str]) -> Result<Vec<Vec<u32>>, EmbedError> {
        // Collected in full before the first error is looked for: which one a parallel `Result`
        // reports depends on timing.
        let tokens: Vec<_> =
            texts.par_iter().enumerate().map(|(row, text)| self.encode_one(row, text)).collect();
        tokens.into_iter().collect()
    }

    fn encode_one(&self, row: usize, text: &str) -> Result<Vec<u32>, EmbedError> {
        let encoding = if self.lowercase {
            self.tokenizer.encode_fast(text.to_lowercase(), true)
        } else {
            self.tokenizer.encode_fast(text, true)
        };
        let encoding = encoding.map_err(|source| EmbedError::Tokenize { row, source })?;
        let tokens = encoding.get_ids().to_vec();
        let vocabulary = self.vocabulary;
        match tokens.iter().max() {
            None => Err(EmbedError::NoTokens { row }),
            Some(&token) if token as usize >= vocabulary => {
                Err(EmbedError::UnknownToken { row, token, vocabulary })
            }
            Some(_) => Ok(tokens),
        }
    }
}

/// Replaces the truncation and padding that `tokenizer.json` was saved with: they are those of some
/// training run, and the model's own limit stands in `sentence_bert_config.json`.
fn limit_length(tokenizer: &mut Tokenizer, limit: usize, path: &Path) -> Result<(), EmbedError> {
    tokenizer.with_padding(None);
    let special = tokenizer.encode_fast("", true).map_or(0, |encoding| encoding.len());
    if limit <= special {
        return Err(EmbedError::Setting {
            path: path.with_file_name("sentence_bert_config.json"),
            field: "max_seq_length",
            found: limit.to_string(),
            expected: format!("{special} special tokens and at least one of the text must fit"),
        });
    }
    let truncation = TruncationParams { max_length: limit, ..TruncationParams::default() };
    tokenizer
        .with_truncation(Some(truncation))
        .map_err(|source| EmbedError::Tokenizer { path: path.to_owned(), source })?;
    Ok(())
}
