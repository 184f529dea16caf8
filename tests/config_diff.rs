//! The difference of two configurations as a value: applied to the old one it gives the
//! new one, it is empty exactly when they are equal, and what is told of it is in words.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use ipvsd::config::diff::ModelDiff;
use ipvsd::config::model::Model;
use ipvsd::config::{self, Sources};
use ipvsd::lvs::Table;
use ipvsd::lvs::pool::Memory;
use ipvsd::moment::Moment;
use ipvsd::plan::{Known, Plan, Serves, wanted};
use ipvsd::vrrp::types::State;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

fn model(text: &str) -> Model {
    let loaded = config::parse(Sources::from_text("a.conf", text.as_bytes()));
    let told = loaded.diagnostics.render(config::diagnostic::Style::Plain);
    loaded.model.unwrap_or_else(|| panic!("{text}\n{told}"))
}

/// Virtual servers with real servers and checks, instances and what stands around them.
fn configuration() -> impl Strategy<Value = String> {
    let global = subsequence(
        vec![
            "router_id one",
            "lvs_audit_interval 7",
            "smtp_server 10.0.0.25",
            "notification_email {\n a@example.org\n b@example.org\n}",
            "vrrp_startup_delay 3",
            "snmp_socket tcp:x:1",
        ],
        0..=6,
    )
    .prop_map(|words| format!("global_defs {{\n{}\n}}\n", words.join("\n")));
    let check = select(vec![
        "",
        "TCP_CHECK {\n}\n",
        "TCP_CHECK {\n connect_port 81\n}\n",
        "delay_loop 9\nTCP_CHECK {\n}\nMISC_CHECK {\n misc_path /bin/a\n}\n",
        "MISC_CHECK {\n misc_path /bin/b\n}\n",
        "HTTP_GET {\n url {\n path /\n}\n}\n",
        "HTTP_GET {\n url {\n path /x\n status_code 200\n}\n}\n",
    ]);
    let server = (1..6_u8, check, 1..4_u16).prop_map(|(number, check, weight)| {
        let text = format!("real_server 10.0.0.{number} 80 {{\n weight {weight}\n {check}}}\n");
        (number, text)
    });
    let servers = proptest::collection::vec(server, 1..5).prop_map(|mut servers| {
        let mut seen = HashSet::new();
        servers.retain(|(number, _)| seen.insert(*number));
        servers
            .into_iter()
            .map(|(_, text)| text)
            .collect::<String>()
    });
    let more = select(vec![
        "",
        "quorum 2\n",
        "alpha\n",
        "persistence_timeout 50\n",
    ]);
    let service = (1..5_u8, select(vec!["rr", "wlc"]), more, servers).prop_map(
        |(number, scheduler, more, servers)| {
            let text = format!(
                "virtual_server 10.0.1.{number} 80 {{\n lb_algo {scheduler}\n lb_kind DR\n \
                 protocol TCP\n {more}{servers}}}\n"
            );
            (number, text)
        },
    );
    let addresses = subsequence(
        vec!["10.0.9.1/24", "10.0.9.2/24", "10.0.9.3/24 label eth0:1"],
        1..=3,
    );
    let instance = (1..5_u8, 1..200_u8, addresses, select(vec!["a", "b"])).prop_map(
        |(number, priority, addresses, password)| {
            let text = format!(
                "vrrp_instance VI_{number} {{\n interface eth{number}\n virtual_router_id {number}\n \
                 priority {priority}\n authentication {{\n auth_type PASS\n auth_pass {password}\n}}\n\
                 notify_master /bin/{password}\n virtual_ipaddress {{\n{}\n}}\n}}\n",
                addresses.join("\n")
            );
            (number, text)
        },
    );
    let once = |mut blocks: Vec<(u8, String)>| {
        let mut seen = HashSet::new();
        blocks.retain(|(number, _)| seen.insert(*number));
        blocks.into_iter().map(|(_, text)| text).collect::<String>()
    };
    let services = proptest::collection::vec(service, 0..5).prop_map(once);
    let instances = proptest::collection::vec(instance, 0..4).prop_map(once);
    (global, services, instances)
        .prop_map(|(global, services, instances)| format!("{global}{services}{instances}"))
}

fn known(model: Model) -> Known {
    let memory = Memory::default();
    Known {
        owned: wanted(&model, &memory, now())
            .services
            .keys()
            .copied()
            .collect(),
        model,
        memory,
        instances: BTreeMap::new(),
        serves: Serves {
            virtual_servers: true,
            vrrp: true,
        },
        flushes: false,
    }
}

