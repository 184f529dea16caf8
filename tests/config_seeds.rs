//! Configurations as people publish them, in tests/seeds: what is said of each, and
//! what they mean. Beside a file that is refused stands NAME.mended.conf, which is what
//! its diagnostics ask for.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ipvsd::config::diagnostic::Style;
use ipvsd::config::model::{Model, VrrpInstance};
use ipvsd::config::{self, Diagnostics, Loaded, Sources};
use ipvsd::vrrp::settings::{Authentication, Password};
use ipvsd::vrrp::{Priority, State};

/// What is expected of a file: its diagnostics in order, each with its code and its
/// lines, and, where it is refused, words that say what to mend.
struct Seed {
    name: &'static str,
    told: &'static [&'static str],
    mend: &'static [&'static str],
}

const SEEDS: &[Seed] = &[
    // A check of nginx, with the block that uses it outside of any instance.
    Seed {
        name: "check_web.conf",
        told: &["not-served 1", "wrong-block 10"],
        mend: &[
            "`track_script` does not belong at the top level",
            "belongs in `vrrp_instance` or in `vrrp_sync_group`",
        ],
    },
    Seed {
        name: "check_web.mended.conf",
        told: &["not-served 1", "not-served 18"],
        mend: &[],
    },
    // Two directors, each the master of one address.
    Seed {
        name: "dual_lb01.conf",
        told: &[],
        mend: &[],
    },
    Seed {
        name: "dual_lb02.conf",
        told: &[],
        mend: &[],
    },
    // Starts and stops haproxy by its notify scripts; `vrrp_strict` with what it does not
    // allow, a script that is not there, and a brace too many at the end.
    Seed {
        name: "haproxy.conf",
        told: &[
            "not-served 11",
            "no-effect 18",
            "no-effect 23",
            "not-served 30",
            "no-effect 31",
            "advice 46",
            "extra-brace 53",
        ],
        mend: &[],
    },
    // Markup that was left between the words.
    Seed {
        name: "multicast.conf",
        told: &["unknown-word 3", "unknown-word 4"],
        mend: &[
            "did you mean `router_id`?",
            "did you mean `vrrp_mcast_group4`?",
        ],
    },
    Seed {
        name: "multicast.mended.conf",
        told: &[],
        mend: &[],
    },
    Seed {
        name: "nginx_master.conf",
        told: &["not-served 5", "not-served 20"],
        mend: &[],
    },
    Seed {
        name: "nginx_slave.conf",
        told: &["not-served 5", "not-served 20"],
        mend: &[],
    },
    // `nopreempt` with `state MASTER`.
    Seed {
        name: "nopreempt_master.conf",
        told: &["not-served 5", "no-effect 18", "not-served 23"],
        mend: &[],
    },
    Seed {
        name: "nopreempt_master.mended.conf",
        told: &["not-served 5", "not-served 23"],
        mend: &[],
    },
    Seed {
        name: "plain_lb01.conf",
        told: &[],
        mend: &[],
    },
    Seed {
        name: "plain_lb02.conf",
        told: &[],
        mend: &[],
    },
    // A group without its instance.
    Seed {
        name: "redis_group.conf",
        told: &["invalid-value 3"],
        mend: &[
            "there is no `vrrp_instance VG_REDIS`",
            "add it, or remove the name",
        ],
    },
    Seed {
        name: "redis_group.mended.conf",
        told: &["advice 1"],
        mend: &[],
    },
    // Words of an instance without the instance.
    Seed {
        name: "redis_notify.conf",
        told: &["wrong-block 1", "wrong-block 2", "wrong-block 3"],
        mend: &["belongs in `vrrp_instance` or in `vrrp_sync_group`"],
    },
    Seed {
        name: "redis_notify.mended.conf",
        told: &[],
        mend: &[],
    },
    // The brace of a vrrp_script is missing.
    Seed {
        name: "split_brain_master.conf",
        told: &["not-served 5 10", "unclosed-block 10"],
        mend: &[
            "this `vrrp_script` block is not closed",
            "a `}` is missing before line 16",
        ],
    },
    Seed {
        name: "split_brain_master.mended.conf",
        told: &["not-served 5 10", "repeated 10", "not-served 27"],
        mend: &[],
    },
    Seed {
        name: "split_brain_slave.conf",
        told: &["not-served 5", "unclosed-block 5"],
        mend: &[
            "this `vrrp_script` block is not closed",
            "a `}` is missing before line 11",
        ],
    },
    Seed {
        name: "split_brain_slave.mended.conf",
        told: &["not-served 5", "not-served 22"],
        mend: &[],
    },
];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/seeds")
}

