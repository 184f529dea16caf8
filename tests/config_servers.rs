//! Virtual servers by mark and by group, checks that come later, and what servers say that
//! has to fit other blocks.

use std::net::IpAddr;

use ipvsd::config::model::{CheckSpec, GroupEntry, Model, SettingValue, VirtualServer};
use ipvsd::config::{self, Code, Loaded, Sources};
use ipvsd::lvs::{Family, PoolId, Protocol, ServiceKey};

fn load(text: &str) -> Loaded {
    config::parse(Sources::from_text("test.conf", text))
}

/// The model of a text that has to be fine.
fn model(text: &str) -> Model {
    let loaded = load(text);
    let report = loaded.diagnostics.render(config::diagnostic::Style::Plain);
    loaded.model.unwrap_or_else(|| panic!("{report}"))
}

fn codes(text: &str) -> Vec<Code> {
    let loaded = load(text);
    let list = loaded.diagnostics.list().iter();
    list.map(|diagnostic| diagnostic.code).collect()
}

/// The codes that are errors.
fn errors(text: &str) -> Vec<Code> {
    let mut codes = codes(text);
    codes.retain(|code| code.severity() == config::Severity::Error);
    codes
}

fn address(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

/// The one virtual server of a text.
fn only(text: &str) -> VirtualServer {
    let mut model = model(text);
    assert_eq!(model.virtual_servers.len(), 1);
    model.virtual_servers.remove(0)
}

/// A virtual server by mark with these words and real servers.
fn by_mark(words: &str, servers: &[&str]) -> String {
    let servers: String = servers
        .iter()
        .map(|server| format!("real_server {server} {{\n}}\n"))
        .collect();
    format!("virtual_server fwmark 7 {{\n{words}\n{servers}}}\n")
}

/// A group with these lines, and a virtual server for it.
fn by_group(lines: &str, words: &str, server: &str) -> String {
    format!(
        "virtual_server_group G {{\n{lines}\n}}\n\
         virtual_server group G {{\nprotocol TCP\n{words}\nreal_server {server} {{\n}}\n}}\n"
    )
}

#[test]
fn ranges_of_a_group_in_all_notations() {
    let entry = |line: &str| {
        let text = by_group(line, "lvs_method TUN", "10.0.0.2 80");
        model(&text).virtual_server_groups.remove(0).entries[0]
    };
    let range = |first: &str, last: &str, port| GroupEntry::Addresses {
        first: address(first),
        last: address(last),
        port,
    };
    assert_eq!(entry("10.0.0.1 80"), range("10.0.0.1", "10.0.0.1", 80));
    assert_eq!(entry("10.0.0.1-9 80"), range("10.0.0.1", "10.0.0.9", 80));
    assert_eq!(entry("10.0.0.5-5 80"), range("10.0.0.5", "10.0.0.5", 80));
    let over_an_octet = entry("10.2.1.250-10.2.2.2 80");
    assert_eq!(over_an_octet, range("10.2.1.250", "10.2.2.2", 80));
    assert_eq!(
        entry("192.168.202.8/29 80"),
        range("192.168.202.8", "192.168.202.15", 80)
    );
    assert_eq!(entry("10.0.0.1/32"), range("10.0.0.1", "10.0.0.1", 0));
    // The last part of an IPv6 address is hexadecimal.
    assert_eq!(entry("fd00::1-1f 80"), range("fd00::1", "fd00::1f", 80));
    assert_eq!(
        entry("fd00::1-fd00::1:0 80"),
        range("fd00::1", "fd00::1:0", 80)
    );
    assert_eq!(entry("fd00::/126 80"), range("fd00::", "fd00::3", 80));
    assert_eq!(entry("fd00::/110 80").family(), Some(Family::V6));
    // Each address is a virtual server of its own.
    let too_many = by_group("fd00::/64 80", "lvs_method TUN", "10.0.0.2 80");
    assert_eq!(errors(&too_many), [Code::InvalidValue]);
    let mark = |family| GroupEntry::Fwmark { mark: 31, family };
    assert_eq!(entry("fwmark 31"), mark(None));
    assert_eq!(entry("fwmark 0x1f inet"), mark(Some(Family::V4)));
    assert_eq!(entry("fwmark 31 inet6"), mark(Some(Family::V6)));
}

#[test]
fn a_group_is_known_before_it_is_defined() {
    let text = "virtual_server group G {\nprotocol UDP\nreal_server 10.0.0.2 53 {\n}\n}\n\
                virtual_server_group G {\nfwmark 3\n10.0.0.80 53\n}\n";
    let server = only(text);
    let id = PoolId::Group {
        name: "G".into(),
        protocol: Some(Protocol::Udp),
    };
    assert_eq!(server.id, id);
    let mark = ServiceKey::Fwmark {
        mark: 3,
        family: Family::V4,
    };
    let key = ServiceKey::Address {
        protocol: Protocol::Udp,
        address: address("10.0.0.80"),
        port: 53,
    };
    assert_eq!(server.services, [mark, key]);
}

#[test]
fn real_servers_and_checks_of_a_group_are_read() {
    let text = "virtual_server_group G {\n10.0.0.80-89 8080\n}\n\
                virtual_server group G {\nprotocol TCP\nlb_kind DR\ndelay_loop 7\n\
                real_server 10.0.0.2 {\nweight 3\nTCP_CHECK {\n}\n}\n}\n";
    let server = only(text);
    let real_server = &server.real_servers[0];
    assert_eq!((real_server.weight.0, real_server.key.port), (3, 8080));
    let check = &real_server.checks[0];
    assert_eq!(check.timing.delay_loop.as_secs(), 7);
    match &check.spec {
        CheckSpec::Tcp(target) => assert_eq!(target.address, "10.0.0.2:8080".parse().unwrap()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_family_of_a_mark() {
    let family =
        |words: &str, servers: &[&str]| only(&by_mark(words, servers)).services[0].family();
    assert_eq!(family("", &["10.0.0.2 80"]), Family::V4);
    assert_eq!(family("", &["fd00::2 80"]), Family::V6);
    let tunnel = "lvs_method TUN";
    assert_eq!(family(tunnel, &["fd00::2"]), Family::V6);
    assert_eq!(family(tunnel, &["fd00::2", "10.0.0.2"]), Family::V4);
    let said = "lvs_method TUN\nip_family inet6";
    assert_eq!(family(said, &["fd00::2", "10.0.0.2"]), Family::V6);
    let granular = "lvs_method TUN\npersistence_timeout 5\npersistence_granularity 64";
    assert_eq!(family(granular, &["10.0.0.2"]), Family::V6);
    // One that cannot be of another family decides.
    let text = "virtual_server fwmark 7 {\nreal_server 10.0.0.2 {\nlvs_method TUN\n}\n\
                real_server fd00::2 80 {\n}\n}\n";
    assert_eq!(only(text).services[0].family(), Family::V6);
    for (words, server) in [
        ("ip_family inet6", "10.0.0.2 80"),
        ("ip_family inet", "fd00::2 80"),
    ] {
        let told = errors(&by_mark(words, &[server]));
        assert_eq!(told, [Code::FamilyMismatch], "{words} {server}");
    }
}

#[test]
fn marks_and_ports() {
    // NAT sends to the port of the real server; nothing else can change it.
    let text = by_mark("", &["10.0.0.2 8080"]);
    let port = |text: &str| only(text).real_servers[0].key.port;
    assert_eq!(port(&text), 8080);
    let text = by_mark("lvs_method DR", &["10.0.0.2 8080"]);
    assert_eq!(port(&text), 0);
    assert!(codes(&text).contains(&Code::PortOverridden));
    // A mark needs no persistence, an address of a group for every port does.
    let persistence = |text: &str| {
        let persistence = only(text).persistence;
        persistence.map(|persistence| persistence.timeout)
    };
    assert_eq!(persistence(&by_mark("", &["10.0.0.2"])), None);
    // Who says which clients are one wants it.
    let granular = by_mark("persistence_granularity 255.255.255.0", &["10.0.0.2"]);
    assert_eq!(persistence(&granular), Some(360));
    let text = by_group("10.0.0.80 80\n10.0.0.81", "", "10.0.0.2 80");
    assert_eq!(persistence(&text), Some(360));
    assert!(codes(&text).contains(&Code::DefaultAssumed));
    let text = by_group("10.0.0.80 80\nfwmark 3", "", "10.0.0.2 80");
    assert_eq!(persistence(&text), None);
}

#[test]
fn virtual_servers_that_overlap() {
    let group = by_group("10.0.1.250-10.0.2.5 80", "", "10.0.0.2 80");
    let beside = |head: &str, protocol: &str| {
        format!(
            "{group}virtual_server {head} {{\nprotocol {protocol}\n\
             real_server 10.0.0.3 80 {{\n}}\n}}\n"
        )
    };
    for head in ["10.0.1.250 80", "10.0.2.0 80", "10.0.2.5 80"] {
        assert_eq!(errors(&beside(head, "TCP")), [Code::Duplicate], "{head}");
        assert_eq!(errors(&beside(head, "UDP")), [], "{head}");
    }
    for head in ["10.0.1.249 80", "10.0.2.6 80", "10.0.2.0 81"] {
        assert_eq!(errors(&beside(head, "TCP")), [], "{head}");
    }
    // The same group twice is told once, however many addresses it has.
    let many = by_group("10.0.1.1-90 80\n10.0.2.0/24 80", "", "10.0.0.2 80");
    let twice = |protocol: &str| {
        format!(
            "{many}virtual_server group G {{\nprotocol {protocol}\n\
             real_server 10.0.0.3 80 {{\n}}\n}}\n"
        )
    };
    assert_eq!(errors(&twice("TCP")), [Code::Duplicate]);
    assert_eq!(errors(&twice("UDP")), []);
    let marks = by_mark("", &["10.0.0.2 80"]) + &by_mark("", &["10.0.0.3 80"]);
    assert_eq!(errors(&marks), [Code::Duplicate]);
    // The kernel keeps marks of the two families apart.
    let marks = by_mark("", &["10.0.0.2 80"]) + &by_mark("", &["fd00::3 80"]);
    assert_eq!(errors(&marks), []);
}

#[test]
fn a_wide_range_hides_no_overlap_behind_a_narrow_one() {
    let text = "virtual_server_group A {\n10.0.0.0/16 80\n}\n\
                virtual_server_group B {\n10.1.0.1-5 80\n}\n\
                virtual_server group A {\nprotocol TCP\nreal_server 10.9.0.2 80 {\n}\n}\n\
                virtual_server group B {\nprotocol TCP\nreal_server 10.9.0.2 80 {\n}\n}\n\
                virtual_server 10.0.0.1 80 {\nprotocol TCP\nreal_server 10.9.0.2 80 {\n}\n}\n\
                virtual_server 10.0.200.1 80 {\nprotocol TCP\nreal_server 10.9.0.2 80 {\n}\n}\n";
    assert_eq!(errors(text), [Code::Duplicate, Code::Duplicate]);
}

#[test]
fn a_group_of_both_families_is_for_tunnels() {
    let lines = "10.0.0.80 80\nfd00::80 80";
    let text = by_group(lines, "", "10.0.0.2 80");
    assert_eq!(errors(&text), [Code::FamilyMismatch]);
    let text = by_group(lines, "lvs_method TUN", "fd00::2 80");
    assert_eq!(errors(&text), []);
    let text = by_group(lines, "lvs_method TUN\nsorry_server 10.0.0.9", "fd00::2 80");
    assert_eq!(errors(&text), []);
    let sorry = "lvs_method TUN\nsorry_server 10.0.0.9\nsorry_server_lvs_method NAT";
    let text = by_group(lines, sorry, "fd00::2 80");
    assert_eq!(errors(&text), [Code::FamilyMismatch]);
}

#[test]
fn checks_that_come_later_are_in_the_model() {
    let text = "virtual_server 10.0.0.1 80 {\nprotocol TCP\nreal_server 10.0.0.2 80 {\n\
                SSL_GET {\nretry 5\nurl {\npath /a\nstatus_code 200 300-399\n}\n}\n\
                UDP_CHECK {\npayload Ab12f 3 456\nrequire_reply\n}\n\
                HTTP_GET {\nbindto 10.0.0.9\nurl {\npath /\nregex \"o k\"\n}\n}\n}\n}\n";
    let model = model(text);
    let server = &model.virtual_servers[0].real_servers[0];
    let words: Vec<_> = server.later.iter().map(|it| it.word.as_str()).collect();
    assert_eq!(words, ["SSL_GET", "UDP_CHECK"]);
    let inside = server.later[0].block.as_ref().expect("a block");
    assert_eq!(inside[0].values, [SettingValue::Integer(5)]);
    let url = inside[1].block.as_ref().expect("a block");
    let status = ["200", "300-399"].map(|code| SettingValue::Text(code.to_owned()));
    assert_eq!(url[1].values, status);
    // What a page of a check that is served says is with the page.
    assert_eq!(server.checks.len(), 1);
    assert_eq!(server.checks[0].later[0].word, "bindto");
    match &server.checks[0].spec {
        CheckSpec::Http(http) => assert_eq!(http.urls[0].later[0].word, "regex"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_inherited_is_told_once_to_be_too_long() {
    let servers: String = (2..50)
        .map(|host| format!("real_server 10.0.0.{host} 80 {{\nTCP_CHECK {{\n}}\n}}\n"))
        .collect();
    let text = |words: &str| {
        format!("virtual_server 10.0.0.1 80 {{\nprotocol TCP\n{words}\n{servers}}}\n")
    };
    let told = codes(&text("delay_loop 2\nconnect_timeout 3"));
    assert_eq!(told, [Code::Advice]);
    // What nobody has written down is not held against anybody.
    assert_eq!(codes(&text("delay_loop 2")), []);
    assert_eq!(codes(&text("connect_timeout 100")), []);
    assert_eq!(codes(&text("delay_loop 3\nconnect_timeout 3")), []);
    assert_eq!(codes(&text("retry 100")), []);
    // Three times three and two seconds.
    let retries = "connect_timeout 3\nretry 3\ndelay_before_retry 2";
    assert_eq!(codes(&text(&format!("delay_loop 15\n{retries}"))), []);
    let told = codes(&text(&format!("delay_loop 14.9\n{retries}")));
    assert_eq!(told, [Code::Advice]);
    // No follow-up of what is told already.
    let told = codes(&text("delay_loop 2\nconnect_timeout 3\nretry 9"));
    assert_eq!(told, [Code::Advice]);
}

#[test]
fn a_dump_of_marks_and_groups_means_the_same() {
    let text = "virtual_server_group \"a b\" {\n10.0.1.250-10.0.2.5 80\nfwmark 3 inet\n}\n\
                virtual_server group \"a b\" {\nprotocol TCP\nlb_kind DR\nsh-port\nlb_algo sh\n\
                real_server 10.0.0.2 8080 {\nTCP_CHECK {\n}\nuthreshold 5\n}\n}\n\
                virtual_server fwmark 9 {\nip_family inet6\nsorry_server fd00::9\n\
                real_server fd00::2 80 {\nMISC_CHECK {\nmisc_path /bin/true\n}\n}\n}\n";
    let first = model(text);
    let again = model(&first.dump());
    assert_eq!(
        again,
        Model {
            files: again.files.clone(),
            ..first
        }
    );
}

#[test]
fn checks_go_by_blocks_that_are_there() {
    let text = |check: &str, beside: &str| {
        format!(
            "virtual_server 10.0.0.1 80 {{\nprotocol TCP\nreal_server 10.0.0.2 80 {{\n\
             {check}\n}}\n}}\n{beside}"
        )
    };
    let file = "FILE_CHECK {\ntrack_file load\n}";
    let session = "BFD_CHECK {\nname peer\n}";
    let of_file = "track_file load {\nfile /run/load\n}\n";
    let of_session = "bfd_instance peer {\nneighbor_ip 10.0.0.7\n}\n";
    // The order of blocks says nothing.
    let no_effect = |text: &str| {
        let codes = codes(text);
        codes.iter().filter(|code| **code == Code::NoEffect).count()
    };
    assert_eq!(no_effect(&text(file, of_file)), 0);
    assert_eq!(no_effect(&text(session, of_session)), 0);
    // As with keepalived, it runs, and what is missing is told.
    assert_eq!(no_effect(&text(file, "")), 1);
    assert_eq!(no_effect(&text(session, "")), 1);
    // Here the other block is of no use, too.
    assert_eq!(no_effect(&text(file, of_session)), 2);
    assert_eq!(no_effect(&text(session, of_file)), 2);
}