#[test]
fn a_start_with_lvs_flush_begins_with_nothing() {
    let text = "virtual_server 10.0.0.80 80 {\n protocol TCP\n lb_kind DR\n \
                real_server 10.0.0.11 {\n }\n}\n";
    let model = model(text);
    let actual = wanted(&model, &Memory::default(), now());
    let mut known = known(model.clone());
    assert!(Plan::new(&known, &model, &actual, now()).is_empty());
    known.flushes = true;
    let plan = Plan::new(&known, &model, &actual, now());
    let lines: Vec<_> = plan.kernel.iter().map(ToString::to_string).collect();
    assert_eq!(
        lines,
        [
            "- all that is in the table, lvs_flush: 1 virtual servers, with its real server",
            "+ virtual server TCP 10.0.0.80:80: scheduler wlc",
            "+ real server 10.0.0.11:80 of TCP 10.0.0.80:80: DR, weight 1",
        ]
    );
    // There is nothing to be flushed.
    let plan = Plan::new(&known, &model, &Default::default(), now());
    assert_eq!(plan.kernel.len(), 2);
}

fn now() -> Moment {
    Moment::since_boot(Duration::from_secs(1_000))
}

proptest! {
    #[test]
    fn a_difference_leads_from_one_to_the_other(old in configuration(), new in configuration()) {
        let (old, new) = (model(&old), model(&new));
        let diff = ModelDiff::between(&old, &new);
        prop_assert_eq!(diff.is_empty(), old == new);
        prop_assert_eq!(diff.apply(old.clone()), new.clone());
        let none = ModelDiff::between(&new, &new);
        prop_assert!(none.is_empty());
        prop_assert_eq!(none.apply(old.clone()), old);
    }

    /// Whatever there was: with the plan carried out nothing is left to plan. And nothing
    /// is told of equal configurations, while of others something is, unless they differ
    /// in nothing but their order.
    #[test]
    fn nothing_is_left_to_plan(old in configuration(), new in configuration()) {
        let (old, new) = (model(&old), model(&new));
        let actual = wanted(&old, &Memory::default(), now());
        let plan = Plan::new(&known(old.clone()), &new, &actual, now());
        let after = wanted(&new, &Memory::default(), now());
        prop_assert_eq!(plan.kernel.is_empty(), actual == after);
        let again = Plan::new(&known(new.clone()), &new, &after, now());
        prop_assert!(again.is_empty(), "{:?}", again);
        let sorted = |mut model: Model| {
            model.virtual_servers.sort_by(|a, b| a.id.cmp(&b.id));
            for it in &mut model.virtual_servers {
                it.real_servers.sort_by_key(|server| server.key);
            }
            model.vrrp_instances.sort_by(|a, b| a.settings.name.cmp(&b.settings.name));
            model.dump()
        };
        // Passwords are not in the dump.
        if sorted(old) != sorted(new) {
            prop_assert!(!plan.configuration.is_empty());
        }
    }
}

/// The plan's lines.
fn lines(known: &Known, new: &str, actual: &Table) -> Vec<String> {
    let plan = Plan::new(known, &model(new), actual, now());
    let kernel = plan.kernel.iter().map(ToString::to_string);
    let configuration = plan.configuration.iter().map(ToString::to_string);
    kernel.chain(configuration).collect()
}

const OLD: &str = "\
global_defs {
    router_id one
}
vrrp_instance VI_1 {
    interface eth0
    virtual_router_id 51
    priority 100
    authentication {
        auth_type PASS
        auth_pass secret
    }
    virtual_ipaddress {
        10.0.0.80/24
        10.0.0.81/24
    }
}
virtual_server 10.0.0.80 80 {
    delay_loop 5
    lb_algo rr
    lb_kind DR
    protocol TCP
    real_server 10.0.0.11 80 {
        weight 1
        TCP_CHECK {
        }
    }
    real_server 10.0.0.12 80 {
        weight 1
        TCP_CHECK {
        }
    }
}
virtual_server 10.0.0.80 443 {
    lb_algo rr
    lb_kind DR
    protocol TCP
    real_server 10.0.0.11 443 {
    }
}
";

