//! IPVS and the keeper against the kernel itself, without the daemon: what is
//! programmed is read back with ipvsadm, and the other way round.

mod director;
mod large;
mod settings;

use std::collections::HashSet;

use ipvsd::lvs::types::{
    Destination, DestinationKey, Family, ForwardingMethod, Granularity, Persistence, Protocol,
    Scheduler, Service, ServiceFlags, ServiceKey, TunnelType,
};
use ipvsd::lvs::{IpvsOp, Keeper, Note, OpError, Table, reconcile};
use ipvsd::moment::Moment;
use ipvsd::sys::ipvs::{Ipvs, OpenError};

use self::director::{Director, block_on, dr, server, service, table, tcp};
use self::large::{a_dump_may_be_given_up, large_tables};
use self::settings::{connections_are_told_as_asked, timeouts_are_those_that_are_set};
use crate::ipvs_watch::Op;
use crate::lab::{Lab, secs};
use crate::net::run;
use crate::scenario::{Scenario, scenarios};

pub const ALL: &[Scenario] = scenarios!(ipvs:
    asking_for_ipvs_loads_it,
    without_the_right_it_says_so,
    every_scheduler_is_taken,
    everything_about_a_virtual_server_is_written_and_read,
    refusals_have_names,
    changes_are_taken_in_place,
    the_keeper_repairs_what_others_change,
    after_opening_nothing_but_messages,
    timeouts_are_those_that_are_set,
    connections_are_told_as_asked,
    a_dump_may_be_given_up,
    large_tables.limit(300).memory(1024),
);

fn asking_for_ipvs_loads_it(lab: &Lab) {
    run(std::process::Command::new("modprobe").args(["-r", "ip_vs"]));
    let loaded = || {
        std::fs::read_to_string("/proc/modules")
            .unwrap()
            .contains("ip_vs ")
    };
    assert!(!loaded());
    let director = Director::new(lab);
    assert_eq!(
        director.with_ipvs(async |ipvs| ipvs.dump_all().await),
        Ok(Table::default())
    );
    assert!(loaded());

    // A kernel whose modules are not where it looks for them.
    run(std::process::Command::new("modprobe").args(["-r", "ip_vs"]));
    std::fs::write("/proc/sys/kernel/modprobe", "/nonexistent").unwrap();
    let error = director.open_error();
    assert!(matches!(error, OpenError::NotInKernel), "{error}");
    assert!(error.to_string().contains("modprobe ip_vs"), "{error}");
}

fn without_the_right_it_says_so(lab: &Lab) {
    let director = Director::new(lab);
    let error = director.namespace.enter(|| {
        // Of this thread only.
        caps::clear(None, caps::CapSet::Effective).unwrap();
        block_on(async { Ipvs::open().await.err().expect("refused") })
    });
    assert!(matches!(error, OpenError::NotPermitted), "{error}");
    assert!(error.to_string().contains("CAP_NET_ADMIN"), "{error}");
}

