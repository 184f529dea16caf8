//! `virtual_server`, `virtual_server_group` and `real_server`.

use super::{Block, Count, Kind, Takes, Value, Word, many, one, optional};

/// The shortest time that is not none, in microseconds.
const SHORTEST: u64 = 1;
/// The longest time, in microseconds: keepalived has 64 bits for it.
pub(super) const LONGEST: u64 = u64::MAX - 1;
/// The longest time limit of a connection, in microseconds: keepalived has 32 bits.
const LONGEST_TIMEOUT: u64 = u32::MAX as u64;
/// The highest number that keepalived has 32 bits for.
pub(super) const MOST: i64 = u32::MAX as i64;

const SCHEDULERS: &[&str] = &[
    "rr", "wrr", "lc", "wlc", "lblc", "lblcr", "sh", "dh", "mh", "sed", "nq", "fo", "ovf", "twos",
];

/// `NAT`, `DR` or `TUN`, and the kind of the tunnel. What may follow that is in the
/// meaning.
const METHOD: &[Value] = &[
    one("METHOD", Kind::OneOf(&["NAT", "DR", "TUN"])),
    one("TYPE", Kind::OneOf(&["ipip", "gue", "gre"])).behind("type"),
];

const METHOD_MEANING: &str = "how packets reach the real servers. With `TUN` may follow \
    `type ipip`, `type gue port PORT [nocsum|csum|remcsum]` or `type gre [nocsum|csum]`; without \
    these it is `ipip`, and `nocsum`";

pub(super) const SERVER: &[Value] = &[
    one("ADDRESS", Kind::Address),
    optional("PORT", Kind::PortOrAny),
];

pub(super) const SWITCH: &[Value] = &[optional("SWITCH", Kind::Switch)];

/// What stands in no block.
pub const TOP: &[Word] = &[
    Word::block("virtual_server", SERVER).means(
        "what clients talk to, and the servers behind it; `fwmark MARK` or `group NAME` may \
         stand in the place of the address",
    ),
    Word::new(
        "virtual_server_group",
        Takes::Lines(
            &[one("NAME", Kind::Text)],
            &[
                one("ADDRESSES", Kind::AddressRange),
                optional("PORT", Kind::PortOrAny),
            ],
        ),
    )
    .means(
        "addresses and marks that `virtual_server group NAME` is for: on each line \
         `ADDRESS [PORT]`, `FIRST-LAST [PORT]`, `ADDRESS/PREFIX [PORT]` or \
         `fwmark MARK [inet|inet6]`",
    ),
];

pub const VIRTUAL_SERVER: Block = Block {
    path: "virtual_server",
    about: "A service that clients talk to by one address: how it is balanced over the real \
            servers.",
    words: &[BALANCING, POOL, VIRTUAL_SERVER_TIMING],
};

pub const REAL_SERVER: Block = Block {
    path: "virtual_server/real_server",
    about: "A server behind a virtual server. What it does not say, the virtual server says.",
    words: &[DESTINATION, REAL_SERVER_TIMING, CHECKS],
};

const BALANCING: &[Word] = &[
    Word::values(
        "protocol",
        &[one("PROTOCOL", Kind::OneOf(&["TCP", "UDP", "SCTP"]))],
    )
    .default("UDP, with a warning")
    .means("in either case; of no effect for a mark, which is for all protocols"),
    Word::values(
        "ip_family",
        &[one("FAMILY", Kind::OneOf(&["inet", "inet6"]))],
    )
    .default("that of the real servers")
    .means("the family of a virtual server by `fwmark`"),
    Word::values("lb_algo", &[one("NAME", Kind::OneOf(SCHEDULERS))])
        .default("wlc")
        .means("the kernel's scheduler"),
    Word::values("lvs_sched", &[one("NAME", Kind::OneOf(SCHEDULERS))])
        .default("wlc")
        .means("the same as `lb_algo`"),
    Word::flag("hashed")
        .default("off")
        .means("with `sh`; the kernel sets this flag by itself"),
    Word::flag("ops")
        .default("off")
        .means("each packet is scheduled by itself; with UDP and marks only"),
    Word::flag("flag-1")
        .default("off")
        .means("the scheduler's first flag: `sh-fallback`, `mh-fallback`"),
    Word::flag("flag-2")
        .default("off")
        .means("the scheduler's second flag: `sh-port`, `mh-port`"),
    Word::flag("flag-3")
        .default("off")
        .means("the scheduler's third flag, which none has yet"),
    Word::flag("sh-port")
        .default("off")
        .means("with `sh`: the client's port counts as well as its address"),
    Word::flag("sh-fallback")
        .default("off")
        .means("with `sh`: where the server has weight 0, another is taken"),
    Word::flag("mh-port")
        .default("off")
        .means("with `mh`: the client's port counts as well as its address"),
    Word::flag("mh-fallback")
        .default("off")
        .means("with `mh`: where the server has weight 0, another is taken"),
    Word::values("lb_kind", METHOD)
        .default("NAT")
        .means(METHOD_MEANING),
    Word::values("lvs_method", METHOD)
        .default("NAT")
        .means("the same as `lb_kind`"),
    Word::values("persistence_engine", &[one("NAME", Kind::OneOf(&["sip"]))])
        .default("none")
        .means(
            "what makes packets of one client, beside its address: `sip` goes by the Call-ID; \
             with UDP only",
        ),
    Word::values(
        "persistence_timeout",
        &[optional("NUMBER", Kind::Integer(0, 2_678_400))],
    )
    .default("0, which is not persistent; 360 without a number, and with `persistence_granularity`")
    .means("how many seconds a client stays with its real server"),
    Word::values(
        "persistence_granularity",
        &[one("NETMASK", Kind::Granularity)],
    )
    .default("each address by itself")
    .means("clients whose addresses agree in these bits are one; with IPv6 a prefix length"),
];

