//! Frames of the link layer, out only (packet(7)).

use std::io;
use std::mem;

use socket2::{Domain, SockAddr, SockAddrStorage, Socket, Type};

use crate::vrrp::input::Announcement;

/// Destination, source, type of what follows.
const ETHERNET_HEADER: usize = 14;

/// What is sent may wait in here, and in the queue of an interface.
const SEND_BUFFER: usize = 1 << 20;

/// The socket that gratuitous ARP goes out from, whatever the interface.
pub struct PacketSocket(Socket);

impl PacketSocket {
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

    /// Sends a frame as it is. Never waits.
    ///
    /// # Errors
    /// `WouldBlock` or ENOBUFS where a queue is full, which passes. ENETDOWN, ENXIO and
    /// ENODEV where the interface is not there.
    pub fn send(&self, announcement: &Announcement) -> io::Result<()> {
        let kind = announcement
            .frame
            .get(12..ETHERNET_HEADER)
            .and_then(|kind| kind.try_into().ok())
            .ok_or(io::ErrorKind::InvalidInput)?;
        let to = link_address(announcement.interface, u16::from_ne_bytes(kind));
        loop {
            match self.0.send_to(&announcement.frame, &to) {
                Ok(_) => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

/// The interface, and the type of the frame in network order.
fn link_address(interface: u32, kind: u16) -> SockAddr {
    let mut storage = SockAddrStorage::zeroed();
    // SAFETY: sockaddr_ll is one of the layouts that the storage is for, and any bytes
    // are one.
    let address = unsafe { storage.view_as::<libc::sockaddr_ll>() };
    address.sll_family = libc::AF_PACKET as u16;
    address.sll_protocol = kind;
    address.sll_ifindex = interface as libc::c_int;
    let length = mem::size_of::<libc::sockaddr_ll>() as libc::socklen_t;
    // SAFETY: it was filled in just now, to this length.
    unsafe { SockAddr::new(storage, length) }
}

/// Whether it passes by itself: a queue is full.
pub fn is_congestion(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::WouldBlock || error.raw_os_error() == Some(libc::ENOBUFS)
}
