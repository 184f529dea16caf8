//! Clusters: a client, directors and web servers joined by a bridge.
//!
//! | host | address (IPv4, and IPv6 alike) |
//! | --- | --- |
//! | director1, director2, … director9 | 10.0.0.1 …; fd00::1 … |
//! | director10 and further | 10.0.0.210 …; fd00::210 … |
//! | web1, web2, … | 10.0.0.11, 10.0.0.12, …; fd00::11, fd00::12, … |
//! | the mail server, where there is one | 10.0.0.25 |
//! | client | 10.0.0.100; fd00::100 |
//! | the virtual address | 10.0.0.80; fd00::80 |
//!
//! With NAT the web servers are on a second bridge, as 10.1.0.11 … and
//! fd00:1::11 …, where the directors are 10.1.0.1, fd00:1::1 and so on.
//! Scenarios write these addresses out: a test should read as what it means.

use std::net::{IpAddr, SocketAddr};

use crate::client::Client;
use crate::director::Director;
use crate::lab::Lab;
use crate::net::{Namespace, ip_batch, run};
use crate::web::Web;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    V4,
    V6,
}

/// How IPVS hands packets on; it decides what real servers need.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    Dr,
    Nat,
    Tun,
}

pub struct Cluster<'lab> {
    pub client: Client<'lab>,
    pub directors: Vec<Director<'lab>>,
    pub web: Vec<Web<'lab>>,
    pub vip: IpAddr,
    pub method: Method,
}

/// What to build; `Cluster::lvs_dr` and its like build the usual one.
#[derive(Clone, Copy)]
pub struct Plan {
    pub method: Method,
    pub family: Family,
    pub webs: usize,
    pub directors: usize,
    /// Nobody has the virtual address at first: it is VRRP's to give. With NAT the web
    /// servers' way to the client is then 10.1.0.80, which is to move along with it.
    pub vrrp: bool,
}

impl<'lab> Cluster<'lab> {
    /// The two that a plan with two directors has made.
    #[track_caller]
    pub fn two_directors(&self) -> [&Director<'lab>; 2] {
        match &self.directors[..] {
            [one, two] => [one, two],
            others => panic!("{} directors", others.len()),
        }
    }

    /// One director, two web servers that answer clients directly.
    pub fn lvs_dr(lab: &'lab Lab, family: Family) -> Self {
        Plan::new(Method::Dr, family).build(lab)
    }

    /// One director that rewrites addresses and is its two web servers' router.
    pub fn lvs_nat(lab: &'lab Lab, family: Family) -> Self {
        Plan::new(Method::Nat, family).build(lab)
    }

    /// One director that tunnels to two web servers (IP in IP of one family).
    pub fn lvs_tun(lab: &'lab Lab, family: Family) -> Self {
        Plan::new(Method::Tun, family).build(lab)
    }

    /// The first director, the only one in most clusters.
    pub fn director(&self) -> &Director<'lab> {
        &self.directors[0]
    }

    /// Every host that is still there.
    pub fn hosts(&self) -> impl Iterator<Item = &Namespace> {
        let client: &Namespace = &self.client;
        let directors = self.directors.iter().map(|director| &**director);
        let web = self.web.iter().map(|web| &**web);
        [client]
            .into_iter()
            .chain(directors)
            .chain(web)
            .filter(|host| host.exists())
    }

    /// The virtual address with a port.
    pub fn vip(&self, port: u16) -> SocketAddr {
        SocketAddr::new(self.vip, port)
    }
}

impl Plan {
    pub fn new(method: Method, family: Family) -> Self {
        Self {
            method,
            family,
            webs: 2,
            directors: 1,
            vrrp: false,
        }
    }

    pub fn vrrp(mut self) -> Self {
        self.vrrp = true;
        self
    }

    pub fn webs(mut self, count: usize) -> Self {
        self.webs = count;
        self
    }

    pub fn directors(mut self, count: usize) -> Self {
        self.directors = count;
        self
    }

