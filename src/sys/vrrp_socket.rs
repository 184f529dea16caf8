//! Adverts in and out (raw(7), ip(7), ipv6(7)).

mod receiver;
mod sender;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsRawFd, BorrowedFd};

use nix::errno::Errno;
use nix::sys::socket::{setsockopt, sockopt};
use socket2::{Domain, InterfaceIndexOrAddress, Protocol, SockAddr, SockFilter, Socket, Type};

pub use self::receiver::{Inbox, Receiver};
pub use self::sender::Sender;
use crate::family::Family;
pub use crate::vrrp::channel::Channel;

/// VRRP's number among the protocols of IP (RFC 3768 section 5.2.4).
pub const PROTOCOL: i32 = 112;

/// That of the authentication header (RFC 2402 section 2).
pub const PROTOCOL_AH: i32 = 51;

/// What may wait to be read; the kernel counts at least 768 bytes for a packet, of twice
/// this number. Small enough that everything that waits can be read before a decision
/// is taken.
const RECEIVE_BUFFER: usize = 512 << 10;

/// No more packets than this fit into a receive buffer.
pub const MOST_WAITING: usize = 2 * RECEIVE_BUFFER / 768;

/// A socket that receives what comes in by an interface on a channel, and nothing else.
/// Membership in a group is asked for while others may be changing something in the
/// kernel, so this can take its time, as can dropping it.
///
/// # Errors
/// Where there is no such interface, it does not speak the family, or CAP_NET_RAW is not
/// there.
pub fn listen(interface: &str, index: u32, channel: &Channel) -> io::Result<Socket> {
    let protocol = if channel.in_header {
        PROTOCOL_AH
    } else {
        PROTOCOL
    };
    let protocol = Some(Protocol::from(protocol));
    let domain = match channel.family {
        Family::V4 => Domain::IPV4,
        Family::V6 => Domain::IPV6,
    };
    let socket = Socket::new(domain, Type::RAW, protocol)?;
    // Nothing comes in until it is bound.
    drop_everything(&socket)?;
    socket.set_nonblocking(true)?;
    // SAFETY: the socket outlives the borrow.
    let fd = unsafe { BorrowedFd::borrow_raw(socket.as_raw_fd()) };
    if setsockopt(&fd, sockopt::RcvBufForce, &RECEIVE_BUFFER).is_err() {
        socket.set_recv_buffer_size(RECEIVE_BUFFER)?;
    }
    socket.bind_device(Some(interface.as_bytes()))?;
    match channel.family {
        Family::V4 => socket.set_multicast_all_v4(false)?,
        Family::V6 => {
            // Before Linux 4.20 there is no such option; then what is sent to another
            // group comes in as well, and is dropped as not meant for anybody here.
            let _ = socket.set_multicast_all_v6(false);
            checksums_are_ours(&socket)?;
            socket.set_recv_hoplimit_v6(true)?;
            setsockopt(&fd, sockopt::Ipv6RecvPacketInfo, &true)?;
        }
    }
    if let Some(group) = channel.group {
        socket.bind(&SockAddr::from(SocketAddr::new(group, 0)))?;
        match group {
            IpAddr::V4(group) => {
                socket.join_multicast_v4_n(&group, &InterfaceIndexOrAddress::Index(index))?;
            }
            IpAddr::V6(group) => socket.join_multicast_v6(&group, index)?,
        }
    }
    // What came by any interface before there was a filter.
    let mut anything = [std::mem::MaybeUninit::uninit(); 1];
    while socket.recv(&mut anything).is_ok() {}
    match (channel.family, channel.group) {
        (Family::V6, None) => drop_groups(&socket)?,
        _ => socket.detach_filter()?,
    }
    Ok(socket)
}

/// For as long as the filter is there.
fn drop_everything(socket: &Socket) -> io::Result<()> {
    socket.attach_filter(&[SockFilter::new(RETURN, 0, 0, 0)])
}

/// Drops what is sent to a group. With IPv4 IP_MULTICAST_ALL does, but a raw IPv6 socket
/// without an address is handed what comes in for the groups of all others, whatever
/// IPV6_MULTICAST_ALL says.
fn drop_groups(socket: &Socket) -> io::Result<()> {
    // The first octet of the destination in the IPv6 header (RFC 8200 section 3).
    let destination = libc::SKF_NET_OFF as u32 + 24;
    socket.attach_filter(&[
        SockFilter::new(LOAD_OCTET, 0, 0, destination),
        SockFilter::new(JUMP_IF_EQUAL, 0, 1, 0xff),
        SockFilter::new(RETURN, 0, 0, 0),
        SockFilter::new(RETURN, 0, 0, u32::MAX),
    ])
}

/// linux/bpf_common.h: BPF_LD | BPF_B | BPF_ABS, BPF_JMP | BPF_JEQ | BPF_K, and BPF_RET |
/// BPF_K, of which 0 drops the packet.
const LOAD_OCTET: u16 = 0x30;
const JUMP_IF_EQUAL: u16 = 0x15;
const RETURN: u16 = 0x06;

/// The kernel neither writes nor looks at VRRP's checksum over IPv6: a wrong one is to be
/// counted, not to be dropped unseen. This is how Linux begins with every protocol but
/// those of ICMPv6 and mobility; RFC 3542 section 3.1 says so too.
fn checksums_are_ours(socket: &Socket) -> io::Result<()> {
    let off: libc::c_int = -1;
    set_option(socket, libc::IPPROTO_IPV6, libc::IPV6_CHECKSUM, off)
}

fn set_option(
    socket: &Socket,
    level: libc::c_int,
    option: libc::c_int,
    value: libc::c_int,
) -> io::Result<()> {
    // SAFETY: the value lives through the call and is as long as is said.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            level,
            option,
            (&raw const value).cast(),
            size_of_val(&value) as libc::socklen_t,
        )
    };
    Errno::result(result).map(drop).map_err(io::Error::from)
}
