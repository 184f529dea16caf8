//! Routes, rules, trackers and the options of addresses: what their lines may be, and that
//! they read as they were written.

use ipvsd::config::model::rule::RuleAction;
use ipvsd::config::model::{Mac, VirtualInterface};
use ipvsd::vrrp::settings::AddressOptions;

use super::{instance, load, model, text_of, told};

/// Lines that are fine but for not being served yet, and how they are written down.
const ROUTES: &[(&str, &str)] = &[
    (
        "192.168.110.0/24 via 192.168.200.254 dev eth1",
        "192.168.110.0/24 via inet 192.168.200.254 dev eth1",
    ),
    (
        "src 192.168.100.1 to 192.168.109.0/24 via 192.168.200.254 dev eth1",
        "192.168.109.0/24 src 192.168.100.1 via inet 192.168.200.254 dev eth1",
    ),
    (
        "192.168.111.0/24 dev eth2 no_track",
        "192.168.111.0/24 no_track dev eth2",
    ),
    ("blackhole 192.168.114.0/24", "blackhole 192.168.114.0/24"),
    ("unreachable default6", "unreachable ::/0"),
    ("prohibit 192.168.1.1", "prohibit 192.168.1.1/32"),
    ("throw inet6 default table main", "throw ::/0 table 254"),
    ("local 10.1.0.0/16 dev lo", "local 10.1.0.0/16 dev lo"),
    (
        "default via 10.0.0.1 table 0x10 metric 4294967295 onlink",
        "0.0.0.0/0 table 16 metric 4294967295 via inet 10.0.0.1 onlink",
    ),
    ("default via fd00::1", "::/0 via inet6 fd00::1"),
    (
        "192.168.100.0/24 table 6909 nexthop via 192.168.101.1 dev wlan0 onlink weight 1 \
         nexthop via 192.168.101.2 dev wlan0 onlink weight 256 realms 1/2",
        "192.168.100.0/24 table 6909 nexthop via inet 192.168.101.1 dev wlan0 onlink weight 1 \
         nexthop via inet 192.168.101.2 dev wlan0 onlink realms 1/2 weight 256",
    ),
    (
        "192.168.200.0/24 dev p33p1.2 table 6909 tos 0x04 protocol bird no_track scope link \
         priority 12 mtu 1000 hoplimit 100 advmss 101 rtt 1.5s rttvar 103 reordering 104 \
         window 105 cwnd 106 ssthresh lock 107 realms PQA/0x14 rto_min lock 208 initcwnd 109 \
         initrwnd 110 vrf blue features ecn add",
        "192.168.200.0/24 tos 0x04 table 6909 vrf blue protocol 12 scope 253 metric 12 \
         realms PQA/20 mtu 1000 advmss 101 rtt 1500ms rttvar 103ms reordering 104 window 105 \
         cwnd 106 ssthresh lock 107 rto_min lock 208ms hoplimit 100 initcwnd 109 initrwnd 110 \
         features ecn add no_track dev p33p1.2",
    ),
    (
        "fd01::/64 from fd02::/64 dev eth0 expires 10 pref high append quickack 1 \
         congctl lock cubic fastopen_no_cookie 1 ttl-propagate disabled",
        "fd01::/64 from fd02::/64 quickack 1 fastopen_no_cookie 1 congctl lock cubic pref high \
         expires 10 ttl-propagate disabled append dev eth0",
    ),
    (
        "10.1.0.0/24 via inet6 fd00::1 dev eth0",
        "10.1.0.0/24 via inet6 fd00::1 dev eth0",
    ),
    (
        "10.1.0.0/24 encap mpls 100/1048575 via 10.0.0.1",
        "10.1.0.0/24 encap mpls 100/1048575 via inet 10.0.0.1",
    ),
    (
        "10.1.0.0/24 encap ip id 18446744073709551615 dst 10.9.0.1 src 10.9.0.2 tos 4 ttl 5 \
         flags 1 dev eth0",
        "10.1.0.0/24 encap ip id 18446744073709551615 dst 10.9.0.1 src 10.9.0.2 tos 4 ttl 5 \
         flags 1 dev eth0",
    ),
    (
        "fd01::/64 encap ip6 dst fd00::9 tc 4 hoplimit 5 dev eth0",
        "fd01::/64 encap ip6 dst fd00::9 tc 4 hoplimit 5 dev eth0",
    ),
    (
        "fd01::/64 encap ila 1:2:3:ffff dev eth0",
        "fd01::/64 encap ila 1:2:3:ffff dev eth0",
    ),
    (
        "fd01::/64 encap seg6 mode inline segs fd00::7,fd00::8 hmac 5 dev eth0",
        "fd01::/64 encap seg6 mode inline segs fd00::7,fd00::8 hmac 5 dev eth0",
    ),
];

