//! What stands in no block, `global_defs`, and what is tracked: what the model has of it,
//! and what is told where blocks do not fit each other or this host.

use std::fs;

use ipvsd::cli::check::{CheckOutcome, Format, run};
use ipvsd::config::diagnostic::Style;
use ipvsd::config::model::{Model, Setting};
use ipvsd::config::{self, Code, Loaded, Sources};

fn load(text: &str) -> Loaded {
    config::parse(Sources::from_text("globals.conf", text))
}

fn model(text: &str) -> Model {
    let loaded = load(text);
    let report = loaded.diagnostics.render(Style::Plain);
    loaded.model.unwrap_or_else(|| panic!("{report}"))
}

/// A setting as a dump has it, with what is in its block in braces.
fn line(setting: &Setting) -> String {
    let word = Some(setting.word.clone()).filter(|word| !word.is_empty());
    let values = setting.values.iter().map(ToString::to_string);
    let mut line = word.into_iter().chain(values).collect::<Vec<_>>().join(" ");
    if let Some(block) = &setting.block {
        let inside: Vec<_> = block.iter().map(self::line).collect();
        line.push_str(&format!(" {{ {} }}", inside.join("; ")));
    }
    line
}

fn lines(settings: &[Setting]) -> Vec<String> {
    settings.iter().map(line).collect()
}

/// What is told beyond that words are not served yet: its code and its first line.
fn told(text: &str) -> Vec<String> {
    let loaded = load(text);
    let list = loaded.diagnostics.list().iter();
    let others = list.filter(|diagnostic| diagnostic.code != Code::NotServed);
    others
        .map(|diagnostic| format!("{}: {}", diagnostic.code.name(), diagnostic.message))
        .collect()
}

const INSTANCES: &str = "
vrrp_instance VI_1 {
    interface eth0
    virtual_router_id 1
    virtual_ipaddress { 10.0.0.1
    }
    track_script { web
    }
}
vrrp_instance VI_2 {
    interface eth0
    virtual_router_id 2
    virtual_ipaddress { 10.0.0.2
    }
}
";

#[test]
fn the_model_has_what_comes_later() {
    let model = model(
        "net_namespace blue
        linkbeat_interfaces {
            eth0 ETHTOOL
            eth1
        }
        interface_up_down_delays {
            eth0 0.5 2
        }
        vrrp_script web {
            script \"/usr/bin/pgrep 'a b'\"
            interval 2
            weight -20 reverse
        }
        track_file load {
            file /run/load
            init_file overwrite 5
        }
        vrrp_track_process db {
            process \"/usr/sbin/my sql\" --port 3306
            delay 1.5
        }
        bfd_instance peer {
            neighbour_ip fd00::2
            min_tx 50.25
        }
        track_group both {
            group { VI_1 VI_2
            }
        }
        global_defs {
            umask IWGRP|IWOTH
            notify_fifo /run/fifo nobody
        }",
    );
    assert_eq!(
        lines(&model.later),
        [
            "net_namespace \"blue\"",
            "linkbeat_interfaces { \"eth0\" \"ETHTOOL\"; \"eth1\" }",
            "interface_up_down_delays { \"eth0\" 0.5 2 }",
            "vrrp_script \"web\" { script \"'/usr/bin/pgrep' 'a b'\"; interval 2; \
             weight -20 \"reverse\" }",
            "track_file \"load\" { file \"/run/load\"; init_file \"overwrite\" 5 }",
            "vrrp_track_process \"db\" { process \"/usr/sbin/my sql\" \"--port\" \"3306\"; delay 1.5 }",
            "bfd_instance \"peer\" { neighbour_ip fd00::2; min_tx 50.25 }",
            "track_group \"both\" { group { \"VI_1\"; \"VI_2\" } }",
        ]
    );
    assert_eq!(
        lines(&model.global.later),
        [
            "umask \"IWGRP|IWOTH\"",
            "notify_fifo \"/run/fifo\" \"nobody\"",
        ]
    );
}

