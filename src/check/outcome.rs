//! What one attempt of a check can come to. Every outcome has one name, the same
//! in logs, mails, metrics and tests, and a text that tells what happened with its
//! numbers.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::config::model::StatusCodes;

/// What one attempt of a check came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    Success,
    /// Success, and the weight that the server should have (`misc_dynamic`).
    Dynamic(DynamicStatus),
    Failure(Failure),
}

impl Outcome {
    /// The stable name; see [`FailureKind::name`] for those of failures.
    pub fn name(&self) -> &'static str {
        match self {
            Outcome::Success | Outcome::Dynamic(_) => "success",
            Outcome::Failure(failure) => failure.name(),
        }
    }

    pub fn is_success(&self) -> bool {
        !matches!(self, Outcome::Failure(_))
    }
}

impl From<FailureKind> for Outcome {
    fn from(kind: FailureKind) -> Self {
        Outcome::Failure(kind.into())
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Outcome::Success => f.write_str("success"),
            Outcome::Dynamic(status) => write!(f, "success, weight {}", status.weight()),
            Outcome::Failure(failure) => failure.fmt(f),
        }
    }
}

/// An exit status that sets a weight: 2 to 255, for 0 to 253.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct DynamicStatus(u8);

impl DynamicStatus {
    /// None for 0 and 1, which mean success and failure.
    pub fn new(status: u8) -> Option<Self> {
        (status >= 2).then_some(DynamicStatus(status))
    }

    pub fn status(self) -> u8 {
        self.0
    }

    /// The weight that the status asks for, were it the server's only dynamic
    /// check. keepalived.conf(5) says once that 10 sets 10; what keepalived does,
    /// and the manual's other example, is two less.
    pub fn weight(self) -> u16 {
        u16::from(self.0 - 2)
    }
}

impl TryFrom<u8> for DynamicStatus {
    type Error = &'static str;

    fn try_from(status: u8) -> Result<Self, Self::Error> {
        DynamicStatus::new(status).ok_or("a status that sets a weight is 2 or more")
    }
}

impl From<DynamicStatus> for u8 {
    fn from(status: DynamicStatus) -> u8 {
        status.0
    }
}

/// Why an attempt failed, and at which of several urls.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    pub kind: FailureKind,
    /// The path of the url that failed; None where the check has no urls.
    pub url: Option<Box<str>>,
}

impl Failure {
    /// See [`FailureKind::name`].
    pub fn name(&self) -> &'static str {
        self.kind.name()
    }
}

impl From<FailureKind> for Failure {
    fn from(kind: FailureKind) -> Self {
        Failure { kind, url: None }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.url {
            Some(url) => write!(f, "{url}: {}", self.kind),
            None => self.kind.fmt(f),
        }
    }
}

/// The ways to fail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FailureKind {
    // What the server or the network did.
    ConnectionRefused,
    /// No connection within the time.
    ConnectTimeout(Duration),
    ConnectionReset,
    NoRoute,
    NetworkUnreachable,
    /// Another error of the connection than those that have a name.
    NetworkError(Errno),

    // What the server answered.
    /// Connected, and not one byte came within the time.
    AnswerTimeout(Duration),
    /// The time was up in the middle of the answer.
    AnswerIncomplete {
        within: Duration,
        received: u64,
    },
    /// Closed in good order, and not one byte came.
    ClosedWithoutAnswer,
    /// Closed in good order in the middle of the answer.
    ClosedEarly {
        received: u64,
    },
    WrongStatus {
        status: u16,
        wanted: StatusCodes,
    },
    WrongDigest {
        digest: Digest,
        wanted: Digest,
    },
    /// What the answer breaks of its protocol.
    MalformedAnswer(Box<str>),
    /// The limit in bytes; there is one on the number of lines too.
    HeaderTooLarge(u64),
    /// The limit in bytes.
    AnswerTooLarge(u64),

    // What a script said.
    ScriptFailed(u8),
    /// Killed because its time was up.
    ScriptTimeout(Duration),
    /// Ended by a signal that was not ours.
    ScriptSignalled(i32),
    /// Why it could not be run.
    ScriptNotRun(Box<str>),

    // What went wrong on this machine. All are failures of the check: a director
    // that cannot reach a server must not send clients there.
    OutOfDescriptors(Errno),
    OutOfMemory(Errno),
    AddressNotAvailable(Errno),
    NotPermitted(Errno),
    NoSuchDevice(Errno),
    /// Another error of a system call than those that have a name.
    LocalError(Errno),
    /// What cannot be put into a request.
    Unsendable(Box<str>),
    /// A fault of ipvsd itself.
    Internal(Box<str>),
}

