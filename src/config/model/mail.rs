//! Mail as the model has it.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Who is told by mail, and by way of whom. Without a recipient nothing is mailed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mail {
    /// `notification_email`, as written: `admin@example.org`, `On call <oncall@…>`.
    pub recipients: Vec<String>,
    /// `notification_email_from`. None is made of the user's and the host's name, as
    /// keepalived does.
    pub from: Option<String>,
    /// `smtp_server`.
    pub server: SmtpServer,
    /// `smtp_connect_timeout`: how long one conversation with the server may hang.
    pub timeout: Duration,
    /// `smtp_helo_name`. None is the host's name.
    pub helo_name: Option<String>,
}

impl Mail {
    /// keepalived.conf(5), smtp_connect_timeout.
    pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);
}

impl Default for Mail {
    fn default() -> Self {
        Mail {
            recipients: Vec::new(),
            from: None,
            server: SmtpServer::default(),
            timeout: Self::DEFAULT_TIMEOUT,
            helo_name: None,
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

/// The mail server on this host (keepalived.conf(5), smtp_server).
impl Default for SmtpServer {
    fn default() -> Self {
        SmtpServer {
            host: SmtpHost::Address(IpAddr::from([127, 0, 0, 1])),
            port: Self::DEFAULT_PORT,
        }
    }
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
