//! Which fields of a request an endpoint takes, learnt from what it refuses.
//!
//! Every change leaves less to refuse: whatever a server says, a few requests later there is nothing left to change.

use serde::Serialize;
use serde_json::Value;

use super::api::{Api, Asked};

/// The fields that are sent.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Fields {
    /// The most alternatives at a token; 0 asks for no log-probabilities.
    most_logprobs: u8,
    pub(super) length: Length,
    pub(super) temperature: bool,
    pub(super) seed: bool,
}

/// The name of the field that limits an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Length {
    MaxTokens,
    MaxCompletionTokens,
}

/// What an endpoint refused, and what is sent in its place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(rename_all = "kebab-case", tag = "kind")]
#[non_exhaustive]
pub enum Adapted {
    /// The field is left out.
    #[error("the endpoint refuses `{field}`, which is left out from here on")]
    Dropped {
        /// Its name.
        field: &'static str,
    },
    /// The field is sent with a lower value.
    #[error("the endpoint refuses so high a `{field}`, which is {to} from here on")]
    Lowered {
        /// Its name.
        field: &'static str,
        /// Its value from here on.
        to: u8,
    },
    /// The field is sent under another name.
    #[error("the endpoint refuses `{field}`, which is sent as `{to}` from here on")]
    Renamed {
        /// Its name.
        field: &'static str,
        /// Its name from here on.
        to: &'static str,
    },
}

impl Default for Fields {
    fn default() -> Self {
        Self { most_logprobs: u8::MAX, length: Length::MaxTokens, temperature: true, seed: true }
    }
}

impl Fields {
    /// The alternatives that are asked for, of those that are wanted.
    pub(super) fn top_logprobs(&self, wanted: Option<u8>) -> Option<u8> {
        Some(wanted?.min(self.most_logprobs)).filter(|top| *top > 0)
    }

    /// Leaves out or lowers the field of a request that a server refused; `None` if it names none.
    pub(super) fn give_way(&mut self, told: &Told, asked: &Asked<'_>, api: Api) -> Option<Adapted> {
        let top = self.top_logprobs(asked.top_logprobs).filter(|_| api.has_logprobs());
        if let Some(top) = top
            && let Some(field) = ["top_logprobs", "logprobs"].into_iter().find(|f| told.names(f))
        {
            self.most_logprobs = told.lower_than(field, top);
            return Some(match self.most_logprobs {
                0 => Adapted::Dropped { field: "logprobs" },
                to => Adapted::Lowered { field, to },
            });
        }
        let (field, to) = ("max_tokens", "max_completion_tokens");
        if self.length == Length::MaxTokens && told.names(field) && told.wants_another_name(to) {
            self.length = Length::MaxCompletionTokens;
            return Some(Adapted::Renamed { field, to });
        }
        if self.temperature && told.names("temperature") {
            self.temperature = false;
            return Some(Adapted::Dropped { field: "temperature" });
        }
        if self.seed && api != Api::Messages && told.names("seed") {
            self.seed = false;
            return Some(Adapted::Dropped { field: "seed" });
        }
        None
    }
}

/// What a server said of a request that it refused.
#[derive(Debug)]
pub(super) struct Told {
    /// The field that it names as such, in OpenAI's form.
    param: Option<String>,
    /// Its sentences, in lower case.
    text: String,
}

/// Keys under which servers say what is wrong. Others may repeat the request, which has fields and a text of its own.
const SAYING: [&str; 10] = [
    "error",
    "errors",
    "message",
    "msg",
    "detail",
    "details",
    "loc",
    "reason",
    "description",
    "error_description",
];
/// Nested lists and objects that are looked into.
const DEPTH: usize = 6;

