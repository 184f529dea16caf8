//! A pool from its start on: quorum, sorry server, weights.

use super::*;

#[test]
fn quorum_of_two_without_a_sorry_server() {
    let servers = vec![server(11, 1), server(12, 1), server(13, 1)];
    let (mut pool, said) = start(&virtual_server(2, 0, servers));
    assert_eq!(said, ["Gained quorum 2+0=2 <= 3 for VS"]);
    assert_eq!(table(&pool), "11=1 12=1 13=1");
    assert_steps(
        fall_and_rise(&mut pool),
        &[
            (
                &["Removing service 11 from VS: connection refused"],
                "12=1 13=1",
            ),
            (
                &[
                    "Removing service 12 from VS: connection refused",
                    "Lost quorum 2-0=2 > 1 for VS",
                ],
                "13=1",
            ),
            (&["Removing service 13 from VS: connection refused"], ""),
            (&["Adding service 11 to VS"], "11=1"),
            (
                &["Adding service 12 to VS", "Gained quorum 2+0=2 <= 2 for VS"],
                "11=1 12=1",
            ),
            (&["Adding service 13 to VS"], "11=1 12=1 13=1"),
        ],
    );
}

#[test]
fn quorum_of_two_with_a_sorry_server() {
    let servers = vec![server(11, 1), server(12, 1), server(13, 1)];
    let (mut pool, _) = start(&with_sorry(virtual_server(2, 0, servers), 19));
    assert_steps(
        fall_and_rise(&mut pool),
        &[
            (
                &["Removing service 11 from VS: connection refused"],
                "12=1 13=1",
            ),
            (
                &[
                    "Removing service 12 from VS: connection refused",
                    "Lost quorum 2-0=2 > 1 for VS",
                    "Adding sorry server 19 to VS",
                    "Removing alive servers from the pool for VS",
                ],
                "19=1",
            ),
            (&["Removing service 13 from VS: connection refused"], "19=1"),
            (&["Adding service 11 to VS"], "19=1"),
            (
                &[
                    "Adding service 12 to VS",
                    "Gained quorum 2+0=2 <= 2 for VS",
                    "Removing sorry server 19 from VS",
                    "Adding alive servers to the pool for VS",
                ],
                "11=1 12=1",
            ),
            (&["Adding service 13 to VS"], "11=1 12=1 13=1"),
        ],
    );
}

/// The tables are those of keepalived 2.2.7.
#[test]
fn an_inhibited_sorry_server_is_always_there() {
    let servers = vec![inhibited(server(11, 1)), server(12, 1)];
    let (mut pool, _) = start(&with_inhibited_sorry(virtual_server(2, 0, servers), 19));
    assert_eq!(table(&pool), "11=1 12=1 19=0");
    let in_words = set(&mut pool, slot(1, 0), false);
    assert_eq!(
        in_words[2..],
        [
            "Enabling sorry server 19 to VS",
            "Removing alive servers from the pool for VS",
        ]
    );
    assert_eq!(table(&pool), "11=0 19=1");
    set(&mut pool, slot(0, 0), false);
    assert_eq!(table(&pool), "11=0 19=1");
    set(&mut pool, slot(1, 0), true);
    assert_eq!(table(&pool), "11=0 19=1");
    let out_words = set(&mut pool, slot(0, 0), true);
    assert_eq!(
        out_words[2..],
        [
            "Disabling sorry server 19 from VS",
            "Adding alive servers to the pool for VS",
        ]
    );
    assert_eq!(table(&pool), "11=1 12=1 19=0");
    let (pool, told) = reload(
        &pool,
        &with_sorry(virtual_server(2, 0, vec![server(11, 1), server(12, 1)]), 19),
    );
    assert_eq!((table(&pool), told), ("11=1 12=1".to_owned(), vec![]));
}

