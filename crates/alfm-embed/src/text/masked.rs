use std::path::Path;

use alfm_core::Matrix;
use burn::tensor::Tensor;

use crate::error::read;
use crate::files::WEIGHTS;
use crate::layers::activation::Activation;
use crate::layers::table::select;
use crate::layers::{Activated, Cpu, LayerNorm, Linear, floats};
use crate::text::batch::Batch;
use crate::text::config::ModelConfig;
use crate::text::network::on_processor;
use crate::text::tokens::Tokens;
use crate::text::transformer::Transformer;
use crate::weights::Weights;
use crate::{Error, Progress};

/// Columns of the surprisal, as ALPS has it.
const MAX_LENGTH: usize = 128;

/// Tokens whose logits are held at a time: with BERT's vocabulary of 30522, 8 MB a thread.
const BLOCK_TOKENS: usize = 64;

/// A masked language model of the BERT family: BERT, DistilBERT, MPNet, RoBERTa.
///
/// It tells how much each token of a text surprises it, which is what ALPS selects by (Yuan, Lin &
/// Boyd-Graber, EMNLP 2020, arXiv 2010.09535). The texts go through the model as they are, no token
/// masked. It runs on the processor; the result is the same, bit for bit, whatever the number of threads.
///
/// ```no_run
/// use alfm_embed::MaskedLm;
/// let model = MaskedLm::load("snapshots/fb53ab88".as_ref())?;
/// let surprisal = model.surprisal(&["Where is my parcel?"], &mut |_, _| {})?;
/// assert_eq!((surprisal.rows(), surprisal.columns()), (1, 128));
/// # Ok::<(), alfm_embed::Error>(())
/// ```
pub struct MaskedLm {
    tokens: Tokens,
    config: ModelConfig,
    transformer: Transformer,
    head: LmHead,
    max_length: usize,
}

impl MaskedLm {
    /// Loads a model from its folder: `config.json`, `model.safetensors` and `tokenizer.json`. Texts
    /// are cut at 128 tokens.
    ///
    /// # Errors
    /// Naming the file and what is wrong with it, such as that the weights are those of an encoder alone.
    pub fn load(folder: &Path) -> Result<Self, Error> {
        let config = ModelConfig::read(&folder.join("config.json"))?;
        let tokens = Tokens::read(folder, config.longest(), config.vocabulary)?;
        let (path, family) = (folder.join(WEIGHTS), config.family);
        let bytes = read(&path)?;
        let kept = Some(family.lm_head().prefix);
        let mut weights = Weights::open(&path, &bytes, family.prefix(), kept)?;
        let transformer = Transformer::load(&mut weights, &config)?;
        let head = LmHead::load(&mut weights, &config, &transformer)?;
        weights.finish()?;
        let model = Self { tokens, config, transformer, head, max_length: MAX_LENGTH };
        model.with_max_length(MAX_LENGTH)
    }

    /// Cuts texts at this many tokens, special tokens included, or at the model's own limit where
    /// that is lower.
    ///
    /// # Errors
    /// Where no token of a text would fit beside the special ones.
    pub fn with_max_length(mut self, max_length: usize) -> Result<Self, Error> {
        self.tokens.cut_at(max_length)?;
        self.max_length = max_length;
        Ok(self)
    }

    /// Columns of the surprisal.
    pub fn max_length(&self) -> usize {
        self.max_length
    }

    /// Surprisal in nats of every token, `texts x max_length`, in the order of the texts.
    ///
    /// Column `t` is `-ln p(token t | the whole text)`, `p` the softmax over the vocabulary at position
    /// `t`; it is 0 at special tokens (those that frame a text, and unknown, masked or padding ones
    /// within it) and behind the end of the text.
    ///
    /// `O(T (V W + L W (W + T)))` time a text of `T` tokens, with vocabulary `V`, width `W` and `L` layers;
    /// about `64 V` numbers of memory a thread.
    ///
    /// # Errors
    /// Naming the text at fault.
    pub fn surprisal(&self, texts: &[&str], progress: Progress<'_>) -> Result<Matrix, Error> {
        progress(0, texts.len());
        let tokens = self.tokens.encode(texts)?;
        on_processor(&tokens, self.max_length, |batch| self.rows(batch, &tokens), progress)
    }

    /// The rows of a batch's texts; `tokens` are those of all texts.
    fn rows(&self, batch: &Batch, tokens: &[Vec<u32>]) -> Vec<f32> {
        let hidden = self.transformer.forward(batch, tokens);
        let mut values = vec![0.0; batch.rows.len() * self.max_length];
        // Special tokens are left out before the product with the vocabulary, the dearest part.
        for block in self.words(batch, tokens).chunks(BLOCK_TOKENS) {
            let rows = block.iter().map(|word| word.row).collect();
            let logits = floats(self.head.forward(select(&hidden, rows)).into_data());
            let logits = logits.chunks_exact(self.config.vocabulary);
            for (word, logits) in block.iter().zip(logits) {
                values[word.cell] = cross_entropy(logits, word.token);
            }
        }
        values
    }

