use super::*;
use crate::config;
use crate::config::source::Sources;

fn model(text: &str) -> Model {
    let loaded = config::parse(Sources::from_text("advice.conf", text));
    loaded.model.expect("a configuration without errors")
}

fn host(sysctls: &[(&str, &str)], addresses: &[(&str, &str, u8)]) -> Host {
    let sysctls = sysctls.iter();
    let addresses = addresses.iter();
    Host {
        sysctls: sysctls
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
        addresses: addresses
            .map(|(interface, address, prefix)| HostNetwork {
                interface: (*interface).to_owned(),
                address: address.parse().unwrap(),
                prefix: *prefix,
            })
            .collect(),
    }
}

fn told(text: &str, host: &Host) -> Vec<String> {
    let findings = advice(&model(text), host);
    findings.iter().map(ToString::to_string).collect()
}

/// A virtual server with such real servers: what is in it, and its real servers' own words.
fn service(inside: &str, servers: &[(&str, &str)]) -> String {
    let servers: String = servers
        .iter()
        .map(|(address, words)| format!("real_server {address} 80 {{\n{words}\n}}\n"))
        .collect();
    format!("virtual_server 10.0.0.80 80 {{\nlb_algo rr\n{inside}\n{servers}}}\n")
}

const TCP: &str = "lb_kind DR\nprotocol TCP";
const CHECKED: &str = "TCP_CHECK {\n}";
const WEB1: &str = "10.0.0.11";

#[test]
fn a_host_of_which_nothing_is_known_is_told_nothing() {
    let text = service(TCP, &[(WEB1, CHECKED)]);
    assert_eq!(told(&text, &Host::default()), [""; 0]);
}

#[test]
fn connections_to_who_has_left_the_table() {
    let host = host(&[("net.ipv4.vs.expire_nodest_conn", "0")], &[]);
    let text = service(TCP, &[(WEB1, CHECKED)]);
    assert_eq!(
        told(&text, &host),
        [
            "net.ipv4.vs.expire_nodest_conn is 0: connections to a real server of \
          [10.0.0.80]:tcp:80 that leaves the table are not reset: their clients wait until they \
          lose patience: `sysctl -w net.ipv4.vs.expire_nodest_conn=1`"
        ]
    );
    let text = service(
        "lb_kind DR\nprotocol UDP",
        &[(WEB1, "MISC_CHECK {\nmisc_path /bin/true\n}")],
    );
    let udp = told(&text, &host);
    assert!(udp[0].contains("goes on asking"), "{udp:?}");
    // None leaves it.
    let stays = format!("inhibit_on_failure\n{CHECKED}");
    assert_eq!(told(&service(TCP, &[(WEB1, &stays)]), &host), [""; 0]);
    assert_eq!(told(&service(TCP, &[(WEB1, "weight 1")]), &host), [""; 0]);
}

#[test]
fn persistence_binds_to_who_has_no_weight() {
    let host = host(&[("net.ipv4.vs.expire_quiescent_template", "0")], &[]);
    let persistent = format!("{TCP}\npersistence_timeout 60");
    let stays = format!("inhibit_on_failure\n{CHECKED}");
    let told_of = |inside: &str, words: &str| told(&service(inside, &[(WEB1, words)]), &host).len();
    assert_eq!(told_of(&persistent, &stays), 1);
    assert_eq!(told_of(&persistent, "weight 0"), 1);
    assert_eq!(told_of(&persistent, CHECKED), 0);
    assert_eq!(told_of(TCP, &stays), 0);
}

