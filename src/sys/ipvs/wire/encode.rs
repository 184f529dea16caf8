//! Requests.

use std::io::Cursor;
use std::net::IpAddr;

use neli::consts::genl::{Cmd, CtrlAttr, CtrlCmd, NlAttrType};
use neli::consts::nl::NlmF;
use neli::genl::{AttrTypeBuilder, GenlmsghdrBuilder, Nlattr, NlattrBuilder};
use neli::nl::{NlPayload, NlmsghdrBuilder};
use neli::types::{Buffer, GenlBuffer};
use neli::{Size, ToBytes};

use super::*;
use crate::lvs::IpvsOp;
use crate::lvs::types::{
    Destination, DestinationKey, Family, ForwardingMethod, Granularity, Protocol, Service,
    ServiceKey, TunnelType,
};

/// Numbers of neli's builders fail only where a field was forgotten.
const COMPLETE: &str = "every field of the message is set";

/// The request that asks for `op`, appended to `out`.
pub fn write_op(out: &mut Cursor<Vec<u8>>, family: u16, seq: u32, ack: bool, op: &IpvsOp) {
    let service_key = |key| nest(TopAttr::Service, &service_key_attrs(key));
    let (command, attrs) = match op {
        IpvsOp::NewService(key, service) => (Command::NewService, vec![full_service(key, service)]),
        IpvsOp::SetService(key, service) => (Command::SetService, vec![full_service(key, service)]),
        IpvsOp::DeleteService(key) => (Command::DeleteService, vec![service_key(key)]),
        IpvsOp::NewDestination(key, server, destination) => (
            Command::NewDestination,
            vec![service_key(key), full_destination(server, destination)],
        ),
        IpvsOp::SetDestination(key, server, destination) => (
            Command::SetDestination,
            vec![service_key(key), full_destination(server, destination)],
        ),
        IpvsOp::DeleteDestination(key, server) => {
            let server = nest(TopAttr::Destination, &destination_key_attrs(server));
            (Command::DeleteDestination, vec![service_key(key), server])
        }
    };
    let flags = if ack {
        NlmF::REQUEST | NlmF::ACK
    } else {
        NlmF::REQUEST
    };
    write(out, family, seq, flags, command, VERSION, attrs);
}

/// The request for one virtual server without its real servers.
pub fn write_get_service(out: &mut Cursor<Vec<u8>>, family: u16, seq: u32, key: &ServiceKey) {
    let attrs = vec![nest(TopAttr::Service, &service_key_attrs(key))];
    write(
        out,
        family,
        seq,
        NlmF::REQUEST,
        Command::GetService,
        VERSION,
        attrs,
    );
}

/// The request for all virtual servers without their real servers.
pub fn write_dump_services(out: &mut Cursor<Vec<u8>>, family: u16, seq: u32) {
    let flags = NlmF::REQUEST | NlmF::DUMP;
    write(
        out,
        family,
        seq,
        flags,
        Command::GetService,
        VERSION,
        Vec::<Nlattr<TopAttr, _>>::new(),
    );
}

/// The request for all real servers of a virtual server. Where there is none of
/// that key the kernel's answer is an empty list.
pub fn write_dump_destinations(out: &mut Cursor<Vec<u8>>, family: u16, seq: u32, key: &ServiceKey) {
    let attrs = vec![nest(TopAttr::Service, &service_key_attrs(key))];
    let flags = NlmF::REQUEST | NlmF::DUMP;
    write(
        out,
        family,
        seq,
        flags,
        Command::GetDestination,
        VERSION,
        attrs,
    );
}

/// The question whether there is IPVS at all. Every netlink socket may ask for
/// families, but only with the right to change IPVS is this answered.
pub fn write_get_info(out: &mut Cursor<Vec<u8>>, family: u16, seq: u32) {
    let none = Vec::<Nlattr<TopAttr, _>>::new();
    write(
        out,
        family,
        seq,
        NlmF::REQUEST,
        Command::GetInfo,
        VERSION,
        none,
    );
}

/// The question under which number generic netlink knows IPVS.
pub fn write_get_family(out: &mut Cursor<Vec<u8>>, seq: u32) {
    let name = vec![attr(CtrlAttr::FamilyName, FAMILY_NAME)];
    let control = libc::GENL_ID_CTRL as u16;
    write(
        out,
        control,
        seq,
        NlmF::REQUEST,
        CtrlCmd::Getfamily,
        1,
        name,
    );
}

/// A request of generic netlink, appended to `out`.
pub(super) fn write<C: Cmd, T: NlAttrType>(
    out: &mut Cursor<Vec<u8>>,
    family: u16,
    seq: u32,
    flags: NlmF,
    command: C,
    version: u8,
    attrs: Vec<Nlattr<T, Buffer>>,
) {
    let message = GenlmsghdrBuilder::default()
        .cmd(command)
        .version(version)
        .attrs(attrs.into_iter().collect::<GenlBuffer<T, Buffer>>())
        .build()
        .expect(COMPLETE);
    let message = NlmsghdrBuilder::default()
        .nl_type(family)
        .nl_flags(flags)
        .nl_seq(seq)
        .nl_payload(NlPayload::Payload(message))
        .build()
        .expect(COMPLETE);
    message.to_bytes(out).expect("memory takes what is written");
}

/// An attribute with a payload.
pub(super) fn attr<T: NlAttrType, P: Size + ToBytes>(kind: T, payload: P) -> Nlattr<T, Buffer> {
    let kind = AttrTypeBuilder::default()
        .nla_type(kind)
        .build()
        .expect(COMPLETE);
    NlattrBuilder::default()
        .nla_type(kind)
        .nla_payload(payload)
        .build()
        .expect(COMPLETE)
}

