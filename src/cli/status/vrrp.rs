//! Instances, sync groups and mail for people.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::age;
use super::timing::short;
use crate::daemon::core::report::{
    AddressStatus, AdvertLatenessStatus, GroupStatus, InstanceStatus, MailQueueStatus,
    PacketsStatus, SigningStatus, Status,
};

/// The instances, the groups, and what is heard that belongs to none.
pub fn plain(text: &mut String, status: &Status) {
    for instance in &status.instances {
        text.push('\n');
        plain_instance(text, instance);
    }
    if !status.groups.is_empty() {
        text.push('\n');
    }
    for group in &status.groups {
        plain_group(text, group);
    }
    for (interface, kinds) in &status.foreign_packets {
        let _ = writeln!(
            text,
            "\nVRRP packets on {interface} that belong to no instance: {}",
            list(kinds)
        );
    }
}

fn plain_instance(text: &mut String, instance: &InstanceStatus) {
    let InstanceStatus {
        name,
        state,
        interface,
        vrid,
        version,
        family,
        configured_priority,
        ..
    } = instance;
    let family = match family.as_str() {
        "ipv6" => "IPv6",
        _ => "IPv4",
    };
    let priority = match instance.priority {
        Some(priority) if priority != *configured_priority => {
            format!("priority {priority} (configured {configured_priority})")
        }
        _ => format!("priority {configured_priority}"),
    };
    let _ = writeln!(
        text,
        "VRRP {name} {state}  {interface} VRID {vrid} version {version} {family}, {priority}{}",
        since(instance.age, &instance.why)
    );
    for address in &instance.addresses {
        plain_address(text, address);
    }
    plain_delivery(text, instance);
    if let Some(delay) = instance.delay {
        let _ = writeln!(
            text,
            "  does not become master in the next {}: its start is delayed",
            age(delay)
        );
    }
    if let Some(master) = &instance.master {
        let _ = writeln!(
            text,
            "  master {} with priority {}, heard {} ago",
            master.address,
            master.priority,
            age(master.heard_age)
        );
    }
    if let Some(packets) = &instance.packets {
        plain_packets(text, packets, instance.lateness.as_ref());
    }
}

fn plain_address(text: &mut String, address: &AddressStatus) {
    let advertised = match address.advertised {
        true => "",
        false => " (in no advert)",
    };
    let here = match address.here {
        Some(true) => ", here",
        Some(false) => ", not here",
        None => "",
    };
    let _ = writeln!(
        text,
        "  {} on {}{advertised}{here}",
        address.address, address.interface
    );
}

fn plain_delivery(text: &mut String, instance: &InstanceStatus) {
    let destinations = match instance.destinations.is_empty() {
        true => "nobody".to_owned(),
        false => instance.destinations.join(", "),
    };
    let authentication = match instance.authentication.as_str() {
        "none" => String::new(),
        "pass" => ", with a password".to_owned(),
        "ah" => ", with an authentication header".to_owned(),
        "hmac" => instance.signing.as_ref().map_or_else(String::new, signing),
        other => format!(", {other}"),
    };
    let learned = match instance.learned_interval {
        Some(learned) => format!(" (the master's: {learned} s)"),
        None => String::new(),
    };
    let _ = writeln!(
        text,
        "  an advert every {} s{learned} by {} to {destinations}{authentication}",
        instance.configured_interval, instance.delivery
    );
}

fn signing(signing: &SigningStatus) -> String {
    let key = signing.active_key;
    match signing.mode.as_str() {
        "enforce" => format!(", signed with key {key}"),
        "receive-only" => ", not signed yet (receive-only)".to_owned(),
        mode => format!(", signed with key {key} ({mode})"),
    }
}

