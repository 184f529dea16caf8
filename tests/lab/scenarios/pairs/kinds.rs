//! Every way in which two directors can speak to each other, as lines of a
//! configuration.

use std::net::{IpAddr, Ipv6Addr};

use crate::cluster::Family::{self, V4, V6};
use crate::cluster::{Cluster, Method, Plan};
use crate::daemon::Program;
use crate::director::Director;
use crate::lab::Lab;

/// A way to speak.
#[derive(Clone, Copy)]
pub struct Kind {
    /// Of the instance too.
    pub name: &'static str,
    pub family: Family,
    /// Of the instance, each with a `;` between it and the next.
    ///
    /// | in the lines | on the first director | on the second |
    /// | --- | --- | --- |
    /// | `OWN` | 10.0.0.1, fd00::1 | 10.0.0.2, fd00::2 |
    /// | `PEER` | 10.0.0.2, fd00::2 | 10.0.0.1, fd00::1 |
    /// | `SECOND` | 10.0.0.31 | 10.0.0.32 |
    /// | `NEIGHBOUR` | the second's link-local address | the first's |
    /// | `INTERVAL` | 1 | 0.2 |
    /// | `HMAC` | `auth_hmac` with two keys, not closed | the same |
    /// | `EXCLUDED` | an address of the other family | the same |
    lines: &'static str,
    pub vrid: u8,
}

const fn v4(name: &'static str, lines: &'static str) -> Kind {
    Kind {
        name,
        family: V4,
        lines,
        vrid: 0,
    }
}

const fn v6(name: &'static str, lines: &'static str) -> Kind {
    Kind {
        name,
        family: V6,
        lines,
        vrid: 0,
    }
}

/// What both programs know.
const COMMON: &[Kind] = &[
    v4("V2", "version 2"),
    v4(
        "V2_PASS",
        "version 2; authentication {; auth_type PASS; auth_pass s3cret; }",
    ),
    v4(
        "V2_AH",
        "version 2; authentication {; auth_type AH; auth_pass s3cret; }",
    ),
    v4("V2_SOURCE", "version 2; mcast_src_ip SECOND"),
    v4(
        "V2_EXCLUDED",
        "version 2; virtual_ipaddress_excluded {; EXCLUDED; }",
    ),
    v4("V2_UNICAST", "version 2; unicast_peer {; PEER; }"),
    v4(
        "V2_UNICAST_PASS",
        "version 2; unicast_src_ip OWN; unicast_peer {; PEER; }; \
         authentication {; auth_type PASS; auth_pass 12345678; }",
    ),
    v4(
        "V2_UNICAST_AH",
        "version 2; unicast_src_ip OWN; unicast_peer {; PEER; }; \
         authentication {; auth_type AH; auth_pass 12345678; }",
    ),
    v4("V3", "version 3"),
    v4("V3_FAST", "version 3; advert_int 0.5"),
    v4("V3_LEARNT", "version 3; advert_int INTERVAL"),
    v4("V3_GROUP", "version 3; mcast_dst_ip 224.0.0.19"),
    v4("V3_UNICAST", "version 3; unicast_peer {; PEER; }"),
    v4(
        "V3_UNICAST_TTL",
        "version 3; unicast_src_ip OWN; unicast_peer {; PEER min_ttl 255 max_ttl 255; }",
    ),
    v4(
        "V3_UNICAST_OLD",
        "version 3; unicast_src_ip OWN; unicast_peer {; PEER; }; old_unicast_checksum",
    ),
    v6("V6", ""),
    v6("V6_FAST", "advert_int 0.5"),
    v6("V6_GROUP", "mcast_dst_ip ff02::13"),
    v6("V6_UNICAST", "unicast_src_ip OWN; unicast_peer {; PEER; }"),
    v6("V6_UNICAST_LINK", "unicast_peer {; NEIGHBOUR; }"),
    v6(
        "V6_UNICAST_TTL",
        "unicast_src_ip OWN; unicast_ttl 255; unicast_peer {; PEER min_ttl 255; }",
    ),
];

/// What keepalived 2.2.7 knows but does not do as the other one.
const RECEIVE_ONLY: Kind = v4("HMAC_RECEIVE", "version 2; HMAC; mode receive-only; }");

/// What keepalived 2.2.7 does not know.
const OURS: &[Kind] = &[
    v4("HMAC_V2", "version 2; HMAC; mode enforce; }"),
    v4("HMAC_V3", "version 3; HMAC; anti_replay monotonic; }"),
    v4(
        "HMAC_V3_UNICAST",
        "version 3; unicast_peer {; PEER; }; HMAC; }",
    ),
    v6("HMAC_V6", "HMAC; time_window 5; }"),
    v6(
        "HMAC_V6_UNICAST",
        "unicast_src_ip OWN; unicast_peer {; PEER; }; HMAC; anti_replay monotonic; }",
    ),
    // From the link-local address. keepalived hears only what is sent to that.
    v6("V6_UNICAST_NO_SOURCE", "unicast_peer {; PEER; }"),
    v4("HMAC_PERMISSIVE", "version 3; HMAC; mode permissive; }"),
    v4("V3_CHECKSUM_AS_V2", "version 3; v3_checksum_as_v2"),
];

