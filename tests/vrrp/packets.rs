//! The messages on the wire: what is written is read again, and nothing else is.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipvsd::vrrp::input::Received;
use ipvsd::vrrp::packet::ah::Seal;
use ipvsd::vrrp::packet::hmac::{Sequence, Signer, Trailer};
use ipvsd::vrrp::packet::{Datagram, DropKind, Envelope, Form, Message, WireAuthentication};
use ipvsd::vrrp::settings::{ChecksumForm, Key, Password};
use ipvsd::vrrp::{AdvertInterval, Priority, State, Version, Vrid};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use crate::bench::{Bench, GROUP, Packet, envelope, instance};

#[test]
fn every_reason_to_drop_a_packet_is_in_the_documentation() {
    let page = include_str!("../../docs/protocol.md");
    let kinds = (0u8..).map_while(|number| postcard::from_bytes::<DropKind>(&[number]).ok());
    let names: Vec<&str> = kinds.map(DropKind::name).collect();
    assert!(names.contains(&"length") && names.contains(&"unknown-vrid"));
    for name in names {
        assert!(page.contains(&format!("`{name}`")), "{name}");
    }
}

fn forms(is_v6: bool) -> BoxedStrategy<Form> {
    let version_3 = (1u16..4096).prop_map(|interval| Form::V3 {
        interval: AdvertInterval::from_centiseconds(interval).unwrap(),
    });
    if is_v6 {
        return version_3.boxed();
    }
    let data = option::weighted(0.8, any::<[u8; 8]>());
    let version_2 = (any::<u8>(), any::<u8>(), data).prop_map(|(interval, kind, data)| Form::V2 {
        interval,
        authentication: WireAuthentication {
            // Only where there is none can the data be missing.
            kind: if data.is_none() { 0 } else { kind },
            data,
        },
    });
    prop_oneof![version_2, version_3].boxed()
}

fn addresses(is_v6: bool) -> BoxedStrategy<IpAddr> {
    if is_v6 {
        any::<[u8; 16]>().prop_map(IpAddr::from).boxed()
    } else {
        any::<[u8; 4]>().prop_map(IpAddr::from).boxed()
    }
}

fn checksums() -> impl Strategy<Value = ChecksumForm> {
    prop::sample::select(ChecksumForm::ALL.to_vec())
}

fn trailers() -> impl Strategy<Value = Trailer> {
    (any::<u8>(), any::<u64>(), any::<[u8; 16]>()).prop_map(|(key, sequence, tag)| Trailer {
        key,
        sequence: Sequence(sequence),
        tag,
    })
}

/// Messages of every form, and what belongs to their checksum.
fn messages() -> impl Strategy<Value = (Message, Envelope)> {
    any::<bool>().prop_flat_map(|is_v6| {
        let message = (
            1u8..=255,
            any::<u8>(),
            vec(addresses(is_v6), 0..30),
            forms(is_v6),
            option::of(trailers()),
        );
        let message = message.prop_map(|(vrid, priority, addresses, form, trailer)| {
            let has_data = |form| {
                !matches!(
                    form,
                    Form::V2 {
                        authentication: WireAuthentication { data: None, .. },
                        ..
                    }
                )
            };
            Message {
                vrid: Vrid::new(vrid).unwrap(),
                priority: Priority(priority),
                addresses,
                form,
                // Behind the authentication data only.
                trailer: trailer.filter(|_| has_data(form)),
            }
        });
        let envelope = (addresses(is_v6), addresses(is_v6), checksums()).prop_map(
            |(source, destination, checksum)| Envelope {
                source,
                destination,
                checksum,
            },
        );
        (message, envelope)
    })
}