const RULES: &[(&str, &str)] = &[
    (
        "from 192.168.28.0/24 to 192.168.29.0/26 table small iif p33p1 oif wlan0 tos 0x10 \
         fwmark 24/12 preference 39 realms 30/20 no_track",
        "from 192.168.28.0/24 to 192.168.29.0/26 tos 0x10 fwmark 0x18/0xc iif p33p1 oif wlan0 \
         preference 39 realms 30/20 table small no_track",
    ),
    (
        "to 1:2:3:4:5:6:7:0/112 from 7:6:5:4:3:2::/96 table 6908 uidrange 10000-4294967295 \
         priority 1",
        "from 7:6:5:4:3:2::/96 to 1:2:3:4:5:6:7:0/112 uidrange 10000-4294967295 preference 1 \
         table 6908",
    ),
    (
        "from 8:6:5:4:3:2::/96 l3mdev protocol 12 ip_proto UDP sport 10-20 dport 65534 order 2",
        "from 8:6:5:4:3:2::/96 ipproto 17 sport 10-20 dport 65534-65534 protocol 12 \
         preference 2 l3mdev",
    ),
    (
        "not from 10.0.0.0/8 goto 40 preference 39",
        "not from 10.0.0.0/8 preference 39 goto 40",
    ),
    (
        "inet6 table local preference 3",
        "from ::/0 preference 3 table 255",
    ),
    (
        "blackhole from all iif lo preference 3",
        "from 0.0.0.0/0 iif lo preference 3 blackhole",
    ),
    (
        "from all table 5 suppress_prefixlength 0 suppress_ifgroup default tunnel-id 7 \
         preference 0x11",
        "from 0.0.0.0/0 tunnel-id 7 preference 17 suppress_prefixlength 0 suppress_ifgroup 0 \
         table 5",
    ),
    (
        "to fd00::1 unreachable preference 4",
        "from ::/0 to fd00::1/128 preference 4 unreachable",
    ),
];

/// What is told of a line in a block, but for that it is not served yet.
fn told_of(block: &str, line: &str) -> Vec<String> {
    let mut told = told(&text_of(&format!("{block} {{\n{line}\n}}")));
    told.retain(|told| !told.starts_with("not-served"));
    told
}

fn unquoted(line: &impl ToString) -> String {
    line.to_string().replace('"', "")
}

#[test]
fn every_form_of_a_route() {
    for (line, written) in ROUTES {
        assert_eq!(told_of("virtual_routes", line), [""; 0], "{line}");
        let text = format!("virtual_routes {{\n{line}\n}}");
        let route = instance(&text).routes.remove(0);
        assert_eq!(unquoted(&route), *written);
        let again = instance(&format!("virtual_routes {{\n{written}\n}}"));
        assert_eq!(again.routes, [route], "{line}");
    }
}

#[test]
fn every_form_of_a_rule() {
    for (line, written) in RULES {
        assert_eq!(told_of("virtual_rules", line), [""; 0], "{line}");
        let rule = instance(&format!("virtual_rules {{\n{line}\n}}"))
            .rules
            .remove(0);
        assert_eq!(unquoted(&rule), *written);
        let again = instance(&format!("virtual_rules {{\n{written}\n}}"));
        assert_eq!(again.rules, [rule], "{line}");
    }
}

