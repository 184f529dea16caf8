//! From the bytes of a netlink message to what it says.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use rtnetlink::packet_core::{NlaBuffer, NlasIterator};
use rtnetlink::packet_route::AddressFamily;
use rtnetlink::packet_route::address::{AddressFlags, AddressHeader};
use rtnetlink::packet_route::link::{LinkFlags, LinkHeader, LinkLayerType};

use super::{Address, Link, Notice};

/// `sizeof(struct nlmsghdr)`
const HEADER: usize = 16;
/// `sizeof(struct ifinfomsg)`
const LINK_HEADER: usize = 16;
/// `sizeof(struct ifaddrmsg)`
const ADDRESS_HEADER: usize = 8;

/// linux/if_link.h
const IFLA_ADDRESS: u16 = 1;
const IFLA_IFNAME: u16 = 3;
const IFLA_AF_SPEC: u16 = 26;
const IFLA_INET_CONF: u16 = 1;
const IFLA_INET6_CONF: u16 = 2;
/// linux/ip.h; the values of IFLA_INET_CONF are in this order, from 1.
pub(super) const IPV4_DEVCONF_PROMOTE_SECONDARIES: u16 = 20;
/// linux/ipv6.h; the values of IFLA_INET6_CONF are in this order, from 0.
const DEVCONF_FORWARDING: usize = 0;
/// linux/netconf.h: `sizeof(struct netconfmsg)`, as far as attributes are aligned.
const NETCONF_HEADER: usize = 4;
const NETCONFA_IFINDEX: u16 = 1;
const NETCONFA_FORWARDING: u16 = 2;
/// linux/if_addr.h
const IFA_ADDRESS: u16 = 1;
const IFA_LOCAL: u16 = 2;
const IFA_LABEL: u16 = 3;
const IFA_BROADCAST: u16 = 4;
const IFA_FLAGS: u16 = 8;
/// linux/rtnetlink.h
const RTM_NEWNETCONF: u16 = 80;
/// linux/netlink.h: of an error, what it was about, and the flags that say what follows.
const NLMSGERR_ATTR_MSG: u16 = 1;
const NLM_F_CAPPED: u16 = 0x100;
const NLM_F_ACK_TLVS: u16 = 0x200;
const NLM_F_DUMP_INTR: u16 = 0x10;

/// One message.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Frame<'a> {
    pub seq: u32,
    pub body: Body<'a>,
    /// What is dumped has changed meanwhile: parts of it may be missing.
    pub is_interrupted: bool,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Body<'a> {
    /// The end of a request: an errno above 0 or 0 for success, and the kernel's words
    /// if it has any.
    End(i32, Option<&'a str>),
    /// The end of a dump, with an errno above 0 or 0 for success.
    Done(i32),
    /// NLMSG_NOOP, and what is about something else.
    Other,
    Notice(Notice),
}

/// What cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Malformed;

/// The messages in `received`. The first malformed one ends it.
pub(super) fn frames(received: &[u8]) -> impl Iterator<Item = Result<Frame<'_>, Malformed>> {
    let mut rest = received;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let frame = split(rest);
        rest = match &frame {
            Some((_, rest)) => rest,
            None => &[],
        };
        Some(frame.map(|(frame, _)| frame).ok_or(Malformed))
    })
}

fn split(bytes: &[u8]) -> Option<(Frame<'_>, &[u8])> {
    let length = u32_at(bytes, 0)? as usize;
    let kind = u16_at(bytes, 4)?;
    let flags = u16_at(bytes, 6)?;
    let seq = u32_at(bytes, 8)?;
    let payload = bytes.get(HEADER..length)?;
    let body = match i32::from(kind) {
        libc::NLMSG_ERROR => Body::End(errno(payload)?, words(payload, flags)),
        // Old kernels end a dump without saying how it went.
        libc::NLMSG_DONE if payload.is_empty() => Body::Done(0),
        libc::NLMSG_DONE => Body::Done(errno(payload)?),
        _ => match kind {
            libc::RTM_NEWLINK => link(payload)?.map_or(Body::Other, Body::Notice),
            libc::RTM_DELLINK => gone(payload)?.map_or(Body::Other, Body::Notice),
            libc::RTM_NEWADDR => {
                address(payload)?.map_or(Body::Other, |a| Body::Notice(Notice::Address(a)))
            }
            libc::RTM_DELADDR => {
                address(payload)?.map_or(Body::Other, |a| Body::Notice(Notice::NoAddress(a)))
            }
            RTM_NEWNETCONF => netconf(payload)?.map_or(Body::Other, Body::Notice),
            _ => Body::Other,
        },
    };
    let next = length.next_multiple_of(4).min(bytes.len());
    let frame = Frame {
        seq,
        body,
        is_interrupted: flags & NLM_F_DUMP_INTR != 0,
    };
    Some((frame, &bytes[next..]))
}