proptest! {
    #[test]
    fn decoding_undoes_encoding((message, envelope) in messages()) {
        let octets = message.encode(&envelope);
        let version = message.form.version();
        let again = Message::decode(&octets, version, &envelope);
        prop_assert_eq!(again, Ok(message));
        let other = match version {
            Version::V2 => Version::V3,
            Version::V3 => Version::V2,
        };
        prop_assert!(Message::decode(&octets, other, &envelope).is_err());
    }

    /// The one thing that is not kept of what has been read: reserved bits.
    #[test]
    fn encoding_undoes_decoding(
        octets in vec(any::<u8>(), 0..200),
        (message, envelope) in messages(),
        flips in vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        is_own in any::<bool>(),
    ) {
        let mut octets = if is_own { message.encode(&envelope) } else { octets };
        for (at, flip) in flips {
            if !octets.is_empty() {
                let at = at.index(octets.len());
                octets[at] ^= flip;
            }
        }
        for version in [Version::V2, Version::V3] {
            if let Ok(message) = Message::decode(&octets, version, &envelope) {
                let again = message.encode(&envelope);
                if version == Version::V3 && octets[4] & 0xf0 != 0 {
                    prop_assert_eq!(Message::decode(&again, version, &envelope), Ok(message));
                } else {
                    // There are two zeroes in a sum of ones' complements.
                    prop_assert_eq!(&again[..6], &octets[..6]);
                    prop_assert_eq!(&again[8..], &octets[8..]);
                }
            }
        }
    }

    #[test]
    fn a_signature_holds_for_its_message_sender_and_key(
        (mut message, envelope) in messages(),
        key in vec(any::<u8>(), 32..=64),
        other in vec(any::<u8>(), 32..=64),
        sequence: u64,
        flip in (any::<prop::sample::Index>(), 0u8..8),
    ) {
        prop_assume!(key != other);
        if let Form::V2 { authentication, .. } = &mut message.form {
            authentication.data = Some([0; 8]);
        }
        let (key, other) = (Key(key), Key(other));
        message.sign(envelope.source, 7, &key, Sequence(sequence));
        let octets = message.encode(&envelope);
        let version = message.form.version();
        let signer = Signer { version, vrid: message.vrid, source: envelope.source };
        prop_assert!(signer.is_genuine(&octets, &key));
        prop_assert!(!signer.is_genuine(&octets, &other));
        prop_assert!(!signer.is_genuine(&octets[..octets.len() - 1], &key));
        let elsewhere = Signer { source: Ipv4Addr::new(192, 0, 2, 1).into(), ..signer };
        prop_assert!(!elsewhere.is_genuine(&octets, &key));

        let mut changed = octets.clone();
        let at = flip.0.index(octets.len());
        changed[at] ^= 1 << flip.1;
        // The checksum is none of its business.
        prop_assert_eq!(signer.is_genuine(&changed, &key), matches!(at, 6 | 7));
    }

    #[test]
    fn a_seal_holds_for_its_datagram_and_key(
        message in vec(any::<u8>(), 0..200),
        source: [u8; 4],
        destination: [u8; 4],
        (ttl, id, sequence) in (any::<u8>(), any::<u16>(), any::<u32>()),
        key: [u8; 8],
        is_unicast: bool,
        flip in (any::<prop::sample::Index>(), 0u8..8),
    ) {
        let (source, destination) = (Ipv4Addr::from(source), Ipv4Addr::from(destination));
        let seal = Seal { source, destination, ttl, id, sequence, is_unicast };
        let octets = seal.around(&message, Password(key));
        let datagram = Datagram::parse(Received::V4(&octets)).unwrap();
        let header = datagram.authentication.unwrap();
        prop_assert_eq!(datagram.source, IpAddr::from(source));
        prop_assert_eq!(datagram.destination, IpAddr::from(destination));
        prop_assert_eq!(datagram.ttl, ttl);
        prop_assert_eq!(datagram.message, &message[..]);
        prop_assert_eq!(header.spi, source.to_bits());
        prop_assert_eq!(header.sequence, sequence);
        prop_assert!(header.is_genuine(Password(key), is_unicast));
        let mut other = key;
        other[0] ^= 1;
        prop_assert!(!header.is_genuine(Password(other), is_unicast));

        let mut changed = octets.clone();
        let at = flip.0.index(octets.len());
        changed[at] ^= 1 << flip.1;
        // What routers may change on the way, where there may be some.
        let is_mutable = matches!(at, 1 | 6 | 7 | 10 | 11) || at == 8 && is_unicast;
        if let Ok(datagram) = Datagram::parse(Received::V4(&changed))
            && let Some(header) = datagram.authentication
        {
            prop_assert_eq!(header.is_genuine(Password(key), is_unicast), is_mutable);
        }
    }

    #[test]
    fn no_octets_are_too_much(octets in vec(any::<u8>(), 0..1200)) {
        if let Ok(datagram) = Datagram::parse(Received::V4(&octets)) {
            prop_assert!(datagram.message.len() < octets.len());
        }
        let sources = [IpAddr::from([10, 0, 0, 1]), Ipv6Addr::LOCALHOST.into()];
        for version in [Version::V2, Version::V3] {
            for source in sources {
                let _ = Message::decode(&octets, version, &envelope(source, GROUP.into()));
            }
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
        packets in vec((0u32..5, vec(any::<u8>(), 0..80)), 0..30)
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
