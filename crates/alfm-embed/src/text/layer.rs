use burn::prelude::Backend;
use burn::tensor::Tensor;

use crate::Error;
use crate::layers::activation::Activation;
use crate::layers::kernels::{Kernels, Sight};
use crate::layers::{Activated, Cpu, Group, LayerNorm, Linear};
use crate::text::config::ModelConfig;
use crate::weights::Weights;

/// One post-norm transformer layer.
pub(crate) struct Layer<B: Backend = Cpu> {
    query_key_value: Linear<B>,
    attention_output: Linear<B>,
    attention_norm: LayerNorm<B>,
    inner: Activated<B>,
    outer: Linear<B>,
    output_norm: LayerNorm<B>,
    heads: usize,
}

impl<B: Kernels> Layer<B> {
    /// Takes the tensors of layer `index`.
    pub(crate) fn load(
        weights: &mut Weights<'_, B>,
        config: &ModelConfig,
        index: usize,
    ) -> Result<Self, Error> {
        let names = config.family.layer(index);
        let (width, inner, epsilon) = (config.width, config.inner, config.epsilon);
        let inner_map = weights.linear(&[&names.inner], width, inner)?;
        Ok(Self {
            query_key_value: weights.linear(
                &[&names.query, &names.key, &names.value],
                width,
                width,
            )?,
            attention_output: weights.linear(&[&names.attention_output], width, width)?,
            attention_norm: weights.norm(&names.attention_norm, width, epsilon)?,
            inner: Activated::new(inner_map, Activation::Gelu),
            outer: weights.linear(&[&names.outer], inner, width)?,
            output_norm: weights.norm(&names.output_norm, width, epsilon)?,
            heads: config.heads,
        })
    }

    /// Numbers of the largest tensor of a text of `length` tokens: its projections, its scores of attention, or what
    /// lies between the maps of the feed-forward part.
    pub(crate) fn numbers(&self, length: usize) -> usize {
        let inner = self.outer.inputs();
        length * inner.max(self.query_key_value.outputs()).max(self.heads * length)
    }

    /// `[tokens, width] -> [tokens, width]`; attention stays inside each text.
    pub(crate) fn forward(
        &self,
        hidden: Tensor<B, 2>,
        groups: &[Group],
        sight: &Sight<'_, B>,
    ) -> Tensor<B, 2> {
        let projected = self.query_key_value.forward(hidden.clone());
        let mixed = self.attention_output.forward(B::attend(projected, self.heads, groups, sight));
        let hidden = self.attention_norm.forward(mixed + hidden);
        let outer = self.outer.forward(self.inner.forward(hidden.clone()));
        self.output_norm.forward(outer + hidden)
    }
}
