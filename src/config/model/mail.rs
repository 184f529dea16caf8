//! Mail as the model has it.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Who is told by mail, and by way of whom. Without a recipient, and without a server,
/// nothing is mailed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mail {
    /// `notification_email`, as written: `admin@example.org`, `On call <oncall@…>`; each
    /// is a mailbox as `lettre` reads it.
    pub recipients: Vec<String>,
    /// `notification_email_from`, a mailbox as the recipients are. None is made of the
    /// user's and the host's name, as keepalived does.
    pub from: Option<String>,
    /// `smtp_server`. None mails nothing, as keepalived does.
    pub server: Option<SmtpServer>,
    /// `smtp_connect_timeout`: how long one conversation with the server may hang.
    pub timeout: Duration,
    /// `smtp_helo_name`. None is the host's name.
    pub helo_name: Option<String>,
    /// `no_email_faults`: instances and sync groups that go to FAULT are not mailed.
    pub no_faults: bool,
}

impl Mail {
    /// keepalived.conf(5), smtp_connect_timeout.
    pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);

    /// Whether anything is mailed at all.
    pub fn is_sent(&self) -> bool {
        !self.recipients.is_empty() && self.server.is_some()
    }
}

impl Default for Mail {
    fn default() -> Self {
        Mail {
            recipients: Vec::new(),
            from: None,
            server: None,
            timeout: Self::DEFAULT_TIMEOUT,
            helo_name: None,
            no_faults: false,
        }
    }
}

/// `smtp_server HOST [PORT]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SmtpServer {
    pub host: SmtpHost,
    pub port: u16,
}

/// A mail server by its name, looked up each time, or its address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SmtpHost {
    Name(String),
    Address(IpAddr),
}

impl SmtpServer {
    pub const DEFAULT_PORT: u16 = 25;
}

impl fmt::Display for SmtpServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            SmtpHost::Name(name) => write!(f, "{name}:{}", self.port),
            SmtpHost::Address(IpAddr::V6(address)) => write!(f, "[{address}]:{}", self.port),
            SmtpHost::Address(address) => write!(f, "{address}:{}", self.port),
        }
    }
}
