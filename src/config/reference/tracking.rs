//! What instances, groups and checks may watch: scripts, files, processes, BFD sessions.

use super::{Block, Kind, Takes, Value, Word, all_later, flag, one, optional};

/// The longest time of keepalived's scripts, in seconds.
const LONGEST_SCRIPT: u32 = 4294;
/// An hour, in microseconds: the longest delay of a process.
const LONGEST_DELAY: u64 = 3_600_000_000;
/// The longest time between packets of BFD, in microseconds.
const LONGEST_BFD: u64 = 4_294_967_000;
/// A weight of an instance's priority, and whether what is good lowers it.
const PRIORITY: &[Value] = &[one("NUMBER", Kind::Integer(-253, 253)), flag("reverse")];
const MILLISECOND: u64 = 1_000;

pub const TRACK_GROUP: Block = Block {
    path: "track_group",
    about: "Instances that follow static addresses, routes and rules.",
    words: &[&all_later([Word::new(
        "group",
        Takes::List(one("INSTANCE", Kind::Text)),
    )
    .means("the instances")])],
};

pub const TRACK_FILE: Block = Block {
    path: "track_file",
    about: "A file with a whole number in it. Times the weight, the number is added to a \
            priority or to the weight of a real server; with weight 0, anything but 0 is a \
            failure.",
    words: &[FILE],
};

pub const VRRP_TRACK_FILE: Block = Block {
    path: "vrrp_track_file",
    about: "Older spelling of `track_file`.",
    words: &[FILE],
};

const FILE: &[Word] = &all_later([
    Word::values("file", &[one("FILE", Kind::Path)])
        .needed()
        .first_counts()
        .means("the file; it is read whenever it changes"),
    Word::values(
        "weight",
        &[
            one("NUMBER", Kind::Integer(-2_147_483_647, 2_147_483_647)),
            flag("reverse"),
        ],
    )
    .default("1")
    .means("what the number in the file is multiplied by, where the tracker says no weight"),
    Word::values(
        "init_file",
        &[
            optional("NUMBER", Kind::Integer(-2_147_483_648, 2_147_483_647)),
            flag("overwrite"),
        ],
    )
    .default("0 where it says no number")
    .means("what is written to the file at the start where it is not there; with `overwrite` in any case"),
]);

pub const VRRP_SCRIPT: Block = Block {
    path: "vrrp_script",
    about: "A command that is run again and again; exit status 0 is good. It is run only \
            where something tracks it.",
    words: &[&all_later([
        Word::new("script", Takes::CommandLine)
            .needed()
            .means("the command, as [Commands](#commands) says"),
        Word::values(
            "interval",
            &[one("SECONDS", Kind::WholeSeconds(1, LONGEST_SCRIPT))],
        )
        .default("1")
        .means("the time from one run to the next"),
        Word::values(
            "timeout",
            &[one("SECONDS", Kind::WholeSeconds(1, LONGEST_SCRIPT))],
        )
        .default("`interval`")
        .means("how long it may run before that is a failure"),
        Word::values("weight", PRIORITY).default("0").means(
            "above 0, what success adds to a priority; below, what failure takes from it; \
                 0 makes failure a fault. `reverse` turns success and failure round",
        ),
        Word::values("rise", &[one("NUMBER", Kind::Integer(1, 2_147_483_647))])
            .default("1")
            .means("how many successes one after the other make it good"),
        Word::values("fall", &[one("NUMBER", Kind::Integer(1, 2_147_483_647))])
            .default("1")
            .means("how many failures one after the other make it bad"),
        Word::new("user", Takes::User)
            .default("`script_user`")
            .means("who runs it"),
        Word::flag("init_fail").means("it is bad until it has been good"),
    ])],
};

