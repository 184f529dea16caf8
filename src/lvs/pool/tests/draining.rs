//! Draining, by hand and after a removal. keepalived has neither.

use super::*;
use crate::lvs::connections::Connections;

fn drains(numbers: &[u8]) -> Drains {
    let mut drains = Drains::default();
    for number in numbers {
        drains.insert(one_service().into(), destination_key(*number), 1_000);
    }
    drains
}

fn one_service() -> ServiceKey {
    virtual_server(1, 0, Vec::new()).services[0]
}

fn drain(pool: &mut Pool, numbers: &[u8]) -> Vec<String> {
    lines(&pool.set_drains(&drains(numbers)))
}

/// With a `drain_timeout` of 30 s.
fn patient(server: RealServer) -> RealServer {
    RealServer {
        drain_timeout: Duration::from_secs(30),
        ..server
    }
}

/// The pool of this configuration after `pool`, at that time.
fn reload_at(pool: &Pool, virtual_server: &VirtualServer, seconds: u64) -> (Pool, Vec<String>) {
    let mut memory = Memory::default();
    pool.remember(&mut memory);
    let (pool, events) = Pool::new(&model(), virtual_server, &memory, at(seconds));
    (pool, lines(&events))
}

/// These have so many established connections.
fn counts(connections: &[(u8, u32)]) -> Counts {
    let counted = connections.iter().map(|(number, active)| {
        let counted = Connections {
            active: *active,
            inactive: 7,
            persistent: 0,
        };
        ((one_service(), destination_key(*number)), counted)
    });
    counted.collect()
}

#[test]
fn a_drained_server_keeps_its_connections_and_does_not_count() {
    let (mut pool, _) = start(&virtual_server(1, 0, vec![server(11, 3), server(12, 2)]));
    assert_eq!(
        drain(&mut pool, &[11]),
        ["Draining service 11 of VS: it gets no new connections until `ipvsd undrain`"]
    );
    assert_eq!(table(&pool), "11=0 12=2");
    assert_eq!(pool.weight_alive(), 2);
    assert_eq!(drain(&mut pool, &[11]), [""; 0]);
    // Down it goes as any other, and back it comes drained.
    set(&mut pool, slot(0, 0), false);
    assert_eq!(table(&pool), "12=2");
    set(&mut pool, slot(0, 0), true);
    assert_eq!(table(&pool), "11=0 12=2");
    assert_eq!(
        drain(&mut pool, &[]),
        ["Draining service 11 of VS is over: it has weight 3 again"]
    );
    assert_eq!(table(&pool), "11=3 12=2");
}

#[test]
fn the_last_one_that_is_drained_calls_the_sorry_server() {
    let servers = vec![server(11, 1), server(12, 1)];
    let (mut pool, _) = start(&with_sorry(virtual_server(1, 0, servers), 99));
    drain(&mut pool, &[11]);
    assert_eq!(table(&pool), "11=0 12=1");
    assert_eq!(
        drain(&mut pool, &[11, 12]),
        [
            "Draining service 12 of VS: it gets no new connections until `ipvsd undrain`",
            "Lost quorum 1-0=1 > 0 for VS",
            "Adding sorry server 99 to VS",
            "Removing alive servers from the pool for VS",
        ]
    );
    // Unlike others that make way for it, they keep their connections.
    assert_eq!(table(&pool), "11=0 12=0 99=1");
    drain(&mut pool, &[11]);
    assert_eq!(table(&pool), "11=0 12=1");
}

#[test]
fn it_stays_drained_over_a_reload_and_a_restart() {
    let conf = virtual_server(1, 0, vec![server(11, 1), server(12, 1)]);
    let (mut pool, _) = start(&conf);
    drain(&mut pool, &[11]);
    let mut memory = Memory {
        drains: drains(&[11]),
        ..Memory::default()
    };
    let (fresh, _) = Pool::new(&model(), &conf, &memory, at(5));
    assert_eq!(table(&fresh), "11=0 12=1");
    pool.remember(&mut memory);
    let (after, events) = Pool::new(&model(), &conf, &memory, at(5));
    assert_eq!(lines(&events), [""; 0]);
    assert_eq!(table(&after), "11=0 12=1");
}

