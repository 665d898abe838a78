use std::path::Path;

use burn::prelude::Backend;
use burn::tensor::Tensor;
use serde_json::Value;

use super::config::{Architecture, VisionConfig};
use super::names::{GATED, TowerNames};
use super::positions::fitted;
use crate::Error;
use crate::layers::block::{Block, BlockSizes};
use crate::layers::kernels::{Kernels, Sight};
use crate::layers::{Activated, Group, LayerNorm, Linear, piecewise};
use crate::weights::Weights;

/// A vision transformer (Dosovitskiy et al. 2021, arXiv 2010.11929): ViT, DINOv2, and the picture towers
/// of CLIP and SigLIP.
pub(crate) struct VisionTower<B: Backend> {
    patch: usize,
    embedding: Linear<B>,
    /// The class token with its position and the registers, `[tokens, width]`.
    first: Option<Tensor<B, 2>>,
    /// `[patches, width]`.
    positions: Tensor<B, 2>,
    norm_before: Option<LayerNorm<B>>,
    blocks: Vec<Block<B>>,
    norm: LayerNorm<B>,
    head: Head<B>,
}

/// What becomes of the tokens.
enum Head<B: Backend> {
    /// The class token.
    Class,
    /// The class token, mapped into the space that texts share.
    Projected(Linear<B>),
    /// Attention to all tokens by a learned query.
    Attention(AttentionPool<B>),
}

impl<B: Kernels> VisionTower<B> {
    /// Takes the tensors of the tower, for pictures of `size` (height and width).
    pub(super) fn load(
        weights: &mut Weights<'_, B>,
        path: &Path,
        architecture: Architecture,
        config: &Value,
        size: [usize; 2],
    ) -> Result<Self, Error> {
        let names = TowerNames::of(architecture);
        let fields = if names.nested { &config["vision_config"] } else { config };
        let VisionConfig { blocks: sizes, image, patch } =
            VisionConfig::new(path, architecture, fields)?;
        let block = if sizes.gated { &GATED } else { &names.block };
        let width = sizes.width;
        let grid = size.map(|edge| edge / patch);
        if grid.contains(&0) {
            let found = format!("{} x {}", size[0], size[1]);
            let expected = format!("a patch of {patch} pixels must fit into the picture");
            return super::config::setting(path, "patch_size", found, &expected);
        }
        let kernel = weights.take(&format!("{}.weight", names.patch), [width, 3, patch, patch])?;
        let bias = format!("{}.bias", names.patch);
        let bias = if names.patch_bias { Some(weights.take(&bias, [width])?) } else { None };
        let kernel: Tensor<B, 2> = kernel.reshape([width, 3 * patch * patch]);
        let from = image / patch;
        let before = usize::from(names.class.is_some() && names.registers.is_none());
        let table: Tensor<B, 2> =
            weights.take_flat(names.positions, [before + from * from, width])?;
        let first = first_tokens(weights, &names, &table)?;
        let positions = fitted(table.slice([before..]), from, grid);
        let norm_before = match names.norm_before {
            Some(name) => Some(weights.norm(name, width, sizes.epsilon)?),
            None => None,
        };
        let head = match architecture {
            Architecture::Clip => {
                let projection = super::config::projection(path, config)?;
                Head::Projected(weights.map("visual_projection", width, projection)?)
            }
            Architecture::Siglip => {
                Head::Attention(AttentionPool::load(weights, "vision_model.head", &sizes)?)
            }
            _ => Head::Class,
        };
        Ok(Self {
            patch,
            embedding: Linear::new(kernel.transpose(), bias),
            first,
            positions,
            norm_before,
            blocks: Block::load_all(weights, &sizes, names.blocks, block)?,
            norm: weights.norm(names.norm, width, sizes.epsilon)?,
            head,
        })
    }

    /// Length of an embedding.
    pub(super) fn dimension(&self) -> usize {
        match &self.head {
            Head::Projected(map) => map.outputs(),
            Head::Class | Head::Attention(_) => self.positions.dims()[1],
        }
    }

    /// Tokens of a picture.
    pub(super) fn tokens(&self) -> usize {
        self.positions.dims()[0] + self.first.as_ref().map_or(0, |first| first.dims()[0])
    }

    /// Numbers of the largest tensor that a picture's tokens become.
    pub(super) fn numbers(&self) -> usize {
        let tokens = self.tokens();
        let of_blocks = self.blocks.iter().map(|block| block.numbers(tokens));
        of_blocks.max().unwrap_or(tokens * self.positions.dims()[1])
    }