#[test]
fn every_change_has_its_line() {
    let old = known(model(OLD));
    let actual = wanted(&old.model, &Memory::default(), now());
    let said = |new: &str| lines(&old, new, &actual);
    assert_eq!(said(OLD), [""; 0]);
    assert_eq!(
        said(&OLD.replacen("weight 1", "weight 3", 1)),
        [
            "~ real server 10.0.0.11:80 of TCP 10.0.0.80:80: weight 1 -> 3",
            "~ real server 10.0.0.11:80 of TCP 10.0.0.80:80: weight 1 -> 3",
        ]
    );
    assert_eq!(
        said(&OLD.replacen("lb_algo rr", "lb_algo wlc", 1)),
        [
            "~ virtual server TCP 10.0.0.80:80: scheduler rr -> wlc",
            "~ virtual server TCP 10.0.0.80:80: lvs_sched rr -> wlc",
        ]
    );
    assert_eq!(
        said(&OLD.replace("delay_loop 5", "delay_loop 10"))[0],
        "~ check TCP_CHECK 10.0.0.11:80 of 10.0.0.11:80 of TCP 10.0.0.80:80: \
         delay_loop 5 -> 10, warmup 5 -> 10"
    );
    assert_eq!(
        said(&OLD.replacen("TCP_CHECK {", "TCP_CHECK {\nconnect_port 81", 1)),
        [
            "- check TCP_CHECK 10.0.0.11:80 of 10.0.0.11:80 of TCP 10.0.0.80:80",
            "+ check TCP_CHECK 10.0.0.11:81 of 10.0.0.11:80 of TCP 10.0.0.80:80",
        ]
    );
    let (without, _) = OLD.split_at(OLD.find("virtual_server 10.0.0.80 443").unwrap());
    assert_eq!(
        said(without),
        [
            "- virtual server TCP 10.0.0.80:443: scheduler rr, with its real server",
            "- virtual server TCP 10.0.0.80:443",
        ]
    );
    assert_eq!(
        said(&OLD.replace("router_id one", "router_id two")),
        ["~ global settings: router_id \"one\" -> \"two\""]
    );
    assert_eq!(
        said(&OLD.replace("priority 100", "priority 150")),
        ["~ VRRP instance VI_1: priority 100 -> 150"]
    );
    assert_eq!(
        said(&OLD.replace("auth_pass secret", "auth_pass other")),
        ["~ VRRP instance VI_1: a password or key (not shown)"]
    );
}

#[test]
fn an_address_says_where_its_instance_stands() {
    let mut old = known(model(OLD));
    old.instances.insert("VI_1".into(), State::Master);
    let actual = wanted(&old.model, &Memory::default(), now());
    let new = OLD.replace("10.0.0.81/24", "10.0.0.82/24 label eth0:1");
    assert_eq!(
        lines(&old, &new, &actual),
        [
            "- address 10.0.0.81/24 dev \"eth0\" of VI_1 (MASTER here)",
            "+ address 10.0.0.82/24 dev \"eth0\" label \"eth0:1\" of VI_1 (MASTER here)",
        ]
    );
}

#[test]
fn a_dead_server_stays_out_and_what_is_not_ours_is_left_alone() {
    let old = known(model(OLD));
    let mut actual = wanted(&old.model, &Memory::default(), now());
    let foreign = model(&OLD.replace("10.0.0.80", "10.0.0.99"));
    let foreign = wanted(&foreign, &Memory::default(), now());
    actual.services.extend(foreign.services);
    assert_eq!(lines(&old, OLD, &actual), [""; 0]);

    let mut dead = old.clone();
    let service = &dead.model.virtual_servers[0];
    let checks = ipvsd::check::keys_of(&dead.model, &service.id, &service.real_servers[0]);
    let verdict = ipvsd::check::Verdict::assumed(false, now());
    dead.memory.verdicts.insert(checks[0].clone(), verdict);
    // Its check knows that it is down; the table has it, so it goes.
    assert_eq!(
        lines(&dead, OLD, &actual),
        ["- real server 10.0.0.11:80 of TCP 10.0.0.80:80: DR, weight 1"]
    );
}

#[test]
fn an_order_is_no_change_and_drift_is_one() {
    let old = known(model(OLD));
    let mut actual = wanted(&old.model, &Memory::default(), now());
    let (start, last) = OLD.split_at(OLD.find("virtual_server 10.0.0.80 443").unwrap());
    let turned = format!("{last}{start}");
    assert_eq!(lines(&old, &turned, &actual), [""; 0]);
    let entry = actual.services.get_index_mut(0).unwrap().1;
    entry.destinations.get_index_mut(1).unwrap().1.weight = 0;
    assert_eq!(
        lines(&old, OLD, &actual),
        ["~ real server 10.0.0.12:80 of TCP 10.0.0.80:80: weight 0 -> 1"]
    );
}
