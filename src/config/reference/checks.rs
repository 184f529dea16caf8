//! Health checks.

use super::servers::{MOST, PATTERN, RETRY, SWITCH, TimingOf, timing};
use super::{Block, Kind, Takes, Word, many, one, optional};

pub const TCP_CHECK: Block = Block {
    path: "virtual_server/real_server/TCP_CHECK",
    about: "A connection can be made.",
    words: &[CONNECTION, ORIGIN, TIMING_1, LOGGING, OLDER],
};

pub const HTTP_GET: Block = Block {
    path: "virtual_server/real_server/HTTP_GET",
    about: "Every url answers as expected.",
    words: &[CONNECTION, ORIGIN, TIMING_3, LOGGING, HTTP, OLDER],
};

pub const HTTP_URL: Block = Block {
    path: "virtual_server/real_server/HTTP_GET/url",
    about: "A page, and what is expected of it.",
    words: &[URL, REGEX],
};

pub const SSL_GET: Block = Block {
    path: "virtual_server/real_server/SSL_GET",
    about: "As HTTP_GET, over TLS. Not served yet.",
    words: &[CONNECTION, ORIGIN, TIMING_3, LOGGING, HTTP, TLS, OLDER],
};

pub const SSL_URL: Block = Block {
    path: "virtual_server/real_server/SSL_GET/url",
    about: "As in HTTP_GET. Not served yet.",
    words: &[URL, REGEX, TLS_OF_URL],
};

pub const SMTP_CHECK: Block = Block {
    path: "virtual_server/real_server/SMTP_CHECK",
    about: "A mail server greets, and answers HELO. Not served yet.",
    words: &[CONNECTION, ORIGIN, TIMING_1, LOGGING, SMTP, OLDER],
};

pub const SMTP_HOST: Block = Block {
    path: "virtual_server/real_server/SMTP_CHECK/host",
    about: "One of several addresses of the mail server that are checked. Not served yet.",
    words: &[CONNECTION, ORIGIN, TIMEOUT_OF_HOST],
};

pub const DNS_CHECK: Block = Block {
    path: "virtual_server/real_server/DNS_CHECK",
    about: "A name server answers a question, over UDP. Not served yet.",
    words: &[CONNECTION, ORIGIN, TIMING_DNS, LOGGING, DNS],
};

pub const UDP_CHECK: Block = Block {
    path: "virtual_server/real_server/UDP_CHECK",
    about: "A datagram is not refused by ICMP, or is answered as expected. Not served yet.",
    words: &[CONNECTION, ORIGIN, TIMING_1, LOGGING, UDP],
};

pub const PING_CHECK: Block = Block {
    path: "virtual_server/real_server/PING_CHECK",
    about: "The host answers an ICMP echo request. Not served yet.",
    words: &[CONNECTION, ORIGIN, TIMING_1, LOGGING],
};

pub const MISC_CHECK: Block = Block {
    path: "virtual_server/real_server/MISC_CHECK",
    about: "A command of yours exits with status 0.",
    words: &[MISC, TIMING_MISC, LOGGING, OLDER],
};

pub const FILE_CHECK: Block = Block {
    path: "virtual_server/real_server/FILE_CHECK",
    about: "The number in a file that a `track_file` names is added to the weight. Not served yet.",
    words: &[FILE],
};

pub const BFD_CHECK: Block = Block {
    path: "virtual_server/real_server/BFD_CHECK",
    about: "A BFD session is up. Not served yet.",
    words: &[BFD],
};

/// Where a check connects to.
const CONNECTION: &[Word] = &[
    Word::values("connect_ip", &[one("ADDRESS", Kind::Address)])
        .default("the real server's")
        .means("where to connect to"),
    Word::values("connect_port", &[one("PORT", Kind::Port)])
        .default("the real server's, or else the virtual server's")
        .means("the port to connect to"),
];

/// Where a check comes from.
const ORIGIN: &[Word] = &[
    Word::values("bindto", &[one("ADDRESS", Kind::Address)])
        .default("the kernel's choice")
        .means("the address that the check comes from")
        .later("the check comes from the address that the kernel chooses"),
    Word::values("bind_port", &[one("PORT", Kind::Port)])
        .default("the kernel's choice")
        .means("the port that the check comes from")
        .later("the check comes from a port that the kernel chooses"),
    Word::values("bind_if", &[one("INTERFACE", Kind::Interface)])
        .default("the kernel's choice")
        .means("the interface that the check goes out by; a link-local address needs it")
        .later("the check goes out by the interface that the kernel chooses"),
    Word::values("fwmark", &[one("MARK", Kind::Mark)])
        .default("0, which is none")
        .means("the mark of the check's packets")
        .later("packets of the check have no mark"),
];