#[test]
fn inhibited_servers_stay_with_weight_0() {
    let servers = [11, 12, 13].map(|number| inhibited(server(number, 1)));
    let (mut pool, _) = start(&with_sorry(virtual_server(2, 0, servers.into()), 19));
    assert_steps(
        fall_and_rise(&mut pool),
        &[
            (
                &["Disabling service 11 of VS: connection refused"],
                "11=0 12=1 13=1",
            ),
            (
                &[
                    "Disabling service 12 of VS: connection refused",
                    "Lost quorum 2-0=2 > 1 for VS",
                    "Adding sorry server 19 to VS",
                    "Removing alive servers from the pool for VS",
                ],
                "11=0 12=0 13=0 19=1",
            ),
            (
                &["Disabling service 13 of VS: connection refused"],
                "11=0 12=0 13=0 19=1",
            ),
            (&["Enabling service 11 of VS"], "11=0 12=0 13=0 19=1"),
            (
                &[
                    "Enabling service 12 of VS",
                    "Gained quorum 2+0=2 <= 2 for VS",
                    "Removing sorry server 19 from VS",
                    "Adding alive servers to the pool for VS",
                ],
                "11=1 12=1 13=0",
            ),
            (&["Enabling service 13 of VS"], "11=1 12=1 13=1"),
        ],
    );
}

#[test]
fn hysteresis_keeps_the_quorum_as_it_was_between_the_thresholds() {
    let servers = vec![server(11, 1), server(12, 1), server(13, 1)];
    let (mut pool, said) = start(&with_sorry(virtual_server(2, 1, servers), 19));
    assert_eq!(said, ["Gained quorum 2+1=3 <= 3 for VS"]);
    assert_steps(
        fall_and_rise(&mut pool),
        &[
            (
                &["Removing service 11 from VS: connection refused"],
                "12=1 13=1",
            ),
            (&["Removing service 12 from VS: connection refused"], "13=1"),
            (
                &[
                    "Removing service 13 from VS: connection refused",
                    "Lost quorum 2-1=1 > 0 for VS",
                    "Adding sorry server 19 to VS",
                    "Removing alive servers from the pool for VS",
                ],
                "19=1",
            ),
            (&["Adding service 11 to VS"], "19=1"),
            (&["Adding service 12 to VS"], "19=1"),
            (
                &[
                    "Adding service 13 to VS",
                    "Gained quorum 2+1=3 <= 3 for VS",
                    "Removing sorry server 19 from VS",
                    "Adding alive servers to the pool for VS",
                ],
                "11=1 12=1 13=1",
            ),
        ],
    );
}

#[test]
fn at_the_start() {
    let two = || [server(11, 1), server(12, 1)];
    let unchecked = |number| checked_by(server(number, 1), vec![]);
    let down = "Starting with quorum down 1+0=1 > 0 for VS";
    let sorry = [
        "Adding sorry server 19 to VS",
        "Removing alive servers from the pool for VS",
    ];
    for (virtual_server, said, wanted) in [
        (
            virtual_server(1, 0, two().into()),
            vec!["Gained quorum 1+0=1 <= 2 for VS"],
            "11=1 12=1",
        ),
        (
            virtual_server(1, 0, two().map(alpha).into()),
            vec![down],
            "",
        ),
        (
            virtual_server(1, 0, two().map(alpha).map(inhibited).into()),
            vec![down],
            "11=0 12=0",
        ),
        (
            with_sorry(virtual_server(1, 0, two().map(alpha).into()), 19),
            vec![down, sorry[0], sorry[1]],
            "19=1",
        ),
        (
            with_sorry(
                virtual_server(1, 0, two().map(alpha).map(inhibited).into()),
                19,
            ),
            vec![down, sorry[0], sorry[1]],
            "11=0 12=0 19=1",
        ),
        // alpha is about checks: a server without any is up.
        (
            VirtualServer {
                alpha: true,
                ..virtual_server(1, 0, vec![unchecked(11), alpha(server(12, 1))])
            },
            vec!["Gained quorum 1+0=1 <= 1 for VS"],
            "11=1",
        ),
        // It must be gained, not merely not be lost.
        (
            with_sorry(virtual_server(2, 1, two().into()), 19),
            vec![
                "Starting with quorum down 2+1=3 > 2 for VS",
                sorry[0],
                sorry[1],
            ],
            "19=1",
        ),
        // Weights of 0 are no quorum, whatever it is.
        (
            with_sorry(virtual_server(0, 0, vec![server(11, 0)]), 19),
            vec![
                "Starting with quorum down 0+0=0 > 0 for VS",
                sorry[0],
                sorry[1],
            ],
            "19=1",
        ),
    ] {
        let (pool, lines) = start(&virtual_server);
        assert_eq!(lines, said, "{virtual_server:?}");
        assert_eq!(table(&pool), wanted, "{virtual_server:?}");
    }
}