pub const VRRP_TRACK_PROCESS: Block = Block {
    path: "vrrp_track_process",
    about: "Processes of one name, whose number has to be right.",
    words: &[&all_later([
        Word::values(
            "process",
            &[
                one("NAME", Kind::Text),
                Value {
                    count: super::Count::Any,
                    ..one("ARGUMENT", Kind::Text)
                },
            ],
        )
        .needed()
        .first_counts()
        .means("the process's name, and its arguments where they matter"),
        Word::values(
            "param_match",
            &[optional("HOW", Kind::OneOf(&["initial", "partial"]))],
        )
        .default("all arguments are as written")
        .means(
            "`partial`: there may be more arguments; `initial`: the last one may be longer; \
             neither: without arguments in `process`, there are none",
        ),
        Word::values(
            "weight",
            &[one("NUMBER", Kind::Integer(-254, 254)), flag("reverse")],
        )
        .default("0")
        .means("as in [vrrp_script](#vrrp_script)"),
        Word::values("quorum", &[one("NUMBER", Kind::Integer(1, 65_535))])
            .default("1; 0 with `quorum_max 0`")
            .means("how many there have to be at least"),
        Word::values("quorum_max", &[one("NUMBER", Kind::Integer(0, 65_535))])
            .default("no limit")
            .means("how many there may be at most; with 0, none"),
        Word::values(
            "fork_delay",
            &[one("SECONDS", Kind::Seconds(1, LONGEST_DELAY))],
        )
        .default("0")
        .means("how long there have to be enough before that counts"),
        Word::values(
            "terminate_delay",
            &[one("SECONDS", Kind::Seconds(1, LONGEST_DELAY))],
        )
        .default("0")
        .means("how long there have to be too few before that counts"),
        Word::values("delay", &[one("SECONDS", Kind::Seconds(1, LONGEST_DELAY))])
            .default("0")
            .means("both of these"),
        Word::flag("full_command")
            .means("the whole command line is compared, and not the name that the kernel has"),
    ])],
};

pub const BFD_INSTANCE: Block = Block {
    path: "bfd_instance",
    about: "A session of BFD with a neighbour. Times are in milliseconds.",
    words: &[&all_later([
        Word::values("neighbor_ip", &[one("ADDRESS", Kind::Address)])
            .default("has to be there")
            .means("the neighbour's address"),
        Word::values("neighbour_ip", &[one("ADDRESS", Kind::Address)])
            .means("the same as `neighbor_ip`"),
        Word::values("source_ip", &[one("ADDRESS", Kind::Address)])
            .default("the kernel chooses")
            .means("the address that is sent from, of the neighbour's family"),
        Word::values(
            "min_rx",
            &[one(
                "MILLISECONDS",
                Kind::Milliseconds(MILLISECOND, LONGEST_BFD),
            )],
        )
        .default("10")
        .means("the least time between two packets that are received"),
        Word::values(
            "min_tx",
            &[one(
                "MILLISECONDS",
                Kind::Milliseconds(MILLISECOND, LONGEST_BFD),
            )],
        )
        .default("10")
        .means("the least time between two packets that are sent"),
        Word::values(
            "idle_tx",
            &[one(
                "MILLISECONDS",
                Kind::Milliseconds(1_000 * MILLISECOND, LONGEST_BFD),
            )],
        )
        .default("1000")
        .means("the same while the session is not up"),
        Word::values("multiplier", &[one("NUMBER", Kind::Integer(1, 255))])
            .default("5")
            .means("how many packets may be missed before the session is down"),
        Word::flag("passive").means("waits for the neighbour to begin"),
        Word::values("ttl", &[one("NUMBER", Kind::Integer(1, 255))])
            .default("255")
            .means("the TTL of what is sent with IPv4"),
        Word::values("hoplimit", &[one("NUMBER", Kind::Integer(1, 255))])
            .default("64")
            .means("the hop limit of what is sent with IPv6"),
        Word::values("max_hops", &[one("NUMBER", Kind::Integer(-1, 255))])
            .default("0")
            .means("how far the TTL of what is received may be below 255; 255 allows anything"),
        Word::flag("multihop").means("the neighbour is behind a router (RFC 5883)"),
        Word::values("weight", PRIORITY)
            .default("0")
            .means("as in [vrrp_script](#vrrp_script)"),
        Word::flag("vrrp")
            .means("instances and groups alone are told, unless `checker` is there too"),
        Word::flag("checker").means("checks alone are told, unless `vrrp` is there too"),
    ])],
};
