//! What a reader can follow step by step.

use std::time::Duration;

use ipvsd::lvs::keeper::{BATCH, Repair};
use ipvsd::lvs::refusal::Loss;
use ipvsd::lvs::types::{DestinationKey, ServiceKey};
use ipvsd::lvs::{Entry, IpvsOp, Keeper, Note, OpError, Step, Table};
use ipvsd::moment::Moment;

use crate::kernel::Kernel;
use crate::values::{entry, server, service, tcp, weight};
use crate::world::{AUDIT_INTERVAL, Faults, OpFault, World};

const EPERM: i32 = 1;

fn web() -> ServiceKey {
    tcp("192.0.2.1", 80)
}

fn one(key: ServiceKey, entry: Entry) -> Table {
    Table {
        services: [(key, entry)].into(),
    }
}

/// `services` virtual servers with 20 real servers each.
fn many(services: u16) -> Table {
    let weights = [1; 20];
    Table {
        services: (1..=services)
            .map(|port| (tcp("192.0.2.1", port), entry(&weights)))
            .collect(),
    }
}

fn settled(table: Table) -> World {
    let mut world = World::new(Kernel::default(), table);
    world.run(Duration::from_secs(1));
    assert!(world.keeper.is_settled());
    world.notes.clear();
    world.sent.clear();
    world
}

fn step(world: &mut World) {
    assert_eq!(world.step(Faults::default()), None, "nothing to do");
}

#[test]
fn a_start_looks_first_and_adds_in_the_order_of_the_file() {
    let mut keeper = Keeper::new([], AUDIT_INTERVAL);
    let now = Moment::default();
    keeper.want_all(one(web(), entry(&[3, 1, 2])));
    assert_eq!(keeper.next(now), Step::Dump([web()].into()));
    assert_eq!(keeper.next(now), Step::Wait(None), "the dump is under way");
    assert_eq!(keeper.dumped(now, Ok(Table::default())), []);
    let added = |number, w| IpvsOp::NewDestination(web(), server(number), weight(w));
    let ops = vec![
        IpvsOp::NewService(web(), service("rr")),
        added(1, 3),
        added(2, 1),
        added(3, 2),
    ];
    assert_eq!(keeper.next(now), Step::Execute(ops.clone()));
    assert!(!keeper.is_settled());
    let results = ops.into_iter().map(|op| (op, Ok(()))).collect();
    assert_eq!(keeper.executed(now, results), []);
    assert_eq!(keeper.next(now), Step::Wait(Some(now + AUDIT_INTERVAL)));
    assert!(keeper.is_settled());
}

#[test]
fn nothing_is_removed_before_it_is_known_what_is_wanted() {
    let mut keeper = Keeper::new([web()], AUDIT_INTERVAL);
    assert_eq!(keeper.next(Moment::default()), Step::Wait(None));
}

#[test]
fn what_an_earlier_run_left_is_adopted_or_removed() {
    let left = tcp("192.0.2.1", 81);
    let foreign = tcp("192.0.2.1", 82);
    let mut kernel = Kernel::default();
    for key in [web(), left, foreign] {
        kernel
            .apply(&IpvsOp::NewService(key, service("rr")))
            .unwrap();
    }
    let mut keeper = Keeper::new([web(), left], AUDIT_INTERVAL);
    let now = Moment::default();
    keeper.want_all(one(web(), entry(&[])));
    assert_eq!(keeper.next(now), Step::Dump([web(), left].into()));
    let table = kernel.dump(|_| true, |_| ());
    let notes = keeper.dumped(now, Ok(table));
    assert_eq!(
        notes,
        [Note::Adopted {
            key: web(),
            ours: true,
            differences: 0
        }]
    );
    let ops = vec![IpvsOp::DeleteService(left)];
    assert_eq!(keeper.next(now), Step::Execute(ops));
    let notes = keeper.executed(now, vec![(IpvsOp::DeleteService(left), Ok(()))]);
    assert_eq!(
        notes,
        [Note::Released {
            key: left,
            was_there: true
        }]
    );
    assert_eq!(keeper.owned().collect::<Vec<_>>(), [&web()]);
}