impl Kind {
    /// All that these two can speak to each other; the identifiers are 101 and further.
    pub fn all(programs: [Program; 2]) -> Vec<Kind> {
        let ours: &[Kind] = if programs == [Program::Ipvsd; 2] {
            OURS
        } else {
            &[]
        };
        let all = COMMON.iter().chain([&RECEIVE_ONLY]).chain(ours);
        all.zip(101..)
            .map(|(kind, vrid)| Kind { vrid, ..*kind })
            .collect()
    }

    /// Its adverts have a signature.
    pub fn signs(&self) -> bool {
        self.lines.contains("HMAC") && !self.lines.contains("receive-only")
    }

    /// To tshark a checksum of version 3 covers a pseudo header with where the packet
    /// goes, and it covers what comes after the addresses. That of a signed advert
    /// over IPv4 does not cover the signature.
    pub fn has_odd_checksum(&self) -> bool {
        self.lines.contains("checksum") || (self.family == V4 && self.signs())
    }

    /// It comes from the link-local address.
    pub fn is_from_link(&self) -> bool {
        self.family == V6 && !self.lines.contains("unicast_src_ip")
    }

    pub fn has_ah(&self) -> bool {
        self.lines.contains("auth_type AH")
    }

    /// All addresses that the master has.
    pub fn addresses(&self) -> Vec<IpAddr> {
        let mut addresses = self.advertised();
        if self.lines.contains("EXCLUDED") {
            addresses.push(self.excluded());
        }
        addresses
            .into_iter()
            .map(|it| it.parse().unwrap())
            .collect()
    }

    fn advertised(&self) -> Vec<String> {
        let n = self.vrid;
        match self.family {
            V4 => vec![format!("10.0.0.{n}")],
            // keepalived wants one of the link's own first (RFC 9568 section 5.2.9).
            V6 => vec![format!("fe80::{n}"), format!("fd00::{n}")],
        }
    }

    fn excluded(&self) -> String {
        format!("fd00::{}", self.vrid)
    }

    /// The instance on director 1 or 2.
    pub fn conf(&self, program: Program, director: usize, priority: u8) -> String {
        let Self { name, vrid, .. } = self;
        let network = if self.family == V4 {
            "10.0.0."
        } else {
            "fd00::"
        };
        let lines = match program {
            // It takes what is not signed, and the other one does not sign.
            Program::Keepalived if self.name == RECEIVE_ONLY.name => "version 2",
            _ => self.lines,
        };
        let lines = lines
            .replace(';', "\n")
            .replace("SECOND", &format!("10.0.0.3{director}"))
            .replace("OWN", &format!("{network}{director}"))
            .replace("PEER", &format!("{network}{}", 3 - director))
            .replace("INTERVAL", ["1", "0.2"][director - 1])
            .replace("EXCLUDED", &self.excluded())
            .replace("HMAC", HMAC);
        let interval = if lines.contains("advert_int") {
            ""
        } else {
            "advert_int 1"
        };
        format!(
            "vrrp_instance {name} {{
                state BACKUP
                interface eth0
                virtual_router_id {vrid}
                priority {priority}
                {interval}
                {lines}
                virtual_ipaddress {{
                    {}
                }}
            }}\n",
            self.advertised().join("\n")
        )
    }
}

const HMAC: &str = "auth_hmac {
    key 1 hex:000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f
    key 2 abcdefghijklmnopqrstuvwxyz0123456789
    active_key 1";

/// Two directors that have the addresses that the lines speak of, and a client.
pub fn cluster(lab: &Lab) -> Cluster<'_> {
    let cluster = Plan::new(Method::Dr, V4)
        .webs(0)
        .directors(2)
        .vrrp()
        .build(lab);
    for (director, n) in cluster.directors.iter().zip(1..) {
        director.ip(&format!(
            "addr add fd00::{n}/64 dev eth0\naddr add 10.0.0.3{n}/24 dev eth0\n"
        ));
    }
    cluster
}

/// The address of its link that the kernel has made, while it has no virtual address.
pub fn link_local(director: &Director) -> Ipv6Addr {
    let lines = director.enter(crate::net::addresses);
    let all = lines.iter().filter_map(|line| {
        let address = line.split_once("eth0 ")?.1.split('/').next()?;
        address.parse().ok()
    });
    all.into_iter()
        .find(Ipv6Addr::is_unicast_link_local)
        .unwrap()
}
