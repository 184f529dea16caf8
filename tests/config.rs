//! What configurations mean.

use std::net::SocketAddr;
use std::time::Duration;

use ipvsd::config::model::{
    Check, CheckSpec, CheckTarget, HttpCheck, MiscCheck, Model, StatusCodes, Timing, UserSpec,
    VirtualServer,
};
use ipvsd::config::{self, Sources};
use ipvsd::lvs::{ForwardingMethod, Protocol, Scheduler, ServiceKey, TunnelType};

/// The model of a text that has to be fine.
fn model(text: &str) -> Model {
    let loaded = config::parse(Sources::from_text("test.conf", text));
    let report = loaded.diagnostics.render(config::diagnostic::Style::Plain);
    loaded.model.unwrap_or_else(|| panic!("{report}"))
}

/// The virtual server 10.0.0.1:80 with these words and the real server 10.0.0.2:80
/// with those.
fn virtual_server(words: &str, real_server_words: &str) -> VirtualServer {
    let text = format!(
        "virtual_server 10.0.0.1 80 {{\nprotocol TCP\n{words}\n\
         real_server 10.0.0.2 80 {{\n{real_server_words}\n}}\n}}\n"
    );
    model(&text).virtual_servers.remove(0)
}

fn check(outer: &str, middle: &str, check: &str) -> Check {
    let server = virtual_server(outer, &format!("{middle}\n{check}"));
    server.real_servers[0].checks[0].clone()
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn a_small_cluster() {
    let model = model(
        "! a comment
global_defs {
    router_id lvs1
}
virtual_server 10.0.0.1 80 {
    delay_loop 6
    lb_algo wrr # another
    lb_kind DR
    persistence_timeout 50
    protocol TCP
    sorry_server 10.0.0.9 80
    real_server 10.0.0.2 80{
        weight 3
        TCP_CHECK { connect_timeout 1.5 }
    }
    real_server 10.0.0.3 80
    {
    }
}
",
    );
    assert_eq!(model.files, ["test.conf"]);
    assert_eq!(model.global.router_id.as_deref(), Some("lvs1"));
    let [virtual_server] = model.virtual_servers.as_slice() else {
        panic!("{model:#?}");
    };
    assert_eq!(virtual_server.id.to_string(), "[10.0.0.1]:tcp:80");
    assert_eq!(virtual_server.origin.line, 5);
    assert_eq!(virtual_server.scheduler.name(), "wrr");
    assert_eq!(virtual_server.persistence.as_ref().unwrap().timeout, 50);
    let sorry = virtual_server
        .sorry_server
        .as_ref()
        .expect("a sorry server");
    assert_eq!(sorry.key.to_string(), "10.0.0.9:80");
    assert_eq!(sorry.method, ForwardingMethod::DirectRouting);
    assert_eq!(sorry.origin.line, 11);
    let [first, second] = virtual_server.real_servers.as_slice() else {
        panic!("{virtual_server:#?}");
    };
    assert_eq!((first.weight.0, second.weight.0), (3, 1));
    assert_eq!((first.origin.line, second.origin.line), (12, 16));
    let check = &first.checks[0];
    assert!(matches!(check.spec, CheckSpec::Tcp(_)));
    assert_eq!(check.timing.timeout, Duration::from_millis(1500));
    assert_eq!(check.timing.delay_loop, seconds(6));
    assert_eq!(check.origin.line, 14);
    assert_eq!(second.checks, []);
}

#[test]
fn what_is_not_said() {
    let server = virtual_server("", "");
    assert_eq!(server.scheduler, Scheduler::WeightedLeastConnection);
    assert_eq!(server.persistence, None);
    assert_eq!(
        (server.quorum, server.hysteresis, server.alpha),
        (1, 0, false)
    );
    assert_eq!(server.sorry_server, None);
    let server = &server.real_servers[0];
    assert_eq!(server.method, ForwardingMethod::Nat);
    assert_eq!((server.weight.0, server.inhibit_on_failure), (1, false));
    let global = model("global_defs {\n}\n").global;
    assert_eq!((global.router_id, global.script_user), (None, None));
    assert_eq!(global.audit_interval, seconds(30));
    assert!(!global.enable_script_security);
}

#[test]
fn global_words() {
    let global = model(
        "global_defs {
    router_id \"two words\"
    script_user nobody nogroup
    enable_script_security
}
global_defs {
    lvs_audit_interval 86400
}",
    )
    .global;
    assert_eq!(global.router_id.as_deref(), Some("two words"));
    let user = UserSpec {
        user: "nobody".to_owned(),
        group: Some("nogroup".to_owned()),
    };
    assert_eq!(global.script_user, Some(user));
    assert!(global.enable_script_security);
    assert_eq!(global.audit_interval, seconds(86_400));
}

