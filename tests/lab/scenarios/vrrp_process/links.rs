//! Interfaces that go and come, and news of them that get lost.

use ipvsd::vrrp::State;
use nix::sys::signal::Signal;

use super::{LONG, VIP, routers, shown, start_master};
use crate::lab::{Lab, wait_until};
use crate::net::{addresses, is_of};
use crate::sampler::Sampler;
use crate::vrrp_child::{instance, virtual_address};
use crate::wire::Wire;

/// More than the process's socket holds: what is too much is lost, and the kernel says
/// so.
pub fn news_that_are_lost_change_nothing(lab: &Lab) {
    let [host] = routers();
    let addresses = vec![
        virtual_address("10.0.0.80/32"),
        virtual_address("10.0.0.81/32"),
    ];
    let child = start_master(lab, &host, instance(100, addresses));
    wait_until("the addresses are there", LONG, || shown(&host).len() == 3);
    let expected = shown(&host);
    let anew = "read anew";
    assert!(!log_of(lab).contains(anew));

    child.signal(Signal::SIGSTOP);
    host.ip("link add d0 type dummy\n");
    let changes = (0..10_000).map(|n| format!("link set d0 mtu {}\n", 1000 + n % 2));
    host.ip(&changes.collect::<String>());
    // Among what is lost is something that counts.
    host.ip("addr del 10.0.0.81/32 dev eth0\n");
    child.signal(Signal::SIGCONT);
    wait_until("it is back", LONG, || shown(&host) == expected);
    assert!(log_of(lab).contains(anew), "nothing was lost");
    assert_eq!(child.states("VI_1"), [State::Backup, State::Master]);
    assert_eq!(child.stop(), [""; 0]);
}

fn log_of(lab: &Lab) -> String {
    std::fs::read_to_string(lab.log_file("router1-vrrp.log")).unwrap()
}

pub fn an_interface_comes_back_as_another(lab: &Lab) {
    let [one, two] = routers();
    let vip = || vec![virtual_address("10.0.0.80/32")];
    let child = start_master(lab, &one, instance(100, vip()));
    one.ip("link del eth0\n");
    child.wait_for_state("VI_1", State::Fault, LONG);
    // Another index, and another hardware address.
    one.ip("link add other type dummy\n");
    one.attach("front", "eth0", &["10.0.0.1/24"]);
    wait_until("it is master again", LONG, || {
        child
            .states("VI_1")
            .ends_with(&[State::Backup, State::Master])
    });
    wait_until("with its address", LONG, || shown(&one).len() == 2);

    // It hears by the new one.
    let better = start_master(lab, &two, instance(200, vip()));
    wait_until("it gives way", LONG, || {
        child.states("VI_1").ends_with(&[State::Backup])
    });
    wait_until("with its address", LONG, || shown(&one).len() == 1);
    assert_eq!(better.stop(), [""; 0]);
    assert_eq!(child.stop(), [""; 0]);
}

/// What it has there goes, though nothing has its name any more.
pub fn an_interface_is_called_otherwise(lab: &Lab) {
    let [host] = routers();
    let vip = vec![virtual_address("10.0.0.80/32")];
    let child = start_master(lab, &host, instance(100, vip));
    wait_until("the address is there", LONG, || shown(&host).len() == 2);
    // All of it is news at once: it never hears that the link was down.
    child.signal(Signal::SIGSTOP);
    host.ip("link set eth0 down\n\
         link set eth0 name wan\n\
         link set wan up\n");
    child.signal(Signal::SIGCONT);
    child.wait_for_state("VI_1", State::Fault, LONG);
    wait_until("the virtual address is gone", LONG, || {
        let there = host.enter(addresses);
        !there.iter().any(|line| is_of(line, VIP))
    });

    host.ip("link set wan down\n\
         link set wan name eth0\n\
         link set eth0 up\n");
    wait_until("it is master again", LONG, || {
        child
            .states("VI_1")
            .ends_with(&[State::Backup, State::Master])
    });
    wait_until("the address is back", LONG, || shown(&host).len() == 2);
    assert_eq!(child.stop(), [""; 0]);
}

/// The others need not wait: its last word goes out from the address that has gone.
pub fn the_last_address_goes_and_others_hear_of_it(lab: &Lab) {
    let [host] = routers();
    let vip = vec![virtual_address("10.0.0.80/32")];
    let child = start_master(lab, &host, instance(100, vip));
    let wire = Wire::of_switch(lab, "front");
    host.ip("addr del 10.0.0.1/24 dev eth0\n");
    child.wait_for_state("VI_1", State::Fault, LONG);
    wait_until("the virtual address is gone", LONG, || {
        shown(&host).is_empty()
    });
    let traffic = wire.stop();
    let last = traffic.adverts().pop().expect("a last word");
    assert_eq!((last.priority, last.source), (0, [10, 0, 0, 1].into()));

    host.ip("addr add 10.0.0.9/24 dev eth0\n");
    wait_until("it is master again", LONG, || {
        child
            .states("VI_1")
            .ends_with(&[State::Backup, State::Master])
    });
    assert_eq!(child.stop(), [""; 0]);
}

pub fn another_configuration_brings_another_link(lab: &Lab) {
    let [host] = routers();
    host.ip("link add eth1 type veth peer name other\n\
         link set eth1 up\n\
         link set other up\n\
         addr add 10.1.0.1/24 dev eth1\n");
    let first = instance(100, vec![virtual_address("10.0.0.80/32")]);
    let child = start_master(lab, &host, first.clone());
    wait_until("the address is there", LONG, || shown(&host).len() == 2);
    let samples = Sampler::start(&host, lab.started(), addresses);

    let mut second = instance(100, vec![virtual_address("10.1.0.80/32")]);
    second.name = "VI_2".into();
    second.interface = "eth1".into();
    // On the first one's interface, as `dev` has it.
    second.addresses.push(virtual_address("10.0.0.81/32"));
    second.addresses[0].interface = "eth1".into();
    child.reload(2, vec![first.clone(), second]);
    child.wait_for_state("VI_2", State::Master, LONG);
    wait_until("both have theirs", LONG, || {
        let there = host.enter(addresses);
        there.contains(&"eth1 10.1.0.80/32".into()) && there.contains(&"eth0 10.0.0.81/32".into())
    });
    child.reload(3, vec![first]);
    // Once it says that this is in force, nothing of the other is left.
    let there = host.enter(addresses);
    let is_left = |line: &String| is_of(line, "10.1.0.80") || is_of(line, "10.0.0.81");
    assert!(!there.iter().any(is_left), "{there:?}");
    for sample in &samples.stop().samples {
        let there = sample.lines.iter().any(|line| is_of(line, VIP));
        assert!(there, "at {:?}: {:?}", sample.at, sample.lines);
    }
    assert_eq!(child.states("VI_1"), [State::Backup, State::Master]);
    assert_eq!(child.stop(), [""; 0]);
}
