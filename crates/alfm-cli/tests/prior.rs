//! Priors from the votes of rules and from a language model, as files.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::Output;
use std::thread;

use alfm_data::arrays::{ArraySpec, read_matrix};
use common::{alfm, run, succeed, write_npy};

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let classes = r#"["ham", {"name": "spam", "description": "what nobody asked for"}]"#;
    fs::write(at("classes.json"), classes).unwrap();
    fs::write(at("texts.txt"), "lunch?\ncheap watches\n").unwrap();
    write_npy(&at("votes.npy"), "|i1", &[2, 3], &[1, 1, 0, 0xff, 0xff, 0xff]);
    folder
}

fn prior(folder: &Path) -> Vec<f32> {
    let path = folder.join("prior.safetensors");
    let spec: ArraySpec = format!("{}:prior", path.display()).parse().unwrap();
    read_matrix(&spec).unwrap().values().to_vec()
}

/// Two votes of three, smoothed by one; no vote at all.
#[test]
fn votes_become_a_prior() {
    let folder = folder();
    let out = "--classes classes.json --out prior.safetensors";
    succeed(folder.path(), &format!("prior --weak-labels votes.npy {out}"));
    assert_eq!(prior(folder.path()), [0.375, 0.625, 0.5, 0.5]);
    succeed(folder.path(), &format!("prior --weak-labels votes.npy --generative {out}"));
    let weighed = prior(folder.path());
    assert!(weighed[1] > 0.5 && weighed[2..] == [0.5, 0.5], "{weighed:?}");

    for arguments in
        ["", "--weak-labels votes.npy --llm http://localhost", "--llm http://localhost"]
    {
        let output = run(folder.path(), &format!("prior {arguments} {out}"));
        assert_eq!(output.status.code(), Some(2), "{arguments}");
    }
}

/// An endpoint that answers 2, nine times in ten.
fn endpoint() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/v1", listener.local_addr().unwrap());
    let body = r#"{"choices":[{"message":{"content":"2"},"logprobs":{"content":[
        {"token":"2","logprob":-0.10536,"top_logprobs":[{"token":"1","logprob":-2.302585}]}]}}],
        "usage":{"total_tokens":7}}"#;
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let (mut line, mut length) = (String::new(), 0);
            while line != "\r\n" {
                line.clear();
                reader.read_line(&mut line).unwrap();
                if let Some(value) = line.to_lowercase().strip_prefix("content-length: ") {
                    length = value.trim().parse().unwrap();
                }
            }
            reader.read_exact(&mut vec![0; length]).unwrap();
            let head = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length";
            write!(stream, "{head}: {}\r\n\r\n{body}", body.len()).unwrap();
        }
    });
    url
}

#[test]
fn a_language_model_s_answers_are_a_prior_that_the_cache_repeats() {
    let folder = folder();
    let url = endpoint();
    let ask = |more: &str, offline: bool| -> Output {
        let arguments = format!(
            "prior --llm {url} --llm-model small --texts texts.txt --classes classes.json \
             --concurrency 1 --out prior.safetensors --json {more}"
        );
        let mut command = alfm(folder.path());
        if !offline {
            command.env_remove("ALFM_OFFLINE");
        }
        command.args(arguments.split_whitespace()).output().unwrap()
    };
    let stopped = |output: Output| {
        let message = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{message}");
        assert!(!folder.path().join("prior.safetensors").exists());
        message
    };
    assert!(stopped(ask("", true)).contains("2 of 2 items were not asked"));
    assert!(stopped(ask("--max-requests 1", false)).contains("1 of 2 items were not asked"));

    let output = ask("", false);
    let summary = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(
        summary.contains(r#""by_logprobs":2"#) && summary.contains(r#""cached":1"#),
        "{summary}"
    );
    assert!(
        prior(folder.path()).iter().zip([0.1, 0.9, 0.1, 0.9]).all(|(a, b)| (a - b).abs() < 1e-5)
    );

    let path = folder.path().join("prior.safetensors");
    let first = fs::read(&path).unwrap();
    fs::remove_file(&path).unwrap();
    assert!(ask("", true).status.success());
    assert_eq!(fs::read(&path).unwrap(), first);

    let missing = ask("--key-variable ALFM_NO_SUCH_VARIABLE --votes 2 --template texts.txt", false);
    assert_eq!(missing.status.code(), Some(2));
}

/// An endpoint that answers `say(prompt)`: a status and a body.
fn endpoint_that(say: impl Fn(&str) -> (u16, String) + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/v1", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let (mut line, mut length) = (String::new(), 0);
            while line != "\r\n" {
                line.clear();
                reader.read_line(&mut line).unwrap();
                if let Some(value) = line.to_lowercase().strip_prefix("content-length: ") {
                    length = value.trim().parse().unwrap();
                }
            }
            let mut request = vec![0; length];
            reader.read_exact(&mut request).unwrap();
            let (status, body) = say(&String::from_utf8(request).unwrap());
            let head = format!("HTTP/1.1 {status} Told\r\nConnection: close\r\nContent-Length");
            write!(stream, "{head}: {}\r\n\r\n{body}", body.len()).unwrap();
        }
    });
    url
}

fn chat(content: &str) -> (u16, String) {
    let choice = serde_json::json!({ "message": { "content": content }, "finish_reason": "stop" });
    (200, serde_json::json!({ "choices": [choice] }).to_string())
}