#[test]
fn every_scheduler_and_method_and_protocol() {
    for scheduler in Scheduler::ALL {
        let words = format!("lb_algo {}", scheduler.name());
        assert_eq!(virtual_server(&words, "").scheduler, scheduler);
    }
    let methods = [
        ("NAT", ForwardingMethod::Nat),
        ("DR", ForwardingMethod::DirectRouting),
        ("TUN", ForwardingMethod::Tunnel(TunnelType::Ipip)),
        ("TUN type ipip", ForwardingMethod::Tunnel(TunnelType::Ipip)),
    ];
    for (word, method) in methods {
        let server = virtual_server(&format!("lb_kind {word}"), "");
        assert_eq!(server.real_servers[0].method, method);
        let server = virtual_server("lb_kind NAT", &format!("lvs_method {word}"));
        assert_eq!(server.real_servers[0].method, method);
    }
    for (word, protocol) in [
        ("udp", Protocol::Udp),
        ("TCP", Protocol::Tcp),
        ("Sctp", Protocol::Sctp),
    ] {
        let key = virtual_server(&format!("protocol {word}"), "").services[0];
        assert!(matches!(key, ServiceKey::Address { protocol: found, .. } if found == protocol));
    }
}

#[test]
fn no_protocol_is_udp_as_with_keepalived() {
    let text = "virtual_server 10.0.0.1 53 {\nreal_server 10.0.0.2 53 {\n}\n}";
    let key = model(text).virtual_servers[0].services[0];
    assert_eq!(key.to_string(), "[10.0.0.1]:udp:53");
}

#[test]
fn ports_of_real_servers() {
    // (forwarding, virtual server, real server, in the kernel, checked)
    for (method, outer, inner, known, checked) in [
        ("NAT", "80", "8080", 8080, 8080),
        ("NAT", "80", "", 80, 80),
        ("NAT", "80", "0", 80, 80),
        ("DR", "80", "8080", 80, 8080),
        ("DR", "80", "", 80, 80),
        ("TUN", "80", "8080", 80, 8080),
        ("NAT", "0", "8080", 8080, 8080),
        ("DR", "", "8080", 0, 8080),
    ] {
        let text = format!(
            "virtual_server 10.0.0.1 {outer} {{\nprotocol TCP\npersistence_timeout 5\n\
             lb_kind {method}\nreal_server 10.0.0.2 {inner} {{\nTCP_CHECK {{ }}\n}}\n\
             sorry_server 10.0.0.9 {inner}\n}}"
        );
        let server = model(&text).virtual_servers.remove(0);
        let case = format!("{method} {outer} {inner}");
        assert_eq!(server.real_servers[0].key.port, known, "{case}");
        assert_eq!(server.sorry_server.expect("one").key.port, known, "{case}");
        let CheckSpec::Tcp(target) = &server.real_servers[0].checks[0].spec else {
            panic!("{case}");
        };
        assert_eq!(target.address.port(), checked, "{case}");
    }
}

#[test]
fn a_virtual_server_for_every_port_is_persistent() {
    let text = "virtual_server fd00::1 {\nprotocol TCP\nreal_server fd00::2 {\n}\n}";
    let server = model(text).virtual_servers.remove(0);
    assert_eq!(server.persistence.unwrap().timeout, 360);
    assert_eq!(server.services[0].port(), 0);
    let server = virtual_server("persistence_timeout", "");
    assert_eq!(server.persistence.unwrap().timeout, 360);
}

#[test]
fn quorum_and_hysteresis_are_cut_to_what_can_be_reached() {
    // (said, weights together, meant)
    for (quorum, hysteresis, weight, meant) in [
        (3_u32, 2_u32, 5, (3, 2)),
        (7, 2, 5, (5, 2)),
        (7, 6, 5, (5, 4)),
        (1, 1, 5, (1, 0)),
        (u32::MAX, u32::MAX, 5, (5, 4)),
        (2, 0, 0, (1, 0)),
    ] {
        let words = format!("quorum {quorum}\nhysteresis {hysteresis}");
        let server = virtual_server(&words, &format!("weight {weight}"));
        assert_eq!(
            (server.quorum, server.hysteresis),
            meant,
            "{quorum} {hysteresis}"
        );
    }
}

