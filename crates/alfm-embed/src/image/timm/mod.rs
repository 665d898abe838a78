//! Models as timm publishes them: `config.json` has the architecture's name, which says all that the file leaves out.

pub(super) mod preparation;

use std::path::Path;

use serde::Deserialize;
use serde_json::{Value, json};

use super::config::{fields, setting};
use crate::EmbedError;
use preparation::input_edge;

/// The architectures of timm that are built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Timm {
    Vit(Vit),
    ResNet,
}

/// What tells its vision transformers apart, sizes aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Vit {
    Plain,
    /// A norm before the layers, and no bias to patches.
    Clip,
    /// What the layers add is scaled.
    Dinov2,
    /// The same, with registers.
    Registers,
}

/// As an error lists them.
pub(super) const KNOWN: [&str; 2] = [
    "timm's vit_{tiny,small,base,large,huge}_patchN_{N,clip_N,clip_quickgelu_N,dinov2,reg4_dinov2}",
    "timm's resnet{18,34,50,101,152}",
];

/// Width, layers and heads.
const VITS: [(&str, [usize; 3]); 5] = [
    ("tiny", [192, 12, 3]),
    ("small", [384, 12, 6]),
    ("base", [768, 12, 12]),
    ("large", [1024, 24, 16]),
    ("huge", [1280, 32, 16]),
];

/// Kind of block, and blocks of each stage.
const RESNETS: [(&str, &str, [usize; 4]); 5] = [
    ("resnet18", "basic", [2, 2, 2, 2]),
    ("resnet34", "basic", [3, 4, 6, 3]),
    ("resnet50", "bottleneck", [3, 4, 6, 3]),
    ("resnet101", "bottleneck", [3, 4, 23, 3]),
    ("resnet152", "bottleneck", [3, 8, 36, 3]),
];

/// The name of a vision transformer, taken apart.
struct VitName {
    vit: Vit,
    sizes: [usize; 3],
    patch: usize,
    /// Of CLIP, as OpenAI trained it.
    quick: bool,
}

/// Arguments of a model that differ from those its name stands for.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Arguments {
    embed_dim: Option<usize>,
    depth: Option<usize>,
    num_heads: Option<usize>,
    mlp_ratio: Option<f64>,
    patch_size: Option<usize>,
    layers: Option<Vec<usize>>,
    channels: Option<Vec<usize>>,
}

/// Arguments that are read, here or with the preparation of pictures.
const READ: [&str; 10] = [
    "embed_dim",
    "depth",
    "num_heads",
    "mlp_ratio",
    "patch_size",
    "img_size",
    "layers",
    "channels",
    "in_chans",
    "global_pool",
];

/// Arguments that embeddings do not depend on.
const UNUSED: [&str; 7] = [
    "num_classes",
    "drop_rate",
    "pos_drop_rate",
    "patch_drop_rate",
    "proj_drop_rate",
    "attn_drop_rate",
    "drop_path_rate",
];

impl Timm {
    /// The architecture of this name, if it is built.
    pub(super) fn by_name(name: &str) -> Option<Self> {
        if RESNETS.iter().any(|(known, ..)| *known == name) {
            return Some(Self::ResNet);
        }
        VitName::parse(name).map(|name| Self::Vit(name.vit))
    }

    /// The tensors of the classifier begin with this.
    pub(super) fn classifier(self) -> &'static str {
        match self {
            Self::Vit(_) => "head.",
            Self::ResNet => "fc.",
        }
    }

    /// The sizes of a model in the fields that transformers has for them.
    pub(super) fn described(self, path: &Path, config: &Value) -> Result<Value, EmbedError> {
        let arguments = config.get("model_args").cloned().unwrap_or(json!({}));
        let pool = arguments.get("global_pool").or(config.get("global_pool"));
        let built = match self {
            Self::Vit(_) => "token",
            Self::ResNet => "avg",
        };
        if let Some(pool) = pool.filter(|pool| *pool != built) {
            return setting(path, "global_pool", pool, &format!("only `{built}` is built for it"));
        }
        let names = arguments.as_object().into_iter().flatten().map(|(name, _)| name.as_str());
        if let Some(name) = names.into_iter().find(|name| !known(name)) {
            let expected = format!("only {} are built", READ.join(", "));
            return setting(path, "model_args", name, &expected);
        }
        let arguments: Arguments = fields(path, arguments)?;
        let name = config["architecture"].as_str().unwrap_or_default();
        match VitName::parse(name) {
            Some(name) => Ok(name.described(&arguments, input_edge(path, config)?)),
            None => Ok(resnet(name, arguments)),
        }
    }
}