#[test]
fn one_verdict_among_20000_servers_is_one_operation() {
    let mut world = settled(many(1000));
    let key = tcp("192.0.2.1", 500);
    let mut changed = entry(&[1; 20]);
    changed.destinations.insert(server(7), weight(0));
    world.want(key, Some(changed));
    let ops = vec![IpvsOp::SetDestination(key, server(7), weight(0))];
    assert_eq!(world.keeper.next(world.now), Step::Execute(ops));
}

#[test]
fn a_reload_without_changes_sends_nothing_and_looks() {
    let mut world = settled(many(10));
    world.want_all(many(10));
    let keys = world.keeper.owned().copied().collect();
    assert_eq!(world.keeper.next(world.now), Step::Dump(keys));
}

#[test]
fn a_reload_changes_first_and_looks_then() {
    let mut world = settled(many(10));
    let mut table = many(10);
    table.services[3].destinations[4].weight = 9;
    world.want_all(table.clone());
    step(&mut world);
    let key = tcp("192.0.2.1", 4);
    assert_eq!(
        world.sent,
        [IpvsOp::SetDestination(key, server(5), weight(9))]
    );
    let keys = table.services.keys().copied().collect();
    assert_eq!(world.keeper.next(world.now), Step::Dump(keys));
}

#[test]
fn a_verdict_goes_ahead_of_a_long_list() {
    let mut world = World::new(Kernel::default(), many(100));
    step(&mut world);
    for _ in 0..3 {
        step(&mut world);
    }
    let first = tcp("192.0.2.1", 1);
    world.want(first, Some(entry(&[0; 20])));
    world.sent.clear();
    step(&mut world);
    let sets = world
        .sent
        .iter()
        .filter(|op| matches!(op, IpvsOp::SetDestination(..)));
    assert_eq!(sets.count(), 20, "{:?}", world.sent);
    assert_eq!(world.sent.len(), BATCH);
}

/// What keeps being refused is told once, tried again after 1, 2, 4 … 60 seconds,
/// and does not keep the rest from being right.
#[test]
fn a_hopeless_entry_is_tried_ever_less_often() {
    let hopeless = tcp("192.0.2.1", 81);
    let mut table = one(web(), entry(&[1, 1]));
    let mut wrong = entry(&[1, 1]);
    wrong.service.scheduler = "nosuch".to_owned();
    table.services.insert(hopeless, wrong.clone());
    let mut world = World::new(Kernel::default(), table);
    let start = world.now;
    let mut tried = Vec::new();
    while world.now < start + Duration::from_secs(200) {
        let sent = world.sent.len();
        if let Some(until) = world.step(Faults::default()) {
            world.now = until.unwrap();
        }
        let ops = &world.sent[sent..];
        if ops.contains(&IpvsOp::NewService(hopeless, wrong.service.clone())) {
            tried.push((world.now - start).as_secs());
        }
    }
    assert_eq!(tried, [0, 1, 3, 7, 15, 31, 63, 123, 183]);
    assert_eq!(world.kernel.services[&web()].1.len(), 2);
    assert_eq!(
        world.notes,
        [Note::Refused {
            op: IpvsOp::NewService(hopeless, wrong.service.clone()),
            error: OpError::UnknownScheduler("nosuch".to_owned()),
            retry_at: start + Duration::from_secs(1),
        }]
    );
    assert_eq!(world.keeper.refused().count(), 1);

    // A changed configuration is tried at once.
    let mut right = wrong;
    right.service.scheduler = "wlc".to_owned();
    world.want(hopeless, Some(right.clone()));
    step(&mut world);
    let accepted = IpvsOp::NewService(hopeless, right.service);
    assert_eq!(world.notes[1..], [Note::Accepted { op: accepted }]);
    world.run(Duration::from_secs(1));
    world.assert_as_wanted();
    assert!(world.keeper.is_settled());
}

#[test]
fn a_refused_real_server_does_not_hold_up_the_others() {
    let mut wanted = entry(&[1, 1, 1]);
    wanted.destinations[1].lower_threshold = 5;
    let mut world = World::new(Kernel::default(), one(web(), wanted));
    world.run(Duration::from_secs(100));
    world.assert_as_wanted();
    assert_eq!(world.kernel.services[&web()].1.len(), 2);
    assert_eq!(world.notes.len(), 1, "{:?}", world.notes);
}