#[test]
fn a_server_is_up_when_all_its_checks_are() {
    let both = vec![tcp(11, 80), tcp(11, 81)];
    let (mut pool, _) = start(&virtual_server(1, 0, vec![checked_by(server(11, 1), both)]));
    assert_eq!(set(&mut pool, slot(0, 1), false).len(), 2);
    assert_eq!(set(&mut pool, slot(0, 0), false), Vec::<String>::new());
    assert_eq!(set(&mut pool, slot(0, 1), true), Vec::<String>::new());
    assert_eq!(table(&pool), "");
    assert_eq!(set(&mut pool, slot(0, 0), true).len(), 2);
    assert_eq!(table(&pool), "11=1");
}

#[test]
fn a_dynamic_check_moves_the_weight_from_the_configured_one_each_time() {
    let dynamic = checked_by(server(11, 7), vec![misc(0, true)]);
    let unchecked = checked_by(server(12, 2), vec![]);
    let (mut pool, said) = start(&virtual_server(1, 0, vec![dynamic, unchecked]));
    assert_eq!(said, ["Gained quorum 1+0=1 <= 9 for VS"]);
    let place = slot(0, 0);
    for (status, line, wanted) in [
        (
            2,
            "Changing weight from 7 to 0 for active service 11 of VS",
            "11=0 12=2",
        ),
        (
            10,
            "Changing weight from 0 to 8 for active service 11 of VS",
            "11=8 12=2",
        ),
        (
            255,
            "Changing weight from 8 to 253 for active service 11 of VS",
            "11=253 12=2",
        ),
        (
            0,
            "Changing weight from 253 to 7 for active service 11 of VS",
            "11=7 12=2",
        ),
    ] {
        assert_eq!(set_status(&mut pool, place, status), [line]);
        assert_eq!(table(&pool), wanted);
    }
    set(&mut pool, place, false);
    assert_eq!(
        set_status(&mut pool, place, 10),
        [
            "Changing weight from 7 to 8 for inactive service 11 of VS",
            "Adding service 11 to VS",
        ]
    );
    // A reload with another weight: the status speaks on until there is a new one.
    let heavier = checked_by(server(11, 9), vec![misc(0, true)]);
    let (mut pool, said) = reload(&pool, &virtual_server(1, 0, vec![heavier]));
    assert_eq!(said, Vec::<String>::new());
    assert_eq!(table(&pool), "11=8");
    assert_eq!(
        set_status(&mut pool, place, 0),
        ["Changing weight from 8 to 9 for active service 11 of VS"]
    );
}

#[test]
fn several_dynamic_checks_add_up_within_what_the_kernel_takes() {
    let both = |weight| checked_by(server(11, weight), vec![misc(0, true), misc(1, true)]);
    for (weight, statuses, sum) in [
        (7, [10, 12], 11),
        (100, [2, 2], 0),
        (100, [102, 152], 150),
        (65535, [0, 0], 65535),
        (0, [255, 255], 506),
    ] {
        let (mut pool, _) = start(&virtual_server(1, 0, vec![both(weight)]));
        for (index, status) in statuses.into_iter().enumerate() {
            set_status(&mut pool, slot(0, index), status);
        }
        assert_eq!(table(&pool), format!("11={sum}"), "{weight} {statuses:?}");
    }
}

#[test]
fn the_dynamic_weight_counts_in_the_quorum() {
    let dynamic = checked_by(server(11, 1), vec![misc(0, true)]);
    let (mut pool, _) = start(&with_sorry(virtual_server(5, 0, vec![dynamic]), 19));
    assert_eq!(table(&pool), "19=1");
    set_status(&mut pool, slot(0, 0), 7);
    assert_eq!(table(&pool), "11=5");
    set_status(&mut pool, slot(0, 0), 6);
    assert_eq!(table(&pool), "19=1");
}

#[test]
fn a_sorry_server_that_is_a_real_server_too_stands_in_with_its_own_weight() {
    let servers = vec![inhibited(server(11, 5)), server(12, 1)];
    let (mut pool, _) = start(&with_sorry(virtual_server(6, 0, servers), 11));
    assert_eq!(table(&pool), "11=5 12=1");
    set(&mut pool, slot(1, 0), false);
    assert_eq!(table(&pool), "11=1");
}

