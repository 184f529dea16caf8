//! The connection that is told of every change.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::task::{Context, Waker};

use nix::errno::Errno;
use nix::sys::socket::{NetlinkAddr, recvfrom};
use rtnetlink::MulticastGroup;
use rtnetlink::sys::protocols::NETLINK_ROUTE;
use rtnetlink::sys::{Socket, SocketAddr};
use tokio::io::unix::AsyncFd;

use super::decode::notice;
use super::{Notice, READ, enlarge_receive_buffer};
use crate::sys::netlink::{Body, Malformed, frames};
use crate::sys::readiness;

/// What may wait to be read: some ten thousand addresses, or two thousand links. What is
/// lost beyond that is asked for.
const RECEIVE_BUFFER: usize = 4 << 20;

/// What reading came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// Everything that had been told until now has been handed out.
    Everything,
    /// There may be more.
    Some,
    /// Something was lost; what comes from now on is whole again.
    Overrun,
}

/// The connection.
pub struct Watch {
    socket: AsyncFd<Socket>,
    buffer: Vec<u8>,
}

impl AsFd for Watch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.get_ref().as_fd()
    }
}

impl Watch {
    /// A connection in the network namespace of this thread. Must be called within a
    /// tokio runtime.
    ///
    /// # Errors
    /// Where the kernel gives none (netlink(7)).
    pub fn open() -> io::Result<Self> {
        let mut socket = Socket::new(NETLINK_ROUTE)?;
        let groups = [
            MulticastGroup::Link,
            MulticastGroup::Ipv4Ifaddr,
            MulticastGroup::Ipv6Ifaddr,
            MulticastGroup::Ipv6Netconf,
        ];
        let groups = groups.map(|group| 1 << (group as u32 - 1));
        socket.bind(&SocketAddr::new(0, groups.into_iter().sum()))?;
        socket.set_non_blocking(true)?;
        enlarge_receive_buffer(&socket, RECEIVE_BUFFER);
        // SAFETY: the socket keeps its descriptor open until it is dropped, which
        // AsyncFd does itself.
        let socket = unsafe { AsyncFd::register(socket) }?;
        Ok(Watch {
            socket,
            buffer: vec![0; READ],
        })
    }

    /// Waits until there is something to be read. May be dropped and called again.
    ///
    /// # Errors
    /// Where the runtime is at its end.
    pub async fn readable(&self) -> io::Result<()> {
        self.socket.readable().await.map(|mut ready| {
            // What is there stays there: `read` says when it is all.
            ready.retain_ready();
        })
    }

    /// Whether there may be something to be read, as far as the runtime has asked the
    /// kernel.
    pub fn is_readable(&self) -> bool {
        let mut context = Context::from_waker(Waker::noop());
        self.socket.poll_read_ready(&mut context).is_ready()
    }

    /// Hands out what has been told, at most `most` messages of the kernel's. Never
    /// waits.
    ///
    /// # Errors
    /// Where the socket fails. A message that cannot be read counts as an overrun: what
    /// it was about can be asked for.
    pub fn read(&mut self, most: usize, mut take: impl FnMut(Notice)) -> io::Result<Heard> {
        for _ in 0..most {
            let fd = self.socket.get_ref().as_raw_fd();
            match recvfrom::<NetlinkAddr>(fd, &mut self.buffer) {
                // Others than the kernel may not say what is so.
                Ok((_, Some(from))) if from.pid() != 0 => {}
                Ok((length, _)) => {
                    for frame in frames(&self.buffer[..length]) {
                        let read = frame.and_then(|frame| match frame.body {
                            Body::Data(kind, payload) => notice(kind, payload),
                            Body::End(..) | Body::Done(_) | Body::Control => Ok(None),
                        });
                        match read {
                            Ok(Some(notice)) => take(notice),
                            Ok(None) => {}
                            Err(Malformed) => return Ok(Heard::Overrun),
                        }
                    }
                }
                Err(Errno::EAGAIN) => {
                    readiness::is_used_up(&self.socket);
                    return Ok(Heard::Everything);
                }
                Err(Errno::EINTR) => {}
                Err(Errno::ENOBUFS) => return Ok(Heard::Overrun),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Heard::Some)
    }
}
