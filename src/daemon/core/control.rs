//! The control socket: a line of JSON asks, a line of JSON answers.
//!
//! Only root may connect: the socket has mode 0600 in a folder of ours.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::sys::stat::{Mode, umask};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{mpsc, oneshot};

use super::drain::Drained;
use super::in_force::InForce;
use super::report::{EventStatus, Status};

/// The longest request, in bytes.
const LONGEST_REQUEST: u64 = 64 * 1024;

/// How long a client may take to ask, and to take the answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// How many requests may wait for core.
const WAITING: usize = 16;

/// What may be asked.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "kebab-case")]
pub enum Request {
    Status,
    Events,
    /// What is gone by, for `ipvsd plan`.
    InForce,
    /// Drain a real server, or no longer.
    Drain {
        virtual_server: String,
        real_server: String,
        on: bool,
    },
    /// Which real servers are drained, and how many connections they have left.
    Drained,
}

/// What is answered.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "kebab-case")]
pub enum Answer {
    Status(Box<Status>),
    Events {
        events: Vec<EventStatus>,
    },
    InForce {
        /// Of ipvsd: only the same one understands what follows.
        version: String,
        /// An [`InForce`] as postcard. It follows the line.
        #[serde(skip)]
        bytes: Vec<u8>,
    },
    Drained {
        /// False where it was so already.
        changed: bool,
        server: Drained,
    },
    AllDrained {
        servers: Vec<Drained>,
    },
    Refused {
        why: String,
    },
}

impl Answer {
    pub(super) fn in_force(in_force: &InForce) -> Self {
        match postcard::to_stdvec(in_force) {
            Ok(bytes) => Answer::InForce {
                version: env!("CARGO_PKG_VERSION").to_owned(),
                bytes,
            },
            Err(error) => Answer::Refused {
                why: format!("the model cannot be told: {error}"),
            },
        }
    }
}

/// A request with the place for its answer.
pub struct Asked {
    pub request: Request,
    pub answer: oneshot::Sender<Answer>,
}

/// The socket, removed when it is dropped.
#[derive(Debug)]
pub struct Control {
    path: PathBuf,
}

impl Control {
    /// Opens the socket, in the place of one that a killed core has left. Requests
    /// arrive at the receiver. The caller has made sure that no other core runs.
    ///
    /// # Errors
    /// Where the socket cannot be made.
    pub fn open(path: &Path) -> io::Result<(Self, mpsc::Receiver<Asked>)> {
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        // From the first moment nobody else may connect.
        let before = umask(Mode::from_bits_truncate(0o177));
        let bound = UnixListener::bind(path);
        umask(before);
        let listener = bound?;
        let (sender, receiver) = mpsc::channel(WAITING);
        tokio::spawn(listen(listener, sender));
        Ok((
            Control {
                path: path.to_owned(),
            },
            receiver,
        ))
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

async fn listen(listener: UnixListener, core: mpsc::Sender<Asked>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let core = core.clone();
                tokio::spawn(async move {
                    // A client that has gone is none of our business.
                    let _ = tokio::time::timeout(PATIENCE, serve(stream, core)).await;
                });
            }
            Err(error) => {
                tracing::warn!("the control socket does not accept: {error}");
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
    }
}

async fn serve(mut stream: UnixStream, core: mpsc::Sender<Asked>) -> io::Result<()> {
    let mut line = String::new();
    let (reading, mut writing) = stream.split();
    BufReader::new(reading.take(LONGEST_REQUEST))
        .read_line(&mut line)
        .await?;
    let answer = match serde_json::from_str::<Request>(&line) {
        Ok(request) => {
            let (sender, receiver) = oneshot::channel();
            let asked = core
                .send(Asked {
                    request,
                    answer: sender,
                })
                .await;
            match (asked, receiver.await) {
                (Ok(()), Ok(answer)) => answer,
                _ => Answer::Refused {
                    why: "ipvsd is ending".into(),
                },
            }
        }
        Err(error) => Answer::Refused {
            why: format!("not a request: {error}"),
        },
    };
    let mut bytes = serde_json::to_vec(&answer)?;
    bytes.push(b'\n');
    if let Answer::InForce {
        bytes: following, ..
    } = answer
    {
        bytes.extend(following);
    }
    writing.write_all(&bytes).await?;
    writing.shutdown().await
}

/// Asks the core that listens at `path`. For the command line.
///
/// # Errors
/// Where nobody listens there, or what comes is no answer.
pub fn ask(path: &Path, request: &Request) -> io::Result<Answer> {
    use std::io::{Read, Write};
    let mut stream = std::os::unix::net::UnixStream::connect(path)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut bytes = serde_json::to_vec(request)?;
    bytes.push(b'\n');
    stream.write_all(&bytes)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let end = answer.iter().position(|byte| *byte == b'\n');
    let (line, rest) = answer.split_at(end.unwrap_or(answer.len()));
    let mut answer = serde_json::from_slice(line)?;
    if let Answer::InForce { bytes, .. } = &mut answer {
        *bytes = rest.get(1..).unwrap_or_default().to_vec();
    }
    Ok(answer)
}

/// Asks the core that listens at `path` what it goes by.
///
/// # Errors
/// As of [`ask`], and where that core is of another version.
pub fn ask_in_force(path: &Path) -> io::Result<InForce> {
    let ours = env!("CARGO_PKG_VERSION");
    match ask(path, &Request::InForce)? {
        Answer::InForce { version, bytes } if version == ours => postcard::from_bytes(&bytes)
            .map_err(|error| {
                io::Error::other(format!(
                    "the running director is another build of ipvsd {ours}: {error}"
                ))
            }),
        Answer::InForce { version, .. } => Err(io::Error::other(format!(
            "the running director is ipvsd {version} and this is {ours}: use the same"
        ))),
        Answer::Refused { why } => Err(io::Error::other(why)),
        _ => Err(io::Error::other("another answer than was asked for")),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[tokio::test]
    async fn nobody_else_may_connect() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("control.sock");
        let (control, _requests) = Control::open(&path).unwrap();
        let mode = path.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        // In the place of what a killed one has left.
        let (_control, _requests) = Control::open(&path).unwrap();
        drop(control);
    }
}
