//! Answers. Nothing in here trusts a length or a presence.

use std::io::Cursor;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use neli::FromBytesWithInput;
use neli::attr::Attribute;
use neli::consts::genl::{CtrlAttr, NlAttrType};
use neli::genl::Genlmsghdr;
use neli::types::{Buffer, GenlBuffer};

use super::*;
use crate::lvs::Entry;
use crate::lvs::connections::Connections;
use crate::lvs::refusal::{Loss, OpError};
use crate::lvs::types::{
    Destination, DestinationKey, Family, ForwardingMethod, Granularity, Persistence, Protocol,
    Service, ServiceFlags, ServiceKey, TunnelType,
};
use crate::sys::netlink::Malformed;

impl From<Malformed> for OpError {
    fn from(_: Malformed) -> Self {
        OpError::Lost(Loss::Malformed)
    }
}

/// What a message of the kernel describes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Described {
    /// A virtual server, its real servers yet to be read.
    Service(ServiceKey, Entry),
    Destination(DestinationKey, Destination),
    /// Something that we cannot name, hence never own: another protocol or family.
    Unnamed,
}

/// Reads the payload of a message: a generic netlink header and attributes.
/// `family` is that of the virtual server whose real servers are read, for kernels
/// that do not tell a real server's.
pub fn read(payload: &[u8], family: Family) -> Result<Described, Malformed> {
    let message =
        Genlmsghdr::<u8, TopAttr>::from_bytes_with_input(&mut Cursor::new(payload), payload.len())
            .map_err(|_| Malformed)?;
    for attr in message.attrs().iter() {
        match attr.nla_type().nla_type() {
            TopAttr::Service => return read_service(attr.payload().as_ref()),
            TopAttr::Destination => return read_destination(attr.payload().as_ref(), family),
            _ => {}
        }
    }
    Err(Malformed)
}

/// How many connections a real server has, by a message that describes one. None where it
/// describes something else.
pub fn read_connections(payload: &[u8]) -> Result<Option<Connections>, Malformed> {
    let message =
        Genlmsghdr::<u8, TopAttr>::from_bytes_with_input(&mut Cursor::new(payload), payload.len())
            .map_err(|_| Malformed)?;
    for attr in message.attrs().iter() {
        if *attr.nla_type().nla_type() == TopAttr::Destination {
            let attrs = Attrs::<DestinationAttr>::read(attr.payload().as_ref())?;
            return Ok(Some(Connections {
                active: attrs.u32(DestinationAttr::ActiveConnections)?,
                inactive: attrs.u32(DestinationAttr::InactiveConnections)?,
                persistent: attrs.u32(DestinationAttr::PersistentConnections)?,
            }));
        }
    }
    Ok(None)
}

/// Reads the answer to [`write_get_family`].
pub fn read_family_id(payload: &[u8]) -> Result<u16, Malformed> {
    let length = payload.len();
    let message =
        Genlmsghdr::<u8, CtrlAttr>::from_bytes_with_input(&mut Cursor::new(payload), length)
            .map_err(|_| Malformed)?;
    Attrs(message.attrs().clone()).u16(CtrlAttr::FamilyId)
}

/// Attributes by their numbers. The last of a kind counts, as for the kernel.
pub(super) struct Attrs<T>(pub(super) GenlBuffer<T, Buffer>);

impl<T: NlAttrType> Attrs<T> {
    pub(super) fn read(bytes: &[u8]) -> Result<Self, Malformed> {
        GenlBuffer::from_bytes_with_input(&mut Cursor::new(bytes), bytes.len())
            .map(Attrs)
            .map_err(|_| Malformed)
    }

    pub(super) fn bytes(&self, kind: T) -> Option<&[u8]> {
        let found = self
            .0
            .iter()
            .rev()
            .find(|attr| *attr.nla_type().nla_type() == kind);
        found.map(|attr| attr.payload().as_ref())
    }

    /// A payload of exactly this many bytes.
    pub(super) fn array<const N: usize>(&self, kind: T) -> Result<Option<[u8; N]>, Malformed> {
        let exact = |bytes: &[u8]| bytes.try_into().map_err(|_| Malformed);
        self.bytes(kind).map(exact).transpose()
    }

    pub(super) fn required<const N: usize>(&self, kind: T) -> Result<[u8; N], Malformed> {
        self.array(kind)?.ok_or(Malformed)
    }

    pub(super) fn u16(&self, kind: T) -> Result<u16, Malformed> {
        self.required(kind).map(u16::from_ne_bytes)
    }

    pub(super) fn u32(&self, kind: T) -> Result<u32, Malformed> {
        self.required(kind).map(u32::from_ne_bytes)
    }

    /// A string up to its NUL.
    pub(super) fn string(&self, kind: T) -> Option<String> {
        let bytes = self.bytes(kind)?;
        let text = bytes.split(|byte| *byte == 0).next()?;
        Some(String::from_utf8_lossy(text).into_owned())
    }
}

