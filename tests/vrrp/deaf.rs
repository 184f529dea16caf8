//! Adverts cannot be heard: whoever is deaf is not master.

use ipvsd::vrrp::channel::Channel;
use ipvsd::vrrp::event::Why;
use ipvsd::vrrp::settings::{Authentication, InstanceSettings, Password};
use ipvsd::vrrp::{Priority, State};

use crate::bench::{Bench, Did, HIGHER, Packet, address, entered, facts, instance, sent};

fn deaf() -> Why {
    let interface = "eth0".to_owned();
    Why::Deaf { interface }
}

/// The same instance with an authentication header, which comes in by another socket.
fn in_header() -> InstanceSettings {
    InstanceSettings {
        authentication: Authentication::Header(Password::new("secret")),
        ..instance(0)
    }
}

/// Another instance on the same interface.
fn other() -> InstanceSettings {
    InstanceSettings {
        name: "VI_1".to_owned(),
        vrid: ipvsd::vrrp::Vrid::new(52).unwrap(),
        addresses: vec![address(0, 81)],
        ..in_header()
    }
}

#[test]
fn one_that_comes_by_a_reload_does_not_begin() {
    for priority in [Priority::DEFAULT, Priority::OWNER] {
        let mut bench = Bench::new(vec![instance(0)], vec![]);
        bench.until(5_000);
        assert_eq!(bench.state(0), State::Master);
        let other = InstanceSettings {
            priority,
            ..other()
        };
        bench.deaf(0, &[Channel::of(&other)]);
        bench.reload(vec![instance(0), other], vec![]);
        let did = bench.until(60_000);
        assert_eq!(entered(&did), [("VI_1", State::Fault)]);
        assert_eq!(bench.report(1).why, deaf());
        assert!(sent(&did).iter().all(|(link, _)| *link == 0), "{did:?}");
        assert_eq!(bench.state(0), State::Master);
        bench.deaf(0, &[]);
        let did = bench.until(70_000);
        let (name, last) = *entered(&did).last().unwrap();
        assert_eq!((name, last), ("VI_1", State::Master));
    }
}

#[test]
fn a_backup_does_not_take_over_and_goes_on_when_it_hears() {
    let mut bench = Bench::new(vec![instance(0)], vec![]);
    bench.hear(0, &Packet::new(0, HIGHER, 200));
    bench.drain();
    bench.deaf(0, &[Channel::of(&in_header())]);
    bench.reload(vec![in_header()], vec![]);
    let did = bench.until(60_000);
    assert_eq!(entered(&did), [("VI_0", State::Fault)]);
    assert_eq!(sent(&did), []);
    bench.deaf(0, &[]);
    assert_eq!(entered(&bench.drain()), [("VI_0", State::Backup)]);
}

#[test]
fn a_master_hands_over() {
    let mut bench = Bench::new(vec![instance(0)], vec![]);
    bench.until(5_000);
    bench.deaf(0, &[Channel::of(&in_header())]);
    assert_eq!(bench.drain(), [], "what it does not hear by is no matter");
    bench.reload(vec![in_header()], vec![]);
    let did = bench.drain();
    assert_eq!(entered(&did), [("VI_0", State::Fault)]);
    assert!(sent(&did).contains(&(0, 0)), "{did:?}");
    assert!(did.contains(&Did::Removed(0, vec![address(0, 80)])));
}

#[test]
fn who_is_told_that_it_is_deaf_first_does_not_begin() {
    let mut bench = Bench::bare(
        vec![instance(0)],
        vec![],
        &Default::default(),
        crate::bench::at(0),
    );
    bench.deaf(0, &[Channel::of(&instance(0))]);
    bench.interface(0, Some(facts(0)));
    assert_eq!(entered(&bench.until(60_000)), [("VI_0", State::Fault)]);
    assert_eq!(bench.report(0).why, deaf());
}
