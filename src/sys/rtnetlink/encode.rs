//! From what is wanted to the bytes of a netlink message. A change is answered where it
//! is refused, or with [`ask_for_answer`] in any case.

use rtnetlink::packet_core::{
    DefaultNla, Emitable, NLA_F_NESTED, NLM_F_ACK, NLM_F_CREATE, NLM_F_DUMP, NLM_F_REPLACE,
    NLM_F_REQUEST, NetlinkHeader, NetlinkMessage, NetlinkPayload,
};
use rtnetlink::packet_route::address::{AddressAttribute, AddressFlags, AddressMessage, CacheInfo};
use rtnetlink::packet_route::link::{
    AfSpecInet, AfSpecUnspec, LinkAttribute, LinkExtentMask, LinkMessage,
};
use rtnetlink::packet_route::{AddressFamily, RouteNetlinkMessage};

use super::Address;
use super::decode::IPV4_DEVCONF_PROMOTE_SECONDARIES;
use crate::family::Family;

/// INFINITY_LIFE_TIME of the kernel's addresses.
const FOREVER: u32 = u32::MAX;

/// RTM_NEWADDR. One that is there already becomes permanent, and that is all.
pub(super) fn add_address(address: &Address, seq: u32, into: &mut Vec<u8>) {
    let mut message = bare(address);
    message.header.scope = address.scope.into();
    let attributes = &mut message.attributes;
    if let Some(broadcast) = address.broadcast {
        attributes.push(AddressAttribute::Broadcast(broadcast));
    }
    if let Some(label) = &address.label {
        attributes.push(AddressAttribute::Label(label.clone()));
    }
    if address.address.is_ipv6() {
        // In use at once: it has been another director's until a moment ago, and
        // nobody else's.
        attributes.push(AddressAttribute::Flags(AddressFlags::Nodad));
        if address.prefix == Family::V6.address_bits() {
            // Nothing of the host's own is sent from it unless somebody says so.
            let mut lifetime = CacheInfo::default();
            lifetime.ifa_preferred = 0;
            lifetime.ifa_valid = FOREVER;
            attributes.push(AddressAttribute::CacheInfo(lifetime));
        }
    }
    let flags = NLM_F_CREATE | NLM_F_REPLACE;
    push(RouteNetlinkMessage::NewAddress(message), flags, seq, into);
}

/// RTM_DELADDR.
pub(super) fn remove_address(address: &Address, seq: u32, into: &mut Vec<u8>) {
    let message = RouteNetlinkMessage::DelAddress(bare(address));
    push(message, 0, seq, into);
}

/// RTM_SETLINK: net.ipv4.conf.IF.promote_secondaries, without a file in /proc.
pub(super) fn promote_secondaries(interface: u32, on: bool, seq: u32, into: &mut Vec<u8>) {
    let value = u32::from(on).to_ne_bytes().to_vec();
    let setting = DefaultNla::new(IPV4_DEVCONF_PROMOTE_SECONDARIES, value);
    let mut settings = vec![0; setting.buffer_len()];
    setting.emit(&mut settings);
    // The crate's own form of this leaves out what is to be 0.
    let inet_conf = DefaultNla::new(1 | NLA_F_NESTED, settings);
    let mut message = LinkMessage::default();
    message.header.index = interface;
    message.attributes = vec![LinkAttribute::AfSpecUnspec(vec![AfSpecUnspec::Inet(vec![
        AfSpecInet::Other(inet_conf),
    ])])];
    push(RouteNetlinkMessage::SetLink(message), 0, seq, into);
}

/// RTM_GETLINK for one interface.
pub(super) fn get_link(interface: u32, seq: u32, into: &mut Vec<u8>) {
    let mut message = LinkMessage::default();
    message.header.index = interface;
    push(RouteNetlinkMessage::GetLink(message), NLM_F_ACK, seq, into);
}

/// RTM_GETLINK for all, without their counters.
pub(super) fn dump_links(seq: u32, into: &mut Vec<u8>) {
    let mut message = LinkMessage::default();
    message.attributes = vec![LinkAttribute::ExtMask(vec![LinkExtentMask::SkipStats])];
    push(RouteNetlinkMessage::GetLink(message), NLM_F_DUMP, seq, into);
}

/// RTM_GETADDR for all of both families.
pub(super) fn dump_addresses(seq: u32, into: &mut Vec<u8>) {
    let message = RouteNetlinkMessage::GetAddress(AddressMessage::default());
    push(message, NLM_F_DUMP, seq, into);
}

/// Gives the message that begins here NLM_F_ACK.
pub(super) fn ask_for_answer(message: &mut [u8]) {
    // nlmsg_flags of struct nlmsghdr
    if let Some(Ok(flags)) = message.get_mut(6..8).map(<&mut [u8; 2]>::try_from) {
        *flags = (u16::from_ne_bytes(*flags) | NLM_F_ACK).to_ne_bytes();
    }
}

/// What identifies an address.
fn bare(address: &Address) -> AddressMessage {
    let mut message = AddressMessage::default();
    message.header.family = match address.address.is_ipv4() {
        true => AddressFamily::Inet,
        false => AddressFamily::Inet6,
    };
    message.header.prefix_len = address.prefix;
    message.header.index = address.interface;
    message.attributes = vec![
        AddressAttribute::Local(address.address),
        AddressAttribute::Address(address.peer),
    ];
    message
}

fn push(message: RouteNetlinkMessage, flags: u16, seq: u32, into: &mut Vec<u8>) {
    let mut header = NetlinkHeader::default();
    header.flags = NLM_F_REQUEST | flags;
    header.sequence_number = seq;
    let mut message = NetlinkMessage::new(header, NetlinkPayload::from(message));
    message.finalize();
    let begin = into.len();
    into.resize(begin + message.buffer_len().next_multiple_of(4), 0);
    message.serialize(&mut into[begin..begin + message.buffer_len()]);
}
