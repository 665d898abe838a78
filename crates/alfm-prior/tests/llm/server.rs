//! A server that speaks the protocol, and breaks it where a test says so: on sockets, because no HTTP library ends
//! a connection within an answer.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// A request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) path: String,
    pub(crate) authorization: Option<String>,
    /// `x-api-key` and `anthropic-version`.
    pub(crate) anthropic: (Option<String>, Option<String>),
    pub(crate) body: Value,
    pub(crate) at: Instant,
}

impl Seen {
    /// The prompt.
    pub(crate) fn prompt(&self) -> &str {
        let prompt = self.body["prompt"].as_str();
        prompt.or_else(|| self.body["messages"][0]["content"].as_str()).unwrap()
    }
}

/// What is sent back.
pub(crate) enum Reply {
    Status(u16, Vec<(&'static str, String)>, String),
    /// Nothing, for so long.
    Silence(Duration),
    /// An answer that is announced longer than it is.
    CutShort,
    /// White space without end, as fast as it is read or with pauses.
    Endless(Duration),
}

pub(crate) struct Server {
    pub(crate) url: String,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Server {
    /// Answers by `reply(request, how many came with the same prompt before)`.
    pub(crate) fn start(reply: impl Fn(&Seen, usize) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/v1", listener.local_addr().unwrap());
        let seen: Arc<Mutex<Vec<Seen>>> = Arc::default();
        let (log, reply) = (Arc::clone(&seen), Arc::new(reply));
        // Ends with the process.
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (log, reply) = (Arc::clone(&log), Arc::clone(&reply));
                thread::spawn(move || {
                    let mut stream = stream.unwrap();
                    let Some(request) = read(&stream) else { return };
                    let before = {
                        let mut log = log.lock().unwrap();
                        let same = |seen: &&Seen| seen.prompt() == request.prompt();
                        let before = log.iter().filter(same).count();
                        log.push(request.clone());
                        before
                    };
                    // A client that has given up is no fault of the server.
                    let _ = write(&mut stream, reply(&request, before));
                });
            }
        });
        Self { url, seen }
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    pub(crate) fn count(&self) -> usize {
        self.seen().len()
    }
}

fn read(stream: &TcpStream) -> Option<Seen> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let path = line.split(' ').nth(1)?.to_owned();
    let (mut authorization, mut anthropic, mut length) = (None, (None, None), 0);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim().split_once(": ") else { break };
        match name.to_lowercase().as_str() {
            "authorization" => authorization = Some(value.to_owned()),
            "x-api-key" => anthropic.0 = Some(value.to_owned()),
            "anthropic-version" => anthropic.1 = Some(value.to_owned()),
            "content-length" => length = value.parse().unwrap(),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let body = serde_json::from_slice(&body).unwrap();
    Some(Seen { path, authorization, anthropic, body, at: Instant::now() })
}

fn write(stream: &mut TcpStream, reply: Reply) -> std::io::Result<()> {
    match reply {
        Reply::Silence(time) => thread::sleep(time),
        Reply::CutShort => {
            write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{{\"choices\":")?;
        }
        Reply::Endless(pause) => {
            write!(stream, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")?;
            loop {
                stream.write_all(&[b' '; 1 << 10])?;
                thread::sleep(pause);
            }
        }
        Reply::Status(status, headers, body) => {
            write!(stream, "HTTP/1.1 {status} Told\r\nConnection: close\r\n")?;
            for (name, value) in headers {
                write!(stream, "{name}: {value}\r\n")?;
            }
            write!(stream, "Content-Length: {}\r\n\r\n{body}", body.len())?;
        }
    }
    stream.flush()
}

/// An answer without log-probabilities; ten tokens in all.
pub(crate) fn says(content: &str) -> Reply {
    completion(json!({ "content": content }), Value::Null, "stop")
}

/// An answer as tokens: each the chosen one and its alternatives, with probabilities.
pub(crate) fn says_with(tokens: &[&[(&str, f64)]]) -> Reply {
    let content: String = tokens.iter().map(|choices| choices[0].0).collect();
    let token = |choices: &&[(&str, f64)]| {
        let top = choices.iter().map(|(token, p)| json!({ "token": token, "logprob": p.ln() }));
        let top: Vec<Value> = top.collect();
        json!({ "token": choices[0].0, "logprob": choices[0].1.ln(), "top_logprobs": top })
    };
    let logprobs: Vec<Value> = tokens.iter().map(token).collect();
    completion(json!({ "content": content }), json!({ "content": logprobs }), "stop")
}

pub(crate) fn completion(message: Value, logprobs: Value, finish_reason: &str) -> Reply {
    let body = json!({
        "id": "chatcmpl-1",
        "choices": [{ "index": 0, "message": message, "logprobs": logprobs, "finish_reason": finish_reason }],
        "usage": { "prompt_tokens": 8, "completion_tokens": 2, "total_tokens": 10 },
    });
    Reply::Status(200, vec![("Content-Type", "application/json".into())], body.to_string())
}

pub(crate) fn status(status: u16) -> Reply {
    let body = json!({ "error": { "message": format!("that was a {status}") } });
    Reply::Status(status, vec![], body.to_string())
}

/// A refusal that says this and nothing else.
pub(crate) fn refusal(message: &str) -> Reply {
    let body = json!({ "error": { "message": message, "param": null } });
    Reply::Status(400, vec![], body.to_string())
}
