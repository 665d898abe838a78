//! Budgets, stops, resumption, and the same bytes from the same cache.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use alfm_core::Digest;
use alfm_prior::ErrorKind;
use alfm_prior::llm::{
    AnswerCache, Budget, Endpoint, LlmAnswers, LlmPrior, Question, StopReason, Watch,
};

use crate::server::{Reply, Seen, Server, says, says_with};
use crate::{ask, cache, endpoint, question};

/// Ten texts, of which every third is voted on; what is said depends on text and seed alone.
fn reply(seen: &Seen, _: usize) -> Reply {
    let digest = Digest::of(seen.prompt()).to_string();
    let number = usize::from(digest.as_bytes()[0]);
    if seen.prompt().contains("vote") {
        let seed = seen.body["seed"].as_u64().unwrap() as usize;
        return says(["1", "2", "3"][(number + seed) % 3]);
    }
    let p = (number as f64 - 40.0) / 100.0;
    says_with(&[&[("3", p), ("1", 1.0 - p)]])
}

const TEXTS: [&str; 10] = ["a vote", "b", "c", "d vote", "e", "f", "g vote", "h", "i", "j vote"];
/// Six texts with log-probabilities, four with five votes each.
const REQUESTS: usize = 6 + 4 * 5;

fn bits(answers: &LlmAnswers) -> Vec<u32> {
    answers.prior.view().values().iter().map(|value| value.to_bits()).collect()
}

fn limited(endpoint: Endpoint, budget: Budget) -> LlmPrior {
    LlmPrior::new(endpoint, question()).unwrap().with_budget(budget)
}

/// All at once, and in small steps; one at a time, and eight: the same bytes, and no request twice.
#[test]
fn a_stopped_run_goes_on_where_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let at_once = Server::start(reply);
    let prior = limited(endpoint(&at_once.url).with_concurrency(8), Budget::default());
    let whole = ask(&prior, &TEXTS, &cache(folder.path())).unwrap();
    assert_eq!((at_once.count(), whole.report.tokens), (REQUESTS, 10 * REQUESTS as u64));
    assert_eq!((whole.report.by_logprobs, whole.report.by_votes), (6, 4));

    let folder = tempfile::tempdir().unwrap();
    let (server, cache) = (Server::start(reply), cache(folder.path()));
    let prior = limited(endpoint(&server.url), Budget::default().with_requests(7));
    let first = ask(&prior, &TEXTS, &cache).unwrap();
    // The first text takes five votes, the two behind it one answer each; the budget ends at the fourth.
    assert_eq!(first.report.stopped, Some(StopReason::Budget));
    assert_eq!(first.report.unanswered, [3, 4, 5, 6, 7, 8, 9]);
    assert_eq!((first.report.requests, server.count()), (7, 7));
    assert_eq!(bits(&first)[..9], bits(&whole)[..9]);
    assert_eq!(first.prior.view().row(9), [1.0 / 3.0; 3]);

    let mut runs = 1;
    let last = loop {
        let next = ask(&prior, &TEXTS, &cache).unwrap();
        runs += 1;
        if next.report.stopped.is_none() {
            break next;
        }
    };
    assert_eq!((runs, server.count()), (4, REQUESTS));
    assert_eq!(bits(&last), bits(&whole));

    // From the cache alone: no budget, no key, nobody there.
    let nowhere = Endpoint::new("http://127.0.0.1:9/v1", "test-model")
        .with_key_variable("ALFM_NO_SUCH_VARIABLE");
    let replayed = limited(nowhere, Budget::default().with_requests(0));
    let replay = ask(&replayed, &TEXTS, &cache).unwrap();
    assert_eq!(bits(&replay), bits(&whole));
    assert_eq!((replay.report.cached, replay.report.requests), (REQUESTS as u64, 0));
    let more = ask(&replayed, &["b", "never asked"], &cache).unwrap();
    assert_eq!((more.report.unanswered, more.report.stopped), (vec![1], Some(StopReason::Budget)));
}

#[test]
fn tokens_are_a_budget_too() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(reply);
    let prior = limited(endpoint(&server.url), Budget::default().with_tokens(25));
    let answers = ask(&prior, &["b", "c", "e", "f"], &cache(folder.path())).unwrap();
    assert_eq!((answers.report.requests, answers.report.tokens), (3, 30));
    assert_eq!(answers.report.unanswered, [3]);
}

/// A budget that is used up ends the run at once, however slowly it may ask.
#[test]
fn an_exhausted_budget_waits_for_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(reply);
    let slow = endpoint(&server.url).with_requests_per_minute(120);
    let start = Instant::now();
    let prior = limited(slow, Budget::default().with_requests(1));
    let answers = ask(&prior, &["b", "c", "e", "f", "h", "i"], &cache(folder.path())).unwrap();
    assert_eq!(answers.report.unanswered, [1, 2, 3, 4, 5]);
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
}

