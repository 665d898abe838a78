//! From answers to class probabilities, by hand.

use alfm_prior::ErrorKind;
use alfm_prior::llm::{ClassText, Question};
use serde_json::{Value, json};

use crate::server::{Server, completion, says, says_with};
use crate::{ask_one, classes, close, question};

/// Masses 0.2, 0.7 and 0; what "Sure" and the tail hold, 0.1, is spread over the three classes.
#[test]
fn one_token_an_answer() {
    let choices: &[(&str, f64)] = &[("2", 0.7), (" 1", 0.15), ("1", 0.05), ("Sure", 0.06)];
    let server = Server::start(move |_, _| says_with(&[choices]));
    let answers = ask_one(&server.url, question());
    let third = 0.1 / 3.0;
    close(answers.prior.view().row(0), &[0.2 + third, 0.7 + third, third]);
    assert_eq!((answers.report.by_logprobs, answers.report.requests), (1, 1));

    let seen = &server.seen()[0];
    assert_eq!(seen.path, "/v1/chat/completions");
    let wanted = json!([0.0, true, 20, 16, "test-model"]);
    let keys = ["temperature", "logprobs", "top_logprobs", "max_tokens", "model"];
    assert_eq!(Value::from_iter(keys.map(|key| seen.body[key].clone())), wanted);
    assert!(seen.prompt().contains("\n\n1. entity\n2. human\n3. number\n\n"), "{}", seen.prompt());
}

/// Twelve classes, a token a digit. `P(07) = 0.6 * 0.5`, `P(08) = 0.6 * 0.4`, `P(09) = 0.6 * 0.1`; the 0.3 on a
/// first digit 1 is shared by 10, 11 and 12; 0.1 is left.
#[test]
fn several_tokens_an_answer() {
    let names: Vec<String> = (0..12).map(|class| format!("class {class}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let server = Server::start(|_, _| {
        let first: &[(&str, f64)] = &[("0", 0.6), ("1", 0.3)];
        says_with(&[first, &[("7", 0.5), ("8", 0.4), ("9", 0.1)]])
    });
    let answers = ask_one(&server.url, Question::new(&classes(&names)).unwrap());
    let mut expected = [0.1 / 12.0; 12];
    for (class, mass) in [(6, 0.3), (7, 0.24), (8, 0.06), (9, 0.1), (10, 0.1), (11, 0.1)] {
        expected[class] += mass;
    }
    close(answers.prior.view().row(0), &expected);
}

/// The model prefers names. `card` leaves two classes, ` arrival` one: `P = 0.8 * 0.75`; `ref` can only go on as
/// `refund`, 0.15; an end after `card` cannot be told from another token and is spread with the rest, 0.25 in all.
#[test]
fn names_of_several_tokens() {
    let server = Server::start(|_, _| {
        let first: &[(&str, f64)] = &[("Card", 0.8), ("ref", 0.15)];
        says_with(&[first, &[(" arrival", 0.75), ("<|end|>", 0.2)]])
    });
    let names = classes(&["card", "card arrival", "refund"]);
    let answers = ask_one(&server.url, Question::new(&names).unwrap());
    let third = 0.25 / 3.0;
    close(answers.prior.view().row(0), &[third, 0.6 + third, 0.15 + third]);

    // The shorter name, whole: 0.8 at once where the answer ends there.
    let server = Server::start(|_, _| says_with(&[&[("card", 0.8), ("ref", 0.15)]]));
    let answers = ask_one(&server.url, Question::new(&names).unwrap());
    let third = 0.05 / 3.0;
    close(answers.prior.view().row(0), &[0.8 + third, third, 0.15 + third]);
}

/// A white space before the number, and a full stop behind it, are no part of it.
#[test]
fn tokens_that_say_nothing_are_passed() {
    let server = Server::start(|_, _| {
        let space: &[(&str, f64)] = &[("\n", 0.9), ("3", 0.1)];
        says_with(&[space, &[("1", 0.5), ("2", 0.5)], &[(".", 1.0)]])
    });
    let answers = ask_one(&server.url, question());
    close(answers.prior.view().row(0), &[0.45, 0.45, 0.1]);
}

