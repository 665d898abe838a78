use std::fmt::Display;
use std::path::Path;

use burn::prelude::Backend;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::timm::{self, Timm};
use crate::Error;
use crate::error::{not_json, read_json, unknown_model};
use crate::layers::activation::Activation;
use crate::layers::block::BlockSizes;
use crate::weights::Weights;

/// `architecture` of SqueezeNet 1.1.
const SQUEEZENET: &str = "squeezenet1_1";

/// The architectures of image encoders, told apart by `model_type`, or by `architecture` where there
/// is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Architecture {
    Vit,
    Dinov2,
    Clip,
    Siglip,
    ResNet,
    SqueezeNet,
    Timm(Timm),
}

/// Those but timm's, whose names have parts.
const ARCHITECTURES: [(&str, Architecture); 6] = [
    ("vit", Architecture::Vit),
    ("dinov2", Architecture::Dinov2),
    ("clip", Architecture::Clip),
    ("siglip", Architecture::Siglip),
    ("resnet", Architecture::ResNet),
    (SQUEEZENET, Architecture::SqueezeNet),
];

impl Architecture {
    /// Reads `config.json`, and gives back its fields with it.
    ///
    /// # Errors
    /// For one that is not built, with the known ones.
    pub(crate) fn read(path: &Path) -> Result<(Self, Value), Error> {
        let config: Value = read_json(path)?;
        match Self::of(&config) {
            Some(architecture) => Ok((architecture, config)),
            None => Err(unknown_model(path, Self::name_in(&config), Self::names())),
        }
    }

    /// The architecture of a configuration, if it is built.
    pub(crate) fn of(config: &Value) -> Option<Self> {
        let found = Self::name_in(config);
        let known = ARCHITECTURES.iter().find(|(name, _)| *name == found);
        known.map(|(_, known)| *known).or_else(|| Timm::by_name(found).map(Self::Timm))
    }

    /// The names of all that are built.
    pub(crate) fn names() -> impl Iterator<Item = &'static str> {
        ARCHITECTURES.iter().map(|(name, _)| *name).chain(timm::KNOWN)
    }

    /// What a configuration calls its architecture; empty where it doesn't say.
    pub(crate) fn name_in(config: &Value) -> &str {
        let name = |field: &str| config[field].as_str();
        name("model_type").or_else(|| name("architecture")).unwrap_or_default()
    }

    /// What the names of a checkpoint with a task's head begin with.
    pub(crate) fn prefix(self) -> &'static str {
        match self {
            Self::Vit => "vit.",
            Self::Dinov2 => "dinov2.",
            Self::ResNet => "resnet.",
            Self::Clip | Self::Siglip | Self::SqueezeNet | Self::Timm(_) => "",
        }
    }

    /// Leaves out what embeddings of images have no use for.
    pub(crate) fn discard_unused<B: Backend>(self, weights: &mut Weights<'_, B>) {
        match self {
            Self::Clip | Self::Siglip => {
                for prefix in ["text_model.", "text_projection.", "logit_"] {
                    weights.discard_all(prefix);
                }
            }
            // Training alone masks patches.
            Self::Vit | Self::Dinov2 => weights.discard("embeddings.mask_token"),
            Self::Timm(model) => weights.discard_all(model.classifier()),
            Self::ResNet | Self::SqueezeNet => {}
        }
    }

    /// What a configuration that leaves a field out means by it: files hold what differs from this.
    fn defaults(self) -> Value {
        let base = json!({
            "hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12,
            "intermediate_size": 3072, "hidden_act": "gelu", "num_channels": 3,
            "qkv_bias": true, "use_swiglu_ffn": false, "image_size": 224, "patch_size": 16,
        });
        let own = match self {
            Self::Vit => json!({"layer_norm_eps": 1e-12}),
            Self::Dinov2 => json!({"layer_norm_eps": 1e-6, "patch_size": 14}),
            Self::Clip => {
                json!({"layer_norm_eps": 1e-5, "patch_size": 32, "hidden_act": "quick_gelu"})
            }
            Self::Siglip => json!({"layer_norm_eps": 1e-6, "hidden_act": "gelu_pytorch_tanh"}),
            Self::ResNet | Self::SqueezeNet | Self::Timm(_) => json!({}),
        };
        overlaid(base, &own)
    }

    /// The same for the text tower.
    fn text_defaults(self) -> Value {
        let own = match self {
            Self::Siglip => json!({
                "vocab_size": 32000, "max_position_embeddings": 64, "pad_token_id": 1, "eos_token_id": 1,
            }),
            _ => json!({
                "vocab_size": 49408, "max_position_embeddings": 77, "pad_token_id": 1,
                "eos_token_id": 49407, "hidden_size": 512, "intermediate_size": 2048,
                "num_attention_heads": 8,
            }),
        };
        overlaid(self.defaults(), &own)
    }
}

/// `base` with the fields of `own` in place of its own; `null` stands for nothing.
fn overlaid(mut base: Value, own: &Value) -> Value {
    for (field, value) in own.as_object().into_iter().flatten() {
        if !value.is_null() {
            base[field] = value.clone();
        }
    }
    base
}