#[test]
fn ports_that_are_used_again() {
    let text = service(TCP, &[(WEB1, "weight 1")]);
    let reuse = "net.ipv4.vs.conn_reuse_mode";
    let with = |mode: &str, conntrack: &str, kernel: &str| {
        let sysctls = [
            (reuse, mode),
            ("net.ipv4.vs.conntrack", conntrack),
            ("kernel.osrelease", kernel),
        ];
        let told = advice(&model(&text), &host(&sysctls, &[]));
        told.first().map(|it| it.set.join(" "))
    };
    assert_eq!(with("0", "0", "6.1.0"), Some(format!("{reuse}=1")));
    assert_eq!(with("1", "1", "6.1.0-18-amd64"), None);
    let slow = Some("net.ipv4.vs.conntrack=0".to_owned());
    assert_eq!(with("1", "1", "5.8.17"), slow);
    assert_eq!(with("1", "0", "4.19.0"), None);
}

#[test]
fn nat_wants_forwarding_and_no_redirects_on_one_network() {
    let text = service("lb_kind NAT\nprotocol TCP", &[(WEB1, "weight 1")]);
    let sysctls = [
        ("net.ipv4.ip_forward", "0"),
        ("net.ipv6.conf.all.forwarding", "0"),
        ("net.ipv4.conf.all.send_redirects", "0"),
        ("net.ipv4.conf.eth0/7.send_redirects", "1"),
    ];
    let codes = |text: &str, addresses: &[(&str, &str, u8)]| -> Vec<String> {
        let found = advice(&model(text), &host(&sysctls, addresses));
        found.into_iter().map(|it| it.code).collect()
    };
    let one_armed = [("eth0.7", "10.0.0.1", 24)];
    assert_eq!(
        codes(&text, &one_armed),
        ["net.ipv4.ip_forward", "net.ipv4.conf.eth0/7.send_redirects"]
    );
    let two_armed = [("eth0.7", "10.0.0.1", 25), ("eth1", "10.0.0.129", 25)];
    let behind = text.replace(WEB1, "10.0.0.140");
    assert_eq!(codes(&behind, &two_armed), ["net.ipv4.ip_forward"]);
    let direct = service(TCP, &[(WEB1, "weight 1")]);
    assert_eq!(codes(&direct, &one_armed), [""; 0]);
    // What is here does not pass through.
    assert_eq!(codes(&text.replace(WEB1, "10.0.0.1"), &one_armed), [""; 0]);
    let v6 = text
        .replace("10.0.0.80 80", "fd00::80 80")
        .replace(WEB1, "fd00::11");
    assert_eq!(codes(&v6, &one_armed), ["net.ipv6.conf.all.forwarding"]);
}

const INSTANCE: &str = "vrrp_instance VI_1 {
    interface eth0
    virtual_router_id 51
    virtual_ipaddress {
        10.0.0.80
    }
}
";

#[test]
fn directors_that_are_real_servers_of_each_other() {
    let text = service(TCP, &[("10.0.0.1", "weight 1"), ("10.0.0.2", "weight 1")]);
    let addresses = [("eth0", "10.0.0.1", 24), ("lo", "10.0.0.80", 32)];
    let sysctls = [
        ("net.ipv4.conf.all.arp_ignore", "0"),
        ("net.ipv4.conf.eth0.arp_ignore", "0"),
        ("net.ipv4.conf.all.arp_announce", "0"),
        ("net.ipv4.conf.eth0.arp_announce", "2"),
    ];
    let both = format!("{INSTANCE}{text}");
    let codes = |text: &str, addresses: &[(&str, &str, u8)]| -> Vec<String> {
        let found = advice(&model(text), &host(&sysctls, addresses));
        found.into_iter().map(|it| it.code).collect()
    };
    let arp = "net.ipv4.conf.all.arp_ignore";
    assert_eq!(codes(&both, &addresses), [arp, "director-is-real-server"]);
    // The only director, and one that is none of them.
    assert_eq!(codes(&text, &addresses), [arp]);
    assert_eq!(codes(&both, &[("eth0", "10.0.0.3", 24)]), [""; 0]);
    let by_mark = both.replace("virtual_server 10.0.0.80 80", "virtual_server fwmark 1");
    assert_eq!(codes(&by_mark, &addresses), [""; 0]);
}
