//! One request over HTTP, tried again while that may help.

use std::error::Error as _;
use std::fmt;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, SystemTime};

use backon::{BackoffBuilder, ExponentialBuilder};
use reqwest::blocking::{Client as Http, Response};
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{StatusCode, Url};
use serde::Deserialize;

use super::limits::{Gate, Spending, pause};
use super::{Endpoint, Fault, StopReason};
use crate::{Error, ErrorKind};

/// The longest backoff.
const LONGEST_BACKOFF: Duration = Duration::from_secs(60);
/// The longest `Retry-After` that is waited for.
const LONGEST_WAIT: Duration = Duration::from_secs(600);
/// Characters of a server's error message that are shown.
const SHOWN: usize = 300;

pub(super) struct Client<'a> {
    http: Http,
    url: Url,
    key: Option<Key>,
    endpoint: &'a Endpoint,
    gate: Gate,
    pub(super) spending: &'a Spending,
    stop: &'a AtomicBool,
}

/// What a request came to.
pub(super) enum Sent {
    Answer(String),
    Failed(Fault),
    Stopped(StopReason),
}

/// What one try came to, if not an answer.
enum Setback {
    /// Another try may help, after a time that the server may have named.
    Passing(Fault, Option<Duration>),
    /// The same request would fail again.
    Lasting(Fault),
    /// Every request would.
    Refused(Fault),
}

/// A key, kept out of debugging output.
struct Key(String);

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(..)")
    }
}

/// The address of the requests.
pub(super) fn address(base_url: &str) -> Result<Url, Error> {
    // The address is not shown: it may hold a password.
    let refuse = |rule| {
        let remedy = "`https://host/v1` for example; a key belongs into an environment variable";
        Err(Error::new(ErrorKind::Setting, format!("the base URL {rule}: {remedy}")))
    };
    let Ok(url) = Url::parse(&format!("{}/chat/completions", base_url.trim_end_matches('/')))
    else {
        return refuse("is no address");
    };
    if !matches!(url.scheme(), "http" | "https") {
        return refuse("is neither http nor https");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return refuse("holds a user or a password");
    }
    if url.query().is_some() || url.fragment().is_some() {
        return refuse("has a query or a fragment");
    }
    Ok(url)
}

impl Key {
    fn read(variable: &str) -> Result<Self, Error> {
        let refuse = |fault| {
            let remedy = "set it to the key of the endpoint";
            let message = format!("the environment variable `{variable}` {fault}: {remedy}");
            Err(Error::new(ErrorKind::Missing, message))
        };
        match std::env::var(variable) {
            Err(std::env::VarError::NotPresent) => refuse("is not set"),
            Err(std::env::VarError::NotUnicode(_)) => refuse("is no text"),
            Ok(key) if key.trim().is_empty() => refuse("is empty"),
            Ok(key) if !key.trim().bytes().all(|byte| byte.is_ascii_graphic()) => {
                refuse("holds white space or other characters that no key has")
            }
            Ok(key) => Ok(Self(key.trim().to_owned())),
        }
    }
}

impl<'a> Client<'a> {
    /// Reads the key, sends nothing yet.
    pub(super) fn new(
        endpoint: &'a Endpoint,
        spending: &'a Spending,
        stop: &'a AtomicBool,
    ) -> Result<Self, Error> {
        let timeout = Duration::from_secs_f64(endpoint.timeout_seconds);
        let http = Http::builder()
            .timeout(timeout)
            .redirect(Policy::none())
            .user_agent(concat!("alfm/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|source| {
                Error::new(ErrorKind::System, "no HTTP client can be made").because(source)
            })?;
        let key = endpoint.key_variable.as_deref().map(Key::read).transpose()?;
        let (url, gate) = (address(&endpoint.base_url)?, Gate::new(endpoint.requests_per_minute));
        Ok(Self { http, url, key, endpoint, gate, spending, stop })
    }

