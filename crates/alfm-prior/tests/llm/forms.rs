//! Plain completions and Anthropic's messages.

use alfm_prior::llm::{Adapted, Api, COMPLETION_TEMPLATE, Fault, LlmAnswers, LlmPrior, Question};
use serde_json::{Value, json};

use crate::server::{Reply, Seen, Server};
use crate::{ask, cache, classes, close, endpoint, question};

/// A variable that cargo sets for every test: its value serves as the key.
const VARIABLE: &str = "CARGO_PKG_LICENSE";

fn ok(body: &Value) -> Reply {
    Reply::Status(200, vec![("Content-Type", "application/json".into())], body.to_string())
}

fn ask_in(
    api: Api,
    question: Question,
    reply: impl Fn(&Seen, usize) -> Reply + Send + Sync + 'static,
) -> (Vec<Seen>, LlmAnswers) {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(reply);
    let endpoint = endpoint(&server.url).with_api(api).with_key_variable(VARIABLE);
    let prior = LlmPrior::new(endpoint, question).unwrap();
    let cache = cache(folder.path());
    let answers = ask(&prior, &["a"], &cache).unwrap();
    let again = ask(&prior, &["a"], &cache).unwrap();
    if answers.report.missing() == 0 {
        assert_eq!((&again.prior, again.report.requests), (&answers.prior, 0));
    }
    (server.seen(), answers)
}

/// Log-probabilities come as lists, the alternatives as maps.
#[test]
fn plain_completions() {
    let question =
        Question::with_template(&classes(&["entity", "human", "number"]), COMPLETION_TEMPLATE);
    let (seen, answers) = ask_in(Api::Completions, question.unwrap(), |seen, _| {
        if seen.body["logprobs"].as_u64() > Some(5) {
            let body = json!({ "error": { "message": "logprobs must be at most 5" } });
            return Reply::Status(400, vec![], body.to_string());
        }
        let top = json!([{ " 2": 0.75f64.ln(), " 1": 0.25f64.ln() }, null]);
        let logprobs = json!({
            "tokens": [" 2", "\n"], "token_logprobs": [0.75f64.ln(), -0.1],
            "top_logprobs": top, "text_offset": [10, 12],
        });
        let choice =
            json!({ "text": " 2\n", "index": 0, "logprobs": logprobs, "finish_reason": "length" });
        ok(&json!({ "choices": [choice], "usage": { "prompt_tokens": 8, "completion_tokens": 2 } }))
    });
    close(answers.prior.view().row(0), &[0.25, 0.75, 0.0]);
    assert_eq!((answers.report.by_logprobs, answers.report.tokens), (1, 10));
    assert_eq!(answers.report.adapted, [Adapted::Lowered { field: "logprobs", to: 5 }]);
    assert_eq!(seen[0].path, "/v1/completions");
    assert!(seen[0].prompt().ends_with("and nothing else.\n\nAnswer:"), "{}", seen[0].prompt());
    assert_eq!((&seen[0].body["logprobs"], &seen[1].body["logprobs"]), (&json!(20), &json!(5)));
    assert_eq!(seen[0].body["messages"], Value::Null);
    assert!(seen[0].authorization.is_some());
}

/// Blocks, of which thinking does not count; no log-probabilities, no seed; every vote is asked for.
#[test]
fn messages() {
    let (seen, answers) = ask_in(Api::Messages, question().with_votes(3, 1.0), |_, before| {
        let said = ["2", "Answer: 2", "1"][before];
        let blocks = json!([
            { "type": "thinking", "thinking": "3", "signature": "x" },
            { "type": "text", "text": said },
        ]);
        ok(&json!({
            "type": "message", "content": blocks, "stop_reason": "end_turn",
            "usage": { "input_tokens": 8, "output_tokens": 2 },
        }))
    });
    close(answers.prior.view().row(0), &[4.0 / 12.0, 7.0 / 12.0, 1.0 / 12.0]);
    assert_eq!((answers.report.by_votes, answers.report.tokens), (1, 30));
    let first = &seen[0];
    assert_eq!(first.path, "/v1/messages");
    assert_eq!(first.anthropic, (std::env::var(VARIABLE).ok(), Some("2023-06-01".into())));
    assert_eq!(first.authorization, None);
    let mut fields: Vec<_> = first.body.as_object().unwrap().keys().collect();
    fields.sort();
    assert_eq!(fields, ["max_tokens", "messages", "model", "temperature"]);
}

#[test]
fn messages_that_fail() {
    let error = |status, kind: &str, message: &str| {
        let error = json!({ "type": kind, "message": message });
        Reply::Status(status, vec![], json!({ "type": "error", "error": error }).to_string())
    };
    let said = |text: &str, reason: &str| {
        ok(&json!({ "content": [{ "type": "text", "text": text }], "stop_reason": reason }))
    };
    let one = || question().with_votes(1, 1.0);
    // Overloaded: tried again.
    let (seen, answers) = ask_in(Api::Messages, one(), move |_, before| match before {
        0 => error(529, "overloaded_error", "Overloaded"),
        _ => said("2", "end_turn"),
    });
    assert_eq!((seen.len(), answers.report.retries, answers.report.missing()), (2, 1, 0));
    // A model that takes no temperature.
    let (_, answers) = ask_in(Api::Messages, one(), move |seen, _| match seen.body["temperature"]
        .is_null()
    {
        true => said("2", "end_turn"),
        false => error(400, "invalid_request_error", "`temperature` is deprecated for this model."),
    });
    assert_eq!(answers.report.adapted, [Adapted::Dropped { field: "temperature" }]);
    let (_, answers) = ask_in(Api::Messages, one(), move |_, _| said("", "refusal"));
    assert_eq!(answers.report.refused, [0]);
    let (_, answers) = ask_in(Api::Messages, one(), move |_, _| said("The text", "max_tokens"));
    assert_eq!(answers.report.failed[0].fault, Fault::Cut);
}

/// The same question in another form is another question.
#[test]
fn forms_do_not_share_answers() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(|_, _| {
        ok(&json!({
            "choices": [{ "message": { "content": "1" }, "finish_reason": "stop" }],
            "content": [{ "type": "text", "text": "2" }], "stop_reason": "end_turn",
        }))
    });
    let cache = cache(folder.path());
    for (api, class) in [(Api::Chat, 0), (Api::Messages, 1)] {
        let prior = LlmPrior::new(endpoint(&server.url).with_api(api), question()).unwrap();
        let answers = ask(&prior, &["a"], &cache).unwrap();
        assert_eq!((answers.report.cached, answers.report.requests), (0, 5));
        assert!(answers.prior.view().row(0)[class] > 0.8);
    }
}