/// Greedy 1; then 1, 2, 1 and a "maybe": `(3 + 1/3) / 5, (1 + 1/3) / 5, (1/3) / 5`.
#[test]
fn votes_where_there_are_no_logprobs() {
    let server =
        Server::start(|_, before| says(["1", "Entity.", "2", "1. entity", "maybe"][before]));
    let answers = ask_one(&server.url, question());
    close(answers.prior.view().row(0), &[10.0 / 15.0, 4.0 / 15.0, 1.0 / 15.0]);
    let report = &answers.report;
    assert_eq!((report.by_votes, report.lost_votes, report.requests, report.tokens), (1, 1, 5, 50));
    let seen = server.seen();
    let of = |key: &str| seen.iter().map(|seen| seen.body[key].clone()).collect::<Value>();
    assert_eq!(of("seed"), json!([0, 1, 2, 3, 4]));
    assert_eq!(of("temperature"), json!([0.0, 1.0, 1.0, 1.0, 1.0]));
    assert_eq!(of("logprobs"), json!([true, null, null, null, null]));
}

/// Log-probabilities of hidden reasoning do not describe the answer; nor do those in another form.
#[test]
fn logprobs_that_do_not_spell_the_answer_do_not_count() {
    for logprobs in [
        json!({ "content": [{ "token": "<think>", "logprob": -0.1, "top_logprobs": [] }] }),
        json!({ "content": [{ "token": "1", "logprob": null }] }),
        json!({ "tokens": ["1"], "token_logprobs": [-0.1] }),
        json!({ "content": [] }),
    ] {
        let told = logprobs.clone();
        let server =
            Server::start(move |_, _| completion(json!({ "content": "2" }), told.clone(), "stop"));
        let answers = ask_one(&server.url, question().with_votes(1, 1.0).with_smoothing(3.0));
        assert_eq!(answers.report.by_votes, 1, "{logprobs}");
        close(answers.prior.view().row(0), &[0.25, 0.5, 0.25]);
    }
}

#[test]
fn a_model_may_be_asked_for_votes_alone() {
    let server = Server::start(|_, _| says("3"));
    let question = question().with_top_logprobs(0).with_votes(2, 0.7).with_max_tokens(4);
    let answers = ask_one(&server.url, question);
    close(answers.prior.view().row(0), &[1.0 / 9.0, 1.0 / 9.0, 7.0 / 9.0]);
    assert_eq!(server.seen()[0].body["logprobs"], Value::Null);
    assert_eq!(server.seen()[1].body["temperature"], json!(0.7));
    assert_eq!(server.seen()[1].body["max_tokens"], json!(4));
}

#[test]
fn every_way_to_name_a_class_and_none_to_guess_one() {
    let ten: Vec<String> = (1..=10).map(|class| format!("topic {class}")).collect();
    let mut ten: Vec<&str> = ten.iter().map(String::as_str).collect();
    // A name that begins with a digit, and one that is a number, are told by their numbers only.
    (ten[3], ten[4]) = ("3d printing", "10");
    let question =
        || Question::new(&classes(&ten)).unwrap().with_votes(1, 1.0).with_smoothing(1e-6);
    let cases = [
        ("02", Some(1)),
        ("2", Some(1)),
        (" 2.\n", Some(1)),
        ("\"TOPIC 2\"", Some(1)),
        ("**02. topic 2**", Some(1)),
        ("02: Topic 2", Some(1)),
        ("04", Some(3)),
        ("10", Some(9)),
        ("3d printing", None),
        ("02. topic 3", None),
        ("2 or 3", None),
        ("topic", None),
        ("11", None),
        ("0", None),
        ("The class is 2", Some(1)),
        ("The class is not 2", None),
    ];
    for (said, class) in cases {
        let server = Server::start(move |_, _| says(said));
        let answers = ask_one(&server.url, question());
        let found = answers.prior.view().row(0).iter().position(|p| *p > 0.9);
        assert_eq!(found, class, "{said}");
        assert_eq!(answers.report.no_class.len(), usize::from(class.is_none()), "{said}");
    }
}

/// Braces in a text stand for themselves.
#[test]
fn a_template_of_one_s_own() {
    let described =
        [ClassText::new("a"), ClassText::new("b").with_description("all that is not a")];
    let template = "{classes}\n==\n{text}\n==\n{classes}";
    let question = Question::with_template(&described, template).unwrap();
    let list = "1. a\n2. b: all that is not a";
    assert_eq!(question.prompt("{classes}"), format!("{list}\n==\n{{classes}}\n==\n{list}"));

    for (template, lacks) in [("{classes}", "{text}"), ("{text}", "{classes}")] {
        let error = Question::with_template(&described, template).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Setting);
        let expected = format!("the template lacks `{lacks}`: it must say where");
        assert!(error.to_string().starts_with(&expected), "{error}");
    }
    assert!(Question::new(&classes(&["a"])).is_err());
    assert!(Question::new(&classes(&["a", "a"])).is_err());
}