/// Nor do those that wait for a turn, or for a server that asks for patience.
#[test]
fn who_waits_notices_that_the_budget_is_used_up() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(reply);
    let slow = endpoint(&server.url).with_concurrency(4).with_requests_per_minute(1);
    let start = Instant::now();
    let prior = limited(slow, Budget::default().with_requests(1));
    let answers = ask(&prior, &["b", "c", "e", "f"], &cache(folder.path())).unwrap();
    assert_eq!((answers.report.stopped, answers.report.requests), (Some(StopReason::Budget), 1));

    let patient = Server::start(|_, _| {
        Reply::Status(429, vec![("Retry-After", "500".into())], String::new())
    });
    let prior = limited(endpoint(&patient.url), Budget::default().with_requests(1));
    let answers = ask(&prior, &["h"], &cache(folder.path())).unwrap();
    assert_eq!((answers.report.stopped, answers.report.retries), (Some(StopReason::Budget), 0));
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
}

#[test]
fn requests_are_spaced_over_all_threads() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(reply);
    let paced = endpoint(&server.url).with_concurrency(4).with_requests_per_minute(600);
    ask(&limited(paced, Budget::default()), &["b", "c", "e", "f"], &cache(folder.path())).unwrap();
    let seen = server.seen();
    let span = seen.iter().map(|seen| seen.at).max().unwrap() - seen[0].at;
    assert!(span >= Duration::from_millis(250), "{span:?}");
}

#[test]
fn the_caller_follows_and_stops_a_run() {
    let folder = tempfile::tempdir().unwrap();
    let (server, cache) = (Server::start(reply), cache(folder.path()));
    let prior = limited(endpoint(&server.url), Budget::default());
    let (stop, last) = (AtomicBool::new(false), AtomicUsize::new(0));
    let progress = |done, total| {
        assert_eq!(total, 5);
        last.store(done, Ordering::Relaxed);
        stop.store(done == 2, Ordering::Relaxed);
    };
    let texts = ["b", "c", "e", "f", "h", "c"];
    let answers = prior.ask(&texts, &cache, &Watch { stop: &stop, progress: &progress }).unwrap();
    assert_eq!(answers.report.stopped, Some(StopReason::Interrupted));
    // "c" stands twice, and was asked once.
    assert_eq!(answers.report.unanswered, [2, 3, 4]);
    assert_eq!(answers.prior.view().row(1), answers.prior.view().row(5));
    assert_eq!((server.count(), cache.count().unwrap()), (2, 2));
    assert!(last.load(Ordering::Relaxed) >= 2);
}

/// Prompt, model and settings make the key; address, key and pace do not.
#[test]
fn another_question_is_asked_anew() {
    let folder = tempfile::tempdir().unwrap();
    let (server, cache) = (Server::start(reply), cache(folder.path()));
    let run = |endpoint: Endpoint, question: Question, cache: &AnswerCache| {
        let prior = LlmPrior::new(endpoint, question).unwrap();
        ask(&prior, &["b"], cache).unwrap().report.requests
    };
    assert_eq!(run(endpoint(&server.url), question(), &cache), 1);
    let elsewhere = Server::start(reply);
    assert_eq!(run(endpoint(&elsewhere.url).with_concurrency(3), question(), &cache), 0);
    assert_eq!(run(Endpoint::new(&server.url, "other-model"), question(), &cache), 1);
    assert_eq!(run(endpoint(&server.url), question().with_max_tokens(3), &cache), 1);
    assert_eq!(run(endpoint(&server.url), question().with_top_logprobs(5), &cache), 1);
}

#[test]
fn settings_that_cannot_work_are_named() {
    let (fine, url) = (question, "http://localhost/v1");
    let cases = [
        (Endpoint::new(url, " "), fine(), "`model` is empty"),
        (endpoint(url).with_concurrency(0), fine(), "`concurrency` is 0"),
        (endpoint(url).with_requests_per_minute(0), fine(), "`requests_per_minute` is 0"),
        (endpoint(url).with_retries(1, -1.0), fine(), "`backoff_seconds` is -1"),
        (endpoint(url).with_timeout_seconds(f64::NAN), fine(), "`timeout_seconds` is NaN"),
        (endpoint(url), fine().with_votes(0, 1.0), "`votes` is 0"),
        (endpoint(url), fine().with_votes(1, -1.0), "`vote_temperature` is -1"),
        (endpoint(url), fine().with_smoothing(0.0), "`smoothing` is 0"),
        (endpoint(url), fine().with_max_tokens(0), "`max_tokens` is 0"),
    ];
    for (endpoint, question, expected) in cases {
        let error = LlmPrior::new(endpoint, question).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Setting);
        assert!(error.to_string().starts_with(expected), "{error}");
    }
    let read: Endpoint =
        serde_json::from_str(r#"{"base_url":"http://localhost/v1","model":"m"}"#).unwrap();
    assert_eq!(read, Endpoint::new(url, "m"));
}