#[test]
fn routes_that_are_wrong() {
    for (line, why) in [
        ("via 10.0.0.1", "missing-value: a route needs a destination"),
        (
            "10.0.0.0/33 dev eth0",
            "out-of-range: `10.0.0.0/33` has no such prefix",
        ),
        (
            "10.0.0.0/8 via fd00::1",
            "family-mismatch: an IPv6 address in a route of IPv4",
        ),
        (
            "fd00::/8 via inet 10.0.0.1",
            "family-mismatch: an IPv4 address in a route of IPv6",
        ),
        (
            "10.0.0.0/8 via inet fd00::1",
            "family-mismatch: `fd00::1` is not an IPv4 address",
        ),
        (
            "10.0.0.0/8 src fd00::1 dev a",
            "family-mismatch: an IPv6 address in a route of IPv4",
        ),
        (
            "10.0.0.0/8 dev eth0 expires 5",
            "family-mismatch: `expires` is for routes of IPv6",
        ),
        (
            "fd00::/8 dev eth0 realms 5",
            "family-mismatch: a realm is for routes of IPv4",
        ),
        (
            "10.0.0.0/8 dev eth0 table",
            "missing-value: `table` needs a value",
        ),
        (
            "10.0.0.0/8 dev eth0 table a/b",
            "invalid-value: `a/b` is not a routing table",
        ),
        (
            "10.0.0.0/8 dev eth0 table 4294967296",
            "out-of-range: `4294967296` is out of range",
        ),
        (
            "10.0.0.0/8 dev eth0 protocol 256",
            "out-of-range: `256` is out of range",
        ),
        (
            "10.0.0.0/8 dev eth0 realms 256/1",
            "invalid-value: `256/1` is not a realm, or two of them",
        ),
        (
            "10.0.0.0/8 dev eth0 hoplimit 256",
            "out-of-range: `256` is out of range",
        ),
        (
            "10.0.0.0/8 dev eth0 rtt 961s",
            "out-of-range: `961s` is out of range",
        ),
        (
            "10.0.0.0/8 dev eth0 quickack 2",
            "out-of-range: `2` is out of range",
        ),
        (
            "10.0.0.0/8 dev eth0 features x",
            "invalid-value: `x` is not a feature",
        ),
        (
            "10.0.0.0/8 dev eth0 replace",
            "invalid-value: `replace` is no word of a route",
        ),
        (
            "10.0.0.0/8 dev eth0 10.0.0.1",
            "invalid-value: `10.0.0.1` is not a word of a route",
        ),
        (
            "blackhole 10.0.0.0/8 via 10.0.0.1",
            "invalid-value: a `blackhole` route has no gateway",
        ),
        (
            "10.0.0.0/8 via 10.0.0.1 nexthop via 10.0.0.2",
            "invalid-value: a way of its own beside those behind `nexthop`",
        ),
        (
            "10.0.0.0/8 nexthop via 10.0.0.1 weight 0",
            "out-of-range: `0` is out of range",
        ),
        (
            "10.0.0.0/8 nexthop via 10.0.0.1 mtu 5",
            "invalid-value: `mtu` is not about a next hop",
        ),
        (
            "10.0.0.0/8 encap ip dev eth0",
            "missing-value: `encap ip` needs `dst ADDRESS` or `id NUMBER`",
        ),
        (
            "10.0.0.0/8 encap ip dst fd00::1 dev a",
            "family-mismatch: an IPv6 address in an outer header of IPv4",
        ),
        (
            "10.0.0.0/8 encap mpls 1048576 dev a",
            "invalid-value: `1048576` is not labels of MPLS",
        ),
        (
            "10.0.0.0/8 encap bpf x dev a",
            "invalid-value: `bpf` is not an encapsulation",
        ),
        (
            "10.0.0.0/8 dev eth0 track_group G",
            "invalid-value: `track_group` is for what is static",
        ),
    ] {
        assert_eq!(told_of("virtual_routes", line), [why], "{line}");
    }
}

#[test]
fn routes_that_are_taken_with_a_warning() {
    for (line, why) in [
        (
            "10.0.0.0/8 gw 10.0.0.1",
            "older-spelling: `gw` is an older spelling",
        ),
        (
            "10.0.0.0/8 via 10.0.0.1 or 10.0.0.2 dev a",
            "older-spelling: `or` is an older spelling",
        ),
        (
            "10.0.0.7/8 dev a",
            "value-adjusted: an address with more bits than its prefix",
        ),
        (
            "10.0.0.0/8",
            "doubtful: the route `10.0.0.0/8` has neither gateway nor interface",
        ),
        (
            "10.0.0.0/8 dev a tos 22",
            "doubtful: the kernel takes multiples of 4 only",
        ),
        (
            "10.0.0.0/8 dev a rtt 102",
            "value-adjusted: `rtt` is at least 200 milliseconds",
        ),
        (
            "blackhole 10.0.0.0/8 dev a",
            "no-effect: a `blackhole` route has no interface",
        ),
        (
            "10.0.0.0/8 dev a protocol bird",
            "value-adjusted: a route that is watched has keepalived's protocol",
        ),
        (
            "10.0.0.0/8 dev a as to 10.0.0.1",
            "no-effect: `as` is for MPLS",
        ),
    ] {
        assert_eq!(told_of("virtual_routes", line), [why], "{line}");
        let text = format!("virtual_routes {{\n{line}\n}}");
        assert_eq!(instance(&text).routes.len(), 1, "{line}");
    }
    let two = instance("virtual_routes {\n10.0.0.0/8 via 10.0.0.1 or 10.0.0.2 dev a\n}");
    assert_eq!(two.routes[0].hops.len(), 2);
}

