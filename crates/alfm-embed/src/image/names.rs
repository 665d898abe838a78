use super::config::Architecture;
use super::timm::{Timm, Vit};
use crate::layers::block::BlockNames;

/// Tensor names of a vision transformer, without `.weight` and `.bias` where there are two.
pub(super) struct TowerNames {
    /// Whether the sizes stand under `vision_config`.
    pub(super) nested: bool,
    pub(super) patch: &'static str,
    pub(super) patch_bias: bool,
    /// The whole name.
    pub(super) class: Option<&'static str>,
    /// Name and number of further tokens. Where there are some, only patches have positions.
    pub(super) registers: Option<(&'static str, usize)>,
    /// The whole name.
    pub(super) positions: &'static str,
    pub(super) norm_before: Option<&'static str>,
    /// Begins the names of all layers.
    pub(super) blocks: &'static str,
    pub(super) block: BlockNames,
    pub(super) norm: &'static str,
}

/// The layers of both towers of CLIP and SigLIP.
pub(crate) const PAIRED: BlockNames = BlockNames {
    attention_norm: "layer_norm1",
    query_key_value: &["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"],
    attention_output: "self_attn.out_proj",
    norm: "layer_norm2",
    inner: "mlp.fc1",
    outer: "mlp.fc2",
    scales: None,
};

const VIT: BlockNames = BlockNames {
    attention_norm: "layernorm_before",
    query_key_value: &[
        "attention.attention.query",
        "attention.attention.key",
        "attention.attention.value",
    ],
    attention_output: "attention.output.dense",
    norm: "layernorm_after",
    inner: "intermediate.dense",
    outer: "output.dense",
    scales: None,
};

const DINOV2: BlockNames = BlockNames {
    attention_norm: "norm1",
    norm: "norm2",
    inner: "mlp.fc1",
    outer: "mlp.fc2",
    scales: Some(["layer_scale1.lambda1", "layer_scale2.lambda1"]),
    ..VIT
};

/// DINOv2's layers with a gated feed-forward part.
pub(super) const GATED: BlockNames =
    BlockNames { inner: "mlp.weights_in", outer: "mlp.weights_out", ..DINOV2 };

const TIMM: BlockNames = BlockNames {
    attention_norm: "norm1",
    query_key_value: &["attn.qkv"],
    attention_output: "attn.proj",
    norm: "norm2",
    inner: "mlp.fc1",
    outer: "mlp.fc2",
    scales: None,
};

impl TowerNames {
    /// Names as the hub's checkpoints have them, behind the model's prefix.
    pub(super) fn of(architecture: Architecture) -> Self {
        let own = Self {
            nested: false,
            patch: "embeddings.patch_embeddings.projection",
            patch_bias: true,
            class: Some("embeddings.cls_token"),
            registers: None,
            positions: "embeddings.position_embeddings",
            norm_before: None,
            blocks: "encoder.layer",
            block: VIT,
            norm: "layernorm",
        };
        let paired = Self {
            nested: true,
            patch: "vision_model.embeddings.patch_embedding",
            class: None,
            positions: "vision_model.embeddings.position_embedding.weight",
            blocks: "vision_model.encoder.layers",
            block: PAIRED,
            norm: "vision_model.post_layernorm",
            ..own
        };
        match architecture {
            Architecture::Dinov2 => Self { block: DINOV2, ..own },
            Architecture::Clip => Self {
                patch_bias: false,
                class: Some("vision_model.embeddings.class_embedding"),
                norm_before: Some("vision_model.pre_layrnorm"),
                ..paired
            },
            Architecture::Siglip => paired,
            Architecture::Timm(Timm::Vit(vit)) => Self::timm(vit),
            _ => own,
        }
    }

    fn timm(vit: Vit) -> Self {
        let scaled = matches!(vit, Vit::Dinov2 | Vit::Registers);
        Self {
            nested: false,
            patch: "patch_embed.proj",
            patch_bias: vit != Vit::Clip,
            class: Some("cls_token"),
            registers: (vit == Vit::Registers).then_some(("reg_token", 4)),
            positions: "pos_embed",
            norm_before: (vit == Vit::Clip).then_some("norm_pre"),
            blocks: "blocks",
            block: BlockNames { scales: scaled.then_some(["ls1.gamma", "ls2.gamma"]), ..TIMM },
            norm: "norm",
        }
    }
}
