//! Messages written by hand from the layouts in `linux/ip_vs.h`, `linux/netlink.h`
//! and `linux/genetlink.h`, as a little-endian host has them.

use std::io::Cursor;

use super::*;
use crate::lvs::types::{
    Destination, DestinationKey, Family, ForwardingMethod, Granularity, Persistence, Protocol,
    Service, ServiceFlags, ServiceKey, TunnelType,
};
use crate::lvs::{Entry, IpvsOp};

/// What `struct nlmsghdr` and `struct genlmsghdr` say of a request to family 0x21
/// with sequence number 7.
fn header(length: u32, flags: u16, command: u8) -> Vec<u8> {
    let mut bytes = length.to_le_bytes().to_vec();
    bytes.extend([0x21, 0x00]);
    bytes.extend(flags.to_le_bytes());
    bytes.extend([7, 0, 0, 0]);
    // The sender, which the kernel fills in.
    bytes.extend([0, 0, 0, 0]);
    // Command, IPVS_GENL_VERSION, reserved.
    bytes.extend([command, 1, 0, 0]);
    bytes
}

fn netmask(text: &str) -> Granularity {
    Granularity::Netmask(text.parse().unwrap())
}

const REQUEST: u16 = 0x1;
const REQUEST_ACK: u16 = 0x5;
const REQUEST_DUMP: u16 = 0x301;

/// AF, PROTOCOL, ADDR and PORT of TCP 10.0.0.1:80: 44 bytes.
#[rustfmt::skip]
const TCP_10_0_0_1_80: [u8; 44] = [
    6, 0,  1, 0,  2, 0,   0, 0,
    6, 0,  2, 0,  6, 0,   0, 0,
    20, 0, 3, 0,  10, 0, 0, 1,  0, 0, 0, 0,  0, 0, 0, 0,  0, 0, 0, 0,
    6, 0,  4, 0,  0, 80,  0, 0,
];

/// ADDR_FAMILY, ADDR and PORT of 10.0.0.7:8080: 36 bytes.
#[rustfmt::skip]
const SERVER_10_0_0_7_8080: [u8; 36] = [
    6, 0,  11, 0, 2, 0,        0, 0,
    20, 0, 1, 0,  10, 0, 0, 7, 0, 0, 0, 0,  0, 0, 0, 0,  0, 0, 0, 0,
    6, 0,  2, 0,  0x1f, 0x90,  0, 0,
];

fn service_key() -> ServiceKey {
    ServiceKey::Address {
        protocol: Protocol::Tcp,
        address: "10.0.0.1".parse().unwrap(),
        port: 80,
    }
}

fn server_key() -> DestinationKey {
    DestinationKey {
        address: "10.0.0.7".parse().unwrap(),
        port: 8080,
    }
}

fn plain(scheduler: &str) -> Service {
    Service {
        scheduler: scheduler.to_owned(),
        flags: ServiceFlags::default(),
        persistence: None,
    }
}

fn weighted(method: ForwardingMethod, weight: u32) -> Destination {
    Destination {
        method,
        weight,
        upper_threshold: 0,
        lower_threshold: 0,
    }
}

fn written(ack: bool, op: &IpvsOp) -> Vec<u8> {
    let mut out = Cursor::new(Vec::new());
    write_op(&mut out, 0x21, 7, ack, op);
    out.into_inner()
}

#[track_caller]
fn assert_written(op: &IpvsOp, header: Vec<u8>, attrs: &[&[u8]]) {
    let mut expected = header;
    attrs.iter().for_each(|attr| expected.extend(*attr));
    assert_eq!(written(false, op), expected);
    let length = u32::from_le_bytes(expected[..4].try_into().unwrap());
    assert_eq!(expected.len() as u32, length, "the expectation itself");
}

#[test]
fn new_service() {
    #[rustfmt::skip]
    let options = [
        // SCHED_NAME "wlc"
        8, 0,  6, 0,  b'w', b'l', b'c', 0,
        // FLAGS: none set, all meant
        12, 0, 7, 0,  0, 0, 0, 0,  0xff, 0xff, 0xff, 0xff,
        // TIMEOUT
        8, 0,  8, 0,  0, 0, 0, 0,
        // NETMASK
        8, 0,  9, 0,  255, 255, 255, 255,
    ];
    // 20 of headers, 4 of nesting, 44 of key, 36 of options.
    assert_written(
        &IpvsOp::NewService(service_key(), plain("wlc")),
        header(104, REQUEST, 1),
        &[&[84, 0, 1, 0x80], &TCP_10_0_0_1_80, &options],
    );
}

