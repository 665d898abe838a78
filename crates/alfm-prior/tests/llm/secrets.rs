//! The key goes to the endpoint, and nowhere else.

use alfm_prior::ErrorKind;
use alfm_prior::llm::LlmPrior;
use serde_json::json;

use crate::server::{Reply, Seen, Server};
use crate::{ask, cache, endpoint, question};

/// A variable that cargo sets for every test, because a test may not set one: its value serves as the key.
const VARIABLE: &str = "CARGO_PKG_LICENSE";

fn key() -> String {
    std::env::var(VARIABLE).unwrap()
}

/// Repeats the key in whatever it says.
fn tell_tale(status: u16) -> impl Fn(&Seen, usize) -> Reply + Send + Sync {
    move |seen, _| {
        let header = seen.authorization.clone().unwrap_or_default();
        let message = json!({ "content": "2", "note": header });
        let body = json!({ "choices": [{ "message": message }], "error": { "message": header } });
        Reply::Status(status, vec![], body.to_string())
    }
}

#[test]
fn the_key_is_sent_and_appears_nowhere_else() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(tell_tale(200));
    let cache = cache(folder.path());
    let endpoint = endpoint(&server.url).with_key_variable(VARIABLE);
    let prior = LlmPrior::new(endpoint, question().with_votes(2, 1.0)).unwrap();
    let answers = ask(&prior, &["a"], &cache).unwrap();
    assert_eq!(answers.report.by_votes, 1);
    assert_eq!(server.seen()[0].authorization, Some(format!("Bearer {}", key())));
    drop(cache);

    let mut kept = Vec::new();
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        kept.extend(std::fs::read(entry.unwrap().path()).unwrap());
    }
    let kept = String::from_utf8_lossy(&kept);
    assert!(kept.contains("Bearer [key]"), "the answers are kept");
    assert!(!kept.contains(&key()));
    assert!(!format!("{prior:?} {answers:?}").contains(&key()));
    assert!(!serde_json::to_string(&answers.report).unwrap().contains(&key()));
}

#[test]
fn no_error_shows_the_key() {
    for status in [401, 422, 500] {
        let folder = tempfile::tempdir().unwrap();
        let server = Server::start(tell_tale(status));
        let endpoint = endpoint(&server.url).with_key_variable(VARIABLE).with_retries(0, 0.01);
        let prior = LlmPrior::new(endpoint, question()).unwrap();
        let said = match ask(&prior, &["a"], &cache(folder.path())) {
            Ok(answers) => format!("{answers:?} {}", answers.report.failed[0].fault),
            Err(error) => format!("{error} {error:?}"),
        };
        assert!(said.contains("Bearer [key]"), "{said}");
        assert!(!said.contains(&key()), "{said}");
    }
}

#[test]
fn a_missing_key_is_named_by_its_variable() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(tell_tale(200));
    // A description has spaces; no key has.
    for (variable, fault) in
        [("ALFM_NO_SUCH_VARIABLE", "is not set"), ("CARGO_PKG_DESCRIPTION", "holds white space")]
    {
        let endpoint = endpoint(&server.url).with_key_variable(variable);
        let prior = LlmPrior::new(endpoint, question()).unwrap();
        let error = ask(&prior, &["a"], &cache(folder.path())).unwrap_err().to_string();
        let expected = format!("the environment variable `{variable}` {fault}");
        assert!(error.starts_with(&expected), "{error}");
        assert!(!error.contains("foundation models"), "{error}");
    }
    assert_eq!(server.count(), 0);
}

#[test]
fn an_address_with_a_password_is_refused_without_showing_it() {
    for url in [
        "https://user:hunter2@host/v1",
        "https://hunter2@host/v1",
        "https://host/v1?api-key=hunter2",
        "ftp://host/hunter2",
        "hunter2",
    ] {
        let error = LlmPrior::new(endpoint(url), question()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Setting, "{url}: {error:?}");
        assert!(error.to_string().starts_with("the base URL "), "{url}: {error:?}");
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
    }
}

/// Who takes the name of the variable for the key itself does not see it again.
#[test]
fn a_key_in_place_of_a_variable_is_refused_without_showing_it() {
    for mistaken in ["sk-hunter2", "gsk_hunter2", "hunter2", "", "A B"] {
        let endpoint = endpoint("http://localhost/v1").with_key_variable(mistaken);
        let error = LlmPrior::new(endpoint, question()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Setting, "{error:?}");
        assert!(error.to_string().starts_with("`key_variable` is not such a name"), "{error:?}");
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
    }
}
