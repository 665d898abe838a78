//! What a request says.

use alfm_core::Digest;
use serde::Serialize;

use super::super::fields::{Fields, Length};
use super::Api;

/// What one request asks for, in whatever form.
#[derive(Clone, Debug, PartialEq)]
pub(in super::super) struct Asked<'a> {
    pub(in super::super) model: &'a str,
    pub(in super::super) prompt: String,
    pub(in super::super) max_tokens: u32,
    pub(in super::super) temperature: f64,
    /// Alternatives at each token; none, where log-probabilities are not asked for.
    pub(in super::super) top_logprobs: Option<u8>,
    /// The number of the vote, which is its seed.
    pub(in super::super) vote: usize,
}

/// The body, in the order in which it is written and hashed.
#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    messages: Option<[Message<'a>; 1]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prompt: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_completion_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    logprobs: Option<Logprobs>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_logprobs: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<usize>,
}

#[derive(Serialize)]
struct Message<'a> {
    role: &'static str,
    content: &'a str,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Logprobs {
    Wanted(bool),
    Top(u8),
}

impl Asked<'_> {
    /// The key of the answer in the cache: what is asked for, whatever the endpoint takes of it. That of a chat is the
    /// SHA-256 of its body, as in caches of former versions.
    pub(in super::super) fn key(&self, api: Api) -> Digest {
        let body = self.body(api, &Fields::default());
        match api {
            Api::Chat => Digest::of(body),
            _ => Digest::of_parts([api.path(), &body, &self.vote.to_string()]),
        }
    }

    /// The body for an endpoint that takes these fields.
    pub(in super::super) fn body(&self, api: Api, fields: &Fields) -> String {
        let message = || [Message { role: "user", content: &self.prompt }];
        let top = fields.top_logprobs(self.top_logprobs).filter(|_| api.has_logprobs());
        let chat = api == Api::Chat;
        let length = |field| (fields.length == field).then_some(self.max_tokens);
        let body = Body {
            model: self.model,
            messages: (api != Api::Completions).then(message),
            prompt: (api == Api::Completions).then_some(&self.prompt),
            max_tokens: length(Length::MaxTokens),
            max_completion_tokens: length(Length::MaxCompletionTokens),
            temperature: fields.temperature.then_some(self.temperature),
            logprobs: top.map(|top| if chat { Logprobs::Wanted(true) } else { Logprobs::Top(top) }),
            top_logprobs: top.filter(|_| chat),
            seed: (fields.seed && api != Api::Messages).then_some(self.vote),
        };
        // Strings and finite numbers: there is nothing that JSON could not hold.
        serde_json::to_string(&body).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked() -> Asked<'static> {
        let prompt = "which?".into();
        Asked {
            model: "m",
            prompt,
            max_tokens: 16,
            temperature: 0.0,
            top_logprobs: Some(20),
            vote: 0,
        }
    }

    /// The bytes that former versions hashed: their caches stay readable.
    #[test]
    fn the_body_of_a_chat_is_what_it_was() {
        let body = asked().body(Api::Chat, &Fields::default());
        let expected = r#"{"model":"m","messages":[{"role":"user","content":"which?"}],"max_tokens":16,"temperature":0.0,"logprobs":true,"top_logprobs":20,"seed":0}"#;
        assert_eq!(body, expected);
        assert_eq!(asked().key(Api::Chat), Digest::of(expected));
    }

    #[test]
    fn every_form_has_its_own_fields_and_keys() {
        let body = |api| asked().body(api, &Fields::default());
        assert_eq!(
            body(Api::Completions),
            r#"{"model":"m","prompt":"which?","max_tokens":16,"temperature":0.0,"logprobs":20,"seed":0}"#
        );
        assert_eq!(
            body(Api::Messages),
            r#"{"model":"m","messages":[{"role":"user","content":"which?"}],"max_tokens":16,"temperature":0.0}"#
        );
        let key = |api, vote| Asked { vote, ..asked() }.key(api);
        assert_ne!(key(Api::Messages, 1), key(Api::Messages, 2));
        assert_ne!(key(Api::Messages, 0), key(Api::Chat, 0));
        assert_ne!(key(Api::Completions, 0), key(Api::Chat, 0));
    }
}