#[test]
fn changed_service_with_persistence() {
    let service = Service {
        scheduler: "sh".to_owned(),
        flags: ServiceFlags(ServiceFlags::SCHEDULER_2),
        persistence: Some(Persistence {
            timeout: 300,
            granularity: netmask("255.255.240.0"),
            engine: Some("sip".to_owned()),
        }),
    };
    #[rustfmt::skip]
    let options = [
        // SCHED_NAME "sh", a byte of padding
        7, 0,  6, 0,  b's', b'h', 0,  0,
        // FLAGS: PERSISTENT and SCHED2, all meant
        12, 0, 7, 0,  0x11, 0, 0, 0,  0xff, 0xff, 0xff, 0xff,
        // TIMEOUT
        8, 0,  8, 0,  0x2c, 0x01, 0, 0,
        // NETMASK /20
        8, 0,  9, 0,  255, 255, 240, 0,
        // PE_NAME "sip"
        8, 0,  11, 0, b's', b'i', b'p', 0,
    ];
    assert_written(
        &IpvsOp::SetService(service_key(), service),
        header(112, REQUEST, 2),
        &[&[92, 0, 1, 0x80], &TCP_10_0_0_1_80, &options],
    );
}

#[test]
fn new_service_of_ipv6_over_udp() {
    let key = ServiceKey::Address {
        protocol: Protocol::Udp,
        address: "2001:db8::1".parse().unwrap(),
        port: 53,
    };
    let service = Service {
        persistence: Some(Persistence {
            timeout: 60,
            granularity: Granularity::Prefix(64),
            engine: None,
        }),
        flags: ServiceFlags(ServiceFlags::ONE_PACKET),
        ..plain("rr")
    };
    #[rustfmt::skip]
    let attrs = [
        6, 0,  1, 0,  10, 0,  0, 0,
        6, 0,  2, 0,  17, 0,  0, 0,
        20, 0, 3, 0,  0x20, 0x01, 0x0d, 0xb8,  0, 0, 0, 0,  0, 0, 0, 0,  0, 0, 0, 1,
        6, 0,  4, 0,  0, 53,  0, 0,
        7, 0,  6, 0,  b'r', b'r', 0,  0,
        12, 0, 7, 0,  0x05, 0, 0, 0,  0xff, 0xff, 0xff, 0xff,
        8, 0,  8, 0,  60, 0, 0, 0,
        // NETMASK: a prefix length in the host's order
        8, 0,  9, 0,  64, 0, 0, 0,
    ];
    assert_written(
        &IpvsOp::NewService(key, service),
        header(104, REQUEST, 1),
        &[&[84, 0, 1, 0x80], &attrs],
    );
}

#[test]
fn deleted_service_by_mark() {
    let key = ServiceKey::Fwmark {
        mark: 0x0102,
        family: Family::V6,
    };
    #[rustfmt::skip]
    let attrs = [
        6, 0,  1, 0,  10, 0,  0, 0,
        8, 0,  5, 0,  0x02, 0x01, 0, 0,
    ];
    assert_written(
        &IpvsOp::DeleteService(key),
        header(40, REQUEST, 3),
        &[&[20, 0, 1, 0x80], &attrs],
    );
}

#[test]
fn new_destination() {
    #[rustfmt::skip]
    let options = [
        // FWD_METHOD: IP_VS_CONN_F_DROUTE
        8, 0,  3, 0,  3, 0, 0, 0,
        // WEIGHT
        8, 0,  4, 0,  0xe8, 0x03, 0, 0,
        // U_THRESH, L_THRESH
        8, 0,  5, 0,  9, 0, 0, 0,
        8, 0,  6, 0,  5, 0, 0, 0,
    ];
    let destination = Destination {
        upper_threshold: 9,
        lower_threshold: 5,
        ..weighted(ForwardingMethod::DirectRouting, 1000)
    };
    assert_written(
        &IpvsOp::NewDestination(service_key(), server_key(), destination),
        header(140, REQUEST, 5),
        &[
            &[48, 0, 1, 0x80],
            &TCP_10_0_0_1_80,
            &[72, 0, 2, 0x80],
            &SERVER_10_0_0_7_8080,
            &options,
        ],
    );
}

