//! What every child process begins with: a runtime of one thread, and its connection to
//! core.

use std::os::fd::OwnedFd;
use std::process::ExitCode;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::ipc::Connection;
use crate::sys::scheduling;

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

/// Keeps all memory of this process out of swap space, or no longer. `is_kept` is whether
/// it is, `words` what the words about the process begin with.
pub fn keep_in_memory(words: &str, is_kept: &mut bool, no_swap: bool) {
    if *is_kept == no_swap {
        return;
    }
    match scheduling::lock_memory(no_swap) {
        Ok(is_done) => *is_kept = no_swap && is_done,
        Err(error) => tracing::warn!(
            "{words}_no_swap: the {words} process cannot keep its memory out of swap space: {error}"
        ),
    }
}
