//! Endpoints that refuse a field, answer with chatter, or say nothing of use.

use std::time::{Duration, Instant};

use alfm_prior::ErrorKind;
use alfm_prior::llm::{Adapted, AnswerCache, Fault, LlmAnswers, LlmPrior, Question};
use serde_json::{Value, json};

use crate::server::{Reply, Seen, Server, completion, refusal, says, says_with};
use crate::{ask, ask_one, cache, classes, close, endpoint, question};

const LOGPROBS: Adapted = Adapted::Dropped { field: "logprobs" };

fn has(seen: &Seen, field: &str) -> bool {
    !seen.body[field].is_null()
}

/// Eight texts, four at a time.
fn ask_eight(
    reply: impl Fn(&Seen, usize) -> Reply + Send + Sync + 'static,
) -> (Server, LlmAnswers) {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(reply);
    let endpoint = endpoint(&server.url).with_concurrency(4);
    let prior = LlmPrior::new(endpoint, question().with_votes(2, 1.0)).unwrap();
    let cache = cache(folder.path());
    let answers = ask(&prior, &["a", "b", "c", "d", "e", "f", "g", "h"], &cache).unwrap();
    // What an endpoint takes is no part of the question: the cache answers it alone.
    let again = ask(&prior, &["a", "b", "c", "d", "e", "f", "g", "h"], &cache).unwrap();
    assert_eq!((&again.prior, again.report.requests), (&answers.prior, 0));
    (server, answers)
}

#[test]
fn without_log_probabilities_there_are_votes() {
    let (server, answers) = ask_eight(|seen, _| match has(seen, "logprobs") {
        true => refusal("Gaudi doesn't support logprobs. Please remove 'logprobs'/'top_logprobs'."),
        false => says("2"),
    });
    assert_eq!(answers.report.adapted, [LOGPROBS]);
    assert_eq!((answers.report.by_votes, answers.report.missing()), (8, 0));
    assert!(server.count() <= 16 + 4, "at most one refusal a thread: {}", server.count());
    close(answers.prior.view().row(7), &[1.0 / 9.0, 7.0 / 9.0, 1.0 / 9.0]);
}

#[test]
fn fewer_log_probabilities_are_asked_for() {
    let (_, answers) = ask_eight(|seen, _| match seen.body["top_logprobs"].as_u64() {
        Some(6..) => {
            refusal("Requested sample logprobs of 20, which is greater than max allowed: 5")
        }
        _ => says_with(&[&[("2", 0.9), ("1", 0.1)]]),
    });
    assert_eq!(answers.report.adapted, [Adapted::Lowered { field: "logprobs", to: 5 }]);
    assert_eq!(answers.report.by_logprobs, 8);
    close(answers.prior.view().row(0), &[0.1, 0.9, 0.0]);
}

/// A model that reasons: no `max_tokens`, no temperature, no seed, no log-probabilities.
#[test]
fn several_fields_may_be_refused() {
    let (server, answers) = ask_eight(|seen, _| {
        for (field, rule) in [
            (
                "max_tokens",
                "is not supported with this model. Use 'max_completion_tokens' instead.",
            ),
            ("temperature", "does not support 0. Only the default (1) value is supported."),
            ("logprobs", "is not supported."),
            ("seed", "is an extra input, which is not permitted."),
        ] {
            if has(seen, field) {
                return refusal(&format!("Unsupported: '{field}' {rule}"));
            }
        }
        assert_eq!(seen.body["max_completion_tokens"], 16);
        says("2")
    });
    let mut adapted = answers.report.adapted;
    adapted.sort_by_key(|adapted| adapted.to_string());
    let dropped = |field| Adapted::Dropped { field };
    let renamed = Adapted::Renamed { field: "max_tokens", to: "max_completion_tokens" };
    assert_eq!(adapted, [LOGPROBS, renamed, dropped("seed"), dropped("temperature")]);
    assert_eq!(answers.report.by_votes, 8);
    assert!(server.count() <= 16 + 16, "{}", server.count());
}