#[test]
fn what_is_said_twice_counts_once() {
    let text = "global_defs {
            startup_script_timeout 5
            startup_script_timeout 6
        }
        global_defs {
            startup_script_timeout 7
        }
        instance one
        instance two
        vrrp_track_process db {
            process first
            process second
            quorum 1
            quorum 2
        }";
    let model = model(text);
    assert_eq!(lines(&model.global.later), ["startup_script_timeout 7"]);
    assert_eq!(
        lines(&model.later),
        [
            "instance \"two\"",
            "vrrp_track_process \"db\" { process \"first\"; quorum 2 }"
        ]
    );
    assert_eq!(
        told(text),
        [
            "repeated: `startup_script_timeout` is said twice",
            "repeated: `startup_script_timeout` is said twice",
            "repeated: `instance` is said twice",
            "no-effect: nothing tracks `vrrp_track_process db`",
            "repeated: `process` is said twice",
            "repeated: `quorum` is said twice",
        ]
    );
}

#[test]
fn words_again_in_another_block_are_no_repetition() {
    let two = "vrrp_script a {\n script /bin/true\n interval 1\n}\n\
               vrrp_script b {\n script /bin/true\n interval 1\n}\n";
    assert!(!told(two).iter().any(|told| told.starts_with("repeated")));
}

#[test]
fn of_two_by_one_name_the_first_counts() {
    let text = format!(
        "vrrp_script web {{\n script /bin/true\n}}\nvrrp_script web {{\n script /bin/false\n}}\n\
         {INSTANCES}"
    );
    let model = model(&text);
    assert_eq!(
        lines(&model.later),
        ["vrrp_script \"web\" { script \"'/bin/true'\" }"]
    );
    assert_eq!(told(&text), ["repeated: `vrrp_script web` is there twice"]);
    // Of another kind it is another thing.
    let text = format!(
        "vrrp_script web {{\n script /bin/true\n}}\ntrack_file web {{\n file /run/a\n}}\n{INSTANCES}"
    );
    assert_eq!(told(&text), ["no-effect: nothing tracks `track_file web`"]);
}

#[test]
fn a_tracker_that_is_not_there_is_told_with_the_one_that_is_meant() {
    assert_eq!(
        told(INSTANCES),
        ["no-effect: there is no `vrrp_script web`"],
        "the instance runs on, as with keepalived"
    );
    let text = format!("vrrp_script wed {{\n script /bin/true\n}}\n{INSTANCES}");
    let loaded = load(&text);
    let report = loaded.diagnostics.render(Style::Plain);
    assert!(report.contains("did you mean `wed`?"), "{report}");
    assert!(
        report.contains("nothing tracks `vrrp_script wed`"),
        "{report}"
    );
}

#[test]
fn a_check_that_goes_by_something_that_is_not_there_is_told_once() {
    let text = "virtual_server 10.0.0.80 80 {
        protocol TCP
        real_server 10.0.0.2 80 {
            FILE_CHECK { track_file load
            }
            BFD_CHECK { name peer
            }
        }
    }";
    assert_eq!(
        told(text),
        [
            "no-effect: there is no `track_file load`",
            "no-effect: there is no `bfd_instance peer`"
        ]
    );
    let defined = "track_file load {\n file /run/load\n}\n\
                   bfd_instance peer {\n neighbor_ip 10.0.0.9\n}\n";
    assert_eq!(told(&format!("{defined}{text}")), [""; 0]);
}

#[test]
fn a_weight_in_a_sync_group_changes_nothing() {
    let file = |weight: &str, group: &str| {
        format!(
            "vrrp_script web {{\n script /bin/true\n {weight}\n}}\n{INSTANCES}\
             vrrp_sync_group G {{\n group {{ VI_1 VI_2\n }}\n {group}\n}}\n"
        )
    };
    let ignored = "no-effect: `web` has the weight 5, and its instance is in a sync group";
    assert_eq!(told(&file("weight 5", "")), [ignored]);
    let fine: [&str; 0] = [];
    assert_eq!(told(&file("weight 0", "")), fine);
    assert_eq!(told(&file("", "")), fine);
    assert_eq!(told(&file("weight 5", "sync_group_tracking_weight")), fine);
    // In the group itself it counts.
    let in_group = file("", "track_script { web weight 5\n }");
    assert_eq!(told(&in_group), fine);
    // A file's weight is 1 where nobody says another.
    let of_file = INSTANCES.replace("track_script", "track_file");
    let of_file = format!(
        "track_file web {{\n file /run/a\n}}\n{of_file}\
         vrrp_sync_group G {{\n group {{ VI_1 VI_2\n }}\n}}\n"
    );
    assert_eq!(
        told(&of_file),
        ["no-effect: `web` has the weight 1, and its instance is in a sync group"]
    );
}