    pub fn build<'lab>(self, lab: &'lab Lab) -> Cluster<'lab> {
        let nat = self.method == Method::Nat;
        let mut bridges = bridge("front");
        if nat {
            bridges += &bridge("back");
        }
        ip_batch(None, &bridges);

        let client = Namespace::create("client");
        client.attach("front", "eth0", &[&self.front(100)]);

        let directors: Vec<_> = (1..=self.directors)
            .map(|n| {
                let host = Namespace::create(&format!("director{n}"));
                // A client's port that is used again is a new connection, also where the
                // director has not seen the end of the old one.
                host.sysctl("net/ipv4/vs/conn_reuse_mode", "3");
                host.sysctl("net/ipv4/vs/expire_nodest_conn", "1");
                let number = if n < 10 { n } else { 200 + n };
                host.attach("front", "eth0", &[&self.front(number)]);
                if nat {
                    host.attach("back", "eth1", &[&self.back(number)]);
                    host.sysctl("net/ipv4/ip_forward", "1");
                    host.sysctl("net/ipv6/conf/all/forwarding", "1");
                    // Routing back to the client must not tell real servers to
                    // go there by themselves.
                    host.sysctl("net/ipv4/conf/all/send_redirects", "0");
                }
                Director::new(lab, host, self.vip())
            })
            .collect();
        if !self.vrrp {
            // Only one can have it; scenarios move it where they mean to.
            directors[0].hold_vip();
        }

        let web = (1..=self.webs)
            .map(|n| {
                let name = format!("web{n}");
                let host = Namespace::create(&name);
                if nat {
                    host.attach("back", "eth0", &[&self.back(10 + n)]);
                    let router = self.back_address(if self.vrrp { 80 } else { 1 });
                    host.ip(&format!("route add default via {router}\n"));
                    Web::new(lab, host, self.back_address(10 + n))
                } else {
                    host.attach("front", "eth0", &[&self.front(10 + n)]);
                    self.accept_vip(&host);
                    Web::new(lab, host, self.front_address(10 + n))
                }
            })
            .collect();

        Cluster {
            client: Client::new(lab, client),
            directors,
            web,
            vip: self.vip(),
            method: self.method,
        }
    }

    /// DR and TUN: the real server takes packets for the virtual address, and
    /// must not answer for it when someone asks who has it.
    fn accept_vip(&self, host: &Namespace) {
        if self.family == Family::V4 {
            host.sysctl("net/ipv4/conf/all/arp_ignore", "1");
            host.sysctl("net/ipv4/conf/all/arp_announce", "2");
        }
        let tunnel = match (self.method, self.family) {
            (Method::Tun, Family::V4) => Some(("ipip", "tunl0")),
            (Method::Tun, Family::V6) => Some(("ip6_tunnel", "ip6tnl0")),
            _ => None,
        };
        if let Some((module, device)) = tunnel {
            run(std::process::Command::new("modprobe").arg(module));
            // The packets in the tunnel come from clients that are elsewhere.
            for interface in ["all", "default", "eth0"] {
                host.sysctl(&format!("net/ipv4/conf/{interface}/rp_filter"), "0");
            }
            host.ip(&format!("link set {device} up\n"));
            if self.family == Family::V4 {
                host.sysctl(&format!("net/ipv4/conf/{device}/rp_filter"), "0");
            }
        }
        host.ip(&format!("addr add {} dev lo\n", one_address(self.vip())));
    }

    fn vip(&self) -> IpAddr {
        self.front_address(80)
    }

    fn front_address(&self, n: usize) -> IpAddr {
        match self.family {
            Family::V4 => format!("10.0.0.{n}"),
            Family::V6 => format!("fd00::{n}"),
        }
        .parse()
        .unwrap()
    }

    fn back_address(&self, n: usize) -> IpAddr {
        match self.family {
            Family::V4 => format!("10.1.0.{n}"),
            Family::V6 => format!("fd00:1::{n}"),
        }
        .parse()
        .unwrap()
    }

    fn front(&self, n: usize) -> String {
        subnet(self.front_address(n))
    }

    fn back(&self, n: usize) -> String {
        subnet(self.back_address(n))
    }
}

fn subnet(address: IpAddr) -> String {
    format!("{address}/{}", if address.is_ipv4() { 24 } else { 64 })
}

/// The address as an `ip` argument for one host, not a subnet.
pub fn one_address(address: IpAddr) -> String {
    format!("{address}/{}", if address.is_ipv4() { 32 } else { 128 })
}

/// Snooping is off: it drops neighbour solicitations until it has learnt.
fn bridge(name: &str) -> String {
    format!(
        "link add {name} type bridge forward_delay 0 stp_state 0 mcast_snooping 0\n\
         link set {name} up\n"
    )
}
