//! A server that fails in every way.

use std::time::Duration;

use alfm_prior::ErrorKind;
use alfm_prior::llm::{AnswerCache, Fault, LlmPrior};
use serde_json::{Value, json};

use crate::server::{Reply, Seen, Server, completion, says_with, status};
use crate::{ask, cache, close, endpoint, question};

/// The last word of the default template's text decides what happens, and how often.
fn faulty(seen: &Seen, before: usize) -> Reply {
    let told = |word: &str| seen.prompt().contains(&format!("Text:\n{word}\n"));
    let fine = || says_with(&[&[("2", 1.0)]]);
    let cases: [(&str, usize, &dyn Fn() -> Reply); 11] = [
        ("busy", 1, &|| Reply::Status(429, vec![("Retry-After", "1".into())], "slow down".into())),
        ("dated", 1, &|| {
            let past = "Wed, 21 Oct 2015 07:28:00 GMT".into();
            Reply::Status(503, vec![("Retry-After", past)], String::new())
        }),
        ("broken", 2, &|| status(500)),
        ("silent", 1, &|| Reply::Silence(Duration::from_secs(5))),
        ("cut", 1, &|| Reply::CutShort),
        ("lost", usize::MAX, &|| status(500)),
        ("long", usize::MAX, &|| status(413)),
        ("refused", usize::MAX, &|| {
            completion(json!({ "content": null, "refusal": "I cannot" }), Value::Null, "stop")
        }),
        ("filtered", usize::MAX, &|| {
            completion(json!({ "content": "" }), Value::Null, "content_filter")
        }),
        ("strange", usize::MAX, &|| {
            completion(json!({ "content": "banana" }), Value::Null, "stop")
        }),
        ("garbled", usize::MAX, &|| Reply::Status(200, vec![], r#"{"choices":[{"mess"#.into())),
    ];
    let fault = cases.iter().find(|(word, times, _)| told(word) && before < *times);
    fault.map_or_else(fine, |(.., reply)| reply())
}

const TEXTS: [&str; 12] = [
    "fine", "busy", "dated", "broken", "silent", "cut", "lost", "long", "refused", "filtered",
    "strange", "garbled",
];

#[test]
fn passing_faults_are_retried_and_lasting_ones_reported() {
    let folder = tempfile::tempdir().unwrap();
    let (server, cache) = (Server::start(faulty), cache(folder.path()));
    let endpoint = endpoint(&server.url).with_timeout_seconds(0.5);
    let prior = LlmPrior::new(endpoint, question()).unwrap();
    let first = ask(&prior, &TEXTS, &cache).unwrap();

    let report = &first.report;
    assert_eq!((report.items, report.by_logprobs, report.by_votes), (12, 6, 0));
    assert_eq!(report.refused, [8, 9]);
    assert_eq!(report.no_class, [10]);
    let failed: Vec<_> = report.failed.iter().map(|failed| (failed.item, &failed.fault)).collect();
    let fault = |status| Fault::Status { status, message: format!("that was a {status}") };
    let malformed = Fault::Malformed { message: r#"{"choices":[{"mess"#.into() };
    assert_eq!(failed, [(6, &fault(500)), (7, &fault(413)), (11, &malformed)]);
    assert_eq!(report.missing(), 6);
    // busy, dated, silent, cut: 1 each; broken: 2; lost: all 3.
    assert_eq!((report.retries, report.requests, report.cached), (9, 21, 0));
    assert_eq!(server.count(), 21);
    assert_eq!((report.stopped, report.unanswered.len()), (None, 0));
    for (item, row) in first.prior.view().iter().enumerate() {
        let known = [0.0, 1.0, 0.0];
        let unknown = [1.0 / 3.0; 3];
        close(row, if item < 6 { &known } else { &unknown });
    }

    // The server's wish is respected: a second, not the 10 to 20 ms of the backoff.
    let seen = server.seen();
    let busy: Vec<_> = seen.iter().filter(|seen| seen.prompt().contains("busy")).collect();
    assert!(busy[1].at - busy[0].at >= Duration::from_millis(990));

    // What the model said is kept; what had no answer, or one that is none, is asked again.
    let second = ask(&prior, &TEXTS, &cache).unwrap();
    assert_eq!(second.prior, first.prior);
    assert_eq!((second.report.cached, second.report.requests), (9, 6));
    assert_eq!(cache.count().unwrap(), 9);
}

#[test]
fn an_endpoint_that_is_down_ends_the_run() {
    let folder = tempfile::tempdir().unwrap();
    let cache = cache(folder.path());
    let texts: Vec<String> = (0..20).map(|item| format!("item {item}")).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let server = Server::start(|seen, _| match seen.prompt().contains("item 0\n") {
        true => says_with(&[&[("2", 1.0)]]),
        false => status(502),
    });
    let prior = LlmPrior::new(endpoint(&server.url).with_retries(1, 0.01), question()).unwrap();
    let error = ask(&prior, &texts, &cache).unwrap_err();
    let message = error.to_string();
    assert!(message.starts_with("5 items in a row failed, the last: status 502"), "{message}");
    assert_eq!((server.count(), cache.count().unwrap()), (11, 1));

    // Nobody listens on a port that was just given back.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let nobody = endpoint(&format!("http://127.0.0.1:{port}/v1")).with_retries(0, 0.01);
    let error = ask(&LlmPrior::new(nobody, question()).unwrap(), &texts, &cache).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Network, "{error}");
    let expected = "5 items in a row failed, the last: the connection failed: ";
    assert!(error.to_string().starts_with(expected), "{error}");
    assert!(!error.to_string().contains("127.0.0.1:"), "{error}");
}

#[test]
fn an_endpoint_that_refuses_is_not_asked_twice() {
    let elsewhere = Server::start(|_, _| says_with(&[&[("2", 1.0)]]));
    for code in [302, 401, 403, 404] {
        let folder = tempfile::tempdir().unwrap();
        let location = format!("{}/chat/completions", elsewhere.url);
        let server = Server::start(move |_, _| {
            Reply::Status(code, vec![("Location", location.clone())], "no".into())
        });
        let prior = LlmPrior::new(endpoint(&server.url), question()).unwrap();
        let error = ask(&prior, &["a", "b"], &cache(folder.path())).unwrap_err();
        let expected = format!("the endpoint refuses requests: status {code}: no");
        assert!(error.to_string().starts_with(&expected), "{error}");
        assert_eq!((server.count(), elsewhere.count()), (1, 0));
    }
}

#[test]
fn a_file_that_is_no_cache_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notes.txt");
    std::fs::write(
        &path,
        "not a database, but long enough to be mistaken for one by its size".repeat(40),
    )
    .unwrap();
    let error = AnswerCache::open(&path).unwrap_err();
    assert_eq!(
        (error.kind(), error.path()),
        (ErrorKind::System, Some(path.as_path())),
        "{error:?}"
    );
    let expected = "notes.txt: the cache of answers cannot be opened: file is not a database";
    assert!(error.report().contains(expected), "{}", error.report());

    // Bytes 60 to 63 of a database are its `user_version`.
    for version in [0, 7] {
        let path = folder.path().join(format!("version-{version}.sqlite"));
        drop(AnswerCache::open(&path).unwrap());
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[63] = version;
        std::fs::write(&path, bytes).unwrap();
        let error = AnswerCache::open(&path).unwrap_err().to_string();
        let expected = format!("version-{version}.sqlite: it is no cache of answers of version 1");
        assert!(error.contains(&expected), "{error}");
    }
}
