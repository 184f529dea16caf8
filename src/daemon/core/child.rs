//! A child process as core sees it: started, talked to, watched, killed and reaped.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::Stdio;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::process::{self, Command};

use crate::daemon::ipc::{Connection, IpcError};
use crate::daemon::messages::{FromChecker, FromFront, FromVrrp, ToChecker, ToFront, ToVrrp};
use crate::moment::Moment;
use crate::sys::clock;

/// A kind of child: what it is called, what is said to it and by it, and how long it
/// may be silent.
pub trait Kind {
    /// What core says to it.
    type To: Serialize;
    /// What it says to core.
    type From: DeserializeOwned;

    /// Its name on the command line, in the log and in the status.
    const NAME: &'static str;
    /// How often the watchdog asks it for a sign of life.
    const ROUND: Duration;
    /// How many rounds it may stay silent. They are rounds of core's own time, so that a
    /// core that was stopped itself blames nobody.
    const SILENT_ROUNDS: u32;
    /// How long it may take until its first word: on a busy host its program has to be
    /// read, and the kernel to be asked what there is. Nothing depends on it before.
    const LONGEST_START: Duration = Duration::from_secs(5);
    /// How long to wait at most before another is started in the place of one that does
    /// not live long.
    const LONGEST_PAUSE: Duration = Duration::from_secs(30);

    /// To which it answers with a sign of life.
    fn ping() -> Self::To;
}

/// The pools of real servers, the probes, the IPVS table.
#[derive(Debug)]
pub struct Checker;

impl Kind for Checker {
    type To = ToChecker;
    type From = FromChecker;
    const NAME: &'static str = "checker";
    const ROUND: Duration = Duration::from_secs(1);
    const SILENT_ROUNDS: u32 = 5;

    fn ping() -> ToChecker {
        ToChecker::Ping
    }
}

/// The instances and sync groups, the virtual addresses.
#[derive(Debug)]
pub struct Vrrp;

impl Kind for Vrrp {
    type To = ToVrrp;
    type From = FromVrrp;
    const NAME: &'static str = "vrrp";
    /// With adverts every second others wait three of them before they take over. The
    /// last one may be a second old when a process hangs, and at most a second and a half
    /// go by until that is found out: half a second is left for the next to begin, and
    /// nobody notices. One that was only slow costs no more, because the next goes on
    /// where it was.
    /// Rounds are few, because each wakes two processes that mostly have little else to do.
    const ROUND: Duration = Duration::from_millis(500);
    const SILENT_ROUNDS: u32 = 2;
    /// Meanwhile the addresses stay on their interfaces: with a longer pause others take
    /// over, and two have them.
    const LONGEST_PAUSE: Duration = Duration::from_secs(1);

    fn ping() -> ToVrrp {
        ToVrrp::Ping
    }
}

/// The mail.
#[derive(Debug)]
pub struct Front;

impl Kind for Front {
    type To = ToFront;
    type From = FromFront;
    const NAME: &'static str = "front";
    const ROUND: Duration = Duration::from_secs(1);
    const SILENT_ROUNDS: u32 = 5;

    fn ping() -> ToFront {
        ToFront::Ping
    }
}

/// A child that was started and has not been reaped.
pub struct Child<K: Kind> {
    process: process::Child,
    pub pid: u32,
    pub since: Moment,
    connection: Connection<K::To, K::From>,
    /// Its end of the socket is open.
    talks: bool,
    /// Rounds of the watchdog since its last word.
    silent: u32,
    /// It has said its first word.
    has_spoken: bool,
    killed: bool,
    /// It was killed because it was silent for too long.
    pub hung: bool,
    /// What it said before it gave up.
    pub gave_up: Option<String>,
    /// Where that says more than its exit status: how it came to its end.
    how: Option<String>,
}

/// News of a child.
#[derive(Debug)]
pub enum News<K: Kind> {
    Said(Box<K::From>),
    /// It has ended and is reaped: nothing of it is left to do anything. How, in words.
    Ended(String),
}

/// What a round of the watchdog has found.
#[derive(Debug, PartialEq, Eq)]
pub enum Silence {
    /// It has just been killed for that.
    TooLong(Duration),
    /// It was killed long ago and has not ended.
    Unkillable,
}

impl<K: Kind> Child<K> {
    /// Starts this executable again as a child. The new process has its end of the
    /// socket pair as standard input, our log, and nothing else of ours; in the
    /// background not even our standard error, which somebody may be reading to its
    /// end. What is `handed` to it, a socket to IPVS, is its standard output.
    ///
    /// # Errors
    /// Where there are no descriptors or processes left.
    pub fn start(in_background: bool, handed: Option<OwnedFd>) -> io::Result<Self> {
        let (ours, theirs) = UnixStream::pair()?;
        let stderr = if in_background {
            Stdio::null()
        } else {
            Stdio::inherit()
        };
        let process = Command::new("/proc/self/exe")
            .arg0("ipvsd")
            .args(["child", K::NAME])
            .args(crate::sys::log::child_arguments())
            .args(handed.is_some().then_some("--handed-ipvs"))
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(handed.map_or_else(Stdio::null, Stdio::from))
            .stderr(stderr)
            .current_dir("/")
            .kill_on_drop(true)
            .spawn()?;
        Self::new(process, ours)
    }

    fn new(process: process::Child, socket: UnixStream) -> io::Result<Self> {
        Ok(Child {
            pid: process.id().unwrap_or_default(),
            process,
            since: clock::now(),
            connection: Connection::new(socket.into())?,
            talks: true,
            silent: 0,
            has_spoken: false,
            killed: false,
            hung: false,
            gave_up: None,
            how: None,
        })
    }

