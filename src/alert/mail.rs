//! Mail: which events are mailed, and in what words.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Importance;

/// A mail without its envelope.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MailText {
    pub subject: String,
    pub body: String,
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
