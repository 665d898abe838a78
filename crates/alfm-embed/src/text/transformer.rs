use burn::prelude::Backend;
use burn::tensor::{Int, Tensor, TensorData};

use crate::EmbedError;
use crate::layers::kernels::Kernels;
use crate::layers::{Cpu, LayerNorm};
use crate::text::batch::Batch;
use crate::text::config::ModelConfig;
use crate::text::layer::Layer;
use crate::text::relative::RelativeBias;
use crate::weights::Weights;

/// The transformer of a BERT-like model, from tokens to one vector a token.
pub(crate) struct Transformer<B: Backend = Cpu> {
    words: Tensor<B, 2>,
    positions: Tensor<B, 2>,
    norm: LayerNorm<B>,
    layers: Vec<Layer<B>>,
    relative: Option<RelativeBias<B>>,
    padding: Option<u32>,
}

impl<B: Kernels> Transformer<B> {
    /// Takes all tensors of the model.
    pub(crate) fn load(
        weights: &mut Weights<'_, B>,
        config: &ModelConfig,
    ) -> Result<Self, EmbedError> {
        let width = config.width;
        let mut table =
            |name: &str, rows| weights.take(&format!("embeddings.{name}.weight"), [rows, width]);
        let words = table("word_embeddings", config.vocabulary)?;
        let mut positions = table("position_embeddings", config.positions)?;
        if config.token_types > 0 {
            // Single texts are all of type 0, so its vector can be part of every position's.
            let types = table("token_type_embeddings", config.token_types)?;
            positions = positions + types.slice([0..1, 0..width]);
        }
        let norm = weights.norm("embeddings.LayerNorm", width, config.epsilon)?;
        let layers = (0..config.layers)
            .map(|index| Layer::load(weights, config, index))
            .collect::<Result<_, _>>()?;
        let relative = match config.relative_buckets {
            Some(buckets) => {
                let name = "encoder.relative_attention_bias.weight";
                Some(RelativeBias::new(weights.take(name, [buckets, config.heads])?))
            }
            None => None,
        };
        Ok(Self { words, positions, norm, layers, relative, padding: config.padding })
    }

    /// Embeddings of the vocabulary, `[vocabulary, width]`; shared, not copied.
    pub(crate) fn words(&self) -> Tensor<B, 2> {
        self.words.clone()
    }

    /// `[tokens, width]`: the texts of `batch` one after the other.
    pub(crate) fn forward(&self, batch: &Batch, tokens: &[Vec<u32>]) -> Tensor<B, 2> {
        let texts = || batch.rows.iter().map(|&row| tokens[row].as_slice());
        let words = texts().flatten().map(|&token| token as i32).collect();
        let positions = texts().flat_map(|text| positions(text, self.padding)).collect();
        let embedded = select(&self.words, words) + select(&self.positions, positions);
        let hidden = self.norm.forward(embedded);
        self.layers.iter().fold(hidden, |hidden, layer| {
            layer.forward(hidden, &batch.groups, self.relative.as_ref())
        })
    }
}

/// Rows of a table, in this order.
pub(crate) fn select<B: Backend>(table: &Tensor<B, 2>, rows: Vec<i32>) -> Tensor<B, 2> {
    let count = rows.len();
    let rows: Tensor<B, 1, Int> =
        Tensor::from_data(TensorData::new(rows, [count]), &Default::default());
    table.clone().select(0, rows)
}

/// Positions of a text's tokens: from 0 up; with a padding token, padding + 1 for the first token
/// and so on, tokens that are the padding token itself left out of the count, as RoBERTa does it.
fn positions(tokens: &[u32], padding: Option<u32>) -> Vec<i32> {
    let Some(padding) = padding else {
        return (0..tokens.len() as i32).collect();
    };
    let mut last = padding as i32;
    tokens
        .iter()
        .map(|&token| {
            if token == padding {
                return padding as i32;
            }
            last += 1;
            last
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_start_behind_the_padding_index() {
        assert_eq!(positions(&[5, 6, 7], None), [0, 1, 2]);
        assert_eq!(positions(&[5, 1, 7], Some(1)), [2, 1, 3]);
    }
}
