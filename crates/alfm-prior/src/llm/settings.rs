use serde::{Deserialize, Serialize};

use super::Api;
use crate::Error;

/// Where the model is, and how it may be asked; nothing here but the model's name and the form changes an answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Endpoint {
    /// What `/chat/completions`, or the path of another form, is appended to: `https://host/v1`.
    pub base_url: String,
    /// The form in which it is asked; by default a chat.
    #[serde(default)]
    pub api: Api,
    /// The model's name there.
    pub model: String,
    /// The environment variable that holds the key, in capitals; without it requests carry none.
    #[serde(default)]
    pub key_variable: Option<String>,
    /// Requests at a time; default 4.
    #[serde(default = "four")]
    pub concurrency: usize,
    /// Requests a minute, evenly spaced; by default as many as are answered.
    #[serde(default)]
    pub requests_per_minute: Option<u32>,
    /// How often a request is tried again after status 408, 429 or 5xx, a timeout or a lost connection; default 5.
    #[serde(default = "five")]
    pub retries: usize,
    /// Seconds before the first retry, doubled for each further one up to 60 and lengthened by up to as much again
    /// at random; default 1. A `Retry-After` of the server, up to ten minutes, is waited for instead, by all.
    #[serde(default = "second")]
    pub backoff_seconds: f64,
    /// Seconds until a request counts as lost; default 60.
    #[serde(default = "minute")]
    pub timeout_seconds: f64,
}

impl Endpoint {
    /// A model at an address, without a key.
    pub fn new(base_url: impl Into<String>, model: impl Into<String>) -> Self {
        Self {
            base_url: base_url.into(),
            api: Api::default(),
            model: model.into(),
            key_variable: None,
            concurrency: four(),
            requests_per_minute: None,
            retries: five(),
            backoff_seconds: second(),
            timeout_seconds: minute(),
        }
    }

    /// Sets the form in which it is asked.
    #[must_use]
    pub fn with_api(mut self, api: Api) -> Self {
        self.api = api;
        self
    }

    /// Names the environment variable of the key.
    #[must_use]
    pub fn with_key_variable(mut self, variable: impl Into<String>) -> Self {
        self.key_variable = Some(variable.into());
        self
    }

    /// Sets the number of requests at a time.
    #[must_use]
    pub fn with_concurrency(mut self, concurrency: usize) -> Self {
        self.concurrency = concurrency;
        self
    }

    /// Sets the requests a minute.
    #[must_use]
    pub fn with_requests_per_minute(mut self, requests: u32) -> Self {
        self.requests_per_minute = Some(requests);
        self
    }

    /// Sets the retries, and the seconds before the first.
    #[must_use]
    pub fn with_retries(mut self, retries: usize, backoff_seconds: f64) -> Self {
        self.retries = retries;
        self.backoff_seconds = backoff_seconds;
        self
    }

    /// Sets the seconds until a request counts as lost.
    #[must_use]
    pub fn with_timeout_seconds(mut self, seconds: f64) -> Self {
        self.timeout_seconds = seconds;
        self
    }

    pub(super) fn check(&self) -> Result<(), Error> {
        let setting = |name, value: &str, rule| Err(Error::setting(name, value, rule));
        if self.model.trim().is_empty() {
            return setting("model", "empty", "name a model of the endpoint");
        }
        let variable = |name: &String| {
            let mut bytes = name.bytes();
            bytes.next().is_some_and(|first| first.is_ascii_uppercase() || first == b'_')
                && bytes.all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
        };
        if !self.key_variable.as_ref().is_none_or(variable) {
            // It may be the key itself.
            let rule = "name an environment variable, in capitals, digits and underscores";
            return setting("key_variable", "not such a name", rule);
        }
        if self.concurrency == 0 {
            return setting("concurrency", "0", "at least one request at a time");
        }
        if self.requests_per_minute == Some(0) {
            return setting("requests_per_minute", "0", "at least one, or leave it out");
        }
        for (name, seconds) in
            [("backoff_seconds", self.backoff_seconds), ("timeout_seconds", self.timeout_seconds)]
        {
            if !(seconds > 0.0 && seconds <= 86_400.0) {
                return setting(name, &seconds.to_string(), "above 0 and at most a day");
            }
        }
        Ok(())
    }
}

/// What a run may use; a run that reaches it stops, and what is answered is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct Budget {
    /// Requests, retries among them; 0 answers from the cache alone.
    pub requests: Option<u64>,
    /// Tokens of prompts and answers, as the endpoint counts them. Requests that are under way when it is reached
    /// are still answered, and exceed it.
    pub tokens: Option<u64>,
}

impl Budget {
    /// Sets the most requests.
    #[must_use]
    pub fn with_requests(mut self, requests: u64) -> Self {
        self.requests = Some(requests);
        self
    }

    /// Sets the most tokens.
    #[must_use]
    pub fn with_tokens(mut self, tokens: u64) -> Self {
        self.tokens = Some(tokens);
        self
    }
}

fn four() -> usize {
    4
}

fn five() -> usize {
    5
}

fn second() -> f64 {
    1.0
}

fn minute() -> f64 {
    60.0
}
