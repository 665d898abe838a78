//! The text towers of CLIP and SigLIP.

use std::iter::repeat;
use std::path::{Path, PathBuf};

use alfm_kernels::device;
use burn::prelude::Backend;
use burn::tensor::Tensor;
use serde_json::Value;

use super::captions::Similarity;
use super::config::{Architecture, TextConfig, projection, setting};
use super::names::PAIRED;
use crate::EmbedError;
use crate::layers::block::Block;
use crate::layers::kernels::{Kernels, Sight};
use crate::layers::table::{Table, select};
use crate::layers::{LayerNorm, Linear, floats};
use crate::placed::Recipe;
use crate::text::batch::Batch;
use crate::text::network::{PlacedTexts, TextNetwork};
use crate::weights::Weights;

/// What a model's folder says of its text tower, weights and tokenizer aside.
pub(super) struct Description {
    /// Of `config.json`.
    path: PathBuf,
    config: Value,
    pub(super) sizes: TextConfig,
    pooling: Pooling,
}

/// Which token stands for the text.
#[derive(Clone, Copy)]
enum Pooling {
    /// The one that ends it; what comes behind is not seen (CLIP).
    End(u32),
    /// The last, of texts that are filled up with this token (SigLIP).
    Last { padding: u32 },
}

/// End token of CLIP's first configurations, which does not say what it is: the largest token is meant.
const LARGEST: u32 = 2;

impl Description {
    pub(super) fn read(folder: &Path) -> Result<Self, EmbedError> {
        let path = folder.join("config.json");
        let (architecture, config) = Architecture::read(&path)?;
        if !matches!(architecture, Architecture::Clip | Architecture::Siglip) {
            let expected = "only clip and siglip have a text tower";
            return setting(&path, "model_type", &config["model_type"], expected);
        }
        let sizes = TextConfig::new(&path, architecture, &config["text_config"])?;
        let pooling = match architecture {
            Architecture::Siglip => {
                if sizes.padding as usize >= sizes.vocabulary {
                    let expected =
                        "the token that texts are filled up with must be below vocab_size";
                    return setting(&path, "pad_token_id", sizes.padding, expected);
                }
                Pooling::Last { padding: sizes.padding }
            }
            _ => Pooling::End(sizes.end),
        };
        Ok(Self { path, config, sizes, pooling })
    }

    /// What texts are filled up with, if the model was trained so.
    pub(super) fn padding(&self) -> Option<u32> {
        match self.pooling {
            Pooling::Last { padding } => Some(padding),
            Pooling::End(_) => None,
        }
    }

    fn tower<B: Kernels>(
        &self,
        weights: &mut Weights<'_, B>,
    ) -> Result<CaptionTower<B>, EmbedError> {
        let (sizes, width) = (&self.sizes, self.sizes.blocks.width);
        let name = |part: &str| format!("text_model.{part}");
        let table = |part: &str| name(&format!("embeddings.{part}_embedding.weight"));
        Ok(CaptionTower {
            words: Table::load(weights, &table("token"), [sizes.vocabulary, width])?,
            positions: weights.take(&table("position"), [sizes.positions, width])?,
            blocks: Block::load_all(weights, &sizes.blocks, &name("encoder.layers"), &PAIRED)?,
            norm: weights.norm(&name("final_layer_norm"), width, sizes.blocks.epsilon)?,
            head: match self.pooling {
                Pooling::Last { .. } => {
                    weights.linear(&[&name("head")], width, sizes.projection)?
                }
                Pooling::End(_) => {
                    let shared = projection(&self.path, &self.config)?;
                    weights.map("text_projection", width, shared)?
                }
            },
            pooling: self.pooling,
        })
    }
}

impl Recipe for Description {
    type Placed = (PlacedTexts, Similarity);

    fn place<B: Kernels>(
        &self,
        file: &Path,
        bytes: &[u8],
        backend: device::Backend,
    ) -> Result<Self::Placed, EmbedError> {
        let mut weights = Weights::<B>::open(file, bytes, "", None)?;
        let similarity = Similarity {
            logit_scale: weights.number("logit_scale")?,
            logit_bias: match self.pooling {
                Pooling::Last { .. } => Some(weights.number("logit_bias")?),
                Pooling::End(_) => None,
            },
        };
        // What is left are the images' weights.
        Ok((PlacedTexts::new(self.tower(&mut weights)?, backend), similarity))
    }
}

struct CaptionTower<B: Backend> {
    words: Table<B>,
    positions: Tensor<B, 2>,
    blocks: Vec<Block<B>>,
    norm: LayerNorm<B>,
    head: Linear<B>,
    pooling: Pooling,
}

impl<B: Kernels> TextNetwork for CaptionTower<B> {
    fn dimension(&self) -> usize {
        self.head.outputs()
    }

    fn longest(&self) -> usize {
        self.positions.dims()[0]
    }

    fn numbers(&self, length: usize) -> usize {
        let of_blocks = self.blocks.iter().map(|block| block.numbers(length));
        of_blocks.max().unwrap_or(length * self.positions.dims()[1])
    }

    /// What fills texts up on a card needs no mask: CLIP's texts do not see what is behind them, SigLIP's are as long
    /// as they can be.
    fn run(&self, batch: &Batch, tokens: &[Vec<u32>]) -> Vec<f32> {
        let words = batch.lay_out(|row| tokens[row].iter().map(|&token| token as i32).collect());
        let positions = batch.lay_out(|row| (0..tokens[row].len() as i32).collect());
        let embedded = self.words.select(words) + select(&self.positions, positions);
        let sight = match self.pooling {
            Pooling::End(_) => Sight::Before,
            Pooling::Last { .. } => Sight::All,
        };
        let hidden = self
            .blocks
            .iter()
            .fold(embedded, |hidden, block| block.forward(hidden, &batch.groups, &sight));
        let at = batch.rows.iter().map(|&row| self.pooling.position(&tokens[row]));
        let pooled = batch.places().zip(at.chain(repeat(0))).map(|(text, at)| text.start + at);
        let pooled = pooled.map(|token| token as i32).collect();
        let pooled = select(&self.norm.forward(hidden), pooled);
        let features = B::row_by_row(&pooled, |rows| self.head.forward(rows));
        let mut values = floats(features.into_data());
        values.truncate(batch.rows.len() * self.dimension());
        values
    }
}

impl Pooling {
    fn position(self, text: &[u32]) -> usize {
        match self {
            Self::End(LARGEST) => {
                let largest = text.iter().max();
                text.iter().position(|token| Some(token) == largest).unwrap_or_default()
            }
            Self::End(end) => text.iter().position(|&token| token == end).unwrap_or_default(),
            Self::Last { .. } => text.len() - 1,
        }
    }
}