const LOGGING: &[Word] = &[Word::values("log_all_failures", SWITCH)
    .default("`checker_log_all_failures` of global_defs")
    .means("each failed attempt is in the log, not the last one only")
    .later("")];

/// What older versions called `retry`.
const OLDER: &[Word] = &[Word::values("nb_get_retry", RETRY).older("retry")];

const TIMING_1: &[Word] = &words_of_check(ONE_RETRY, "the real server's, or else 1");
const TIMING_3: &[Word] = &words_of_check(ONE_RETRY, "the real server's, or else 3");
const TIMING_DNS: &[Word] = &words_of_check(
    "the real server's, or else 3",
    "the real server's, or else `delay_loop`",
);
const TIMING_MISC: &[Word] = &without_timeout(words_of_check(
    "the real server's, or else 0",
    "the real server's, or else 1",
));
const ONE_RETRY: &str = "the real server's, or else 1";
const TIMEOUT_OF_HOST: &[Word] = &[TIMING_ALL[1].default("the check's")];

const TIMING_ALL: [Word; 5] = timing(TimingOf {
    delay_loop: "the real server's",
    timeout: "the real server's",
    others: "the real server's",
    warmup: "the real server's",
    least_retry: 0,
});

/// When a check runs. Both are defaults: how often it tries again, and how long it waits
/// before that.
const fn words_of_check(retry: &'static str, delay: &'static str) -> [Word; 6] {
    let [delay_loop, timeout, again, before_again, warmup] = TIMING_ALL;
    [
        timeout,
        again.default(retry),
        before_again.default(delay),
        warmup,
        delay_loop,
        Word::values("alpha", SWITCH)
            .default("the real server's")
            .means("the check counts as failed until it has succeeded"),
    ]
}

/// As the check of a command has them, which connects to nothing.
const fn without_timeout(words: [Word; 6]) -> [Word; 5] {
    let [_, retry, delay, warmup, delay_loop, alpha] = words;
    [retry, delay, warmup, delay_loop, alpha]
}

const HTTP: &[Word] = &[
    Word::values("virtualhost", &[one("NAME", Kind::Name)])
        .default("the real server's")
        .means("for urls that say none"),
    Word::values(
        "http_protocol",
        &[one("VERSION", Kind::OneOf(&["1.0", "1.0C", "1.1"]))],
    )
    .default("1.0")
    .means("of the request; `1.0C` is 1.0 with `Connection: close`")
    .later("requests are HTTP/1.0, without `Connection: close`"),
    Word::values("fast_recovery", SWITCH)
        .default("off")
        .means("urls are checked one right after the other, also when the server was down")
        .later("all urls are checked one right after the other in any case"),
    Word::block("url", &[])
        .needed()
        .means("[url](#url); at least one"),
];

const TLS: &[Word] = &[
    Word::flag("enable_sni")
        .default("off")
        .means("the virtual host is told to the server in the TLS handshake"),
    Word::values("sni_name", &[one("NAME", Kind::Name)])
        .default("the virtual host")
        .means("what the server is told in the TLS handshake"),
    Word::flag("tls_compliant")
        .default("off")
        .means("the end of a connection is told to the server"),
];

const TLS_OF_URL: &[Word] = &[Word::flag("tls_compliant")
    .default("the check's")
    .means("the end of a connection is told to the server")];

const URL: &[Word] = &[
    Word::values("path", &[one("PATH", Kind::UrlPath)])
        .needed()
        .means("what is asked for, sent as it is written"),
    Word::values("digest", &[one("MD5", Kind::Md5)])
        .default("none")
        .means("the MD5 sum of the page, checked beside the status"),
    Word::values("status_code", &[many("CODE", Kind::StatusCode)])
        .default("200-299")
        .means("which answers are good"),
    Word::values("virtualhost", &[one("NAME", Kind::Name)])
        .default("that of the check, the real server, the virtual server")
        .means("the `Host` header; without one it is address and port"),
];

/// What it means that a regular expression is not looked for.
const UNMATCHED: &str = "the text of the page is not looked at";

