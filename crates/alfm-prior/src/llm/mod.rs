//! The prior of a language model, asked over an OpenAI-compatible endpoint (`POST {base}/chat/completions`).
//!
//! [`LlmPrior::ask`] puts one [`Question`] per item: which of the numbered classes is it? An item's class
//! probabilities are a function of the raw answers, and those are kept in an [`AnswerCache`]: a run that was
//! stopped goes on where it was, and what is cached is never asked again, whatever the endpoint would say today.
//!
//! An answer counts if it is the number of a class, its name, or both as they stand in the prompt; case, white
//! space, quotes and full stops around it do not matter. Nothing is guessed: a refusal, an answer that names no
//! class or does not follow the protocol leaves its item uniform, and the [`LlmReport`] lists it.
//!
//! # Probabilities from token log-probabilities
//!
//! The first request of an item is greedy and asks for the most likely tokens at every position. Along the
//! tokens `g_1 .. g_T` that the model chose, each alternative `a` at position `t` stands for all answers that
//! begin with `x = g_1 .. g_(t-1) a`; their probability is
//! `P(x) = P(g_1) P(g_2 | g_1) .. P(a | g_1 .. g_(t-1))`.
//!
//! * Numbers are zero-padded to one width, so that none begins another. `P(x)` is shared evenly by the classes
//!   whose number or name begins with `x`: one, where `x` is a whole number or decides between names; several
//!   where a tokenizer splits them (`1` may begin `10` to `19`).
//! * The chosen tokens are followed until one class is left, whose `P(g_1 .. g_t)` goes to that class: an answer of
//!   several tokens counts as their product, not as its first.
//! * The mass that is left, on tokens that begin no class or are not among the most likely, is spread evenly over
//!   all classes: `p_k = c_k + (1 - sum_j c_j) / K`.
//!
//! # Probabilities from votes
//!
//! Where an answer comes without log-probabilities that describe it, it is one vote, and more are asked, with
//! another seed each: `p_k = (n_k + s / K) / (n + s)` with the `n` votes that name a class.
//!
//! # The key
//!
//! The key of the endpoint is read from an environment variable when the first request is sent. It is in no
//! setting, error, report, or debugging output, redirections are not followed, and an answer that repeats it
//! is kept without it.

mod answer;
mod cache;
mod client;
mod fault;
mod limits;
mod question;
mod report;
mod run;
mod settings;
mod tokens;

pub use cache::AnswerCache;
pub use fault::Fault;
pub use question::{ClassText, DEFAULT_TEMPLATE, Question};
pub use report::{FailedItem, LlmAnswers, LlmReport, StopReason};
pub use run::{LlmPrior, Watch};
pub use settings::{Budget, Endpoint};
