//! The forms in which endpoints are asked and answer.

mod body;
mod reply;

use serde::{Deserialize, Serialize};

pub(super) use body::Asked;
pub(super) use reply::{End, read, tokens};

/// The form in which an endpoint is asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Api {
    /// OpenAI's chat, `POST {base}/chat/completions`, which nearly every server speaks.
    #[default]
    Chat,
    /// Plain completions, `POST {base}/completions`, of models without turns; the template of
    /// [`COMPLETION_TEMPLATE`](super::COMPLETION_TEMPLATE) ends where such a model goes on.
    Completions,
    /// Anthropic's messages, `POST {base}/messages`. There are no log-probabilities, so every item is voted on.
    Messages,
}

impl Api {
    /// What is appended to the base URL.
    pub(super) fn path(self) -> &'static str {
        match self {
            Self::Chat => "chat/completions",
            Self::Completions => "completions",
            Self::Messages => "messages",
        }
    }

    /// Whether log-probabilities can be had at all.
    pub(super) fn has_logprobs(self) -> bool {
        self != Self::Messages
    }
}