/// The fields as `T`.
pub(super) fn fields<T: DeserializeOwned>(path: &Path, config: Value) -> Result<T, Error> {
    serde_json::from_value(config).map_err(|source| not_json(path, source))
}

/// Sizes of a vision transformer.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct VisionConfig {
    pub(crate) blocks: BlockSizes,
    /// Edge of the pictures that the position table was made for.
    pub(crate) image: usize,
    /// Edge of a patch.
    pub(crate) patch: usize,
}

/// Sizes of a text tower.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TextConfig {
    pub(crate) blocks: BlockSizes,
    pub(crate) vocabulary: usize,
    pub(crate) positions: usize,
    pub(crate) padding: u32,
    pub(crate) end: u32,
    /// Length of what SigLIP's head returns; the width where the file has none.
    pub(crate) projection: usize,
}

#[derive(Deserialize)]
struct Raw {
    hidden_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    intermediate_size: usize,
    mlp_ratio: Option<usize>,
    hidden_act: String,
    layer_norm_eps: f64,
    qkv_bias: bool,
    use_swiglu_ffn: bool,
    num_channels: usize,
    image_size: usize,
    patch_size: usize,
}

#[derive(Deserialize)]
struct RawText {
    vocab_size: usize,
    max_position_embeddings: usize,
    pad_token_id: u32,
    eos_token_id: u32,
    projection_size: Option<usize>,
}

impl VisionConfig {
    pub(crate) fn new(
        path: &Path,
        architecture: Architecture,
        config: &Value,
    ) -> Result<Self, Error> {
        let raw: Raw = fields(path, overlaid(architecture.defaults(), config))?;
        if raw.num_channels != 3 {
            return setting(path, "num_channels", raw.num_channels, "pictures have 3 channels");
        }
        if raw.patch_size == 0 || raw.image_size < raw.patch_size {
            let expected = "it must be at least 1 and at most image_size";
            return setting(path, "patch_size", raw.patch_size, expected);
        }
        Ok(Self { blocks: raw.blocks(path)?, image: raw.image_size, patch: raw.patch_size })
    }
}

impl TextConfig {
    pub(crate) fn new(
        path: &Path,
        architecture: Architecture,
        config: &Value,
    ) -> Result<Self, Error> {
        let merged = overlaid(architecture.text_defaults(), config);
        let raw: RawText = fields(path, merged.clone())?;
        for (field, size) in [
            ("vocab_size", raw.vocab_size),
            ("max_position_embeddings", raw.max_position_embeddings),
        ] {
            if size == 0 {
                return setting(path, field, 0, "it must be at least 1");
            }
        }
        let blocks = fields::<Raw>(path, merged)?.blocks(path)?;
        Ok(Self {
            vocabulary: raw.vocab_size,
            positions: raw.max_position_embeddings,
            padding: raw.pad_token_id,
            end: raw.eos_token_id,
            projection: raw.projection_size.unwrap_or(blocks.width),
            blocks,
        })
    }
}

impl Raw {
    fn blocks(&self, path: &Path) -> Result<BlockSizes, Error> {
        let inner = self.mlp_ratio.map_or(self.intermediate_size, |ratio| self.hidden_size * ratio);
        for (field, size) in [
            ("hidden_size", self.hidden_size),
            ("num_attention_heads", self.num_attention_heads),
            ("intermediate_size", inner),
        ] {
            if size == 0 {
                return setting(path, field, 0, "it must be at least 1");
            }
        }
        if !self.hidden_size.is_multiple_of(self.num_attention_heads) {
            let found = self.num_attention_heads;
            return setting(path, "num_attention_heads", found, "it must divide hidden_size");
        }
        if !(self.layer_norm_eps > 0.0 && self.layer_norm_eps.is_finite()) {
            return setting(path, "layer_norm_eps", self.layer_norm_eps, "it must be positive");
        }
        if !self.qkv_bias {
            return setting(path, "qkv_bias", "false", "only attention with biases is built");
        }
        let Some(activation) = Activation::by_name(&self.hidden_act) else {
            let expected = format!("only {} are built", Activation::names());
            return setting(path, "hidden_act", &self.hidden_act, &expected);
        };
        Ok(BlockSizes {
            width: self.hidden_size,
            layers: self.num_hidden_layers,
            heads: self.num_attention_heads,
            inner: if self.use_swiglu_ffn { gated(inner) } else { inner },
            gated: self.use_swiglu_ffn,
            epsilon: self.layer_norm_eps,
            activation,
        })
    }
}

/// Width of a gated feed-forward part that has about as many weights as a plain one of width `inner`, rounded up to a
/// multiple of 8.
fn gated(inner: usize) -> usize {
    (inner * 2 / 3).next_multiple_of(8)
}

/// Length of CLIP's embeddings.
pub(super) fn projection(path: &Path, config: &Value) -> Result<usize, Error> {
    match &config["projection_dim"] {
        Value::Null => Ok(512),
        size => match size.as_u64() {
            Some(size) if size > 0 => Ok(size as usize),
            _ => setting(path, "projection_dim", size, "it must be at least 1"),
        },
    }
}

/// Refuses a setting.
pub(super) fn setting<T>(
    path: &Path,
    field: &str,
    found: impl Display,
    expected: &str,
) -> Result<T, Error> {
    Err(crate::error::setting(path, field, found, expected))
}
