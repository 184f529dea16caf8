//! From the bytes of a netlink message to what it says.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use rtnetlink::packet_core::{NlaBuffer, NlasIterator};
use rtnetlink::packet_route::AddressFamily;
use rtnetlink::packet_route::address::{AddressFlags, AddressHeader};
use rtnetlink::packet_route::link::{LinkFlags, LinkHeader, LinkLayerType};

use super::{Address, Link, Notice};
use crate::sys::netlink::Malformed;

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
/// What a message of the kernel's says; None where it is about something else.
///
/// # Errors
/// Where it is shorter than it says, or lacks what it must have.
pub(super) fn notice(kind: u16, payload: &[u8]) -> Result<Option<Notice>, Malformed> {
    let notice = match kind {
        libc::RTM_NEWLINK => link(payload),
        libc::RTM_DELLINK => gone(payload),
        libc::RTM_NEWADDR => address(payload).map(|address| address.map(Notice::Address)),
        libc::RTM_DELADDR => address(payload).map(|address| address.map(Notice::NoAddress)),
        RTM_NEWNETCONF => netconf(payload),
        _ => Some(None),
    };
    notice.ok_or(Malformed)
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

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..at + 4)?;
    Some(u32::from_ne_bytes(bytes.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::netlink::{Body, Frame, frames};
    use crate::sys::rtnetlink::encode;

    /// What the only message in `bytes` says.
    fn only(bytes: &[u8]) -> Result<Option<Notice>, Malformed> {
        let frame = frames(bytes).next().expect("a message")?;
        match frame.body {
            Body::Data(kind, payload) => notice(kind, payload),
            other => panic!("{other:?}"),
        }
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
            assert_eq!(frames(&bytes).next().unwrap().unwrap().seq, 7);
            assert_eq!(only(&bytes), Ok(Some(Notice::Address(address))));
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
            match only(&bytes) {
                Ok(Some(Notice::Address(address))) => address.is_unusable,
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
            match notice(RTM_NEWNETCONF, &payload) {
                Ok(Some(Notice::Forwarding { interface, on })) => Some((interface, on)),
                Ok(None) => None,
                other => panic!("{other:?}"),
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
        let Ok(Frame {
            body: Body::Data(kind, whole),
            ..
        }) = frames(&whole).next().unwrap()
        else {
            panic!("an address")
        };
        for end in 0..whole.len() {
            // Attributes may end early; headers and values may not.
            let cut = notice(kind, &whole[..end]);
            assert!(end >= ADDRESS_HEADER || cut == Err(Malformed), "{end}");
        }
    }

    #[test]
    fn a_link_without_a_name_is_malformed() {
        let link = [0u8; LINK_HEADER];
        assert_eq!(notice(libc::RTM_NEWLINK, &link), Err(Malformed));
    }

    #[test]
    fn a_bridges_port_is_no_link() {
        let mut port = [0u8; LINK_HEADER];
        port[0] = libc::AF_BRIDGE as u8;
        for kind in [libc::RTM_NEWLINK, libc::RTM_DELLINK] {
            assert_eq!(notice(kind, &port), Ok(None));
        }
    }
}