#[test]
fn changed_destination_with_a_tunnel() {
    #[rustfmt::skip]
    let options = [
        // FWD_METHOD: IP_VS_CONN_F_TUNNEL
        8, 0,  3, 0,  2, 0, 0, 0,
        8, 0,  4, 0,  1, 0, 0, 0,
        8, 0,  5, 0,  0, 0, 0, 0,
        8, 0,  6, 0,  0, 0, 0, 0,
        // TUN_TYPE: GUE
        5, 0,  13, 0, 1,           0, 0, 0,
        // TUN_PORT 6080 in network order
        6, 0,  14, 0, 0x17, 0xc0,  0, 0,
        // TUN_FLAGS: CSUM
        6, 0,  15, 0, 1, 0,        0, 0,
    ];
    let tunnel = ForwardingMethod::Tunnel(TunnelType::Gue {
        port: 6080,
        flags: 1,
    });
    assert_written(
        &IpvsOp::SetDestination(service_key(), server_key(), weighted(tunnel, 1)),
        header(164, REQUEST, 6),
        &[
            &[48, 0, 1, 0x80],
            &TCP_10_0_0_1_80,
            &[96, 0, 2, 0x80],
            &SERVER_10_0_0_7_8080,
            &options,
        ],
    );
}

#[test]
fn deleted_destination() {
    assert_written(
        &IpvsOp::DeleteDestination(service_key(), server_key()),
        header(108, REQUEST, 7),
        &[
            &[48, 0, 1, 0x80],
            &TCP_10_0_0_1_80,
            &[40, 0, 2, 0x80],
            &SERVER_10_0_0_7_8080,
        ],
    );
}

#[test]
fn the_last_of_a_batch_asks_for_an_answer() {
    let op = IpvsOp::DeleteService(service_key());
    let bytes = written(true, &op);
    assert_eq!(bytes[6..8], REQUEST_ACK.to_le_bytes());
}

#[test]
fn dumps() {
    let mut out = Cursor::new(Vec::new());
    write_dump_services(&mut out, 0x21, 7);
    assert_eq!(out.into_inner(), header(20, REQUEST_DUMP, 4));

    let mut out = Cursor::new(Vec::new());
    write_dump_destinations(&mut out, 0x21, 7, &service_key());
    let mut expected = header(68, REQUEST_DUMP, 8);
    expected.extend([48, 0, 1, 0x80]);
    expected.extend(&TCP_10_0_0_1_80);
    assert_eq!(out.into_inner(), expected);
}

#[test]
fn the_family_is_asked_of_the_controller() {
    let mut out = Cursor::new(Vec::new());
    write_get_family(&mut out, 7);
    #[rustfmt::skip]
    let expected = [
        32, 0, 0, 0,  16, 0,  1, 0,  7, 0, 0, 0,  0, 0, 0, 0,
        // CTRL_CMD_GETFAMILY
        3, 1, 0, 0,
        // CTRL_ATTR_FAMILY_NAME, three bytes of padding
        9, 0, 2, 0,  b'I', b'P', b'V', b'S', 0,  0, 0, 0,
    ];
    assert_eq!(out.into_inner(), expected);
}

/// The kernel's description of a virtual server: what no one has chosen is there
/// too, the HASHED flag, a timeout without persistence, and statistics.
#[rustfmt::skip]
const SERVICE_REPORTED: [u8; 116] = [
    // genlmsghdr: IPVS_CMD_NEW_SERVICE
    1, 1, 0, 0,
    // CMD_ATTR_SERVICE; this kernel does not mark what is nested
    112, 0, 1, 0,
    6, 0,  1, 0,  2, 0,   0, 0,
    6, 0,  2, 0,  6, 0,   0, 0,
    20, 0, 3, 0,  10, 0, 0, 1,  0, 0, 0, 0,  0, 0, 0, 0,  0, 0, 0, 0,
    6, 0,  4, 0,  0, 80,  0, 0,
    8, 0,  6, 0,  b'w', b'l', b'c', 0,
    12, 0, 7, 0,  0x02, 0, 0, 0,  0xff, 0xff, 0xff, 0xff,
    8, 0,  8, 0,  0x68, 0x01, 0, 0,
    8, 0,  9, 0,  255, 255, 255, 255,
    // STATS with CONNS, and STATS64 with a CONNS of its own
    12, 0, 10, 0x80,  8, 0, 1, 0,  5, 0, 0, 0,
    16, 0, 12, 0x80,  12, 0, 1, 0,  5, 0, 0, 0,  0, 0, 0, 0,
];

#[test]
fn reads_a_service() {
    let entry = Entry {
        service: plain("wlc"),
        destinations: Default::default(),
    };
    let expected = Described::Service(service_key(), entry);
    assert_eq!(read(&SERVICE_REPORTED, Family::V4), Ok(expected));
}

