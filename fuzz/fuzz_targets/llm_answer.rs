//! What an endpoint answers: served on this machine, since only the protocol is public.

#![no_main]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::{Mutex, OnceLock};
use std::thread;

use alfm_prior::llm::{AnswerCache, Api, ClassText, Endpoint, LlmPrior, Question, Watch};

static BODY: Mutex<Vec<u8>> = Mutex::new(Vec::new());
static ADDRESS: OnceLock<String> = OnceLock::new();

/// Answers every request with `BODY`, whose first byte says how; ends with the process.
fn serve() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = format!("http://{}/v1", listener.local_addr().expect("its number"));
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // A client that has given up is no fault.
            thread::spawn(move || answer(stream));
        }
    });
    address
}

fn answer(mut stream: TcpStream) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let (mut line, mut length) = (String::new(), 0);
    while reader.read_line(&mut line)? > 2 {
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or_default();
        }
        line.clear();
    }
    reader.take(length).read_to_end(&mut Vec::new())?;
    let body = BODY.lock().map(|body| body.clone()).unwrap_or_default();
    let (first, body) = body.split_first().unwrap_or((&0, &[]));
    let status = if first & 4 == 0 { "200 OK" } else { "400 Bad Request" };
    let head = "Content-Type: application/json\r\nConnection: close";
    write!(stream, "HTTP/1.1 {status}\r\n{head}\r\nContent-Length: {}\r\n\r\n", body.len())?;
    stream.write_all(body)
}

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    *BODY.lock().expect("no holder panicked") = bytes.to_vec();
    let api = match bytes.first().map_or(0, |first| first & 3) {
        0 | 1 => Api::Chat,
        2 => Api::Completions,
        _ => Api::Messages,
    };
    let endpoint = Endpoint::new(ADDRESS.get_or_init(serve), "model")
        .with_api(api)
        .with_concurrency(1)
        .with_retries(0, 0.01)
        .with_timeout_seconds(5.0);
    let question = Question::new(&["order", "refund", "other"].map(ClassText::new));
    let prior = LlmPrior::new(endpoint, question.expect("three names")).expect("a local address");
    let cache = AnswerCache::open(Path::new(":memory:")).expect("a database in memory");
    let watch = Watch { stop: &AtomicBool::new(false), progress: &|_, _| {} };
    if let Ok(answers) = prior.ask(&["where is my parcel"], &cache, &watch) {
        let sum: f32 = answers.prior.view().row(0).iter().sum();
        assert!((sum - 1.0).abs() < 1e-4, "{sum}");
    }
});