fn known(argument: &str) -> bool {
    READ.contains(&argument) || UNUSED.contains(&argument)
}

impl VitName {
    fn parse(name: &str) -> Option<Self> {
        let (size, rest) = name.strip_prefix("vit_")?.split_once("_patch")?;
        let (patch, kind) = rest.split_once('_')?;
        let (_, sizes) = VITS.into_iter().find(|(known, _)| *known == size)?;
        let number = |text: &str| text.parse::<usize>().ok();
        let (vit, quick) = match kind {
            "dinov2" => (Vit::Dinov2, false),
            "reg4_dinov2" => (Vit::Registers, false),
            kind => match kind.strip_prefix("clip_") {
                None => number(kind).map(|_| (Vit::Plain, false))?,
                Some(kind) => {
                    let plain = kind.strip_prefix("quickgelu_");
                    number(plain.unwrap_or(kind)).map(|_| (Vit::Clip, plain.is_some()))?
                }
            },
        };
        Some(Self { vit, sizes, patch: number(patch)?, quick })
    }

    fn described(&self, arguments: &Arguments, image: usize) -> Value {
        let [width, layers, heads] = self.sizes;
        let width = arguments.embed_dim.unwrap_or(width);
        json!({
            "hidden_size": width,
            "num_hidden_layers": arguments.depth.unwrap_or(layers),
            "num_attention_heads": arguments.num_heads.unwrap_or(heads),
            "intermediate_size": (width as f64 * arguments.mlp_ratio.unwrap_or(4.0)) as usize,
            "hidden_act": if self.quick { "quick_gelu" } else { "gelu" },
            "layer_norm_eps": if self.vit == Vit::Clip { 1e-5 } else { 1e-6 },
            "image_size": image,
            "patch_size": arguments.patch_size.unwrap_or(self.patch),
        })
    }
}

fn resnet(name: &str, arguments: Arguments) -> Value {
    let known = RESNETS.iter().find(|(known, ..)| *known == name);
    let (_, block, depths) = known.expect("a name that is no vision transformer is a ResNet");
    let expansion = if *block == "basic" { 1 } else { super::resnet::REDUCTION };
    let channels = arguments.channels.unwrap_or_else(|| vec![64, 128, 256, 512]);
    json!({
        "layer_type": block,
        "embedding_size": 64,
        "hidden_sizes": channels.iter().map(|channels| channels * expansion).collect::<Vec<_>>(),
        "depths": arguments.layers.unwrap_or_else(|| depths.to_vec()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_what_is_built() {
        let kind = |name| Timm::by_name(name);
        for (name, vit) in [
            ("vit_base_patch16_224", Vit::Plain),
            ("vit_tiny_patch16_384", Vit::Plain),
            ("vit_large_patch14_clip_336", Vit::Clip),
            ("vit_base_patch32_clip_quickgelu_224", Vit::Clip),
            ("vit_small_patch14_dinov2", Vit::Dinov2),
            ("vit_base_patch14_reg4_dinov2", Vit::Registers),
        ] {
            assert_eq!(kind(name), Some(Timm::Vit(vit)), "{name}");
        }
        assert_eq!(kind("resnet50"), Some(Timm::ResNet));
        for name in [
            "vit_giant_patch14_dinov2",
            "vit_base_patch16_siglip_224",
            "vit_base_patch16_224_miil",
            "vit_small_patch16_18x2_224",
            "resnet50d",
            "resnet26",
            "",
        ] {
            assert_eq!(kind(name), None, "{name}");
        }
    }
}
