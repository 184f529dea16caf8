//! Instances, sync groups and mail for people.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::age;
use crate::daemon::core::report::{
    AddressStatus, GroupStatus, InstanceStatus, MailQueueStatus, PacketsStatus, Status,
    TimingStatus,
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

/// How the vrrp process is scheduled, and how late it was.
pub fn plain_timing(text: &mut String, timing: &TimingStatus) {
    if let Some(scheduling) = &timing.scheduling {
        let raised = match timing.raised_to {
            Some(_) => " (for being late)",
            None => "",
        };
        let policy = match scheduling.priority {
            0 => scheduling.policy.clone(),
            priority => format!("{} {priority}{raised}", scheduling.policy),
        };
        let memory = match scheduling.locked_memory {
            0 => String::new(),
            bytes => format!(", {} MB kept in memory", bytes >> 20),
        };
        let _ = writeln!(
            text,
            "  scheduled {policy}, nice {}, on processors {}{memory}",
            scheduling.nice,
            ranges(&scheduling.processors)
        );
    }
    if let Some(lateness) = &timing.lateness {
        let times = match lateness.late {
            0 => "never".to_owned(),
            1 => "once".to_owned(),
            n => format!("{n} times"),
        };
        let _ = writeln!(
            text,
            "  at worst {} late, {} in the last minute, {times} by more than half an advert interval",
            short(lateness.worst),
            short(lateness.recent)
        );
    }
}

/// `0-3,7`, as in /proc and in taskset(1).
fn ranges(numbers: &[u16]) -> String {
    let ranges = numbers.chunk_by(|one, next| one.checked_add(1) == Some(*next));
    let ranges = ranges.map(|range| match range {
        [first, .., last] => format!("{first}-{last}"),
        one => one.iter().map(u16::to_string).collect(),
    });
    ranges.collect::<Vec<_>>().join(",")
}

/// A short time in seconds, as people say it.
fn short(seconds: f64) -> String {
    match seconds < 1.0 {
        true => format!("{:.1} ms", seconds * 1000.0),
        false => format!("{seconds:.1} s"),
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
        plain_packets(text, packets);
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
        "hmac" => ", signed".to_owned(),
        other => format!(", {other}"),
    };
    let _ = writeln!(
        text,
        "  an advert every {} s by {} to {destinations}{authentication}",
        instance.configured_interval, instance.delivery
    );
}

fn plain_packets(text: &mut String, packets: &PacketsStatus) {
    let releases = match packets.releases_received {
        0 => String::new(),
        n => format!(" ({n} of a master that stopped)"),
    };
    let dropped = match packets.dropped.is_empty() {
        true => String::new(),
        false => format!(", dropped: {}", list(&packets.dropped)),
    };
    let _ = writeln!(
        text,
        "  adverts: {} sent, {} received{releases}{dropped}",
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
    use crate::daemon::core::report::{LatenessStatus, MasterStatus, SchedulingStatus};

    fn instance() -> InstanceStatus {
        InstanceStatus {
            name: "VI_1".into(),
            state: "BACKUP".into(),
            age: 75.0,
            why: Some("start".into()),
            interface: "eth0".into(),
            vrid: 51,
            version: 2,
            family: "ipv4".into(),
            delivery: "multicast".into(),
            destinations: vec!["224.0.0.18".into()],
            authentication: "pass".into(),
            configured_interval: 1.0,
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
                became_master: 0,
                announcements_sent: 0,
                dropped: BTreeMap::from([("password".into(), 3), ("ttl".into(), 1)]),
            }),
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
    fn the_timing_is_told_as_people_have_configured_it() {
        let mut text = String::new();
        let timing = TimingStatus {
            lateness: Some(LatenessStatus {
                measured: 100,
                worst: 1.25,
                recent: 0.0004,
                late: 1,
            }),
            scheduling: Some(SchedulingStatus {
                policy: "RR".into(),
                priority: 3,
                nice: -10,
                processors: vec![0, 1, 2, 5, 7, 8],
                locked_memory: 29 << 20,
            }),
            raised_to: Some(3),
        };
        plain_timing(&mut text, &timing);
        assert_eq!(
            text,
            "  scheduled RR 3 (for being late), nice -10, on processors 0-2,5,7-8, 29 MB kept in memory\n\
             \x20 at worst 1.2 s late, 0.4 ms in the last minute, once by more than half an advert interval\n"
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
