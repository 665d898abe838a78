//! The prior of a language model, asked over an endpoint in one of three forms ([`Api`]): OpenAI's chat, plain
//! completions, or Anthropic's messages.
//!
//! [`LlmPrior::ask`] puts one [`Question`] per item: which of the numbered classes is it? An item's class
//! probabilities are a function of the raw answers, and those are kept in an [`AnswerCache`]: a run that was
//! stopped goes on where it was, and what is cached is never asked again, whatever the endpoint would say today.
//!
//! # What counts as an answer
//!
//! Thinking (`<think>` and the like) is left out. An answer counts, in this order, if it is the number of a class, its
//! name or both; if its first line is, or it begins with a number; if it says which class is its answer ("the class is
//! 2", `{"label": "refund"}`); or if it names one class only. Case, markup, quotes and brackets do not matter.
//! Nothing is guessed: what is denied ("not 2") does not count, and what names several classes, refuses, or contradicts
//! itself leaves its item uniform, and the [`LlmReport`] lists it. A text that was cut off by the limit on its tokens
//! counts if it begins with its answer or marks it; otherwise it is no answer, as is a body that does not follow the
//! protocol, and is not cached. [`Question::class_of`] reads an answer that somebody else got.
//!
//! # What endpoints refuse
//!
//! Endpoints differ in the fields that they take. One that refuses a request with status 400 or 422 and names a field
//! is asked without it from then on, or with less of it: `logprobs`, whose number is lowered before items are voted on
//! instead, `max_tokens`, which is sent as `max_completion_tokens`, `temperature` and `seed`. [`LlmReport::adapted`]
//! lists that.
//!
//! # Probabilities from token log-probabilities
//!
//! The first request of an item is greedy and asks for the most likely tokens at every position. Those count from the
//! one in which the number or name of the class begins that decides the answer; what is said before it is taken as
//! given. Along the tokens `g_1 .. g_T` that the model chose from there on, each alternative `a` at position `t` stands for all answers that
//! begin with `x = g_1 .. g_(t-1) a`; their probability is
//! `P(x) = P(g_1) P(g_2 | g_1) .. P(a | g_1 .. g_(t-1))`.
//!
//! * Numbers are zero-padded to one width, so that none begins another; models that leave the zeros out are read with
//!   that in mind. `P(x)` is shared evenly by the classes
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
mod api;
mod cache;
mod client;
mod fault;
mod fields;
mod limits;
mod mentions;
mod printable;
mod question;
mod reading;
mod report;
mod run;
mod settings;
mod thinking;
mod tokens;

pub use api::Api;
pub use cache::AnswerCache;
pub use fault::Fault;
pub use fields::Adapted;
pub use question::{COMPLETION_TEMPLATE, ClassText, DEFAULT_TEMPLATE, Question};
pub use report::{FailedItem, LlmAnswers, LlmReport, StopReason};
pub use run::{LlmPrior, Watch};
pub use settings::{Budget, Endpoint};
