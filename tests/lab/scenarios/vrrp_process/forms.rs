//! Adverts of every form on the wire: families, destinations, authentication, and what
//! becomes of them on the way in.

use std::collections::BTreeMap;
use std::fs;
use std::net::{IpAddr, TcpListener};
use std::time::Duration;

use ipvsd::family::Family;
use ipvsd::vrrp::packet::DropKind;
use ipvsd::vrrp::settings::{
    Authentication, Delivery, InstanceSettings, Password, Peer, Unicast, VirtualAddress,
};
use ipvsd::vrrp::{AdvertInterval, Priority, State, Version, Vrid};

use super::{LONG, routers};
use crate::lab::{Lab, secs, wait_until};
use crate::net::Namespace;
use crate::packet_socket;
use crate::vrrp_child::{VrrpChild, virtual_address};
use crate::wire::{Heard, Wire};

/// What makes an instance's adverts what they are on the wire.
#[derive(Clone, Copy)]
struct Form {
    name: &'static str,
    vrid: u8,
    family: Family,
    version: Version,
    unicast: bool,
    in_header: bool,
    ttl: u8,
}

const PLAIN: Form = Form {
    name: "V2",
    vrid: 51,
    family: Family::V4,
    version: Version::V2,
    unicast: false,
    in_header: false,
    ttl: 255,
};

#[rustfmt::skip]
const FORMS: [Form; 8] = [
    PLAIN,
    Form { name: "V3", vrid: 52, version: Version::V3, ..PLAIN },
    // The same number as an IPv4 one: they have nothing to do with each other.
    Form { name: "V6", vrid: 52, version: Version::V3, family: Family::V6, ..PLAIN },
    Form { name: "V3_UNICAST", vrid: 53, version: Version::V3, unicast: true, ttl: 64, ..PLAIN },
    Form { name: "V6_UNICAST", vrid: 53, version: Version::V3, family: Family::V6, unicast: true, ..PLAIN },
    Form { name: "V2_UNICAST", vrid: 54, unicast: true, ..PLAIN },
    Form { name: "AH", vrid: 55, in_header: true, ..PLAIN },
    Form { name: "AH_UNICAST", vrid: 56, in_header: true, unicast: true, ttl: 200, ..PLAIN },
];

/// Those of every host that there is.
const HOSTS: [u8; 3] = [1, 2, 3];

impl Form {
    fn address_of(self, host: u8) -> IpAddr {
        match self.family {
            Family::V4 => [10, 0, 0, host].into(),
            Family::V6 => [0xfd00, 0, 0, 0, 0, 0, 0, u16::from(host)].into(),
        }
    }

    fn peers_of(self, host: u8) -> Vec<IpAddr> {
        let others = HOSTS.into_iter().filter(|other| *other != host);
        others.map(|other| self.address_of(other)).collect()
    }

    fn virtual_address(self) -> VirtualAddress {
        virtual_address(&match self.family {
            Family::V4 => format!("10.9.0.{}/32", self.vrid),
            Family::V6 => format!("fd00:9::{}/128", self.vrid),
        })
    }

    fn settings(self, host: u8, priority: u8) -> InstanceSettings {
        let vrid = Vrid::new(self.vrid).unwrap();
        let mut settings = InstanceSettings::new(self.name, "eth0", vrid, self.family);
        settings.version = self.version;
        settings.priority = Priority(priority);
        settings.addresses = vec![self.virtual_address()];
        if self.in_header {
            settings.authentication = Authentication::Header(Password::new("secret"));
        }
        if self.unicast {
            settings.source = Some(self.address_of(host));
            let peers = self.peers_of(host).into_iter();
            settings.delivery = Delivery::Unicast(Unicast {
                peers: peers
                    .map(|address| Peer {
                        address,
                        ttl: 0..=255,
                    })
                    .collect(),
                ttl: self.ttl,
                check_source: true,
            });
        }
        settings
    }

    fn is_of(self, packet: &Heard) -> bool {
        let protocol = if self.in_header { 51 } else { 112 };
        let is_unicast = !matches!(packet.destination, IpAddr::V4(to) if to.is_multicast())
            && !matches!(packet.destination, IpAddr::V6(to) if to.is_multicast());
        packet.protocol == protocol
            && Family::of(packet.source) == self.family
            && is_unicast == self.unicast
            && packet.message.get(1) == Some(&self.vrid)
    }
}

/// Hosts that speak IPv6 too, with the same last number.
fn hosts<const N: usize>() -> [Namespace; N] {
    let hosts = routers();
    for (n, host) in hosts.iter().enumerate() {
        host.ip(&format!("addr add fd00::{}/64 dev eth0 nodad\n", n + 1));
    }
    hosts
}