const REGEX: &[Word] = &[
    Word::values("regex", &[one("PATTERN", Kind::Text)])
        .default("none")
        .means(
            "a PCRE2 pattern that the page has to match. It is compiled when it is served; until \
             then whether it is a right one is not told",
        )
        .later(UNMATCHED),
    Word::flag("regex_no_match")
        .default("off")
        .means("the page must not match")
        .later(UNMATCHED),
    Word::values(
        "regex_options",
        &[many("OPTION", Kind::OneOf(REGEX_OPTIONS))],
    )
    .default("none")
    .means("options of PCRE2")
    .later(UNMATCHED),
    Word::values("regex_min_offset", &[one("BYTES", Kind::Integer(0, MOST))])
        .default("0")
        .means("where in the page a match may begin")
        .later(UNMATCHED),
    Word::values("regex_max_offset", &[one("BYTES", Kind::Integer(0, MOST))])
        .default("the end of the page")
        .means("where in the page a match may begin at last")
        .later(UNMATCHED),
    Word::values(
        "regex_stack",
        &[
            one("START", Kind::Integer(1, MOST)),
            one("MOST", Kind::Integer(1, MOST)),
        ],
    )
    .default("the library's")
    .means("the stack for matching, in bytes, in the beginning and at most")
    .later(UNMATCHED),
];

const REGEX_OPTIONS: &[&str] = &[
    "allow_empty_class",
    "alt_bsux",
    "auto_callout",
    "caseless",
    "dollar_endonly",
    "dotall",
    "dupnames",
    "extended",
    "firstline",
    "match_unset_backref",
    "multiline",
    "never_ucp",
    "never_utf",
    "no_auto_capture",
    "no_auto_possess",
    "no_dotstar_anchor",
    "no_start_optimize",
    "ucp",
    "ungreedy",
    "utf",
    "never_backslash_c",
    "alt_circumflex",
    "alt_verbnames",
    "use_offset_limit",
];

const SMTP: &[Word] = &[
    Word::values("helo_name", &[one("NAME", Kind::Name)])
        .default("`smtp_helo_name` of global_defs")
        .means("the name that is said with `HELO`"),
    Word::block("host", &[]).means("a further address to check, instead of the real server's"),
];

const DNS: &[Word] = &[
    Word::values(
        "type",
        &[one(
            "TYPE",
            Kind::OneOf(&["A", "NS", "CNAME", "SOA", "MX", "TXT", "AAAA"]),
        )],
    )
    .default("SOA")
    .means("what is asked for"),
    Word::values("name", &[one("NAME", Kind::DomainName)])
        .default(".")
        .means("the name that is asked about"),
];

const UDP: &[Word] = &[
    Word::values("payload", &[many("HEX", Kind::Hex)])
        .default("random bytes")
        .means("what is sent, in hexadecimal digits with blanks as you like"),
    Word::values("require_reply", PATTERN)
        .default("no answer is needed")
        .means("an answer has to come, and to begin with these bytes; `x` is any digit"),
    Word::values(
        "min_reply_length",
        &[one("BYTES", Kind::Integer(0, 65_535))],
    )
    .default("0")
    .means("the length of the shortest answer that is good"),
    Word::values(
        "max_reply_length",
        &[one("BYTES", Kind::Integer(0, 65_535))],
    )
    .default("255")
    .means("the length of the longest answer that is good"),
];

const MISC: &[Word] = &[
    Word::new("misc_path", Takes::CommandLine)
        .needed()
        .means("the command"),
    Word::values("misc_timeout", &[one("NUMBER", Kind::Integer(0, 4_294))])
        .default("`delay_loop`; 0 is the same")
        .means("how many seconds it may run"),
    Word::flag("misc_dynamic")
        .default("off")
        .means("a status of 2 to 255 is good and sets the weight to status - 2"),
    Word::new("user", Takes::User)
        .default("`script_user`")
        .means("who runs it"),
];

/// As much as keepalived's 32 bits hold, but for the lowest.
const MOST_WEIGHT: i64 = i32::MAX as i64;

const FILE: &[Word] = &[
    Word::values("track_file", &[one("NAME", Kind::Text)])
        .needed()
        .means("the name of a `track_file`"),
    Word::values(
        "weight",
        &[
            one("NUMBER", Kind::Integer(-MOST_WEIGHT, MOST_WEIGHT)),
            optional("DIRECTION", Kind::OneOf(&["reverse", "noreverse"])),
        ],
    )
    .default("that of the `track_file`")
    .means("what the number in the file is multiplied by"),
];

const BFD: &[Word] = &[
    Word::values("name", &[one("NAME", Kind::Text)])
        .needed()
        .means("the name of a `bfd_instance`"),
    Word::values("alpha", SWITCH)
        .default("the real server's")
        .means("the check counts as failed until the session is up"),
];
