use std::error::Error;
use std::path::PathBuf;

use crate::PriorError;

/// Why a language model could not be asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LlmError {
    /// Classes that are no classes.
    #[error(transparent)]
    Input(#[from] PriorError),
    /// A setting outside its range.
    #[error("`{name}` is {value}: {rule}")]
    Setting {
        /// Name of the setting.
        name: &'static str,
        /// Its value.
        value: String,
        /// What it must be.
        rule: &'static str,
    },
    /// An address that is none, or that holds what belongs elsewhere.
    #[error(
        "the base URL {rule}: `https://host/v1` for example; a key belongs into an environment variable"
    )]
    BaseUrl {
        /// What is wrong; the address is not shown, because it may hold a password.
        rule: &'static str,
    },
    /// A template that leaves out what it is for.
    #[error(
        "the template lacks `{placeholder}`: it must say where the item's text and the classes go"
    )]
    Template {
        /// What is missing.
        placeholder: &'static str,
    },
    /// No key where one was promised.
    #[error("the environment variable `{variable}` {fault}: set it to the key of the endpoint")]
    Key {
        /// The variable.
        variable: String,
        /// What is wrong with its value, which is not shown.
        fault: &'static str,
    },
    /// A cache that cannot be read or written.
    #[error("the cache {} cannot be {action}", path.display())]
    Cache {
        /// Its file.
        path: PathBuf,
        /// What was tried.
        action: &'static str,
        /// Why it failed.
        source: Box<dyn Error + Send + Sync>,
    },
    /// A database of something else, or of another version.
    #[error("{} is no cache of answers of version {expected}: name another file", path.display())]
    CacheFormat {
        /// The file.
        path: PathBuf,
        /// The version that is read.
        expected: i32,
    },
    /// No client for the network.
    #[error("no HTTP client can be made")]
    Client(#[source] Box<dyn Error + Send + Sync>),
    /// An endpoint that turns every request away.
    #[error("the endpoint refuses requests: {fault}; check base URL, model and key")]
    Refused {
        /// What it said.
        fault: Fault,
    },
    /// An endpoint that fails again and again; what was answered is in the cache.
    #[error("{items} items in a row failed, the last: {fault}; run again to go on")]
    GaveUp {
        /// Items in a row, each after all its retries.
        items: usize,
        /// The last failure.
        fault: Fault,
    },
}

/// Why a request has no answer.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, thiserror::Error)]
#[serde(rename_all = "kebab-case", tag = "kind")]
#[non_exhaustive]
pub enum Fault {
    /// The server answered with an error.
    #[error("status {status}: {message}")]
    Status {
        /// The HTTP status.
        status: u16,
        /// The beginning of what it said.
        message: String,
    },
    /// The server took too long.
    #[error("no answer within {seconds} s")]
    Timeout {
        /// How long it had.
        seconds: u64,
    },
    /// The connection failed, or ended within an answer.
    #[error("the connection failed: {message}")]
    Connection {
        /// How.
        message: String,
    },
}