fn all_forms(host: u8, priority: u8) -> Vec<InstanceSettings> {
    FORMS.map(|form| form.settings(host, priority)).to_vec()
}

fn wait_for_all(child: &VrrpChild, state: State) {
    for form in FORMS {
        child.wait_for_state(form.name, state, LONG);
    }
}

pub fn adverts_of_every_form(lab: &Lab) {
    // The third has no process: its kernel refuses what it is sent.
    let [one, two, three] = hosts();
    let wire = Wire::of_switch(lab, &one.port("eth0"));
    let master = VrrpChild::start(lab, &one, all_forms(1, 200), Default::default());
    let backup = VrrpChild::start(lab, &two, all_forms(2, 100), Default::default());
    wait_for_all(&backup, State::Backup);
    wait_for_all(&master, State::Master);
    let count = |traffic: &crate::wire::Traffic| {
        let packets = traffic.clone().sent_by(&one, "eth0").adverts();
        let counts = FORMS.map(|form| packets.iter().filter(|packet| form.is_of(packet)).count());
        counts.into_iter().min().filter(|least| *least >= 4)
    };
    wire.wait_for("some adverts of each form", Duration::ZERO, LONG, count);

    // What is not meant for an instance has not come to its socket, and what is meant
    // for it is right.
    for child in [&master, &backup] {
        let report = child.report();
        for instance in &report.instances {
            assert!(instance.counters.dropped.is_empty(), "{instance:#?}");
        }
        assert!(
            report.foreign.values().all(BTreeMap::is_empty),
            "{report:#?}"
        );
    }
    let report = backup.report();
    for instance in &report.instances {
        assert!(instance.counters.adverts_received > 0, "{instance:#?}");
        assert_eq!(instance.state, State::Backup, "{instance:#?}");
    }

    let stopped = lab.now();
    assert_eq!(master.stop(), [""; 0]);
    wait_for_all(&backup, State::Master);
    // Priority 0 has come in everywhere: nobody has waited for three intervals.
    wire.wait_for("all adverts of the other", stopped, secs(2), |traffic| {
        let packets = traffic.clone().sent_by(&two, "eth0").adverts();
        // Of unicast ones only those to the first host come by here.
        let of = |form: Form| packets.iter().any(|packet| form.is_of(packet));
        FORMS.into_iter().all(of).then_some(())
    });
    assert_eq!(backup.stop(), [""; 0]);

    let traffic = wire.stop();
    traffic.assert_well_formed(lab, "forms");
    let link_local = one.sh("ip -6 addr show dev eth0 scope link");
    let packets = traffic.sent_by(&one, "eth0").adverts();
    for form in FORMS {
        let name = form.name;
        let of: Vec<_> = packets.iter().filter(|packet| form.is_of(packet)).collect();
        for packet in &of {
            assert_eq!((packet.class, packet.ttl), (0xc0, form.ttl), "{name}");
            match form.family {
                Family::V6 if !form.unicast => {
                    assert!(
                        link_local.contains(&format!("{}/64", packet.source)),
                        "{name}"
                    );
                }
                _ => assert_eq!(packet.source, form.address_of(1), "{name}"),
            }
        }
        // Each destination has had every advert, the last one with priority 0.
        let mut by_destination = BTreeMap::<IpAddr, Vec<&Heard>>::new();
        for packet in of {
            let its = by_destination.entry(packet.destination).or_default();
            its.push(packet);
        }
        let destinations: Vec<_> = by_destination.keys().copied().collect();
        let expected = match form.unicast {
            true => form.peers_of(1),
            false => vec![Delivery::group(form.family)],
        };
        assert_eq!(destinations, expected, "{name}");
        for (destination, its) in by_destination {
            let last = its.last().unwrap();
            assert_eq!(last.message[2], 0, "{name} {destination}");
            for pair in its.windows(2) {
                let pause = pair[1].at - pair[0].at;
                assert!(pause < secs(2), "{name} {destination} {pause:?}");
            }
        }
    }
    drop(three);
}

/// The kernel can be told to drop them, and then nobody would know.
pub fn what_is_wrong_with_ipv6_adverts_is_counted(lab: &Lab) {
    let [one, stranger] = hosts();
    let form = Form {
        name: "V6",
        family: Family::V6,
        version: Version::V3,
        ..PLAIN
    };
    let backup = VrrpChild::start(lab, &one, vec![form.settings(1, 100)], Default::default());
    backup.wait_for_state("V6", State::Backup, LONG);
    // Better than this one, for the same address; its checksum is none that there is.
    let mut message = vec![0x31, 51, 200, 1, 0, 100, 0xff, 0xff];
    message.extend([0xfd, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x51]);
    stranger.enter(|| {
        let socket = packet_socket::open("eth0").unwrap();
        for hop_limit in [255, 254] {
            let mut frame = vec![0x33, 0x33, 0, 0, 0, 0x12, 2, 0, 0, 0, 0, 3, 0x86, 0xdd];
            frame.extend([0x6c, 0, 0, 0, 0, message.len() as u8, 112, hop_limit]);
            frame.extend([0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x77]);
            frame.extend([0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x12]);
            frame.extend(&message);
            packet_socket::send(&socket, &frame).unwrap();
        }
    });
    let expected = BTreeMap::from([(DropKind::Checksum, 1), (DropKind::Ttl, 1)]);
    wait_until("both are counted", LONG, || {
        let counters = backup.report().instances.remove(0).counters;
        assert_eq!(counters.adverts_received, 0);
        counters.dropped == expected
    });
    assert_eq!(backup.stop(), [""; 0]);
}