impl FailureKind {
    /// The stable name: kebab-case, never changed once released.
    pub fn name(&self) -> &'static str {
        use FailureKind::*;
        match self {
            ConnectionRefused => "connection-refused",
            ConnectTimeout(_) => "connect-timeout",
            ConnectionReset => "connection-reset",
            NoRoute => "no-route",
            NetworkUnreachable => "network-unreachable",
            NetworkError(_) => "network-error",
            AnswerTimeout(_) => "answer-timeout",
            AnswerIncomplete { .. } => "answer-incomplete",
            ClosedWithoutAnswer => "closed-without-answer",
            ClosedEarly { .. } => "closed-early",
            WrongStatus { .. } => "wrong-status",
            WrongDigest { .. } => "wrong-digest",
            MalformedAnswer(_) => "malformed-answer",
            HeaderTooLarge(_) => "header-too-large",
            AnswerTooLarge(_) => "answer-too-large",
            ScriptFailed(_) => "script-failed",
            ScriptTimeout(_) => "script-timeout",
            ScriptSignalled(_) => "script-signalled",
            ScriptNotRun(_) => "script-not-run",
            OutOfDescriptors(_) => "out-of-descriptors",
            OutOfMemory(_) => "out-of-memory",
            AddressNotAvailable(_) => "address-not-available",
            NotPermitted(_) => "not-permitted",
            NoSuchDevice(_) => "no-such-device",
            LocalError(_) => "local-error",
            Unsendable(_) => "unsendable",
            Internal(_) => "internal",
        }
    }

    /// Whether the cause lies on this machine, not with the server or between.
    pub fn is_local(&self) -> bool {
        use FailureKind::*;
        matches!(
            self,
            ScriptNotRun(_)
                | OutOfDescriptors(_)
                | OutOfMemory(_)
                | AddressNotAvailable(_)
                | NotPermitted(_)
                | NoSuchDevice(_)
                | LocalError(_)
                | Unsendable(_)
                | Internal(_)
        )
    }

    /// The failure that an error number of a socket stands for, whether it comes
    /// from a call of ours or from the network through the socket.
    pub fn of_errno(errno: Errno) -> Self {
        use FailureKind::*;
        match errno.0 {
            libc::ECONNREFUSED => ConnectionRefused,
            libc::ECONNRESET | libc::EPIPE => ConnectionReset,
            libc::EHOSTUNREACH | libc::EHOSTDOWN => NoRoute,
            libc::ENETUNREACH | libc::ENETDOWN => NetworkUnreachable,
            libc::ETIMEDOUT
            | libc::ECONNABORTED
            | libc::EPROTO
            | libc::ENOPROTOOPT
            | libc::EMSGSIZE => NetworkError(errno),
            libc::EMFILE | libc::ENFILE => OutOfDescriptors(errno),
            libc::ENOMEM | libc::ENOBUFS => OutOfMemory(errno),
            // connect(2) says EAGAIN where no source port is left.
            libc::EADDRNOTAVAIL | libc::EADDRINUSE | libc::EAGAIN => AddressNotAvailable(errno),
            // A local packet filter that rejects says EPERM; SELinux, EACCES.
            libc::EPERM | libc::EACCES => NotPermitted(errno),
            libc::ENODEV | libc::ENXIO => NoSuchDevice(errno),
            _ => LocalError(errno),
        }
    }
}