#[test]
fn a_secret_is_never_shown() {
    let told = load("SSL {\n password hidden too\n key /k banana\n}\n");
    let report = told.diagnostics.render(Style::Plain);
    assert!(!report.contains("hidden"), "{report}");
    assert!(report.contains("key /k banana"), "{report}");
    let model = model("SSL {\n password hidden\n}\n");
    let dump = model.dump();
    assert!(dump.contains("password ********  # not shown"), "{dump}");
    assert!(!format!("{model:?}").contains("hidden"));
}

#[test]
fn whole_seconds_with_a_unit_are_told_what_they_are_in() {
    for word in [
        "vrrp_garp_master_refresh",
        "vrrp_garp_master_delay",
        "notify_timeout",
        "startup_script_timeout",
    ] {
        let report = |value: &str| {
            let loaded = load(&format!("global_defs {{\n {word} {value}\n}}\n"));
            assert_eq!(loaded.diagnostics.errors(), 1, "{word} {value}");
            loaded.diagnostics.render(Style::Plain)
        };
        assert!(report("1h").contains("times are in seconds, without a unit"));
        assert!(report("30s").contains("times are in seconds without a unit: `30`"));
        assert!(!report("banana").contains("unit"));
    }
}

#[test]
fn what_this_host_does_not_have_is_told_of_words_that_come_later() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("ipvsd.conf");
    let text = "net_namespace nosuch-namespace
linkbeat_interfaces {
    nosuch0 MII
    lo
}
vrrp_script web {
    script \"/nonexistent/check 80\"
    user nosuchuser
}
global_defs {
    startup_script /nonexistent/start root
    default_interface nosuch1
}
static_routes {
    10.9.0.0/16 via 10.0.0.254 dev nosuch2
    10.8.0.0/16 dev lo table nosuch-table
}
static_ipaddress {
    10.9.0.1/24 dev nosuch3
    10.9.0.2/24
}
";
    fs::write(&path, text).expect("to write");
    let check = |format| {
        let mut out = Vec::new();
        let outcome = run(&path, format, &mut out).expect("to print");
        assert_eq!(outcome, CheckOutcome::Fine);
        String::from_utf8(out).expect("text")
    };
    let file = path.display();
    let report = check(Format::Text(Style::Plain));
    for told in [
        "warning[script-absent]: script `/nonexistent/check`: there is no such file".to_owned(),
        "warning[script-absent]: script `/nonexistent/start`: there is no such file".to_owned(),
        "warning[script-user]: script `/nonexistent/check`:".to_owned(),
        format!(
            "warning[interface-absent]: {file}:3: interface nosuch0 does not exist on this host: \
             `linkbeat_interfaces` names it"
        ),
        format!(
            "warning[interface-absent]: {file}:12: interface nosuch1 does not exist on this host: \
             `default_interface` names it"
        ),
        format!(
            "warning[interface-absent]: {file}:15: interface nosuch2 does not exist on this host: \
             `static_routes` names it"
        ),
        format!(
            "warning[interface-absent]: {file}:19: interface nosuch3 does not exist on this host: \
             `static_ipaddress` names it"
        ),
        format!(
            "warning[route-name-absent]: {file}:16: routing table nosuch-table, which \
             `static_routes` names, is not known on this host: give its number, or add it to \
             /etc/iproute2/rt_tables"
        ),
        format!(
            "warning[namespace-absent]: {file}:1: network namespace nosuch-namespace, which \
             `net_namespace` names, does not exist on this host: `ip netns add nosuch-namespace` \
             makes it"
        ),
    ] {
        assert!(report.contains(&told), "{told}\n{report}");
    }
    assert!(!report.contains("interface lo"), "{report}");
    assert_eq!(
        report.matches("interface nosuch1 does").count(),
        1,
        "{report}"
    );
    let report: serde_json::Value = serde_json::from_str(&check(Format::Json)).expect("JSON");
    assert_eq!(report["absent_namespaces"][0]["code"], "namespace-absent");
    assert_eq!(report["absent_interfaces"][2]["word"], "default_interface");
}
