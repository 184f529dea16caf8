//! Between the runtime, which knows what may be read, and sockets that are read
//! whether it knows or not.

use std::io;
use std::os::fd::AsRawFd;

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// A read found nothing: the runtime is to ask the kernel again. To be called right
/// after that read; what comes in from then on wakes the runtime anew, because it has
/// not asked in between on this thread.
pub fn is_used_up<T: AsRawFd>(fd: &AsyncFd<T>) {
    let nothing = |_: &T| Err::<(), _>(io::ErrorKind::WouldBlock.into());
    let _ = fd.try_io(Interest::READABLE, nothing);
}
