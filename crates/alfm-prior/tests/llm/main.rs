//! The prior of a language model, against a local server that speaks the protocol.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod faults;
mod forms;
mod probabilities;
mod refusals;
mod secrets;
mod server;
mod stopping;

use std::path::Path;
use std::sync::atomic::AtomicBool;

use alfm_prior::Error;
use alfm_prior::llm::{AnswerCache, ClassText, Endpoint, LlmAnswers, LlmPrior, Question, Watch};

/// Classes that their names explain.
fn classes(names: &[&str]) -> Vec<ClassText> {
    names.iter().map(|name| ClassText::new(*name)).collect()
}

fn question() -> Question {
    Question::new(&classes(&["entity", "human", "number"])).unwrap()
}

/// Quick retries, one request at a time.
fn endpoint(url: &str) -> Endpoint {
    Endpoint::new(url, "test-model").with_retries(3, 0.01).with_concurrency(1)
}

fn cache(folder: &Path) -> AnswerCache {
    AnswerCache::open(&folder.join("answers.sqlite")).unwrap()
}

fn ask(prior: &LlmPrior, texts: &[&str], cache: &AnswerCache) -> Result<LlmAnswers, Error> {
    let watch = Watch { stop: &AtomicBool::new(false), progress: &|_, _| {} };
    prior.ask(texts, cache, &watch)
}

/// One question, one text, a fresh cache.
fn ask_one(url: &str, question: Question) -> LlmAnswers {
    let folder = tempfile::tempdir().unwrap();
    let prior = LlmPrior::new(endpoint(url), question).unwrap();
    ask(&prior, &["What is a caldera?"], &cache(folder.path())).unwrap()
}

fn close(found: &[f32], expected: &[f64]) {
    assert_eq!(found.len(), expected.len());
    for (a, b) in found.iter().zip(expected) {
        assert!((f64::from(*a) - b).abs() < 1e-6, "{found:?}, not {expected:?}");
    }
}