#[test]
fn the_inner_word_counts() {
    assert_eq!(virtual_server("weight 4", "").real_servers[0].weight.0, 4);
    assert_eq!(
        virtual_server("weight 4", "weight 2").real_servers[0]
            .weight
            .0,
        2
    );
    let inhibits = |outer: &str, inner: &str| {
        let server = virtual_server(outer, inner);
        server.real_servers[0].inhibit_on_failure
    };
    assert!(inhibits("inhibit_on_failure", ""));
    assert!(inhibits("", "inhibit_on_failure"));
    assert!(!inhibits("inhibit_on_failure", "inhibit_on_failure no"));

    let alpha = |outer: &str, middle: &str, inner: &str| {
        check(outer, middle, &format!("TCP_CHECK {{\n{inner}\n}}")).alpha
    };
    assert!(!alpha("", "", ""));
    assert!(alpha("alpha", "", ""));
    assert!(alpha("", "alpha", ""));
    assert!(alpha("", "", "alpha"));
    assert!(!alpha("alpha", "alpha off", ""));
    assert!(!alpha("alpha", "alpha", "alpha off"));
    assert!(virtual_server("alpha", "").alpha);
}

#[test]
fn timing_is_inherited_word_by_word() {
    let outer = "delay_loop 1\nconnect_timeout 2\nretry 3\ndelay_before_retry 4\nwarmup 5";
    let middle = "delay_loop 11\nretry 13\nwarmup 15";
    let inner = "TCP_CHECK {\nretry 23\ndelay_before_retry 24.000001\n}";
    let expected = Timing {
        delay_loop: seconds(11),
        timeout: seconds(2),
        retry: 23,
        delay_before_retry: Duration::from_micros(24_000_001),
        warmup: seconds(15),
    };
    assert_eq!(check(outer, middle, inner).timing, expected);
}

#[test]
fn defaults_of_each_check() {
    let tcp = Timing {
        delay_loop: seconds(60),
        timeout: seconds(5),
        retry: 1,
        delay_before_retry: seconds(1),
        warmup: seconds(60),
    };
    assert_eq!(check("", "", "TCP_CHECK { }").timing, tcp);
    let http = Timing {
        delay_before_retry: seconds(3),
        ..tcp
    };
    let get = "HTTP_GET {\nurl {\npath /\n}\n}";
    assert_eq!(check("", "", get).timing, http);
    // A script may take as long as it is until the next.
    let misc = Timing {
        timeout: seconds(7),
        delay_loop: seconds(7),
        retry: 0,
        warmup: seconds(7),
        ..tcp
    };
    let script = "MISC_CHECK {\nmisc_path /bin/true\n}";
    assert_eq!(
        check("delay_loop 7\nconnect_timeout 2", "", script).timing,
        misc
    );
    let script = "MISC_CHECK {\nmisc_path /bin/true\nmisc_timeout 3\n}";
    assert_eq!(check("", "", script).timing.timeout, seconds(3));
}