#[test]
fn a_table_that_was_emptied_is_put_back_at_the_next_audit() {
    let mut world = settled(many(3));
    world.kernel.services.clear();
    let ops = world.run(AUDIT_INTERVAL);
    assert_eq!(ops.len(), 3 * 21);
    world.assert_as_wanted();
    let repaired = |port| Note::Repaired {
        key: tcp("192.0.2.1", port),
        changes: vec![Repair::ServiceMissing],
    };
    assert_eq!(world.notes, [repaired(1), repaired(2), repaired(3)]);
}

#[test]
fn a_repair_tells_what_was_different() {
    let mut world = settled(one(web(), entry(&[1, 1, 1])));
    for op in [
        IpvsOp::SetService(web(), service("wlc")),
        IpvsOp::SetDestination(web(), server(1), weight(7)),
        IpvsOp::DeleteDestination(web(), server(2)),
        IpvsOp::NewDestination(web(), server(9), weight(1)),
    ] {
        world.foreign(&op);
    }
    world.run(AUDIT_INTERVAL);
    let [Note::Repaired { changes, .. }] = &world.notes[..] else {
        panic!("{:?}", world.notes);
    };
    assert_eq!(
        changes[..],
        [
            Repair::ServiceChanged {
                found: changes_found("wlc"),
                wanted: service("rr")
            },
            Repair::DestinationMissing(server(2)),
            Repair::DestinationChanged {
                server: server(1),
                found: weight(7),
                wanted: weight(1)
            },
            Repair::DestinationAdded(server(9)),
        ]
    );
    assert_eq!(
        world.notes[0].to_string(),
        "virtual server [192.0.2.1]:tcp:80 was changed by someone else and put right: \
         it had scheduler wlc instead of rr, real server 10.0.0.2:80 was missing, \
         real server 10.0.0.1:80 had weight 7 instead of 1, real server 10.0.0.9:80 was not ours; \
         to take a real server out of service: ipvsd drain TCP 192.0.2.1:80 10.0.0.2:80"
    );
}

/// Whatever was refused, what there is of the virtual server is looked at before anything
/// else is done to it.
#[test]
fn after_a_refused_operation_the_table_is_looked_at() {
    let mut wrong = entry(&[1, 1]);
    wrong.service.scheduler = "nosuch".to_owned();
    let now = Moment::since_boot(Duration::from_secs(1));
    let mut keeper = Keeper::new([], Duration::from_secs(3_600));
    keeper.want_all(one(web(), wrong));
    let look = Step::Dump([web()].into());
    assert_eq!(keeper.next(now), look);
    keeper.dumped(now, Ok(Table::default()));
    let Step::Execute(ops) = keeper.next(now) else {
        panic!("nothing is done");
    };
    let refused = OpError::UnknownScheduler("nosuch".to_owned());
    let results = ops.into_iter().map(|op| (op, Err(refused.clone())));
    keeper.executed(now, results.collect());
    assert_eq!(keeper.next(now), look);
}

/// An admin's own `ipvsadm -e` with weight 0 is undone with a hint at how it is done.
#[test]
fn who_takes_a_server_out_by_hand_is_told_how() {
    let found = weight(0);
    let changed = |found, wanted| Note::Repaired {
        key: web(),
        changes: vec![Repair::DestinationChanged {
            server: server(1),
            found,
            wanted,
        }],
    };
    let wanted = weight(3);
    assert_eq!(
        changed(found, wanted).to_string(),
        "virtual server [192.0.2.1]:tcp:80 was changed by someone else and put right: \
         real server 10.0.0.1:80 had weight 0 instead of 3; \
         to take a real server out of service: ipvsd drain TCP 192.0.2.1:80 10.0.0.1:80"
    );
    let said = changed(wanted, found).to_string();
    assert!(!said.contains("drain"), "{said}");
}

