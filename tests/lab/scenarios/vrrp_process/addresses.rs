//! Virtual addresses on their interfaces.

use std::net::IpAddr;
use std::time::Duration;

use ipvsd::vrrp::settings::VirtualAddress;
use ipvsd::vrrp::{Change, State};

use super::{LONG, routers, shown, start_master};
use crate::daemon::{Daemon, Program};
use crate::lab::{Lab, secs, wait_until};
use crate::vrrp_child::{VrrpChild, instance, virtual_address};
use crate::wire::Wire;

/// In keepalived's words, and as the model has them.
fn of_every_form() -> Vec<(&'static str, VirtualAddress)> {
    let plain = virtual_address;
    let with = |text, change: fn(&mut VirtualAddress)| {
        let mut address = plain(text);
        change(&mut address);
        address
    };
    let broadcast = |address: &mut VirtualAddress| address.broadcast = Some([10, 0, 0, 255].into());
    vec![
        ("10.0.0.80", plain("10.0.0.80/32")),
        ("10.0.0.81/24", plain("10.0.0.81/24")),
        (
            "10.0.0.82/24 brd 10.0.0.255",
            with("10.0.0.82/24", broadcast),
        ),
        (
            "10.0.0.83/32 scope link",
            with("10.0.0.83/32", |address| address.scope = 253),
        ),
        (
            "10.0.0.84/24 label eth0:1",
            with("10.0.0.84/24", |address| {
                address.label = Some("eth0:1".into());
            }),
        ),
        ("10.8.0.1/16", plain("10.8.0.1/16")),
        ("10.8.0.2/16", plain("10.8.0.2/16")),
        (
            "10.0.0.85/32 brd 10.0.0.255 scope host label eth0:x",
            with("10.0.0.85/32", |address| {
                address.broadcast = Some([10, 0, 0, 255].into());
                address.scope = 254;
                address.label = Some("eth0:x".into());
            }),
        ),
    ]
}

pub fn addresses_are_as_keepalived_puts_them(lab: &Lab) {
    let [ours, theirs] = routers();
    // Each on a network of its own.
    ours.isolate("eth0");
    let forms = of_every_form();
    let words: Vec<_> = forms.iter().map(|(words, _)| *words).collect();
    let conf = format!(
        "vrrp_instance VI_1 {{\n interface eth0\n virtual_router_id 51\n virtual_ipaddress {{\n{}\n}}\n}}\n",
        words.join("\n")
    );
    let before = (shown(&ours), shown(&theirs));
    let keepalived = Daemon::start(lab, &theirs, Program::Keepalived, &conf);
    let addresses = forms.into_iter().map(|(_, address)| address).collect();
    let child = start_master(lab, &ours, instance(100, addresses));
    keepalived.wait_for_log("Entering MASTER STATE", LONG);

    let virtual_of = |mut shown: Vec<String>| {
        shown.retain(|line| !line.starts_with("10.0.0.1/") && !line.starts_with("10.0.0.2/"));
        shown
    };
    wait_until("keepalived has put all of them", LONG, || {
        shown(&theirs).len() == words.len() + 1
    });
    let expected = virtual_of(shown(&theirs));
    wait_until("ours are the same", LONG, || {
        virtual_of(shown(&ours)) == expected
    });

    assert_eq!(child.stop(), [""; 0]);
    keepalived.sigterm(secs(20));
    assert_eq!((shown(&ours), shown(&theirs)), before);
}

