//! The messages on the wire.

use std::net::{IpAddr, Ipv4Addr};

use ipvsd::vrrp::input::Received;
use ipvsd::vrrp::packet::{Datagram, Form, Message, WireAuthentication};
use ipvsd::vrrp::settings::{Authentication, Password, VirtualAddress};
use ipvsd::vrrp::{AdvertInterval, Priority, State, Version, Vrid};
use proptest::prelude::*;

use crate::bench::{Bench, GROUP, Packet, address, envelope, instance};
use crate::pcap;

/// What keepalived has sent, and what this crate sends in its place, octet for octet.
fn same_as_keepalived(capture: &[u8], version: Version, priorities: &[u8]) -> Vec<Message> {
    let adverts = pcap::adverts(capture);
    let messages: Vec<Message> = adverts
        .iter()
        .map(|datagram| {
            let datagram = Datagram::parse(Received::V4(datagram)).unwrap();
            assert_eq!(datagram.ttl, 255);
            assert_eq!(datagram.source, IpAddr::from([10, 0, 0, 5]));
            assert_eq!(datagram.destination, IpAddr::from(GROUP));
            let (source, destination) = (datagram.source, datagram.destination);
            let envelope = envelope(source, destination);
            let message = Message::decode(datagram.message, version, &envelope).unwrap();
            assert_eq!(message.encode(&envelope), datagram.message);
            message
        })
        .collect();
    let found: Vec<u8> = messages.iter().map(|message| message.priority.0).collect();
    assert_eq!(found, priorities);
    messages
}

#[test]
fn version_2_without_a_password() {
    let capture = include_bytes!("vectors/v2-plain.pcap");
    let messages = same_as_keepalived(capture, Version::V2, &[255, 255, 255, 0]);
    let plain = WireAuthentication {
        kind: 0,
        data: Some([0; 8]),
    };
    assert_eq!(
        messages[0].form,
        Form::V2 {
            interval: 1,
            authentication: plain
        }
    );
}

#[test]
fn version_2_with_a_password() {
    let capture = include_bytes!("vectors/v2-pass.pcap");
    let messages = same_as_keepalived(capture, Version::V2, &[255, 255, 255, 0]);
    let Form::V2 { authentication, .. } = messages[0].form else {
        panic!("{messages:?}");
    };
    assert_eq!(authentication.data, Some(*b"1111\0\0\0\0"));
    let addresses = [[10, 0, 0, 50], [10, 0, 0, 51]].map(IpAddr::from);
    assert_eq!(messages[0].addresses, addresses);
}

#[test]
fn version_3_over_ipv4() {
    let capture = include_bytes!("vectors/v3-ipv4.pcap");
    let adverts = pcap::adverts(capture).len();
    let mut priorities = vec![255; adverts - 1];
    priorities.push(0);
    same_as_keepalived(capture, Version::V3, &priorities);
}

/// An instance with the settings of the capture takes keepalived's adverts, and gives
/// way to them.
#[test]
fn an_instance_understands_keepalived() {
    let mut settings = instance(0);
    settings.authentication = Authentication::Pass(Password::new("1111"));
    let prefix_of = |host| VirtualAddress {
        prefix: 24,
        ..address(0, host)
    };
    settings.addresses = vec![prefix_of(50), prefix_of(51)];
    let mut bench = Bench::new(vec![settings], vec![]);
    let mut facts = crate::bench::facts(0);
    facts.addresses = vec![(Ipv4Addr::new(10, 0, 0, 9).into(), 24)];
    bench.interface(0, Some(facts));
    bench.until(10_000);
    assert_eq!(bench.state(0), State::Master);
    for datagram in pcap::adverts(include_bytes!("vectors/v2-pass.pcap")) {
        bench.hear_bytes(0, &datagram);
    }
    assert_eq!(bench.report(0).counters.adverts_received, 4);
    assert_eq!(bench.report(0).counters.releases_received, 1);
    assert_eq!(bench.state(0), State::Backup);
}

