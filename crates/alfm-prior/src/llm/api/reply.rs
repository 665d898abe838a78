//! What an answer says, whatever its form.

use serde::Deserialize;
use serde_json::Value;

use super::super::tokens::Token;
use super::Api;

/// An answer that follows its protocol.
#[derive(Debug)]
pub(in super::super) struct Reply {
    /// What the model said, its thinking included where the server leaves it in.
    pub(in super::super) text: String,
    pub(in super::super) tokens: Option<Vec<Token>>,
    pub(in super::super) end: End,
}

/// How an answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum End {
    /// As the model wanted; also where the server does not say how.
    Whole,
    /// At the most tokens that it could have.
    Length,
    /// The model, or a filter before it, declined.
    Refused,
}

#[derive(Deserialize)]
struct Choices {
    choices: Vec<Choice>,
}

#[derive(Deserialize)]
struct Choice {
    message: Option<Message>,
    text: Option<String>,
    #[serde(default)]
    logprobs: Value,
    finish_reason: Option<String>,
}

#[derive(Deserialize)]
struct Message {
    #[serde(default)]
    content: Option<Content>,
    refusal: Option<String>,
}

/// Text, or parts of which some are text, beside thinking and calls of tools.
#[derive(Deserialize)]
#[serde(untagged)]
enum Content {
    Text(String),
    Parts(Vec<Part>),
}

#[derive(Deserialize)]
struct Part {
    r#type: String,
    text: Option<String>,
}

#[derive(Deserialize)]
struct Blocks {
    content: Vec<Part>,
    stop_reason: Option<String>,
}

impl Content {
    fn text(self) -> String {
        match self {
            Self::Text(text) => text,
            Self::Parts(parts) => joined(parts),
        }
    }
}

fn joined(parts: Vec<Part>) -> String {
    parts.into_iter().filter(|part| part.r#type == "text").filter_map(|part| part.text).collect()
}

/// Reads the body of an answer; `None` if it does not follow the protocol.
pub(in super::super) fn read(api: Api, body: &str) -> Option<Reply> {
    match api {
        Api::Chat | Api::Completions => choice(serde_json::from_str(body).ok()?),
        Api::Messages => {
            let blocks: Blocks = serde_json::from_str(body).ok()?;
            let end = end(blocks.stop_reason.as_deref());
            Some(Reply { text: joined(blocks.content), tokens: None, end })
        }
    }
}

fn choice(choices: Choices) -> Option<Reply> {
    let choice = choices.choices.into_iter().next()?;
    let mut end = end(choice.finish_reason.as_deref());
    let text = match (choice.message, choice.text) {
        (Some(message), _) => {
            if message.refusal.is_some_and(|refusal| !refusal.is_empty()) {
                end = End::Refused;
            }
            // Without content there may be thinking that was cut off, or a call of a tool.
            message.content.map(Content::text).unwrap_or_default()
        }
        (None, Some(text)) => text,
        (None, None) => return None,
    };
    Some(Reply { text, tokens: logprobs(choice.logprobs), end })
}

fn end(reason: Option<&str>) -> End {
    match reason {
        Some("length" | "max_tokens" | "model_length" | "model_context_window_exceeded") => {
            End::Length
        }
        Some("content_filter" | "refusal") => End::Refused,
        _ => End::Whole,
    }
}

/// Log-probabilities in the form of chats or in that of completions; in another they are as good as none.
fn logprobs(value: Value) -> Option<Vec<Token>> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Logprobs {
        Tokens {
            content: Vec<Token>,
        },
        Lists {
            tokens: Vec<String>,
            token_logprobs: Vec<Option<f64>>,
            #[serde(default)]
            top_logprobs: Option<Vec<Option<serde_json::Map<String, Value>>>>,
        },
    }
    match serde_json::from_value(value).ok()? {
        Logprobs::Tokens { content } => Some(content),
        Logprobs::Lists { tokens, token_logprobs, top_logprobs } => {
            let mut tops = top_logprobs.unwrap_or_default().into_iter();
            let pairs = tokens.into_iter().zip(token_logprobs);
            let token = |(token, logprob): (String, Option<f64>)| {
                let top = tops.next().flatten().unwrap_or_default();
                let top = top.into_iter().filter_map(|(token, p)| Some((token, p.as_f64()?)));
                Some(Token::new(token, logprob?, top))
            };
            pairs.map(token).collect()
        }
    }
}

/// The tokens that an answer cost, prompt included, as far as the endpoint counts them.
pub(in super::super) fn tokens(body: &str) -> u64 {
    #[derive(Deserialize)]
    struct Metered {
        usage: Usage,
    }
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Usage {
        total_tokens: Option<u64>,
        prompt_tokens: Option<u64>,
        completion_tokens: Option<u64>,
        input_tokens: Option<u64>,
        output_tokens: Option<u64>,
    }
    let Ok(Metered { usage }) = serde_json::from_str(body) else { return 0 };
    let parts =
        [usage.prompt_tokens, usage.completion_tokens, usage.input_tokens, usage.output_tokens];
    let sum = || parts.into_iter().flatten().fold(0, u64::saturating_add);
    usage.total_tokens.unwrap_or_else(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_says_the_same() {
        let cases = [
            (Api::Chat, r#"{"choices":[{"message":{"content":"2"},"finish_reason":"length"}]}"#),
            (
                Api::Chat,
                r#"{"choices":[{"message":{"content":[{"type":"thinking","thinking":[{"type":"text","text":"3"}]},
                    {"type":"text","text":"2"}]},"finish_reason":"length"}]}"#,
            ),
            (Api::Completions, r#"{"choices":[{"text":"2","finish_reason":"length"}]}"#),
            (
                Api::Messages,
                r#"{"content":[{"type":"thinking","thinking":"3","signature":"x"},{"type":"text","text":"2"}],
                    "stop_reason":"max_tokens"}"#,
            ),
        ];
        for (api, body) in cases {
            let reply = read(api, body).unwrap();
            assert_eq!((reply.text.as_str(), reply.end), ("2", End::Length), "{body}");
        }
    }

    #[test]
    fn what_is_no_answer_is_none() {
        for body in ["", "{\"choices\": [{\"index\"", "{}", "[]", r#"{"choices":[]}"#, "<html>"] {
            for api in [Api::Chat, Api::Completions, Api::Messages] {
                assert!(read(api, body).is_none(), "{body}");
            }
        }
        assert!(read(Api::Messages, r#"{"type":"error","error":{"message":"no"}}"#).is_none());
    }

    #[test]
    fn costs_are_summed_where_no_total_is_given() {
        assert_eq!(tokens(r#"{"usage":{"total_tokens":7,"prompt_tokens":6}}"#), 7);
        assert_eq!(tokens(r#"{"usage":{"prompt_tokens":6,"completion_tokens":2}}"#), 8);
        assert_eq!(tokens(r#"{"usage":{"input_tokens":6,"output_tokens":3}}"#), 9);
        assert_eq!(tokens(r#"{"usage":null}"#), 0);
    }
}
