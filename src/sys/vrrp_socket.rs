//! Adverts in and out (raw(7), ip(7)).

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::net::{IpAddr, SocketAddrV4};
use std::os::fd::{AsRawFd, BorrowedFd};

use nix::errno::Errno;
use nix::sys::socket::{
    ControlMessage, MsgFlags, MultiHeaders, SockaddrIn, recvmmsg, sendmsg, setsockopt, sockopt,
};
use socket2::{Domain, InterfaceIndexOrAddress, Protocol, SockAddr, SockFilter, Socket, Type};
use tokio::io::unix::AsyncFd;

use super::readiness;
use crate::vrrp::input::{Advert, Content};

/// VRRP's number among the protocols of IP (RFC 3768 section 5.2.4).
pub const PROTOCOL: i32 = 112;

/// RFC 3768 section 5.2.3
const TTL: u32 = 255;

/// Internetwork control (RFC 791), as every router sends its own business.
const TOS: u32 = 0xc0;

/// `TC_PRIO_CONTROL` of linux/pkt_sched.h: before everything else in a queue.
const PRIORITY: u32 = 7;

/// What may wait to be read; the kernel counts at least 768 bytes for a packet, of twice
/// this number. Small enough that everything that waits can be read before a decision
/// is taken.
const RECEIVE_BUFFER: usize = 512 << 10;

/// No more packets than this fit into a receive buffer.
pub const MOST_WAITING: usize = 2 * RECEIVE_BUFFER / 768;

/// Packets that are read at once.
const BATCH: usize = 64;

/// Longer than any advert with its IP header; what is longer is cut and shows by the
/// length in its header.
const LONGEST: usize = 2048;

/// A socket that receives what comes in by an interface for a destination. Membership
/// in a group is asked for while others may be changing something in the kernel, so
/// this can take its time, as can dropping it.
///
/// # Errors
/// Where there is no such interface, or CAP_NET_RAW is not there. IPv6 is refused.
pub fn listen(interface: &str, index: u32, destination: IpAddr) -> io::Result<Socket> {
    let IpAddr::V4(group) = destination else {
        return Err(io::ErrorKind::Unsupported.into());
    };
    let socket = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::from(PROTOCOL)))?;
    // Nothing comes in until it is bound to both.
    socket.attach_filter(&[SockFilter::new(DROP_ALL.0, 0, 0, DROP_ALL.1)])?;
    socket.set_nonblocking(true)?;
    // SAFETY: the socket outlives the borrow.
    let fd = unsafe { BorrowedFd::borrow_raw(socket.as_raw_fd()) };
    if setsockopt(&fd, sockopt::RcvBufForce, &RECEIVE_BUFFER).is_err() {
        socket.set_recv_buffer_size(RECEIVE_BUFFER)?;
    }
    socket.bind_device(Some(interface.as_bytes()))?;
    socket.bind(&SockAddr::from(SocketAddrV4::new(group, 0)))?;
    if group.is_multicast() {
        socket.set_multicast_all_v4(false)?;
        socket.join_multicast_v4_n(&group, &InterfaceIndexOrAddress::Index(index))?;
    }
    // What came by any interface before there was a filter.
    let mut anything = [MaybeUninit::uninit(); 1];
    while socket.recv(&mut anything).is_ok() {}
    socket.detach_filter()?;
    Ok(socket)
}

/// BPF_RET | BPF_K of 0 bytes (linux/filter.h).
const DROP_ALL: (u16, u32) = (0x06, 0);

/// A socket of [`listen`]'s, read by the runtime.
pub struct Receiver(AsyncFd<Socket>);

impl Receiver {
    /// Must be called within a tokio runtime.
    ///
    /// # Errors
    /// Where the runtime takes no more descriptors.
    pub fn new(socket: Socket) -> io::Result<Self> {
        // SAFETY: the socket keeps its descriptor open until it is dropped, which AsyncFd
        // does itself, or given back by it.
        let socket = unsafe { AsyncFd::register(socket) }?;
        Ok(Receiver(socket))
    }

    /// Gives the socket back, to be closed where there is time for that.
    pub fn into_socket(self) -> Socket {
        self.0.into_inner()
    }

    /// Whether the kernel has said that there is something, as far as the runtime has
    /// asked it. Wakes the task when there is.
    pub fn poll_readable(&self, context: &mut std::task::Context<'_>) -> std::task::Poll<()> {
        // An error shows when it is read.
        self.0.poll_read_ready(context).map(drop)
    }

    /// Reads at most one batch, and says how many there were; fewer than
    /// [`Inbox::CAPACITY`] means that there are no more. Never waits.
    ///
    /// # Errors
    /// What has befallen the interface (ENETDOWN, ENODEV); the socket goes on.
    pub fn read(&self, inbox: &mut Inbox) -> io::Result<usize> {
        let count = inbox.fill(self.0.get_ref())?;
        if count < Inbox::CAPACITY {
            readiness::is_used_up(&self.0);
        }
        Ok(count)
    }
}

