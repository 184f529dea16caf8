//! What keepalived 2.2.7 was seen to send in the lab.

use std::time::{Duration, SystemTime};

use super::*;
use crate::config::model::tracking::Tracking;
use crate::config::model::{
    Global, Mail, Notify, Origin, RealServer, SmtpHost, SmtpServer, SorryServer, VrrpInstance,
    VrrpSyncGroup, Weight,
};
use crate::lvs::{Family, ForwardingMethod, Protocol, Scheduler, ServiceFlags, ServiceKey};
use crate::vrrp::settings::{GroupSettings, InstanceSettings};
use crate::vrrp::{Priority, Vrid};

fn service() -> ServiceKey {
    ServiceKey::Address {
        protocol: Protocol::Tcp,
        address: "10.0.0.80".parse().unwrap(),
        port: 80,
    }
}

fn destination(port: u16) -> DestinationKey {
    DestinationKey {
        address: "10.0.0.2".parse().unwrap(),
        port,
    }
}

/// One virtual server with two real servers, one instance, one group; everything is
/// mailed.
fn model() -> Model {
    let real_server = |port| RealServer {
        key: destination(port),
        method: ForwardingMethod::DirectRouting,
        weight: Weight(1),
        upper_threshold: 0,
        lower_threshold: 0,
        inhibit_on_failure: false,
        drain_timeout: Duration::ZERO,
        smtp_alert: true,
        notify_up: None,
        notify_down: None,
        checks: Vec::new(),
        origin: Origin::default(),
        later: Vec::new(),
    };
    Model {
        global: Global {
            router_id: Some("LVS_R1".into()),
            mail: Mail {
                recipients: vec!["one@example.com".into()],
                server: Some(SmtpServer {
                    host: SmtpHost::Name("mail.example.com".into()),
                    port: SmtpServer::DEFAULT_PORT,
                }),
                ..Mail::default()
            },
            ..Global::default()
        },
        virtual_servers: vec![VirtualServer {
            id: service().into(),
            services: vec![service()],
            scheduler: Scheduler::RoundRobin,
            flags: ServiceFlags::default(),
            persistence: None,
            alpha: false,
            quorum: 1,
            hysteresis: 0,
            quorum_up: None,
            quorum_down: None,
            omega: false,
            ha_suspend: false,
            sorry_server: None,
            smtp_alert: true,
            real_servers: vec![real_server(81), real_server(82)],
            origin: Origin::default(),
            later: Vec::new(),
        }],
        vrrp_instances: vec![VrrpInstance {
            settings: InstanceSettings {
                ..InstanceSettings::new("VI_1", "eth0", Vrid::new(51).unwrap(), Family::V4)
            },
            notify: Notify::default(),
            routes: Vec::new(),
            rules: Vec::new(),
            tracking: Tracking::default(),
            virtual_interface: None,
            smtp_alert: true,
            origin: Origin::default(),
            source_origin: None,
            later: Vec::new(),
        }],
        vrrp_sync_groups: vec![VrrpSyncGroup {
            settings: GroupSettings {
                name: "G1".into(),
                members: vec!["VI_1".into()],
            },
            notify: Notify::default(),
            tracking: Tracking::default(),
            smtp_alert: true,
            origin: Origin::default(),
            later: Vec::new(),
        }],
        ..Model::default()
    }
}

fn event(cause: Cause, what: What) -> Event {
    Event {
        number: 1,
        at: SystemTime::UNIX_EPOCH,
        cause,
        what,
    }
}

fn check(keyword: &str) -> Cause {
    Cause::Check {
        keyword: keyword.into(),
        outcome: String::new(),
    }
}

/// Subject and body as they are sent.
fn mailed(model: &Model, cause: Cause, what: What) -> Option<(String, String)> {
    let mail = compose(&event(cause, what), &MailContext { model })?;
    Some((mail.whole_subject("director1.example.org"), mail.body))
}

fn pool(change: PoolChange) -> What {
    pool_of(service(), change)
}

fn pool_of(service: ServiceKey, change: PoolChange) -> What {
    What::Pool(PoolEvent {
        pool: service.into(),
        change,
    })
}

fn down(kind: FailureKind) -> PoolChange {
    PoolChange::ServerDown {
        server: destination(81),
        inhibited: false,
        cause: Some(kind.into()),
    }
}

fn up() -> PoolChange {
    PoolChange::ServerUp {
        server: destination(81),
        inhibited: false,
        weight: 1,
    }
}

