//! What core and the front process say to each other.

use serde::{Deserialize, Serialize};

use crate::alert::mail::{MailEvent, MailOut, MailStatus};
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
