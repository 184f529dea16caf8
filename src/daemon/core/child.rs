//! A child process as core sees it: started, talked to, watched, killed and reaped.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{ExitStatus, Stdio};

use tokio::process::{Child, Command};

use crate::daemon::ipc::{Connection, IpcError};
use crate::daemon::messages::{FromChecker, ToChecker};

/// How many rounds of the watchdog a child may stay silent. A round is
/// [`super::WATCHDOG_ROUND`] of core's own time, so that a core that was stopped
/// itself blames nobody.
const SILENT_ROUNDS: u32 = 5;

/// A running checker.
pub struct CheckerChild {
    process: Child,
    pub pid: u32,
    connection: Connection<ToChecker, FromChecker>,
    /// Rounds of the watchdog since its last word.
    silent: u32,
    /// What it said before it gave up.
    pub gave_up: Option<String>,
}

/// News of a child.
#[derive(Debug)]
pub enum ChildNews {
    Said(Box<FromChecker>),
    /// Its end of the socket is closed, or it has ended.
    Ended(Ending),
}

/// How a child ended.
#[derive(Debug)]
pub enum Ending {
    Exited(ExitStatus),
    Talk(IpcError),
}

impl CheckerChild {
    /// Starts this executable again as a checker. The new process has its end of the
    /// socket pair as standard input, our log, and nothing else of ours; in the
    /// background not even our standard error, which somebody may be reading to its
    /// end.
    ///
    /// # Errors
    /// Where there are no descriptors or processes left.
    pub fn start(in_background: bool) -> io::Result<Self> {
        let (ours, theirs) = UnixStream::pair()?;
        let stderr = if in_background {
            Stdio::null()
        } else {
            Stdio::inherit()
        };
        let process = Command::new("/proc/self/exe")
            .arg0("ipvsd")
            .args(["child", "checker"])
            .args(crate::sys::log::child_arguments())
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::null())
            .stderr(stderr)
            .current_dir("/")
            .kill_on_drop(true)
            .spawn()?;
        let pid = process.id().unwrap_or_default();
        let connection = Connection::new(ours.into())?;
        Ok(CheckerChild {
            process,
            pid,
            connection,
            silent: 0,
            gave_up: None,
        })
    }

    pub fn send(&mut self, message: &ToChecker) {
        self.connection.send(message);
    }

    /// What the child says or how it ended. May be dropped and called again.
    pub async fn news(&mut self) -> ChildNews {
        match self.connection.next().await {
            Ok(Some(message)) => {
                self.silent = 0;
                ChildNews::Said(Box::new(message))
            }
            // Everything it said has been read; now wait for the rest of it.
            Ok(None) => match self.process.wait().await {
                Ok(status) => ChildNews::Ended(Ending::Exited(status)),
                Err(error) => ChildNews::Ended(Ending::Talk(error.into())),
            },
            Err(error) => ChildNews::Ended(Ending::Talk(error)),
        }
    }

    /// One round of the watchdog: asks for a sign of life, and says for how many
    /// rounds there was none, once they are too many.
    pub fn watch(&mut self) -> Option<u32> {
        self.silent += 1;
        if self.silent > SILENT_ROUNDS {
            return Some(self.silent - 1);
        }
        self.send(&ToChecker::Ping);
        None
    }

    /// Kills and reaps it. Afterwards there is none of it left to do anything.
    pub async fn kill(&mut self) {
        if let Err(error) = self.process.kill().await {
            tracing::error!("cannot kill the checker (pid {}): {error}", self.pid);
        }
    }
}