/// Another program that edits the table all the time is told of in full once, for each
/// thing that it changes, and then with a count.
#[test]
fn what_others_do_again_and_again_is_summed_up() {
    let mut world = settled(one(web(), entry(&[1, 1])));
    let start = world.now;
    let mut told = Vec::new();
    for round in 0..32 {
        world.foreign(&IpvsOp::SetDestination(web(), server(1), weight(round + 2)));
        world.run(AUDIT_INTERVAL);
        world.assert_as_wanted();
        let notes = world.notes.drain(..);
        told.extend(notes.map(|note| ((world.now - start).as_secs(), note.to_string())));
    }
    let texts: Vec<_> = told.iter().map(|(at, text)| (*at, text.as_str())).collect();
    assert_eq!(
        texts[..3],
        [
            (
                10,
                "virtual server [192.0.2.1]:tcp:80 was changed by someone else and put right: \
                 real server 10.0.0.1:80 had weight 2 instead of 1"
            ),
            (
                80,
                "someone else goes on changing the table: put right 6 times more within 60 s, \
                 in 1 virtual server; the last, [192.0.2.1]:tcp:80: \
                 real server 10.0.0.1:80 had weight 8 instead of 1"
            ),
            (
                140,
                "someone else goes on changing the table: put right 6 times more within 60 s, \
                 in 1 virtual server; the last, [192.0.2.1]:tcp:80: \
                 real server 10.0.0.1:80 had weight 14 instead of 1"
            ),
        ]
    );
    assert_eq!(texts.len(), 6, "{texts:#?}");

    // Something else is news, and so is the same after a time in which all was well.
    world.foreign(&IpvsOp::DeleteDestination(web(), server(1)));
    world.run(AUDIT_INTERVAL);
    assert!(
        matches!(world.notes[..], [Note::Repaired { .. }]),
        "{:?}",
        world.notes
    );
    world.run(Duration::from_secs(120));
    world.notes.clear();
    world.foreign(&IpvsOp::SetDestination(web(), server(1), weight(2)));
    world.run(AUDIT_INTERVAL);
    assert!(
        matches!(world.notes[..], [Note::Repaired { .. }]),
        "{:?}",
        world.notes
    );
}

/// A table that was emptied is one event, not as many as it has virtual servers.
#[test]
fn of_much_at_once_the_first_is_told_and_the_rest_counted() {
    let mut world = settled(many(1000));
    world.kernel.services.clear();
    world.run(AUDIT_INTERVAL);
    world.assert_as_wanted();
    assert_eq!(world.notes.len(), 20);
    world.notes.clear();
    world.run(Duration::from_secs(70));
    let [
        Note::RepairedAgain {
            services: 980,
            times: 980,
            ..
        },
    ] = world.notes[..]
    else {
        panic!("{:?}", world.notes)
    };
}

/// As the kernel reports it, with the flag that it sets by itself.
fn changes_found(scheduler: &str) -> ipvsd::lvs::Service {
    let mut found = service(scheduler);
    found.flags.0 |= 0x2;
    found
}

#[test]
fn a_contradiction_is_looked_into_at_once() {
    let mut world = settled(one(web(), entry(&[1])));
    // Someone has added what we are about to add.
    world.foreign(&IpvsOp::NewDestination(web(), server(2), weight(5)));
    world.want(web(), Some(entry(&[1, 1])));
    step(&mut world);
    assert_eq!(world.keeper.next(world.now), Step::Dump([web()].into()));
    let table = world.kernel.dump(|_| true, |_| ());
    assert_eq!(world.keeper.dumped(world.now, Ok(table)), []);
    world.run(Duration::ZERO);
    world.assert_as_wanted();
}

#[test]
fn all_is_released_without_a_look() {
    let mut world = settled(many(1000));
    world.keeper.release_all();
    world.wanted = Table::default();
    let mut steps = 0;
    while world.step(Faults::default()).is_none() {
        steps += 1;
    }
    assert_eq!(steps, 1000usize.div_ceil(BATCH));
    assert_eq!(world.sent.len(), 1000);
    assert!(world.kernel.services.is_empty());
    assert_eq!(world.keeper.owned().count(), 0);
    assert!(world.keeper.is_settled());
    assert_eq!(world.keeper.next(world.now), Step::Wait(None));
}

#[test]
fn what_is_new_is_there_before_the_old_goes() {
    let mut world = settled(one(web(), entry(&[1])));
    let new = tcp("192.0.2.1", 443);
    world.want_all(one(new, entry(&[1])));
    world.run(Duration::ZERO);
    assert_eq!(
        world.sent,
        [
            IpvsOp::NewService(new, service("rr")),
            IpvsOp::NewDestination(new, server(1), weight(1)),
            IpvsOp::DeleteService(web()),
        ]
    );
}

