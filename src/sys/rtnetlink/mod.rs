//! Links and addresses (rtnetlink(7)): read, changed and watched.
//!
//! Two connections: [`Commands`] asks and changes, and waits for the answers, so it
//! belongs on a thread that may wait (the kernel does one such request at a time, for
//! all of the machine); [`Watch`] is told of every change, whoever makes it. [`Mirror`]
//! keeps what is known.
//!
//! The messages are those of the crate rtnetlink, which also has the socket. Its
//! connection is not used: what it has read is handed on by a task of its own, and then
//! nobody can tell whether the news of an operation has been read when its answer has.
//! What comes in is looked through for the few attributes that count; an attribute that
//! some future kernel writes in another way so costs nothing else.

mod commands;
mod decode;
mod encode;
mod mirror;
mod watch;

use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::{AsRawFd, BorrowedFd};

use nix::sys::socket::{setsockopt, sockopt};
use rtnetlink::sys::Socket;

pub use self::commands::{AddressChange, Changes, Commands, Refusal};
pub use self::mirror::{Mirror, Snapshot};
pub use self::watch::{Heard, Watch};

/// An address of an interface, as the kernel has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// The interface's index.
    pub interface: u32,
    pub address: IpAddr,
    /// Bits of the network mask.
    pub prefix: u8,
    /// The other end, where the link has two; else the address itself.
    pub peer: IpAddr,
    pub broadcast: Option<Ipv4Addr>,
    /// `rtm_scope` of linux/rtnetlink.h; 0 is global.
    pub scope: u8,
    /// IPv4 only; the interface's name where nobody has given another.
    pub label: Option<String>,
    /// It has another one of the same network before it (IFA_F_SECONDARY), and goes
    /// when that one goes, unless the interface promotes secondaries. IPv4 only: the
    /// bit has another meaning with IPv6.
    pub is_secondary: bool,
    /// Nothing can be sent from it: the kernel still asks whether somebody else on the
    /// link has it (IFA_F_TENTATIVE), or somebody has (IFA_F_DADFAILED). IPv6 only.
    pub is_unusable: bool,
}

/// What makes an address the same one for the kernel, on one interface: the address, the
/// bits of its mask and its other end.
pub type AddressKey = (IpAddr, u8, IpAddr);

impl Address {
    pub fn key(&self) -> AddressKey {
        (self.address, self.prefix, self.peer)
    }
}

/// An interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    pub index: u32,
    pub name: String,
    /// IFF_UP and IFF_RUNNING (netdevice(7)): set up, and its link too.
    pub is_up: bool,
    /// Its hardware address where it is an Ethernet one and ARP is spoken there.
    pub hardware_address: Option<[u8; 6]>,
    /// net.ipv4.conf.IF.promote_secondaries, where it is said.
    pub promotes_secondaries: Option<bool>,
    /// net.ipv6.conf.IF.forwarding; false where the interface does not speak IPv6.
    pub forwards_ipv6: bool,
}

/// News of a link or an address, or a part of an answer about all of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    Link(Link),
    /// There is no interface of this index any more.
    NoLink(u32),
    Address(Address),
    NoAddress(Address),
    /// net.ipv6.conf.IF.forwarding is this now.
    Forwarding {
        /// The interface's index.
        interface: u32,
        on: bool,
    },
}

/// Makes room for what comes in. Without the right to, as much as the system allows.
fn enlarge_receive_buffer(socket: &Socket, bytes: usize) {
    // SAFETY: the socket outlives the borrow.
    let fd = unsafe { BorrowedFd::borrow_raw(socket.as_raw_fd()) };
    if setsockopt(&fd, sockopt::RcvBufForce, &bytes).is_err() {
        let _ = setsockopt(&fd, sockopt::RcvBuf, &bytes);
    }
}

/// What is received at once: the kernel fills up to 32 KiB in one part of a dump when
/// it has seen that much room.
const READ: usize = 64 << 10;

/// What a message that cannot be read comes to.
fn malformed() -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        "the kernel sent a netlink message that cannot be read",
    )
}
