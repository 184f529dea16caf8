//! `TCP_CHECK`: a connection can be made.

use std::time::Duration;

use tokio::time::Instant;

use super::connect::connect;
use crate::check::Outcome;
use crate::config::model::CheckTarget;

/// Connects and closes, in good order as keepalived does. A reset (linger 0) would
/// spare this machine a minute of TIME_WAIT for each check, but servers log resets as
/// errors, and some count them against the client.
pub(super) async fn run(target: &CheckTarget, timeout: Duration) -> Outcome {
    let deadline = Instant::now() + timeout;
    match connect(target.address, timeout, deadline).await {
        Ok(stream) => {
            drop(stream);
            Outcome::Success
        }
        Err(kind) => kind.into(),
    }
}
