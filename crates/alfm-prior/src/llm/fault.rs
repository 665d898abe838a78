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
    /// An answer that does not follow the protocol, or says nothing at all.
    #[error("status 200, but no answer: {message}")]
    Malformed {
        /// The beginning of what it was.
        message: String,
    },
    /// An answer that was cut off before it named a class.
    #[error("the answer was cut off before it named a class: allow more tokens for an answer")]
    Cut,
    /// An answer longer than any that is read.
    #[error("the answer is longer than {limit} bytes")]
    TooLong {
        /// The most that is read.
        limit: usize,
    },
    /// The connection failed, or ended within an answer.
    #[error("the connection failed: {message}")]
    Connection {
        /// How.
        message: String,
    },
}