fn entered(subject: Subject, to: State, why: Why) -> What {
    let change = Change::Entered {
        from: State::Init,
        to,
        priority: Priority(100),
        why,
    };
    What::Vrrp(VrrpEvent { subject, change })
}

#[test]
fn a_real_server_goes_down_and_comes_up() {
    let model = model();
    let refused = || FailureKind::ConnectionRefused;
    let timeout = || FailureKind::ScriptTimeout(Duration::from_secs(2));
    for (keyword, change, state, body) in [
        (
            "TCP_CHECK",
            down(refused()),
            "DOWN",
            "TCP CHECK failed on service",
        ),
        ("TCP_CHECK", up(), "UP", "TCP CHECK succeed on service"),
        (
            "HTTP_GET",
            down(refused()),
            "DOWN",
            "CHECK failed on service : HTTP request failed",
        ),
        ("HTTP_GET", up(), "UP", "CHECK succeed on service"),
        (
            "MISC_CHECK",
            down(FailureKind::ScriptFailed(1)),
            "DOWN",
            "MISC CHECK failed on service",
        ),
        (
            "MISC_CHECK",
            down(timeout()),
            "DOWN",
            "MISC CHECK timed out on service",
        ),
        ("MISC_CHECK", up(), "UP", "MISC CHECK succeeded on service"),
    ] {
        let subject = format!(
            "[LVS_R1] Realserver [10.0.0.2]:tcp:81 of virtual server [10.0.0.80]:tcp:80 - {state}"
        );
        assert_eq!(
            mailed(&model, check(keyword), pool(change)),
            Some((subject, format!("=> {body} <=\n")))
        );
    }
}

#[test]
fn with_a_firewall_mark_the_real_server_has_no_protocol() {
    let mut model = model();
    let key = ServiceKey::Fwmark {
        mark: 7,
        family: Family::V4,
    };
    model.virtual_servers[0].id = key.into();
    let what = pool_of(key, down(FailureKind::ConnectionRefused));
    assert_eq!(
        mailed(&model, check("TCP_CHECK"), what).unwrap().0,
        "[LVS_R1] Realserver [10.0.0.2]:none:81 of virtual server FWM 7 - DOWN"
    );
    let lost = PoolChange::QuorumLost {
        quorum: 1,
        hysteresis: 0,
        weight: 0,
    };
    assert_eq!(
        mailed(&model, check("TCP_CHECK"), pool_of(key, lost))
            .unwrap()
            .0,
        "[LVS_R1] Virtualserver FWM 7 - DOWN"
    );
}

#[test]
fn the_quorum_is_lost_and_gained() {
    let mut model = model();
    let (quorum, hysteresis) = (3, 1);
    let lost = PoolChange::QuorumLost {
        quorum,
        hysteresis,
        weight: 1,
    };
    let gained = |weight, at_start| PoolChange::QuorumGained {
        quorum,
        hysteresis,
        weight,
        at_start,
    };
    let down_at_start = PoolChange::QuorumDownAtStart {
        quorum: 1,
        hysteresis: 0,
        weight: 0,
    };
    // The real servers stay in the table.
    let told = mailed(&model, Cause::Start, pool(down_at_start.clone()));
    assert_eq!(told, None);
    model.virtual_servers[0].sorry_server = Some(SorryServer {
        key: destination(90),
        method: ForwardingMethod::DirectRouting,
        inhibit: false,
        origin: Origin::default(),
    });
    for (change, state, body) in [
        (lost, "DOWN", "Lost quorum 3+1=2 <= 1"),
        (gained(4, false), "UP", "Gained quorum 3+1=4 <= 4"),
        (gained(5, true), "UP", "Starting with quorum up 3+1=4 <= 5"),
        (
            down_at_start,
            "DOWN",
            "Starting with quorum down 1+0=1 <= 0",
        ),
    ] {
        let subject = format!("[LVS_R1] Virtualserver [10.0.0.80]:tcp:80 - {state}");
        assert_eq!(
            mailed(&model, Cause::Start, pool(change)),
            Some((subject, format!("=> {body} <=\n")))
        );
    }
}