#[test]
fn who_is_taken_out_is_drained_first() {
    let (pool, _) = start(&virtual_server(
        1,
        0,
        vec![patient(server(11, 1)), server(12, 1), server(13, 1)],
    ));
    let (mut pool, told) = reload_at(&pool, &virtual_server(1, 0, vec![server(13, 1)]), 100);
    assert_eq!(
        told,
        ["Draining service 11, which is no longer in the configuration of VS, for at most 30 s"]
    );
    // The other one says no time.
    assert_eq!(table(&pool), "13=1 11=0");
    assert_eq!(pool.weight_alive(), 1);
    assert_eq!(pool.next_departure(), Some(at(130)));
    assert_eq!(pool.counted_in().collect::<Vec<_>>(), [one_service()]);

    assert_eq!(
        lines(&pool.depart(Some(&counts(&[(11, 2)])), at(102))),
        [""; 0]
    );
    // Those that are ending do not count with TCP.
    assert_eq!(
        lines(&pool.depart(Some(&counts(&[(11, 0)])), at(103))),
        ["Removing service 11 from VS: it is drained"]
    );
    assert_eq!(table(&pool), "13=1");
    assert_eq!(pool.next_departure(), None);
    assert_eq!(pool.counted_in().count(), 0);
}

#[test]
fn a_handshake_has_a_moment() {
    let (pool, _) = start(&virtual_server(
        1,
        0,
        vec![patient(server(11, 1)), server(12, 1)],
    ));
    let (mut pool, _) = reload_at(&pool, &virtual_server(1, 0, vec![server(12, 1)]), 100);
    assert_eq!(pool.depart(Some(&counts(&[])), at(100)), []);
    assert_eq!(pool.depart(Some(&counts(&[])), at(101)).len(), 1);
}

#[test]
fn its_time_is_up() {
    let (pool, _) = start(&virtual_server(
        1,
        0,
        vec![patient(server(11, 1)), server(12, 1)],
    ));
    let (mut pool, _) = reload_at(&pool, &virtual_server(1, 0, vec![server(12, 1)]), 100);
    assert_eq!(pool.depart(None, at(129)), []);
    assert_eq!(
        lines(&pool.depart(Some(&counts(&[(11, 3)])), at(130))),
        ["Removing service 11 from VS: its time is up, with 3 connections left"]
    );
    assert_eq!(table(&pool), "12=1");
}

/// Also by another process after the first one: what it must know is in the memory.
#[test]
fn another_reload_and_another_process_go_on_with_it() {
    let first = virtual_server(1, 0, vec![patient(server(11, 1)), server(12, 1)]);
    let without = virtual_server(1, 0, vec![server(12, 1)]);
    let (pool, _) = start(&first);
    let (pool, _) = reload_at(&pool, &without, 100);
    let (pool, told) = reload_at(&pool, &without, 110);
    assert_eq!(told, [""; 0]);
    assert_eq!(table(&pool), "12=1 11=0");
    assert_eq!(pool.next_departure(), Some(at(130)));

    // Put back meanwhile.
    let (back, told) = reload_at(&pool, &first, 115);
    assert_eq!(
        told,
        ["Draining service 11 is over: it is in the configuration of VS again"]
    );
    assert_eq!(table(&back), "11=1 12=1");
    assert_eq!(back.next_departure(), None);

    // A process that comes too late.
    let (late, told) = reload_at(&pool, &without, 200);
    assert_eq!(told, ["Removing service 11 from VS: its time is up"]);
    assert_eq!(table(&late), "12=1");
}

#[test]
fn who_was_not_in_the_table_has_nothing_to_drain() {
    let conf = virtual_server(
        1,
        0,
        vec![
            patient(server(11, 1)),
            patient(inhibited(server(12, 1))),
            server(13, 1),
        ],
    );
    let (mut pool, _) = start(&conf);
    set(&mut pool, slot(0, 0), false);
    set(&mut pool, slot(1, 0), false);
    let (pool, told) = reload_at(&pool, &virtual_server(1, 0, vec![server(13, 1)]), 100);
    assert_eq!(told.len(), 1);
    assert_eq!(table(&pool), "13=1 12=0");
}
