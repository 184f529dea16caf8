//! A conversation with the mail server (RFC 5321), over lettre's connection.
//!
//! lettre's own way to send a mail stops at the first recipient that is refused, so the
//! commands are given one by one.

use std::error::Error as _;
use std::fmt::{Display, Write as _};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use lettre::transport::smtp::Error;
use lettre::transport::smtp::client::{AsyncSmtpConnection, AsyncTokioStream};
use lettre::transport::smtp::commands::{Data, Rset};
use lettre::transport::smtp::extension::{ClientId, Extension};
use lettre::transport::smtp::response::Response;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::letter::Mailbox;
use crate::alert::mail::queue::{Answer, Attempt};

/// How much longer the answer to a whole mail may take than other answers. A server
/// that looks into the mail takes its time, and a mail that is given up then arrives
/// twice: RFC 5321 section 4.5.3.2.6 has 10 minutes where the others have 5.
const PATIENCE_AFTER_DATA: u32 = 10;

/// What a server may say in one conversation, and for each command more of it.
const GREETING_BYTES: usize = 64 * 1024;
const ANSWER_BYTES: usize = 4 * 1024;

/// The longest that is quoted of what a server says, in characters.
const LONGEST_QUOTE: usize = 300;

/// An open conversation.
pub struct Line {
    connection: AsyncSmtpConnection,
    /// How long an answer may take.
    patience: Duration,
    /// What the server may still say.
    allowance: Arc<AtomicUsize>,
}

/// A command was not answered with what was hoped for.
#[derive(Debug)]
enum Refusal {
    /// 4xx
    Later(String),
    /// 5xx
    Never(String),
    /// The conversation is over.
    Broken(String),
}

impl Line {
    /// Connects to the first of these addresses that answers, and introduces us: by
    /// name, or by address where we have none (RFC 5321 section 4.1.4).
    ///
    /// # Errors
    /// In words, where none does within `patience`, or it is no mail server.
    pub async fn open(
        addresses: &[SocketAddr],
        helo: Option<&str>,
        patience: Duration,
    ) -> Result<Line, String> {
        let stream = connect(addresses, patience).await?;
        let name = match (helo, stream.local_addr().map(|local| local.ip())) {
            (Some(name), _) => ClientId::Domain(name.to_owned()),
            (None, Ok(IpAddr::V4(address))) => ClientId::Ipv4(address),
            (None, Ok(IpAddr::V6(address))) => ClientId::Ipv6(address),
            (None, Err(error)) => return Err(error.to_string()),
        };
        let allowance = Arc::new(AtomicUsize::new(GREETING_BYTES));
        let stream = Bounded {
            stream,
            allowance: allowance.clone(),
        };
        let greeting = AsyncSmtpConnection::connect_with_transport(Box::new(stream), &name);
        match timeout(patience, greeting).await {
            Ok(Ok(connection)) => Ok(Line {
                connection,
                patience,
                allowance,
            }),
            Ok(Err(error)) => Err(format!("greeting: {}", words(&error))),
            Err(_) => Err(silence("greeting", patience)),
        }
    }

    /// Sends one mail to all of these, and says whether the line may be used again.
    pub async fn send(&mut self, from: &str, to: &[Mailbox], letter: &[u8]) -> (Attempt, bool) {
        let mut answers = Vec::new();
        let refusal = match self.transaction(from, to, letter, &mut answers).await {
            Ok(true) => return (Ok(answers), true),
            Ok(false) => None,
            Err(Refusal::Never(why)) => {
                // For all who have not been refused by themselves.
                for to in to {
                    if answers.iter().all(|(written, _)| *written != to.written) {
                        answers.push((to.written.clone(), Answer::Never(why.clone())));
                    }
                }
                None
            }
            Err(Refusal::Later(why)) => Some(why),
            Err(Refusal::Broken(why)) => return (Err(why), false),
        };
        // Half a mail is on the line.
        let usable = self.command("RSET", Rset).await.is_ok();
        (refusal.map_or(Ok(answers), Err), usable)
    }

    /// Says goodbye.
    pub async fn close(mut self) {
        // Nothing depends on it any more.
        let _ = timeout(self.patience, self.connection.quit()).await;
    }