    /// Sends a request until it is answered, the retries are used up or the budget is.
    pub(super) fn send(&self, body: &str) -> Result<Sent, Error> {
        let backoff = ExponentialBuilder::new()
            .with_jitter()
            .with_min_delay(Duration::from_secs_f64(self.endpoint.backoff_seconds))
            .with_max_delay(LONGEST_BACKOFF)
            .with_max_times(self.endpoint.retries);
        let mut delays = backoff.build();
        loop {
            if !self.gate.wait(self.stop) {
                return Ok(Sent::Stopped(StopReason::Interrupted));
            }
            if !self.spending.take_request() {
                return Ok(Sent::Stopped(StopReason::Budget));
            }
            let (fault, after) = match self.attempt(body) {
                Ok(answer) => return Ok(Sent::Answer(answer)),
                Err(Setback::Refused(fault)) => {
                    let remedy = "check base URL, model and key";
                    let message = format!("the endpoint refuses requests: {fault}; {remedy}");
                    return Err(Error::new(ErrorKind::Network, message));
                }
                Err(Setback::Lasting(fault)) => return Ok(Sent::Failed(fault)),
                Err(Setback::Passing(fault, after)) => (fault, after),
            };
            let Some(delay) = delays.next() else { return Ok(Sent::Failed(fault)) };
            self.spending.add_retry();
            match after {
                // The server speaks to all: the gate holds the other threads, too.
                Some(after) => self.gate.hold(after.min(LONGEST_WAIT)),
                None if !pause(delay, self.stop) => {
                    return Ok(Sent::Stopped(StopReason::Interrupted));
                }
                None => {}
            }
        }
    }

    fn attempt(&self, body: &str) -> Result<String, Setback> {
        let mut request = self
            .http
            .post(self.url.clone())
            .header(CONTENT_TYPE, "application/json")
            .body(body.to_owned());
        if let Some(Key(key)) = &self.key {
            request = request.bearer_auth(key);
        }
        let response = request.send().map_err(|error| self.lost(error))?;
        let (status, after) = (response.status(), retry_after(&response));
        let bytes = response.bytes().map_err(|error| self.lost(error))?;
        let text = self.without_key(String::from_utf8_lossy(&bytes).into_owned());
        if status == StatusCode::OK {
            return Ok(text);
        }
        let fault = Fault::Status { status: status.as_u16(), message: message(&text) };
        Err(match status.as_u16() {
            408 | 429 | 500.. => Setback::Passing(fault, after),
            ..=399 | 401 | 403 | 404 => Setback::Refused(fault),
            _ => Setback::Lasting(fault),
        })
    }

    fn lost(&self, error: reqwest::Error) -> Setback {
        let fault = if error.is_timeout() {
            Fault::Timeout { seconds: self.endpoint.timeout_seconds.ceil() as u64 }
        } else {
            let error = error.without_url();
            let mut message = error.to_string();
            let mut cause = error.source();
            while let Some(error) = cause {
                message = format!("{message}: {error}");
                cause = error.source();
            }
            Fault::Connection { message: self.without_key(message) }
        };
        Setback::Passing(fault, None)
    }

    /// A server may repeat what it was sent.
    fn without_key(&self, text: String) -> String {
        match &self.key {
            Some(Key(key)) => text.replace(key, "[key]"),
            None => text,
        }
    }
}

/// `Retry-After`, in seconds or as a date.
fn retry_after(response: &Response) -> Option<Duration> {
    let value = response.headers().get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(value).ok()?;
    Some(date.duration_since(SystemTime::now()).unwrap_or_default())
}

/// The message of an error in the protocol's form, or the beginning of another.
fn message(body: &str) -> String {
    #[derive(Deserialize)]
    struct Failed {
        error: Message,
    }
    #[derive(Deserialize)]
    struct Message {
        message: String,
    }
    let told = serde_json::from_str::<Failed>(body).map(|failed| failed.error.message);
    told.unwrap_or_else(|_| body.trim().to_owned()).chars().take(SHOWN).collect()
}
