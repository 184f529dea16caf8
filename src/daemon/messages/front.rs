//! What core and the front process say to each other.

use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use crate::alert::mail::{MailEvent, MailText};
use crate::config::model::Mail;

/// From core to the front process.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum ToFront {
    /// The first message to a new process: with what the one before it has not sent, in
    /// order.
    Start { mail: Mail, unsent: Vec<MailOut> },
    /// Another configuration; what waits goes to the new recipients.
    Reload { mail: Mail },
    /// Send this, after everything before it.
    Mail(MailOut),
    /// Say [`FromFront::Status`].
    Status { request: u64 },
    /// Say [`FromFront::Alive`].
    Ping,
    /// Try once more what waits, for no longer than a moment, and end.
    Stop,
}

/// A mail to be sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MailOut {
    /// Counts from 1 since core started: which ones are done is told by it.
    pub number: u64,
    /// When it happened: the mail's date.
    pub at: SystemTime,
    pub text: MailText,
}

/// From the front process to core.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum FromFront {
    Alive,
    /// It cannot do its work, and ends.
    Failed(String),
    /// The server has taken this mail, or it was dropped, which is told by an event.
    Done {
        number: u64,
    },
    Told(MailEvent),
    Status {
        request: u64,
        status: MailStatus,
    },
    /// It ends; these mails were not sent.
    Stopped {
        left: Vec<u64>,
    },
}

/// How it stands with the mail, for the status.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MailStatus {
    pub waiting: u64,
    pub sent: u64,
    pub dropped: u64,
    /// What the server said to the latest attempt that failed, while something waits.
    pub trouble: Option<String>,
}
