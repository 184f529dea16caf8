//! The lines that people search their logs for.

use std::time::Duration;

use super::{Change, Subject, VrrpEvent, Why};
use crate::vrrp::packet::DropKind;
use crate::vrrp::types::{AdvertInterval, Priority, State};

fn entered(subject: Subject, to: State, why: Why) -> String {
    let change = Change::Entered {
        from: State::Init,
        to,
        priority: Priority(100),
        why,
    };
    VrrpEvent { subject, change }.to_string()
}

fn instance() -> Subject {
    Subject::Instance("VI_1".to_owned())
}

fn of_instance(change: Change) -> String {
    let subject = instance();
    VrrpEvent { subject, change }.to_string()
}

#[test]
fn states() {
    assert_eq!(
        entered(instance(), State::Backup, Why::Start),
        "(VI_1) Entering BACKUP STATE (init)"
    );
    assert_eq!(
        entered(instance(), State::Master, Why::MasterDown { master: None }),
        "(VI_1) Entering MASTER STATE: no master is heard"
    );
    let why = Why::LinkDown {
        interface: "eth0".to_owned(),
    };
    assert_eq!(
        entered(instance(), State::Fault, why),
        "(VI_1) Entering FAULT STATE: interface eth0 is down"
    );
    let why = Why::Outranked {
        master: [10, 0, 0, 2].into(),
        priority: Priority(200),
    };
    assert_eq!(
        entered(Subject::Group("VG_1".to_owned()), State::Backup, why),
        "VRRP_Group(VG_1) Syncing instances to BACKUP state: the master 10.0.0.2 has priority 200"
    );
}

#[test]
fn other_changes() {
    assert_eq!(
        of_instance(Change::Stopped {
            from: State::Master,
            priority: Priority(100)
        }),
        "(VI_1) Stopped in MASTER STATE"
    );
    let other_master = |is_answered| {
        of_instance(Change::OtherMaster {
            address: [10, 0, 0, 2].into(),
            priority: Priority(50),
            is_answered,
        })
    };
    assert_eq!(
        other_master(true),
        "(VI_1) Received advert from 10.0.0.2 with lower priority 50, or the same and a lower \
         address, forcing new election"
    );
    assert_eq!(
        other_master(false),
        "(VI_1) Received advert from 10.0.0.2 with lower priority 50, or the same and a lower \
         address"
    );
    let dropped = |count| {
        of_instance(Change::Dropped {
            kind: DropKind::Ttl,
            count,
            from: [10, 0, 0, 2].into(),
            detail: "its TTL is 64".to_owned(),
        })
    };
    assert_eq!(
        dropped(1),
        "(VI_1) Dropped a packet from 10.0.0.2 (ttl): its TTL is 64"
    );
    assert_eq!(
        dropped(7),
        "(VI_1) Dropped 7 packets, the last from 10.0.0.2 (ttl): its TTL is 64"
    );
}

#[test]
fn intervals_and_delays() {
    let interval = |centiseconds| AdvertInterval::from_centiseconds(centiseconds).unwrap();
    let (from, to) = (interval(100), interval(300));
    let master = [10, 0, 0, 2].into();
    assert_eq!(
        of_instance(Change::IntervalLearned { from, to, master }),
        "(VI_1) advertisement interval updated from 1000ms to 3000ms by master 10.0.0.2"
    );
    assert_eq!(
        of_instance(Change::IntervalOwn { from: to, to: from }),
        "(VI_1) changing advert interval from 3000ms to locally configured 1000ms"
    );
    let delay = Duration::from_millis(2_500);
    assert_eq!(
        of_instance(Change::Delayed { delay }),
        "(VI_1) Delaying startup for 2.500 seconds (`vrrp_startup_delay`, \
         `vrrp_delay_after_boot`)"
    );
    let by = Duration::from_millis(1_250);
    let late = of_instance(Change::Late { by });
    assert!(
        late.starts_with("(VI_1) A thread timer expired 1.250000 seconds ago"),
        "{late}"
    );
}