/// A refusal that names no field, or goes on whatever is left out, is no reason to ask for ever.
#[test]
fn what_cannot_be_mended_fails_at_once() {
    for (message, requests) in [
        ("the prompt is too long: maximum context length is 10", 1),
        // Of the log-probabilities 5, then none; the name; the temperature; the seed; and one that fails.
        ("top_logprobs, max_tokens, max_completion_tokens, temperature, seed", 6),
    ] {
        let server = Server::start(move |_, _| refusal(message));
        let answers = ask_one(&server.url, question());
        assert_eq!(answers.report.failed.len(), 1, "{message}");
        assert_eq!(server.count(), requests, "{message}");
    }
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(|_, _| refusal("no"));
    let prior = LlmPrior::new(endpoint(&server.url), question()).unwrap();
    let error = ask(&prior, &["a", "b", "c", "d", "e", "f"], &cache(folder.path())).unwrap_err();
    let expected = "5 items in a row failed, the last: status 400: no; check base URL, form, model and settings";
    assert_eq!((error.kind(), error.to_string().as_str()), (ErrorKind::Network, expected));
}

#[test]
fn chatter_around_the_class_is_no_part_of_it() {
    let three = || Question::new(&classes(&["card_arrival", "lost_card", "refund"])).unwrap();
    for said in [
        "2\n\nThe text asks about lost_card, so",
        "lost_card\n\nThe text mentions it",
        "Sure! The best class is: 2. lost_card",
        "Answer: 2",
        "2) lost_card",
        "<think>1? No, 2.</think>\n\n2",
        "{\"class\": \"lost_card\"}",
    ] {
        let server = Server::start(move |_, _| says(said));
        let answers = ask_one(&server.url, three());
        assert_eq!((answers.report.by_votes, answers.report.missing()), (1, 0), "{said}");
        let sure = 5.0 + 1.0 / 3.0;
        close(answers.prior.view().row(0), &[1.0 / 18.0, sure / 6.0, 1.0 / 18.0]);
    }
    // With log-probabilities, the token where the class begins decides.
    let number: &[(&str, f64)] = &[(" 2", 0.75), (" 1", 0.25)];
    let server = Server::start(move |_, _| {
        says_with(&[&[("Answer", 0.1), ("2", 0.9)], &[(":", 1.0)], number, &[(".", 1.0)]])
    });
    let answers = ask_one(&server.url, three());
    assert_eq!(answers.report.by_logprobs, 1);
    close(answers.prior.view().row(0), &[0.25, 0.75, 0.0]);
}

