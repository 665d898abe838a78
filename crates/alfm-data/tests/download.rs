//! Downloads, against a small server on this machine that answers as the hub does.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![cfg(feature = "hub")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, mpsc};

use alfm_data::{ErrorKind, Hub, RepoId};

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// Serves `files`; everything else is an entry that does not exist. Returns its address and what was asked.
fn serve(files: &'static [(&'static str, &'static str)]) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let requests = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&requests);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let line = request(stream.as_ref().unwrap());
            seen.lock().unwrap().push(line.clone());
            answer(&mut stream.unwrap(), &line, files);
        }
    });
    (address, requests)
}

fn request(stream: &TcpStream) -> String {
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    let first = lines.next().unwrap_or_default();
    lines.take_while(|line| !line.is_empty()).for_each(drop);
    first
}

fn answer(stream: &mut TcpStream, request: &str, files: &[(&str, &str)]) {
    let common = format!("Connection: close\r\nX-Repo-Commit: {COMMIT}\r\n");
    let path = request.split(' ').nth(1).unwrap_or_default();
    let response = match files.iter().find(|(name, _)| *name == path) {
        None => format!(
            "HTTP/1.1 404 Not Found\r\n{common}X-Error-Code: EntryNotFound\r\nContent-Length: 0\r\n\r\n"
        ),
        Some((_, content)) => {
            let body = if request.starts_with("HEAD") { "" } else { content };
            let length = content.len();
            format!(
                "HTTP/1.1 200 OK\r\n{common}ETag: \"e{length}\"\r\nContent-Length: {length}\r\n\r\n{body}"
            )
        }
    };
    stream.write_all(response.as_bytes()).unwrap();
}

#[test]
fn a_missing_file_is_fetched_once_with_progress() {
    let (address, requests) = serve(&[("/datasets/a/b/resolve/main/x/y.txt", "hello hub")]);
    let cache = tempfile::tempdir().unwrap();
    let told = Arc::new(Mutex::new(Vec::new()));
    let tell = Arc::clone(&told);
    let hub = Hub::new(cache.path()).with_endpoint(address).with_progress(Arc::new(
        move |file: &str, done, total| tell.lock().unwrap().push((file.to_owned(), done, total)),
    ));
    let repo = RepoId::dataset("a/b").unwrap();
    assert_eq!(hub.cached(&repo, "main", "x/y.txt"), None);
    let path = hub.file(&repo, "main", "x/y.txt").unwrap();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "hello hub");
    assert_eq!(told.lock().unwrap().last(), Some(&("x/y.txt".to_owned(), 9, 9)));
    assert_eq!(hub.revision(&repo, "main"), COMMIT);
    let asked = requests.lock().unwrap().len();
    assert!(asked >= 1);
    assert_eq!(hub.with_offline(true).file(&repo, "main", "x/y.txt").unwrap(), path);
    assert_eq!(requests.lock().unwrap().len(), asked, "a cached file needs no request");
}

#[test]
fn a_model_without_pooling_files_is_complete_and_remembered_as_such() {
    let (address, requests) = serve(&[
        ("/a/m/resolve/main/config.json", "{}"),
        ("/a/m/resolve/main/tokenizer.json", "{ }"),
        ("/a/m/resolve/main/model.safetensors", "weights"),
    ]);
    let cache = tempfile::tempdir().unwrap();
    let hub = Hub::new(cache.path()).with_endpoint(address);
    let model = hub.model("a/m").unwrap();
    assert_eq!(model.revision, COMMIT);
    assert_eq!(std::fs::read(model.folder.join("model.safetensors")).unwrap(), b"weights");
    let asked = requests.lock().unwrap().len();
    assert_eq!(hub.model("a/m").unwrap(), model);
    assert_eq!(requests.lock().unwrap().len(), asked, "absent files are remembered");
}

#[test]
fn a_file_that_the_hub_lacks_is_a_missing_file() {
    let (address, _) = serve(&[]);
    let cache = tempfile::tempdir().unwrap();
    let hub = Hub::new(cache.path()).with_endpoint(address);
    let error = hub.file(&RepoId::dataset("a/b").unwrap(), "main", "x").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    assert!(error.to_string().contains("the hub has no such file either"), "{error}");
}

/// A client that was built without TLS would refuse the address before it connects.
#[test]
fn https_is_spoken() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("https://{}", listener.local_addr().unwrap());
    let (first, opened) = mpsc::channel();
    std::thread::spawn(move || {
        let mut record = [0; 2];
        let (mut stream, _) = listener.accept().unwrap();
        stream.read_exact(&mut record).unwrap();
        first.send(record).unwrap();
    });
    let cache = tempfile::tempdir().unwrap();
    let hub = Hub::new(cache.path()).with_endpoint(address);
    let error = hub.file(&RepoId::dataset("a/b").unwrap(), "main", "x").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Network, "{error}");
    assert!(error.to_string().starts_with("cannot download `x` of dataset a/b"), "{error}");
    // A TLS handshake record, any 3.x version.
    assert_eq!(opened.recv().unwrap(), [0x16, 0x03]);
}