pub fn an_ipv6_address_can_be_used_at_once(lab: &Lab) {
    let [host] = hosts();
    // As hosts are outside a lab: an address is asked for before it is used.
    for (key, value) in [("accept_dad", "1"), ("dad_transmits", "10")] {
        host.sysctl(&format!("net/ipv6/conf/eth0/{key}"), value);
    }
    let addresses = ["fe80::80/64", "fd00::80/64", "fd00::81/128"];
    let shown = || host.sh("ip -o -6 addr show dev eth0");
    let before = shown();
    let mut settings = PLAIN.settings(1, 100);
    settings.addresses.extend(addresses.map(virtual_address));
    settings.excluded = addresses.len();
    let child = VrrpChild::start(lab, &host, vec![settings], Default::default());
    child.wait_for_state("V2", State::Master, LONG);
    let of = |address: &str| {
        let shown = shown();
        let line = shown.lines().find(|line| line.contains(address));
        line.map(str::to_owned)
    };
    wait_until("all of them are there", LONG, || {
        addresses.into_iter().all(|address| of(address).is_some())
    });
    let lines = addresses.map(|address| of(address).unwrap());
    for (line, is_deprecated) in lines.iter().zip([false, false, true]) {
        assert!(line.contains("nodad"), "{line}");
        assert!(!line.contains("tentative"), "{line}");
        assert_eq!(line.contains("deprecated"), is_deprecated, "{line}");
    }
    host.enter(|| TcpListener::bind(("fd00::80", 80)).expect("an address that is in use"));
    // What another program takes away comes back, and what it has changed is no reason.
    host.ip(
        "addr del fd00::80/64 dev eth0\naddr change fd00::81/128 dev eth0 preferred_lft forever\n",
    );
    wait_until("it is back", LONG, || of("fd00::80/64").is_some());
    assert_eq!(child.stop(), [""; 0]);
    assert_eq!(shown(), before);
}

/// There is no IPv6 on a link with frames as short as these, and no group to join.
pub fn an_interface_without_ipv6_holds_up_nobody(lab: &Lab) {
    let [host] = hosts();
    host.ip("link set eth0 mtu 1000\n");
    let instances = vec![PLAIN.settings(1, 100), FORMS[2].settings(1, 100)];
    let child = VrrpChild::start(lab, &host, instances, Default::default());
    child.wait_for_state("V6", State::Fault, LONG);
    child.wait_for_state("V2", State::Master, LONG);
    let log = fs::read_to_string(lab.log_file("router1-vrrp.log")).unwrap();
    let complaint = "IPv6 adverts to ff02::12 cannot be heard on eth0";
    assert_eq!(log.matches(complaint).count(), 1, "{log}");
    host.ip("link set eth0 mtu 1500\n");
    child.wait_for_state("V6", State::Master, LONG);
    let joined = host.sh("ip maddr show dev eth0");
    assert!(joined.contains("ff02::12"), "{joined}");
    assert_eq!(child.states("V2"), [State::Backup, State::Master]);
    assert_eq!(child.stop(), [""; 0]);
}

/// While nobody knows whether the address is somebody else's, nothing is sent from it.
pub fn an_address_in_question_is_waited_for(lab: &Lab) {
    let [host] = hosts();
    let form = Form {
        name: "V6",
        family: Family::V6,
        version: Version::V3,
        ..PLAIN
    };
    let mut settings = form.settings(1, 100);
    settings.advert_interval = AdvertInterval::from_centiseconds(10).unwrap();
    let child = VrrpChild::start(lab, &host, vec![settings], Default::default());
    child.wait_for_state("V6", State::Master, LONG);
    let wire = Wire::of_switch(lab, "front");
    for (key, value) in [("accept_dad", "1"), ("dad_transmits", "2")] {
        host.sysctl(&format!("net/ipv6/conf/eth0/{key}"), value);
    }
    host.cut();
    child.wait_for_state("V6", State::Fault, LONG);
    let since = lab.now();
    host.uncut();
    wait_until("it is master again", LONG, || {
        child
            .states("V6")
            .ends_with(&[State::Backup, State::Master])
    });
    let first = wire.wait_for("an advert", since, LONG, |traffic| {
        traffic
            .adverts()
            .into_iter()
            .find(|packet| form.is_of(packet))
    });
    // Asked twice, a second apart, and another second for an answer.
    assert!(first.at - since > secs(1), "{:?}", first.at - since);
    assert_eq!(child.stop(), [""; 0]);
}

