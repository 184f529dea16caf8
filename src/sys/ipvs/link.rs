//! The netlink socket: sends requests, receives answers, each within a deadline.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::time::Duration;

use neli::consts::socket::{Msg, NlFamily};
use neli::socket::NlSocket;
use neli::utils::Groups;
use nix::sys::socket::{getsockopt, setsockopt, sockopt};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::time::timeout;

use crate::lvs::refusal::{Loss, OpError};
use crate::sys::netlink::{Frame, frames};

/// The kernel answers while it is asked, so this is for a kernel that is stuck (or
/// is loading a scheduler's module).
const DEADLINE: Duration = Duration::from_secs(10);

/// What the socket may hold. An answer takes about a kilobyte of it.
pub const RECEIVE_BUFFER: usize = 4 << 20;

/// The kernel fills up to 32 KiB in one answer to a dump when it has seen that much
/// room.
const READ: usize = 64 << 10;

/// More messages than this are not left over from what was given up.
const MOST_LEFT_OVER: usize = 100_000;

pub struct Link {
    socket: AsyncFd<NlSocket>,
    buffer: Vec<u8>,
    seq: u32,
    /// An exchange was given up halfway: what it left is to be read away first.
    unfinished: bool,
}

/// Whether more answers are expected.
pub enum Next {
    More,
    Enough,
}

impl Link {
    /// A generic netlink socket in the network namespace of this thread. Must be
    /// called within a tokio runtime.
    pub fn open() -> io::Result<Self> {
        let socket = NlSocket::connect(NlFamily::Generic, None, Groups::empty())?;
        socket.nonblock()?;
        enlarge(&socket, RECEIVE_BUFFER, true);
        // SAFETY: the socket keeps its descriptor open until it is dropped, which
        // AsyncFd does itself.
        let socket = unsafe { AsyncFd::register(socket) }?;
        Ok(Link {
            socket,
            buffer: vec![0; READ],
            seq: 0,
            unfinished: false,
        })
    }

    /// What waits may be this large, or [`RECEIVE_BUFFER`] where that is more.
    pub fn set_receive_buffer(&self, bytes: usize, force: bool) {
        let socket = self.socket.get_ref();
        // First the limited one, for which a smaller one than there is is no harm either.
        if bytes > RECEIVE_BUFFER && enlarge(socket, bytes, force) > 2 * RECEIVE_BUFFER {
            return;
        }
        enlarge(socket, RECEIVE_BUFFER, true);
    }

    /// A sequence number that is not in use.
    pub fn seq(&mut self) -> u32 {
        self.seq = self.seq.wrapping_add(1);
        self.seq
    }

    /// Sends `requests` in one message and hands every answer to `take` until it has
    /// enough.
    ///
    /// # Errors
    /// [`OpError::Lost`] where not all answers came.
    pub async fn exchange(
        &mut self,
        requests: &[u8],
        mut take: impl FnMut(Frame<'_>) -> Result<Next, OpError>,
    ) -> Result<(), OpError> {
        if self.unfinished {
            self.read_away()?;
        }
        // Stays so where this future is dropped halfway.
        self.unfinished = true;
        let sending = self
            .socket
            .async_io(Interest::WRITABLE, |s| s.send(requests, Msg::empty()));
        within_deadline(sending).await?;
        loop {
            let buffer = &mut self.buffer;
            let receiving = self
                .socket
                .async_io(Interest::READABLE, |s| s.recv(&mut *buffer, Msg::empty()));
            let (received, _) = within_deadline(receiving).await?;
            for frame in frames(&self.buffer[..received]) {
                if let Next::Enough = take(frame?)? {
                    self.unfinished = false;
                    return Ok(());
                }
            }
            // The kernel is never slow to give the next part, so without this the
            // reading of a big table would hold up everything else.
            tokio::task::yield_now().await;
        }
    }

    /// Reads what there is, which also ends a dump under way: the kernel makes each
    /// part of it when the one before is read.
    fn read_away(&mut self) -> Result<(), OpError> {
        for _ in 0..MOST_LEFT_OVER {
            match self.socket.get_ref().recv(&mut self.buffer, Msg::empty()) {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => {}
                Err(error) => return Err(lost(error)),
            }
        }
        Err(OpError::Lost(Loss::Overrun))
    }
}

async fn within_deadline<T>(io: impl Future<Output = io::Result<T>>) -> Result<T, OpError> {
    match timeout(DEADLINE, io).await {
        Ok(result) => result.map_err(lost),
        Err(_) => Err(OpError::Lost(Loss::Deadline)),
    }
}

fn lost(error: io::Error) -> OpError {
    OpError::Lost(match error.raw_os_error() {
        Some(libc::ENOBUFS) => Loss::Overrun,
        Some(errno) => Loss::Socket(errno),
        None => Loss::Malformed,
    })
}

/// Makes room for answers; without the right to, as much as the system allows, and
/// where even that fails the default is enough for a batch. What there is then, which the
/// kernel counts twice (socket(7)).
fn enlarge(socket: &NlSocket, bytes: usize, force: bool) -> usize {
    // SAFETY: the socket outlives the borrow.
    let fd = unsafe { BorrowedFd::borrow_raw(socket.as_raw_fd()) };
    if !force || setsockopt(&fd, sockopt::RcvBufForce, &bytes).is_err() {
        let _ = setsockopt(&fd, sockopt::RcvBuf, &bytes);
    }
    getsockopt(&fd, sockopt::RcvBuf).unwrap_or_default()
}
