//! Frames as they are on an interface, in both directions (packet(7)).

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::time::Duration;

use nix::sys::socket::{setsockopt, sockopt};

const ETH_P_ALL: u16 = 3;
/// After this long without a frame `receive` says so, and its thread can look
/// whether it is to end.
const RECEIVE_TIMEOUT: Duration = Duration::from_millis(50);

/// A socket in the calling thread's namespace, on this interface.
pub fn open(interface: &str) -> io::Result<OwnedFd> {
    let protocol = ETH_P_ALL.to_be();
    let raw = unsafe {
        libc::socket(
            libc::AF_PACKET,
            libc::SOCK_RAW | libc::SOCK_CLOEXEC,
            protocol.into(),
        )
    };
    if raw < 0 {
        return Err(io::Error::last_os_error());
    }
    let socket = unsafe { OwnedFd::from_raw_fd(raw) };
    setsockopt(&socket, sockopt::RcvBufForce, &(64 << 20))?;
    let timeout = nix::sys::time::TimeVal::new(0, RECEIVE_TIMEOUT.as_micros() as i64);
    setsockopt(&socket, sockopt::ReceiveTimeout, &timeout)?;
    let mut address: libc::sockaddr_ll = unsafe { std::mem::zeroed() };
    address.sll_family = libc::AF_PACKET as u16;
    address.sll_protocol = protocol;
    address.sll_ifindex = nix::net::if_::if_nametoindex(interface)? as i32;
    let size = size_of_val(&address) as libc::socklen_t;
    let bound = unsafe { libc::bind(raw, (&raw const address).cast(), size) };
    if bound < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(socket)
    }
}

/// The next frame; none if none comes for a moment.
pub fn receive<'a>(socket: &OwnedFd, buffer: &'a mut [u8]) -> Option<&'a [u8]> {
    let fd = socket.as_raw_fd();
    let length = unsafe { libc::recv(fd, buffer.as_mut_ptr().cast(), buffer.len(), 0) };
    (length > 0).then(|| &buffer[..length as usize])
}

/// Sends a whole frame, its Ethernet header included.
pub fn send(socket: &OwnedFd, frame: &[u8]) -> io::Result<()> {
    let sent = unsafe { libc::send(socket.as_raw_fd(), frame.as_ptr().cast(), frame.len(), 0) };
    if sent < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}