fn plain_packets(
    text: &mut String,
    packets: &PacketsStatus,
    lateness: Option<&AdvertLatenessStatus>,
) {
    let late = match lateness {
        Some(AdvertLatenessStatus { worst, late: 0 }) if *worst > 0.0 => {
            format!(" (at worst {} late)", short(*worst))
        }
        Some(AdvertLatenessStatus { worst, late }) if *late > 0 => format!(
            " ({late} late by more than half an interval, at worst by {})",
            short(*worst)
        ),
        _ => String::new(),
    };
    let special = [
        (packets.releases_received, "of a master that stopped"),
        (packets.unsigned_received, "not signed"),
    ];
    let special = special.iter().filter(|(count, _)| *count > 0);
    let special: Vec<_> = special
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
    let special = match special.is_empty() {
        true => String::new(),
        false => format!(" ({})", special.join(", ")),
    };
    let dropped = match packets.dropped.is_empty() {
        true => String::new(),
        false => format!(", dropped: {}", list(&packets.dropped)),
    };
    let _ = writeln!(
        text,
        "  adverts: {} sent{late}, {} received{special}{dropped}",
        packets.adverts_sent, packets.adverts_received
    );
    let _ = writeln!(
        text,
        "  master {} times, {} announcements of addresses",
        packets.became_master, packets.announcements_sent
    );
}

fn plain_group(text: &mut String, group: &GroupStatus) {
    let _ = writeln!(
        text,
        "VRRP group {} {}  {}{}",
        group.name,
        group.state,
        group.members.join(" "),
        since(group.age, &group.why)
    );
}

fn since(seconds: f64, why: &Option<String>) -> String {
    match why {
        Some(why) => format!(", for {}: {why}", age(seconds)),
        None => String::new(),
    }
}

/// `3 password, 1 ttl`.
fn list(kinds: &BTreeMap<String, u64>) -> String {
    let kinds = kinds.iter().map(|(kind, count)| format!("{count} {kind}"));
    kinds.collect::<Vec<_>>().join(", ")
}

