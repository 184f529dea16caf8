//! Health checks as the model has them: every default resolved, every value in
//! range.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Model, Origin, ScriptId, Setting};

/// One check of one real server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    pub spec: CheckSpec,
    pub timing: Timing,
    /// The check has failed until it has succeeded.
    pub alpha: bool,
    pub origin: Origin,
    /// What nothing acts on yet.
    pub later: Vec<Setting>,
}

/// When a check runs, and how much it forgives. Inherited from virtual server to
/// real server to check; resolved here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timing {
    /// From one check to the next while nothing is wrong; above 0.
    pub delay_loop: Duration,
    /// How long one connection with its answer may take; above 0. For a script,
    /// its time limit.
    pub timeout: Duration,
    /// Further attempts before a server that is up is said to have failed.
    pub retry: u32,
    /// From a failed attempt to the next.
    pub delay_before_retry: Duration,
    /// The first check comes after a random part of this.
    pub warmup: Duration,
}

impl Check {
    /// Its keyword and what it asks, in short: `TCP_CHECK 10.0.0.11:80`.
    pub fn name(&self, model: &Model) -> String {
        format!("{} {}", self.spec.keyword(), self.spec.target(model))
    }
}

/// What is asked of the real server.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum CheckSpec {
    /// `TCP_CHECK`: a connection can be made.
    Tcp(CheckTarget),
    /// `HTTP_GET`: every url answers as expected.
    Http(HttpCheck),
    /// `MISC_CHECK`: a program of the user's says so.
    Misc(MiscCheck),
}

impl CheckSpec {
    /// The keyword of the configuration.
    pub fn keyword(&self) -> &'static str {
        match self {
            CheckSpec::Tcp(_) => "TCP_CHECK",
            CheckSpec::Http(_) => "HTTP_GET",
            CheckSpec::Misc(_) => "MISC_CHECK",
        }
    }

    /// What is asked, in short.
    pub fn target(&self, model: &Model) -> String {
        match self {
            CheckSpec::Tcp(target) => target.address.to_string(),
            CheckSpec::Http(check) => {
                let paths: Vec<&str> = check.urls.iter().map(|url| url.path.as_str()).collect();
                format!("{} {}", check.target.address, paths.join(" "))
            }
            CheckSpec::Misc(check) => model
                .scripts
                .get(check.script.0 as usize)
                .map(|script| script.argv.join(" "))
                .unwrap_or_default(),
        }
    }

    /// A number that is the same for equal questions and, but for accidents,
    /// different for different ones: what the state of a check is known by over a
    /// reload. Timing takes no part, so that a check keeps its verdict when only
    /// its interval changes.
    pub fn identity(&self, model: &Model) -> u64 {
        let mut hasher = DefaultHasher::new();
        match self {
            CheckSpec::Tcp(_) | CheckSpec::Http(_) => self.hash(&mut hasher),
            CheckSpec::Misc(misc) => {
                "misc".hash(&mut hasher);
                // By content: numbers of scripts change from file to file.
                model.scripts.get(misc.script.0 as usize).hash(&mut hasher);
            }
        }
        hasher.finish()
    }
}

/// Where a check connects to.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct CheckTarget {
    /// The real server's address, and its port as the file gives it, unless
    /// `connect_ip` and `connect_port` say otherwise.
    pub address: SocketAddr,
}

/// `HTTP_GET`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct HttpCheck {
    pub target: CheckTarget,
    /// At least one, checked in this order.
    pub urls: Vec<HttpUrl>,
}

/// `url` in `HTTP_GET`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct HttpUrl {
    /// Sent as it is written; begins with `/`.
    pub path: String,
    /// The `Host` header; None is the target's address.
    pub virtual_host: Option<String>,
    /// The MD5 sum that the body must have.
    pub digest: Option<[u8; 16]>,
    /// The status that the answer must have.
    pub status_codes: StatusCodes,
    /// What nothing acts on yet.
    pub later: Vec<Setting>,
}

/// A set of HTTP status codes, 100 to 599.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct StatusCodes(pub Vec<RangeInclusive<u16>>);

impl StatusCodes {
    pub fn contains(&self, code: u16) -> bool {
        self.0.iter().any(|range| range.contains(&code))
    }
}

/// Any success, 200 to 299 (keepalived.conf(5), status_code).
impl Default for StatusCodes {
    fn default() -> Self {
        StatusCodes(vec![200..=299])
    }
}

/// `MISC_CHECK`. The time limit is [`Timing::timeout`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct MiscCheck {
    pub script: ScriptId,
    /// `misc_dynamic`: an exit status of 2 to 255 sets the weight to status - 2.
    pub dynamic: bool,
}
