//! Addresses, routes and rules: the grammar of their lines.

use super::{Grammar, Place};

/// `virtual_ipaddress` and its like.
pub const ADDRESSES: Grammar = Grammar {
    place: Place::Block,
    syntax: &[
        "ADDRESS[/LENGTH] [brd ADDRESS|+|-] [dev INTERFACE] [scope SCOPE] [label LABEL]",
        "ADDRESS peer ADDRESS ...",
        "... [home] [-nodad] [mngtmpaddr] [noprefixroute] [autojoin] [use_vmac] [no_track]",
        "... [preferred_lft SECONDS|forever]",
    ],
    example: "192.0.2.10/24 brd + dev eth0 scope global label eth0:1",
};

/// `static_ipaddress`.
pub const STATIC_ADDRESSES: Grammar = Grammar {
    place: Place::Block,
    syntax: &[
        "ADDRESS[/LENGTH] [brd ADDRESS|+|-] [dev INTERFACE] [scope SCOPE] [label LABEL]",
        "ADDRESS peer ADDRESS ...",
        "... [home] [-nodad] [mngtmpaddr] [noprefixroute] [autojoin] [no_track]",
        "... [preferred_lft SECONDS|forever] [track_group GROUP]",
    ],
    example: "192.0.2.10/24 brd + dev eth0 scope global label eth0:1",
};

/// `virtual_routes`.
pub const ROUTES: Grammar = Grammar {
    place: Place::Block,
    syntax: ROUTE,
    example: "198.51.100.0/24 via 192.0.2.1 dev eth0 metric 10",
};

/// `static_routes`.
pub const STATIC_ROUTES: Grammar = Grammar {
    place: Place::Block,
    syntax: STATIC_ROUTE,
    example: "198.51.100.0/24 via 192.0.2.1 dev eth0 metric 10",
};

/// `virtual_rules`.
pub const RULES: Grammar = Grammar {
    place: Place::Block,
    syntax: RULE,
    example: "from 198.51.100.0/24 table 100 preference 100",
};

/// `static_rules`.
pub const STATIC_RULES: Grammar = Grammar {
    place: Place::Block,
    syntax: STATIC_RULE,
    example: "from 198.51.100.0/24 table 100 preference 100",
};

const KIND: &str = "[unicast|local|broadcast|anycast|multicast|blackhole|unreachable|prohibit|throw|nat] [inet|inet6] [to] ADDRESS[/LENGTH]|default HOP ...";
const SEVERAL: &str = "... nexthop HOP [weight 1-256] [realms REALMS] [nexthop ...]";
const HOP: &str = "HOP: [via [inet|inet6] ADDRESS] [dev INTERFACE] [onlink] [encap ENCAP]";
const ENCAP: &str = "ENCAP: mpls LABEL[/LABEL...] | ip [id N] [dst ADDRESS] [src ADDRESS] [tos N] [ttl N] [flags N] | ip6 [id N] [dst ADDRESS] [src ADDRESS] [tc N] [hoplimit N] [flags N] | ila LOCATOR | seg6 mode encap|inline|l2encap segs ADDRESS[,ADDRESS...] [hmac N]";
const OPTIONS: &str = "... [from ADDRESS/LENGTH] [src ADDRESS] [tos N|NAME] [table TABLE] [vrf INTERFACE] [protocol PROTOCOL] [scope SCOPE] [metric N] [realms REALMS] [pref low|medium|high] [expires SECONDS] [ttl-propagate enabled|disabled] [add|append|prepend] [no_track]";
const METRICS: &str = "... [mtu [lock] N] [advmss [lock] N] [rtt [lock] TIME] [rttvar [lock] TIME] [reordering [lock] N] [window [lock] N] [cwnd [lock] N] [ssthresh [lock] N] [rto_min [lock] TIME] [hoplimit N] [initcwnd N] [initrwnd N] [quickack 0|1] [congctl [lock] NAME] [features ecn] [fastopen_no_cookie 0|1]";
const OF_GROUP: &str = "... [track_group GROUP]";

const ROUTE: &[&str] = &[KIND, OPTIONS, METRICS, SEVERAL, HOP, ENCAP];
const STATIC_ROUTE: &[&str] = &[KIND, OPTIONS, OF_GROUP, METRICS, SEVERAL, HOP, ENCAP];

const SELECTOR: &str = "[not] [inet|inet6] [from ADDRESS[/LENGTH]|all] [to ADDRESS[/LENGTH]|all] [iif INTERFACE] [oif INTERFACE] [tos N|NAME] [fwmark MARK[/MASK]] [uidrange N-N] [ipproto PROTOCOL] [sport N-N] [dport N-N] [tunnel-id N]";
const ACTION: &str =
    "... table TABLE | l3mdev | goto PREFERENCE | nop | blackhole | unreachable | prohibit";
const FURTHER: &str = "... [preference N] [protocol N] [realms REALMS] [suppress_prefixlength N] [suppress_ifgroup GROUP] [no_track]";

const RULE: &[&str] = &[SELECTOR, ACTION, FURTHER];
const STATIC_RULE: &[&str] = &[SELECTOR, ACTION, FURTHER, OF_GROUP];