/// The outer None is what cannot be read, the inner one a link of another table (a
/// bridge tells of its ports in the same words).
fn link(payload: &[u8]) -> Option<Option<Notice>> {
    let header = LinkHeader::parse(payload).ok()?;
    if header.interface_family != AddressFamily::Unspec {
        return Some(None);
    }
    let mut name = None;
    let mut hardware_address = None;
    let mut promotes_secondaries = None;
    let mut forwards_ipv6 = false;
    for attribute in NlasIterator::new(payload.get(LINK_HEADER..)?) {
        let attribute = attribute.ok()?;
        let value = attribute.value();
        match attribute.kind() {
            IFLA_IFNAME => name = text(value),
            IFLA_ADDRESS => hardware_address = value.try_into().ok(),
            IFLA_AF_SPEC => {
                promotes_secondaries = promotes(value);
                forwards_ipv6 = forwards(value).unwrap_or(false);
            }
            _ => {}
        }
    }
    let speaks_arp =
        header.link_layer_type == LinkLayerType::Ether && !header.flags.contains(LinkFlags::Noarp);
    Some(Some(Notice::Link(Link {
        index: header.index,
        name: name?,
        is_up: header.flags.contains(LinkFlags::Up | LinkFlags::Running),
        hardware_address: hardware_address.filter(|_| speaks_arp),
        promotes_secondaries,
        forwards_ipv6,
    })))
}

fn gone(payload: &[u8]) -> Option<Option<Notice>> {
    let header = LinkHeader::parse(payload).ok()?;
    let is_whole = header.interface_family == AddressFamily::Unspec;
    Some(is_whole.then_some(Notice::NoLink(header.index)))
}

/// From IFLA_AF_SPEC: AF_INET, there IFLA_INET_CONF, there one 32-bit value after the
/// other.
fn promotes(families: &[u8]) -> Option<bool> {
    let inet = find(families, libc::AF_INET as u16)?;
    let values = find(inet.value(), IFLA_INET_CONF)?;
    let at = usize::from(IPV4_DEVCONF_PROMOTE_SECONDARIES - 1) * 4;
    u32_at(values.value(), at).map(|value| value != 0)
}

/// The same with AF_INET6 and IFLA_INET6_CONF.
fn forwards(families: &[u8]) -> Option<bool> {
    let inet6 = find(families, libc::AF_INET6 as u16)?;
    let values = find(inet6.value(), IFLA_INET6_CONF)?;
    u32_at(values.value(), DEVCONF_FORWARDING * 4).map(|value| value != 0)
}

/// The outer None is what cannot be read, the inner one another setting, or one that is
/// no interface's.
fn netconf(payload: &[u8]) -> Option<Option<Notice>> {
    if i32::from(*payload.first()?) != libc::AF_INET6 {
        return Some(None);
    }
    let (mut interface, mut forwarding) = (None, None);
    for attribute in NlasIterator::new(payload.get(NETCONF_HEADER..)?) {
        let attribute = attribute.ok()?;
        match attribute.kind() {
            // Below 0 it is about all of them, or about those to come.
            NETCONFA_IFINDEX => {
                interface = u32_at(attribute.value(), 0).filter(|index| *index <= i32::MAX as u32);
            }
            NETCONFA_FORWARDING => forwarding = u32_at(attribute.value(), 0),
            _ => {}
        }
    }
    Some(interface.zip(forwarding).map(|(interface, forwarding)| {
        let on = forwarding != 0;
        Notice::Forwarding { interface, on }
    }))
}

fn find(attributes: &[u8], kind: u16) -> Option<NlaBuffer<&[u8]>> {
    let mut attributes = NlasIterator::new(attributes).filter_map(Result::ok);
    attributes.find(|attribute| attribute.kind() == kind)
}

