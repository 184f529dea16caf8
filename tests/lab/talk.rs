//! Conversations: a server that answers every line with its host's name and the line,
//! and clients that talk to it on connections of every length.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::client::Client;
use crate::lab::{Lab, wait_until};
use crate::net::Namespace;

/// How long a client waits for each step: a packet that is lost is sent again
/// meanwhile, more than once.
const PATIENCE: Duration = Duration::from_secs(5);
/// Between two lines of a long connection, and between two short connections. The
/// guest has one CPU, and the talk is not what is tested.
const PAUSE: Duration = Duration::from_millis(20);

/// Listens on these ports of a host until the guest ends.
pub fn listen(host: &Namespace, ports: &[u16]) {
    for port in ports {
        let at = SocketAddr::from(([0, 0, 0, 0], *port));
        let listener = host.enter(|| TcpListener::bind(at)).unwrap();
        let name = host.name().to_owned();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let name = name.clone();
                std::thread::spawn(move || answer(stream, &name));
            }
        });
    }
}

fn answer(stream: TcpStream, name: &str) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut lines = BufReader::new(stream);
    let mut line = String::new();
    while lines.read_line(&mut line)? > 0 {
        let answer = format!("{name} {line}");
        lines.get_mut().write_all(answer.as_bytes())?;
        line.clear();
    }
    Ok(())
}

/// How long a client keeps a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Length {
    /// For ever: only after an error there is another.
    Long,
    /// For one line.
    Short,
}

/// Why there is no answer; `WouldBlock` when the client has lost patience.
#[derive(Clone, Debug)]
pub struct Why {
    pub kind: io::ErrorKind,
    pub text: String,
}

/// What was heard so far.
#[derive(Clone, Debug, Default)]
pub struct Heard {
    pub answers: usize,
    pub by_server: BTreeMap<String, usize>,
    /// When the line that was not answered was sent, and why it was not.
    pub errors: Vec<(Duration, Why)>,
    /// The longest time between a line and its answer.
    pub slowest: Duration,
}

#[derive(Default)]
struct Shared {
    stop: AtomicBool,
    heard: Mutex<Heard>,
}

pub struct Talk {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Talk {
    /// A client begins to talk to a server.
    pub fn start(lab: &Lab, client: &Client, server: SocketAddr, length: Length) -> Self {
        let shared = Arc::new(Shared::default());
        let (inside, started) = (shared.clone(), lab.started());
        let thread = client.spawn(move || {
            let mut kept = None;
            for number in 0.. {
                if inside.stop.load(Ordering::Relaxed) {
                    break;
                }
                let (at, begun) = (started.elapsed(), Instant::now());
                let answer = say(server, &mut kept, number);
                let mut heard = inside.heard.lock().unwrap();
                match answer {
                    Ok(name) => {
                        heard.answers += 1;
                        *heard.by_server.entry(name).or_default() += 1;
                        heard.slowest = heard.slowest.max(begun.elapsed());
                    }
                    Err(error) => {
                        let (kind, text) = (error.kind(), error.to_string());
                        heard.errors.push((at, Why { kind, text }));
                        kept = None;
                    }
                }
                drop(heard);
                if length == Length::Short {
                    kept = None;
                }
                std::thread::sleep(PAUSE);
            }
        });
        Self {
            shared,
            thread: Some(thread),
        }
    }

    pub fn heard(&self) -> Heard {
        self.shared.heard.lock().unwrap().clone()
    }

    /// Waits for this many more answers.
    #[track_caller]
    pub fn wait_for_answers(&self, more: usize, within: Duration) {
        let goal = self.heard().answers + more;
        wait_until(&format!("{more} more answers"), within, || {
            self.heard().answers >= goal
        });
    }

    pub fn stop(mut self) -> Heard {
        self.shared.stop.store(true, Ordering::Relaxed);
        self.thread.take().unwrap().join().unwrap();
        self.heard()
    }
}

/// Says one line, on the connection that there is or on a new one, and returns the
/// name of the server that has answered it.
fn say(
    server: SocketAddr,
    kept: &mut Option<BufReader<TcpStream>>,
    number: u64,
) -> io::Result<String> {
    let connection = match kept {
        Some(connection) => connection,
        None => {
            let stream = TcpStream::connect_timeout(&server, PATIENCE)?;
            stream.set_nodelay(true)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            stream.set_write_timeout(Some(PATIENCE))?;
            kept.insert(BufReader::new(stream))
        }
    };
    connection
        .get_mut()
        .write_all(format!("{number}\n").as_bytes())?;
    let mut line = String::new();
    connection.read_line(&mut line)?;
    match line.trim_end().split_once(' ') {
        Some((name, echo)) if echo == number.to_string() => Ok(name.to_owned()),
        _ => Err(io::Error::other(format!(
            "{number} was answered by {line:?}"
        ))),
    }
}