#[test]
fn rules_that_are_wrong() {
    for (line, why) in [
        (
            "from 10.0.0.0/8 preference 1",
            "missing-value: a rule needs something to do",
        ),
        (
            "from 10.0.0.0/8 table 5 blackhole",
            "invalid-value: a rule does one thing only",
        ),
        (
            "from 10.0.0.0/8 to fd00::1 table 5",
            "family-mismatch: an IPv6 address in a rule of IPv4",
        ),
        (
            "from 10.0.0.0/8 goto 30",
            "missing-value: a rule with `goto` needs a preference",
        ),
        (
            "from 10.0.0.0/8 goto 30 preference 30",
            "invalid-value: `goto 30` in a rule with the preference 30",
        ),
        (
            "from 10.0.0.0/8 table 0 preference 1",
            "out-of-range: `0` is out of range",
        ),
        (
            "from 10.0.0.0/8 table 5 pref 1",
            "invalid-value: `pref` is no word of a rule",
        ),
        (
            "10.0.0.0/8 table 5",
            "invalid-value: `10.0.0.0/8` is no word of a rule",
        ),
        (
            "table 5 uidrange 9-5",
            "out-of-range: `9-5` is out of range",
        ),
        (
            "table 5 uidrange 9",
            "invalid-value: `9` is not a range of users",
        ),
        ("table 5 sport 0-5", "out-of-range: `0-5` is out of range"),
        (
            "table 5 dport 65535",
            "out-of-range: `65535` is out of range",
        ),
        (
            "table 5 ipproto nosuch",
            "invalid-value: `nosuch` is not a protocol over IP",
        ),
        (
            "table 5 fwmark 24/0x",
            "invalid-value: `24/0x` is not a mark",
        ),
        (
            "table 5 protocol bird",
            "invalid-value: `bird` is not a number",
        ),
    ] {
        let told = told_of("virtual_rules", line);
        assert_eq!(told.first().map(String::as_str), Some(why), "{line}");
        assert!(
            load(&text_of(&format!("virtual_rules {{\n{line}\n}}")))
                .model
                .is_none()
        );
    }
    let told = told_of("virtual_rules", "from 10.0.0.0/8 table 5");
    assert_eq!(told, ["doubtful: a rule without a preference"]);
}

#[test]
fn what_is_static() {
    let model = model(
        "static_ipaddress {\n10.0.0.1/24 dev eth1 track_group G\n10.0.0.2 peer 10.0.0.3\n}\n\
         static_routes {\n10.1.0.0/16 dev eth0 track_group G\n}\n\
         static_rules {\nfrom 10.1.0.0/16 table 5 preference 5 track_group G\n}\n",
    );
    let lines: Vec<_> = model.static_addresses.iter().collect();
    assert_eq!(lines[0].group.as_deref(), Some("G"));
    assert_eq!(lines[1].address.interface, "eth0");
    assert_eq!(
        lines[1].address.options.peer,
        Some("10.0.0.3".parse().expect("an address"))
    );
    assert_eq!(model.static_routes.len(), 1);
    assert_eq!(
        model.static_rules[0].action,
        RuleAction::Table(ipvsd::config::model::route::Id::Number(5))
    );
    let again = super::model(&model.dump());
    assert_eq!(again.static_addresses, model.static_addresses);
    assert_eq!(again.static_routes, model.static_routes);
    assert_eq!(again.static_rules, model.static_rules);
}