/// Asks about both texts; the exit code, and what is said.
fn ask_model(folder: &Path, url: &str, more: &str) -> (i32, String) {
    let arguments = format!(
        "prior --llm {url} --llm-model small --texts texts.txt --classes classes.json --concurrency 1 \
         --out prior.safetensors {more}"
    );
    let _ = fs::remove_file(folder.join("prior.safetensors"));
    let mut command = alfm(folder);
    let output = command.env_remove("ALFM_OFFLINE").args(arguments.split_whitespace()).output();
    let output = output.unwrap();
    (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
}

/// The exit code says whether there is a prior; `--allow-missing` which share of it may know nothing.
#[test]
fn what_has_no_answer_is_an_error_unless_it_may_be_missing() {
    let folder = folder();
    let url = endpoint_that(|request| match request.contains("lunch?") {
        true => chat("<think>\nOkay, the user"),
        false => chat("Answer: 2"),
    });
    let (code, said) = ask_model(folder.path(), &url, "");
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("--answer-tokens"), "{said}");
    assert!(said.contains("1 of 2 items have no answer"), "{said}");
    assert!(said.contains("--allow-missing 0.5"), "{said}");
    assert!(!folder.path().join("prior.safetensors").exists());
    let (code, said) = ask_model(folder.path(), &url, "--allow-missing 0.4");
    assert_eq!(code, 1, "{said}");
    let (code, said) = ask_model(folder.path(), &url, "--allow-missing 0.5");
    assert_eq!(code, 0, "{said}");
    assert_eq!(prior(folder.path())[..2], [0.5, 0.5]);
    assert!(prior(folder.path())[3] > 0.9);

    let truncated = endpoint_that(|_| (200, r#"{"choices": [{"index""#.into()));
    for _ in 0..2 {
        // Twice the same: nothing of it was kept.
        let (code, said) = ask_model(folder.path(), &truncated, "--cache other");
        assert_eq!(code, 1, "{said}");
        assert!(said.contains("none of 2 items has an answer"), "{said}");
        assert!(said.contains("0 answers were cached; 2 requests"), "{said}");
    }
    for share in ["1.1", "-1", "NaN", "half"] {
        let (code, _) = ask_model(folder.path(), &truncated, &format!("--allow-missing={share}"));
        assert_eq!(code, 2, "{share}");
    }
}

#[test]
fn a_refused_field_is_left_out_and_said_once() {
    let folder = folder();
    let url = endpoint_that(|request| match request.contains("logprobs") {
        true => (400, r#"{"error":{"message":"logprobs are not\u001b[2J supported"}}"#.into()),
        false => chat("2"),
    });
    let (code, said) = ask_model(folder.path(), &url, "");
    assert_eq!(code, 0, "{said}");
    assert_eq!(said.matches("the endpoint refuses `logprobs`").count(), 1, "{said}");
    // A server's escapes do not reach the terminal.
    let refusing = endpoint_that(|_| (413, r#"{"error":{"message":"no\u001b[2J"}}"#.into()));
    let (code, said) = ask_model(folder.path(), &refusing, "--cache other");
    assert_eq!(code, 1, "{said}");
    assert!(said.contains(r"status 413: no\u{1b}[2J") && !said.contains('\u{1b}'), "{said}");
}

#[test]
fn the_form_of_the_endpoint_is_a_flag() {
    let folder = folder();
    let url = endpoint_that(|request| {
        assert!(
            !request.contains("logprobs") && request.contains(r#""max_tokens":99"#),
            "{request}"
        );
        (200, r#"{"content":[{"type":"text","text":"2"}],"stop_reason":"end_turn"}"#.into())
    });
    let (code, said) =
        ask_model(folder.path(), &url, "--llm-api messages --answer-tokens 99 --votes 1");
    assert_eq!(code, 0, "{said}");
    assert!(prior(folder.path())[1] > 0.7);
    let url = endpoint_that(|request| {
        assert!(
            request.contains(r#""logprobs":3"#) && request.contains(r"\n\nAnswer:"),
            "{request}"
        );
        (200, r#"{"choices":[{"text":" 2","finish_reason":"length"}]}"#.into())
    });
    let (code, said) =
        ask_model(folder.path(), &url, "--llm-api completions --logprobs 3 --votes 1");
    // The second request, for the other text, is the same but for the text.
    assert_eq!(code, 0, "{said}");
    assert_eq!(ask_model(folder.path(), &url, "--llm-api soap").0, 2);
}

/// Answers that somebody else got, by the ids of the items.
#[test]
fn a_file_of_answers_is_a_prior() {
    let folder = folder();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("ids.txt"), "a\nb\nc\n").unwrap();
    let answers =
        "{\"id\":\"b\",\"label\":\"spam\",\"confidence\":0.75}\n\n{\"id\":\"a\",\"label\":0}\n";
    fs::write(at("answers.jsonl"), answers).unwrap();
    let arguments = "prior --answers answers.jsonl --ids ids.txt --classes classes.json --out prior.safetensors";
    let output = run(folder.path(), arguments);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("the first is `c`") && said.contains("--allow-missing 0.334"), "{said}");
    assert!(!at("prior.safetensors").exists());
    succeed(folder.path(), &format!("{arguments} --allow-missing 0.334"));
    assert_eq!(prior(folder.path()), [0.75, 0.25, 0.25, 0.75, 0.5, 0.5]);

    for (line, expected) in [
        (r#"{"id":"d","label":0}"#, "answers.jsonl: row 0: item `d` is not among the ids"),
        (r#"{"id":"a","label":"eggs"}"#, "answers.jsonl: row 0: `eggs` is no class"),
        (r#"{"id":"a","label":[]}"#, "answers.jsonl: line 1"),
        (r#"{"label":0}"#, "answers.jsonl: line 1"),
    ] {
        fs::write(at("answers.jsonl"), line).unwrap();
        let output = run(folder.path(), arguments);
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(2) && said.contains(expected), "{line}: {said}");
    }
    let output =
        run(folder.path(), "prior --answers a.jsonl --classes classes.json --out p.safetensors");
    assert_eq!(output.status.code(), Some(2));
}