    /// Whether anyone has the mail. The answers are those for each recipient; an error
    /// is about the whole mail.
    async fn transaction(
        &mut self,
        from: &str,
        to: &[Mailbox],
        letter: &[u8],
        answers: &mut Vec<(String, Answer)>,
    ) -> Result<bool, Refusal> {
        let mut parameters = String::new();
        let addresses = to.iter().map(|to| to.address.as_str()).chain([from]);
        if !addresses.into_iter().all(str::is_ascii) && self.offers(Extension::SmtpUtfEight) {
            parameters.push_str(" SMTPUTF8");
        }
        if !letter.is_ascii() && self.offers(Extension::EightBitMime) {
            parameters.push_str(" BODY=8BITMIME");
        }
        let mail = format!("MAIL FROM:<{from}>{parameters}\r\n");
        self.command("MAIL", mail).await?;
        let mut accepted = Vec::new();
        for to in to {
            let rcpt = format!("RCPT TO:<{}>\r\n", to.address);
            match self.command("RCPT", rcpt).await {
                Ok(_) => accepted.push(to.written.clone()),
                Err(Refusal::Later(why)) => answers.push((to.written.clone(), Answer::Later(why))),
                Err(Refusal::Never(why)) => answers.push((to.written.clone(), Answer::Never(why))),
                Err(broken) => return Err(broken),
            }
        }
        if accepted.is_empty() {
            return Ok(false);
        }
        if !self.command("DATA", Data).await?.has_code(354) {
            return Err(Refusal::Broken("DATA: it does not want any".into()));
        }
        self.allow();
        let patience = self.patience * PATIENCE_AFTER_DATA;
        let answer = timeout(patience, self.connection.message(letter)).await;
        heard("end of the mail", answer, patience)?;
        answers.extend(accepted.into_iter().map(|name| (name, Answer::Taken)));
        Ok(true)
    }

    async fn command(&mut self, name: &str, command: impl Display) -> Result<Response, Refusal> {
        self.allow();
        let answer = timeout(self.patience, self.connection.command(command)).await;
        heard(name, answer, self.patience)
    }

    fn offers(&self, extension: Extension) -> bool {
        self.connection.server_info().supports_feature(extension)
    }

    /// Lets the server say one more answer.
    fn allow(&self) {
        self.allowance.fetch_add(ANSWER_BYTES, Ordering::Relaxed);
    }
}

fn heard(
    what: &str,
    answer: Result<Result<Response, Error>, tokio::time::error::Elapsed>,
    patience: Duration,
) -> Result<Response, Refusal> {
    let error = match answer {
        Ok(Ok(response)) => return Ok(response),
        Ok(Err(error)) => error,
        Err(_) => return Err(Refusal::Broken(silence(what, patience))),
    };
    let why = format!("{what}: {}", words(&error));
    // 421: it closes.
    let closes = error.status().is_some_and(|code| u16::from(code) == 421);
    Err(if error.is_permanent() {
        Refusal::Never(why)
    } else if error.is_transient() && !closes {
        Refusal::Later(why)
    } else {
        Refusal::Broken(why)
    })
}

fn silence(what: &str, patience: Duration) -> String {
    format!("{what}: no answer within {} s", patience.as_secs_f32())
}

/// What the server said, or what became of the conversation, in one line.
fn words(error: &Error) -> String {
    let mut words = String::new();
    if let Some(code) = error.status() {
        let _ = write!(words, "{code} ");
    }
    let said = error.source().map(|source| source.to_string());
    let said = said.unwrap_or_else(|| error.to_string());
    let said = said.replace(char::is_control, " ");
    words.extend(said.trim().chars().take(LONGEST_QUOTE));
    words
}

/// Each address gets its share of the time.
async fn connect(addresses: &[SocketAddr], patience: Duration) -> Result<TcpStream, String> {
    let shares = u32::try_from(addresses.len()).unwrap_or(u32::MAX).max(1);
    let share = patience / shares;
    let mut why = "the name has no address".to_owned();
    for address in addresses {
        let error = match timeout(share, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => {
                // A mail ends with a small packet of its own.
                let _ = stream.set_nodelay(true);
                return Ok(stream);
            }
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("no connection within {} s", share.as_secs_f32()),
        };
        why = match shares {
            // The server is named by whoever tells this.
            1 => error,
            _ => format!("{address}: {error}"),
        };
    }
    Err(why)
}

/// A stream from which no more comes than is good for us: lettre keeps a line of an
/// answer in memory until it ends.
#[derive(Debug)]
struct Bounded {
    stream: TcpStream,
    allowance: Arc<AtomicUsize>,
}

impl AsyncRead for Bounded {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let ready = Pin::new(&mut self.stream).poll_read(context, buffer);
        let read = buffer.filled().len() - before;
        let left = self.allowance.load(Ordering::Relaxed);
        match left.checked_sub(read) {
            Some(left) => self.allowance.store(left, Ordering::Relaxed),
            None => {
                return Poll::Ready(Err(io::Error::other("it says too much for a mail server")));
            }
        }
        ready
    }
}

impl AsyncWrite for Bounded {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

impl AsyncTokioStream for Bounded {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.stream.peer_addr()
    }
}
