//! An instance sends what keepalived sends.

use std::time::Duration;

use ipvsd::family::Family;
use ipvsd::vrrp::input::{Content, Input, Received};
use ipvsd::vrrp::packet::{Datagram, Form, Message, WireAuthentication};
use ipvsd::vrrp::settings::{Authentication, Delivery, Password, Unicast};
use ipvsd::vrrp::{Priority, Version};

use super::{Host, base, facts, peer, vectors};

#[test]
fn each_message_is_what_it_says_and_is_written_again_octet_for_octet() {
    for vector in vectors() {
        let mut priorities = Vec::new();
        for captured in &vector.adverts {
            let datagram = Datagram::parse(captured.received()).unwrap();
            assert_eq!(datagram.ttl, 255);
            let envelope = vector.envelope(&datagram);
            let version = vector.settings.version;
            let message = Message::decode(datagram.message, version, &envelope).unwrap();
            assert_eq!(
                message.encode(&envelope),
                datagram.message,
                "{}",
                vector.name
            );
            assert!(
                message
                    .addresses
                    .iter()
                    .copied()
                    .eq(vector.settings.advertised())
            );
            priorities.push(message.priority.0);
        }
        let stop = priorities.pop();
        assert_eq!(stop, Some(0), "{}", vector.name);
        assert!(priorities.len() >= 3, "{}", vector.name);
        assert!(priorities.iter().all(|priority| *priority == 255));
    }
}

#[test]
fn version_2_has_a_place_for_a_password() {
    let data = |name| {
        let vectors = vectors();
        let vector = vectors.iter().find(|vector| vector.name == name).unwrap();
        let datagram = Datagram::parse(vector.adverts[0].received()).unwrap();
        let envelope = vector.envelope(&datagram);
        match Message::decode(datagram.message, Version::V2, &envelope) {
            Ok(Message {
                form: Form::V2 { authentication, .. },
                ..
            }) => authentication,
            other => panic!("{other:?}"),
        }
    };
    let of = |kind, data| WireAuthentication {
        kind,
        data: Some(data),
    };
    assert_eq!(data("v2-plain"), of(0, [0; 8]));
    assert_eq!(data("v2-pass"), of(1, *b"1111\0\0\0\0"));
    assert_eq!(data("v2-ah"), of(2, [0; 8]));
    assert_eq!(data("v2-hmac-time"), of(0, [0; 8]));
}

/// The time that a sequence stands for.
fn time_of(message: &Message) -> Option<Duration> {
    let sequence = message.trailer?.sequence.0;
    let fraction = (sequence >> 16) & 0xffff;
    assert_eq!(sequence & 0xffff, 0);
    let nanoseconds = (fraction * 1_000_000_000).div_ceil(1 << 16);
    Some(Duration::new(sequence >> 32, nanoseconds as u32))
}

#[test]
fn an_instance_sends_what_keepalived_has_sent() {
    for vector in vectors() {
        let mut host = Host::new(vector.settings.clone());
        let last = vector.adverts.len() - 1;
        for (number, captured) in vector.adverts.iter().enumerate() {
            let theirs = Datagram::parse(captured.received()).unwrap();
            let envelope = vector.envelope(&theirs);
            let version = vector.settings.version;
            let message = Message::decode(theirs.message, version, &envelope).unwrap();
            if let Some(time) = time_of(&message) {
                host.set_wall_clock(time);
            }
            if theirs.authentication.is_some() && number == 0 {
                // keepalived's counter begins at 0, this one at the seconds of the clock,
                // of which there are 32 bits.
                host.set_wall_clock(Duration::from_secs(1 << 32));
            }
            match number {
                0 => host.interface(facts(5)),
                _ if number == last => host.router.handle(Input::Stop, host.now),
                _ => {
                    host.now = host.now + vector.settings.advert_interval.as_duration();
                    if let Some(time) = time_of(&message) {
                        host.set_wall_clock(time);
                    }
                    host.router.on_time(host.now);
                }
            }
            let ours = host.sent();
            let [ours] = &ours[..] else {
                panic!("{} {number}: {ours:?}", vector.name);
            };
            let expected = match theirs.authentication {
                Some(_) => Content::Datagram(captured.datagram.clone()),
                None => Content::Message {
                    octets: theirs.message.to_vec(),
                    ttl: theirs.ttl,
                },
            };
            assert_eq!(ours.content, expected, "{} {number}", vector.name);
            assert_eq!(ours.source, theirs.source);
            assert_eq!(ours.destination, theirs.destination);
        }
    }
}

/// keepalived 2.2.7 to two peers: one number for both, and each its own digest.
#[test]
fn an_authentication_header_to_each_peer_is_keepalived_s() {
    const SENT: [&str; 2] = [
        "45c0004000010000ff33a6c70a0000010a000002700400000a00000100000001176effd38a4c84546fa7a212\
         2133640102016e7a0a0000500000000000000000",
        "45c0004000010000ff33a6650a0000010a000064700400000a0000010000000177f8a99aa876b9ff3ddf7474\
         2133640102016e7a0a0000500000000000000000",
    ];
    let mut settings = base(Family::V4);
    settings.addresses.truncate(1);
    settings.addresses[0].address = [10, 0, 0, 80].into();
    settings.authentication = Authentication::Header(Password::new("secret"));
    settings.delivery = Delivery::Unicast(Unicast {
        peers: vec![peer([10, 0, 0, 2]), peer([10, 0, 0, 100])],
        ttl: 255,
        check_source: false,
    });
    settings.priority = Priority(100);
    let mut host = Host::new(settings.clone());
    host.set_wall_clock(Duration::from_secs((1 << 32) - 4));
    host.interface(facts(1));
    host.now = host.now + Duration::from_secs(4);
    host.router.on_time(host.now);
    let sent: Vec<String> = host
        .sent()
        .iter()
        .map(|advert| hex(&advert.content))
        .collect();
    assert_eq!(sent, SENT.map(str::to_owned));

    // A router between two peers changes the TTL, and nothing that counts.
    let mut host = Host::new(settings);
    host.interface(facts(2));
    let mut octets = unhex(SENT[0]);
    octets[8] = 64;
    host.hear(Received::V4(&octets));
    assert_eq!(host.report().counters.adverts_received, 1);
}

fn hex(content: &Content) -> String {
    let Content::Datagram(octets) = content else {
        panic!("no datagram: {content:?}");
    };
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    let digits = text.as_bytes().chunks(2);
    digits
        .map(|two| u8::from_str_radix(std::str::from_utf8(two).unwrap(), 16).unwrap())
        .collect()
}