const POOL: &[Word] = &[
    Word::values("quorum", &[one("NUMBER", Kind::Integer(1, MOST))])
        .default("1")
        .means(
            "the least sum of the weights of servers that are up with which the virtual server \
             works; cut down to the sum of all weights",
        ),
    Word::values("hysteresis", &[one("NUMBER", Kind::Integer(0, MOST))])
        .default("0")
        .means(
            "how far beyond the quorum the sum has to go before the state changes; cut down to \
             quorum - 1",
        ),
    Word::new("quorum_up", Takes::Command).means("run when the quorum is gained, also at the start"),
    Word::new("quorum_down", Takes::Command).means("run when the quorum is lost or the virtual server is removed, and at the start where a sorry server has to stand in"),
    Word::flag("alpha")
        .default("off")
        .means("real servers are down until a check has succeeded"),
    Word::flag("omega")
        .default("off")
        .means("when ipvsd ends, `notify_down` and `quorum_down` are run for all that is up, unless everything stays (`-I`)"),
    Word::values("weight", &[one("NUMBER", Kind::Integer(1, 65_535))])
        .default("1")
        .means("of real servers that say none"),
    Word::flag("inhibit_on_failure")
        .default("off")
        .means("for all real servers, see there"),
    Word::values("drain_timeout", DRAIN)
        .default("0")
        .means("for real servers that say none, see there. Only ipvsd has this word"),
    Word::values("sorry_server", SERVER)
        .default("none")
        .means("stands in while the quorum is not met; without a port it has the virtual server's"),
    Word::flag("sorry_server_inhibit")
        .default("off")
        .means("the sorry server is always in the table, with weight 0 while it is not needed"),
    Word::values("sorry_server_lvs_method", METHOD)
        .default("the virtual server's")
        .means("how packets reach the sorry server"),
    Word::flag("ha_suspend")
        .default("off")
        .means("no checks while the address, or each of a group, is not on this host; the verdicts stay as they are. Not for marks, nor for groups with one"),
    Word::values("smtp_alert", SWITCH)
        .default("see [Mail](#mail)")
        .means("whether losing and gaining the quorum is mailed"),
    Word::values("virtualhost", &[one("NAME", Kind::Name)])
        .default("none")
        .means("see [url](#url)"),
    Word::values("snmp_name", &[one("NAME", Kind::Text)])
        .never("there is no AgentX library for Rust; the metrics have the same figures"),
    Word::values(
        "nat_mask",
        &[Value {
            count: Count::Any,
            ..one("NETMASK", Kind::Text)
        }],
    )
    .gone(),
    Word::block("real_server", SERVER)
        .means("[real_server](#real_server); one, or a sorry server, has to be there"),
];

/// When checks run, where the block that says it is the outermost.
const VIRTUAL_SERVER_TIMING: &[Word] = &timing(TimingOf {
    delay_loop: "60",
    timeout: "5",
    others: "by kind of check",
    warmup: "`delay_loop`",
    least_retry: 1,
});

const REAL_SERVER_TIMING: &[Word] = &timing(TimingOf {
    delay_loop: "the virtual server's",
    timeout: "the virtual server's",
    others: "the virtual server's",
    warmup: "the virtual server's",
    least_retry: 1,
});

/// What differs in when checks run between the blocks that say so.
pub(super) struct TimingOf {
    pub delay_loop: &'static str,
    pub timeout: &'static str,
    /// The defaults of `retry` and `delay_before_retry`.
    pub others: &'static str,
    pub warmup: &'static str,
    pub least_retry: u8,
}