/// The outer None is what cannot be read, the inner one of another family.
fn address(payload: &[u8]) -> Option<Option<Address>> {
    let header = AddressHeader::parse(payload).ok()?;
    let is_v4 = match header.family {
        AddressFamily::Inet => true,
        AddressFamily::Inet6 => false,
        _ => return Some(None),
    };
    let (mut local, mut peer, mut broadcast, mut label) = (None, None, None, None);
    // Where there are more than eight they are in an attribute of their own.
    let mut flags = u32::from(header.flags.bits());
    for attribute in NlasIterator::new(payload.get(ADDRESS_HEADER..)?) {
        let attribute = attribute.ok()?;
        let value = attribute.value();
        match attribute.kind() {
            IFA_LOCAL => local = ip(value),
            IFA_ADDRESS => peer = ip(value),
            IFA_BROADCAST => broadcast = <[u8; 4]>::try_from(value).ok().map(Ipv4Addr::from),
            IFA_LABEL => label = text(value),
            IFA_FLAGS => flags = u32_at(value, 0)?,
            _ => {}
        }
    }
    // IPv6 says the local one only where there is another end.
    let address = local.or(peer)?;
    Some(Some(Address {
        interface: header.index,
        address,
        prefix: header.prefix_len,
        peer: peer.unwrap_or(address),
        broadcast,
        scope: header.scope.into(),
        label,
        is_secondary: is_v4 && flags & AddressFlags::Secondary.bits() != 0,
        is_unusable: is_unusable(AddressFlags::from_bits_retain(flags)),
    }))
}

/// An optimistic address is used while it is tentative (RFC 4429).
fn is_unusable(flags: AddressFlags) -> bool {
    flags.contains(AddressFlags::Dadfailed)
        || flags.contains(AddressFlags::Tentative) && !flags.contains(AddressFlags::Optimistic)
}

/// The kernel's words about a refusal: behind the errno, and behind the request or as
/// much of it as is sent back.
fn words(payload: &[u8], flags: u16) -> Option<&str> {
    if flags & NLM_F_ACK_TLVS == 0 {
        return None;
    }
    let request = match flags & NLM_F_CAPPED {
        0 => u32_at(payload, 4)?.next_multiple_of(4) as usize,
        _ => HEADER,
    };
    let mut attributes = payload.get(4 + request..)?;
    // Not with `find`: what it returns cannot outlive the iterator.
    loop {
        let length = usize::from(u16_at(attributes, 0)?);
        let value = attributes.get(4..length)?;
        if u16_at(attributes, 2)? == NLMSGERR_ATTR_MSG {
            let value = value.strip_suffix(&[0]).unwrap_or(value);
            return str::from_utf8(value).ok();
        }
        attributes = attributes.get(length.next_multiple_of(4)..)?;
    }
}

fn ip(value: &[u8]) -> Option<IpAddr> {
    if let Ok(v4) = <[u8; 4]>::try_from(value) {
        return Some(Ipv4Addr::from(v4).into());
    }
    let v6 = <[u8; 16]>::try_from(value).ok()?;
    Some(Ipv6Addr::from(v6).into())
}

fn text(value: &[u8]) -> Option<String> {
    let end = value.iter().position(|byte| *byte == 0);
    let value = &value[..end.unwrap_or(value.len())];
    // A name may hold any bytes; one that is no text is shown as well as possible.
    Some(String::from_utf8_lossy(value).into_owned())
}