#[test]
fn a_netmask_with_holes_is_read_as_it_is() {
    let mut bytes = SERVICE_REPORTED;
    let flags = 4 + 4 + 44 + 8 + 4;
    bytes[flags] = 0x03;
    bytes[flags + 16..][..4].copy_from_slice(&[8, 0, 9, 0]);
    bytes[flags + 20..][..4].copy_from_slice(&[255, 0, 255, 0]);
    let Ok(Described::Service(_, entry)) = read(&bytes, Family::V4) else {
        panic!("a service");
    };
    let persistence = entry.service.persistence.unwrap();
    assert_eq!(persistence.timeout, 360);
    assert_eq!(persistence.granularity, netmask("255.0.255.0"));
}

#[test]
fn a_service_of_another_protocol_has_no_name() {
    let mut bytes = SERVICE_REPORTED;
    bytes[8 + 8 + 4] = 50;
    assert_eq!(read(&bytes, Family::V4), Ok(Described::Unnamed));
}

#[test]
fn reads_a_destination_of_an_old_kernel() {
    #[rustfmt::skip]
    let bytes = [
        5, 1, 0, 0,
        64, 0, 2, 0,
        20, 0, 1, 0,  10, 0, 0, 7, 0, 0, 0, 0,  0, 0, 0, 0,  0, 0, 0, 0,
        6, 0,  2, 0,  0x1f, 0x90,  0, 0,
        8, 0,  3, 0,  2, 0, 0, 0,
        8, 0,  4, 0,  1, 0, 0, 0,
        8, 0,  5, 0,  0, 0, 0, 0,
        8, 0,  6, 0,  0, 0, 0, 0,
    ];
    let destination = weighted(ForwardingMethod::Tunnel(TunnelType::Ipip), 1);
    let expected = Described::Destination(server_key(), destination);
    assert_eq!(read(&bytes, Family::V4), Ok(expected));
}

/// What is written is read as the same, also what the kernel may not take.
#[test]
fn reads_what_it_writes() {
    let methods = [
        ForwardingMethod::Nat,
        ForwardingMethod::DirectRouting,
        ForwardingMethod::Tunnel(TunnelType::Ipip),
        ForwardingMethod::Tunnel(TunnelType::Gue { port: 1, flags: 3 }),
        ForwardingMethod::Tunnel(TunnelType::Gre { flags: 1 }),
        ForwardingMethod::Other(4),
    ];
    for address in ["192.0.2.1", "2001:db8::2"] {
        let server = DestinationKey {
            address: address.parse().unwrap(),
            port: 443,
        };
        for method in methods {
            let destination = weighted(method, 65535);
            let op = IpvsOp::NewDestination(service_key(), server, destination);
            let bytes = written(false, &op);
            // Past the headers and the virtual server's key.
            let mut payload = bytes[16..20].to_vec();
            payload.extend(&bytes[20 + 48..]);
            let expected = Described::Destination(server, destination);
            assert_eq!(read(&payload, Family::V4), Ok(expected));
        }
    }
    for mask in ["0.0.0.0", "128.0.0.0", "255.0.0.255", "255.255.255.255"] {
        let service = Service {
            persistence: Some(Persistence {
                timeout: 1,
                granularity: netmask(mask),
                engine: None,
            }),
            ..plain("twos")
        };
        let bytes = written(false, &IpvsOp::NewService(service_key(), service.clone()));
        let Ok(Described::Service(key, entry)) = read(&bytes[16..], Family::V4) else {
            panic!("a service");
        };
        assert_eq!((key, entry.service), (service_key(), service));
    }
}

/// Nothing that can be done to a message makes reading it panic.
#[test]
fn mangled_messages_are_refused_or_read_but_do_not_panic() {
    let destination = weighted(ForwardingMethod::Tunnel(TunnelType::Gre { flags: 0 }), 1);
    let op = IpvsOp::NewDestination(service_key(), server_key(), destination);
    for message in [&SERVICE_REPORTED[..], &written(false, &op)[16..]] {
        for length in 0..message.len() {
            let _ = read(&message[..length], Family::V6);
            let _ = read_family_id(&message[..length]);
        }
        let mut mangled = message.to_vec();
        for at in 0..message.len() {
            for value in 0..=255 {
                mangled[at] = value;
                let _ = read(&mangled, Family::V4);
                let _ = read_family_id(&mangled);
            }
            mangled[at] = message[at];
        }
    }
}
