//! Waiting for descriptors without the runtime (epoll(7)).
//!
//! Waking up in the runtime costs more than everything that is made of an ordinary
//! advert. A process whose thread has nothing to do but one loop can wait here instead,
//! for what that loop takes in itself as well as for what it leaves to the runtime.

use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::eventfd::{EfdFlags, EventFd};

/// How many descriptors one call tells of; others are told of by the next.
const AT_ONCE: usize = 64;

/// Descriptors that are waited for, each with a number by which it is told of.
pub struct Vigil {
    epoll: Epoll,
    events: [EpollEvent; AT_ONCE],
}

impl Vigil {
    /// # Errors
    /// Where there are no descriptors left.
    pub fn new() -> io::Result<Self> {
        Ok(Vigil {
            epoll: Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?,
            events: [EpollEvent::empty(); AT_ONCE],
        })
    }

    /// Waits for something to be read there too. It is told of once whenever something
    /// comes in, not for as long as it is there.
    ///
    /// # Errors
    /// Where the kernel takes no more, or it is waited for already.
    pub fn begin(&self, fd: impl AsFd, number: u64) -> io::Result<()> {
        self.add(fd, EpollFlags::EPOLLIN | EpollFlags::EPOLLET, number)
    }

    /// The same, and for room to write.
    ///
    /// # Errors
    /// As [`begin`](Self::begin).
    pub fn begin_both(&self, fd: impl AsFd, number: u64) -> io::Result<()> {
        let both = EpollFlags::EPOLLIN | EpollFlags::EPOLLOUT;
        self.add(fd, both | EpollFlags::EPOLLET, number)
    }

    /// The same, but it is told of for as long as there is something to be read: nobody
    /// has to find out by reading once more whether there is.
    ///
    /// # Errors
    /// As [`begin`](Self::begin).
    pub fn begin_as_long_as(&self, fd: impl AsFd, number: u64) -> io::Result<()> {
        self.add(fd, EpollFlags::EPOLLIN, number)
    }

    fn add(&self, fd: impl AsFd, what: EpollFlags, number: u64) -> io::Result<()> {
        let event = EpollEvent::new(what, number);
        Ok(self.epoll.add(fd, event)?)
    }

    /// Waits for it no longer. What has come in there may be told of once more.
    pub fn end(&self, fd: impl AsFd) {
        // One that is not waited for is not waited for.
        let _ = self.epoll.delete(fd);
    }

    /// Tells of what has come in since it was last told of, and waits for something no
    /// longer than `most`, in full milliseconds; None is for as long as it takes. When a
    /// signal has come it has nothing to tell.
    ///
    /// # Errors
    /// None that passes.
    pub fn look(&mut self, most: Option<Duration>) -> io::Result<impl Iterator<Item = u64>> {
        let timeout = most.map_or(EpollTimeout::NONE, |most| {
            EpollTimeout::try_from(most).unwrap_or(EpollTimeout::MAX)
        });
        let count = match self.epoll.wait(&mut self.events, timeout) {
            Ok(count) => count,
            Err(Errno::EINTR) => 0,
            Err(error) => return Err(error.into()),
        };
        Ok(self.events[..count].iter().map(EpollEvent::data))
    }
}

/// What another thread wakes a [`Vigil`] with.
#[derive(Clone, Debug)]
pub struct Bell(Arc<EventFd>);

impl Bell {
    /// One that `vigil` waits for.
    ///
    /// # Errors
    /// Where there are no descriptors left.
    pub fn new(vigil: &Vigil, number: u64) -> io::Result<Self> {
        let flags = EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK;
        let bell = EventFd::from_value_and_flags(0, flags)?;
        vigil.begin(&bell, number)?;
        Ok(Bell(Arc::new(bell)))
    }

    /// Never waits.
    pub fn ring(&self) {
        // It fails only where it has rung 2^64 times.
        let _ = self.0.write(1);
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::os::unix::net::UnixStream;

    use super::*;

    fn told(vigil: &mut Vigil) -> Vec<u64> {
        vigil.look(Some(Duration::ZERO)).unwrap().collect()
    }

    #[test]
    fn each_is_told_of_once_whenever_something_comes_in() {
        let mut vigil = Vigil::new().unwrap();
        let (mut a, b) = UnixStream::pair().unwrap();
        let (mut c, d) = UnixStream::pair().unwrap();
        vigil.begin(&b, 7).unwrap();
        vigil.begin(&d, 8).unwrap();
        assert!(told(&mut vigil).is_empty());
        a.write_all(&[1]).unwrap();
        assert_eq!(vigil.look(None).unwrap().collect::<Vec<_>>(), [7]);
        assert!(told(&mut vigil).is_empty());
        a.write_all(&[2]).unwrap();
        c.write_all(&[3]).unwrap();
        let mut both = told(&mut vigil);
        both.sort_unstable();
        assert_eq!(both, [7, 8]);
        vigil.end(&b);
        a.write_all(&[4]).unwrap();
        assert!(told(&mut vigil).is_empty());
    }

    #[test]
    fn what_is_not_read_is_told_of_again() {
        let mut vigil = Vigil::new().unwrap();
        let (mut a, mut b) = UnixStream::pair().unwrap();
        vigil.begin_as_long_as(&b, 4).unwrap();
        assert!(told(&mut vigil).is_empty());
        a.write_all(&[1, 2]).unwrap();
        for _ in 0..2 {
            assert_eq!(told(&mut vigil), [4]);
            b.read_exact(&mut [0]).unwrap();
        }
        assert!(told(&mut vigil).is_empty());
    }

    #[test]
    fn room_to_write_is_told_of_when_there_is_some_again() {
        let mut vigil = Vigil::new().unwrap();
        let (mut a, mut b) = UnixStream::pair().unwrap();
        a.set_nonblocking(true).unwrap();
        while a.write(&[0; 4096]).is_ok() {}
        vigil.begin_both(&a, 1).unwrap();
        assert!(told(&mut vigil).is_empty());
        b.set_nonblocking(true).unwrap();
        while b.read(&mut [0; 4096]).is_ok() {}
        assert_eq!(told(&mut vigil), [1]);
    }

    #[test]
    fn a_bell_wakes_from_another_thread() {
        let mut vigil = Vigil::new().unwrap();
        let bell = Bell::new(&vigil, 3).unwrap();
        // Kept: what is closed is waited for no longer.
        let other = bell.clone();
        let ringing = std::thread::spawn(move || other.ring());
        assert_eq!(vigil.look(None).unwrap().collect::<Vec<_>>(), [3]);
        ringing.join().unwrap();
    }
}