fn load(name: &str) -> Loaded {
    let contents = fs::read(folder().join(name)).expect("a seed");
    config::parse(Sources::from_text(name, contents))
}

fn model(name: &str) -> Model {
    load(name).model.expect("a file without errors")
}

/// Code and lines of each diagnostic.
fn told(diagnostics: &Diagnostics) -> Vec<String> {
    let sources = diagnostics.sources();
    let list = diagnostics.list().iter();
    list.map(|diagnostic| {
        let primary = diagnostic.primary.iter().map(|label| label.span);
        let places = primary.chain(diagnostic.more.iter().copied());
        let lines = places.map(|span| format!(" {}", sources.place(span).line));
        format!("{}{}", diagnostic.code.name(), lines.collect::<String>())
    })
    .collect()
}

#[test]
fn each_is_told_what_is_written_down() {
    for seed in SEEDS {
        let loaded = load(seed.name);
        let printed = loaded.diagnostics.render(Style::Plain);
        assert_eq!(
            told(&loaded.diagnostics),
            seed.told,
            "{}:\n{printed}",
            seed.name
        );
        for words in seed.mend {
            assert!(printed.contains(words), "{}: {words}\n{printed}", seed.name);
        }
        assert_eq!(
            loaded.model.is_none(),
            !seed.mend.is_empty(),
            "{}",
            seed.name
        );
    }
}

#[test]
fn the_list_has_every_file_and_refused_ones_are_mended() {
    let entries = fs::read_dir(folder()).expect("the seeds");
    let files: BTreeSet<_> = entries
        .map(|entry| entry.expect("an entry").file_name())
        .map(|name| name.to_string_lossy().into_owned())
        .collect();
    let listed: BTreeSet<_> = SEEDS.iter().map(|seed| seed.name.to_owned()).collect();
    assert_eq!(files, listed);
    for refused in SEEDS.iter().filter(|seed| !seed.mend.is_empty()) {
        let mended = refused.name.replace(".conf", ".mended.conf");
        assert!(load(&mended).model.is_some(), "{mended}");
    }
}

fn only(model: &Model) -> &VrrpInstance {
    let [instance] = model.vrrp_instances.as_slice() else {
        panic!("{:#?}", model.vrrp_instances);
    };
    instance
}

/// Each address of an instance, with its label.
fn addresses(instance: &VrrpInstance) -> Vec<String> {
    let addresses = instance.settings.addresses.iter();
    addresses
        .map(|address| {
            let label = address.label.as_deref().unwrap_or("-");
            format!("{address} {} {label}", address.interface)
        })
        .collect()
}

#[test]
fn the_plain_pair() {
    for (name, router_id, state, priority) in [
        ("plain_lb01.conf", "lb01", State::Master, 150),
        ("plain_lb02.conf", "lb02", State::Backup, 100),
    ] {
        let model = model(name);
        assert_eq!(model.global.router_id.as_deref(), Some(router_id));
        let instance = only(&model);
        let settings = &instance.settings;
        assert_eq!(settings.vrid.get(), 51);
        assert_eq!(
            (settings.initial_state, settings.priority),
            (state, Priority(priority))
        );
        assert_eq!(
            settings.advert_interval.as_duration(),
            Duration::from_secs(1)
        );
        assert_eq!(
            settings.authentication,
            Authentication::Pass(Password::new("1111"))
        );
        assert_eq!(addresses(instance), ["10.0.0.3/24 eth0 eth0:1"]);
        assert!(settings.preempt && !instance.smtp_alert);
    }
}

#[test]
fn the_dual_master_pair() {
    for (name, priorities) in [
        ("dual_lb01.conf", [150, 100]),
        ("dual_lb02.conf", [100, 150]),
    ] {
        let model = model(name);
        let [first, second] = model.vrrp_instances.as_slice() else {
            panic!("{:#?}", model.vrrp_instances);
        };
        let facts = |instance: &VrrpInstance| {
            let settings = &instance.settings;
            (
                settings.name.clone(),
                settings.vrid.get(),
                settings.priority.0,
            )
        };
        assert_eq!(facts(first), ("gorup01".to_owned(), 51, priorities[0]));
        assert_eq!(facts(second), ("gorup02".to_owned(), 52, priorities[1]));
        assert_eq!(addresses(first), ["10.0.0.3/24 eth0 eth0:1"]);
        assert_eq!(addresses(second), ["10.0.0.4/24 eth0 eth0:1"]);
    }
}