/// Nothing is waited for, neither a first look nor the end of a dump under way.
#[test]
fn an_interrupted_start_is_released_too() {
    let mut keeper = Keeper::new([web()], AUDIT_INTERVAL);
    let now = Moment::default();
    let new = tcp("192.0.2.1", 81);
    keeper.want_all(one(new, entry(&[1])));
    assert_eq!(keeper.next(now), Step::Dump([new, web()].into()));
    keeper.release_all();
    assert_eq!(
        keeper.owned().collect::<Vec<_>>(),
        [&web()],
        "the new one is not there"
    );
    let interrupted = Err(OpError::Lost(Loss::Interrupted));
    assert_eq!(keeper.dumped(now, interrupted), []);
    assert_eq!(
        keeper.next(now),
        Step::Execute(vec![IpvsOp::DeleteService(web())])
    );
    let gone = vec![(IpvsOp::DeleteService(web()), Err(OpError::NoSuchService))];
    let released = Note::Released {
        key: web(),
        was_there: false,
    };
    assert_eq!(keeper.executed(now, gone), [released]);
    assert_eq!(keeper.next(now), Step::Wait(None));
    assert!(keeper.is_settled());
}

#[test]
fn without_a_right_all_waits_and_is_told_once() {
    let mut world = World::new(Kernel::default(), many(20));
    step(&mut world);
    let start = world.now;
    let mut tried = Vec::new();
    for _ in 0..8 {
        let ops = vec![OpFault::Refused(EPERM); BATCH];
        match world.step(Faults {
            ops,
            ..Faults::default()
        }) {
            None => tried.push((world.now - start).as_secs()),
            Some(until) => world.now = until.unwrap(),
        }
    }
    assert_eq!(tried, [0, 1, 3, 7]);
    assert_eq!(
        world.notes,
        [Note::Unreachable {
            error: OpError::NotPermitted,
            retry_at: start + Duration::from_secs(1),
        }]
    );
    world.notes.clear();
    world.run(Duration::from_secs(60));
    assert_eq!(world.notes, [Note::Reachable]);
    world.assert_as_wanted();
}

/// A look that fails while operations go through, as with a buffer that is too small:
/// once a minute it is told, not each time.
#[test]
fn what_comes_and_goes_is_told_once_a_minute() {
    let mut world = settled(many(2));
    let start = world.now;
    let mut last = 0;
    while world.now < start + Duration::from_secs(150) {
        last += 1;
        world.want(tcp("192.0.2.1", 1), Some(entry(&[last % 7 + 2; 20])));
        step(&mut world);
        world.keeper.audit_soon();
        for _ in 0..2 {
            let lost = Faults {
                dump: Some(105),
                ..Faults::default()
            };
            world.step(lost);
        }
        world.run(Duration::from_secs(3));
    }
    let unreachable = |note: &&Note| matches!(note, Note::Unreachable { .. });
    let reachable = |note: &&Note| matches!(note, Note::Reachable);
    assert_eq!(
        world.notes.iter().filter(unreachable).count(),
        3,
        "{:?}",
        world.notes
    );
    assert_eq!(
        world.notes.iter().filter(reachable).count(),
        3,
        "{:?}",
        world.notes
    );
    world.assert_as_wanted();
}

/// A virtual server that is wanted for a moment and then not is left to whom it
/// belongs.
#[test]
fn what_was_never_looked_at_is_not_removed() {
    let mut kernel = Kernel::default();
    kernel
        .apply(&IpvsOp::NewService(web(), service("rr")))
        .unwrap();
    let mut world = World::new(kernel, Table::default());
    world.want(web(), Some(entry(&[1])));
    world.want(web(), None);
    world.run(Duration::from_secs(100));
    assert!(world.sent.is_empty());
}

#[test]
fn other_virtual_servers_in_a_dump_are_ignored() {
    let mut keeper = Keeper::new([], AUDIT_INTERVAL);
    let now = Moment::default();
    keeper.want_all(one(web(), entry(&[1])));
    keeper.next(now);
    let mut table = one(web(), entry(&[1]));
    table.services.insert(tcp("192.0.2.9", 80), entry(&[1]));
    keeper.dumped(now, Ok(table));
    assert_eq!(keeper.next(now), Step::Wait(Some(now + AUDIT_INTERVAL)));
    assert_eq!(keeper.owned().collect::<Vec<_>>(), [&web()]);
    let unknown = DestinationKey {
        port: 81,
        ..server(1)
    };
    assert!(
        keeper
            .believed(&web())
            .unwrap()
            .destinations
            .get(&unknown)
            .is_none()
    );
}
