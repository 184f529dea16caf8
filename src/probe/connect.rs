//! A TCP connection, in as few system calls as it takes: socket, connect, a wait
//! for the socket to become writable, and the error that it then holds.

use std::net::{SocketAddr, TcpStream as StdStream};
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

use crate::check::FailureKind;

/// Connects to `address` before `deadline`, which is `timeout` after the start and
/// told so in the failure.
///
/// # Errors
/// `connect-timeout`, or the failure that the socket's error stands for.
pub(super) async fn connect(
    address: SocketAddr,
    timeout: Duration,
    deadline: Instant,
) -> Result<TcpStream, FailureKind> {
    let stream = start(address).map_err(|error| FailureKind::from(&error))?;
    match timeout_at(deadline, stream.writable()).await {
        Err(_) => return Err(FailureKind::ConnectTimeout(timeout)),
        Ok(Err(error)) => return Err(FailureKind::from(&error)),
        Ok(Ok(())) => {}
    }
    match stream.take_error() {
        Ok(None) => Ok(stream),
        Ok(Some(error)) | Err(error) => Err(FailureKind::from(&error)),
    }
}

/// A socket on its way to be connected.
fn start(address: SocketAddr) -> std::io::Result<TcpStream> {
    let kind = Type::STREAM.nonblocking().cloexec();
    let socket = Socket::new_raw(Domain::for_address(address), kind, Some(Protocol::TCP))?;
    match socket.connect(&address.into()) {
        Err(error) if error.raw_os_error() != Some(libc::EINPROGRESS) => return Err(error),
        _ => {}
    }
    TcpStream::from_std(StdStream::from(socket))
}
