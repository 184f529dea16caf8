//! Instances, sync groups and mail for people.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::age;
use crate::daemon::core::report::{
    GroupStatus, InstanceStatus, MailQueueStatus, PacketsStatus, Status,
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
        configured_priority,
        ..
    } = instance;
    let priority = match instance.priority {
        Some(priority) if priority != *configured_priority => {
            format!("priority {priority} (configured {configured_priority})")
        }
        _ => format!("priority {configured_priority}"),
    };
    let _ = writeln!(
        text,
        "VRRP {name} {state}  {interface} VRID {vrid} version {version}, {priority}{}",
        since(instance.age, &instance.why)
    );
    for address in &instance.addresses {
        let _ = writeln!(text, "  {} on {}", address.address, address.interface);
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
        plain_packets(text, packets);
    }
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
        "  master {} times, {} gratuitous ARPs",
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
    use crate::daemon::core::report::{AddressStatus, MasterStatus};

    fn instance() -> InstanceStatus {
        InstanceStatus {
            name: "VI_1".into(),
            state: "BACKUP".into(),
            age: 75.0,
            why: Some("start".into()),
            interface: "eth0".into(),
            vrid: 51,
            version: 2,
            configured_priority: 100,
            priority: Some(100),
            group: None,
            addresses: vec![AddressStatus {
                address: "10.0.0.80/24".into(),
                interface: "eth0".into(),
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
            "VRRP VI_1 BACKUP  eth0 VRID 51 version 2, priority 100, for 75 s: start\n\
             \x20 10.0.0.80/24 on eth0\n\
             \x20 master 10.0.0.2 with priority 200, heard 0.4 s ago\n\
             \x20 adverts: 0 sent, 75 received (1 of a master that stopped), dropped: 3 password, 1 ttl\n\
             \x20 master 0 times, 0 gratuitous ARPs\n"
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
        let expected =
            "VRRP VI_1 BACKUP  eth0 VRID 51 version 2, priority 100\n  10.0.0.80/24 on eth0\n";
        assert_eq!(text, expected);
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