fn refusals_have_names(lab: &Lab) {
    let director = Director::new(lab);
    let web = tcp("10.0.0.80", 80);
    let nowhere = tcp("10.0.0.81", 80);
    let limits = Destination {
        upper_threshold: 5,
        lower_threshold: 9,
        ..dr(1)
    };
    let results = director.execute(vec![
        IpvsOp::NewService(web, service("rr")),
        IpvsOp::NewService(web, service("rr")),
        IpvsOp::NewService(nowhere, service("nosuch")),
        IpvsOp::SetService(web, service("nosuch")),
        IpvsOp::SetService(nowhere, service("rr")),
        IpvsOp::DeleteService(nowhere),
        IpvsOp::NewDestination(nowhere, server("10.0.0.11"), dr(1)),
        IpvsOp::NewDestination(web, server("10.0.0.11"), dr(1)),
        IpvsOp::NewDestination(web, server("10.0.0.11"), dr(1)),
        IpvsOp::SetDestination(web, server("10.0.0.12"), dr(1)),
        IpvsOp::DeleteDestination(web, server("10.0.0.12")),
        IpvsOp::NewDestination(web, server("224.0.0.1"), dr(1)),
        IpvsOp::NewDestination(web, server("fd00::11"), dr(1)),
        IpvsOp::NewDestination(web, server("10.0.0.13"), limits),
        // Not in vain after all of these:
        IpvsOp::NewDestination(web, server("10.0.0.14"), dr(1)),
    ]);
    let unknown = || Err(OpError::UnknownScheduler("nosuch".to_owned()));
    assert_eq!(
        results,
        [
            Ok(()),
            Err(OpError::Exists),
            unknown(),
            unknown(),
            Err(OpError::NoSuchService),
            Err(OpError::NoSuchService),
            Err(OpError::NoSuchService),
            Ok(()),
            Err(OpError::Exists),
            Err(OpError::NoSuchDestination),
            Err(OpError::NoSuchDestination),
            Err(OpError::InvalidDestination),
            Err(OpError::InvalidDestination),
            Err(OpError::OutOfRange),
            Ok(()),
        ]
    );
    director.expect(&[
        "-A -t 10.0.0.80:80 -s rr",
        "-a -t 10.0.0.80:80 -r 10.0.0.11:80 -g -w 1",
        "-a -t 10.0.0.80:80 -r 10.0.0.14:80 -g -w 1",
    ]);
}

fn every_scheduler_is_taken(lab: &Lab) {
    let director = Director::new(lab);
    let numbered = || Scheduler::ALL.into_iter().zip(8001..);
    let ops =
        numbered().map(|(s, port)| IpvsOp::NewService(tcp("10.0.0.80", port), service(s.name())));
    let results = director.execute(ops.collect());
    // The guest's kernel is built without one of them.
    for ((scheduler, _), result) in numbered().zip(results) {
        let expected = match scheduler {
            Scheduler::TwoRandomChoices => Err(OpError::UnknownScheduler("twos".to_owned())),
            _ => Ok(()),
        };
        assert_eq!(result, expected, "{}", scheduler.name());
    }
    director.expect(&[
        "-A -t 10.0.0.80:8001 -s rr",
        "-A -t 10.0.0.80:8002 -s wrr",
        "-A -t 10.0.0.80:8003 -s lc",
        "-A -t 10.0.0.80:8004 -s wlc",
        "-A -t 10.0.0.80:8005 -s lblc",
        "-A -t 10.0.0.80:8006 -s lblcr",
        "-A -t 10.0.0.80:8007 -s sh",
        "-A -t 10.0.0.80:8008 -s dh",
        "-A -t 10.0.0.80:8009 -s mh",
        "-A -t 10.0.0.80:8010 -s sed",
        "-A -t 10.0.0.80:8011 -s nq",
        "-A -t 10.0.0.80:8012 -s fo",
        "-A -t 10.0.0.80:8013 -s ovf",
    ]);
}