    /// `[pictures, 3, height, width] -> [pictures, dimension]`.
    pub(super) fn forward(&self, pictures: Tensor<B, 4>) -> Tensor<B, 2> {
        let count = pictures.dims()[0];
        let (length, [patches, width]) = (self.tokens(), self.positions.dims());
        let embedded = self.embedding.forward(self.patches(pictures));
        let embedded = embedded.reshape([count, patches, width]);
        let mut hidden = embedded + self.positions.clone().unsqueeze::<3>();
        if let Some(first) = &self.first {
            let first = first.clone().unsqueeze::<3>().expand([count, length - patches, width]);
            hidden = Tensor::cat(vec![first, hidden], 1);
        }
        let mut hidden = hidden.reshape([count * length, width]);
        if let Some(norm) = &self.norm_before {
            hidden = norm.forward(hidden);
        }
        let groups = [Group { start: 0, count, length }];
        let hidden = self
            .blocks
            .iter()
            .fold(hidden, |hidden, block| block.forward(hidden, &groups, &Sight::All));
        let class = |hidden: Tensor<B, 2>| {
            let tokens = hidden.reshape([count, length, width]);
            self.norm.forward(tokens.slice([0..count, 0..1]).reshape([count, width]))
        };
        match &self.head {
            Head::Class => class(hidden),
            Head::Projected(map) => B::row_by_row(&class(hidden), |rows| map.forward(rows)),
            Head::Attention(pool) => {
                piecewise(&self.norm.forward(hidden), length, |tokens| pool.forward(tokens))
            }
        }
    }

    /// One row a patch, `[pictures patches, 3 patch patch]`; what is left at the right and the bottom
    /// is dropped, as a convolution does it.
    fn patches(&self, pictures: Tensor<B, 4>) -> Tensor<B, 2> {
        let [count, channels, height, width] = pictures.dims();
        let [rows, columns] = [height / self.patch, width / self.patch];
        pictures
            .slice([0..count, 0..channels, 0..rows * self.patch, 0..columns * self.patch])
            .reshape([count, channels, rows, self.patch, columns, self.patch])
            .permute([0, 2, 4, 1, 3, 5])
            .reshape([count * rows * columns, channels * self.patch * self.patch])
    }
}

/// Takes the tokens in front of the patches, `[tokens, width]`; `table` are the positions, `[positions, width]`.
fn first_tokens<B: Kernels>(
    weights: &mut Weights<'_, B>,
    names: &TowerNames,
    table: &Tensor<B, 2>,
) -> Result<Option<Tensor<B, 2>>, Error> {
    let Some(class) = names.class else { return Ok(None) };
    let width = table.dims()[1];
    let class = weights.take_flat::<2>(class, [1, width])?;
    Ok(Some(match names.registers {
        None => class + table.clone().narrow(0, 0, 1),
        Some((name, count)) => {
            Tensor::cat(vec![class, weights.take_flat(name, [count, width])?], 0)
        }
    }))
}

/// SigLIP's head: a learned query attends to all tokens, then a feed-forward part (Zhai et al. 2023,
/// arXiv 2303.15343; the pooling is that of Lee et al. 2019, arXiv 1810.00825).
struct AttentionPool<B: Backend> {
    /// `[1, width]`, mapped already.
    query: Tensor<B, 2>,
    key_value: Linear<B>,
    output: Linear<B>,
    norm: LayerNorm<B>,
    inner: Activated<B>,
    outer: Linear<B>,
    heads: usize,
}

impl<B: Kernels> AttentionPool<B> {
    fn load(weights: &mut Weights<'_, B>, prefix: &str, sizes: &BlockSizes) -> Result<Self, Error> {
        let BlockSizes { width, inner, epsilon, activation, heads, .. } = *sizes;
        let name = |part: &str| format!("{prefix}.{part}");
        let map: Tensor<B, 2> =
            weights.take(&name("attention.in_proj_weight"), [3 * width, width])?;
        let bias: Tensor<B, 1> = weights.take(&name("attention.in_proj_bias"), [3 * width])?;
        let part = |from: usize, to: usize| {
            let range = from * width..to * width;
            let map = map.clone().slice([range.clone(), 0..width]).transpose();
            Linear::new(map, Some(bias.clone().slice([range])))
        };
        let probe: Tensor<B, 2> = weights.take_flat(&name("probe"), [1, width])?;
        let inner_map = weights.linear(&[&name("mlp.fc1")], width, inner)?;
        Ok(Self {
            query: part(0, 1).forward(probe),
            key_value: part(1, 3),
            output: weights.linear(&[&name("attention.out_proj")], width, width)?,
            norm: weights.norm(&name("layernorm"), width, epsilon)?,
            inner: Activated::new(inner_map, activation),
            outer: weights.linear(&[&name("mlp.fc2")], inner, width)?,
            heads,
        })
    }

    /// The tokens of a picture, `[tokens, width] -> [1, width]`.
    fn forward(&self, hidden: Tensor<B, 2>) -> Tensor<B, 2> {
        let [length, width] = hidden.dims();
        let size = width / self.heads;
        let projected = self.key_value.forward(hidden).reshape([1, length, 2, self.heads, size]);
        let [key, value] = [0, 1]
            .map(|part| projected.clone().narrow(2, part, 1).squeeze_dim::<4>(2).swap_dims(1, 2));
        let query = self.query.clone().reshape([1, self.heads, 1, size]);
        let mixed = B::look(query, key, value, &Sight::All).reshape([1, width]);
        let pooled = self.output.forward(mixed);
        let inner = self.inner.forward(self.norm.forward(pooled.clone()));
        pooled + self.outer.forward(inner)
    }
}
