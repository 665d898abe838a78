use std::ops::Range;

use burn::backend::Flex;
use burn::tensor::module::{attention, linear};
use burn::tensor::ops::{AttentionModuleOptions, ModuleOps};
use burn::tensor::{Tensor, TensorData, TensorPrimitive};

use crate::EmbedError;
use crate::batch::Group;
use crate::config::ModelConfig;
use crate::gelu::add_bias_and_gelu;
use crate::relative::RelativeBias;
use crate::weights::Weights;

/// Burn's CPU backend.
pub(crate) type Cpu = Flex;

/// `x W + b` with `W` `[input, output]`.
pub(crate) struct Linear {
    weight: Tensor<Cpu, 2>,
    bias: Tensor<Cpu, 1>,
}

impl Linear {
    pub(crate) fn new(weight: Tensor<Cpu, 2>, bias: Tensor<Cpu, 1>) -> Self {
        Self { weight, bias }
    }

    /// `[rows, input] -> [rows, output]`.
    pub(crate) fn forward(&self, input: Tensor<Cpu, 2>) -> Tensor<Cpu, 2> {
        linear(input, self.weight.clone(), Some(self.bias.clone()))
    }
}

/// Layer normalisation over the last axis.
pub(crate) struct LayerNorm {
    scale: Tensor<Cpu, 1>,
    shift: Tensor<Cpu, 1>,
    epsilon: f64,
}

impl LayerNorm {
    pub(crate) fn new(scale: Tensor<Cpu, 1>, shift: Tensor<Cpu, 1>, epsilon: f64) -> Self {
        Self { scale, shift, epsilon }
    }

    /// `[rows, width] -> [rows, width]`.
    pub(crate) fn forward(&self, input: Tensor<Cpu, 2>) -> Tensor<Cpu, 2> {
        Tensor::from_primitive(TensorPrimitive::Float(Cpu::layer_norm(
            input.into_primitive().tensor(),
            self.scale.clone().into_primitive().tensor(),
            Some(self.shift.clone().into_primitive().tensor()),
            self.epsilon,
        )))
    }
}

/// A linear map followed by GELU, the bias and the activation in one pass.
pub(crate) struct Activated {
    weight: Tensor<Cpu, 2>,
    bias: Vec<f32>,
}

impl Activated {
    pub(crate) fn new(map: Linear) -> Self {
        let bias = floats(map.bias.into_data());
        Self { weight: map.weight, bias }
    }

    /// `[rows, input] -> [rows, output]`.
    pub(crate) fn forward(&self, input: Tensor<Cpu, 2>) -> Tensor<Cpu, 2> {
        let output = input.matmul(self.weight.clone());
        let shape = output.dims();
        let mut values = floats(output.into_data());
        add_bias_and_gelu(&mut values, &self.bias);
        matrix(values, shape)
    }
}

/// A tensor of these values; no copy.
fn matrix(values: Vec<f32>, shape: [usize; 2]) -> Tensor<Cpu, 2> {
    Tensor::from_data(TensorData::new(values, shape), &Default::default())
}

/// The values of an `f32` tensor; no copy where the tensor owns its buffer alone.
pub(crate) fn floats(data: TensorData) -> Vec<f32> {
    data.into_vec().expect("the encoder makes only f32 tensors")
}

/// One post-norm transformer layer.
pub(crate) struct Layer {
    query_key_value: Linear,
    attention_output: Linear,
    attention_norm: LayerNorm,
    inner: Activated,
    outer: Linear,
    output_norm: LayerNorm,
    heads: usize,
}

impl Layer {
    /// Takes the tensors of layer `index`.
    pub(crate) fn load(
        weights: &mut Weights<'_>,
        config: &ModelConfig,
        index: usize,
    ) -> Result<Self, EmbedError> {
        let names = config.family.layer(index);
        let (width, inner, epsilon) = (config.width, config.inner, config.epsilon);
        Ok(Self {
            query_key_value: weights.linear(
                &[&names.query, &names.key, &names.value],
                width,
                width,
            )?,
            attention_output: weights.linear(&[&names.attention_output], width, width)?,
            attention_norm: weights.norm(&names.attention_norm, width, epsilon)?,
            inner: Activated::new(weights.linear(&[&names.inner], width, inner)?),
            outer: weights.linear(&[&names.outer], inner, width)?,
            output_norm: weights.norm(&names.output_norm, width, epsilon)?,
            heads: config.heads,
        })
    }

    /// `[tokens, width] -> [tokens, width]`; attention stays inside each text.
    pub(crate) fn forward(
        &self,
        hidden: Tensor<Cpu, 2>,
        groups: &[Group],
        relative: Option<&RelativeBias>,
    ) -> Tensor<Cpu, 2> {
        let mixed = self.attention_output.forward(self.attend(hidden.clone(), groups, relative));
        let hidden = self.attention_norm.forward(mixed + hidden);
        let outer = self.outer.forward(self.inner.forward(hidden.clone()));
        self.output_norm.forward(outer + hidden)
    }

    fn attend(
        &self,
        hidden: Tensor<Cpu, 2>,
        groups: &[Group],
        relative: Option<&RelativeBias>,
    ) -> Tensor<Cpu, 2> {
        let [tokens, width] = hidden.dims();
        let projected = floats(self.query_key_value.forward(hidden).into_data());
        let mut mixed = vec![0.0; tokens * width];
        for group in groups {
            let heads = Heads { count: self.heads, width, group };
            let bias = relative.map(|relative| relative.at(group.length));
            let [query, key, value] = [0, 1, 2].map(|part| heads.split(&projected, part));
            // Texts of a group are equally long: nothing is padded, so nothing is masked.
            let options = AttentionModuleOptions::default();
            let output = attention(query, key, value, None, bias, options);
            heads.merge(&floats(output.into_data()), &mut mixed);
        }
        matrix(mixed, [tokens, width])
    }
}

/// Moves between one row a token and one block a head. Burn's own permutation goes element by
/// element; a head's part of a row is contiguous and is moved at once.
struct Heads<'a> {
    count: usize,
    width: usize,
    group: &'a Group,
}

impl Heads<'_> {
    /// Query (0), key (1) or value (2) out of `[tokens, 3 width]`: `[texts, heads, length, width / heads]`.
    fn split(&self, projected: &[f32], part: usize) -> Tensor<Cpu, 4> {
        let Group { texts, length, .. } = *self.group;
        let mut values = Vec::with_capacity(texts * length * self.width);
        self.for_each(|row, columns| {
            let start = row * 3 * self.width + part * self.width;
            values.extend_from_slice(&projected[start..start + self.width][columns]);
        });
        let shape = [texts, self.count, length, self.width / self.count];
        Tensor::from_data(TensorData::new(values, shape), &Default::default())
    }

    /// The way back, into the group's rows of `[tokens, width]`.
    fn merge(&self, blocks: &[f32], rows: &mut [f32]) {
        let mut blocks = blocks.chunks_exact(self.width / self.count);
        self.for_each(|row, columns| {
            let target = &mut rows[row * self.width..(row + 1) * self.width][columns];
            target.copy_from_slice(blocks.next().expect("as many blocks as `for_each` visits"));
        });
    }

    /// Visits (row, columns) in the order of the blocks: text, head, position.
    fn for_each(&self, mut visit: impl FnMut(usize, Range<usize>)) {
        let size = self.width / self.count;
        for text in 0..self.group.texts {
            let first = self.group.start + text * self.group.length;
            for head in 0..self.count {
                for row in first..first + self.group.length {
                    visit(row, head * size..(head + 1) * size);
                }
            }
        }
    }
}
