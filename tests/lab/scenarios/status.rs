//! What `ipvsd status` says of instances, for people and for programs.

use serde_json::{Value, json};

use crate::cluster::{Family, Method, Plan};
use crate::daemon::Daemon;
use crate::lab::{Lab, wait_until};
use crate::pair::{LONG, VIP};
use crate::scenario::{Scenario, scenarios};

pub const ALL: &[Scenario] = scenarios!(status:
    an_instance_says_how_it_speaks_and_what_is_here,
);

const PASSWORD: &str = "s3cret";
const KEY: &str = "0123456789abcdef0123456789ABCDEF";

/// One instance as ever, and one with all that is new.
fn conf(own: &str, peer: &str, priority: u8, interval: &str) -> String {
    format!(
        "vrrp_instance VI_1 {{
            interface eth0
            virtual_router_id 51
            priority {priority}
            authentication {{
                auth_type PASS
                auth_pass {PASSWORD}
            }}
            virtual_ipaddress {{
                10.0.0.80/24
            }}
            virtual_ipaddress_excluded {{
                fd00::80/64
            }}
        }}
        vrrp_instance VI_2 {{
            interface eth0
            virtual_router_id 52
            version 3
            priority {priority}
            advert_int {interval}
            unicast_src_ip {own}
            unicast_peer {{
                {peer}
            }}
            auth_hmac {{
                key 1 {KEY}
                active_key 1
            }}
            virtual_ipaddress {{
                10.0.0.81/24
            }}
        }}\n"
    )
}

fn instance(daemon: &Daemon, name: &str) -> Value {
    let status = daemon.status_json();
    let instances = status["instances"].as_array().unwrap();
    let instance = instances.iter().find(|it| it["name"] == name);
    instance.cloned().unwrap()
}

fn an_instance_says_how_it_speaks_and_what_is_here(lab: &Lab) {
    let cluster = Plan::new(Method::Dr, Family::V4)
        .directors(2)
        .vrrp()
        .build(lab);
    let [director1, director2] = cluster.two_directors();
    let master = director1.start(&conf("10.0.0.1", "10.0.0.2", 150, "0.5"));
    let backup = director2.start(&conf("10.0.0.2", "10.0.0.1", 100, "1"));
    for name in ["VI_1", "VI_2"] {
        master.wait_for_state(name, "MASTER", LONG);
        backup.wait_for_state(name, "BACKUP", LONG);
    }
    wait_until("an advert of each master", LONG, || {
        let heard = |name| !instance(&backup, name)["master"].is_null();
        let is_up = |name| instance(&master, name)["state"] == "MASTER";
        ["VI_1", "VI_2"]
            .iter()
            .all(|name| heard(name) && is_up(name))
    });
    wait_until("the addresses", LONG, || {
        director1.holds(VIP) && director1.holds("10.0.0.81")
    });

    let one = instance(&master, "VI_1");
    for (name, expected) in [
        ("version", json!(2)),
        ("family", json!("ipv4")),
        ("delivery", json!("multicast")),
        ("destinations", json!(["224.0.0.18"])),
        ("authentication", json!("pass")),
        ("configured_interval", json!(1.0)),
        ("learned_interval", json!(null)),
        (
            "addresses",
            json!([
                {"address": "10.0.0.80/24", "interface": "eth0", "advertised": true, "here": true},
                {"address": "fd00::80/64", "interface": "eth0", "advertised": false, "here": true},
            ]),
        ),
    ] {
        assert_eq!(one[name], expected, "{name}: {one:#}");
    }
    assert!(one["lateness"]["worst"].is_f64(), "{one:#}");
    let two = instance(&backup, "VI_2");
    for (name, expected) in [
        ("version", json!(3)),
        ("delivery", json!("unicast")),
        ("destinations", json!(["10.0.0.1"])),
        ("authentication", json!("hmac")),
        ("configured_interval", json!(1.0)),
        ("learned_interval", json!(0.5)),
        (
            "addresses",
            json!([
                {"address": "10.0.0.81/24", "interface": "eth0", "advertised": true, "here": false},
            ]),
        ),
    ] {
        assert_eq!(two[name], expected, "{name}: {two:#}");
    }
    assert_eq!(two["packets"]["unsigned_received"], 0);

    // What somebody has put there by hand, with another mask.
    director2.ip("address add 10.0.0.81/32 dev eth0 label eth0:hand");
    assert_eq!(instance(&backup, "VI_2")["addresses"][0]["here"], true);
    let told = backup.ipvsd(&["status"]);
    for line in [
        "VRRP VI_2 BACKUP  eth0 VRID 52 version 3 IPv4, priority 100",
        "  10.0.0.81/24 on eth0, here",
        "  fd00::80/64 on eth0 (in no advert), not here",
        "  an advert every 1 s (the master's: 0.5 s) by unicast to 10.0.0.1, signed",
        "  scheduled OTHER, nice 0, on processors 0",
    ] {
        assert!(told.contains(line), "{line}: {told}");
    }
    // Not even as the bytes of it.
    let hexadecimal: String = KEY.bytes().map(|byte| format!("{byte:02x}")).collect();
    for daemon in [&master, &backup] {
        let all = daemon.ipvsd(&["status"]) + &daemon.ipvsd(&["status", "--json"]);
        for secret in [PASSWORD, KEY, &hexadecimal] {
            assert!(!all.contains(secret), "{secret}: {all}");
        }
    }
}
