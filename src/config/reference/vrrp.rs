//! `vrrp_instance` and `vrrp_sync_group`.

use super::routes::{ADDRESSES, ROUTES, RULES};
use super::{Block, Grammar, Kind, Place, Takes, Word, one, optional};

pub const VRRP_INSTANCE: Block = Block {
    path: "vrrp_instance",
    about: "`vrrp_instance NAME { }`: addresses that one of several directors has. Names are unique.",
    words: &[
        ELECTION, ADDRESSED, SIGNED, SENT, ANNOUNCED, WATCHED, VIRTUAL, SCRIPTS, FURTHER,
    ],
};

pub const AUTHENTICATION: Block = Block {
    path: "vrrp_instance/authentication",
    about: "`authentication { }` in `vrrp_instance`, for version 2 without strict mode.",
    words: &[&[
        Word::values("auth_type", &[one("TYPE", Kind::OneOf(&["PASS", "AH"]))])
            .default("none, and no password")
            .means("`PASS`: the password stands in every advert, for everybody on the link to read. It keeps apart what was configured by accident. `AH`: adverts are signed with it, by HMAC-MD5 in IPsec's header"),
        Word::values("auth_pass", &[one("PASSWORD", Kind::Text)])
            .default("has to be there with `auth_type`")
            .means("the same on all directors; 8 bytes, longer ones are cut off"),
    ]],
};

pub const AUTH_HMAC: Block = Block {
    path: "vrrp_instance/auth_hmac",
    about: "`auth_hmac { }` in `vrrp_instance`: adverts are signed by HMAC-SHA256 and numbered, for every version, family and delivery.",
    words: &[&[
        Word::values("key", &[one("NUMBER", Kind::Integer(1, 255)), one("VALUE", Kind::Text)])
            .default("at least one has to be there")
            .means("a key of 32 to 64 octets that adverts may be signed with, the same on all directors: `hex:` and digits, or a text, or `file:` and a path"),
        Word::values("active_key", &[one("NUMBER", Kind::Text)])
            .default("the key, where there is but one")
            .means("the number of the key that this director signs with"),
        Word::values("anti_replay", &[one("KIND", Kind::OneOf(&["time", "monotonic"]))])
            .default("`time`")
            .means("what keeps an advert from being sent again by others. With both, each sender's numbers have to grow; with `time` the time in an advert also has to be within `time_window` of one's own, so the clocks of all directors have to be set alike"),
        Word::values("time_window", &[one("SECONDS", Kind::Integer(1, 300))])
            .default("three times `advert_int`, at least 5 and at most 300")
            .means("how far the clocks may be apart; has no effect with `monotonic`, which is told"),
        Word::values("mode", &[one("MODE", Kind::OneOf(&["enforce", "permissive", "receive-only"]))])
            .default("`enforce`")
            .means("`enforce` signs, and takes nothing that is not signed; `permissive` signs, and takes both; `receive-only` does not sign, and takes both. Strict mode has `enforce` only"),
    ]],
};

pub const VRRP_SYNC_GROUP: Block = Block {
    path: "vrrp_sync_group",
    about: "`vrrp_sync_group NAME { }`: instances that are master together or not at all.",
    words: &[GROUP, WATCHED, OF_GROUP, STATES],
};

/// What follows a switch: on where nothing does.
const SWITCH: &[super::Value] = &[optional("SWITCH", Kind::Switch)];

