//! Servers that misbehave, and one that writes down what it is asked: small
//! threads in a web server's namespace.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::lab::{Lab, poll};
use crate::net::Namespace;

/// How a server treats whoever connects.
#[derive(Clone, Debug)]
pub enum Manner {
    /// Accepts and says nothing.
    Silent,
    /// Accepts and closes at once.
    HangsUp,
    /// Begins a good answer, then sends a byte a second, for ever.
    Trickles,
    /// Sends data without end, as fast as it is taken.
    Floods,
    /// Reads a request and answers with these bytes, then closes.
    Answers(Vec<u8>),
}

/// A connection that came.
#[derive(Clone, Debug)]
pub struct Visit {
    /// On the scenario's clock.
    pub at: Duration,
    pub from: SocketAddr,
    /// What the visitor sent, as far as the server read.
    pub request: Vec<u8>,
}

/// Serves until it is dropped.
pub struct OddServer {
    manner: Arc<Mutex<Manner>>,
    visits: Arc<Mutex<Vec<Visit>>>,
    sent: Arc<Mutex<u64>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl OddServer {
    pub fn start(lab: &Lab, host: &Namespace, at: SocketAddr, manner: Manner) -> Self {
        let listener = host
            .enter(|| TcpListener::bind(at))
            .unwrap_or_else(|e| panic!("{at}: {e}"));
        listener.set_nonblocking(true).unwrap();
        let mut server = Self {
            manner: Arc::new(Mutex::new(manner)),
            visits: Arc::default(),
            sent: Arc::default(),
            stop: Arc::default(),
            thread: None,
        };
        let (manner, visits) = (server.manner.clone(), server.visits.clone());
        let (sent, stop) = (server.sent.clone(), server.stop.clone());
        let started = lab.started();
        server.thread = Some(std::thread::spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                let Ok((stream, from)) = listener.accept() else {
                    std::thread::sleep(Duration::from_millis(5));
                    continue;
                };
                let manner = manner.lock().unwrap().clone();
                let (visits, sent, stop) = (visits.clone(), sent.clone(), stop.clone());
                let visit = Visit {
                    at: started.elapsed(),
                    from,
                    request: Vec::new(),
                };
                std::thread::spawn(move || {
                    serve(stream, visit, &manner, &visits, &sent, &stop);
                });
            }
        }));
        server
    }

    /// From the next connection on.
    pub fn set(&self, manner: Manner) {
        *self.manner.lock().unwrap() = manner;
    }

    pub fn visits(&self) -> Vec<Visit> {
        self.visits.lock().unwrap().clone()
    }

    /// Waits until there were so many visits in all.
    #[track_caller]
    pub fn wait_for_visits(&self, count: usize, within: Duration) -> Vec<Visit> {
        poll(within, || {
            Some(self.visits()).filter(|visits| visits.len() >= count)
        })
        .unwrap_or_else(|| panic!("{} visits, not {count}", self.visits().len()))
    }

    /// How many bytes visitors took.
    pub fn bytes_sent(&self) -> u64 {
        *self.sent.lock().unwrap()
    }
}

impl Drop for OddServer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // The port is free once the thread has dropped its listener.
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn serve(
    mut stream: TcpStream,
    mut visit: Visit,
    manner: &Manner,
    visits: &Mutex<Vec<Visit>>,
    sent: &Mutex<u64>,
    stop: &AtomicBool,
) {
    let _ = stream.set_nonblocking(false);
    let _ = stream.set_read_timeout(Some(Duration::from_secs(10)));
    let send = |stream: &mut TcpStream, bytes: &[u8]| {
        let done = stream.write_all(bytes).is_ok();
        *sent.lock().unwrap() += if done { bytes.len() as u64 } else { 0 };
        done && !stop.load(Ordering::Relaxed)
    };
    // Written down at once: the visitor may stay for long.
    let index = {
        let mut visits = visits.lock().unwrap();
        visits.push(visit.clone());
        visits.len() - 1
    };
    if matches!(manner, Manner::HangsUp) {
        return;
    }
    visit.request = read_request(&mut stream);
    visits.lock().unwrap()[index] = visit;
    match manner {
        Manner::HangsUp => {}
        Manner::Silent => {
            let mut rest = [0; 512];
            let begun = Instant::now();
            while !stop.load(Ordering::Relaxed) && begun.elapsed() < Duration::from_secs(600) {
                if matches!(stream.read(&mut rest), Ok(0)) {
                    break;
                }
            }
        }
        Manner::Trickles => {
            let mut on = send(&mut stream, b"HTTP/1.0 200 OK\r\nX-Slow: ");
            while on {
                std::thread::sleep(Duration::from_secs(1));
                on = send(&mut stream, b"z");
            }
        }
        Manner::Floods => {
            let chunk = [b'x'; 65536];
            let mut on = send(
                &mut stream,
                b"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\n",
            );
            while on {
                on = send(&mut stream, &chunk);
            }
        }
        Manner::Answers(bytes) => {
            send(&mut stream, bytes);
        }
    }
}

/// Reads up to the empty line that ends a request's head, or what there is.
fn read_request(stream: &mut TcpStream) -> Vec<u8> {
    let mut request = Vec::new();
    let mut part = [0; 4096];
    while !request.windows(4).any(|four| four == b"\r\n\r\n") && request.len() < 65536 {
        match stream.read(&mut part) {
            Ok(length) if length > 0 => request.extend(&part[..length]),
            _ => break,
        }
    }
    request
}
