//! The vrrp process.

use std::os::fd::OwnedFd;
use std::process::ExitCode;

use super::ipc::Connection;
use super::messages::{FromVrrp, ToVrrp};

/// The whole life of a vrrp process. `core` is its end of the socket pair.
pub fn main(core: OwnedFd) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build();
    let Ok(runtime) = runtime else {
        return ExitCode::FAILURE;
    };
    runtime.block_on(async {
        if let Ok(mut core) = Connection::<FromVrrp, ToVrrp>::new(core) {
            core.send(&FromVrrp::Failed("VRRP is not served".into()));
        }
        ExitCode::FAILURE
    })
}
