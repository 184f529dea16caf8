//! `HTTP_GET`: one connection a url, with hyper for the protocol.

use std::error::Error as _;
use std::io;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http_body_util::BodyExt;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use md5::{Digest, Md5};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

use super::connect::connect;
use crate::check::http::{judge, request};
use crate::check::{Failure, FailureKind, Outcome};
use crate::config::model::{CheckTarget, HttpCheck, HttpUrl};

/// The most bytes that the head of an answer may have; beyond is `header-too-large`.
/// What servers themselves take or make ends at 8 to 16 KiB. An unfinished head is
/// parsed anew with every piece that comes, so a larger limit would be paid for in
/// CPU by whoever is sent a byte at a time.
pub const HEADER_LIMIT: usize = 32 << 10;

/// The most header lines that an answer may have; beyond is `header-too-large` too.
pub const HEADER_LINES: usize = 256;

/// The most bytes that an answer may have in all; beyond is `answer-too-large`. They
/// are not kept, so this bounds the work, not the memory: a server that streams
/// without end must not take the whole deadline at full speed.
pub const ANSWER_LIMIT: u64 = 64 << 20;

/// Asks for every url in turn; the first that fails ends the check.
pub(super) async fn run(check: &HttpCheck, timeout: Duration) -> Outcome {
    for url in &check.urls {
        if let Err(kind) = get(&check.target, url, timeout).await {
            return Outcome::Failure(Failure {
                kind,
                url: Some(url.path.as_str().into()),
            });
        }
    }
    Outcome::Success
}

async fn get(target: &CheckTarget, url: &HttpUrl, timeout: Duration) -> Result<(), FailureKind> {
    let request = request(url, target.address)?;
    let deadline = Instant::now() + timeout;
    let stream = connect(target.address, timeout, deadline).await?;
    let received = AtomicU64::new(0);
    let io = Counted {
        stream,
        received: &received,
    };
    match timeout_at(deadline, exchange(io, request, url)).await {
        Ok(Ok(verdict)) => verdict,
        Ok(Err(error)) => Err(failure_of(&error, received.into_inner())),
        Err(_) => Err(match received.into_inner() {
            0 => FailureKind::AnswerTimeout(timeout),
            received => FailureKind::AnswerIncomplete {
                within: timeout,
                received,
            },
        }),
    }
}

/// Sends the request and reads the answer.
///
/// A wrong status ends it at once. Otherwise the body is read to its end even where
/// only the status is wanted, as keepalived does: a server that stalls in the middle
/// of its page does not serve. Where the server closes, the body ends, though
/// Content-Length had promised more: keepalived lets that pass, and a length that is
/// wrong by a few bytes is more often a slip of the server's than its death. What
/// came is what a digest is computed of.
async fn exchange(
    io: Counted<'_>,
    request: hyper::Request<http_body_util::Empty<bytes::Bytes>>,
    url: &HttpUrl,
) -> hyper::Result<Result<(), FailureKind>> {
    let (mut sender, connection) = http1::Builder::new()
        .max_buf_size(HEADER_LIMIT)
        .max_headers(HEADER_LINES)
        .title_case_headers(true)
        // What a browser forgives is no failure of the server.
        .allow_spaces_after_header_name_in_responses(true)
        .allow_obsolete_multiline_headers_in_responses(true)
        .ignore_invalid_headers_in_responses(true)
        .handshake::<_, http_body_util::Empty<bytes::Bytes>>(TokioIo::new(io))
        .await?;
    let answer = async {
        let mut answer = sender.send_request(request).await?;
        let status = answer.status().as_u16();
        if let Err(kind) = judge(url, status, None) {
            return Ok(Err(kind));
        }
        let mut digest = url.digest.map(|_| Md5::new());
        while let Some(frame) = answer.frame().await {
            match (frame, &mut digest) {
                (Ok(frame), Some(digest)) => {
                    frame.data_ref().map_or((), |data| digest.update(data))
                }
                (Ok(_), None) => {}
                (Err(error), _) if is_end_of_connection(&error) => break,
                (Err(error), _) => return Err(error),
            }
        }
        let digest = digest.map(|digest| digest.finalize().into());
        Ok(judge(url, status, digest))
    };
    let mut answer = pin!(answer);
    let mut connection = pin!(connection);
    let mut open = true;
    std::future::poll_fn(|cx| {
        // The connection does the work; what comes of it, errors too, arrives in the
        // answer. It is dropped, and closed, with the answer.
        if open && connection.as_mut().poll(cx).is_ready() {
            open = false;
        }
        answer.as_mut().poll(cx)
    })
    .await
}

/// The failure that an error of hyper stands for, after so many bytes of the answer.
fn failure_of(error: &hyper::Error, received: u64) -> FailureKind {
    if error.is_parse_too_large() {
        return FailureKind::HeaderTooLarge(HEADER_LIMIT as u64);
    }
    if is_end_of_connection(error) {
        return match received {
            0 => FailureKind::ClosedWithoutAnswer,
            received => FailureKind::ClosedEarly { received },
        };
    }
    match io_error(error) {
        Some(io) if io.raw_os_error().is_some() => FailureKind::from(io),
        Some(io) if io.kind() == io::ErrorKind::FileTooLarge => {
            FailureKind::AnswerTooLarge(ANSWER_LIMIT)
        }
        Some(io) => FailureKind::MalformedAnswer(io.to_string().into()),
        None => FailureKind::MalformedAnswer(error.to_string().into()),
    }
}

/// Whether the server closed in good order where more was to come.
fn is_end_of_connection(error: &hyper::Error) -> bool {
    error.is_incomplete_message()
        || io_error(error).is_some_and(|io| io.kind() == io::ErrorKind::UnexpectedEof)
}

/// The error of the stream, or of the decoding of a body, under one of hyper.
fn io_error(error: &hyper::Error) -> Option<&io::Error> {
    let mut source = error.source();
    while let Some(inner) = source {
        if let Some(io) = inner.downcast_ref() {
            return Some(io);
        }
        source = inner.source();
    }
    None
}

/// A stream that counts what it reads, and ends with an error beyond
/// [`ANSWER_LIMIT`], wherever in an answer the bytes are.
struct Counted<'a> {
    stream: TcpStream,
    received: &'a AtomicU64,
}

impl AsyncRead for Counted<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buf))?;
        let read = (buf.filled().len() - before) as u64;
        let received = self.received.fetch_add(read, Ordering::Relaxed) + read;
        Poll::Ready(match received > ANSWER_LIMIT {
            true => Err(io::ErrorKind::FileTooLarge.into()),
            false => Ok(()),
        })
    }
}

impl AsyncWrite for Counted<'_> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    /// Nothing: the stream is closed right after, which says the same to the server in
    /// one system call less.
    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
