//! Servers on loopback, and what a probe makes of them.

use std::future::Future;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use ipvsd::check::{FailureKind, Outcome};
use ipvsd::config::model::{CheckSpec, CheckTarget, HttpCheck, HttpUrl, StatusCodes};
use ipvsd::probe;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// For servers that answer: never reached.
pub const LONG: Duration = Duration::from_secs(20);
/// For servers that do not: waited out.
pub const SHORT: Duration = Duration::from_millis(150);

pub const LOOPBACKS: [&str; 2] = ["127.0.0.1:0", "[::1]:0"];

/// Listens on both families in turn, lets `server` have each connection, and returns
/// what `spec` makes of it.
pub async fn each_family<S, F>(
    spec: impl Fn(SocketAddr) -> CheckSpec,
    timeout: Duration,
    server: S,
) -> Outcome
where
    S: Fn(TcpStream) -> F + Clone + Send + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    let mut outcomes = Vec::new();
    for loopback in LOOPBACKS {
        let listener = TcpListener::bind(loopback).await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = server.clone();
        let serving = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(server(stream));
            }
        });
        let spec = spec(address);
        let urls = match &spec {
            CheckSpec::Http(check) => check.urls.len() as u32,
            _ => 1,
        };
        let start = Instant::now();
        let outcome = probe::run(&spec, timeout).await;
        // Beyond the deadline there is only what the machine takes to notice.
        let most = timeout * urls + Duration::from_secs(2);
        assert!(
            start.elapsed() < most,
            "{outcome} after {:?}",
            start.elapsed()
        );
        serving.abort();
        outcomes.push(outcome);
    }
    let [v4, v6] = <[Outcome; 2]>::try_from(outcomes).unwrap();
    assert_eq!(v4.name(), v6.name());
    v4
}

pub fn http(path: &str) -> impl Fn(SocketAddr) -> CheckSpec {
    with_urls(vec![url(path)])
}

pub fn with_urls(urls: Vec<HttpUrl>) -> impl Fn(SocketAddr) -> CheckSpec {
    move |address| {
        CheckSpec::Http(HttpCheck {
            target: CheckTarget { address },
            urls: urls.clone(),
        })
    }
}

pub fn url(path: &str) -> HttpUrl {
    HttpUrl {
        path: path.into(),
        virtual_host: None,
        digest: None,
        status_codes: StatusCodes::default(),
        later: Vec::new(),
    }
}

pub fn tcp(address: SocketAddr) -> CheckSpec {
    CheckSpec::Tcp(CheckTarget { address })
}

/// The request's head, up to its empty line.
pub async fn head(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => bytes.push(byte),
            Err(_) => break,
        }
    }
    String::from_utf8(bytes).unwrap()
}

/// What a server does that reads the request, says `answer` and closes.
pub async fn say(mut stream: TcpStream, answer: &[u8]) {
    head(&mut stream).await;
    let _ = stream.write_all(answer).await;
}

/// What comes of an HTTP check if the server says just this and closes.
pub async fn of_answer(answer: &'static [u8]) -> Outcome {
    each_family(http("/"), LONG, move |stream| say(stream, answer)).await
}

pub fn failure(outcome: Outcome) -> FailureKind {
    match outcome {
        Outcome::Failure(failure) => failure.kind,
        other => panic!("{other}"),
    }
}

/// A port on which nobody listens.
pub async fn nobody(loopback: &str) -> SocketAddr {
    let listener = TcpListener::bind(loopback).await.unwrap();
    listener.local_addr().unwrap()
}