fn messages() -> impl Strategy<Value = Message> {
    let form = prop_oneof![
        (
            any::<u8>(),
            any::<u8>(),
            proptest::option::weighted(0.8, any::<[u8; 8]>())
        )
            .prop_map(|(interval, kind, data)| Form::V2 {
                interval,
                authentication: WireAuthentication {
                    // Only where there is none can the data be missing.
                    kind: if data.is_none() { 0 } else { kind },
                    data,
                },
            }),
        (1u16..4096).prop_map(|interval| Form::V3 {
            interval: AdvertInterval::from_centiseconds(interval).unwrap(),
        }),
    ];
    let addresses = proptest::collection::vec(any::<[u8; 4]>().prop_map(IpAddr::from), 0..30);
    (1u8..=255, any::<u8>(), addresses, form).prop_map(|(vrid, priority, addresses, form)| {
        Message {
            vrid: Vrid::new(vrid).unwrap(),
            priority: Priority(priority),
            addresses,
            form,
            trailer: None,
        }
    })
}

proptest! {
    #[test]
    fn decoding_undoes_encoding(message in messages(), source: [u8; 4]) {
        let (source, destination) = (IpAddr::from(source), IpAddr::from(GROUP));
        let envelope = envelope(source, destination);
        let octets = message.encode(&envelope);
        let again = Message::decode(&octets, message.form.version(), &envelope);
        prop_assert_eq!(again, Ok(message));
    }

    #[test]
    fn no_octets_are_too_much(octets in proptest::collection::vec(any::<u8>(), 0..1200)) {
        if let Ok(datagram) = Datagram::parse(Received::V4(&octets)) {
            prop_assert!(datagram.message.len() < octets.len());
        }
        for version in [Version::V2, Version::V3] {
            let source = IpAddr::from([10, 0, 0, 1]);
            let _ = Message::decode(&octets, version, &envelope(source, GROUP.into()));
        }
    }

    #[test]
    fn a_flipped_bit_or_a_missing_end_is_noticed(bit in 0usize..40 * 8, end in 0usize..40) {
        let good = Packet::new(0, [10, 0, 0, 6].into(), 200).datagram();
        let mut bench = Bench::new(vec![instance(0)], vec![]);
        let mut bad = good.clone();
        bad[bit / 8] ^= 0x80 >> (bit % 8);
        bench.hear_bytes(0, &bad);
        // The kernel looks at the IP header's checksum. Of that header only version,
        // length, fragment, TTL, protocol and destination are looked at here.
        let heard = bench.report(0).counters.adverts_received == 1;
        let is_ignored = matches!(bit / 8, 1 | 4 | 5 | 10..16) || bit == 6 * 8 || bit == 6 * 8 + 1;
        prop_assert_eq!(heard, is_ignored);
        let before = bench.report(0).counters.adverts_received;
        bench.hear_bytes(0, &good[..end]);
        prop_assert_eq!(bench.report(0).counters.adverts_received, before);
    }

    #[test]
    fn a_router_survives_anything(
        packets in proptest::collection::vec((0u32..5, proptest::collection::vec(any::<u8>(), 0..80)), 0..30)
    ) {
        let mut bench = Bench::new(vec![instance(0)], vec![]);
        let wake = bench.router.wake();
        for (at, (interface, octets)) in packets.iter().enumerate() {
            // Half of them with a head that is right.
            let mut datagram = octets.clone();
            if at % 2 == 0 {
                datagram = crate::bench::ip([10, 0, 0, 6].into(), GROUP, 255, octets);
            }
            bench.router.handle(
                ipvsd::vrrp::Input::Packet { interface: *interface, packet: Received::V4(&datagram) },
                bench.now,
            );
        }
        bench.drain();
        prop_assert_eq!(bench.state(0), State::Backup);
        prop_assert!(bench.router.wake() <= wake);
    }
}
