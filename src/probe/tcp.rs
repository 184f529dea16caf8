//! `TCP_CHECK`: a connection can be made.

use std::time::Duration;

use tokio::time::Instant;

use super::connect::connect;
use crate::check::Outcome;
use crate::config::model::CheckTarget;

/// Connects and closes.
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
