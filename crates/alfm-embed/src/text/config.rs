use std::path::Path;

use serde::Deserialize;

use crate::Error;
use crate::error::{read_json, setting, unknown_model};

/// The architectures of the BERT family, told apart by `model_type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    Bert,
    DistilBert,
    MpNet,
    Roberta,
}

const FAMILIES: [(&str, Family); 5] = [
    ("bert", Family::Bert),
    ("distilbert", Family::DistilBert),
    ("mpnet", Family::MpNet),
    ("roberta", Family::Roberta),
    ("xlm-roberta", Family::Roberta),
];

impl Family {
    /// The family with this `model_type`.
    pub(crate) fn by_name(model_type: &str) -> Option<Self> {
        FAMILIES.iter().find(|(name, _)| *name == model_type).map(|(_, family)| *family)
    }

    /// Every `model_type` that is built.
    pub(crate) fn names() -> impl Iterator<Item = &'static str> {
        FAMILIES.iter().map(|(name, _)| *name)
    }
}

/// Padding index that MPNet's reference implementation fixes, whatever `pad_token_id` says.
const MPNET_PADDING: u32 = 1;

/// Sizes of a model, in one vocabulary for all families.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ModelConfig {
    pub(crate) family: Family,
    pub(crate) vocabulary: usize,
    pub(crate) width: usize,
    pub(crate) layers: usize,
    pub(crate) heads: usize,
    /// Width between the two linear maps of the feed-forward part.
    pub(crate) inner: usize,
    /// Rows of the position table.
    pub(crate) positions: usize,
    /// Where positions count from this token on (RoBERTa, MPNet): the first is padding + 1.
    pub(crate) padding: Option<u32>,
    /// Rows of the token type table, 0 where there is none.
    pub(crate) token_types: usize,
    pub(crate) epsilon: f64,
    /// Buckets of MPNet's relative attention bias.
    pub(crate) relative_buckets: Option<usize>,
}

/// `config.json` as the hub has it; DistilBERT has names of its own.
#[derive(Deserialize)]
struct Raw {
    vocab_size: usize,
    #[serde(alias = "dim")]
    hidden_size: usize,
    #[serde(alias = "n_layers")]
    num_hidden_layers: usize,
    #[serde(alias = "n_heads")]
    num_attention_heads: usize,
    #[serde(alias = "hidden_dim")]
    intermediate_size: usize,
    max_position_embeddings: usize,
    #[serde(alias = "activation", default = "gelu")]
    hidden_act: String,
    #[serde(default = "bert_epsilon")]
    layer_norm_eps: f64,
    #[serde(default)]
    type_vocab_size: usize,
    pad_token_id: Option<u32>,
    #[serde(default = "absolute")]
    position_embedding_type: String,
    #[serde(default = "mpnet_buckets")]
    relative_attention_num_buckets: usize,
}

fn gelu() -> String {
    "gelu".to_owned()
}

fn absolute() -> String {
    "absolute".to_owned()
}

fn bert_epsilon() -> f64 {
    1e-12
}

fn mpnet_buckets() -> usize {
    32
}

#[derive(Deserialize)]
struct TypeOnly {
    #[serde(default)]
    model_type: String,
}

impl ModelConfig {
    /// Reads and checks `config.json`.
    pub(crate) fn read(path: &Path) -> Result<Self, Error> {
        // The type comes first: a file of an unknown architecture may lack every other field.
        let TypeOnly { model_type } = read_json(path)?;
        let Some(family) = Family::by_name(&model_type) else {
            return Err(unknown_model(path, &model_type, Family::names()));
        };
        Self::from_raw(family, read_json(path)?, path)
    }

    fn from_raw(family: Family, raw: Raw, path: &Path) -> Result<Self, Error> {
        raw.check(path)?;
        let config = Self {
            family,
            vocabulary: raw.vocab_size,
            width: raw.hidden_size,
            layers: raw.num_hidden_layers,
            heads: raw.num_attention_heads,
            inner: raw.intermediate_size,
            positions: raw.max_position_embeddings,
            padding: match family {
                Family::Bert | Family::DistilBert => None,
                Family::MpNet => Some(MPNET_PADDING),
                Family::Roberta => Some(raw.pad_token_id.unwrap_or(1)),
            },
            token_types: match family {
                Family::Bert | Family::Roberta => raw.type_vocab_size,
                Family::DistilBert | Family::MpNet => 0,
            },
            epsilon: match family {
                // DistilBERT's reference implementation has it as a constant.
                Family::DistilBert => bert_epsilon(),
                _ => raw.layer_norm_eps,
            },
            relative_buckets: (family == Family::MpNet)
                .then_some(raw.relative_attention_num_buckets),
        };
        config.check_positions(path)?;
        Ok(config)
    }

    fn check_positions(&self, path: &Path) -> Result<(), Error> {
        if self.first_position() < self.positions {
            return Ok(());
        }
        let expected = format!("the first position is {}", self.first_position());
        Err(setting(path, "max_position_embeddings", self.positions, &expected))
    }

    fn first_position(&self) -> usize {
        self.padding.map_or(0, |padding| padding as usize + 1)
    }

    /// Tokens that the position table has room for.
    pub(crate) fn longest(&self) -> usize {
        self.positions - self.first_position()
    }
}

impl Raw {
    fn check(&self, path: &Path) -> Result<(), Error> {
        let refuse =
            |field, found: String, expected: &str| Err(setting(path, field, found, expected));
        for (field, size) in [
            ("vocab_size", self.vocab_size),
            ("hidden_size", self.hidden_size),
            ("num_hidden_layers", self.num_hidden_layers),
            ("num_attention_heads", self.num_attention_heads),
            ("intermediate_size", self.intermediate_size),
            ("max_position_embeddings", self.max_position_embeddings),
        ] {
            if size == 0 {
                return refuse(field, "0".to_owned(), "it must be at least 1");
            }
        }
        let heads = self.num_attention_heads;
        if !self.hidden_size.is_multiple_of(heads) {
            return refuse("num_attention_heads", heads.to_string(), "it must divide hidden_size");
        }
        if self.hidden_act != "gelu" {
            return refuse("hidden_act", self.hidden_act.clone(), "only `gelu` is built");
        }
        if self.position_embedding_type != "absolute" {
            let found = self.position_embedding_type.clone();
            return refuse("position_embedding_type", found, "only `absolute` is built");
        }
        if !(self.layer_norm_eps > 0.0 && self.layer_norm_eps.is_finite()) {
            let found = self.layer_norm_eps.to_string();
            return refuse("layer_norm_eps", found, "it must be positive");
        }
        if self.relative_attention_num_buckets < 4 {
            let found = self.relative_attention_num_buckets.to_string();
            return refuse("relative_attention_num_buckets", found, "it must be at least 4");
        }
        Ok(())
    }
}
