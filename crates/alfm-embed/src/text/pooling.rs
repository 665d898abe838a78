use std::path::Path;

use burn::prelude::Backend;
use burn::tensor::{Tensor, TensorData};
use serde::Deserialize;

use crate::Error;
use crate::error::{read_json, setting};
use crate::layers::{Group, floats};
use crate::text::batch::Batch;
use crate::text::prompt::default_prompt;

/// How the vectors of a text's tokens become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pooling {
    Mean,
    First,
}

/// What follows the transformer: pooling, then perhaps scaling to unit length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pooling: Pooling,
    normalize: bool,
}

#[derive(Deserialize)]
struct ModuleEntry {
    path: String,
    r#type: String,
}

#[derive(Deserialize)]
struct PoolingConfig {
    /// The mode by its name, which newer versions write in place of a flag for each.
    pooling_mode: Option<String>,
    /// Whether the tokens of a prompt are pooled, too.
    include_prompt: Option<bool>,
    #[serde(default)]
    pooling_mode_cls_token: bool,
    #[serde(default)]
    pooling_mode_mean_tokens: bool,
    #[serde(default)]
    pooling_mode_max_tokens: bool,
    #[serde(default)]
    pooling_mode_mean_sqrt_len_tokens: bool,
    #[serde(default)]
    pooling_mode_weightedmean_tokens: bool,
    #[serde(default)]
    pooling_mode_lasttoken: bool,
}

impl Head {
    /// Reads `modules.json`; a folder without it is a bare transformer, which is given mean pooling
    /// and no scaling, as sentence-transformers does.
    pub(crate) fn read(folder: &Path) -> Result<Self, Error> {
        let prompted = !default_prompt(folder)?.is_empty();
        let mut head = Self { pooling: Pooling::Mean, normalize: false };
        let path = folder.join("modules.json");
        if !path.exists() {
            return Ok(head);
        }
        for module in read_json::<Vec<ModuleEntry>>(&path)? {
            // Releases moved the classes between Python packages; the class itself kept its name.
            match module.r#type.rsplit('.').next().unwrap_or_default() {
                "Transformer" => {}
                "Pooling" => {
                    let path = folder.join(module.path).join("config.json");
                    head.pooling = Pooling::read(&path, prompted)?;
                }
                "Normalize" => head.normalize = true,
                _ => {
                    let found = format!("`{}`", module.r#type);
                    let expected = "only Transformer, Pooling and Normalize are built";
                    return Err(setting(&path, "type", found, expected));
                }
            }
        }
        Ok(head)
    }

    /// One vector a text of the batch, in its order.
    pub(crate) fn forward<B: Backend>(&self, hidden: Tensor<B, 2>, batch: &Batch) -> Vec<f32> {
        let width = hidden.dims()[1];
        let mut values = match batch.shares() {
            Some(shares) => floats(self.pool_filled(hidden, &batch.groups[0], shares).into_data()),
            None => {
                let groups = batch.groups.iter();
                groups.flat_map(|group| floats(self.pool(&hidden, group).into_data())).collect()
            }
        };
        values.truncate(batch.rows.len() * width);
        if self.normalize {
            values.chunks_exact_mut(width).for_each(to_unit_length);
        }
        values
    }

    /// The same as a tensor, `[texts, width]`, that gradients pass through.
    #[cfg(feature = "trunk")]
    pub(crate) fn features<B: Backend>(
        &self,
        hidden: &Tensor<B, 2>,
        batch: &Batch,
    ) -> Tensor<B, 2> {
        let pooled = batch.groups.iter().map(|group| self.pool(hidden, group)).collect();
        let pooled = Tensor::cat(pooled, 0);
        if !self.normalize {
            return pooled;
        }
        let length = pooled.clone().square().sum_dim(1).sqrt().clamp_min(SHORTEST);
        pooled / length
    }

    /// One vector a text of the group, `[count, width]`.
    fn pool<B: Backend>(&self, hidden: &Tensor<B, 2>, group: &Group) -> Tensor<B, 2> {
        let width = hidden.dims()[1];
        let texts = [group.count, group.length, width];
        let tokens = hidden.clone().slice([group.rows(), 0..width]).reshape(texts);
        let pooled = match self.pooling {
            Pooling::Mean => tokens.mean_dim(1),
            Pooling::First => tokens.narrow(1, 0, 1),
        };
        pooled.squeeze_dim(1)
    }

    /// The same of texts that are filled up, their tokens' shares in the mean beside them.
    fn pool_filled<B: Backend>(
        &self,
        hidden: Tensor<B, 2>,
        group: &Group,
        shares: Vec<f32>,
    ) -> Tensor<B, 2> {
        if self.pooling == Pooling::First {
            return self.pool(&hidden, group);
        }
        let tokens = hidden.reshape([group.count as i32, group.length as i32, -1]);
        let shares = TensorData::new(shares, [group.count, group.length, 1]);
        let shares: Tensor<B, 3> = Tensor::from_data(shares, &Default::default());
        (tokens * shares).sum_dim(1).squeeze_dim(1)
    }
}

/// Smallest length that a vector is divided by, as in `torch.nn.functional.normalize`.
const SHORTEST: f32 = 1e-12;

fn to_unit_length(vector: &mut [f32]) {
    let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt().max(SHORTEST);
    vector.iter_mut().for_each(|x| *x /= length);
}

impl Pooling {
    /// `prompted`: whether the model puts a prompt before every text.
    fn read(path: &Path, prompted: bool) -> Result<Self, Error> {
        let modes: PoolingConfig = read_json(path)?;
        if prompted && modes.include_prompt == Some(false) {
            let rule =
                "with a default prompt only true is built: its tokens are pooled like the text's";
            return Err(setting(path, "include_prompt", false, rule));
        }
        let other = modes.pooling_mode_max_tokens
            || modes.pooling_mode_mean_sqrt_len_tokens
            || modes.pooling_mode_weightedmean_tokens
            || modes.pooling_mode_lasttoken;
        let (mean, first) = (modes.pooling_mode_mean_tokens, modes.pooling_mode_cls_token);
        match (modes.pooling_mode.as_deref(), mean, first, other) {
            (None, true, false, false) | (Some("mean"), _, false, false) => Ok(Self::Mean),
            (None, false, true, false) | (Some("cls"), false, _, false) => Ok(Self::First),
            _ => Err(setting(
                path,
                "pooling_mode",
                "another mode, or several, or none",
                "only pooling_mode_mean_tokens or pooling_mode_cls_token, one of them, is built",
            )),
        }
    }
}