/// When checks run, in a block of servers or of a check.
pub(super) const fn timing(of: TimingOf) -> [Word; 5] {
    [
        Word::values("delay_loop", DELAY)
            .default(of.delay_loop)
            .means("from one check to the next; see [When checks run](#when-checks-run)"),
        Word::values("connect_timeout", TIMEOUT)
            .default(of.timeout)
            .means("how long a connection with its answer may take"),
        Word::values(
            "retry",
            if of.least_retry == 0 {
                RETRY
            } else {
                RETRY_OF_SERVERS
            },
        )
        .default(of.others)
        .means("how often a server that is up is asked again before it counts as down"),
        Word::values("delay_before_retry", TIME)
            .default(of.others)
            .means("from a failed attempt to the next"),
        Word::values("warmup", TIME)
            .default(of.warmup)
            .means("the first check comes after a random part of this"),
    ]
}

const DELAY: &[Value] = &[one("SECONDS", Kind::Seconds(SHORTEST, LONGEST))];
const TIME: &[Value] = &[one("SECONDS", Kind::Seconds(0, LONGEST))];
const TIMEOUT: &[Value] = &[one("SECONDS", Kind::Seconds(SHORTEST, LONGEST_TIMEOUT))];
pub(super) const RETRY: &[Value] = &[one("NUMBER", Kind::Integer(0, MOST))];
const RETRY_OF_SERVERS: &[Value] = &[one("NUMBER", Kind::Integer(1, MOST))];

/// The longest `drain_timeout`, in microseconds: a day.
const LONGEST_DRAIN: u64 = 86_400_000_000;
const DRAIN: &[Value] = &[one("SECONDS", Kind::Seconds(0, LONGEST_DRAIN))];

const DESTINATION: &[Word] = &[
    Word::values("weight", &[one("NUMBER", Kind::Integer(0, 65_535))])
        .default("the virtual server's")
        .means("0 takes no new connections"),
    Word::values("lvs_method", METHOD)
        .default("the virtual server's")
        .means("how packets reach this server"),
    Word::values("uthreshold", &[one("NUMBER", Kind::Integer(0, MOST))])
        .default("0, which is none")
        .means("above this many connections it gets no new ones"),
    Word::values("lthreshold", &[one("NUMBER", Kind::Integer(0, MOST))])
        .default("three quarters of `uthreshold`")
        .means("below this many connections it gets new ones again; at most `uthreshold`"),
    Word::values("inhibit_on_failure", SWITCH)
        .default("the virtual server's")
        .means("when it fails it stays in the table with weight 0"),
    Word::values("drain_timeout", DRAIN)
        .default("the virtual server's")
        .means(
            "how long it may keep its connections, with weight 0, when it is taken out of the \
             configuration; 0 is not at all. Only ipvsd has this word",
        ),
    Word::new("notify_up", Takes::Command).means("run when it comes up; see `rs_init_notifies`"),
    Word::new("notify_down", Takes::Command)
        .means("run when it goes down or is removed, and when its first check fails under `alpha`"),
    Word::values("alpha", SWITCH)
        .default("the virtual server's")
        .means("it is down until a check has succeeded"),
    Word::values("smtp_alert", SWITCH)
        .default("see [Mail](#mail)")
        .means("whether its going down and coming up is mailed"),
    Word::values("virtualhost", &[one("NAME", Kind::Name)])
        .default("the virtual server's")
        .means("see [url](#url)"),
    Word::values("snmp_name", &[one("NAME", Kind::Text)])
        .never("there is no AgentX library for Rust; the metrics have the same figures"),
];

/// What it means that a check is not served.
const UNCHECKED: &str =
    "the real server is not checked by this; with no other check it counts as up";

const CHECKS: &[Word] = &[
    Word::block("TCP_CHECK", &[]).means("a connection can be made"),
    Word::block("HTTP_GET", &[]).means("web pages are as expected"),
    Word::block("SSL_GET", &[])
        .means("web pages are as expected, over TLS")
        .later(UNCHECKED),
    Word::block("SMTP_CHECK", &[])
        .means("a mail server greets and answers `HELO`")
        .later(UNCHECKED),
    Word::block("DNS_CHECK", &[])
        .means("a name server answers")
        .later(UNCHECKED),
    Word::block("UDP_CHECK", &[])
        .means("a datagram is not refused, or is answered")
        .later(UNCHECKED),
    Word::block("PING_CHECK", &[])
        .means("the host answers an ICMP echo request")
        .later(UNCHECKED),
    Word::block("MISC_CHECK", &[]).means("a command of yours says so"),
    Word::block("FILE_CHECK", &[])
        .means("the number in a file sets the weight")
        .later(UNCHECKED),
    Word::block("BFD_CHECK", &[])
        .means("a BFD session is up")
        .later(UNCHECKED),
];

/// Hexadecimal digits in free spacing.
pub(super) const PATTERN: &[Value] = &[Value {
    count: Count::Any,
    ..many("HEX", Kind::HexPattern)
}];
