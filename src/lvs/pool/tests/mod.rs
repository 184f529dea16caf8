//! What keepalived 2.2.7 was seen to do in the lab, read off its log and off
//! `ipvsadm -Sn`, and what ipvsd does otherwise on purpose. Here is how a test says
//! what it means.

mod draining;
mod properties;
mod reload;
mod running;

use std::time::Duration;

use super::*;
use crate::check::{DynamicStatus, FailureKind};
use crate::config::model::{
    Check as ModelCheck, CheckTarget, MiscCheck, Origin, Script, ScriptId, Timing, Weight,
};
use crate::lvs::{Granularity, Persistence, Protocol, Scheduler, TunnelType};

/// A virtual server 10.0.0.80:80 with LVS-DR, real servers 10.0.0.N:80.
fn virtual_server(quorum: u32, hysteresis: u32, servers: Vec<RealServer>) -> VirtualServer {
    let key = ServiceKey::Address {
        protocol: Protocol::Tcp,
        address: "10.0.0.80".parse().unwrap(),
        port: 80,
    };
    VirtualServer {
        id: key.into(),
        services: vec![key],
        scheduler: Scheduler::RoundRobin,
        flags: ServiceFlags::default(),
        persistence: None,
        alpha: false,
        quorum,
        hysteresis,
        quorum_up: None,
        quorum_down: None,
        omega: false,
        ha_suspend: false,
        sorry_server: None,
        smtp_alert: false,
        real_servers: servers,
        origin: Origin::default(),
        later: Vec::new(),
    }
}

fn with_sorry(virtual_server: VirtualServer, number: u8) -> VirtualServer {
    VirtualServer {
        sorry_server: Some(SorryServer {
            key: destination_key(number),
            method: ForwardingMethod::DirectRouting,
            inhibit: false,
            origin: Origin::default(),
        }),
        ..virtual_server
    }
}

fn with_inhibited_sorry(virtual_server: VirtualServer, number: u8) -> VirtualServer {
    let mut virtual_server = with_sorry(virtual_server, number);
    if let Some(sorry) = &mut virtual_server.sorry_server {
        sorry.inhibit = true;
    }
    virtual_server
}

fn destination_key(number: u8) -> DestinationKey {
    DestinationKey {
        address: [10, 0, 0, number].into(),
        port: 80,
    }
}

/// With one TCP check, up to begin with.
fn server(number: u8, weight: u16) -> RealServer {
    RealServer {
        key: destination_key(number),
        method: ForwardingMethod::DirectRouting,
        weight: Weight(weight),
        upper_threshold: 0,
        lower_threshold: 0,
        inhibit_on_failure: false,
        drain_timeout: Duration::ZERO,
        smtp_alert: true,
        notify_up: None,
        notify_down: None,
        checks: vec![tcp(number, 80)],
        origin: Origin::default(),
        later: Vec::new(),
    }
}

fn inhibited(server: RealServer) -> RealServer {
    RealServer {
        inhibit_on_failure: true,
        ..server
    }
}

fn alpha(mut server: RealServer) -> RealServer {
    for check in &mut server.checks {
        check.alpha = true;
    }
    server
}

fn checked_by(server: RealServer, checks: Vec<ModelCheck>) -> RealServer {
    RealServer { checks, ..server }
}

fn check(spec: CheckSpec) -> ModelCheck {
    ModelCheck {
        spec,
        timing: Timing {
            delay_loop: Duration::from_secs(2),
            timeout: Duration::from_secs(1),
            retry: 0,
            delay_before_retry: Duration::from_secs(1),
            warmup: Duration::ZERO,
        },
        alpha: false,
        origin: Origin::default(),
        later: Vec::new(),
    }
}

fn tcp(number: u8, port: u16) -> ModelCheck {
    check(CheckSpec::Tcp(CheckTarget {
        address: (destination_key(number).address, port).into(),
    }))
}

fn misc(script: u32, dynamic: bool) -> ModelCheck {
    check(CheckSpec::Misc(MiscCheck {
        script: ScriptId(script),
        dynamic,
    }))
}

fn model() -> Model {
    Model {
        scripts: ["/one", "/two"]
            .map(|path| Script {
                argv: vec![path.into()],
                user: None,
            })
            .into(),
        ..Model::default()
    }
}

fn at(seconds: u64) -> Moment {
    Moment::since_boot(Duration::from_secs(seconds))
}

fn start(virtual_server: &VirtualServer) -> (Pool, Vec<String>) {
    let (pool, events) = Pool::new(&model(), virtual_server, &Memory::default(), at(0));
    (pool, lines(&events))
}

fn reload(pool: &Pool, virtual_server: &VirtualServer) -> (Pool, Vec<String>) {
    let mut memory = Memory::default();
    pool.remember(&mut memory);
    let (pool, events) = Pool::new(&model(), virtual_server, &memory, at(100));
    (pool, lines(&events))
}

/// The events as the log has them, without what is the same everywhere.
fn lines(events: &[PoolEvent]) -> Vec<String> {
    let short = |event: &PoolEvent| {
        event
            .to_string()
            .replace(" VS [10.0.0.80]:tcp:80", " VS")
            .replace("[10.0.0.", "")
            .replace("]:tcp:80", "")
    };
    events.iter().map(short).collect()
}

/// What is wanted of a pool that is one virtual server of the kernel.
fn entry(pool: &Pool) -> Entry {
    let mut wanted = pool.wanted();
    let (_, entry) = wanted.next().expect("a virtual server");
    assert!(wanted.next().is_none());
    entry
}

/// The wanted table as `number=weight`, in its order.
fn table(pool: &Pool) -> String {
    let entry = entry(pool);
    let destinations = entry.destinations.iter().map(|(key, destination)| {
        let number = key.address.to_string().replace("10.0.0.", "");
        format!("{number}={}", destination.weight)
    });
    destinations.collect::<Vec<_>>().join(" ")
}

fn slot(server: usize, check: usize) -> CheckSlot {
    CheckSlot { server, check }
}

/// The check in this place succeeds or fails.
fn set(pool: &mut Pool, place: CheckSlot, up: bool) -> Vec<String> {
    let failure = FailureKind::ConnectionRefused;
    let verdict = Verdict {
        ever_ran: true,
        failure: (!up).then(|| Box::new(failure.into())),
        ..Verdict::assumed(up, at(1))
    };
    lines(&pool.on_verdict(place, verdict))
}

/// The check in this place succeeds with this exit status.
fn set_status(pool: &mut Pool, place: CheckSlot, status: u8) -> Vec<String> {
    let verdict = Verdict {
        ever_ran: true,
        dynamic: DynamicStatus::new(status),
        ..Verdict::assumed(true, at(1))
    };
    lines(&pool.on_verdict(place, verdict))
}

/// One after the other goes, then comes back: what is said, and the table.
fn fall_and_rise(pool: &mut Pool) -> Vec<(Vec<String>, String)> {
    let mut steps = Vec::new();
    for up in [false, true] {
        for index in 0..pool.servers.len() {
            let said = set(pool, slot(index, 0), up);
            steps.push((said, table(pool)));
        }
    }
    steps
}

fn assert_steps(found: Vec<(Vec<String>, String)>, expected: &[(&[&str], &str)]) {
    for (step, ((said, table), (lines, wanted))) in found.iter().zip(expected).enumerate() {
        assert_eq!(said, lines, "step {step}");
        assert_eq!(table, wanted, "step {step}");
    }
    assert_eq!(found.len(), expected.len());
}
