use std::path::Path;

use alfm_core::Matrix;
use burn::tensor::Tensor;

use super::config::{Architecture, TextConfig, projection, setting};
use super::names::PAIRED;
use crate::error::read;
use crate::files::WEIGHTS;
use crate::layers::block::Block;
use crate::layers::kernels::Sight;
use crate::layers::{Cpu, LayerNorm, Linear, floats, piecewise};
use crate::text::batch::Batch;
use crate::text::model::rows_of_texts;
use crate::text::tokens::Tokens;
use crate::text::transformer::select;
use crate::weights::Weights;
use crate::{EmbedError, Progress, TextEncoder};

/// The text tower of CLIP or SigLIP: texts in the space of [`VisionEncoder`](crate::VisionEncoder)'s images.
///
/// Embeddings are the text features of the reference, projected, not normalised.
///
/// ```no_run
/// use alfm_embed::{CaptionEncoder, TextEncoder};
/// let encoder = CaptionEncoder::load("snapshots/3d74acf9".as_ref())?;
/// let prompts = encoder.encode(&["a photo of a cat."], &mut |_, _| {})?;
/// assert_eq!((prompts.rows(), prompts.columns()), (1, 512));
/// # Ok::<(), alfm_embed::EmbedError>(())
/// ```
pub struct CaptionEncoder {
    tokens: Tokens,
    words: Tensor<Cpu, 2>,
    positions: Tensor<Cpu, 2>,
    blocks: Vec<Block<Cpu>>,
    norm: LayerNorm,
    head: Linear,
    pooling: Pooling,
    similarity: Similarity,
}

/// How a model makes class probabilities of cosines: `exp(scale) cosine + bias`, in logits.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Similarity {
    /// The natural logarithm of what cosines are multiplied with.
    pub logit_scale: f32,
    /// What is added (SigLIP).
    pub logit_bias: Option<f32>,
}

/// Which token stands for the text.
enum Pooling {
    /// The one that ends it; what comes behind is not seen (CLIP).
    End(u32),
    /// The last, of texts that are filled up with this token (SigLIP).
    Last { padding: u32 },
}

/// End token of CLIP's first configurations, which does not say what it is: the largest token is meant.
const LARGEST: u32 = 2;

impl CaptionEncoder {
    /// Loads the tower from the model's folder: `config.json`, `model.safetensors` and `tokenizer.json`.
    ///
    /// # Errors
    /// [`EmbedError`], naming the file and what is wrong with it; a model without a text tower.
    pub fn load(folder: &Path) -> Result<Self, EmbedError> {
        let path = folder.join("config.json");
        let (architecture, config) = Architecture::read(&path)?;
        if !matches!(architecture, Architecture::Clip | Architecture::Siglip) {
            let expected = "only clip and siglip have a text tower";
            return setting(&path, "model_type", &config["model_type"], expected);
        }
        let sizes = TextConfig::new(&path, architecture, &config["text_config"])?;
        let tokens = Tokens::read(folder, sizes.positions, sizes.vocabulary)?;
        let file = folder.join(WEIGHTS);
        let bytes = read(&file)?;
        let mut weights = Weights::open(&file, &bytes, "", None)?;
        let weights = &mut weights;
        let (width, name) = (sizes.blocks.width, |part: &str| format!("text_model.{part}"));
        let table = |part: &str| format!("text_model.embeddings.{part}_embedding.weight");
        let similarity = Similarity {
            logit_scale: weights.number("logit_scale")?,
            logit_bias: match architecture {
                Architecture::Siglip => Some(weights.number("logit_bias")?),
                _ => None,
            },
        };
        let (head, pooling) = match architecture {
            Architecture::Siglip => {
                if sizes.padding as usize >= sizes.vocabulary {
                    let expected =
                        "the token that texts are filled up with must be below vocab_size";
                    return setting(&path, "pad_token_id", sizes.padding, expected);
                }
                let head = weights.linear(&[&name("head")], width, sizes.projection)?;
                (head, Pooling::Last { padding: sizes.padding })
            }
            _ => {
                let shared = projection(&path, &config)?;
                (weights.map("text_projection", width, shared)?, Pooling::End(sizes.end))
            }
        };
        Ok(Self {
            tokens,
            words: weights.take(&table("token"), [sizes.vocabulary, width])?,
            positions: weights.take(&table("position"), [sizes.positions, width])?,
            blocks: Block::load_all(weights, &sizes.blocks, &name("encoder.layers"), &PAIRED)?,
            norm: weights.norm(&name("final_layer_norm"), width, sizes.blocks.epsilon)?,
            head,
            pooling,
            similarity,
        })
    }

    /// How the model makes class probabilities of cosines.
    pub fn similarity(&self) -> Similarity {
        self.similarity
    }

    fn forward(&self, batch: &Batch, tokens: &[Vec<u32>]) -> Vec<f32> {
        let texts = || batch.rows.iter().map(|&row| &tokens[row]);
        let words = texts().flatten().map(|&token| token as i32).collect();
        let positions = texts().flat_map(|text| 0..text.len() as i32).collect();
        let embedded = select(&self.words, words) + select(&self.positions, positions);
        let sight = match self.pooling {
            Pooling::End(_) => Sight::Before,
            Pooling::Last { .. } => Sight::All,
        };
        let hidden = self
            .blocks
            .iter()
            .fold(embedded, |hidden, block| block.forward(hidden, &batch.groups, &sight));
        let mut start = 0;
        let pooled = texts().map(|text| {
            let at = start + self.pooling.position(text);
            start += text.len();
            at as i32
        });
        let pooled = select(&self.norm.forward(hidden), pooled.collect());
        floats(piecewise(&pooled, 1, |row| self.head.forward(row)).into_data())
    }
}

impl Pooling {
    fn position(&self, text: &[u32]) -> usize {
        match self {
            Self::End(LARGEST) => {
                let largest = text.iter().max();
                text.iter().position(|token| Some(token) == largest).unwrap_or_default()
            }
            Self::End(end) => text.iter().position(|token| token == end).unwrap_or_default(),
            Self::Last { .. } => text.len() - 1,
        }
    }
}

impl TextEncoder for CaptionEncoder {
    fn dimension(&self) -> usize {
        self.head.outputs()
    }

    fn encode(&self, texts: &[&str], progress: Progress<'_>) -> Result<Matrix, EmbedError> {
        progress(0, texts.len());
        let mut tokens = self.tokens.encode(texts)?;
        if let Pooling::Last { padding } = self.pooling {
            let longest = self.positions.dims()[0];
            tokens.iter_mut().for_each(|text| text.resize(longest, padding));
        }
        rows_of_texts(&tokens, self.dimension(), |batch| self.forward(batch, &tokens), progress)
    }
}
