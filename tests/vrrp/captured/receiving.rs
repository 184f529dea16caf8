//! An instance takes what keepalived sends.

use std::collections::BTreeMap;
use std::time::Duration;

use ipvsd::family::Family;
use ipvsd::vrrp::event::Change;
use ipvsd::vrrp::input::Received;
use ipvsd::vrrp::packet::{Datagram, DropKind, Envelope, Message};
use ipvsd::vrrp::settings::{AntiReplay, Authentication, ChecksumForm, Delivery};
use ipvsd::vrrp::{Priority, State, Version};

use super::{Host, Vector, facts, peer, vectors};

/// A backup, configured like the sender of a capture, that has heard nothing yet.
fn backup(vector: &Vector) -> Host {
    let mut settings = vector.settings.clone();
    settings.priority = Priority(100);
    settings.initial_state = State::Backup;
    if let Delivery::Unicast(unicast) = &mut settings.delivery {
        unicast.peers = vec![peer([10, 0, 0, 5])];
        settings.source = Some([10, 0, 0, 6].into());
    }
    let mut host = Host::new(settings);
    host.interface(facts(6));
    host
}

#[test]
fn an_instance_takes_what_keepalived_has_sent_and_takes_it_once() {
    for vector in vectors() {
        let mut host = backup(&vector);
        for captured in &vector.adverts {
            host.set_wall_clock(captured.time);
            host.hear(captured.received());
        }
        let counters = host.report().counters;
        assert_eq!(counters.dropped, BTreeMap::new(), "{}", vector.name);
        let adverts = vector.adverts.len() as u64;
        assert_eq!(counters.adverts_received, adverts, "{}", vector.name);
        assert_eq!(counters.releases_received, 1);
        assert_eq!(host.report().state, State::Backup);

        // All of them once more.
        for captured in &vector.adverts {
            host.hear(captured.received());
        }
        let replayed = match vector.settings.authentication {
            Authentication::Header(_) | Authentication::Hmac(_) => adverts,
            Authentication::None | Authentication::Pass(_) => 0,
        };
        let dropped = host.dropped().get(&DropKind::Replayed).copied();
        assert_eq!(dropped.unwrap_or(0), replayed, "{}", vector.name);
    }
}

#[test]
fn what_was_signed_long_ago_counts_only_where_time_does_not() {
    for vector in vectors() {
        let Authentication::Hmac(hmac) = &vector.settings.authentication else {
            continue;
        };
        for early in [true, false] {
            let mut host = backup(&vector);
            for captured in &vector.adverts {
                let off = Duration::from_secs(7);
                host.set_wall_clock(match early {
                    true => captured.time - off,
                    false => captured.time + off,
                });
                host.hear(captured.received());
            }
            let stale = host.dropped().get(&DropKind::Stale).copied();
            let adverts = vector.adverts.len() as u64;
            let expected = match hmac.anti_replay {
                AntiReplay::Time { .. } => Some(adverts),
                AntiReplay::Monotonic => None,
            };
            assert_eq!(stale, expected, "{}", vector.name);
        }
    }
}

/// Every capture against every configuration: only its own understands it.
#[test]
fn what_is_configured_otherwise_does_not_count() {
    let mut kinds = BTreeMap::<DropKind, u32>::new();
    for sent in vectors() {
        for configured in vectors() {
            let is_v6 = |vector: &Vector| vector.settings.family == Family::V6;
            let is_unicast = |vector: &Vector| vector.settings.group().is_none();
            if is_v6(&sent) != is_v6(&configured) || is_unicast(&sent) != is_unicast(&configured) {
                continue;
            }
            let mut host = backup(&configured);
            for captured in &sent.adverts {
                host.set_wall_clock(captured.time);
                host.hear(captured.received());
            }
            let counters = host.report().counters;
            let understands = sent.name == configured.name
                // Only how often they come is another, and that version 3 says.
                || sent.name == "v3-ipv4-hmac-time" && configured.name == "v3-ipv4-hmac-monotonic"
                || configured.name == "v3-ipv4-hmac-time" && sent.name == "v3-ipv4-hmac-monotonic";
            let names = format!("{} to {}", sent.name, configured.name);
            assert_eq!(counters.adverts_received > 0, understands, "{names}");
            for kind in counters.dropped.keys() {
                *kinds.entry(*kind).or_default() += 1;
            }
            for change in host.told() {
                if let Change::Dropped { detail, .. } = change {
                    assert!(
                        !detail.contains("secret") && !detail.contains("1111"),
                        "{detail}"
                    );
                    assert!(!detail.contains("abcdefgh"), "{detail}");
                }
            }
        }
    }
    let seen: Vec<DropKind> = kinds.into_keys().collect();
    let expected = [
        DropKind::Version,
        DropKind::ChecksumForm,
        DropKind::AuthenticationType,
        DropKind::Unsigned,
    ];
    assert_eq!(seen, expected);
}

/// Another checksum than ours is named, with the word that makes it ours.
#[test]
fn the_other_checksum_is_named_with_the_word_to_set() {
    let vectors = vectors();
    let find = |name: &'static str| vectors.iter().find(|vector| vector.name == name).unwrap();
    let hint = |sent: &[u8], configured, checksum| {
        let mut vector = find(configured).settings.clone();
        vector.checksum = checksum;
        let mut host = backup(&Vector {
            name: "",
            adverts: Vec::new(),
            settings: vector,
        });
        host.told();
        host.hear(Received::V4(sent));
        match &host.told()[..] {
            [Change::Dropped { kind, detail, .. }] => {
                assert_eq!(*kind, DropKind::ChecksumForm);
                detail.clone()
            }
            other => panic!("{other:?}"),
        }
    };
    use ChecksumForm::{GroupInUnicast, MessageOnly, PseudoHeader};
    let usual = &find("v3-ipv4").adverts[0].datagram;
    let message_only = &find("v3-ipv4-checksum-as-v2").adverts[0].datagram;
    let unicast = &find("v3-unicast").adverts[0];
    let parsed = Datagram::parse(unicast.received()).unwrap();
    let envelope = find("v3-unicast").envelope(&parsed);
    let message = Message::decode(parsed.message, Version::V3, &envelope).unwrap();
    let mut old = unicast.datagram[..20].to_vec();
    old.extend(message.encode(&Envelope {
        checksum: GroupInUnicast,
        ..envelope
    }));

    let said = hint(message_only, "v3-ipv4", PseudoHeader);
    assert!(said.contains("set `v3_checksum_as_v2`"), "{said}");
    let said = hint(usual, "v3-ipv4", MessageOnly);
    assert!(said.contains("take `v3_checksum_as_v2` out"), "{said}");
    let said = hint(&old, "v3-unicast", PseudoHeader);
    assert!(said.contains("set `old_unicast_checksum`"), "{said}");
    let said = hint(&unicast.datagram, "v3-unicast", GroupInUnicast);
    assert!(said.contains("take `old_unicast_checksum` out"), "{said}");
}