const ELECTION: &[Word] = &[
    Word::values("interface", &[one("NAME", Kind::Interface)])
        .default("has to be there")
        .means("where adverts go out and come in. An interface that is absent is waited for: the instance is in FAULT until it appears"),
    Word::values("virtual_router_id", &[one("NUMBER", Kind::Integer(1, 255))])
        .default("has to be there")
        .means("the instance's number, the same on all directors. On one interface no two instances with the same multicast group, or with a peer in common, have the same"),
    Word::values("state", &[one("STATE", Kind::OneOf(&["MASTER", "BACKUP"]))])
        .default("`BACKUP`")
        .means("with what the instance begins. It makes little difference: also `MASTER` listens first, unless its priority is 255"),
    Word::values("priority", &[one("NUMBER", Kind::Integer(1, 255))])
        .default("100")
        .means("the highest becomes master; 255 is for the owner of the addresses, who is master at once"),
    Word::values("version", &[one("NUMBER", Kind::Integer(2, 3))])
        .default("`vrrp_version`; 3 with IPv6")
        .means("of the protocol, the same on all directors"),
    Word::values("advert_int", &[one("SECONDS", Kind::Seconds(10_000, 255_000_000))])
        .default("1")
        .means("from one advert to the next, the same on all directors. Version 2 counts whole seconds, at least one; version 3 hundredths, up to 40.95. Anything else is rounded, halves up, which is told"),
    Word::flag("nopreempt")
        .default("off")
        .means("a master of lower priority stays master. Has no effect with `state MASTER` or `priority 255`, which is told"),
    Word::flag("preempt").default("on").means("takes `nopreempt` back"),
    Word::values("preempt_delay", &[one("SECONDS", Kind::Seconds(0, 1_000_000_000))])
        .default("0")
        .means("how long a master of lower priority is left alone from when it is first heard. Has no effect with `state MASTER`, `priority 255` or `nopreempt`, which is told"),
    Word::values("timer_expired_backup", EXPIRED)
        .default("off; 254 without a priority")
        .means("with `nopreempt`: a master that has stood still for so long that a director of this priority would have taken over goes to BACKUP. Without it, a master goes on unless it hears another"),
    Word::values("thread_timer_expired", EXPIRED).older("timer_expired_backup"),
    Word::values("down_timer_adverts", &[one("NUMBER", Kind::Integer(1, 100))])
        .default("`vrrp_down_timer_adverts`")
        .means("how many adverts have to be missing before the master is given up; the same on all directors"),
    Word::values("lower_prio_no_advert", SWITCH)
        .default("`vrrp_lower_prio_no_advert`")
        .means("a master does not answer adverts of lower priority"),
    Word::values("higher_prio_send_advert", SWITCH)
        .default("`vrrp_higher_prio_send_advert`")
        .means("a master that hears a better one sends one more advert before it gives way, so that the better one announces its addresses again"),
    Word::values("owner_ignore_adverts", SWITCH)
        .default("`vrrp_owner_ignore_adverts`")
        .means("with `priority 255`: what others say is not looked at"),
    Word::values("skip_check_adv_addr", SWITCH)
        .default("`vrrp_skip_check_adv_addr`")
        .means("the addresses in an advert are looked at only where it is from another router than the one before"),
    Word::values("strict_mode", SWITCH)
        .default("`vrrp_strict`")
        .means("nothing that the RFCs do not allow"),
    Word::flag("accept")
        .default("on; off in strict mode")
        .means("a master answers at its virtual addresses though it is not their owner"),
    Word::flag("no_accept")
        .default("off; on in strict mode")
        .means("what is sent to the virtual addresses of a master that is not their owner is dropped")
        .later("the master answers at its virtual addresses"),
];

const EXPIRED: &[super::Value] = &[optional("PRIORITY", Kind::Integer(1, 255))];

const ADDRESSED: &[Word] = &[
    Word::own("virtual_ipaddress", &ADDRESSES)
        .default("none, with a warning")
        .means("the addresses, which stand in adverts; several blocks add up"),
    Word::own("virtual_ipaddress_excluded", &ADDRESSES)
        .default("none")
        .means("more addresses, of either family, which stand in no advert"),
    Word::flag("no_virtual_ipaddress")
        .default("off")
        .means("there are to be no addresses, so there is no warning. Version 3 takes an instance without addresses only with this"),
    Word::flag("native_ipv6")
        .default("off")
        .means("an instance without anything that has an address is of IPv6; where there is one, it has no effect"),
    Word::own("virtual_routes", &ROUTES)
        .default("none")
        .means("routes that the master has; several blocks add up")
        .later("these are not moved between directors"),
    Word::own("virtual_rules", &RULES)
        .default("none")
        .means("rules of routing that the master has; several blocks add up")
        .later("these are not moved between directors"),
    Word::flag("promote_secondaries")
        .default("off")
        .means("the kernel keeps the other addresses of a network when one goes")
        .later("the interface is left as it is: where its sysctl `promote_secondaries` is off, the kernel may remove several addresses with one"),
];

