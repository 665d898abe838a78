use crate::text::config::Family;

/// Tensor names of one transformer layer, without `.weight` and `.bias`.
pub(crate) struct LayerNames {
    pub(crate) query: String,
    pub(crate) key: String,
    pub(crate) value: String,
    pub(crate) attention_output: String,
    pub(crate) attention_norm: String,
    pub(crate) inner: String,
    pub(crate) outer: String,
    pub(crate) output_norm: String,
}

/// Tensor names of the head that masked language models are trained with.
pub(crate) struct LmHeadNames {
    /// Begins them all.
    pub(crate) prefix: &'static str,
    /// Without `.weight` and `.bias`.
    pub(crate) dense: &'static str,
    /// Without `.weight` and `.bias`.
    pub(crate) norm: &'static str,
    decoder: &'static str,
    /// The decoder's bias, where it has not the decoder's name.
    pub(crate) bias: &'static str,
}

impl LmHeadNames {
    /// The decoder's `weight` or `bias`; checkpoints leave out what another tensor holds.
    pub(crate) fn decoder(&self, part: &str) -> String {
        format!("{}.{part}", self.decoder)
    }
}

impl Family {
    /// What a checkpoint with a task head puts before every name of the encoder.
    pub(crate) fn prefix(self) -> &'static str {
        match self {
            Self::Bert => "bert.",
            Self::DistilBert => "distilbert.",
            Self::MpNet => "mpnet.",
            Self::Roberta => "roberta.",
        }
    }

    /// Names of the masked-language-model head.
    pub(crate) fn lm_head(self) -> LmHeadNames {
        match self {
            Self::Bert => LmHeadNames {
                prefix: "cls.predictions.",
                dense: "cls.predictions.transform.dense",
                norm: "cls.predictions.transform.LayerNorm",
                decoder: "cls.predictions.decoder",
                bias: "cls.predictions.bias",
            },
            Self::DistilBert => LmHeadNames {
                prefix: "vocab_",
                dense: "vocab_transform",
                norm: "vocab_layer_norm",
                decoder: "vocab_projector",
                bias: "vocab_projector.bias",
            },
            Self::MpNet | Self::Roberta => LmHeadNames {
                prefix: "lm_head.",
                dense: "lm_head.dense",
                norm: "lm_head.layer_norm",
                decoder: "lm_head.decoder",
                bias: "lm_head.bias",
            },
        }
    }

    /// Names of layer `index`, as the hub's checkpoints have them.
    pub(crate) fn layer(self, index: usize) -> LayerNames {
        let (
            layers,
            [query, key, value, attention_output, attention_norm, inner, outer, output_norm],
        ) = match self {
            Self::Bert | Self::Roberta => (
                "encoder.layer",
                [
                    "attention.self.query",
                    "attention.self.key",
                    "attention.self.value",
                    "attention.output.dense",
                    "attention.output.LayerNorm",
                    "intermediate.dense",
                    "output.dense",
                    "output.LayerNorm",
                ],
            ),
            Self::MpNet => (
                "encoder.layer",
                [
                    "attention.attn.q",
                    "attention.attn.k",
                    "attention.attn.v",
                    "attention.attn.o",
                    "attention.LayerNorm",
                    "intermediate.dense",
                    "output.dense",
                    "output.LayerNorm",
                ],
            ),
            Self::DistilBert => (
                "transformer.layer",
                [
                    "attention.q_lin",
                    "attention.k_lin",
                    "attention.v_lin",
                    "attention.out_lin",
                    "sa_layer_norm",
                    "ffn.lin1",
                    "ffn.lin2",
                    "output_layer_norm",
                ],
            ),
        };
        let name = |part: &str| format!("{layers}.{index}.{part}");
        LayerNames {
            query: name(query),
            key: name(key),
            value: name(value),
            attention_output: name(attention_output),
            attention_norm: name(attention_norm),
            inner: name(inner),
            outer: name(outer),
            output_norm: name(output_norm),
        }
    }
}
