//! How virtual servers are balanced: the scheduler's flags, persistence, tunnels, and the
//! limits of real servers, as they land in the model.

use ipvsd::config::model::{Model, RealServer, VirtualServer};
use ipvsd::config::{self, Code, Loaded, Sources};
use ipvsd::lvs::{ForwardingMethod, Granularity, Persistence, Scheduler, ServiceFlags, TunnelType};

fn load(text: &str) -> Loaded {
    config::parse(Sources::from_text("test.conf", text))
}

/// A virtual server with these words and one real server with those.
fn text(head: &str, words: &str, of_server: &str) -> String {
    let server = if head.contains(':') {
        "fd00::2"
    } else {
        "10.0.0.2"
    };
    format!(
        "virtual_server {head} {{\n{words}\n\
         real_server {server} 80 {{\n{of_server}\n}}\n}}\n"
    )
}

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

fn of_tcp(words: &str) -> VirtualServer {
    let words = format!("protocol TCP\n{words}");
    model(&text("10.0.0.1 80", &words, ""))
        .virtual_servers
        .remove(0)
}

fn real_server(words: &str) -> RealServer {
    let text = text("10.0.0.1 80", "protocol TCP", words);
    model(&text).virtual_servers[0].real_servers[0].clone()
}

#[test]
fn flags_by_the_names_that_they_have_with_a_scheduler() {
    const ONE: u32 = ServiceFlags::SCHEDULER_1;
    const TWO: u32 = ServiceFlags::SCHEDULER_2;
    const THREE: u32 = ServiceFlags::SCHEDULER_3;
    for (words, flags) in [
        ("", 0),
        ("lvs_sched rr\nflag-1", ONE),
        ("flag-2\nflag-3", TWO | THREE),
        ("lvs_sched sh\nsh-fallback", ONE),
        ("sh-port\nlvs_sched sh", TWO),
        ("lvs_sched sh\nsh-port\nflag-1", ONE | TWO),
        ("lvs_sched sh\nhashed", ServiceFlags::HASHED),
        ("lvs_sched mh\nmh-fallback\nmh-port", ONE | TWO),
        // What belongs to another scheduler or protocol has no effect.
        ("lvs_sched mh\nsh-port", 0),
        ("lvs_sched rr\nhashed\nmh-port", 0),
        ("ops", 0),
    ] {
        assert_eq!(of_tcp(words).flags, ServiceFlags(flags), "{words}");
    }
    let udp = text(
        "10.0.0.1 53",
        "protocol UDP\nops\npersistence_timeout 5",
        "",
    );
    let udp = model(&udp).virtual_servers.remove(0);
    assert_eq!(udp.flags, ServiceFlags(ServiceFlags::ONE_PACKET));
    let said = "protocol TCP\nlvs_sched rr\nsh-port\nmh-port\nops";
    assert_eq!(
        codes(&text("10.0.0.1 80", said, "")),
        [Code::NoEffect, Code::NoEffect, Code::NoEffect]
    );
}

#[test]
fn every_scheduler() {
    for scheduler in Scheduler::ALL {
        let words = format!("lvs_sched {}", scheduler.name());
        assert_eq!(of_tcp(&words).scheduler, scheduler);
    }
}

#[test]
fn persistence_with_all_that_belongs_to_it() {
    let persistence = |head: &str, words: &str| {
        let words = format!("protocol UDP\n{words}");
        let mut model = model(&text(head, &words, ""));
        model.virtual_servers.remove(0).persistence
    };
    let wanted = |timeout, granularity: &str, engine: Option<&str>| {
        Some(Persistence {
            timeout,
            granularity: Granularity::parse(granularity).unwrap(),
            engine: engine.map(str::to_owned),
        })
    };
    let (v4, v6) = ("10.0.0.1 80", "fd00::1 80");
    assert_eq!(persistence(v4, ""), None);
    assert_eq!(
        persistence(v4, "persistence_timeout 50"),
        wanted(50, "255.255.255.255", None)
    );
    assert_eq!(
        persistence(v6, "persistence_timeout 50"),
        wanted(50, "128", None)
    );
    assert_eq!(
        persistence(v4, "persistence_granularity 255.255.0.0"),
        wanted(360, "255.255.0.0", None)
    );
    assert_eq!(
        persistence(v6, "persistence_timeout 7\npersistence_granularity 48"),
        wanted(7, "48", None)
    );
    let sip = "persistence_timeout 7\npersistence_engine sip";
    assert_eq!(
        persistence(v4, sip),
        wanted(7, "255.255.255.255", Some("sip"))
    );
    assert_eq!(persistence(v4, "persistence_engine sip"), None);
    // The kernel takes a netmask whatever its bits, as keepalived does.
    assert_eq!(
        persistence(v4, "persistence_granularity 255.0.255.0"),
        wanted(360, "255.0.255.0", None)
    );
}

