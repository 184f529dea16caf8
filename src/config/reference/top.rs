//! What stands in no block, and the blocks there that are of no other family.

use super::routes::{STATIC_ADDRESSES, STATIC_ROUTES, STATIC_RULES};
use super::{Block, Kind, TOP_LEVEL, Takes, Value, Word, all_later, flag, one, optional};

/// The longest time between frames, in microseconds: 32 bits of them.
const LONGEST_PACE: u64 = 4_294_967_295;
/// The longest of `interface_up_down_delays`, in microseconds: 255 s.
const LONGEST_DEBOUNCE: u64 = 255_000_000;

pub const TOP: Block = Block {
    path: TOP_LEVEL,
    about: "What stands in no block.",
    words: &[WORDS, PLACE, super::servers::TOP],
};

pub const EVERYWHERE: Block = Block {
    path: "(every block)",
    about: "What stands in every block, and in none: the words that read another file in the place of their line.",
    words: &[INCLUDES],
};

const FILE: &[Value] = &[one("FILE", Kind::Text)];

const INCLUDES: &[Word] = &[
    Word::values("include", FILE)
        .means("a file that is not there is a warning, and the rest is used without it; a wildcard that nothing matches is none"),
    Word::values("includer", FILE).means("an error if a file cannot be read"),
    Word::values("includem", FILE)
        .means("an error if a file cannot be read, or a name without wildcards is no file"),
    Word::values("includew", FILE)
        .means("an error if a file cannot be read, or nothing matches the wildcards"),
    Word::values("includeb", FILE).means(
        "an error if a file cannot be read, or one of the names that braces make is no file",
    ),
    Word::values("includea", FILE).means("an error if any of these is the case"),
];

const WORDS: &[Word] = &[
    Word::block("global_defs", &[])
        .means("what holds for all of ipvsd; may be there several times"),
    Word::block("vrrp_instance", &[one("NAME", Kind::Text)])
        .means("addresses that one of several directors has"),
    Word::block("vrrp_sync_group", &[one("NAME", Kind::Text)])
        .means("instances that are master together or not at all"),
    Word::block("garp_group", &[]).means("interfaces that share the patience of one switch"),
    Word::block("vrrp_script", &[one("NAME", Kind::Text)])
        .means("a command that is run again and again, and whose exit status is tracked")
        .later("nothing is watched by it, and no priority follows it"),
    Word::block("vrrp_track_process", &[one("NAME", Kind::Text)])
        .means("processes whose number is tracked")
        .later("nothing is watched by it, and no priority follows it"),
    Word::block("track_file", &[one("NAME", Kind::Text)])
        .means("a file with a number in it that is tracked")
        .later("nothing is watched by it, and no priority follows it"),
    Word::block("vrrp_track_file", &[one("NAME", Kind::Text)]).older("track_file"),
    Word::block("bfd_instance", &[one("NAME", Kind::Text)])
        .means("a session of Bidirectional Forwarding Detection (RFC 5880) that is tracked")
        .later("nothing is watched by it, and no priority follows it"),
    Word::block("track_group", &[one("NAME", Kind::Text)])
        .means(
            "instances that go to FAULT when a static address, route or rule that names \
             the group is taken away",
        )
        .later("no instance follows a static address, route or rule"),
    Word::block("SSL", &[])
        .means("the client's certificate of all `SSL_GET` checks")
        .later("no check shows a certificate of its own"),
    Word::new(
        "linkbeat_interfaces",
        Takes::Lines(
            &[],
            &[
                one("NAME", Kind::Interface),
                flag("MII"),
                flag("ETHTOOL"),
                flag("IOCTL"),
            ],
        ),
    )
    .means("interfaces whose link is asked for again and again, and by which means")
    .later("the kernel's own news of a link is gone by"),
    Word::flag("linkbeat_use_polling")
        .means("asks for the links of all interfaces again and again, for old drivers")
        .later("the kernel's own news of a link is gone by"),
    Word::new(
        "interface_up_down_delays",
        Takes::Lines(
            &[],
            &[
                one("NAME", Kind::Interface),
                optional("DOWN", Kind::Seconds(0, LONGEST_DEBOUNCE)),
                optional("UP", Kind::Seconds(0, LONGEST_DEBOUNCE)),
            ],
        ),
    )
    .default("none; `UP` is as `DOWN`")
    .means("how long the link of an interface has to be down, or up, before that counts")
    .later("a link that goes down or up counts at once"),
];

/// Where ipvsd runs and what it leaves there.
const PLACE: &[Word] = &[
    Word::values("net_namespace", &[one("NAME", Kind::FileName)])
        .default("that of whoever starts ipvsd")
        .means("the network namespace that all of ipvsd, and every script, runs in; a reload does not change it"),
    Word::values("net_namespace_ipvs", &[optional("NAME", Kind::FileName)])
        .default("the one of ipvsd; without a name that which it is started in")
        .means("the network namespace of the IPVS table; a reload does not change it"),
    Word::flag("namespace_with_ipsets")
        .never("ipvsd uses no ipsets: nftables has sets of its own, in every network namespace"),
    Word::values("instance", &[one("NAME", Kind::FileName)])
        .means("tells several of them on one host apart, in the names of pid files and the like")
        .later("the files have the names that they have without it"),
    Word::flag("use_pid_dir").never(
        "what ipvsd leaves while it runs is in a folder of its own, /run/ipvsd, in any case",
    ),
    Word::values(
        "child_wait_time",
        &[one("SECONDS", Kind::WholeSeconds(0, u32::MAX))],
    )
    .default("5")
    .means("how long the processes of ipvsd may take to end before they are killed")
    .later("they have the time that ipvsd gives them without it"),
    Word::own("static_ipaddress", &STATIC_ADDRESSES)
        .means("addresses that are there whoever is master")
        .later("these are not added"),
    Word::own("static_routes", &STATIC_ROUTES)
        .means("routes that are there whoever is master")
        .later("these are not added"),
    Word::own("static_rules", &STATIC_RULES)
        .means("rules of routing that are there whoever is master")
        .later("these are not added"),
];

pub const GARP_GROUP: Block = Block {
    path: "garp_group",
    about: "Interfaces that lead to the same switch, and share its patience. For them it \
            stands in the place of `vrrp_garp_interval` and `vrrp_gna_interval`.",
    words: &[&[
        Word::values(
            "garp_interval",
            &[one("SECONDS", Kind::Seconds(0, LONGEST_PACE))],
        )
        .default("0")
        .means("the least time between two frames of gratuitous ARP on any of the interfaces"),
        Word::values(
            "gna_interval",
            &[one("SECONDS", Kind::Seconds(0, LONGEST_PACE))],
        )
        .default("0")
        .means("the same for neighbour advertisements"),
        Word::values("interface", &[one("NAME", Kind::Interface)])
            .adds_up()
            .means("one interface"),
        Word::new("interfaces", Takes::List(one("NAME", Kind::Interface)))
            .means("several interfaces"),
    ]],
};

pub const SSL: Block = Block {
    path: "SSL",
    about: "The certificate that `SSL_GET` checks show to servers that want to see one.",
    words: &[&all_later([
        Word::values("certificate", &[one("FILE", Kind::Path)]).means("the certificate, in PEM"),
        Word::values("key", &[one("FILE", Kind::Path)]).means("its key, in PEM"),
        Word::values("password", &[one("PASSWORD", Kind::Secret)]).means("the password of the key"),
        Word::values("ca", &[one("FILE", Kind::Path)]).means("the authority's certificate, in PEM"),
    ])],
};