/// Bodies that are no answer, thinking without end, and texts that are cut off: reported, and never kept.
#[test]
fn what_is_no_answer_is_not_kept() {
    let malformed = |message: &str| Fault::Malformed { message: message.into() };
    let text = |body: &str| Reply::Status(200, vec![], body.to_owned());
    let cut = |content: &str| completion(json!({ "content": content }), Value::Null, "length");
    let thinking = json!({ "content": null, "reasoning_content": "is it 2?" });
    type Said = Box<dyn Fn() -> Reply + Send + Sync>;
    let cases: [(Said, Fault); 8] = [
        (Box::new(move || text(r#"{"choices": [{"index""#)), malformed(r#"{"choices": [{"index""#)),
        (Box::new(move || text("<html>\x1b[31mhi")), malformed(r"<html>\u{1b}[31mhi")),
        (Box::new(move || text("")), malformed("")),
        (Box::new(move || says("<think>\nOkay, the user wants 2")), Fault::Cut),
        (Box::new(move || cut("The text is about")), Fault::Cut),
        (Box::new(move || cut("It mentions a human, which")), Fault::Cut),
        (Box::new(move || completion(thinking.clone(), Value::Null, "length")), Fault::Cut),
        (
            Box::new(move || text(r#"{"error":{"message":"upstream"}}"#)),
            malformed(r#"{"error":{"message":"upstream"}}"#),
        ),
    ];
    for (said, fault) in cases {
        let folder = tempfile::tempdir().unwrap();
        let (server, cache) = (Server::start(move |_, _| said()), cache(folder.path()));
        let prior = LlmPrior::new(endpoint(&server.url), question()).unwrap();
        let answers = ask(&prior, &["a"], &cache).unwrap();
        assert_eq!(answers.report.failed[0].fault, fault);
        assert_eq!((cache.count().unwrap(), server.count()), (0, 1), "{fault}");
        close(answers.prior.view().row(0), &[1.0 / 3.0; 3]);
    }
}

/// A vote that is cut off is a lost one, and stays it.
#[test]
fn a_vote_that_is_cut_off_is_lost() {
    let server = Server::start(|_, before| match before {
        1 => completion(json!({ "content": "The text" }), Value::Null, "length"),
        _ => says("2"),
    });
    let answers = ask_one(&server.url, question().with_votes(3, 1.0));
    assert_eq!((answers.report.by_votes, answers.report.lost_votes), (1, 1));
    close(answers.prior.view().row(0), &[1.0 / 9.0, 7.0 / 9.0, 1.0 / 9.0]);
}

/// Former versions kept what was no answer.
#[test]
fn a_former_cache_is_read_and_mended() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("answers.sqlite");
    let server = Server::start(|_, _| says_with(&[&[("2", 1.0)]]));
    let prior = LlmPrior::new(endpoint(&server.url), question()).unwrap();
    ask(&prior, &["a", "b"], &AnswerCache::open(&path).unwrap()).unwrap();
    // One of the two bodies becomes something else of the same length.
    let mut bytes = std::fs::read(&path).unwrap();
    let field = b"\"choices\"";
    let at = bytes.windows(field.len()).position(|window| window == field).unwrap();
    bytes[at + 1..at + 8].copy_from_slice(b"nothing");
    std::fs::write(&path, bytes).unwrap();
    let answers = ask(&prior, &["a", "b"], &AnswerCache::open(&path).unwrap()).unwrap();
    assert_eq!((answers.report.cached, answers.report.requests), (1, 1));
    assert_eq!(answers.report.missing(), 0);
}

#[test]
fn twenty_answers_in_a_row_that_are_none_end_the_run() {
    let folder = tempfile::tempdir().unwrap();
    let texts: Vec<String> = (0..30).map(|item| format!("item {item}")).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let server = Server::start(|_, _| says("<think>Okay"));
    let prior = LlmPrior::new(endpoint(&server.url), question()).unwrap();
    let error = ask(&prior, &texts, &cache(folder.path())).unwrap_err().to_string();
    let expected = "20 items in a row failed, the last: the answer was cut off before it named a class: allow more tokens";
    assert!(error.starts_with(expected), "{error}");
    assert_eq!(server.count(), 20);
}

/// Neither the length of an answer nor the time that it takes is the server's to choose.
#[test]
fn answers_without_end_are_left() {
    let fault = |reply: fn() -> Reply| {
        let folder = tempfile::tempdir().unwrap();
        let server = Server::start(move |_, _| reply());
        let endpoint = endpoint(&server.url).with_timeout_seconds(3.0).with_retries(0, 0.01);
        let prior = LlmPrior::new(endpoint, question()).unwrap();
        let answers = ask(&prior, &["a"], &cache(folder.path())).unwrap();
        answers.report.failed[0].fault.clone()
    };
    let start = Instant::now();
    assert_eq!(fault(|| Reply::Endless(Duration::ZERO)), Fault::TooLong { limit: 4 << 20 });
    let slow = fault(|| Reply::Endless(Duration::from_millis(100)));
    assert_eq!(slow, Fault::Timeout { seconds: 3 });
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
}

#[test]
fn a_server_does_not_write_on_the_terminal() {
    let server = Server::start(|_, _| {
        let body = json!({ "error": { "message": "\u{1b}]0;owned\u{7}\u{1b}[2J\nno\u{9b}31m" } });
        Reply::Status(413, vec![], body.to_string())
    });
    let answers = ask_one(&server.url, question());
    let said = answers.report.failed[0].fault.to_string();
    assert_eq!(said, r"status 413: \u{1b}]0;owned\u{7}\u{1b}[2J\nno\u{9b}31m");
}