/// The same table made by us and by ipvsadm is the same to both of us.
fn everything_about_a_virtual_server_is_written_and_read(lab: &Lab) {
    let lines = [
        "-A -t 10.0.0.80:80 -s wlc",
        "-a -t 10.0.0.80:80 -r 10.0.0.11:8080 -m -w 65535 -x 9 -y 5",
        "-a -t 10.0.0.80:80 -r 10.0.0.12:80 -g -w 0",
        "-A -u 10.0.0.80:53 -s sh -p 300 -M 255.255.240.0 -b sh-fallback,sh-port",
        "-a -u 10.0.0.80:53 -r 10.0.0.11:53 -i -w 1 --tun-type ipip",
        "-a -u 10.0.0.80:53 -r 10.0.0.12:53 -i -w 1 --tun-type gue --tun-port 6080 --tun-csum",
        "-a -u 10.0.0.80:53 -r 10.0.0.13:53 -i -w 1 --tun-type gre --tun-nocsum",
        "-a -u 10.0.0.80:53 -r [fd00::11]:53 -i -w 1 --tun-type ipip",
        "-A -u 10.0.0.80:514 -s rr -o",
        "-A --sctp-service 10.0.0.80:3868 -s rr",
        "-A -t [fd00::80]:443 -s mh -p 60 -M 64 -b mh-port",
        "-a -t [fd00::80]:443 -r [fd00::11]:443 -g -w 3",
        "-A -f 7 -s nq -p 60",
        "-a -f 7 -r 10.0.0.11:0 -g -w 1",
        "-A -f 7 -6 -s lc",
        "-a -f 7 -6 -r [fd00::11]:0 -g -w 1",
    ];
    let persistent = |timeout, granularity: &str| {
        Some(Persistence {
            timeout,
            granularity: Granularity::parse(granularity).unwrap(),
            engine: None,
        })
    };
    let tunnel = |kind| Destination {
        method: ForwardingMethod::Tunnel(kind),
        ..dr(1)
    };
    let udp = |port| ServiceKey::Address {
        protocol: Protocol::Udp,
        address: "10.0.0.80".parse().unwrap(),
        port,
    };
    let at = |address: &str, port| DestinationKey {
        address: address.parse().unwrap(),
        port,
    };
    let table = table([
        (
            tcp("10.0.0.80", 80),
            service("wlc"),
            vec![
                (
                    at("10.0.0.11", 8080),
                    Destination {
                        method: ForwardingMethod::Nat,
                        weight: 65535,
                        upper_threshold: 9,
                        lower_threshold: 5,
                    },
                ),
                (at("10.0.0.12", 80), dr(0)),
            ],
        ),
        (
            udp(53),
            Service {
                flags: ServiceFlags(ServiceFlags::SCHEDULER_1 | ServiceFlags::SCHEDULER_2),
                persistence: persistent(300, "255.255.240.0"),
                ..service("sh")
            },
            vec![
                (at("10.0.0.11", 53), tunnel(TunnelType::Ipip)),
                (
                    at("10.0.0.12", 53),
                    tunnel(TunnelType::Gue {
                        port: 6080,
                        flags: 1,
                    }),
                ),
                (at("10.0.0.13", 53), tunnel(TunnelType::Gre { flags: 0 })),
                (at("fd00::11", 53), tunnel(TunnelType::Ipip)),
            ],
        ),
        (
            udp(514),
            Service {
                flags: ServiceFlags(ServiceFlags::ONE_PACKET),
                ..service("rr")
            },
            vec![],
        ),
        (
            ServiceKey::Address {
                protocol: Protocol::Sctp,
                address: "10.0.0.80".parse().unwrap(),
                port: 3868,
            },
            service("rr"),
            vec![],
        ),
        (
            tcp("fd00::80", 443),
            Service {
                flags: ServiceFlags(ServiceFlags::SCHEDULER_2),
                persistence: persistent(60, "64"),
                ..service("mh")
            },
            vec![(at("fd00::11", 443), dr(3))],
        ),
        (
            ServiceKey::Fwmark {
                mark: 7,
                family: Family::V4,
            },
            Service {
                persistence: persistent(60, "255.255.255.255"),
                ..service("nq")
            },
            vec![(at("10.0.0.11", 0), dr(1))],
        ),
        (
            ServiceKey::Fwmark {
                mark: 7,
                family: Family::V6,
            },
            service("lc"),
            vec![(at("fd00::11", 0), dr(1))],
        ),
    ]);

    let ours = Director::new(lab);
    ours.program(&table);
    let printed = ours.expect_options(&lines);
    assert_eq!(ours.dump_all(), table);

    let theirs = Director::named("director2");
    for line in lines {
        // ipvsadm prints a fwmark's family last but one, and takes it so.
        theirs.namespace.sh(&format!("ipvsadm {line}"));
    }
    assert_eq!(theirs.dump_all(), table);
    assert_eq!(theirs.save(), printed);

    // Asking for few of them, one by one, and for none that there is.
    let few: HashSet<_> = [udp(53), tcp("10.0.0.80", 81)].into();
    let dumped = ours
        .with_ipvs(async move |ipvs| ipvs.dump(&few).await)
        .unwrap();
    assert_eq!(dumped.services.len(), 1);
    assert_eq!(dumped.services[&udp(53)], table.services[&udp(53)]);
}