/// An attribute that holds others.
pub(super) fn nest<T: NlAttrType>(
    kind: TopAttr,
    inner: &[Nlattr<T, Buffer>],
) -> Nlattr<TopAttr, Buffer> {
    let outer = attr(kind, Buffer::new());
    inner.iter().fold(outer, |outer, inner| {
        outer.nest(inner).expect("memory takes what is written")
    })
}

fn service_key_attrs(key: &ServiceKey) -> Vec<Nlattr<ServiceAttr, Buffer>> {
    let mut attrs = vec![attr(ServiceAttr::Family, family_number(key.family()))];
    match key {
        ServiceKey::Address {
            protocol,
            address,
            port,
        } => {
            attrs.push(attr(ServiceAttr::Protocol, protocol_number(*protocol)));
            attrs.push(attr(ServiceAttr::Address, address_bytes(*address)));
            attrs.push(attr(ServiceAttr::Port, port.to_be_bytes()));
        }
        ServiceKey::Fwmark { mark, .. } => attrs.push(attr(ServiceAttr::Fwmark, *mark)),
    }
    attrs
}

fn full_service(key: &ServiceKey, service: &Service) -> Nlattr<TopAttr, Buffer> {
    let mut attrs = service_key_attrs(key);
    attrs.push(attr(ServiceAttr::Scheduler, service.scheduler.as_str()));
    let mut flags = service.flags.chosen();
    let mut timeout = 0;
    let mut granularity = Granularity::each_address(key.family());
    if let Some(persistence) = &service.persistence {
        flags |= FLAG_PERSISTENT;
        timeout = persistence.timeout;
        granularity = persistence.of_family(key.family()).granularity;
    }
    // struct ip_vs_flags: which are set, and which of them are meant. All bits are
    // meant, so that a flag set by someone else goes; the kernel keeps its own.
    attrs.push(attr(
        ServiceAttr::Flags,
        Buffer::from([flags, !0].map(u32::to_ne_bytes).concat()),
    ));
    attrs.push(attr(ServiceAttr::Timeout, timeout));
    attrs.push(attr(ServiceAttr::Netmask, netmask_bytes(granularity)));
    // Without this attribute a changed virtual server has no engine any more.
    if let Some(engine) = service
        .persistence
        .as_ref()
        .and_then(|p| p.engine.as_deref())
    {
        attrs.push(attr(ServiceAttr::Engine, engine));
    }
    nest(TopAttr::Service, &attrs)
}

fn destination_key_attrs(server: &DestinationKey) -> Vec<Nlattr<DestinationAttr, Buffer>> {
    vec![
        attr(
            DestinationAttr::AddressFamily,
            family_number(Family::of(server.address)),
        ),
        attr(DestinationAttr::Address, address_bytes(server.address)),
        attr(DestinationAttr::Port, server.port.to_be_bytes()),
    ]
}

fn full_destination(server: &DestinationKey, to: &Destination) -> Nlattr<TopAttr, Buffer> {
    let mut attrs = destination_key_attrs(server);
    let (method, tunnel) = match to.method {
        ForwardingMethod::Nat => (FORWARDING_NAT, None),
        ForwardingMethod::DirectRouting => (FORWARDING_DIRECT, None),
        ForwardingMethod::Tunnel(tunnel) => (FORWARDING_TUNNEL, Some(tunnel)),
        ForwardingMethod::Other(method) => (u32::from(method) & FORWARDING_MASK, None),
    };
    attrs.push(attr(DestinationAttr::ForwardingMethod, method));
    attrs.push(attr(DestinationAttr::Weight, to.weight));
    attrs.push(attr(DestinationAttr::UpperThreshold, to.upper_threshold));
    attrs.push(attr(DestinationAttr::LowerThreshold, to.lower_threshold));
    // ipip is what the kernel takes where nothing is said, also those kernels that
    // know no other tunnel.
    match tunnel {
        None | Some(TunnelType::Ipip) => {}
        Some(TunnelType::Gue { port, flags }) => {
            attrs.push(attr(DestinationAttr::TunnelType, TUNNEL_GUE));
            attrs.push(attr(DestinationAttr::TunnelPort, port.to_be_bytes()));
            attrs.push(attr(DestinationAttr::TunnelFlags, flags));
        }
        Some(TunnelType::Gre { flags }) => {
            attrs.push(attr(DestinationAttr::TunnelType, TUNNEL_GRE));
            attrs.push(attr(DestinationAttr::TunnelFlags, flags));
        }
    }
    nest(TopAttr::Destination, &attrs)
}

fn family_number(family: Family) -> u16 {
    match family {
        Family::V4 => libc::AF_INET as u16,
        Family::V6 => libc::AF_INET6 as u16,
    }
}

fn protocol_number(protocol: Protocol) -> u16 {
    match protocol {
        Protocol::Tcp => libc::IPPROTO_TCP as u16,
        Protocol::Udp => libc::IPPROTO_UDP as u16,
        Protocol::Sctp => libc::IPPROTO_SCTP as u16,
    }
}

/// `union nf_inet_addr`: 16 bytes, of which IPv4 takes the first four.
fn address_bytes(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(address) => {
            let mut bytes = [0; 16];
            bytes[..4].copy_from_slice(&address.octets());
            bytes
        }
        IpAddr::V6(address) => address.octets(),
    }
}

/// IPv4: a mask in network byte order. IPv6: the length of the prefix, a number.
fn netmask_bytes(granularity: Granularity) -> [u8; 4] {
    match granularity {
        Granularity::Netmask(netmask) => netmask.octets(),
        Granularity::Prefix(prefix) => u32::from(prefix).to_ne_bytes(),
    }
}