/// The mails, in one line.
pub fn plain_mail(text: &mut String, mail: &MailQueueStatus) {
    let _ = write!(text, "mail: {} wait", mail.waiting);
    if let (Some(sent), Some(dropped)) = (mail.sent, mail.dropped) {
        let _ = write!(text, ", {sent} sent, {dropped} dropped");
    }
    if let Some(trouble) = &mail.trouble {
        let _ = write!(text, "; {trouble}");
    }
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::core::report::MasterStatus;

    fn instance() -> InstanceStatus {
        InstanceStatus {
            name: "VI_1".into(),
            state: "BACKUP".into(),
            age: 75.0,
            why: Some("start".into()),
            delay: None,
            interface: "eth0".into(),
            vrid: 51,
            version: 2,
            family: "ipv4".into(),
            delivery: "multicast".into(),
            destinations: vec!["224.0.0.18".into()],
            authentication: "pass".into(),
            signing: None,
            configured_interval: 1.0,
            learned_interval: None,
            configured_priority: 100,
            priority: Some(100),
            group: None,
            addresses: vec![AddressStatus {
                address: "10.0.0.80/24".into(),
                interface: "eth0".into(),
                advertised: true,
                here: Some(false),
            }],
            master: Some(MasterStatus {
                address: "10.0.0.2".into(),
                priority: 200,
                heard_age: 0.4,
            }),
            packets: Some(PacketsStatus {
                adverts_sent: 0,
                adverts_received: 75,
                releases_received: 1,
                unsigned_received: 0,
                became_master: 0,
                announcements_sent: 0,
                dropped: BTreeMap::from([("password".into(), 3), ("ttl".into(), 1)]),
            }),
            lateness: None,
        }
    }

    #[test]
    fn an_instance_is_told_with_what_decides_its_state() {
        let mut text = String::new();
        plain_instance(&mut text, &instance());
        assert_eq!(
            text,
            "VRRP VI_1 BACKUP  eth0 VRID 51 version 2 IPv4, priority 100, for 75 s: start\n\
             \x20 10.0.0.80/24 on eth0, not here\n\
             \x20 an advert every 1 s by multicast to 224.0.0.18, with a password\n\
             \x20 master 10.0.0.2 with priority 200, heard 0.4 s ago\n\
             \x20 adverts: 0 sent, 75 received (1 of a master that stopped), dropped: 3 password, 1 ttl\n\
             \x20 master 0 times, 0 announcements of addresses\n"
        );
    }

    #[test]
    fn what_the_process_does_not_tell_is_left_out() {
        let mut text = String::new();
        let silent = InstanceStatus {
            priority: None,
            master: None,
            packets: None,
            why: None,
            ..instance()
        };
        plain_instance(&mut text, &silent);
        assert_eq!(
            text,
            "VRRP VI_1 BACKUP  eth0 VRID 51 version 2 IPv4, priority 100\n\
             \x20 10.0.0.80/24 on eth0, not here\n\
             \x20 an advert every 1 s by multicast to 224.0.0.18, with a password\n"
        );
    }

    #[test]
    fn what_is_not_as_it_should_be_is_told_where_it_is() {
        let text = |instance: &InstanceStatus| {
            let mut text = String::new();
            plain_instance(&mut text, instance);
            text
        };
        let mut instance = InstanceStatus {
            learned_interval: Some(0.25),
            destinations: vec!["10.0.0.2".into(), "10.0.0.3".into()],
            delivery: "unicast".into(),
            authentication: "hmac".into(),
            signing: Some(SigningStatus {
                mode: "permissive".into(),
                active_key: 2,
            }),
            lateness: Some(AdvertLatenessStatus {
                worst: 0.0004,
                late: 0,
            }),
            ..instance()
        };
        if let Some(packets) = &mut instance.packets {
            packets.unsigned_received = 12;
            packets.dropped = BTreeMap::from([("stale".into(), 7)]);
        }
        let told = text(&instance);
        let expected = "  an advert every 1 s (the master's: 0.25 s) by unicast to 10.0.0.2, \
                        10.0.0.3, signed with key 2 (permissive)\n";
        assert!(told.contains(expected), "{told}");
        let expected = "  adverts: 0 sent (at worst 0.4 ms late), 75 received (1 of a master \
                        that stopped, 12 not signed), dropped: 7 stale\n";
        assert!(told.contains(expected), "{told}");
        instance.delay = Some(2.5);
        let expected = "  does not become master in the next 2.5 s";
        assert!(text(&instance).contains(expected));
        instance.lateness = Some(AdvertLatenessStatus {
            worst: 1.5,
            late: 3,
        });
        let expected = "sent (3 late by more than half an interval, at worst by 1.5 s), 75";
        assert!(text(&instance).contains(expected));
    }

    #[test]
    fn an_address_says_where_it_is_and_what_it_is_in() {
        let of = |advertised, here| {
            let mut text = String::new();
            let address = AddressStatus {
                address: "fd00::80/64".into(),
                interface: "eth1".into(),
                advertised,
                here,
            };
            plain_address(&mut text, &address);
            text
        };
        assert_eq!(of(true, Some(true)), "  fd00::80/64 on eth1, here\n");
        assert_eq!(of(true, None), "  fd00::80/64 on eth1\n");
        assert_eq!(
            of(false, Some(false)),
            "  fd00::80/64 on eth1 (in no advert), not here\n"
        );
    }

    #[test]
    fn the_mail_is_one_line() {
        let mut text = String::new();
        let mail = MailQueueStatus {
            waiting: 2,
            sent: Some(31),
            dropped: Some(0),
            trouble: Some("10.0.0.100:25: connection refused".into()),
        };
        plain_mail(&mut text, &mail);
        let silent = MailQueueStatus {
            sent: None,
            trouble: None,
            ..mail
        };
        plain_mail(&mut text, &silent);
        assert_eq!(
            text,
            "mail: 2 wait, 31 sent, 0 dropped; 10.0.0.100:25: connection refused\nmail: 2 wait\n"
        );
    }
}
