//! What comes in.

use std::io::{self, IoSliceMut};
use std::net::Ipv6Addr;
use std::os::fd::AsRawFd;

use nix::cmsg_space;
use nix::errno::Errno;
use nix::sys::socket::{
    ControlMessageOwned, MsgFlags, MultiHeaders, RecvMsg, SockaddrIn6, recv, recvmmsg,
};
use socket2::Socket;

use crate::family::Family;
use crate::sys::vigil::Vigil;
use crate::vrrp::input::Received;

/// Packets that are read at once.
const BATCH: usize = 32;

/// Longer than any advert with its IPv4 header, or over IPv6 without: 255 addresses of
/// 16 octets. What is longer is cut, and then has a length that no advert has.
const LONGEST: usize = 4160;

/// A socket of [`listen`](super::listen)'s that is read.
pub struct Receiver {
    socket: Socket,
    family: Family,
}

impl Receiver {
    /// `vigil` tells of what has come in by this number, for as long as it is there.
    /// `family` is the socket's.
    ///
    /// # Errors
    /// Where the kernel lets nobody wait for more sockets.
    pub fn new(socket: Socket, family: Family, vigil: &Vigil, number: u64) -> io::Result<Self> {
        vigil.begin_as_long_as(&socket, number)?;
        Ok(Receiver { socket, family })
    }

    /// Gives the socket back, to be closed where there is time for that.
    pub fn into_socket(self, vigil: &Vigil) -> Socket {
        vigil.end(&self.socket);
        self.socket
    }

    /// Reads one packet, for which nothing has to be looked at twice: mostly there is no
    /// other. Never waits.
    ///
    /// # Errors
    /// What has befallen the interface (ENETDOWN, ENODEV); the socket goes on.
    pub fn read_one(&self, inbox: &mut Inbox) -> io::Result<()> {
        inbox.packets.clear();
        match self.family {
            Family::V4 => inbox.take_one(&self.socket),
            Family::V6 => inbox.fill(&self.socket, self.family, 1),
        }
    }

    /// Reads at most one batch, and says whether there may be more. Never waits.
    ///
    /// # Errors
    /// As [`read_one`](Self::read_one).
    pub fn read_many(&self, inbox: &mut Inbox) -> io::Result<bool> {
        inbox.packets.clear();
        inbox.fill(&self.socket, self.family, BATCH)?;
        Ok(inbox.packets.len() == BATCH)
    }

    /// How many packets the kernel has dropped because too many waited to be read, since
    /// the socket was opened; the count begins again after 2^32. 0 before Linux 4.12,
    /// which does not say (SO_MEMINFO).
    pub fn lost(&self) -> u32 {
        let mut values = [0u32; MEMINFO_VALUES];
        let mut length = size_of_val(&values) as libc::socklen_t;
        // SAFETY: the kernel writes at most `length` bytes.
        let result = unsafe {
            libc::getsockopt(
                self.socket.as_raw_fd(),
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

/// Room for a batch of packets, whatever the socket. The kernel fills it from the
/// beginning: memory that no packet has ever been in costs nothing.
pub struct Inbox {
    buffers: Box<[[u8; LONGEST]; BATCH]>,
    packets: Vec<Packet>,
    headers_v4: MultiHeaders<()>,
    headers_v6: MultiHeaders<SockaddrIn6>,
}

/// What is known of one that stands in its place among the buffers.
struct Packet {
    length: usize,
    /// With IPv6, what the kernel says in place of the header.
    envelope: Option<Envelope>,
}

struct Envelope {
    source: Ipv6Addr,
    destination: Ipv6Addr,
    hop_limit: u8,
}

impl Default for Inbox {
    fn default() -> Self {
        let buffers = vec![[0; LONGEST]; BATCH].into_boxed_slice();
        Inbox {
            buffers: buffers.try_into().unwrap_or_else(|_| unreachable!()),
            packets: Vec::with_capacity(BATCH),
            headers_v4: MultiHeaders::preallocate(BATCH, None),
            // Every packet comes with both, so that the kernel, which writes down how
            // much of the room it has used, always leaves as much for the next one.
            headers_v6: MultiHeaders::preallocate(
                BATCH,
                Some(cmsg_space!(libc::in6_pktinfo, libc::c_int)),
            ),
        }
    }
}

impl Inbox {
    pub const CAPACITY: usize = BATCH;

    /// What the latest reading has brought.
    pub fn packets(&self) -> impl ExactSizeIterator<Item = Received<'_>> {
        let packets = self.buffers.iter().zip(&self.packets);
        packets.map(|(buffer, packet)| {
            let octets = &buffer[..packet.length];
            match &packet.envelope {
                None => Received::V4(octets),
                Some(envelope) => Received::V6 {
                    source: envelope.source,
                    destination: envelope.destination,
                    hop_limit: envelope.hop_limit,
                    message: octets,
                },
            }
        })
    }

    /// What comes without anything beside it needs no more than this.
    fn take_one(&mut self, socket: &Socket) -> io::Result<()> {
        let [buffer, ..] = &mut *self.buffers;
        match recv(socket.as_raw_fd(), buffer, MsgFlags::MSG_DONTWAIT) {
            Ok(length) => {
                self.packets.push(Packet {
                    length,
                    envelope: None,
                });
                Ok(())
            }
            // No signal interrupts what does not wait (signal(7)).
            Err(Errno::EAGAIN) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn fill(&mut self, socket: &Socket, family: Family, room: usize) -> io::Result<()> {
        let mut slices = self
            .buffers
            .each_mut()
            .map(|buffer| [IoSliceMut::new(buffer)]);
        let slices = slices[..room].iter_mut();
        let flags = MsgFlags::MSG_DONTWAIT;
        let fd = socket.as_raw_fd();
        let result = match family {
            Family::V4 => recvmmsg(fd, &mut self.headers_v4, slices, flags, None).map(|received| {
                self.packets.extend(received.map(|message| Packet {
                    length: message.bytes,
                    envelope: None,
                }));
            }),
            Family::V6 => recvmmsg(fd, &mut self.headers_v6, slices, flags, None).map(|received| {
                self.packets.extend(received.map(|message| Packet {
                    length: message.bytes,
                    envelope: Some(envelope(&message)),
                }));
            }),
        };
        match result {
            // No signal interrupts what does not wait (signal(7)).
            Ok(()) | Err(Errno::EAGAIN) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

/// What the kernel has not said is as nobody would accept it.
fn envelope(message: &RecvMsg<'_, '_, SockaddrIn6>) -> Envelope {
    let mut envelope = Envelope {
        source: message
            .address
            .map_or(Ipv6Addr::UNSPECIFIED, |address| address.ip()),
        destination: Ipv6Addr::UNSPECIFIED,
        hop_limit: 0,
    };
    for control in message.cmsgs().into_iter().flatten() {
        match control {
            ControlMessageOwned::Ipv6PacketInfo(info) => {
                envelope.destination = Ipv6Addr::from(info.ipi6_addr.s6_addr);
            }
            ControlMessageOwned::Ipv6HopLimit(limit) => {
                envelope.hop_limit = u8::try_from(limit).unwrap_or(0);
            }
            _ => {}
        }
    }
    envelope
}