fn errno(payload: &[u8]) -> Option<i32> {
    let negative = u32_at(payload, 0)? as i32;
    // A dump's length of what was sent last may stand here, above 0.
    Some(negative.min(0).saturating_neg())
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    let bytes = bytes.get(at..at + 2)?;
    Some(u16::from_ne_bytes(bytes.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..at + 4)?;
    Some(u32::from_ne_bytes(bytes.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::rtnetlink::encode;

    fn message(kind: u16, payload: &[u8]) -> Vec<u8> {
        let length = (HEADER + payload.len()) as u32;
        let mut bytes = length.to_ne_bytes().to_vec();
        bytes.extend(kind.to_ne_bytes());
        bytes.extend([0; 2]);
        bytes.extend(7u32.to_ne_bytes());
        bytes.extend([0; 4]);
        bytes.extend(payload);
        bytes
    }

    fn an_address() -> Address {
        Address {
            interface: 3,
            address: "10.0.0.80".parse().unwrap(),
            prefix: 24,
            peer: "10.0.0.80".parse().unwrap(),
            broadcast: Some(Ipv4Addr::new(10, 0, 0, 255)),
            scope: 253,
            label: Some("eth0:1".into()),
            is_secondary: false,
            is_unusable: false,
        }
    }

    fn a_v6_address() -> Address {
        let address = "fd00::80".parse().unwrap();
        Address {
            address,
            prefix: 128,
            peer: address,
            broadcast: None,
            scope: 0,
            label: None,
            ..an_address()
        }
    }

    #[test]
    fn what_is_asked_for_reads_as_what_was_meant() {
        for address in [an_address(), a_v6_address()] {
            let mut bytes = Vec::new();
            encode::add_address(&address, 7, &mut bytes);
            let frame = frames(&bytes).next().unwrap().unwrap();
            let notice = Notice::Address(address);
            assert_eq!((frame.seq, frame.body), (7, Body::Notice(notice)));
        }
    }

    #[test]
    fn an_address_in_question_cannot_be_used() {
        let is_unusable = |flags: AddressFlags| {
            let mut bytes = Vec::new();
            encode::add_address(&a_v6_address(), 7, &mut bytes);
            let attribute = [8u16, IFA_FLAGS].map(u16::to_ne_bytes).concat();
            let at = bytes.windows(4).position(|window| window == attribute);
            let at = at.unwrap() + 4;
            bytes[at..at + 4].copy_from_slice(&flags.bits().to_ne_bytes());
            match frames(&bytes).next().unwrap().unwrap().body {
                Body::Notice(Notice::Address(address)) => address.is_unusable,
                other => panic!("{other:?}"),
            }
        };
        use AddressFlags as F;
        assert!(is_unusable(F::Tentative));
        assert!(is_unusable(F::Tentative | F::Dadfailed));
        assert!(is_unusable(F::Dadfailed | F::Permanent));
        assert!(!is_unusable(F::Tentative | F::Optimistic));
        assert!(!is_unusable(F::Nodad | F::Permanent | F::Deprecated));
    }

    #[test]
    fn a_setting_is_an_interfaces_or_nothing() {
        let of = |family: i32, index: i32| {
            let mut payload = vec![family as u8, 0, 0, 0];
            for (kind, value) in [(NETCONFA_IFINDEX, index), (NETCONFA_FORWARDING, 1)] {
                payload.extend(8u16.to_ne_bytes());
                payload.extend(kind.to_ne_bytes());
                payload.extend(value.to_ne_bytes());
            }
            let bytes = message(RTM_NEWNETCONF, &payload);
            match frames(&bytes).next().unwrap().unwrap().body {
                Body::Notice(Notice::Forwarding { interface, on }) => Some((interface, on)),
                _ => None,
            }
        };
        assert_eq!(of(libc::AF_INET6, 3), Some((3, true)));
        // NETCONFA_IFINDEX_ALL
        assert_eq!(of(libc::AF_INET6, -1), None);
        assert_eq!(of(libc::AF_INET, 3), None);
    }

    #[test]
    fn truncated_messages_are_malformed_and_never_panic() {
        let mut whole = Vec::new();
        encode::add_address(&an_address(), 7, &mut whole);
        for end in 1..whole.len() {
            let mut cut = whole[..end].to_vec();
            assert_eq!(frames(&cut).next(), Some(Err(Malformed)));
            if end >= HEADER {
                cut[..4].copy_from_slice(&(end as u32).to_ne_bytes());
                // Attributes may end early; headers and values may not.
                let _ = frames(&cut).next();
            }
        }
    }

    #[test]
    fn a_link_without_a_name_is_malformed() {
        let link = [0u8; LINK_HEADER];
        let bytes = message(libc::RTM_NEWLINK, &link);
        assert_eq!(frames(&bytes).next(), Some(Err(Malformed)));
    }

    #[test]
    fn a_bridges_port_is_no_link() {
        let mut port = [0u8; LINK_HEADER];
        port[0] = libc::AF_BRIDGE as u8;
        for kind in [libc::RTM_NEWLINK, libc::RTM_DELLINK] {
            let bytes = message(kind, &port);
            assert_eq!(frames(&bytes).next().unwrap().unwrap().body, Body::Other);
        }
    }

    #[test]
    fn refusals_have_the_kernels_words() {
        let mut payload = (-libc::EADDRNOTAVAIL).to_ne_bytes().to_vec();
        payload.extend([0; HEADER]);
        payload.extend(10u16.to_ne_bytes());
        payload.extend(NLMSGERR_ATTR_MSG.to_ne_bytes());
        payload.extend(b"gone \0");
        let mut bytes = message(libc::NLMSG_ERROR as u16, &payload);
        bytes[6..8].copy_from_slice(&(NLM_F_CAPPED | NLM_F_ACK_TLVS).to_ne_bytes());
        let frame = frames(&bytes).next().unwrap().unwrap();
        assert_eq!(frame.body, Body::End(libc::EADDRNOTAVAIL, Some("gone ")));
    }
}