const SIGNED: &[Word] = &[
    Word::block("authentication", &[])
        .default("none")
        .means("a password in version 2"),
    Word::block("auth_hmac", &[])
        .default("none")
        .means("adverts are signed"),
];

const SENT: &[Word] = &[
    Word::values("mcast_dst_ip", &[one("ADDRESS", Kind::Address)])
        .default("`vrrp_mcast_group4`, `vrrp_mcast_group6`")
        .means("the multicast group that adverts go to; one of IPv6 begins with `ff02:`"),
    Word::values("mcast_src_ip", &[one("ADDRESS", Kind::Address)])
        .default("the interface's first; with IPv6 its link-local one")
        .means("where adverts come from. They are sent from it even where this host does not have it, which is told. Each director needs another one: what comes from its own address a director takes for its own advert come back"),
    Word::own(
        "unicast_peer",
        &Grammar {
            place: Place::Block,
            syntax: &["ADDRESS [min_ttl 0-255] [max_ttl 0-255]"],
            example: "10.0.0.2 min_ttl 254 max_ttl 255",
        },
    )
    .default("none")
    .means("the other directors, one a line; several blocks add up. Adverts go to each of them and not to a group. With a range, adverts of this peer are taken with a TTL or hop limit within it only"),
    Word::values("unicast_src_ip", &[one("ADDRESS", Kind::Address)])
        .default("as `mcast_src_ip`")
        .means("where adverts come from, and what peers send theirs to. Where this host does not have it, the instance waits in FAULT for it, which is told"),
    Word::values("unicast_ttl", &[one("NUMBER", Kind::Integer(0, 255))])
        .default("255")
        .means("the TTL or hop limit of what is sent; 0 is taken as 1, which is told"),
    Word::values("check_unicast_src", SWITCH)
        .default("`vrrp_check_unicast_src`; on where a peer has a range")
        .means("adverts are taken from the peers only"),
    Word::flag("unicast_fault_no_peer")
        .default("off")
        .means("words about unicast without any peer make the instance stay in FAULT. Without this word its adverts go out by multicast, as with keepalived, which is told"),
    Word::values("v3_checksum_as_v2", SWITCH)
        .default("the one of `global_defs`")
        .means("the checksum of version 3 over IPv4 leaves the addresses of the packet out (RFC 9568), as some makes have it; the same on all routers of the instance"),
    Word::values("old_unicast_checksum", &[optional("never", Kind::OneOf(&["never"]))])
        .default("off")
        .means("the checksum of version 3 over IPv4 by unicast is made as keepalived did until 1.3.6. ipvsd does not guess which form a peer uses, so `never` changes nothing"),
    Word::flag("track_src_ip")
        .default("off")
        .means("the instance is in FAULT while its source is not on its interface")
        .later("a source of unicast is waited for in any case, one of multicast never"),
    Word::values("kernel_rx_buf_size", &[one("BYTES", Kind::Integer(0, 4_294_967_295))])
        .default("the kernel's")
        .means("the room for adverts that have come and are still to be read")
        .later("the kernel's own size holds"),
];

const EXTRA: &[super::Value] = &[
    optional("all", Kind::OneOf(&["all"])),
    one("SECONDS", Kind::Integer(0, 86_400)),
];
const DELAY: &[super::Value] = &[one("SECONDS", Kind::Integer(0, 4_294))];
const REPEAT: &[super::Value] = &[one("NUMBER", Kind::Integer(0, 1_000))];

