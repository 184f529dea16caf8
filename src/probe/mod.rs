//! Runs one attempt of one check against one real server.
//!
//! Every attempt ends within its deadline, with bounded memory, whatever the server
//! does. Nothing here opens a file or starts a process: this runs where strangers'
//! bytes are read.

mod connect;
mod http;
mod tcp;

use std::time::Duration;

pub use http::{ANSWER_LIMIT, HEADER_LIMIT};

use crate::check::{FailureKind, Outcome};
use crate::config::model::CheckSpec;

/// Asks the real server once.
///
/// `timeout` is the deadline of each connection with its answer; a check of several
/// urls makes one connection after the other, so that the whole is over within
/// `timeout` times their number. Everything that goes wrong, here or there, is a
/// failure with its name; scripts are core's to run and fail here.
///
/// Must be awaited within a tokio runtime with I/O and time.
pub async fn run(spec: &CheckSpec, timeout: Duration) -> Outcome {
    match spec {
        CheckSpec::Tcp(target) => tcp::run(target, timeout).await,
        CheckSpec::Http(check) => http::run(check, timeout).await,
        CheckSpec::Misc(_) => FailureKind::Internal("a script is run by core".into()).into(),
    }
}
