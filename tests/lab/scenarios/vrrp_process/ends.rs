//! What the process takes with it when it goes, and what the next one finds.

use ipvsd::vrrp::{Change, State, Why};

use super::{LONG, VIP, routers, shown, start_master};
use crate::lab::{Lab, secs, wait_until};
use crate::net::{Namespace, addresses};
use crate::sampler::Sampler;
use crate::vrrp_child::{VrrpChild, instance, virtual_address};
use crate::wire::Wire;

fn has_vip(host: &Namespace) -> bool {
    shown(host).iter().any(|line| line.starts_with(VIP))
}

/// Nobody asks it to stop: it hands over by itself, so that no address is left on a
/// machine where nobody minds it.
pub fn core_ends(lab: &Lab) {
    let [host] = routers();
    let child = start_master(
        lab,
        &host,
        instance(100, vec![virtual_address("10.0.0.80/32")]),
    );
    wait_until("the address is there", LONG, || has_vip(&host));
    let wire = Wire::of_switch(lab, "front");
    child.abandon();
    assert!(!has_vip(&host));
    let traffic = wire.stop();
    let last = traffic.adverts().pop().expect("a last word");
    assert_eq!(last.priority, 0);
    traffic.assert_well_formed(lab, "core-ends");
}

fn killed(lab: &Lab) -> ([Namespace; 2], VrrpChild, VrrpChild) {
    let [one, two] = routers();
    let vip = || vec![virtual_address("10.0.0.80/32")];
    let master = start_master(lab, &one, instance(200, vip()));
    let backup = VrrpChild::start(lab, &two, vec![instance(100, vip())], Default::default());
    backup.wait_for_state("VI_1", State::Backup, LONG);
    wait_until("the address is there", LONG, || has_vip(&one));
    ([one, two], master, backup)
}

pub fn it_is_killed_and_comes_back_at_once(lab: &Lab) {
    let ([one, two], master, backup) = killed(lab);
    let samples = Sampler::start(&one, lab.started(), addresses);
    let memory = master.kill();
    let vip = vec![virtual_address("10.0.0.80/32")];
    let again = VrrpChild::start(lab, &one, vec![instance(200, vip)], memory);
    // It goes on sending adverts, and so the other one waits.
    wait_until("it sends adverts", LONG, || {
        again.report().instances[0].counters.adverts_sent >= 5
    });
    let samples = samples.stop();
    assert!(samples.looks > 50, "{}", samples.looks);
    for sample in &samples.samples {
        let there = sample.lines.iter().any(|line| line.contains(VIP));
        assert!(there, "at {:?}: {:?}", sample.at, sample.lines);
    }
    assert_eq!(again.states("VI_1"), [], "nothing to be told twice");
    assert_eq!(again.report().instances[0].state, State::Master);
    assert_eq!(backup.states("VI_1"), [State::Backup]);
    assert!(!has_vip(&two));
    assert_eq!(again.stop(), [""; 0]);
}

/// The other one is master by then.
pub fn it_is_killed_and_comes_back_too_late(lab: &Lab) {
    let ([one, two], master, backup) = killed(lab);
    let memory = master.kill();
    backup.wait_for_state("VI_1", State::Master, LONG);
    assert!(has_vip(&one), "it was killed");
    let vip = vec![virtual_address("10.0.0.80/32")];
    let mut late = instance(200, vip);
    // Otherwise it would soon be master again.
    late.preempt = false;
    let wire = Wire::of_switch(lab, "front");
    let again = VrrpChild::start(lab, &one, vec![late], memory);
    again.wait_for_state("VI_1", State::Backup, LONG);
    wait_until("the address is gone", secs(1), || !has_vip(&one));
    let why = again
        .told()
        .into_iter()
        .find_map(|event| match event.change {
            Change::Entered { why, .. } => Some(why),
            _ => None,
        });
    assert_eq!(why, Some(Why::ResumedTooLate));
    assert!(has_vip(&two));
    assert_eq!(backup.states("VI_1"), [State::Backup, State::Master]);
    let traffic = wire.stop();
    assert!(traffic.sent_by(&one, "eth0").adverts().is_empty());
    assert_eq!(again.stop(), [""; 0]);
    assert_eq!(backup.stop(), [""; 0]);
}