const ANNOUNCED: &[Word] = &[
    Word::values("garp_master_delay", DELAY)
        .default("`vrrp_garp_master_delay`")
        .means("a new master announces its addresses at once, and again after this; 0 is not again"),
    Word::values("garp_master_repeat", REPEAT)
        .default("`vrrp_garp_master_repeat`")
        .means("how many frames it sends for each address each time; 0 is taken for 1"),
    Word::values("garp_lower_prio_delay", DELAY)
        .default("`vrrp_garp_lower_prio_delay`")
        .means("the same after an advert of lower priority was heard: at once, and again after this"),
    Word::values("garp_lower_prio_repeat", REPEAT)
        .default("`vrrp_garp_lower_prio_repeat`")
        .means("how many frames then; 0 is none"),
    Word::values("garp_master_refresh", &[one("SECONDS", Kind::Integer(0, 4_294_967_295))])
        .default("`vrrp_garp_master_refresh`")
        .means("how often a master announces its addresses without a reason; 0 is never"),
    Word::values("garp_master_refresh_repeat", REPEAT)
        .default("`vrrp_garp_master_refresh_repeat`")
        .means("how many frames then; 0 is taken for 1"),
    Word::values("garp_extra_if", EXTRA)
        .default("`vrrp_garp_extra_if`")
        .means("how often it announces the addresses that are on other interfaces than the instance's, by one frame each, so that switches do not forget them; 0 is never. Without `all` it is for virtual MAC interfaces, of which there are none yet, which is told"),
    Word::values("vmac_garp_intvl", EXTRA).older("garp_extra_if"),
];

const INTERFACES: Grammar = Grammar {
    place: Place::Block,
    syntax: &["INTERFACE [weight -253-253 [reverse|noreverse]]"],
    example: "eth1 weight 10 reverse",
};
const NAMES: Grammar = Grammar {
    place: Place::Block,
    syntax: &["NAME [weight -253-253 [reverse|noreverse]]"],
    example: "NAME weight -10 noreverse",
};
const NAMES_OF_VALUES: Grammar = Grammar {
    place: Place::Block,
    syntax: &["NAME [weight -254-254 [reverse|noreverse]]"],
    example: "NAME weight -254 noreverse",
};

const NO_CHANGE: &str = "what it says changes neither priority nor state";

const WATCHED: &[Word] = &[
    Word::own("track_interface", &INTERFACES)
        .default("the instances' own interfaces")
        .means("interfaces that have to be up. With a weight, the priority changes instead of the state being FAULT: a weight above 0 is added while the interface is up, one below 0 taken while it is not")
        .later("only the interfaces of the instances themselves are watched"),
    Word::own("track_script", &NAMES)
        .default("none")
        .means("`vrrp_script` blocks, by their names, with weights as in `track_interface`; without one, the script's own holds")
        .later(NO_CHANGE),
    Word::own("track_file", &NAMES_OF_VALUES)
        .default("none")
        .means("`track_file` blocks, by their names: the number in the file times the weight is added to the priority")
        .later(NO_CHANGE),
    Word::own("track_process", &NAMES_OF_VALUES)
        .default("none")
        .means("`vrrp_track_process` blocks, by their names, with weights as in `track_interface`")
        .later(NO_CHANGE),
    Word::own("track_bfd", &NAMES)
        .default("none")
        .means("`bfd_instance` blocks, by their names, with weights as in `track_interface`")
        .later(NO_CHANGE),
];

