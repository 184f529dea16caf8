//! Messages between core and its children: postcard in frames, over a socket pair.
//!
//! A frame is its length (4 bytes, little endian) and that many bytes of postcard.
//! Both ends are the same executable, so the format has no version.

use std::io;
use std::marker::PhantomData;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use bytes::{Buf, BytesMut};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::Interest;
use tokio::net::UnixStream;

/// The longest frame, in bytes: a model of a million real servers fits well.
const LONGEST_FRAME: usize = 1 << 30;

/// How much is read at once.
const READ: usize = 64 * 1024;

/// One end of a conversation: sends `Out`, receives `In`.
pub struct Connection<Out, In> {
    stream: UnixStream,
    received: BytesMut,
    unsent: BytesMut,
    /// Postcard of the message being encoded, kept for its memory.
    scratch: Vec<u8>,
    messages: PhantomData<fn(Out) -> In>,
}

/// What a connection comes to.
#[derive(Debug, thiserror::Error)]
pub enum IpcError {
    #[error("the socket between the processes failed: {0}")]
    Socket(#[from] io::Error),
    #[error("the other process sent what is no message: {0}")]
    Malformed(#[from] postcard::Error),
    #[error("the other process sent a message of {0} bytes")]
    TooLong(usize),
}

impl<Out, In> AsFd for Connection<Out, In> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

impl<Out: Serialize, In: DeserializeOwned> Connection<Out, In> {
    /// Takes over one end of a socket pair.
    ///
    /// # Errors
    /// Where the descriptor is no stream socket, or outside a runtime.
    pub fn new(socket: OwnedFd) -> io::Result<Self> {
        let stream = std::os::unix::net::UnixStream::from(socket);
        stream.set_nonblocking(true)?;
        Ok(Connection {
            stream: UnixStream::from_std(stream)?,
            received: BytesMut::new(),
            unsent: BytesMut::new(),
            scratch: Vec::new(),
            messages: PhantomData,
        })
    }

    /// Sends a message, or as much of it as the other side takes now; the rest goes
    /// out during [`Connection::next`]. Never waits: the sender's own work must not
    /// hang on a process that is stopped. An error shows in the next `next`.
    ///
    /// What is sent has left this process, and outlives it.
    pub fn send(&mut self, message: &Out) {
        self.scratch.clear();
        let scratch = std::mem::take(&mut self.scratch);
        match postcard::to_extend(message, scratch) {
            Ok(encoded) => {
                self.unsent
                    .extend_from_slice(&(encoded.len() as u32).to_le_bytes());
                self.unsent.extend_from_slice(&encoded);
                self.scratch = encoded;
                // One large message (a model) must not keep its memory for ever.
                self.scratch.shrink_to(READ);
            }
            // Only types that postcard cannot say at all fail here.
            Err(error) => tracing::error!("a message to another process is lost: {error}"),
        }
        // Past the runtime, which has to look around once before it lets anything
        // through a new socket.
        while !self.unsent.is_empty() {
            match nix::unistd::write(&self.stream, &self.unsent) {
                Ok(count) => self.unsent.advance(count),
                Err(nix::errno::Errno::EINTR) => {}
                Err(_) => break,
            }
        }
    }

    /// Whether everything has gone out.
    pub fn is_flushed(&self) -> bool {
        self.unsent.is_empty()
    }

    /// Whether there is something to be read, or the end of it, that
    /// [`Connection::next`] has not come to yet.
    pub fn has_unread(&self) -> bool {
        use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
        let mut asked = [PollFd::new(self.stream.as_fd(), PollFlags::POLLIN)];
        matches!(poll(&mut asked, PollTimeout::ZERO), Ok(ready) if ready > 0)
    }

    /// The next message; None when the other side has closed. May be dropped and
    /// called again at any time without loss.
    ///
    /// # Errors
    /// Where the socket fails or the other side does not speak our language.
    pub async fn next(&mut self) -> Result<Option<In>, IpcError> {
        loop {
            if let Some(message) = self.take_message()? {
                return Ok(Some(message));
            }
            let interest = match self.unsent.is_empty() {
                true => Interest::READABLE,
                false => Interest::READABLE | Interest::WRITABLE,
            };
            let ready = self.stream.ready(interest).await?;
            if ready.is_writable() {
                // A broken pipe also ends the reading, below, after what was said.
                let _ = self.write();
            }
            if ready.is_readable() && self.read()? == Some(0) {
                return Ok(None);
            }
        }
    }

    fn take_message(&mut self) -> Result<Option<In>, IpcError> {
        let Some(length) = self.received.first_chunk::<4>() else {
            return Ok(None);
        };
        let length = u32::from_le_bytes(*length) as usize;
        if length > LONGEST_FRAME {
            return Err(IpcError::TooLong(length));
        }
        if self.received.len() < 4 + length {
            return Ok(None);
        }
        self.received.advance(4);
        let frame = self.received.split_to(length);
        Ok(Some(postcard::from_bytes(&frame)?))
    }

    /// None where there was nothing to read after all.
    fn read(&mut self) -> io::Result<Option<usize>> {
        self.received.reserve(READ);
        match self.stream.try_read_buf(&mut self.received) {
            Ok(count) => Ok(Some(count)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn write(&mut self) -> io::Result<()> {
        while !self.unsent.is_empty() {
            match self.stream.try_write(&self.unsent) {
                Ok(count) => self.unsent.advance(count),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => {
                    self.unsent.clear();
                    return Err(error);
                }
            }
        }
        // A model that went out must not keep its memory for ever.
        self.unsent = BytesMut::new();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixStream as StdStream;

    type End = Connection<Vec<u8>, Vec<u8>>;

    fn pair() -> (End, End) {
        let (a, b) = StdStream::pair().unwrap();
        (
            Connection::new(a.into()).unwrap(),
            Connection::new(b.into()).unwrap(),
        )
    }

    #[tokio::test(flavor = "current_thread")]
    async fn what_is_sent_arrives_whole_and_in_order() {
        let (mut a, mut b) = pair();
        // More than a socket buffer holds, so that it goes out in parts.
        let long: Vec<u8> = (0..3_000_000u32).map(|n| n as u8).collect();
        a.send(&vec![1]);
        a.send(&long);
        a.send(&vec![]);
        assert!(!a.is_flushed());
        let receive = async {
            let mut got = Vec::new();
            for _ in 0..3 {
                got.push(b.next().await.unwrap().unwrap());
            }
            got
        };
        tokio::select! {
            got = receive => assert_eq!(got, vec![vec![1], long, vec![]]),
            other = a.next() => panic!("{other:?}"),
        }
        assert!(a.is_flushed());
    }

    #[tokio::test(flavor = "current_thread")]
    async fn what_was_said_before_the_end_is_heard() {
        let (mut a, mut b) = pair();
        a.send(&vec![7]);
        drop(a);
        assert_eq!(b.next().await.unwrap(), Some(vec![7]));
        assert_eq!(b.next().await.unwrap(), None);
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_frame_without_bounds_is_refused() {
        let (a, b) = StdStream::pair().unwrap();
        let mut b: End = Connection::new(b.into()).unwrap();
        std::io::Write::write_all(&mut &a, &u32::MAX.to_le_bytes()).unwrap();
        assert!(matches!(b.next().await, Err(IpcError::TooLong(_))));
    }
}