impl Told {
    /// Reads the body of an error.
    pub(super) fn read(body: &str) -> Self {
        let Ok(value) = serde_json::from_str::<Value>(body) else {
            return Self { param: None, text: sentence(body) };
        };
        let mut text = String::new();
        collect(&value, DEPTH, &mut text);
        let error = value.get("error").unwrap_or(&value);
        let param = error.get("param").and_then(Value::as_str).filter(|param| !param.is_empty());
        Self { param: param.map(str::to_lowercase), text: sentence(&text) }
    }

    /// Whether it is about the field: it is the one that is named as such, or stands among the words.
    fn names(&self, field: &str) -> bool {
        match &self.param {
            // `body.seed`, `/seed` and the like.
            Some(param) => words(param).any(|word| word == field),
            None => words(&self.text).any(|word| word == field),
        }
    }

    /// Whether the server knows no such field, as opposed to the value.
    fn unknown(&self) -> bool {
        const SIGNS: [&str; 16] = [
            "n't support",
            "not support",
            "unsupported",
            "no support",
            "remove",
            "unknown",
            "unrecognized",
            "unexpected",
            "extra",
            "not permitted",
            "not allowed",
            "not available",
            "not enabled",
            "not compatible",
            "incompatible",
            "deprecated",
        ];
        SIGNS.iter().any(|sign| self.text.contains(sign))
    }

    /// Whether the length should go by another name; that a prompt is too long, or an answer, is another matter.
    fn wants_another_name(&self, name: &str) -> bool {
        let too_long = ["context length", "too large", "too long", "exceed"];
        !too_long.iter().any(|sign| self.text.contains(sign))
            && (self.unknown() || words(&self.text).any(|word| word == name))
    }

    /// A number of alternatives below `top` that the server may take; 0 if none.
    fn lower_than(&self, field: &str, top: u8) -> u8 {
        if self.unknown() {
            return 0;
        }
        let numbers = self.text.split(|c: char| !c.is_ascii_digit());
        let lower = numbers.filter_map(|n| n.parse::<u8>().ok()).filter(|n| *n < top).max();
        // Most servers that limit the alternatives allow five.
        lower.unwrap_or(if field == "top_logprobs" && top > 5 { 5 } else { 0 })
    }
}

fn sentence(text: &str) -> String {
    text.to_lowercase().replace('’', "'")
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
}