const VIRTUAL: &[Word] = &[
    Word::own(
        "use_vmac",
        &Grammar {
            place: Place::Line,
            syntax: &["[[name] INTERFACE] [MAC] [netlink_notify_msg] [group GROUP]"],
            example: "vrrp.51 02:00:5e:00:01:33 group 5",
        },
    )
    .default("off; the name `vrrp.VRID`, the MAC of the RFCs")
    .means("the addresses are on an interface of their own, whose MAC goes with them. A MAC of five octets has the VRID as its sixth")
    .later(ON_ITSELF),
    Word::flag("use_vmac_addr")
        .default("off")
        .means("the same for addresses with a `dev` of their own")
        .later(ON_ITSELF),
    Word::flag("vmac_xmit_base")
        .default("off; on with unicast")
        .means("adverts go out and come in by the interface below that of `use_vmac`")
        .later("adverts go by the interface itself in any case"),
    Word::own(
        "use_ipvlan",
        &Grammar {
            place: Place::Line,
            syntax: &["[[name] INTERFACE] [ADDRESS[/LENGTH]] [bridge|private|vepa] [group GROUP]"],
            example: "ipvlan51 10.0.0.51/24 bridge",
        },
    )
    .default("off; the name `vrrp.VRID`, `bridge`")
    .means("the addresses are on an IPVLAN interface of their own. Over IPv4 it needs an address that adverts come from")
    .later(ON_ITSELF),
    Word::values("vrf", &[one("INTERFACE", Kind::Interface)])
        .default("none")
        .means("the VRF of an instance without an `interface`, which unicast allows")
        .later("every instance names its interface, and is in the VRF that this one is in"),
    Word::flag("dont_track_primary")
        .default("off")
        .means("the state of its own interface makes no difference to the instance")
        .later("an instance whose interface is down is in FAULT"),
    Word::flag("linkbeat_use_polling")
        .default("off")
        .means("the driver is asked whether there is a link; today, `linkbeat_interfaces` says for which interfaces")
        .later("what the kernel tells of itself counts"),
];

const ON_ITSELF: &str = "the addresses are on the interface itself, and are announced with its MAC";

const STATES: &[Word] = &[
    Word::new("notify_master", Takes::Command)
        .default("none")
        .means("what is run when the state is MASTER"),
    Word::new("notify_backup", Takes::Command)
        .default("none")
        .means("what is run when the state is BACKUP"),
    Word::new("notify_fault", Takes::Command)
        .default("none")
        .means("what is run when the state is FAULT"),
    Word::new("notify_stop", Takes::Command)
        .default("none")
        .means("what is run when ipvsd stops"),
    Word::new("notify", Takes::Command)
        .default("none")
        .means("what is run each time, after those: with `INSTANCE` or `GROUP`, the name, the state (`MASTER`, `BACKUP`, `FAULT` or `STOP`) and the priority (of a group, 0) behind its own arguments"),
    Word::values("smtp_alert", SWITCH)
        .default("`smtp_alert_vrrp`")
        .means("whether changes of state are mailed"),
    Word::values("notify_priority_changes", SWITCH)
        .default("`vrrp_notify_priority_changes`")
        .means("whether FIFOs tell of changes of the priority")
        .later("nothing is written to FIFOs"),
];

const SCRIPTS: &[Word] = STATES;

const FURTHER: &[Word] = &[
    Word::new("notify_master_rx_lower_pri", Takes::Command)
        .default("none")
        .means("what is run when a master hears an advert of lower priority, once a minute at most"),
    Word::new("notify_deleted", Takes::OptionalCommand)
        .default("FAULT is told")
        .means("of an instance that a reload has removed, scripts and FIFOs are told `DELETED`; and what is run then")
        .later("its scripts are told `STOP`"),
    Word::values("lvs_sync_daemon_interface", &[one("INTERFACE", Kind::Interface)])
        .default("none")
        .means("where IPVS tells the other directors of its connections while this instance is master; `lvs_sync_daemon` in `global_defs` is today's word"),
    Word::values("lvs_sync_daemon_inteface", &[one("INTERFACE", Kind::Interface)])
        .older("lvs_sync_daemon_interface"),
    Word::values("debug", &[one("LEVEL", Kind::Integer(0, 4))])
        .never("keepalived does nothing with it either; `-D` writes more to the log"),
];

const GROUP: &[Word] = &[Word::own(
    "group",
    &Grammar {
        place: Place::Block,
        syntax: &["INSTANCE ..."],
        example: "VI_1 VI_2",
    },
)
.default("has to be there")
.means(
    "the instances, which may come before or after it in the file; each is in one group at most",
)];

const OF_GROUP: &[Word] = &[
    Word::flag("sync_group_tracking_weight")
        .default("off")
        .means("weights of the instances hold, though they are in a group")
        .later("no weights hold"),
    Word::flag("global_tracking")
        .default("off")
        .means("the same, for what all instances watch alike; today, the group itself says what is watched")
        .later("no weights hold"),
];