    /// To one that was killed or has hung up nothing is said any more.
    pub fn send(&mut self, message: &K::To) {
        if self.talks && !self.killed {
            self.connection.send(message);
        }
    }

    /// Whether it was killed and only waits to be reaped.
    pub fn is_killed(&self) -> bool {
        self.killed
    }

    /// What the child says or how it ended; everything that it has said comes first,
    /// also of one that was killed. May be dropped and called again.
    pub async fn news(&mut self) -> News<K> {
        while self.talks {
            match self.connection.next().await {
                Ok(Some(message)) => {
                    self.silent = 0;
                    self.has_spoken = true;
                    return News::Said(Box::new(message));
                }
                Ok(None) => self.talks = false,
                Err(error) => {
                    self.talks = false;
                    // Of a socket that has broken, the exit status knows more.
                    if !matches!(error, IpcError::Socket(_)) {
                        self.how = Some(error.to_string());
                    }
                    self.kill();
                }
            }
        }
        match (self.process.wait().await, self.how.take()) {
            (_, Some(how)) => News::Ended(how),
            (Ok(status), None) => News::Ended(status.to_string()),
            (Err(error), None) => News::Ended(error.to_string()),
        }
    }

    /// One round of the watchdog: asks for a sign of life, and kills it once there was
    /// none for too long.
    pub fn watch(&mut self) -> Option<Silence> {
        self.silent = self.silent.saturating_add(1);
        if self.killed {
            return (self.silent == K::SILENT_ROUNDS).then_some(Silence::Unkillable);
        }
        if self.silent <= self.patience() {
            self.send(&K::ping());
            return None;
        }
        // It may have answered, and it is we who have not come to read it.
        if self.talks && self.connection.has_unread() {
            return None;
        }
        let silent = K::ROUND * (self.silent - 1);
        self.kill();
        self.hung = true;
        self.silent = 0;
        Some(Silence::TooLong(silent))
    }

    /// How many rounds it may stay silent now.
    fn patience(&self) -> u32 {
        let start = K::LONGEST_START.as_millis().div_ceil(K::ROUND.as_millis());
        match self.has_spoken {
            true => K::SILENT_ROUNDS,
            false => K::SILENT_ROUNDS.max(u32::try_from(start).unwrap_or(u32::MAX)),
        }
    }

    /// Kills it. That it has ended comes as news.
    pub fn kill(&mut self) {
        self.killed = true;
        if let Err(error) = self.process.start_kill() {
            tracing::error!("cannot kill {} process({}): {error}", K::NAME, self.pid);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A program that stands for a front process, and core's end of its socket.
    fn child(script: &str) -> Child<Front> {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let process = Command::new("/bin/sh")
            .args(["-c", script])
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        Child::new(process, ours).unwrap()
    }

    /// [`FromFront::Done`] of mail 7 as a frame, for printf(1).
    const DONE_7: &str = r"\002\000\000\000\002\007";

    fn ended(news: News<Front>) -> String {
        match news {
            News::Ended(how) => how,
            News::Said(message) => panic!("{message:?}"),
        }
    }

    #[tokio::test(flavor = "current_thread")]
    async fn who_says_nothing_for_too_long_is_killed() {
        let mut child = child("exec sleep 1000");
        for _ in 0..Front::SILENT_ROUNDS {
            assert_eq!(child.watch(), None);
        }
        assert_eq!(
            child.watch(),
            Some(Silence::TooLong(Duration::from_secs(5)))
        );
        assert!(child.is_killed());
        assert!(ended(child.news().await).contains("SIGKILL"));
    }

    /// A zombie stands for one that hangs in the kernel: it is not reaped meanwhile.
    #[tokio::test(flavor = "current_thread")]
    async fn who_cannot_be_killed_is_told_once() {
        let mut child = child("exec sleep 1000");
        child.kill();
        for _ in 1..Front::SILENT_ROUNDS {
            assert_eq!(child.watch(), None);
        }
        assert_eq!(child.watch(), Some(Silence::Unkillable));
        assert_eq!(child.watch(), None);
        ended(child.news().await);
    }

    /// As when core itself was stopped: the answer is there, and not read yet.
    #[tokio::test(flavor = "current_thread")]
    async fn who_has_answered_is_not_blamed_for_an_answer_that_was_not_read() {
        let mut child = child(&format!("printf '{DONE_7}' >&0; exec sleep 1000"));
        while !child.connection.has_unread() {
            tokio::task::yield_now().await;
        }
        for _ in 0..20 {
            assert_eq!(child.watch(), None);
        }
        assert!(matches!(
            child.news().await,
            News::Said(said) if matches!(*said, FromFront::Done { number: 7 })
        ));
        assert_eq!(child.watch(), None);
        assert!(!child.is_killed());
    }

    #[tokio::test(flavor = "current_thread")]
    async fn what_a_killed_one_has_said_is_heard_before_its_end() {
        let mut child = child(&format!("printf '{DONE_7}' >&0; exec sleep 1000"));
        while !child.connection.has_unread() {
            tokio::task::yield_now().await;
        }
        child.kill();
        assert!(matches!(child.news().await, News::Said(_)));
        ended(child.news().await);
    }

    #[tokio::test(flavor = "current_thread")]
    async fn who_does_not_speak_our_language_is_killed_and_told_about() {
        let mut child = child(r"printf '\377\377\377\377' >&0; exec sleep 1000");
        let how = ended(child.news().await);
        assert!(how.contains("4294967295 bytes"), "{how}");
    }
}