fn read_service(bytes: &[u8]) -> Result<Described, Malformed> {
    let attrs = Attrs::<ServiceAttr>::read(bytes)?;
    let family = match i32::from(attrs.u16(ServiceAttr::Family)?) {
        libc::AF_INET => Family::V4,
        libc::AF_INET6 => Family::V6,
        _ => return Ok(Described::Unnamed),
    };
    let key = match attrs.array(ServiceAttr::Fwmark)?.map(u32::from_ne_bytes) {
        Some(mark) if mark != 0 => ServiceKey::Fwmark { mark, family },
        _ => {
            let protocol = match i32::from(attrs.u16(ServiceAttr::Protocol)?) {
                libc::IPPROTO_TCP => Protocol::Tcp,
                libc::IPPROTO_UDP => Protocol::Udp,
                libc::IPPROTO_SCTP => Protocol::Sctp,
                _ => return Ok(Described::Unnamed),
            };
            let address = read_address(attrs.required(ServiceAttr::Address)?, family);
            let port = attrs.required(ServiceAttr::Port).map(u16::from_be_bytes)?;
            ServiceKey::Address {
                protocol,
                address,
                port,
            }
        }
    };
    // struct ip_vs_flags; the mask says nothing in this direction.
    let [f0, f1, f2, f3, ..] = attrs.required::<8>(ServiceAttr::Flags)?;
    let flags = u32::from_ne_bytes([f0, f1, f2, f3]);
    let timeout = attrs.u32(ServiceAttr::Timeout)?;
    let netmask = attrs.required(ServiceAttr::Netmask)?;
    let engine = attrs
        .string(ServiceAttr::Engine)
        .filter(|name| !name.is_empty());
    let service = Service {
        scheduler: attrs.string(ServiceAttr::Scheduler).ok_or(Malformed)?,
        flags: ServiceFlags(ServiceFlags(flags).chosen()),
        persistence: (flags & FLAG_PERSISTENT != 0).then(|| Persistence {
            timeout,
            granularity: read_netmask(netmask, family),
            engine,
        }),
    };
    let entry = Entry {
        service,
        destinations: Default::default(),
    };
    Ok(Described::Service(key, entry))
}

fn read_destination(bytes: &[u8], service_family: Family) -> Result<Described, Malformed> {
    let attrs = Attrs::<DestinationAttr>::read(bytes)?;
    let family = match attrs
        .array(DestinationAttr::AddressFamily)?
        .map(u16::from_ne_bytes)
    {
        // Before Linux 3.18 a real server was of its virtual server's family.
        None | Some(0) => service_family,
        Some(number) => match i32::from(number) {
            libc::AF_INET => Family::V4,
            libc::AF_INET6 => Family::V6,
            _ => return Ok(Described::Unnamed),
        },
    };
    let server = DestinationKey {
        address: read_address(attrs.required(DestinationAttr::Address)?, family),
        port: attrs
            .required(DestinationAttr::Port)
            .map(u16::from_be_bytes)?,
    };
    let method = match attrs.u32(DestinationAttr::ForwardingMethod)? & FORWARDING_MASK {
        FORWARDING_NAT => ForwardingMethod::Nat,
        FORWARDING_DIRECT => ForwardingMethod::DirectRouting,
        FORWARDING_TUNNEL => match read_tunnel(&attrs)? {
            Some(tunnel) => ForwardingMethod::Tunnel(tunnel),
            None => ForwardingMethod::Other(FORWARDING_TUNNEL as u8),
        },
        other => ForwardingMethod::Other(other as u8),
    };
    let destination = Destination {
        method,
        weight: attrs.u32(DestinationAttr::Weight)?,
        upper_threshold: attrs.u32(DestinationAttr::UpperThreshold)?,
        lower_threshold: attrs.u32(DestinationAttr::LowerThreshold)?,
    };
    Ok(Described::Destination(server, destination))
}

/// None for a tunnel that is younger than this program. Before Linux 5.3 there was
/// ipip only and nothing was said of it.
fn read_tunnel(attrs: &Attrs<DestinationAttr>) -> Result<Option<TunnelType>, Malformed> {
    let [kind] = attrs
        .array(DestinationAttr::TunnelType)?
        .unwrap_or([TUNNEL_IPIP]);
    let port = attrs
        .array(DestinationAttr::TunnelPort)?
        .map_or(0, u16::from_be_bytes);
    let flags = attrs
        .array(DestinationAttr::TunnelFlags)?
        .map_or(0, u16::from_ne_bytes);
    Ok(match kind {
        TUNNEL_IPIP => Some(TunnelType::Ipip),
        TUNNEL_GUE => Some(TunnelType::Gue { port, flags }),
        TUNNEL_GRE => Some(TunnelType::Gre { flags }),
        _ => None,
    })
}

fn read_address(bytes: [u8; 16], family: Family) -> IpAddr {
    match family {
        Family::V4 => Ipv4Addr::new(bytes[0], bytes[1], bytes[2], bytes[3]).into(),
        Family::V6 => Ipv6Addr::from(bytes).into(),
    }
}

/// A length that no prefix can have is read as one that is never wanted.
fn read_netmask(bytes: [u8; 4], family: Family) -> Granularity {
    match family {
        Family::V4 => Granularity::Netmask(Ipv4Addr::from(bytes)),
        Family::V6 => {
            Granularity::Prefix(u8::try_from(u32::from_ne_bytes(bytes)).unwrap_or(u8::MAX))
        }
    }
}
