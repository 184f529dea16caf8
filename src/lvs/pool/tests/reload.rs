//! Another file, or another checker, for the same pool.

use super::*;

/// A pool of 11 (down) and 12 (up), both weighing 1.
fn with_one_down(servers: [RealServer; 2]) -> Pool {
    let (mut pool, _) = start(&with_sorry(virtual_server(1, 0, servers.into()), 19));
    set(&mut pool, slot(0, 0), false);
    pool
}

#[test]
fn at_a_reload_servers_stay_what_they_were() {
    let nothing: &[&str] = &[];
    let two = [server(11, 1), server(12, 1)];
    let pool = with_one_down(two.clone());
    let other = |server: &RealServer| checked_by(server.clone(), vec![tcp(11, 8080)]);
    for (servers, said, wanted) in [
        (two.to_vec(), nothing, "12=1"),
        // In another order.
        (vec![two[1].clone(), two[0].clone()], nothing, "12=1"),
        // Another question: the one that was down stays so, the other stays up, even
        // with alpha.
        (vec![other(&two[0]), two[1].clone()], nothing, "12=1"),
        (vec![two[0].clone(), alpha(other(&two[1]))], nothing, "12=1"),
        // A further check.
        (
            vec![
                checked_by(two[0].clone(), vec![tcp(11, 80), tcp(11, 81)]),
                checked_by(two[1].clone(), vec![tcp(12, 80), tcp(12, 81)]),
            ],
            nothing,
            "12=1",
        ),
        // No check any more.
        (
            vec![checked_by(two[0].clone(), vec![]), two[1].clone()],
            &["Adding service 11 to VS"],
            "11=1 12=1",
        ),
        (
            vec![server(11, 3), server(12, 4)],
            &[
                "Changing weight from 1 to 3 for inactive service 11 of VS",
                "Changing weight from 1 to 4 for active service 12 of VS",
            ],
            "12=4",
        ),
        (
            vec![inhibited(two[0].clone()), two[1].clone()],
            nothing,
            "11=0 12=1",
        ),
        // New ones begin up, with alpha down.
        (vec![two[1].clone(), server(13, 1)], nothing, "12=1 13=1"),
        (vec![two[1].clone(), alpha(server(13, 1))], nothing, "12=1"),
    ] {
        let changed = with_sorry(virtual_server(1, 0, servers.clone()), 19);
        let (after, lines) = reload(&pool, &changed);
        assert_eq!(lines, said, "{servers:?}");
        assert_eq!(table(&after), wanted, "{servers:?}");
    }
}

#[test]
fn at_a_reload_the_quorum_follows_the_new_numbers() {
    let two = vec![server(11, 1), server(12, 1)];
    let pool = with_one_down([server(11, 1), server(12, 1)]);
    let (raised, said) = reload(&pool, &with_sorry(virtual_server(2, 0, two.clone()), 19));
    assert_eq!(
        said,
        [
            "Lost quorum 2-0=2 > 1 for VS",
            "Adding sorry server 19 to VS",
            "Removing alive servers from the pool for VS",
        ]
    );
    assert_eq!(table(&raised), "19=1");
    let (other_sorry, said) = reload(&raised, &with_sorry(virtual_server(2, 0, two.clone()), 18));
    assert_eq!(
        said,
        [
            "Removing sorry server 19 from VS",
            "Adding sorry server 18 to VS"
        ]
    );
    assert_eq!(table(&other_sorry), "18=1");
    let (without, said) = reload(&other_sorry, &virtual_server(2, 0, two.clone()));
    assert_eq!(
        said,
        [
            "Removing sorry server 18 from VS",
            "Adding alive servers to the pool for VS"
        ]
    );
    assert_eq!(table(&without), "12=1");
    // Between the thresholds the quorum stays as it was: down here, up there.
    let wide = with_sorry(virtual_server(2, 1, two), 19);
    assert_eq!(table(&reload(&without, &wide).0), "19=1");
    assert_eq!(table(&reload(&pool, &wide).0), "12=1");
}

#[test]
fn a_handover_tells_nothing_twice() {
    let servers = [server(11, 1), server(12, 1)];
    let mut pool = with_one_down(servers.clone());
    set(&mut pool, slot(1, 0), false);
    assert_eq!(table(&pool), "19=1");
    let mut memory = Memory::default();
    pool.remember(&mut memory);
    let bytes = postcard::to_stdvec(&memory).unwrap();
    let handed: Memory = postcard::from_bytes(&bytes).unwrap();
    let same = with_sorry(virtual_server(1, 0, servers.into()), 19);
    let (successor, events) = Pool::new(&model(), &same, &handed, at(50));
    assert_eq!(events, []);
    assert_eq!(entry(&successor), entry(&pool));
    let verdicts = |pool: &Pool| -> Vec<_> {
        let checks = pool.checks();
        checks
            .map(|(_, key, verdict)| (key, verdict.clone()))
            .collect()
    };
    assert_eq!(verdicts(&successor), verdicts(&pool));
}

#[test]
fn what_the_model_no_longer_has_is_forgotten() {
    let pool = with_one_down([server(11, 1), server(12, 1)]);
    let mut memory = Memory::default();
    pool.remember(&mut memory);
    let mut model = model();
    model.virtual_servers = vec![virtual_server(1, 0, vec![server(11, 1)])];
    memory.keep_only(&model);
    assert_eq!(memory.verdicts.len(), 1);
    assert_eq!(memory.pools.len(), 1);
    model.virtual_servers.clear();
    memory.keep_only(&model);
    assert_eq!(memory, Memory::default());
}

#[test]
fn a_weight_that_a_check_may_no_longer_set_falls_back() {
    let dynamic = checked_by(server(11, 7), vec![misc(0, true)]);
    let (mut pool, _) = start(&virtual_server(1, 0, vec![dynamic]));
    set_status(&mut pool, slot(0, 0), 10);
    let plain = checked_by(server(11, 7), vec![misc(0, false)]);
    let (pool, said) = reload(&pool, &virtual_server(1, 0, vec![plain]));
    assert_eq!(
        said,
        ["Changing weight from 8 to 7 for active service 11 of VS"]
    );
    assert_eq!(table(&pool), "11=7");
}

#[test]
fn an_answer_that_comes_after_its_check_has_gone_changes_nothing() {
    let (mut pool, _) = start(&virtual_server(1, 0, vec![server(11, 1)]));
    for place in [slot(0, 1), slot(1, 0)] {
        assert_eq!(set(&mut pool, place, false), Vec::<String>::new());
    }
    assert_eq!(table(&pool), "11=1");
}