#[test]
fn haproxy_is_started_and_stopped() {
    let model = model("haproxy.conf");
    let mail = &model.global.mail;
    assert_eq!(mail.recipients, ["acassen@firewall.loc"]);
    assert_eq!(mail.from.as_deref(), Some("test0@163.com"));
    let server = mail.server.as_ref().map(ToString::to_string);
    assert_eq!(server.as_deref(), Some("smtp.163.com:25"));
    let notify = &only(&model).notify;
    let argument = |script: Option<ipvsd::config::model::ScriptId>| {
        let script = &model.scripts[script.expect("a script").0 as usize];
        assert_eq!(script.argv[0], "/etc/keepalived/start_haproxy.sh");
        script.argv[1].clone()
    };
    assert_eq!(argument(notify.master), "start");
    assert_eq!(argument(notify.backup), "stop");
    assert_eq!(argument(notify.fault), "stop");
    assert_eq!((notify.stop, notify.any), (None, None));
    assert_eq!(addresses(only(&model)), ["192.168.119.130/32 ens33 -"]);
    assert_eq!(model.virtual_servers.len(), 1);
}

#[test]
fn nopreempt_counts_for_a_backup_only() {
    let preempts = |name| only(&model(name)).settings.preempt;
    assert!(preempts("nopreempt_master.conf"));
    assert!(!preempts("nopreempt_master.mended.conf"));
}

/// The document shows what keepalived writes to the log with `-d`, and goes by it to see
/// whether a file is understood. All of that is in what ipvsd writes.
#[test]
fn the_dump_says_all_that_the_document_goes_by() {
    let text = "\
global_defs {
    notification_email {
        admins@example.com
    }
    notification_email_from admins@example.com
    smtp_server 127.0.0.1
    smtp_connect_timeout 100
    lvs_id LVS_EXAMPLE_01
}
vrrp_sync_group VG1 {
    group {
        VI_1
        VI_GATEWAY
    }
}
vrrp_instance VI_1 {
    state MASTER
    interface eth0
    virtual_router_id 51
    priority 150
    authentication {
        auth_type PASS
        auth_pass example
    }
    virtual_ipaddress {
        192.168.1.11
    }
}
vrrp_instance VI_GATEWAY {
    state MASTER
    interface eth1
    virtual_router_id 52
    priority 150
    virtual_ipaddress {
        10.20.40.1
    }
}
virtual_server 192.168.1.11 22 {
    delay_loop 10
    lb_algo rr
    lb_kind NAT
    protocol TCP
    real_server 10.20.40.11 22 {
        TCP_CHECK {
            connect_timeout 10
        }
    }
}
";
    let loaded = config::parse(Sources::from_text("example.conf", text));
    let dump = loaded.dump().expect("a dump");
    for line in [
        "router_id \"LVS_EXAMPLE_01\"",
        "smtp_server 127.0.0.1 25",
        "smtp_connect_timeout 100",
        "notification_email_from \"admins@example.com\"",
        "    \"admins@example.com\"",
        "vrrp_instance \"VI_1\" {",
        "state MASTER",
        "interface \"eth0\"",
        "virtual_router_id 51",
        "priority 150",
        "advert_int 1  # default",
        "preempt  # default",
        "auth_type PASS",
        "auth_pass ********  # not shown; put it in before this is used",
        "192.168.1.11/32 dev \"eth0\"",
        "vrrp_sync_group \"VG1\" {",
        "\"VI_GATEWAY\"",
        "virtual_server 192.168.1.11 22 {",
        "delay_loop 10  # from virtual_server",
        "lvs_sched rr",
        "protocol TCP",
        "lvs_method NAT  # from virtual_server",
        "real_server 10.20.40.11 22 {",
        "weight 1  # default",
        "TCP_CHECK {",
        "connect_timeout 10",
        "connect_port 22  # default",
    ] {
        let is_there = dump
            .lines()
            .any(|said| said.trim_start() == line.trim_start());
        assert!(is_there, "{line}\n{dump}");
    }
}