fn collect(value: &Value, depth: usize, text: &mut String) {
    match value {
        Value::String(said) => {
            text.push_str(said);
            text.push('\n');
        }
        Value::Array(values) if depth > 0 => {
            values.iter().for_each(|value| collect(value, depth - 1, text));
        }
        Value::Object(object) if depth > 0 => {
            let saying = object.iter().filter(|(key, _)| SAYING.contains(&key.as_str()));
            saying.for_each(|(_, value)| collect(value, depth - 1, text));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(top_logprobs: Option<u8>) -> Asked<'static> {
        Asked {
            model: "m",
            prompt: "seed or temperature?".into(),
            max_tokens: 16,
            temperature: 0.0,
            top_logprobs,
            vote: 0,
        }
    }

    fn change(fields: &mut Fields, body: &str) -> Option<Adapted> {
        fields.give_way(&Told::read(body), &asked(Some(20)), Api::Chat)
    }

    const LOGPROBS: Adapted = Adapted::Dropped { field: "logprobs" };
    const RENAMED: Adapted = Adapted::Renamed { field: "max_tokens", to: "max_completion_tokens" };

    /// Sentences of OpenAI, Azure, vLLM, Gaudi, TGI, llama.cpp, Groq, Mistral, Anthropic, FastAPI and others.
    #[test]
    fn the_field_is_found_in_what_servers_say() {
        let lowered = |field, to| Some(Adapted::Lowered { field, to });
        let dropped = |field| Some(Adapted::Dropped { field });
        for (body, expected) in [
            (
                r#"{"error":{"message":"Gaudi doesn't support logprobs. Please remove 'logprobs'/'top_logprobs' from your request to receive a response.","param":null,"code":400}}"#,
                Some(LOGPROBS),
            ),
            (
                r#"{"error":{"message":"Requested sample logprobs of 20, which is greater than max allowed: 5","param":null}}"#,
                lowered("logprobs", 5),
            ),
            (
                r#"{"error":{"message":"Invalid value for 'top_logprobs': must be less than or equal to 5.","param":"top_logprobs"}}"#,
                lowered("top_logprobs", 5),
            ),
            (
                r#"{"error":{"message":"Invalid value.","param":"top_logprobs"}}"#,
                lowered("top_logprobs", 5),
            ),
            (
                r#"{"error":{"message":"`logprobs` is not supported with this model","type":"invalid_request_error"}}"#,
                Some(LOGPROBS),
            ),
            (
                r#"{"error":{"message":"This model does not support the 'logprobs' parameter.","param":"logprobs","code":"unsupported_parameter"}}"#,
                Some(LOGPROBS),
            ),
            (
                r#"{"error":"Input validation error: `logprobs` must be int","error_type":"validation"}"#,
                Some(LOGPROBS),
            ),
            (
                r#"{"error":{"message":"Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.","param":"max_tokens","code":"unsupported_parameter"}}"#,
                Some(RENAMED),
            ),
            (
                r#"{"error":{"message":"Unsupported value: 'temperature' does not support 0 with this model. Only the default (1) value is supported.","param":"temperature"}}"#,
                dropped("temperature"),
            ),
            (
                r#"{"type":"error","error":{"type":"invalid_request_error","message":"`temperature` is deprecated for this model."}}"#,
                dropped("temperature"),
            ),
            (
                r#"{"object":"error","message":"[{'type': 'extra_forbidden', 'loc': ('body', 'seed'), 'msg': 'Extra inputs are not permitted'}]"}"#,
                dropped("seed"),
            ),
            (
                r#"{"detail":[{"type":"extra_forbidden","loc":["body","seed"],"msg":"Extra inputs are not permitted","input":0}]}"#,
                dropped("seed"),
            ),
            ("Unknown field: seed", dropped("seed")),
            // Not about a field.
            (
                r#"{"error":{"message":"This model's maximum context length is 4096 tokens. However, you requested 5000 tokens.","param":"messages"}}"#,
                None,
            ),
            (
                r#"{"error":{"message":"'max_tokens' or 'max_completion_tokens' is too large: 16. This model's maximum context length is 10","param":null}}"#,
                None,
            ),
            (
                r#"{"error":{"message":"The response was filtered: the seed of doubt","param":"prompt","code":"content_filter"}}"#,
                None,
            ),
            (
                r#"{"detail":[{"loc":["body","model"],"msg":"no such model","input":{"seed":0,"temperature":0.0}}]}"#,
                None,
            ),
            ("", None),
            ("{\"error\":{\"message\":", None),
        ] {
            assert_eq!(change(&mut Fields::default(), body), expected, "{body}");
        }
    }

    /// Whatever a server says again and again, there is an end.
    #[test]
    fn a_server_that_refuses_everything_is_left_soon() {
        let all =
            "logprobs top_logprobs max_tokens max_completion_tokens temperature seed 19 18 17";
        let mut fields = Fields::default();
        let changes = (0..50).take_while(|_| change(&mut fields, all).is_some()).count();
        assert_eq!(changes, 8, "20 to 19, 18, 17 and 5, none; the name; temperature; seed");
        let without = fields.give_way(&Told::read(all), &asked(None), Api::Messages);
        assert_eq!(without, None);
    }

    #[test]
    fn what_was_not_sent_is_not_blamed() {
        let mut fields = Fields::default();
        let told = Told::read("logprobs are unsupported");
        assert_eq!(fields.give_way(&told, &asked(None), Api::Chat), None);
        assert_eq!(fields.give_way(&told, &asked(Some(20)), Api::Messages), None);
        let told = Told::read("seed is unknown");
        assert_eq!(fields.give_way(&told, &asked(None), Api::Messages), None);
    }
}