#[test]
fn where_a_check_connects_to() {
    let address = |words: &str| {
        let text = format!("TCP_CHECK {{\n{words}\n}}");
        match check("", "", &text).spec {
            CheckSpec::Tcp(CheckTarget { address }) => address.to_string(),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(address(""), "10.0.0.2:80");
    assert_eq!(address("connect_port 81"), "10.0.0.2:81");
    assert_eq!(address("connect_ip fd00::3"), "[fd00::3]:80");
}

#[test]
fn http_get() {
    let text = "HTTP_GET {
        connect_port 8080
        virtualhost check.example.org
        url {
            path /a?b=c
            digest 9B3A0c85a887a256d6939da88aabd8cd
            status_code 200 301-303
            virtualhost url.example.org
        }
        url {
            path \"/{x}#y\"
        }
        nb_get_retry 4
    }";
    let check = check("virtualhost outer.example.org", "", text);
    assert_eq!(check.timing.retry, 4);
    let CheckSpec::Http(HttpCheck { target, urls }) = check.spec else {
        panic!("{:?}", check.spec);
    };
    assert_eq!(target.address, SocketAddr::from(([10, 0, 0, 2], 8080)));
    let [first, second] = urls.as_slice() else {
        panic!("{urls:?}");
    };
    assert_eq!(first.path, "/a?b=c");
    let digest = [
        0x9b, 0x3a, 0x0c, 0x85, 0xa8, 0x87, 0xa2, 0x56, 0xd6, 0x93, 0x9d, 0xa8, 0x8a, 0xab, 0xd8,
        0xcd,
    ];
    assert_eq!(first.digest, Some(digest));
    assert_eq!(first.status_codes, StatusCodes(vec![200..=200, 301..=303]));
    assert_eq!(first.virtual_host.as_deref(), Some("url.example.org"));
    assert_eq!(second.path, "/{x}#y");
    assert_eq!(second.digest, None);
    assert_eq!(second.status_codes, StatusCodes(vec![200..=299]));
    assert_eq!(second.virtual_host.as_deref(), Some("check.example.org"));
}

#[test]
fn the_virtual_host_is_inherited() {
    let host = |outer: &str, middle: &str| {
        let check = check(outer, middle, "HTTP_GET {\nurl {\npath /\n}\n}");
        let CheckSpec::Http(HttpCheck { mut urls, .. }) = check.spec else {
            panic!("{:?}", check.spec);
        };
        urls.remove(0).virtual_host
    };
    assert_eq!(host("", ""), None);
    assert_eq!(host("virtualhost a", "").as_deref(), Some("a"));
    assert_eq!(host("virtualhost a", "virtualhost b").as_deref(), Some("b"));
}

#[test]
fn commands() {
    let argv = |command: &str| {
        let text = format!(
            "virtual_server 10.0.0.1 80 {{\nprotocol TCP\nreal_server 10.0.0.2 80 {{\n\
             MISC_CHECK {{\nmisc_path {command}\n}}\n}}\n}}"
        );
        model(&text).scripts.remove(0).argv
    };
    // What keepalived 2.2.7 starts for these, as its scripts saw it.
    assert_eq!(
        argv(r#""/c one 'two three' four\ five \"six\" $HOME *""#),
        [
            "/c",
            "one",
            "two three",
            "four",
            "five",
            "six",
            "$HOME",
            "*"
        ]
    );
    assert_eq!(argv("'/c a b'"), ["/c", "a", "b"]);
    assert_eq!(argv("\"'/c' 'a b' c\""), ["/c", "a b", "c"]);
    assert_eq!(
        argv("\"/c a ; true | cat\""),
        ["/c", "a", ";", "true", "|", "cat"]
    );
    assert_eq!(argv("/c a b"), ["/c"]);
    assert_eq!(argv("\"/c\" a b"), ["/c"]);
}

#[test]
fn equal_commands_are_one_script() {
    let check = "MISC_CHECK {\nmisc_path \"/bin/check a\"\nmisc_dynamic\n}";
    let other = "MISC_CHECK {\nmisc_path \"/bin/check a\"\nuser nobody\n}";
    let text = format!(
        "virtual_server 10.0.0.1 80 {{\nprotocol TCP\nreal_server 10.0.0.2 80 {{\n\
         {check}\n{check}\n{other}\n}}\n}}"
    );
    let model = model(&text);
    let checks = &model.virtual_servers[0].real_servers[0].checks;
    let scripts: Vec<_> = checks
        .iter()
        .map(|check| match &check.spec {
            CheckSpec::Misc(MiscCheck { script, dynamic }) => (script.0, *dynamic),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(scripts, [(0, true), (0, true), (1, false)]);
    let user = model.scripts[1].user.as_ref().expect("a user");
    assert_eq!((user.user.as_str(), &user.group), ("nobody", &None));
}

#[test]
fn a_sorry_server_may_be_all_there_is() {
    let text = "virtual_server 10.0.0.1 80 {\nprotocol TCP\nsorry_server 10.0.0.9\n}";
    let server = model(text).virtual_servers.remove(0);
    assert_eq!(server.real_servers, []);
    assert_eq!(
        server.sorry_server.expect("one").key.to_string(),
        "10.0.0.9:80"
    );
}

#[test]
fn the_other_family_through_a_tunnel() {
    let text =
        "virtual_server 10.0.0.1 80 {\nprotocol TCP\nlb_kind TUN\nreal_server fd00::2 {\n}\n}";
    let server = model(text).virtual_servers.remove(0);
    assert_eq!(server.real_servers[0].key.to_string(), "[fd00::2]:80");
}

#[test]
fn layouts_that_are_all_the_same() {
    let usual = "virtual_server 10.0.0.1 80 {\n    protocol TCP\n    real_server 10.0.0.2 80 {\n        \
                 weight 2\n        TCP_CHECK {\n            retry 2\n        }\n    }\n}\n";
    for other in [
        "virtual_server 10.0.0.1 80{\nprotocol TCP\nreal_server 10.0.0.2 80{\nweight 2\nTCP_CHECK{\nretry 2\n}}}",
        "virtual_server 10.0.0.1 80\n\n# comment {\n{\nprotocol TCP\nreal_server 10.0.0.2 80\n{\nweight 2\nTCP_CHECK\n{\nretry 2\n}\n}\n}",
        "virtual_server 10.0.0.1 80 { protocol TCP\nreal_server 10.0.0.2 80 { weight 2\nTCP_CHECK { retry 2 } } }",
        "\u{feff}\"virtual_server\" \"10.0.0.1\" \"80\" {\r\n\tprotocol\tTCP\r\n\x0breal_server 10.0.0.2 80 {\r\nweight 02! }\r\nTCP_CHECK { retry +2 } }\r\n}\r\n",
    ] {
        assert_eq!(model(usual), model(other), "{other}");
    }
}
