use burn::prelude::Backend;
use burn::tensor::Tensor;
use burn::tensor::activation::silu;

use super::activation::Activation;
use super::kernels::{Kernels, Sight};
use super::{Activated, Group, LayerNorm, Linear};
use crate::Error;
use crate::weights::Weights;

/// Sizes of a stack of pre-norm layers.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct BlockSizes {
    pub(crate) width: usize,
    pub(crate) layers: usize,
    pub(crate) heads: usize,
    /// Width between the two linear maps of the feed-forward part.
    pub(crate) inner: usize,
    /// Whether the first of them returns twice that width, one half a gate to the other (`activation` is not used).
    pub(crate) gated: bool,
    pub(crate) epsilon: f64,
    pub(crate) activation: Activation,
}

/// Tensor names inside one layer, without `.weight` and `.bias`.
pub(crate) struct BlockNames {
    pub(crate) attention_norm: &'static str,
    /// Query, key and value, or one map that holds the three.
    pub(crate) query_key_value: &'static [&'static str],
    pub(crate) attention_output: &'static str,
    pub(crate) norm: &'static str,
    pub(crate) inner: &'static str,
    pub(crate) outer: &'static str,
    /// Scales of what attention and the feed-forward part add, by their whole names.
    pub(crate) scales: Option<[&'static str; 2]>,
}

/// One pre-norm transformer layer.
pub(crate) struct Block<B: Backend> {
    attention_norm: LayerNorm<B>,
    query_key_value: Linear<B>,
    attention_output: Linear<B>,
    norm: LayerNorm<B>,
    inner: Inner<B>,
    outer: Linear<B>,
    heads: usize,
}

/// The first map of a feed-forward part and what follows it.
enum Inner<B: Backend> {
    Activated(Activated<B>),
    /// `silu(a) b` for the halves `a` and `b` (SwiGLU, Shazeer 2020, arXiv 2002.05202).
    Gated(Linear<B>),
}

impl<B: Kernels> Inner<B> {
    /// `[rows, width] -> [rows, inner]`.
    fn forward(&self, input: Tensor<B, 2>) -> Tensor<B, 2> {
        match self {
            Self::Activated(map) => map.forward(input),
            Self::Gated(map) => {
                let [gate, values] =
                    map.forward(input).chunk(2, 1).try_into().expect("the width is even");
                silu(gate) * values
            }
        }
    }
}

impl<B: Kernels> Block<B> {
    /// Numbers of the largest tensor of a sequence of `length`: its projections, its scores of attention, or what lies
    /// between the maps of the feed-forward part, with a gate beside it.
    pub(crate) fn numbers(&self, length: usize) -> usize {
        let inner = 2 * self.outer.inputs();
        length * inner.max(self.query_key_value.outputs()).max(self.heads * length)
    }

    /// Takes the tensors of all layers, the names of layer `i` beginning with `{prefix}.{i}.`.
    pub(crate) fn load_all(
        weights: &mut Weights<'_, B>,
        sizes: &BlockSizes,
        prefix: &str,
        names: &BlockNames,
    ) -> Result<Vec<Self>, Error> {
        (0..sizes.layers)
            .map(|index| Self::load(weights, sizes, &format!("{prefix}.{index}"), names))
            .collect()
    }

    fn load(
        weights: &mut Weights<'_, B>,
        sizes: &BlockSizes,
        prefix: &str,
        names: &BlockNames,
    ) -> Result<Self, Error> {
        let (width, inner, epsilon) = (sizes.width, sizes.inner, sizes.epsilon);
        let name = |part: &str| format!("{prefix}.{part}");
        let parts: Vec<String> = names.query_key_value.iter().map(|part| name(part)).collect();
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        let query_key_value = weights.linear(&parts, width, 3 * width / parts.len())?;
        let mut attention_output =
            weights.linear(&[&name(names.attention_output)], width, width)?;
        let mut outer = weights.linear(&[&name(names.outer)], inner, width)?;
        if let Some([attention, feed_forward]) = names.scales {
            attention_output = attention_output.scaled(weights.take(&name(attention), [width])?);
            outer = outer.scaled(weights.take(&name(feed_forward), [width])?);
        }
        let inner = if sizes.gated {
            Inner::Gated(weights.linear(&[&name(names.inner)], width, 2 * inner)?)
        } else {
            let map = weights.linear(&[&name(names.inner)], width, inner)?;
            Inner::Activated(Activated::new(map, sizes.activation))
        };
        Ok(Self {
            attention_norm: weights.norm(&name(names.attention_norm), width, epsilon)?,
            query_key_value,
            attention_output,
            norm: weights.norm(&name(names.norm), width, epsilon)?,
            inner,
            outer,
            heads: sizes.heads,
        })
    }

    /// `[rows, width] -> [rows, width]`; attention stays inside each sequence.
    pub(crate) fn forward(
        &self,
        hidden: Tensor<B, 2>,
        groups: &[Group],
        sight: &Sight<'_, B>,
    ) -> Tensor<B, 2> {
        let projected = self.query_key_value.forward(self.attention_norm.forward(hidden.clone()));
        let mixed = B::attend(projected, self.heads, groups, sight);
        let hidden = hidden + self.attention_output.forward(mixed);
        let inner = self.inner.forward(self.norm.forward(hidden.clone()));
        hidden + self.outer.forward(inner)
    }
}