fn changes_are_taken_in_place(lab: &Lab) {
    let director = Director::new(lab);
    let web = tcp("10.0.0.80", 80);
    let to = |method, weight| Destination {
        method,
        ..dr(weight)
    };
    let at = server;
    director.program(&table([(
        web,
        service("rr"),
        vec![(at("10.0.0.11"), dr(1)), (at("10.0.0.12"), dr(1))],
    )]));
    let watch = director.watch(lab);
    let stickier = Service {
        persistence: Some(Persistence {
            timeout: 60,
            granularity: Granularity::each_address(Family::V4),
            engine: None,
        }),
        ..service("wlc")
    };
    director.program(&table([(
        web,
        stickier.clone(),
        vec![
            (
                at("10.0.0.11"),
                to(
                    ForwardingMethod::Tunnel(TunnelType::Gue {
                        port: 6080,
                        flags: 0,
                    }),
                    5,
                ),
            ),
            (at("10.0.0.12"), to(ForwardingMethod::Nat, 1)),
        ],
    )]));
    director.expect_options(&[
        "-A -t 10.0.0.80:80 -s wlc -p 60",
        "-a -t 10.0.0.80:80 -r 10.0.0.11:80 -i -w 5 --tun-type gue --tun-port 6080 --tun-nocsum",
        "-a -t 10.0.0.80:80 -r 10.0.0.12:80 -m -w 1",
    ]);
    // Back again: what is not said is no longer so.
    director.program(&table([(
        web,
        service("rr"),
        vec![(at("10.0.0.11"), dr(1)), (at("10.0.0.13"), dr(1))],
    )]));
    director.expect_options(&[
        "-A -t 10.0.0.80:80 -s rr",
        "-a -t 10.0.0.80:80 -r 10.0.0.11:80 -g -w 1",
        "-a -t 10.0.0.80:80 -r 10.0.0.13:80 -g -w 1",
    ]);
    let ops: Vec<Op> = watch.stop().ops.into_iter().map(|(_, op)| op).collect();
    assert_eq!(
        ops,
        [
            Op::SetService,
            Op::SetDest,
            Op::SetDest,
            Op::SetService,
            Op::NewDest,
            Op::SetDest,
            Op::DelDest,
        ]
    );
}