#[test]
fn tunnels_of_each_server() {
    let gue = |port, flags| ForwardingMethod::Tunnel(TunnelType::Gue { port, flags });
    let gre = |flags| ForwardingMethod::Tunnel(TunnelType::Gre { flags });
    let ipip = ForwardingMethod::Tunnel(TunnelType::Ipip);
    for (method, wanted) in [
        ("NAT", ForwardingMethod::Nat),
        ("DR", ForwardingMethod::DirectRouting),
        ("TUN", ipip),
        ("TUN type ipip", ipip),
        ("TUN type gue port 6080", gue(6080, TunnelType::NOCSUM)),
        ("TUN type gue csum port 6080", gue(6080, TunnelType::CSUM)),
        (
            "TUN type gue port 6080 remcsum",
            gue(6080, TunnelType::REMCSUM),
        ),
        // The last counts.
        (
            "TUN type gue port 1 remcsum port 2 nocsum",
            gue(2, TunnelType::NOCSUM),
        ),
        ("TUN type gre", gre(TunnelType::NOCSUM)),
        ("TUN type gre csum", gre(TunnelType::CSUM)),
    ] {
        let said = format!("lvs_method {method}");
        assert_eq!(real_server(&said).method, wanted, "{method}");
        // That of the virtual server is for real servers that say none.
        let server = of_tcp(&said);
        assert_eq!(server.real_servers[0].method, wanted, "{method}");
        let sorry = of_tcp(&format!("sorry_server 10.0.0.9 80\nsorry_server_{said}"));
        assert_eq!(sorry.sorry_server.unwrap().method, wanted, "{method}");
        // As it is dumped it is read.
        let said = format!("lvs_method {wanted}");
        assert_eq!(real_server(&said).method, wanted, "{method}");
    }
}

#[test]
fn limits_of_connections() {
    for (words, wanted) in [
        ("", (0, 0)),
        ("uthreshold 5", (5, 0)),
        ("lthreshold 3\nuthreshold 5", (5, 3)),
        ("uthreshold 5\nlthreshold 5", (5, 5)),
        ("uthreshold 4294967295\nlthreshold 1", (u32::MAX, 1)),
        ("uthreshold 0\nlthreshold 0", (0, 0)),
        // Without the upper one the lower one says nothing, and the kernel refuses it.
        ("lthreshold 3", (0, 0)),
        ("uthreshold 0\nlthreshold 3", (0, 0)),
    ] {
        let server = real_server(words);
        let limits = (server.upper_threshold, server.lower_threshold);
        assert_eq!(limits, wanted, "{words}");
    }
    let wrong = text("10.0.0.1 80", "protocol TCP", "uthreshold 3\nlthreshold 4");
    assert_eq!(codes(&wrong), [Code::InvalidValue]);
}

#[test]
fn tunnels_join_the_families() {
    for (outer, inner) in [("10.0.0.1 80", "fd00::2"), ("fd00::1 80", "10.0.0.2")] {
        let servers = |method: &str| {
            format!(
                "virtual_server {outer} {{\nprotocol TCP\nlvs_method {method}\n\
                 real_server {inner} 80 {{\n}}\n}}\n"
            )
        };
        for method in ["TUN", "TUN type gue port 9", "TUN type gre csum"] {
            let model = model(&servers(method));
            let server = &model.virtual_servers[0].real_servers[0];
            assert_eq!(server.key.address.to_string(), inner, "{method}");
        }
        for method in ["NAT", "DR"] {
            assert_eq!(codes(&servers(method)), [Code::FamilyMismatch], "{method}");
        }
    }
}

#[test]
fn a_dump_of_all_that_means_the_same() {
    for words in [
        "lvs_sched sh\nsh-port\nsh-fallback\nflag-3\nhashed\nprotocol TCP",
        "lvs_sched mh\nmh-port\nmh-fallback\nprotocol SCTP",
        "lvs_sched rr\nflag-1\nflag-2\nops\nprotocol UDP",
        "persistence_timeout 5\npersistence_granularity 255.255.0.0\n\
         persistence_engine sip\nprotocol UDP",
        "sorry_server 10.0.0.9 80\nsorry_server_lvs_method TUN type gue port 9 remcsum\n\
         protocol TCP",
    ] {
        let of_server = "lvs_method TUN type gre csum\nuthreshold 9\nlthreshold 5";
        let first = model(&text("10.0.0.1 80", words, of_server));
        let dump = first.dump();
        let again = model(&dump);
        let server = |model: &Model| {
            let mut server = model.virtual_servers[0].clone();
            server.origin = Default::default();
            server.real_servers[0].origin = Default::default();
            if let Some(sorry) = &mut server.sorry_server {
                sorry.origin = Default::default();
            }
            server
        };
        assert_eq!(server(&first), server(&again), "{dump}");
    }
}
