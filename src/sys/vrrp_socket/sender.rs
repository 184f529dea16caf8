//! What goes out.

use std::io::{self, IoSlice};
use std::net::{IpAddr, Ipv4Addr, SocketAddrV4, SocketAddrV6};
use std::os::fd::{AsRawFd, BorrowedFd};

use nix::errno::Errno;
use nix::sys::socket::{
    ControlMessage, MsgFlags, SockaddrIn, SockaddrIn6, SockaddrLike, sendmsg, setsockopt, sockopt,
};
use socket2::{Domain, Protocol, Socket, Type};

use super::{PROTOCOL, checksums_are_ours, drop_everything, set_option};
use crate::vrrp::input::{Advert, Content};

/// Internetwork control (RFC 791), as every router sends its own business.
const TOS: u32 = 0xc0;

/// `TC_PRIO_CONTROL` of linux/pkt_sched.h: before everything else in a queue.
const PRIORITY: u32 = 7;

/// The sockets that adverts go out from, whatever the interface.
pub struct Sender {
    v4: Socket,
    /// None where the kernel does not speak IPv6.
    v6: Option<Socket>,
    /// For what has its IPv4 header already.
    whole: Socket,
}

impl Sender {
    /// # Errors
    /// Without CAP_NET_RAW.
    pub fn open() -> io::Result<Self> {
        let v6 = match open_v6() {
            Ok(socket) => Some(socket),
            Err(error) if error.raw_os_error() == Some(libc::EAFNOSUPPORT) => None,
            Err(error) => return Err(error),
        };
        Ok(Sender {
            v4: open_v4(PROTOCOL)?,
            v6,
            whole: open_v4(libc::IPPROTO_RAW)?,
        })
    }

    /// Sends an advert, or says why not. Never waits.
    ///
    /// # Errors
    /// `WouldBlock` or ENOBUFS where a queue is full, which passes. ENETDOWN,
    /// ENETUNREACH, ENODEV and EINVAL where the interface or its address is not there;
    /// EMSGSIZE where a whole datagram is too long for the link.
    pub fn send(&self, advert: &Advert) -> io::Result<()> {
        match (&advert.content, advert.source, advert.destination) {
            (Content::Message { octets, ttl }, IpAddr::V4(source), IpAddr::V4(to)) => {
                let info = info_v4(advert.interface, source);
                let ttl = libc::c_int::from(*ttl);
                let control = [
                    ControlMessage::Ipv4PacketInfo(&info),
                    ControlMessage::Ipv4Ttl(&ttl),
                ];
                let to = SockaddrIn::from(SocketAddrV4::new(to, 0));
                send(&self.v4, octets, &control, &to)
            }
            (Content::Message { octets, ttl }, IpAddr::V6(source), IpAddr::V6(to)) => {
                let socket = self.v6.as_ref().ok_or(Errno::EAFNOSUPPORT)?;
                let info = libc::in6_pktinfo {
                    ipi6_addr: libc::in6_addr {
                        s6_addr: source.octets(),
                    },
                    ipi6_ifindex: advert.interface,
                };
                let hop_limit = libc::c_int::from(*ttl);
                let control = [
                    ControlMessage::Ipv6PacketInfo(&info),
                    ControlMessage::Ipv6HopLimit(&hop_limit),
                ];
                // The scope counts with addresses of a link, and is ignored with others.
                let to = SockaddrIn6::from(SocketAddrV6::new(to, 0, 0, advert.interface));
                send(socket, octets, &control, &to)
            }
            (Content::Datagram(octets), IpAddr::V4(source), IpAddr::V4(to)) => {
                let info = info_v4(advert.interface, source);
                let control = [ControlMessage::Ipv4PacketInfo(&info)];
                let to = SockaddrIn::from(SocketAddrV4::new(to, 0));
                send(&self.whole, octets, &control, &to)
            }
            // There is no such datagram.
            _ => Err(Errno::EAFNOSUPPORT.into()),
        }
    }
}

fn send(
    socket: &Socket,
    octets: &[u8],
    control: &[ControlMessage<'_>],
    to: &impl SockaddrLike,
) -> io::Result<()> {
    let content = [IoSlice::new(octets)];
    let flags = MsgFlags::MSG_DONTWAIT;
    loop {
        match sendmsg(socket.as_raw_fd(), &content, control, flags, Some(to)) {
            Ok(_) => return Ok(()),
            Err(Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

fn info_v4(interface: u32, source: Ipv4Addr) -> libc::in_pktinfo {
    libc::in_pktinfo {
        ipi_ifindex: interface as libc::c_int,
        ipi_spec_dst: libc::in_addr {
            s_addr: u32::from(source).to_be(),
        },
        ipi_addr: libc::in_addr { s_addr: 0 },
    }
}

/// With IPPROTO_RAW what is sent has its header already (raw(7)). Such a socket does ask,
/// but it is told nothing, because no packet is of that protocol.
fn open_v4(protocol: i32) -> io::Result<Socket> {
    let socket = open(Domain::IPV4, protocol)?;
    socket.set_multicast_loop_v4(false)?;
    socket.set_tos_v4(TOS)?;
    // After the TOS, which sets a priority too.
    socket.set_priority(PRIORITY)?;
    // The last word of a master whose interface has just lost its address comes from
    // that address.
    socket.set_ip_transparent_v4(true)?;
    // Without it the kernel keeps to itself that a queue was full. That a peer refuses
    // what it is sent (ICMP) has no advert fail: raw sockets send without asking what
    // has become of earlier packets.
    // SAFETY: the socket outlives the borrow.
    let fd = unsafe { BorrowedFd::borrow_raw(socket.as_raw_fd()) };
    setsockopt(&fd, sockopt::Ipv4RecvErr, &true)?;
    // Leaves the don't-fragment bit away, as routers that speak VRRP do: 255 addresses
    // take more than a kilobyte, and there are links with less.
    let never = libc::IP_PMTUDISC_DONT;
    set_option(&socket, libc::IPPROTO_IP, libc::IP_MTU_DISCOVER, never)?;
    Ok(socket)
}

fn open_v6() -> io::Result<Socket> {
    let socket = open(Domain::IPV6, PROTOCOL)?;
    socket.set_multicast_loop_v6(false)?;
    socket.set_tclass_v6(TOS)?;
    socket.set_priority(PRIORITY)?;
    // As with IPv4, also from an address that has just gone.
    socket.set_freebind_v6(true)?;
    checksums_are_ours(&socket)?;
    // SAFETY: the socket outlives the borrow.
    let fd = unsafe { BorrowedFd::borrow_raw(socket.as_raw_fd()) };
    setsockopt(&fd, sockopt::Ipv6RecvErr, &true)?;
    Ok(socket)
}

fn open(domain: Domain, protocol: i32) -> io::Result<Socket> {
    let socket = Socket::new(domain, Type::RAW, Some(Protocol::from(protocol)))?;
    // It would be handed everybody's adverts, and nobody reads them here.
    drop_everything(&socket)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}
