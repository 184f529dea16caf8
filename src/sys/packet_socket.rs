//! Frames of the link layer, out only (packet(7)).

use std::io;
use std::mem;
use std::os::fd::AsRawFd;

use nix::errno::Errno;
use socket2::{Domain, Socket, Type};

use crate::vrrp::input::Announcement;

/// Destination, source, type of what follows.
const ETHERNET_HEADER: usize = 14;

/// What is sent may wait in here, and in the queue of an interface.
const SEND_BUFFER: usize = 1 << 20;

/// The socket that gratuitous ARP and neighbour advertisements go out from, whatever the
/// interface.
pub struct PacketSocket(Socket);

impl PacketSocket {
    /// Frames that one call sends.
    pub const BATCH: usize = 64;

    /// # Errors
    /// Without CAP_NET_RAW.
    pub fn open() -> io::Result<Self> {
        // Protocol 0: nothing is received.
        let socket = Socket::new(Domain::PACKET, Type::RAW, None)?;
        socket.set_nonblocking(true)?;
        // Less is enough as well.
        let _ = socket.set_send_buffer_size(SEND_BUFFER);
        Ok(PacketSocket(socket))
    }

    /// Sends frames as they are, in their order, at most [`BATCH`](Self::BATCH) of them.
    /// Never waits. Returns how many have been sent.
    ///
    /// # Errors
    /// What has befallen the first one, if not even that could be sent: `WouldBlock` or
    /// ENOBUFS where a queue is full, which passes. ENETDOWN, ENXIO and ENODEV where the
    /// interface is not there.
    pub fn send(&self, frames: &[Announcement]) -> io::Result<usize> {
        let frames = &frames[..frames.len().min(Self::BATCH)];
        let mut addresses: Vec<_> = frames.iter().map(link_address).collect();
        let mut slices: Vec<_> = frames
            .iter()
            .map(|announcement| libc::iovec {
                iov_base: announcement.frame.as_ptr().cast_mut().cast(),
                iov_len: announcement.frame.len(),
            })
            .collect();
        let mut messages: Vec<_> = addresses
            .iter_mut()
            .zip(&mut slices)
            .map(|(address, slice)| message(address, slice))
            .collect();
        // nix has this call as well, and takes addresses for ones received when it counts
        // what was sent.
        let (first, count) = (messages.as_mut_ptr(), messages.len() as libc::c_uint);
        loop {
            // SAFETY: there are so many messages, and what they point to is there until
            // after the call, which only reads it.
            let sent = unsafe { libc::sendmmsg(self.0.as_raw_fd(), first, count, 0) };
            match Errno::result(sent) {
                Ok(sent) => return Ok(sent as usize),
                Err(Errno::EINTR) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
    }
}

/// The interface, and the type of the frame in network order; 0 where it is too short to
/// have one, which the kernel refuses.
fn link_address(announcement: &Announcement) -> libc::sockaddr_ll {
    let kind = announcement.frame.get(12..ETHERNET_HEADER);
    let kind = kind.and_then(|kind| kind.try_into().ok());
    // SAFETY: all its fields are integers, for which zeroes will do.
    let mut address: libc::sockaddr_ll = unsafe { mem::zeroed() };
    address.sll_family = libc::AF_PACKET as u16;
    address.sll_protocol = u16::from_ne_bytes(kind.unwrap_or_default());
    address.sll_ifindex = announcement.interface as libc::c_int;
    address
}

fn message(address: &mut libc::sockaddr_ll, slice: &mut libc::iovec) -> libc::mmsghdr {
    // SAFETY: all its fields are integers and pointers, which may be null.
    let mut message: libc::mmsghdr = unsafe { mem::zeroed() };
    message.msg_hdr.msg_name = (&raw mut *address).cast();
    message.msg_hdr.msg_namelen = mem::size_of_val(address) as libc::socklen_t;
    message.msg_hdr.msg_iov = slice;
    message.msg_hdr.msg_iovlen = 1;
    message
}

/// Whether it passes by itself: a queue is full.
pub fn is_congestion(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::WouldBlock || error.raw_os_error() == Some(libc::ENOBUFS)
}