    /// The tokens of a batch that are not special.
    fn words(&self, batch: &Batch, tokens: &[Vec<u32>]) -> Vec<Word> {
        let cells = batch.rows.iter().enumerate().flat_map(|(text, &row)| {
            let first = text * self.max_length;
            tokens[row].iter().enumerate().map(move |(position, &token)| (first + position, token))
        });
        (0..)
            .zip(cells)
            .filter(|(_, (_, token))| !self.tokens.is_special(*token))
            .map(|(row, (cell, token))| Word { row, cell, token: token as usize })
            .collect()
    }
}

/// A token of a batch.
struct Word {
    /// Its row of the hidden vectors.
    row: i32,
    /// Its place in the result.
    cell: usize,
    token: usize,
}

/// From hidden vectors to the logits of the vocabulary.
struct LmHead {
    dense: Activated,
    norm: LayerNorm,
    decoder: Linear,
}

impl LmHead {
    /// Takes the head's tensors. A decoder without weights of its own has those of the word embeddings.
    fn load(
        weights: &mut Weights<'_>,
        config: &ModelConfig,
        transformer: &Transformer,
    ) -> Result<Self, Error> {
        let names = config.family.lm_head();
        let (width, vocabulary) = (config.width, config.vocabulary);
        let [decoder, decoder_bias] = ["weight", "bias"].map(|part| names.decoder(part));
        let bias = if weights.holds(&decoder_bias) { &decoder_bias } else { names.bias };
        let needed = [names.dense, names.norm]
            .into_iter()
            .flat_map(|part| [format!("{part}.weight"), format!("{part}.bias")])
            .chain([bias.to_owned()]);
        let missing: Vec<String> = needed.filter(|name| !weights.holds(name)).collect();
        if !missing.is_empty() {
            let missing = missing.join(", ");
            return Err(Error::input(format!(
                "it has no masked-language-model head (missing: {missing}): use an encoder that was trained as a \
                 masked language model and published with its head"
            ))
            .in_file(weights.path()));
        }
        let dense = Activated::new(weights.linear(&[names.dense], width, width)?, Activation::Gelu);
        let norm = weights.norm(names.norm, width, config.epsilon)?;
        let decoder = if weights.holds(&decoder) {
            weights.take(&decoder, [vocabulary, width])?
        } else {
            transformer.words()
        };
        let bias = weights.take(bias, [vocabulary])?;
        // Beside the decoder's own bias it is a copy, or unused.
        weights.discard(names.bias);
        // Transposed as a view: the matrix product reads the one copy that is there.
        Ok(Self { dense, norm, decoder: Linear::new(decoder.transpose(), Some(bias)) })
    }

    /// `[tokens, width] -> [tokens, vocabulary]`.
    fn forward(&self, hidden: Tensor<Cpu, 2>) -> Tensor<Cpu, 2> {
        self.decoder.forward(self.norm.forward(self.dense.forward(hidden)))
    }
}

/// `-ln softmax(logits)[token]`, in f64.
///
/// The largest logit stays outside the sum of exponentials: what the model is next to certain of is
/// small, not 0, which would say that there is no token.
fn cross_entropy(logits: &[f32], token: usize) -> f32 {
    let largest =
        (0..logits.len()).fold(0, |best, i| if logits[i] > logits[best] { i } else { best });
    let (before, after) = (&logits[..largest], &logits[largest + 1..]);
    let largest = logits[largest];
    let others = before.iter().chain(after).map(|logit| f64::from((logit - largest).exp()));
    (f64::from(largest - logits[token]) + others.sum::<f64>().ln_1p()) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cross_entropy_by_hand() {
        let two_thirds = [2.0_f32.ln(), 0.0];
        assert!((cross_entropy(&two_thirds, 0) - 1.5_f32.ln()).abs() < 1e-7);
        assert!((cross_entropy(&two_thirds, 1) - 3.0_f32.ln()).abs() < 1e-7);
        assert!((cross_entropy(&[7.0; 8], 5) - 8.0_f32.ln()).abs() < 1e-7);
    }

    #[test]
    fn large_logits_neither_overflow_nor_vanish() {
        assert_eq!(cross_entropy(&[1e4, -1e4], 1), 2e4);
        let certain = cross_entropy(&[40.0, 0.0, 0.0], 0);
        assert!((certain / (2.0 * (-40.0_f32).exp()) - 1.0).abs() < 1e-5, "{certain:e}");
    }

    #[test]
    fn damage_shows() {
        for logits in [[f32::NAN, 0.0], [0.0, f32::NAN], [f32::INFINITY, 0.0]] {
            assert!(cross_entropy(&logits, 0).is_nan(), "{logits:?}");
        }
    }
}