impl Receiver {
    /// How many packets the kernel has dropped because too many waited to be read, since
    /// the socket was opened; the count begins again after 2^32. 0 before Linux 4.12,
    /// which does not say (SO_MEMINFO).
    pub fn lost(&self) -> u32 {
        let mut values = [0u32; MEMINFO_VALUES];
        let mut length = size_of_val(&values) as libc::socklen_t;
        // SAFETY: the kernel writes at most `length` bytes.
        let result = unsafe {
            libc::getsockopt(
                self.0.get_ref().as_raw_fd(),
                libc::SOL_SOCKET,
                libc::SO_MEMINFO,
                values.as_mut_ptr().cast(),
                &raw mut length,
            )
        };
        match result {
            0 => values[libc::SK_MEMINFO_DROPS as usize],
            _ => 0,
        }
    }
}

/// `SK_MEMINFO_VARS` of linux/sock_diag.h.
const MEMINFO_VALUES: usize = 9;

/// Room for a batch of datagrams.
pub struct Inbox {
    buffers: Vec<[u8; LONGEST]>,
    lengths: Vec<usize>,
    headers: MultiHeaders<()>,
}

impl Default for Inbox {
    fn default() -> Self {
        Inbox {
            buffers: vec![[0; LONGEST]; BATCH],
            lengths: Vec::with_capacity(BATCH),
            headers: MultiHeaders::preallocate(BATCH, None),
        }
    }
}

impl Inbox {
    pub const CAPACITY: usize = BATCH;

    /// What the latest reading has brought: each with its IP header.
    pub fn datagrams(&self) -> impl Iterator<Item = &[u8]> {
        let buffers = self.buffers.iter().zip(&self.lengths);
        buffers.map(|(buffer, length)| &buffer[..*length])
    }

    fn fill(&mut self, socket: &Socket) -> io::Result<usize> {
        self.lengths.clear();
        let mut slices: Vec<_> = self
            .buffers
            .iter_mut()
            .map(|buffer| [IoSliceMut::new(buffer)])
            .collect();
        let flags = MsgFlags::MSG_DONTWAIT;
        let fd = socket.as_raw_fd();
        match recvmmsg(fd, &mut self.headers, slices.iter_mut(), flags, None) {
            Ok(received) => self.lengths.extend(received.map(|message| message.bytes)),
            // No signal interrupts what does not wait (signal(7)).
            Err(Errno::EAGAIN) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(self.lengths.len())
    }
}

/// The socket that adverts go out from, whatever the interface.
pub struct Sender(Socket);

impl Sender {
    /// # Errors
    /// Without CAP_NET_RAW.
    pub fn open() -> io::Result<Self> {
        let socket = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::from(PROTOCOL)))?;
        // It would be handed everybody's adverts, and nobody reads them here.
        socket.attach_filter(&[SockFilter::new(DROP_ALL.0, 0, 0, DROP_ALL.1)])?;
        socket.set_nonblocking(true)?;
        socket.set_multicast_ttl_v4(TTL)?;
        socket.set_ttl_v4(TTL)?;
        socket.set_multicast_loop_v4(false)?;
        socket.set_tos_v4(TOS)?;
        // After the TOS, which sets a priority too.
        socket.set_priority(PRIORITY)?;
        // The last word of a master whose interface has just lost its address comes from
        // that address.
        socket.set_ip_transparent_v4(true)?;
        // Without it the kernel keeps to itself that a queue was full.
        // SAFETY: the socket outlives the borrow.
        let fd = unsafe { BorrowedFd::borrow_raw(socket.as_raw_fd()) };
        setsockopt(&fd, sockopt::Ipv4RecvErr, &true)?;
        may_be_fragmented(&socket)?;
        Ok(Sender(socket))
    }

    /// Sends an advert, or says why not. Never waits.
    ///
    /// # Errors
    /// `WouldBlock` or ENOBUFS where a queue is full, which passes. ENETDOWN,
    /// ENETUNREACH, ENODEV and EINVAL where the interface or its address is not there.
    pub fn send(&self, advert: &Advert) -> io::Result<()> {
        let (IpAddr::V4(source), IpAddr::V4(destination)) = (advert.source, advert.destination)
        else {
            return Err(io::ErrorKind::Unsupported.into());
        };
        let info = libc::in_pktinfo {
            ipi_ifindex: advert.interface as libc::c_int,
            ipi_spec_dst: libc::in_addr {
                s_addr: u32::from(source).to_be(),
            },
            ipi_addr: libc::in_addr { s_addr: 0 },
        };
        let to = SockaddrIn::from(SocketAddrV4::new(destination, 0));
        let Content::Message { octets, .. } = &advert.content else {
            return Err(io::ErrorKind::Unsupported.into());
        };
        let content = [IoSlice::new(octets)];
        let control = [ControlMessage::Ipv4PacketInfo(&info)];
        let flags = MsgFlags::MSG_DONTWAIT;
        loop {
            match sendmsg(self.0.as_raw_fd(), &content, &control, flags, Some(&to)) {
                Ok(_) => return Ok(()),
                Err(Errno::EINTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// Leaves the don't-fragment bit away, as routers that speak VRRP do: 255 addresses take
/// more than a kilobyte, and there are links with less.
fn may_be_fragmented(socket: &Socket) -> io::Result<()> {
    let never = libc::IP_PMTUDISC_DONT;
    // SAFETY: the value lives through the call and is as long as is said.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::IPPROTO_IP,
            libc::IP_MTU_DISCOVER,
            (&raw const never).cast(),
            size_of_val(&never) as libc::socklen_t,
        )
    };
    Errno::result(result).map(drop).map_err(io::Error::from)
}
