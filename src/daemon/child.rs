//! What every child process begins with: a runtime of one thread, and its connection to
//! core.

use std::os::fd::OwnedFd;
use std::process::ExitCode;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::ipc::Connection;

/// Runs a child's whole life, `life`, with its end of the socket pair to core. `who` is
/// what the log calls it: "the checker".
pub fn run<Out: Serialize, In: DeserializeOwned>(
    who: &str,
    core: OwnedFd,
    life: impl AsyncFnOnce(Connection<Out, In>) -> ExitCode,
) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            tracing::error!("{who} cannot start: {error}");
            return ExitCode::FAILURE;
        }
    };
    runtime.block_on(async {
        match Connection::new(core) {
            Ok(core) => life(core).await,
            Err(error) => {
                tracing::error!("{who} has no connection to core: {error}");
                ExitCode::FAILURE
            }
        }
    })
}
