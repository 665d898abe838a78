use burn::backend::Flex;
use burn::prelude::Backend;
use burn::tensor::Tensor;
use burn::tensor::activation::{gelu, gelu_approximate, sigmoid};
use burn::tensor::module::{attention, linear};
use burn::tensor::ops::AttentionModuleOptions;

use super::activation::{Activation, add_bias_and_activate};
use super::heads::Heads;
use super::{Group, floats, matrix, piecewise};

/// What attention may look at, and what is added to its scores.
pub(crate) enum Sight<'a, B: Backend> {
    /// Every row of the sequence.
    All,
    /// The row itself and those before it.
    Before,
    /// Every row, with a bias as a function of the length: `[1, heads, length, length]`, or one for each sequence.
    Biased(&'a dyn Fn(usize) -> Tensor<B, 4>),
}

/// The steps of a transformer that a backend may have a faster way for.
///
/// The provided ways are made of Burn's operations alone, so that gradients pass through them.
pub(crate) trait Kernels: Backend {
    /// Numbers of the longest tensor that can be relied on.
    const LONGEST: usize = usize::MAX;

    /// `x W + b`, `[rows, input] -> [rows, output]`.
    fn map(
        input: Tensor<Self, 2>,
        weight: Tensor<Self, 2>,
        bias: Option<Tensor<Self, 1>>,
    ) -> Tensor<Self, 2> {
        linear(input, weight, bias)
    }

    /// What each row sees of the others by scaled dot products, all of `[sequences, heads, length, width / heads]`.
    fn look(
        query: Tensor<Self, 4>,
        key: Tensor<Self, 4>,
        value: Tensor<Self, 4>,
        sight: &Sight<'_, Self>,
    ) -> Tensor<Self, 4> {
        scaled_dot_product(query, key, value, sight)
    }

    /// `map` of every row, where a row's result must not depend on how many there are.
    fn row_by_row(
        input: &Tensor<Self, 2>,
        map: impl Fn(Tensor<Self, 2>) -> Tensor<Self, 2>,
    ) -> Tensor<Self, 2> {
        piecewise(input, 1, map)
    }

    /// `f(x + b)`, `[rows, width] -> [rows, width]`.
    fn activate(
        input: Tensor<Self, 2>,
        bias: Tensor<Self, 1>,
        activation: Activation,
    ) -> Tensor<Self, 2> {
        plain_activation(input + bias.unsqueeze(), activation)
    }

    /// Self-attention inside each sequence: query, key and value side by side,
    /// `[rows, 3 width] -> [rows, width]`.
    fn attend(
        projected: Tensor<Self, 2>,
        heads: usize,
        groups: &[Group],
        sight: &Sight<'_, Self>,
    ) -> Tensor<Self, 2> {
        plain_attention(projected, heads, groups, sight)
    }
}

#[cfg(feature = "trunk")]
impl Kernels for super::Train {}

impl Kernels for Flex {
    fn activate(
        input: Tensor<Self, 2>,
        bias: Tensor<Self, 1>,
        activation: Activation,
    ) -> Tensor<Self, 2> {
        let shape = input.dims();
        let mut values = floats(input.into_data());
        add_bias_and_activate(&mut values, &floats(bias.into_data()), activation);
        matrix(values, shape)
    }

    fn attend(
        projected: Tensor<Self, 2>,
        heads: usize,
        groups: &[Group],
        sight: &Sight<'_, Self>,
    ) -> Tensor<Self, 2> {
        let [rows, width] = projected.dims();
        let width = width / 3;
        let projected = floats(projected.into_data());
        let mut mixed = vec![0.0; rows * width];
        for group in groups {
            let heads = Heads { count: heads, width, group };
            let [query, key, value] = [0, 1, 2].map(|part| heads.split(&projected, part));
            let output = scaled_dot_product(query, key, value, sight);
            heads.merge(&floats(output.into_data()), &mut mixed);
        }
        matrix(mixed, [rows, width])
    }
}

/// All of `[sequences, heads, length, width / heads]`.
fn scaled_dot_product<B: Backend>(
    query: Tensor<B, 4>,
    key: Tensor<B, 4>,
    value: Tensor<B, 4>,
    sight: &Sight<'_, B>,
) -> Tensor<B, 4> {
    let bias = match sight {
        Sight::Biased(bias) => Some(bias(query.dims()[2])),
        Sight::All | Sight::Before => None,
    };
    let is_causal = matches!(sight, Sight::Before);
    let options = AttentionModuleOptions { is_causal, ..Default::default() };
    // Sequences of a group are equally long: nothing is padded, so nothing is masked.
    attention(query, key, value, None, bias, options)
}

fn plain_activation<B: Backend>(x: Tensor<B, 2>, activation: Activation) -> Tensor<B, 2> {
    match activation {
        Activation::Gelu => gelu(x),
        Activation::GeluTanh => gelu_approximate(x),
        Activation::QuickGelu => x.clone() * sigmoid(x * 1.702),
    }
}

fn plain_attention<B: Kernels>(
    projected: Tensor<B, 2>,
    heads: usize,
    groups: &[Group],
    sight: &Sight<'_, B>,
) -> Tensor<B, 2> {
    let width = projected.dims()[1] / 3;
    let mixed = groups.iter().map(|group| {
        let shape = [group.count, group.length, 3, heads, width / heads];
        let parts = projected.clone().slice([group.rows()]).reshape(shape);
        let part = |index| {
            let part = parts.clone().narrow(2, index, 1).squeeze_dim::<4>(2);
            part.swap_dims(1, 2)
        };
        let output = B::look(part(0), part(1), part(2), sight);
        output.swap_dims(1, 2).reshape([group.count * group.length, width])
    });
    Tensor::cat(mixed.collect(), 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::Cpu;

    fn wave(rows: usize, width: usize) -> Tensor<Cpu, 2> {
        let values = (0..rows * width).map(|i| (i as f32 * 0.7).sin() * 3.0).collect();
        matrix(values, [rows, width])
    }

    fn same(left: Tensor<Cpu, 2>, right: Tensor<Cpu, 2>) {
        let (left, right) = (floats(left.into_data()), floats(right.into_data()));
        assert_eq!(left.len(), right.len());
        for (a, b) in left.iter().zip(&right) {
            assert!((a - b).abs() < 2e-6, "{a} and {b}");
        }
    }

    #[test]
    fn the_fast_attention_is_the_plain_one() {
        let groups =
            [Group { start: 0, count: 2, length: 3 }, Group { start: 6, count: 1, length: 2 }];
        for sight in [Sight::All, Sight::Before] {
            let fast = Cpu::attend(wave(8, 12), 2, &groups, &sight);
            same(fast, plain_attention(wave(8, 12), 2, &groups, &sight));
        }
    }

    #[test]
    fn the_fast_activations_are_the_plain_ones() {
        let bias = Tensor::from_floats([0.5, -0.25, 0.0, 1.0], &Default::default());
        for activation in [Activation::Gelu, Activation::GeluTanh, Activation::QuickGelu] {
            let fast = Cpu::activate(wave(9, 4), bias.clone(), activation);
            let plain = wave(9, 4) + bias.clone().unsqueeze::<2>();
            same(fast, plain_activation(plain, activation));
        }
    }
}
