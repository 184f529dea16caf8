//! Names and their addresses, by getaddrinfo(3): with /etc/hosts, the search list and
//! whatever else the host's nsswitch.conf(5) has, as every other program of the host
//! sees them. A name server that does not answer can hold that call for half a minute,
//! so it has a thread of its own, and whoever asks waits no longer than he likes to.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc;
use std::time::Duration;

use dns_lookup::{AddrInfo, AddrInfoHints, getaddrinfo};
use tokio::sync::oneshot;

/// The thread that looks names up. It ends with the process.
#[derive(Clone, Debug)]
pub struct Names {
    questions: mpsc::Sender<Question>,
}

#[derive(Debug)]
struct Question {
    name: String,
    answer: oneshot::Sender<io::Result<Answer>>,
}

#[derive(Debug)]
struct Answer {
    addresses: Vec<IpAddr>,
    full_name: Option<String>,
}

impl Names {
    /// Starts the thread, and returns when it runs: what a thread does at its beginning
    /// may be refused soon.
    ///
    /// # Errors
    /// Where there is no thread to be had.
    pub fn start() -> io::Result<Names> {
        let (questions, asked) = mpsc::channel::<Question>();
        let (runs, running) = mpsc::channel();
        std::thread::Builder::new()
            .name("names".into())
            .spawn(move || {
                let _ = runs.send(());
                for question in asked {
                    // Whoever asked may have given up while others were served.
                    if !question.answer.is_closed() {
                        let _ = question.answer.send(answer(&question.name));
                    }
                }
            })?;
        running.recv().map_err(io::Error::other)?;
        Ok(Names { questions })
    }

    /// The addresses of a host, in the order in which they are to be tried.
    ///
    /// # Errors
    /// Where it has none, or none is known within the time.
    pub async fn addresses(
        &self,
        name: &str,
        port: u16,
        within: Duration,
    ) -> io::Result<Vec<SocketAddr>> {
        let answer = self.ask(name, within).await?;
        let addresses = answer.addresses.into_iter();
        Ok(addresses.map(|address| (address, port).into()).collect())
    }

    /// The full name of a host, as this one knows it; None where nothing is known
    /// within the time.
    pub async fn full_name(&self, name: &str, within: Duration) -> Option<String> {
        let full_name = self.ask(name, within).await.ok()?.full_name?;
        is_name(&full_name).then_some(full_name)
    }

    async fn ask(&self, name: &str, within: Duration) -> io::Result<Answer> {
        let (sender, answer) = oneshot::channel();
        let question = Question {
            name: name.to_owned(),
            answer: sender,
        };
        let gone = || io::Error::other("nobody looks names up any more");
        self.questions.send(question).map_err(|_| gone())?;
        match tokio::time::timeout(within, answer).await {
            Ok(answer) => answer.map_err(|_| gone())?,
            Err(_) => Err(io::Error::new(
                io::ErrorKind::TimedOut,
                format!("not looked up within {} s", within.as_secs_f32()),
            )),
        }
    }
}

/// Whether this can be the name of a host. A host that was never given one is called
/// "(none)" by its kernel, and a name server may answer anything.
pub fn is_name(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    !text.is_empty() && text.bytes().all(is_plain)
}

/// Asks, for as long as it takes.
fn answer(name: &str) -> io::Result<Answer> {
    let hints = AddrInfoHints {
        flags: libc::AI_CANONNAME,
        socktype: libc::SOCK_STREAM,
        ..AddrInfoHints::default()
    };
    // The crate trusts what comes from a name server to be UTF-8.
    let found = catch_unwind(AssertUnwindSafe(|| {
        getaddrinfo(Some(name), None, Some(hints))?.collect::<io::Result<Vec<AddrInfo>>>()
    }));
    let found = found.unwrap_or_else(|_| Err(io::Error::other("the name is no text")))?;
    Ok(Answer {
        addresses: found.iter().map(|info| info.sockaddr.ip()).collect(),
        full_name: found.into_iter().find_map(|info| info.canonname),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const WITHIN: Duration = Duration::from_secs(20);

    #[tokio::test]
    async fn a_name_has_its_addresses_and_the_port() {
        let names = Names::start().unwrap();
        let found = names.addresses("localhost", 2525, WITHIN).await.unwrap();
        assert!(
            found
                .iter()
                .all(|found| found.ip().is_loopback() && found.port() == 2525),
            "{found:?}"
        );
        assert!(!found.is_empty());
        let address = names.addresses("192.0.2.1", 25, WITHIN).await.unwrap();
        assert_eq!(address, ["192.0.2.1:25".parse().unwrap()]);
    }

    #[tokio::test]
    async fn a_host_knows_its_name() {
        let names = Names::start().unwrap();
        let name = names.full_name("localhost", WITHIN).await.unwrap();
        assert!(name.contains("localhost"), "{name}");
    }

    #[tokio::test]
    async fn nobody_waits_longer_than_he_likes_to() {
        // A thread that never answers.
        let (questions, asked) = mpsc::channel();
        let names = Names { questions };
        let within = Duration::from_millis(1);
        let error = names.addresses("mx", 25, within).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert_eq!(names.full_name("mx", within).await, None);
        drop(asked);
        let error = names.addresses("mx", 25, WITHIN).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::Other);
    }
}
