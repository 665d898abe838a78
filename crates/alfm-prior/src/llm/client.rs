//! One request over HTTP, tried again while that may help.

use std::error::Error as _;
use std::fmt;
use std::io::Read;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use backon::{BackoffBuilder, ExponentialBuilder};
use reqwest::blocking::{Client as Http, Response};
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{StatusCode, Url};
use serde_json::Value;

use super::api::{Api, Asked};
use super::fields::{Adapted, Fields, Told};
use super::limits::{Gate, Spending, pause};
use super::printable::printable;
use super::{Endpoint, Fault, StopReason};
use crate::{Error, ErrorKind};

/// The longest backoff.
const LONGEST_BACKOFF: Duration = Duration::from_secs(60);
/// The longest `Retry-After` that is waited for.
const LONGEST_WAIT: Duration = Duration::from_secs(600);
/// Characters of a server's error message that are shown.
const SHOWN: usize = 300;
/// The longest answer that is read, in bytes; those of a few tokens have a thousandth of it.
const LONGEST_BODY: usize = 4 << 20;
/// The version of Anthropic's form.
const ANTHROPIC_VERSION: &str = "2023-06-01";

pub(super) struct Client<'a> {
    http: Http,
    url: Url,
    key: Option<Key>,
    endpoint: &'a Endpoint,
    gate: Gate,
    /// What the endpoint takes, as far as it is known, and how that came to be known.
    fields: Mutex<(Fields, Vec<Adapted>)>,
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
    /// So it would, but another without some of its fields may not.
    Field(Fault, Told),
    /// The caller stopped it.
    Stopped,
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
pub(super) fn address(base_url: &str, api: Api) -> Result<Url, Error> {
    // The address is not shown: it may hold a password.
    let refuse = |rule| {
        let remedy = "`https://host/v1` for example; a key belongs into an environment variable";
        Err(Error::new(ErrorKind::Setting, format!("the base URL {rule}: {remedy}")))
    };
    let Ok(url) = Url::parse(&format!("{}/{}", base_url.trim_end_matches('/'), api.path())) else {
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
        let url = address(&endpoint.base_url, endpoint.api)?;
        let (gate, fields) = (Gate::new(endpoint.requests_per_minute), Mutex::default());
        Ok(Self { http, url, key, endpoint, gate, fields, spending, stop })
    }

    /// What the endpoint refused so far, and what it is sent in its place.
    pub(super) fn adapted(&self) -> Vec<Adapted> {
        self.fields.lock().unwrap_or_else(PoisonError::into_inner).1.clone()
    }

    /// Sends a request until it is answered, the retries are used up or the budget is.
    pub(super) fn send(&self, asked: &Asked<'_>) -> Result<Sent, Error> {
        let backoff = ExponentialBuilder::new()
            .with_jitter()
            .with_min_delay(Duration::from_secs_f64(self.endpoint.backoff_seconds))
            .with_max_delay(LONGEST_BACKOFF)
            .with_max_times(self.endpoint.retries);
        let mut delays = backoff.build();
        let mut again = false;
        loop {
            if let Err(reason) = self.gate.wait(|| self.over()) {
                return Ok(Sent::Stopped(reason));
            }
            if !self.spending.take_request() {
                return Ok(Sent::Stopped(StopReason::Budget));
            }
            if std::mem::take(&mut again) {
                self.spending.add_retry();
            }
            let fields = self.fields.lock().unwrap_or_else(PoisonError::into_inner).0.clone();
            let (fault, after) = match self.attempt(&asked.body(self.endpoint.api, &fields)) {
                Ok(answer) => return Ok(Sent::Answer(answer)),
                Err(Setback::Refused(fault)) => {
                    let remedy = "check base URL, form, model and key";
                    let message = format!("the endpoint refuses requests: {fault}; {remedy}");
                    return Err(Error::new(ErrorKind::Network, message));
                }
                Err(Setback::Field(_, told)) if self.gives_way(&fields, &told, asked) => continue,
                Err(Setback::Lasting(fault) | Setback::Field(fault, _)) => {
                    return Ok(Sent::Failed(fault));
                }
                Err(Setback::Stopped) => return Ok(Sent::Stopped(StopReason::Interrupted)),
                Err(Setback::Passing(fault, after)) => (fault, after),
            };
            let Some(delay) = delays.next() else { return Ok(Sent::Failed(fault)) };
            match after {
                // The server speaks to all: the gate holds the other threads, too.
                Some(after) => self.gate.hold(after.min(LONGEST_WAIT)),
                None => {
                    if let Err(reason) = pause(delay, || self.over()) {
                        return Ok(Sent::Stopped(reason));
                    }
                }
            }
            again = true;
        }
    }

    /// Why nothing more can be sent, if so.
    fn over(&self) -> Option<StopReason> {
        if self.stop.load(Ordering::Relaxed) {
            return Some(StopReason::Interrupted);
        }
        self.spending.is_exhausted().then_some(StopReason::Budget)
    }

    /// Whether a request that was refused can be sent in another way.
    fn gives_way(&self, sent: &Fields, told: &Told, asked: &Asked<'_>) -> bool {
        let mut known = self.fields.lock().unwrap_or_else(PoisonError::into_inner);
        let (fields, adapted) = &mut *known;
        // Another thread was told the same before.
        if fields != sent {
            return true;
        }
        let change = fields.give_way(told, asked, self.endpoint.api);
        let gave = change.is_some();
        adapted.extend(change);
        gave
    }

    fn attempt(&self, body: &str) -> Result<String, Setback> {
        let mut request = self
            .http
            .post(self.url.clone())
            .header(CONTENT_TYPE, "application/json")
            .body(body.to_owned());
        let anthropic = self.endpoint.api == Api::Messages;
        if anthropic {
            request = request.header("anthropic-version", ANTHROPIC_VERSION);
        }
        if let Some(Key(key)) = &self.key {
            request = match anthropic {
                true => request.header("x-api-key", key),
                false => request.bearer_auth(key),
            };
        }
        let begun = Instant::now();
        let response = request.send().map_err(|error| self.lost(error))?;
        let (status, after) = (response.status(), retry_after(&response));
        let bytes = self.body(response, begun)?;
        let text = self.without_key(String::from_utf8_lossy(&bytes).into_owned());
        if status == StatusCode::OK {
            return Ok(text);
        }
        let fault = Fault::Status { status: status.as_u16(), message: message(&text) };
        Err(match status.as_u16() {
            408 | 429 | 500.. => Setback::Passing(fault, after),
            ..=399 | 401 | 403 | 404 => Setback::Refused(fault),
            400 | 422 => Setback::Field(fault, Told::read(&text)),
            _ => Setback::Lasting(fault),
        })
    }

    /// The body of an answer, of which neither length nor time is without bound: the timeout is of the whole answer.
    fn body(&self, mut response: Response, begun: Instant) -> Result<Vec<u8>, Setback> {
        let (mut bytes, mut part) = (Vec::new(), vec![0; 16 << 10]);
        loop {
            let read = response.read(&mut part).map_err(|error| self.lost_within(error))?;
            if read == 0 {
                return Ok(bytes);
            }
            bytes.extend_from_slice(&part[..read]);
            if bytes.len() > LONGEST_BODY {
                return Err(Setback::Lasting(Fault::TooLong { limit: LONGEST_BODY }));
            }
            if begun.elapsed().as_secs_f64() > self.endpoint.timeout_seconds {
                return Err(Setback::Passing(self.timeout(), None));
            }
            if self.stop.load(Ordering::Relaxed) {
                return Err(Setback::Stopped);
            }
        }
    }

    fn timeout(&self) -> Fault {
        Fault::Timeout { seconds: self.endpoint.timeout_seconds.ceil() as u64 }
    }

    /// The connection was lost within an answer.
    fn lost_within(&self, error: std::io::Error) -> Setback {
        match error.downcast::<reqwest::Error>() {
            Ok(error) => self.lost(error),
            Err(error) => {
                let message = printable(&self.without_key(error.to_string()));
                Setback::Passing(Fault::Connection { message }, None)
            }
        }
    }

    fn lost(&self, error: reqwest::Error) -> Setback {
        let fault = if error.is_timeout() {
            self.timeout()
        } else {
            let error = error.without_url();
            let mut message = error.to_string();
            let mut cause = error.source();
            while let Some(error) = cause {
                message = format!("{message}: {error}");
                cause = error.source();
            }
            Fault::Connection { message: printable(&self.without_key(message)) }
        };
        Setback::Passing(fault, None)
    }

    /// A server may repeat what it was sent.
    fn without_key(&self, text: String) -> String {
        match &self.key {
            // Also as JSON may write it.
            Some(Key(key)) => text.replace(key, "[key]").replace(&key.replace('/', r"\/"), "[key]"),
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

/// The message of an error in one of the protocols' forms, or the beginning of another.
fn message(body: &str) -> String {
    let told = serde_json::from_str::<Value>(body).ok().and_then(|value| {
        let error = value.get("error").unwrap_or(&value);
        let message = error.get("message").or_else(|| value.get("message")).unwrap_or(error);
        message.as_str().map(str::to_owned)
    });
    told.as_deref().map_or_else(|| shown(body), shown)
}

/// The beginning of what a server said, as it can be printed.
pub(super) fn shown(text: &str) -> String {
    printable(&text.trim().chars().take(SHOWN).collect::<String>())
}