impl From<&std::io::Error> for FailureKind {
    fn from(error: &std::io::Error) -> Self {
        match error.raw_os_error() {
            Some(errno) => FailureKind::of_errno(Errno(errno)),
            None => FailureKind::Internal(error.to_string().into()),
        }
    }
}

impl fmt::Display for FailureKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use FailureKind::*;
        match self {
            ConnectionRefused => f.write_str("connection refused"),
            ConnectTimeout(within) => write!(f, "no connection within {}", Seconds(*within)),
            ConnectionReset => f.write_str("connection reset by the server"),
            NoRoute => f.write_str("no route to host"),
            NetworkUnreachable => f.write_str("network unreachable"),
            NetworkError(errno) => write!(f, "network error: {errno}"),
            AnswerTimeout(within) => write!(f, "no answer within {}", Seconds(*within)),
            AnswerIncomplete { within, received } => write!(
                f,
                "answer not complete within {} ({received} bytes came)",
                Seconds(*within)
            ),
            ClosedWithoutAnswer => f.write_str("closed without an answer"),
            ClosedEarly { received } => write!(
                f,
                "closed before the answer was complete ({received} bytes came)"
            ),
            WrongStatus { status, wanted } => {
                write!(f, "status {status} (wanted {})", Ranges(wanted))
            }
            WrongDigest { digest, wanted } => write!(f, "digest {digest} (wanted {wanted})"),
            MalformedAnswer(what) => write!(f, "malformed answer: {what}"),
            HeaderTooLarge(limit) => write!(f, "header larger than {limit} bytes or 256 lines"),
            AnswerTooLarge(limit) => write!(f, "answer larger than {} MiB", limit >> 20),
            ScriptFailed(status) => write!(f, "script ended with status {status}"),
            ScriptTimeout(within) => write!(f, "script killed after {}", Seconds(*within)),
            ScriptSignalled(signal) => match nix::sys::signal::Signal::try_from(*signal) {
                Ok(signal) => write!(f, "script ended by {signal}"),
                Err(_) => write!(f, "script ended by signal {signal}"),
            },
            ScriptNotRun(why) => write!(f, "script not run: {why}"),
            OutOfDescriptors(errno) => write!(f, "out of descriptors ({})", errno.name()),
            OutOfMemory(errno) => write!(f, "out of memory ({})", errno.name()),
            AddressNotAvailable(errno) => {
                write!(f, "local address or port not available ({})", errno.name())
            }
            NotPermitted(errno) => write!(
                f,
                "not permitted: is there a packet filter on this machine? ({})",
                errno.name()
            ),
            NoSuchDevice(errno) => write!(f, "no such network device ({})", errno.name()),
            LocalError(errno) => write!(f, "local error: {errno}"),
            Unsendable(what) => write!(f, "not sent: {what}"),
            Internal(what) => write!(f, "fault of ipvsd: {what}"),
        }
    }
}

/// Status codes as the configuration writes them: `200-299 404`.
struct Ranges<'a>(&'a StatusCodes);

impl fmt::Display for Ranges<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, range) in self.0.0.iter().enumerate() {
            let blank = if index == 0 { "" } else { " " };
            match (range.start(), range.end()) {
                (first, last) if first == last => write!(f, "{blank}{first}")?,
                (first, last) => write!(f, "{blank}{first}-{last}")?,
            }
        }
        Ok(())
    }
}

/// An MD5 sum, shown as genhash does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Digest(pub [u8; 16]);

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// An error number of the system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Errno(pub i32);

impl Errno {
    /// The symbol of errno(3), such as `EMFILE`.
    pub fn name(self) -> String {
        match nix::errno::Errno::from_raw(self.0) {
            nix::errno::Errno::UnknownErrno => format!("errno {}", self.0),
            known => format!("{known:?}"),
        }
    }
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = nix::errno::Errno::from_raw(self.0);
        write!(f, "{} ({})", known.desc(), self.name())
    }
}

/// A duration as people write it: `3 s`, `0.25 s`.
pub(crate) struct Seconds(pub Duration);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} s", self.0.as_secs_f64())
    }
}

#[cfg(test)]
mod tests;
