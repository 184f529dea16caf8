//! What holds whatever happens.

use std::collections::HashSet;
use std::time::Duration;

use ipvsd::lvs::types::ServiceKey;
use ipvsd::lvs::{Entry, IpvsOp, Note, Table, reconcile, reconcile_service};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::kernel::Kernel;
use crate::values::{any_tables, entries, entry, events, ops, tables, wantable, weight};
use crate::world::{AUDIT_INTERVAL, Event, World};

fn loaded(table: &Table) -> Kernel {
    let mut kernel = Kernel::default();
    for (key, entry) in &table.services {
        let _ = kernel.apply(&IpvsOp::NewService(*key, entry.service.clone()));
        for (server, to) in &entry.destinations {
            let _ = kernel.apply(&IpvsOp::NewDestination(*key, *server, *to));
        }
    }
    kernel
}

/// How many parts differ, counted without looking at operations.
fn differences(key: &ServiceKey, wanted: Option<&Entry>, actual: Option<&Entry>) -> usize {
    let _ = key;
    match (wanted, actual) {
        (None, None) => 0,
        (None, Some(_)) => 1,
        (Some(wanted), None) => 1 + wanted.destinations.len(),
        (Some(wanted), Some(actual)) => {
            let servers: HashSet<_> = wanted
                .destinations
                .keys()
                .chain(actual.destinations.keys())
                .collect();
            let other = servers.into_iter().filter(|server| {
                wanted.destinations.get(*server) != actual.destinations.get(*server)
            });
            usize::from(wanted.service != actual.service) + other.count()
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// The operations lead from any table to the wanted one, each of them is needed,
    /// the kernel takes all of them, and what is not ours stays.
    #[test]
    fn operations_lead_to_what_is_wanted(
        wanted in tables(),
        mut actual in any_tables(),
        owned in proptest::sample::subsequence(wantable(), 0..=6),
    ) {
        let owned: HashSet<_> = owned.into_iter().collect();
        let before = actual.clone();
        let ops = reconcile(&wanted, &actual, &owned);
        let needed: usize = wantable()
            .iter()
            .filter(|key| owned.contains(*key) || wanted.services.contains_key(*key))
            .map(|key| differences(key, wanted.services.get(key), actual.services.get(key)))
            .sum();
        prop_assert_eq!(ops.len(), needed);
        for op in &ops {
            prop_assert_eq!(actual.apply(op), Ok(()));
        }
        for (key, entry) in &wanted.services {
            prop_assert_eq!(actual.services.get(key), Some(entry));
        }
        for (key, entry) in &before.services {
            if !wanted.services.contains_key(key) {
                let expected = (!owned.contains(key)).then_some(entry);
                prop_assert_eq!(actual.services.get(key), expected);
            }
        }
        prop_assert!(reconcile(&wanted, &actual, &owned).is_empty());
    }

    /// On the way from one set of real servers to another, those that are in both
    /// are always there, and where both can serve there is always one that can.
    #[test]
    fn a_client_is_never_left_without(old in entries(), new in entries()) {
        let key = wantable()[0];
        let serves = |entry: &Entry| entry.destinations.values().any(|to| to.weight > 0);
        let both_serve = serves(&old) && serves(&new);
        let mut table = Table::default();
        table.services.insert(key, old.clone());
        for op in reconcile_service(&key, Some(&new), Some(&old)) {
            table.apply(&op).unwrap();
            let now = &table.services[&key];
            for server in old.destinations.keys() {
                if new.destinations.contains_key(server) {
                    prop_assert!(now.destinations.contains_key(server));
                }
            }
            prop_assert!(!both_serve || serves(now), "nobody serves after {}", op);
        }
    }

    /// Whatever goes wrong, when it no longer does the table is as wanted within two
    /// audits and the longest pause, and then nothing is done any more but trying
    /// what the kernel does not take. What is not ours was never touched, which the
    /// world checks all along.
    #[test]
    fn the_table_becomes_as_wanted(
        before in any_tables(),
        wanted in tables(),
        events in vec(events(true), 0..60),
    ) {
        let mut world = World::new(loaded(&before), wanted);
        for event in events {
            world.happen(event);
        }
        world.run(AUDIT_INTERVAL * 2 + Duration::from_secs(60));
        world.assert_as_wanted();
        let told = world.notes.len();
        let more = world.run(Duration::from_secs(300));
        for note in &world.notes[told..] {
            // What had happened before.
            prop_assert!(matches!(note, Note::RepairedAgain { .. }), "{}", note);
        }
        for op in more {
            prop_assert!(
                world.is_hopeless(op.service(), op.destination().as_ref()),
                "{} though all is as wanted", op
            );
        }
        // One more release, and nothing of ours is left.
        world.want_all(Table::default());
        world.run(AUDIT_INTERVAL);
        prop_assert_eq!(world.keeper.owned().count(), 0);
        prop_assert!(world.keeper.is_settled());
    }

    /// While nobody interferes nobody is accused of it, even if answers are lost and
    /// processes die; and a refusal is told once, until the operation goes through.
    #[test]
    fn the_notes_are_true(wanted in tables(), events in vec(events(false), 0..60)) {
        let mut world = World::new(Kernel::default(), wanted);
        for event in events {
            if matches!(event, Event::Crash) {
                world.notes.clear();
            }
            world.happen(event);
        }
        world.run(Duration::from_secs(300));
        world.assert_as_wanted();
        for note in &world.notes {
            let accuses = matches!(note, Note::Repaired { .. } | Note::RepairedAgain { .. });
            prop_assert!(!accuses, "{}", note);
        }
        // In the table there is exactly what is wanted and possible.
        for key in world.kernel.services.keys() {
            prop_assert!(world.wanted.services.contains_key(key));
        }
    }

    /// What others have changed is put right within the audit interval, and told.
    #[test]
    fn drift_is_repaired(wanted in tables(), edits in vec(ops(), 1..8)) {
        let mut world = World::new(Kernel::default(), wanted);
        world.run(Duration::from_secs(100));
        let settled = world.kernel.clone();
        let noted = world.notes.len();
        edits.iter().for_each(|op| world.foreign(op));
        let ours = |kernel: &Kernel| {
            let mut kernel = kernel.clone();
            kernel.services.retain(|key, _| world.wanted.services.contains_key(key));
            kernel
        };
        let drifted = ours(&world.kernel) != ours(&settled);
        // A hopeless virtual server that others have made possible is adopted.
        let hopeless = wantable().iter().any(|key| world.is_hopeless(key, None));
        let more = world.run(AUDIT_INTERVAL);
        world.assert_as_wanted();
        let repaired = world.notes[noted..].iter().any(|note| matches!(note, Note::Repaired { .. }));
        if !drifted {
            prop_assert!(!repaired);
        } else if !hopeless && !more.is_empty() {
            prop_assert!(repaired, "{:?}", &world.notes[noted..]);
        }
    }

    /// Weights come and go, answers are lost and processes die, but no real server is
    /// ever absent.
    #[test]
    fn changing_weights_removes_nobody(
        weights in vec(vec(1..9u32, 4), 1..8),
        faults in vec(events(false), 0..30),
    ) {
        let key = wantable()[0];
        let table = |weights: &[u32]| Table { services: [(key, entry(weights))].into() };
        let mut world = World::new(Kernel::default(), table(&weights[0]));
        world.run(Duration::from_secs(1));
        world.watch = |world| {
            let servers = world.kernel.services.values().map(|(_, servers)| servers.len());
            assert_eq!(servers.sum::<usize>(), 4);
        };
        let mut weights = weights.iter().cycle();
        for event in faults {
            match event {
                Event::Want(..) | Event::WantPool(..) => {
                    let mut changed = entry(weights.next().unwrap());
                    changed.destinations.values_mut().for_each(|to| *to = weight(to.weight));
                    world.want(key, Some(changed));
                }
                Event::WantAll(_) => world.want_all(table(weights.next().unwrap())),
                Event::Step(mut faults) => {
                    faults.want = None;
                    world.happen(Event::Step(faults));
                }
                other => world.happen(other),
            }
        }
        world.run(Duration::from_secs(100));
        world.assert_as_wanted();
    }
}
