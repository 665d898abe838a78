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