#[test]
fn options_of_addresses() {
    let lines = "10.0.0.90/24 noprefixroute autojoin no_track preferred_lft 0\n\
                 fd00::90/64 home -nodad mngtmpaddr use_vmac preferred_lft forever";
    let text = format!("virtual_ipaddress_excluded {{\n{lines}\n}}");
    let addresses = instance(&text).settings.addresses;
    assert_eq!(
        addresses[1].options,
        AddressOptions {
            no_prefix_route: true,
            joins: true,
            is_untracked: true,
            preferred: Some(0),
            ..AddressOptions::default()
        }
    );
    assert_eq!(
        addresses[2].options,
        AddressOptions {
            is_home: true,
            is_optimistic: true,
            makes_temporary: true,
            has_vmac: true,
            preferred: Some(AddressOptions::FOR_EVER),
            ..AddressOptions::default()
        }
    );
    for (line, why) in [
        (
            "10.0.0.90 peer fd00::1",
            "family-mismatch: fd00::1 cannot be the other end of 10.0.0.90",
        ),
        (
            "10.0.0.90 peer x",
            "invalid-value: `x` is not an IPv4 or IPv6 address",
        ),
        (
            "10.0.0.90 preferred_lft x",
            "invalid-value: `x` is not a number of seconds",
        ),
        (
            "10.0.0.90 preferred_lft 4294967296",
            "out-of-range: `4294967296` is out of range",
        ),
        (
            "10.0.0.90 preferred_lft",
            "missing-value: `preferred_lft` needs a value",
        ),
        (
            "10.0.0.90 nodad",
            "invalid-value: `nodad` is not an option of a virtual address",
        ),
        (
            "10.0.0.90 track_group G",
            "no-effect: `track_group` is for static addresses",
        ),
    ] {
        assert_eq!(told_of("virtual_ipaddress_excluded", line), [why], "{line}");
    }
}

#[test]
fn what_is_watched() {
    let text = "track_interface {\neth1\neth2 weight -253 reverse\n}\n\
                track_file {\nf weight 254 noreverse\n}\ntrack_process {\np\n}\n";
    let tracking = instance(text).tracking;
    assert_eq!(tracking.interfaces[1].weight, Some(-253));
    assert_eq!(tracking.interfaces[1].is_reversed, Some(true));
    assert_eq!(tracking.files[0].weight, Some(254));
    assert_eq!(tracking.processes[0].weight, None);
    for (line, why) in [
        ("eth0", "redundant: `eth0` is the instance's own interface"),
        ("eth1\neth1 weight 5", "no-effect: `eth1` is there twice"),
        ("eth1 weight 254", "value-adjusted: a weight is -253 to 253"),
        ("eth1 weight 255", "out-of-range: `255` is out of range"),
        ("eth1 weight x", "invalid-value: `x` is not a number"),
        ("eth1 weight", "missing-value: `weight` needs a value"),
        (
            "eth1 eth2",
            "invalid-value: `eth2` is not a word about a weight",
        ),
    ] {
        assert_eq!(told_of("track_interface", line), [why], "{line}");
    }
    let owner = "priority 255\ntrack_interface {\neth1 weight 5\n}";
    let told = told(&text_of(owner));
    assert!(
        told.contains(&"no-effect: the owner of the addresses has no weights".to_owned()),
        "{told:?}"
    );
}

#[test]
fn virtual_interfaces() {
    let of = |words: &str| *instance(words).virtual_interface.expect("one");
    match of("use_vmac name group 02:00:5e:00:00 netlink_notify_msg group default") {
        VirtualInterface::Vmac {
            name, mac, notify, ..
        } => {
            assert_eq!(name.as_deref(), Some("group"));
            assert_eq!(mac, Some(Mac::WithVrid([2, 0, 0x5e, 0, 0])));
            assert!(notify);
        }
        other => panic!("{other:?}"),
    }
    for (words, why) in [
        (
            "use_vmac 01:00:5e:00:00:01",
            "invalid-value: `01:00:5e:00:00:01` is not a MAC that an interface can have",
        ),
        (
            "use_vmac 02:00:5e:00",
            "invalid-value: `02:00:5e:00` is not a MAC",
        ),
        (
            "use_vmac a b",
            "invalid-value: `b` is not a word about a virtual interface",
        ),
        (
            "use_vmac eth0",
            "value-adjusted: an interface cannot be made on top of itself",
        ),
        (
            "vmac_xmit_base",
            "no-effect: `vmac_xmit_base` without `use_vmac`",
        ),
        ("use_ipvlan", "doubtful: `use_ipvlan` without an address"),
        (
            "use_ipvlan fd00::5",
            "family-mismatch: an IPv6 address for the adverts of an instance of IPv4 addresses",
        ),
        (
            "vrf blue",
            "no-effect: `vrf` does not go together with `interface`",
        ),
        (
            "accept\nno_accept",
            "repeated: `accept` and `no_accept` in one instance",
        ),
    ] {
        let mut told = told(&text_of(words));
        told.retain(|told| !told.starts_with("not-served"));
        assert_eq!(told, [why], "{words}");
    }
    let peers = "use_vmac\nunicast_peer {\n10.0.0.2\n}";
    assert!(
        told(&text_of(peers)).contains(
            &"default-assumed: unicast with `use_vmac` needs `vmac_xmit_base`".to_owned()
        )
    );
}
