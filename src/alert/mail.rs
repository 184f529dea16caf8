//! Mail: which events are mailed, in what words, and in which order they go out.

mod compose;
pub mod queue;

use std::fmt;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

pub use self::compose::{MailContext, compose};
use super::Importance;

/// A mail without its envelope.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MailText {
    /// `router_id`, which stands in brackets before the subject. None is the host's
    /// full name: a name server may have to be asked for it, so only the front process
    /// finds it out.
    pub router_id: Option<String>,
    /// What follows it.
    pub subject: String,
    pub body: String,
}

impl MailText {
    /// The subject as it is sent.
    pub fn whole_subject(&self, host: &str) -> String {
        let router = self.router_id.as_deref().unwrap_or(host);
        format!("[{router}] {}", self.subject)
    }
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

/// How it stands with the mail, for the status.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MailStatus {
    pub waiting: u64,
    pub sent: u64,
    pub dropped: u64,
    /// What the server said to the latest attempt that failed, while something waits.
    pub trouble: Option<String>,
}

/// What happens to mails.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum MailEvent {
    /// The mail server does not take what is to be sent; it is tried again.
    Delayed {
        server: String,
        why: String,
        waiting: usize,
    },
    /// After a delay everything that waited has been taken.
    Flowing { server: String, after_seconds: u64 },
    /// These mails will never be sent.
    Dropped { subjects: Vec<String>, why: String },
}

impl MailEvent {
    /// The stable name.
    pub fn name(&self) -> &'static str {
        match self {
            MailEvent::Delayed { .. } => "mail-delayed",
            MailEvent::Flowing { .. } => "mail-flowing",
            MailEvent::Dropped { .. } => "mail-dropped",
        }
    }

    pub fn importance(&self) -> Importance {
        match self {
            MailEvent::Delayed { .. } => Importance::Warning,
            MailEvent::Flowing { .. } => Importance::Info,
            MailEvent::Dropped { .. } => Importance::Error,
        }
    }
}

impl fmt::Display for MailEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            MailEvent::Delayed {
                server,
                why,
                waiting,
            } => write!(
                f,
                "Mail waits: {server}: {why}; {waiting} in the queue, it is tried again"
            ),
            MailEvent::Flowing {
                server,
                after_seconds,
            } => write!(
                f,
                "Mail flows again: {server} has taken everything, after {after_seconds} s"
            ),
            MailEvent::Dropped { subjects, why } => write!(
                f,
                "Mail dropped, {} in all: {why}: {}",
                subjects.len(),
                subjects.join("; ")
            ),
        }
    }
}
