use std::borrow::Cow;
use std::collections::HashSet;
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use serde::Deserialize;
use tokenizers::{Tokenizer, TruncationParams};

use crate::error::{read_json, setting};
use crate::text::prompt::default_prompt;
use crate::{Error, ErrorKind};

/// Texts to tokens, with the special tokens and the length limit of the model.
pub(crate) struct Tokens {
    tokenizer: Tokenizer,
    path: PathBuf,
    lowercase: bool,
    /// What is put before every text.
    prompt: String,
    vocabulary: usize,
    /// Tokens that the model has room for.
    longest: usize,
    special: Special,
}

/// Tokens that are no part of a text.
struct Special {
    /// How many frame a text.
    frame: usize,
    all: HashSet<u32>,
}

/// `sentence_bert_config.json`.
#[derive(Default, Deserialize)]
struct SentenceConfig {
    max_seq_length: Option<usize>,
    #[serde(default)]
    do_lower_case: bool,
}

impl Tokens {
    /// Reads `tokenizer.json` and, where it is there, `sentence_bert_config.json`, for a model that has
    /// room for `longest` tokens.
    pub(crate) fn read(folder: &Path, longest: usize, vocabulary: usize) -> Result<Self, Error> {
        let sentence = folder.join("sentence_bert_config.json");
        let sentence: SentenceConfig =
            if sentence.exists() { read_json(&sentence)? } else { SentenceConfig::default() };
        let path = folder.join("tokenizer.json");
        let bytes = crate::error::read(&path)?;
        let mut tokenizer =
            Tokenizer::from_bytes(bytes).map_err(|source| unusable(&path, source))?;
        // The truncation and padding that `tokenizer.json` was saved with are those of some training
        // run: the model's own limit stands in `sentence_bert_config.json`.
        tokenizer.with_padding(None);
        let special = Special::of(&tokenizer);
        let longest = sentence.max_seq_length.unwrap_or(usize::MAX).min(longest);
        if longest <= special.frame {
            let file = path.with_file_name("sentence_bert_config.json");
            return Err(setting(&file, "max_seq_length", longest, &room(special.frame)));
        }
        let lowercase = sentence.do_lower_case;
        let prompt = String::new();
        let mut tokens = Self { tokenizer, path, lowercase, prompt, vocabulary, longest, special };
        tokens.cut_at(longest)?;
        Ok(tokens)
    }

    /// Puts what the model was published with before every text, as sentences are embedded.
    ///
    /// # Errors
    /// As [`default_prompt`].
    pub(crate) fn with_prompt_of(mut self, folder: &Path) -> Result<Self, Error> {
        self.prompt = default_prompt(folder)?;
        Ok(self)
    }

    /// Cuts texts at `limit` tokens, or at the model's own limit where that is lower.
    ///
    /// # Errors
    /// Where nothing of a text would be left.
    pub(crate) fn cut_at(&mut self, limit: usize) -> Result<(), Error> {
        let special = self.special.frame;
        if limit <= special {
            let message = format!("a maximum length of {limit} is too short: {}", room(special));
            return Err(Error::new(ErrorKind::Setting, message));
        }
        let max_length = limit.min(self.longest);
        let truncation = TruncationParams { max_length, ..TruncationParams::default() };
        self.tokenizer
            .with_truncation(Some(truncation))
            .map_err(|source| unusable(&self.path, source))?;
        Ok(())
    }

    /// Whether the token is no part of a text: it frames the text, or stands for something unknown,
    /// masked or padded.
    pub(crate) fn is_special(&self, token: u32) -> bool {
        self.special.all.contains(&token)
    }

    /// Tokens of each text, in parallel over texts.
    ///
    /// # Errors
    /// For the first text that cannot be tokenized, has no tokens, or one that is not in the vocabulary.
    pub(crate) fn encode(&self, texts: &[&str]) -> Result<Vec<Vec<u32>>, Error> {
        // Collected in full before the first error is looked for: which one a parallel `Result`
        // reports depends on timing.
        let tokens: Vec<_> =
            texts.par_iter().enumerate().map(|(row, text)| self.encode_one(row, text)).collect();
        tokens.into_iter().collect()
    }

    fn encode_one(&self, row: usize, text: &str) -> Result<Vec<u32>, Error> {
        let mut text = Cow::Borrowed(text);
        if !self.prompt.is_empty() {
            text = Cow::Owned(format!("{}{text}", self.prompt));
        }
        if self.lowercase {
            text = Cow::Owned(text.to_lowercase());
        }
        let encoding = self.tokenizer.encode_fast(text, true);
        let refuse = |message: &str| Error::input(message).of_item("text", row);
        let encoding = encoding.map_err(|source| refuse("cannot be tokenized").because(source))?;
        let tokens = encoding.get_ids().to_vec();
        let vocabulary = self.vocabulary;
        match tokens.iter().max() {
            // There is nothing to pool.
            None => {
                Err(refuse("has no tokens: remove it, or use a tokenizer that adds special tokens"))
            }
            Some(&token) if token as usize >= vocabulary => Err(refuse(&format!(
                ": token {token} is outside the vocabulary of {vocabulary}: tokenizer.json and config.json belong to \
                 different models"
            ))),
            Some(_) => Ok(tokens),
        }
    }
}

fn room(special: usize) -> String {
    format!("{special} special tokens and at least one of the text must fit")
}

fn unusable(path: &Path, source: tokenizers::Error) -> Error {
    Error::input("it is not a usable tokenizer: fetch it again").in_file(path).because(source)
}

impl Special {
    /// What frames an empty text, and what the tokenizer itself declares special.
    fn of(tokenizer: &Tokenizer) -> Self {
        let empty = tokenizer.encode_fast("", true).ok();
        let frame = empty.as_ref().map_or(&[][..], |encoding| encoding.get_ids());
        let declared = tokenizer.get_added_tokens_decoder().into_iter();
        let declared = declared.filter(|(_, token)| token.special).map(|(token, _)| token);
        Self { frame: frame.len(), all: declared.chain(frame.iter().copied()).collect() }
    }
}
