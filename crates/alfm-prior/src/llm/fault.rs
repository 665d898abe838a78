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
