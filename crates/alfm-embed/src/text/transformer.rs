use burn::prelude::Backend;
use burn::tensor::{Tensor, TensorData};

use crate::Error;
use crate::layers::kernels::{Kernels, Sight};
use crate::layers::table::{Table, select};
use crate::layers::{Cpu, Group, LayerNorm};
use crate::text::batch::Batch;
use crate::text::config::ModelConfig;
use crate::text::layer::Layer;
use crate::text::relative::RelativeBias;
use crate::weights::Weights;

/// The transformer of a BERT-like model, from tokens to one vector a token.
pub(crate) struct Transformer<B: Backend = Cpu> {
    words: Table<B>,
    positions: Tensor<B, 2>,
    norm: LayerNorm<B>,
    layers: Vec<Layer<B>>,
    relative: Option<RelativeBias<B>>,
    heads: usize,
    padding: Option<u32>,
    longest: usize,
}

/// What is added to the scores of tokens that only fill a text up: nothing is left of them behind a softmax. Not an
/// infinity: of a text without a token, which fills a batch up, a softmax would make NaN.
const UNSEEN: f32 = -1e9;

impl<B: Kernels> Transformer<B> {
    /// Takes all tensors of the model.
    pub(crate) fn load(weights: &mut Weights<'_, B>, config: &ModelConfig) -> Result<Self, Error> {
        let width = config.width;
        let words =
            Table::load(weights, "embeddings.word_embeddings.weight", [config.vocabulary, width])?;
        let mut table =
            |name: &str, rows| weights.take(&format!("embeddings.{name}.weight"), [rows, width]);
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
        let (heads, padding, longest) = (config.heads, config.padding, config.longest());
        Ok(Self { words, positions, norm, layers, relative, heads, padding, longest })
    }

    /// Numbers of a token's vector.
    pub(crate) fn width(&self) -> usize {
        self.positions.dims()[1]
    }

    /// Tokens that there are positions for.
    pub(crate) fn longest(&self) -> usize {
        self.longest
    }

    /// Numbers of the largest tensor that a text of `length` tokens becomes.
    pub(crate) fn numbers(&self, length: usize) -> usize {
        let of_layers = self.layers.iter().map(|layer| layer.numbers(length));
        of_layers.max().unwrap_or(length * self.width())
    }

    /// `[tokens, width]`: the texts of `batch` one after the other.
    pub(crate) fn forward(&self, batch: &Batch, tokens: &[Vec<u32>]) -> Tensor<B, 2> {
        let words = batch.lay_out(|row| tokens[row].iter().map(|&token| token as i32).collect());
        let positions = batch.lay_out(|row| positions(&tokens[row], self.padding));
        let embedded = self.words.select(words) + select(&self.positions, positions);
        let hidden = self.norm.forward(embedded);
        let layers = |sight: &Sight<'_, B>| {
            let layers = self.layers.iter();
            layers.fold(hidden, |hidden, layer| layer.forward(hidden, &batch.groups, sight))
        };
        match (batch.shares(), &self.relative) {
            (Some(shares), _) => {
                let bias = self.bias_of_filled(batch, &shares);
                layers(&Sight::Biased(&|_| bias.clone()))
            }
            (None, Some(relative)) => layers(&Sight::Biased(&|length| relative.at(length))),
            (None, None) => layers(&Sight::All),
        }
    }

    /// The bias on the scores of filled texts, `[texts, heads, length, length]`.
    fn bias_of_filled(&self, batch: &Batch, shares: &[f32]) -> Tensor<B, 4> {
        let Group { count, length, .. } = batch.groups[0];
        let unseen = shares.iter().map(|&share| if share > 0.0 { 0.0 } else { UNSEEN }).collect();
        let unseen = TensorData::new::<f32, _>(unseen, [count, 1, 1, length]);
        let unseen: Tensor<B, 4> = Tensor::from_data(unseen, &Default::default());
        let unseen = unseen.expand([count, self.heads, length, length]);
        match &self.relative {
            Some(relative) => unseen + relative.at(length),
            None => unseen,
        }
    }
}

impl Transformer {
    /// Embeddings of the vocabulary, `[vocabulary, width]`; shared, not copied.
    pub(crate) fn words(&self) -> Tensor<Cpu, 2> {
        self.words.whole()
    }
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