#[test]
fn instances_and_groups_change_their_state() {
    let model = model();
    for (to, body) in [
        (State::Master, "VRRP Instance is now owning VRRP VIPs"),
        (State::Backup, "VRRP Instance is no longer owning VRRP VIPs"),
        (State::Fault, "VRRP Instance is no longer owning VRRP VIPs"),
    ] {
        let instance = Subject::Instance("VI_1".into());
        assert_eq!(
            mailed(&model, Cause::Vrrp, entered(instance, to, Why::Start)),
            Some((
                format!("[LVS_R1] VRRP Instance VI_1 - Entering {to} state"),
                format!("=> {body} <=\n")
            ))
        );
        let group = Subject::Group("G1".into());
        assert_eq!(
            mailed(&model, Cause::Vrrp, entered(group, to, Why::Start)),
            Some((
                format!("[LVS_R1] VRRP Group G1 - Entering {to} state"),
                format!("=> All VRRP group instances are now in {to} state <=\n")
            ))
        );
    }
}

#[test]
fn without_faults_the_other_states_are_mailed() {
    let mut model = model();
    model.global.mail.no_faults = true;
    for subject in [
        Subject::Instance("VI_1".into()),
        Subject::Group("G1".into()),
    ] {
        let told = [State::Fault, State::Backup, State::Master].map(|to| {
            let what = entered(subject.clone(), to, Why::Start);
            mailed(&model, Cause::Vrrp, what).is_some()
        });
        assert_eq!(told, [false, true, true]);
    }
}

#[test]
fn without_a_router_id_the_host_speaks() {
    let mut model = model();
    model.global.router_id = None;
    let (subject, _) = mailed(&model, check("TCP_CHECK"), pool(up())).unwrap();
    assert_eq!(
        subject,
        "[director1.example.org] Realserver [10.0.0.2]:tcp:81 of virtual server [10.0.0.80]:tcp:80 - UP"
    );
}

#[test]
fn what_is_switched_off_or_about_nobody_is_not_mailed() {
    let lost = || {
        pool(PoolChange::QuorumLost {
            quorum: 1,
            hysteresis: 0,
            weight: 0,
        })
    };
    let instance = || Subject::Instance("VI_1".into());
    let whats = || {
        [
            pool(up()),
            lost(),
            entered(instance(), State::Master, Why::Start),
            entered(Subject::Group("G1".into()), State::Master, Why::Start),
        ]
    };
    let told =
        |model: &Model| whats().map(|what| mailed(model, check("TCP_CHECK"), what).is_some());
    assert_eq!(told(&model()), [true; 4]);

    let mut off = model();
    off.virtual_servers[0].real_servers[0].smtp_alert = false;
    assert_eq!(told(&off), [false, true, true, true]);
    off.virtual_servers[0].smtp_alert = false;
    assert_eq!(told(&off), [false, false, true, true]);
    off.vrrp_instances[0].smtp_alert = false;
    assert_eq!(told(&off), [false, false, false, true]);
    off.vrrp_sync_groups[0].smtp_alert = false;
    assert_eq!(told(&off), [false; 4]);

    let mut nobody = model();
    nobody.global.mail.recipients.clear();
    assert_eq!(told(&nobody), [false; 4]);
    let mut no_server = model();
    no_server.global.mail.server = None;
    assert_eq!(told(&no_server), [false; 4]);
    // A late word about what the configuration has no more.
    let mut gone = model();
    gone.virtual_servers.clear();
    gone.vrrp_instances.clear();
    gone.vrrp_sync_groups.clear();
    assert_eq!(told(&gone), [false; 4]);
}

#[test]
fn what_nobody_has_noticed_is_not_mailed() {
    let model = model();
    let instance = || Subject::Instance("VI_1".into());
    let stopped = Change::Stopped {
        from: State::Master,
        priority: Priority(100),
    };
    for (cause, what) in [
        (Cause::Reload { generation: 2 }, pool(up())),
        (
            check("MISC_CHECK"),
            pool(PoolChange::WeightChanged {
                server: destination(81),
                from: 1,
                to: 10,
                up: true,
            }),
        ),
        (check("TCP_CHECK"), pool(PoolChange::SurvivorsOut)),
        (
            Cause::Vrrp,
            entered(instance(), State::Master, Why::Resumed),
        ),
        (Cause::Vrrp, entered(instance(), State::Init, Why::Start)),
        (
            Cause::Signal("SIGTERM".into()),
            What::Vrrp(VrrpEvent {
                subject: instance(),
                change: stopped,
            }),
        ),
        (Cause::Signal("SIGTERM".into()), What::Stopping),
    ] {
        assert_eq!(mailed(&model, cause, what), None);
    }
}