#[test]
fn what_the_kernel_is_to_know_of_the_virtual_server_itself() {
    let mut virtual_server = virtual_server(1, 0, vec![]);
    virtual_server.flags = ServiceFlags(ServiceFlags::HASHED | ServiceFlags::ONE_PACKET);
    virtual_server.persistence = Some(Persistence {
        timeout: 360,
        granularity: Granularity::Netmask([255, 255, 0, 0].into()),
        engine: Some("sip".to_owned()),
    });
    let one = entry(&start(&virtual_server).0);
    assert_eq!(one.service.scheduler, "rr");
    assert_eq!(one.service.flags, ServiceFlags(ServiceFlags::ONE_PACKET));
    assert_eq!(one.service.persistence, virtual_server.persistence);
    virtual_server.services[0] = ServiceKey::Fwmark {
        mark: 1,
        family: crate::lvs::Family::V6,
    };
    let one = entry(&start(&virtual_server).0);
    let persistence = one.service.persistence.unwrap();
    // What is said of addresses of the other family says nothing of these.
    assert_eq!(persistence.granularity, Granularity::Prefix(128));
    assert_eq!(persistence.engine.as_deref(), Some("sip"));
}

#[test]
fn the_limits_of_a_real_server_are_the_kernels_and_a_sorry_server_has_none() {
    let limited = RealServer {
        upper_threshold: 100,
        lower_threshold: 60,
        method: ForwardingMethod::Tunnel(TunnelType::Gre {
            flags: TunnelType::CSUM,
        }),
        ..inhibited(server(11, 5))
    };
    let mut virtual_server = with_sorry(virtual_server(1, 0, vec![limited]), 99);
    let tunnel = ForwardingMethod::Tunnel(TunnelType::Ipip);
    virtual_server.sorry_server.as_mut().unwrap().method = tunnel;
    let (mut pool, _) = start(&virtual_server);
    set(&mut pool, slot(0, 0), false);
    let limits: Vec<_> = entry(&pool).destinations.into_values().collect();
    let of_limited = Destination {
        method: virtual_server.real_servers[0].method,
        weight: 0,
        upper_threshold: 100,
        lower_threshold: 60,
    };
    let of_sorry = Destination {
        method: tunnel,
        weight: 1,
        upper_threshold: 0,
        lower_threshold: 0,
    };
    assert_eq!(limits, [of_limited, of_sorry]);
}

/// Where packets are not rewritten, a real server has the port of each address; a mark has
/// none. With NAT it has its own, or that of the address where the file says none.
#[test]
fn a_group_is_many_virtual_servers_of_one_pool() {
    let mut servers = vec![server(11, 1), server(12, 2), server(13, 3)];
    servers[1].method = ForwardingMethod::Nat;
    servers[1].key.port = 8080;
    servers[2].method = ForwardingMethod::Nat;
    servers[2].key.port = 0;
    let mut group = with_sorry(virtual_server(1, 0, servers), 99);
    group.id = PoolId::Group {
        name: "web".into(),
        protocol: Some(Protocol::Tcp),
    };
    let address = |last: u8, port| ServiceKey::Address {
        protocol: Protocol::Tcp,
        address: [10, 0, 0, last].into(),
        port,
    };
    let mark = ServiceKey::Fwmark {
        mark: 7,
        family: crate::lvs::Family::V4,
    };
    group.services = vec![address(80, 80), mark, address(81, 443)];
    let (mut pool, events) = start(&group);
    assert_eq!(events, ["Gained quorum 1+0=1 <= 6 for VS [web]:0"]);
    let table = |pool: &Pool| -> Vec<String> {
        let entries = pool.wanted();
        let lines = entries.map(|(key, entry)| {
            let servers = entry.destinations.keys().map(ToString::to_string);
            format!("{key}: {}", servers.collect::<Vec<_>>().join(" "))
        });
        lines.collect()
    };
    assert_eq!(
        table(&pool),
        [
            "[10.0.0.80]:tcp:80: 10.0.0.11:80 10.0.0.12:8080 10.0.0.13:80",
            "FWM 7: 10.0.0.11:0 10.0.0.12:8080 10.0.0.13:0",
            "[10.0.0.81]:tcp:443: 10.0.0.11:443 10.0.0.12:8080 10.0.0.13:443",
        ]
    );
    for server in 0..3 {
        set(&mut pool, slot(server, 0), false);
    }
    assert_eq!(
        table(&pool),
        [
            "[10.0.0.80]:tcp:80: 10.0.0.99:80",
            "FWM 7: 10.0.0.99:0",
            "[10.0.0.81]:tcp:443: 10.0.0.99:443",
        ]
    );
}