/// The kernel takes the secondary addresses of a network away with its first one, unless
/// it is told to promote one of them.
pub fn the_first_of_a_network_goes_alone(lab: &Lab) {
    let [host] = routers();
    for promotes in ["0", "1"] {
        host.sysctl("net/ipv4/conf/all/promote_secondaries", "0");
        host.sysctl("net/ipv4/conf/eth0/promote_secondaries", promotes);
        let addresses = vec![
            virtual_address("10.9.0.1/24"),
            virtual_address("10.9.0.2/24"),
        ];
        let child = start_master(lab, &host, instance(100, addresses));
        wait_until("the addresses are there", LONG, || shown(&host).len() == 3);
        // An admin's, and not ours to remove.
        host.ip("addr add 10.9.0.7/24 dev eth0 label eth0:mine\n\
                 addr add 10.9.0.8/24 dev eth0\n");
        assert_eq!(child.stop(), [""; 0]);
        assert_eq!(
            shown(&host),
            [
                "10.0.0.1/24 scope global eth0 valid_lft forever preferred_lft forever",
                "10.9.0.7/24 scope global eth0:mine valid_lft forever preferred_lft forever",
                "10.9.0.8/24 scope global secondary eth0 valid_lft forever preferred_lft forever",
            ],
            "promote_secondaries = {promotes}"
        );
        let setting = host.sh("cat /proc/sys/net/ipv4/conf/eth0/promote_secondaries");
        assert_eq!(setting.trim(), promotes);
        host.ip("addr del 10.9.0.8/24 dev eth0\naddr del 10.9.0.7/24 dev eth0\n");
    }
}

pub fn what_another_program_takes_is_put_back(lab: &Lab) {
    let [host] = routers();
    let addresses = vec![
        virtual_address("10.0.0.80/32"),
        virtual_address("10.0.0.81/24"),
    ];
    let child = start_master(lab, &host, instance(100, addresses));
    wait_until("the addresses are there", LONG, || shown(&host).len() == 3);
    let expected = shown(&host);
    let wire = Wire::of_switch(lab, "front");
    let removed = lab.now();
    host.ip("addr del 10.0.0.81/24 dev eth0\n");
    wait_until("it is back", secs(1), || shown(&host) == expected);
    let put_back = |event: &ipvsd::vrrp::VrrpEvent| matches!(&event.change, Change::AddressPutBack { address, .. } if address == "10.0.0.81");
    wait_until("it is told", LONG, || child.told().iter().any(put_back));
    wire.wait_for("it is announced again", removed, LONG, |traffic| {
        let announced = traffic.announcements();
        announced
            .iter()
            .any(|frame| frame.address == IpAddr::from([10, 0, 0, 81]))
            .then_some(())
    });
    assert_eq!(
        child.told().iter().filter(|event| put_back(event)).count(),
        1
    );
    assert_eq!(child.states("VI_1"), [State::Backup, State::Master]);
    assert_eq!(child.stop(), [""; 0]);
}

pub fn five_hundred_addresses(lab: &Lab) {
    let [host, other] = routers();
    let all = |n| format!("10.{}.{}.1/24", 100 + n / 200, n % 200);
    let addresses = (0..500).map(|n| virtual_address(&all(n)));
    // As many as an advert can name.
    let mut first = instance(100, addresses.clone().take(250).collect());
    let mut second = instance(100, addresses.skip(250).collect());
    second.name = "VI_2".into();
    second.vrid = ipvsd::vrrp::Vrid::new(52).unwrap();
    for instance in [&mut first, &mut second] {
        instance.announcements.delay = Duration::ZERO;
        instance.announcements.repeat = 2;
    }
    let wire = Wire::of_switch(lab, "front");
    let child = VrrpChild::start(lab, &host, vec![first, second], Default::default());
    child.wait_for_state("VI_2", State::Master, LONG);
    wait_until("all are there", LONG, || shown(&host).len() == 501);
    wire.wait_for("all are announced", Duration::ZERO, LONG, |traffic| {
        (traffic.announcements().len() >= 1000).then_some(())
    });
    // Nobody has been kept waiting for an advert meanwhile.
    let traffic = wire.so_far().sent_by(&host, "eth0");
    let mut adverts = traffic.adverts();
    adverts.retain(|advert| advert.vrid == 51);
    let gaps = adverts.windows(2).map(|pair| pair[1].at - pair[0].at);
    assert!(gaps.max().is_none_or(|gap| gap < secs(2)));
    drop(other);

    let left = child.stop();
    assert!(left.is_empty(), "{left:?}");
    assert_eq!(shown(&host).len(), 1);
    let traffic = wire.stop();
    traffic.assert_well_formed(lab, "five-hundred");
}