/// A reload gives unicast another peer, and a group another address.
pub fn others_are_told_from_the_reload_on(lab: &Lab) {
    let [one, _two, _three] = hosts();
    let unicast = Form {
        unicast: true,
        ..PLAIN
    };
    let with = |peers: &[u8]| {
        let mut settings = unicast.settings(1, 100);
        settings.advert_interval = AdvertInterval::from_centiseconds(100).unwrap();
        if let Delivery::Unicast(unicast) = &mut settings.delivery {
            let wanted = peers.iter().map(|n| PLAIN.address_of(*n));
            let wanted: Vec<_> = wanted.collect();
            unicast.peers.retain(|peer| wanted.contains(&peer.address));
        }
        settings
    };
    let wire = Wire::of_switch(lab, &one.port("eth0"));
    let child = VrrpChild::start(lab, &one, vec![with(&[2])], Default::default());
    child.wait_for_state("V2", State::Master, LONG);
    let to = |n: u8| {
        let wire = &wire;
        move |since: Duration, count: usize| {
            wire.wait_for("adverts to a peer", since, LONG, |traffic| {
                let mut packets = traffic.adverts();
                packets.retain(|packet| packet.destination == PLAIN.address_of(n));
                (packets.len() >= count).then_some(packets)
            })
        }
    };
    to(2)(Duration::ZERO, 3);
    child.reload(2, vec![with(&[2, 3])]);
    let reloaded = lab.now();
    to(3)(reloaded, 2);
    child.reload(3, vec![with(&[3])]);
    let taken_out = lab.now();
    to(3)(taken_out, 2);
    // It has gone on all the while.
    let until = lab.now();
    let old = to(2)(Duration::ZERO, 4);
    assert!(old.iter().all(|packet| packet.at < taken_out + secs(1)));
    let all = to(3)(Duration::ZERO, 4);
    for pair in old.windows(2).chain(all.windows(2)) {
        let pause = pair[1].at - pair[0].at;
        assert!(
            pause < Duration::from_millis(1500),
            "{pause:?} until {until:?}"
        );
    }
    assert_eq!(child.states("V2"), [State::Backup, State::Master]);

    // A group is another identity: it begins again, and is heard by those of the group.
    let group: IpAddr = [224, 0, 0, 20].into();
    let mut settings = PLAIN.settings(1, 100);
    settings.delivery = Delivery::Multicast { group };
    child.reload(4, vec![settings]);
    let moved = lab.now();
    wire.wait_for("adverts to the group", moved, LONG, |traffic| {
        let packets = traffic.adverts();
        packets
            .iter()
            .any(|packet| packet.destination == group && packet.message[2] == 100)
            .then_some(())
    });
    let joined = one.sh("ip maddr show dev eth0");
    assert!(joined.contains("224.0.0.20"), "{joined}");
    assert_eq!(child.stop(), [""; 0]);
}

/// Of every kind one, whatever the number of instances.
pub fn a_thousand_instances_share_the_sockets(lab: &Lab) {
    let [host] = hosts();
    let mut instances = Vec::new();
    for form in [PLAIN, FORMS[2], FORMS[3], FORMS[6]] {
        for vrid in 1..=250 {
            let mut settings = Form { vrid, ..form }.settings(1, 100);
            settings.name = format!("{}_{vrid}", form.name);
            settings.addresses.clear();
            // Not while this is running.
            settings.advert_interval = AdvertInterval::from_seconds(40).unwrap();
            instances.push(settings);
        }
    }
    let child = VrrpChild::start(lab, &host, instances, Default::default());
    wait_until("all have begun", LONG, || {
        let report = child.report();
        let mut states = report.instances.iter().map(|instance| instance.state);
        report.instances.len() == 1000 && states.all(|state| state == State::Backup)
    });
    let sockets = host.enter(|| {
        ["raw", "raw6"].map(|table| {
            let table = fs::read_to_string(format!("/proc/thread-self/net/{table}")).unwrap();
            // A line of headings.
            table.lines().count() - 1
        })
    });
    // To send there are two and one: with IPv4, whole datagrams have one of their own.
    assert_eq!(sockets, [2 + 3, 1 + 1]);
    let joined = host.sh("ip maddr show dev eth0");
    assert_eq!(joined.matches("224.0.0.18").count(), 1, "{joined}");
    assert_eq!(child.stop(), [""; 0]);
}
