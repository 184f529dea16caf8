//! The client: single requests, and a stream of them that counts what happens.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::ops::Deref;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::lab::{Lab, wait_until};
use crate::net::Namespace;

/// How long a client waits for each step of a request.
const PATIENCE: Duration = Duration::from_secs(2);

pub struct Client<'lab> {
    lab: &'lab Lab,
    host: Namespace,
}

impl Deref for Client<'_> {
    type Target = Namespace;

    fn deref(&self) -> &Namespace {
        &self.host
    }
}

#[derive(Debug)]
pub struct Response {
    pub status: u16,
    pub body: String,
}

impl<'lab> Client<'lab> {
    pub fn new(lab: &'lab Lab, host: Namespace) -> Self {
        Self { lab, host }
    }

    /// Asks for `/`.
    pub fn get(&self, server: SocketAddr) -> io::Result<Response> {
        self.get_path(server, "/")
    }

    pub fn get_path(&self, server: SocketAddr, path: &str) -> io::Result<Response> {
        self.enter(|| get(server, path))
    }

    /// Waits until a server answers at all, and returns which one did.
    #[track_caller]
    pub fn wait_for_answer(&self, server: SocketAddr, within: Duration) -> String {
        let mut answer = String::new();
        wait_until(&format!("{server} answers"), within, || {
            answer = self
                .get(server)
                .map(|r| r.body.trim().to_owned())
                .unwrap_or_default();
            !answer.is_empty()
        });
        answer
    }

    /// Asks `count` times and counts who answered, errors by their text.
    pub fn ask(&self, server: SocketAddr, count: usize) -> BTreeMap<String, usize> {
        let mut answers = BTreeMap::new();
        self.enter(|| {
            for _ in 0..count {
                let who = match get(server, "/") {
                    Ok(response) => response.body.trim().to_owned(),
                    Err(error) => format!("error: {error}"),
                };
                *answers.entry(who).or_default() += 1;
            }
        });
        answers
    }

    /// Starts to ask one request after the other until it is stopped.
    pub fn stream(&self, server: SocketAddr) -> Stream {
        let shared = Arc::new(Shared::default());
        let inside = shared.clone();
        let started = self.lab.started();
        let thread = self.host.spawn(move || {
            while !inside.stop.load(Ordering::Relaxed) {
                let at = started.elapsed();
                let answer = get(server, "/");
                let mut tally = inside.tally.lock().unwrap();
                match answer {
                    Ok(response) if response.status == 200 => {
                        tally.answered += 1;
                        *tally
                            .by_server
                            .entry(response.body.trim().to_owned())
                            .or_default() += 1;
                    }
                    Ok(response) => tally
                        .errors
                        .push((at, format!("status {}", response.status))),
                    Err(error) => tally.errors.push((at, error.to_string())),
                }
                drop(tally);
                // The guest has one CPU, and the stream is not what is tested.
                std::thread::sleep(Duration::from_millis(10));
            }
        });
        Stream {
            shared,
            thread: Some(thread),
        }
    }
}

/// What a stream of requests met so far.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    pub answered: usize,
    pub by_server: BTreeMap<String, usize>,
    /// When the failed request began, and why it failed.
    pub errors: Vec<(Duration, String)>,
}

#[derive(Default)]
struct Shared {
    stop: AtomicBool,
    tally: Mutex<Tally>,
}

pub struct Stream {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Stream {
    pub fn tally(&self) -> Tally {
        self.shared.tally.lock().unwrap().clone()
    }

    /// Waits for this many more answers.
    #[track_caller]
    pub fn wait_for_answers(&self, more: usize, within: Duration) {
        let goal = self.tally().answered + more;
        wait_until(&format!("{more} more answers"), within, || {
            self.tally().answered >= goal
        });
    }

    pub fn stop(mut self) -> Tally {
        self.shared.stop.store(true, Ordering::Relaxed);
        self.thread.take().unwrap().join().unwrap();
        self.tally()
    }
}

/// One request on a connection of its own, as a browser's first one.
fn get(server: SocketAddr, path: &str) -> io::Result<Response> {
    get_within(server, path, PATIENCE)
}

/// The same for a client that has only this much time for each step.
pub fn get_within(server: SocketAddr, path: &str, patience: Duration) -> io::Result<Response> {
    let mut stream = TcpStream::connect_timeout(&server, patience)?;
    stream.set_read_timeout(Some(patience))?;
    stream.set_write_timeout(Some(patience))?;
    write!(stream, "GET {path} HTTP/1.0\r\nHost: {server}\r\n\r\n")?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|word| word.parse().ok())
        .ok_or_else(|| io::Error::other(format!("no HTTP answer: {head:?}")))?;
    Ok(Response {
        status,
        body: body.to_owned(),
    })
}