fn the_keeper_repairs_what_others_change(lab: &Lab) {
    let director = Director::new(lab);
    director
        .namespace
        .sh("ipvsadm -A -t 10.0.0.90:80 -s rr; ipvsadm -A -t 10.0.0.80:80 -s rr");
    let foreign = "-A -t 10.0.0.90:80 -s rr";
    let web = tcp("10.0.0.80", 80);
    let wanted = table([(
        web,
        service("rr"),
        vec![(server("10.0.0.11"), dr(1)), (server("10.0.0.12"), dr(1))],
    )]);
    let lines = [
        foreign,
        "-A -t 10.0.0.80:80 -s rr",
        "-a -t 10.0.0.80:80 -r 10.0.0.11:80 -g -w 1",
        "-a -t 10.0.0.80:80 -r 10.0.0.12:80 -g -w 1",
    ];
    let mut keeper = Keeper::new([], secs(10));
    let mut now = Moment::default();
    keeper.want_all(wanted);
    let notes = director.keep(&mut keeper, now);
    assert_eq!(
        notes,
        [Note::Adopted {
            key: web,
            ours: false,
            differences: 2
        }]
    );
    director.expect(&lines);

    director
        .namespace
        .sh("ipvsadm -e -t 10.0.0.80:80 -r 10.0.0.11:80 -m -w 7; \
         ipvsadm -d -t 10.0.0.80:80 -r 10.0.0.12:80; \
         ipvsadm -a -t 10.0.0.80:80 -r 10.0.0.66:80 -g; \
         ipvsadm -E -t 10.0.0.80:80 -s wrr -p 60; \
         ipvsadm -a -t 10.0.0.90:80 -r 10.0.0.66:80 -g -w 2");
    let foreign_server = "-a -t 10.0.0.90:80 -r 10.0.0.66:80 -g -w 2";
    assert_eq!(
        director.keep(&mut keeper, now),
        [],
        "it is not time to look"
    );
    now = now + secs(10);
    let notes = director.keep(&mut keeper, now);
    lab.note(notes[0].to_string());
    assert!(
        matches!(&notes[..], [Note::Repaired { changes, .. }] if changes.len() == 4),
        "{notes:?}"
    );
    director.expect(&[&lines[..], &[foreign_server]].concat());

    director.namespace.sh("ipvsadm -C");
    now = now + secs(10);
    let notes = director.keep(&mut keeper, now);
    assert!(
        matches!(&notes[..], [Note::Repaired { changes, .. }] if changes.len() == 1),
        "{notes:?}"
    );
    director.expect(&lines[1..]);

    director.namespace.sh("ipvsadm -A -t 10.0.0.90:80 -s rr");
    keeper.release_all();
    let notes = director.keep(&mut keeper, now);
    assert_eq!(
        notes,
        [Note::Released {
            key: web,
            was_there: true
        }]
    );
    director.expect(&[foreign]);
    assert_eq!(keeper.owned().count(), 0);
}

/// The checker drops everything else after it has opened its socket.
fn after_opening_nothing_but_messages(lab: &Lab) {
    let director = Director::new(lab);
    let wanted = table([(
        tcp("10.0.0.80", 80),
        service("rr"),
        vec![(server("10.0.0.11"), dr(1))],
    )]);
    let ops = reconcile(&wanted, &Table::default(), &HashSet::new());
    let (results, dumped) = director.namespace.enter(|| {
        block_on(async {
            let mut ipvs = Ipvs::open().await.unwrap();
            // The scheduler's module is loaded by a helper of the kernel, not by us.
            refuse_calls(&[
                libc::SYS_socket,
                libc::SYS_bind,
                libc::SYS_connect,
                libc::SYS_setsockopt,
                libc::SYS_getsockopt,
                libc::SYS_getsockname,
                libc::SYS_fcntl,
                libc::SYS_ioctl,
                libc::SYS_open,
                libc::SYS_openat,
                libc::SYS_execve,
                libc::SYS_clone,
                libc::SYS_clone3,
            ]);
            assert!(
                std::fs::File::open("/proc/version").is_err(),
                "it is in force"
            );
            (ipvs.execute(&ops).await, ipvs.dump_all().await)
        })
    });
    assert_eq!(results, [Ok(()), Ok(())]);
    assert_eq!(dumped, Ok(wanted));
}

fn refuse_calls(calls: &[i64]) {
    use seccompiler::{BpfProgram, SeccompAction, SeccompFilter};
    let filter = SeccompFilter::new(
        calls.iter().map(|call| (*call, vec![])).collect(),
        SeccompAction::Allow,
        SeccompAction::Errno(libc::ENOSYS as u32),
        std::env::consts::ARCH.try_into().unwrap(),
    );
    let program: BpfProgram = filter.unwrap().try_into().unwrap();
    // Of this thread only.
    seccompiler::apply_filter(&program).unwrap();
}
