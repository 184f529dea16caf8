//! What the kernel of a director is set to that does not suit its virtual servers.
//!
//! Pure: the sysctls and addresses of the host come as values. What each sysctl does is in
//! Documentation/networking/ipvs-sysctl.rst and ip-sysctl.rst of the kernel.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::types::{Family, ForwardingMethod, Protocol, ServiceKey};
use crate::config::model::{CheckSpec, Model, RealServer, VirtualServer};

/// The loopback interface, where real servers of LVS-DR have the virtual address.
const LOOPBACK: &str = "lo";
/// From this kernel on a port that is used again costs no second with connection tracking
/// (`ip_vs_in`).
const REUSES_WELL: (u32, u32) = (5, 9);

/// What there is to know of a host.
#[derive(Clone, Debug, Default)]
pub struct Host {
    /// Values by their names with dots: `net.ipv4.ip_forward`. What is not there is not
    /// known.
    pub sysctls: BTreeMap<String, String>,
    pub addresses: Vec<HostNetwork>,
}

/// An address of the host, with the network that it is in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostNetwork {
    pub interface: String,
    pub address: IpAddr,
    /// Bits of the network mask.
    pub prefix: u8,
}

/// Something that does not suit the configuration.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Finding {
    /// The stable name: that of the sysctl, or of what is wrong.
    pub code: String,
    /// What is wrong, and with which value.
    pub message: String,
    /// What to set, each as `NAME=VALUE`; empty where no sysctl helps.
    pub set: Vec<String>,
    /// The network namespace in which to set it; None is that of whoever reads this.
    pub namespace: Option<String>,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match self.set.as_slice() {
            [] => Ok(()),
            set => {
                f.write_str(": `")?;
                if let Some(name) = &self.namespace {
                    write!(f, "ip netns exec {name} ")?;
                }
                write!(f, "sysctl -w {}`", set.join(" "))
            }
        }
    }
}

/// The sysctls that [`advice`] looks at, of a host with these interfaces.
pub fn sysctls<'a>(interfaces: impl IntoIterator<Item = &'a str>) -> BTreeSet<String> {
    let mut names: BTreeSet<String> = [
        "kernel.osrelease",
        "net.ipv4.ip_forward",
        "net.ipv6.conf.all.forwarding",
        "net.ipv4.vs.conntrack",
        "net.ipv4.vs.conn_reuse_mode",
        "net.ipv4.vs.expire_nodest_conn",
        "net.ipv4.vs.expire_quiescent_template",
    ]
    .map(str::to_owned)
    .into();
    for interface in interfaces.into_iter().chain(["all"]) {
        for word in ["send_redirects", "arp_ignore", "arp_announce"] {
            names.insert(of_interface(interface, word));
        }
    }
    names
}

fn of_interface(interface: &str, word: &str) -> String {
    // sysctl(8) has a dot in a name as a slash.
    format!("net.ipv4.conf.{}.{word}", interface.replace('.', "/"))
}

/// What does not suit the configuration, each once.
pub fn advice(model: &Model, host: &Host) -> Vec<Finding> {
    let mut findings = Vec::new();
    let all = || model.virtual_servers.iter();
    let servers = || all().flat_map(|it| it.real_servers.iter().map(move |server| (it, server)));

    let leaves = |server: &RealServer| !server.checks.is_empty() && !server.inhibit_on_failure;
    if host.is("net.ipv4.vs.expire_nodest_conn", 0)
        && let Some((service, _)) = servers().find(|(_, server)| leaves(server))
    {
        let udp = all().find(|it| is_of(it, Protocol::Udp) && it.real_servers.iter().any(leaves));
        let what = match udp {
            Some(udp) => format!(
                "a client of {} that keeps its port stays with a real server that has left the \
                 table, and is not answered for as long as it goes on asking",
                udp.id
            ),
            None => format!(
                "connections to a real server of {} that leaves the table are not reset: their \
                 clients wait until they lose patience",
                service.id
            ),
        };
        let name = "net.ipv4.vs.expire_nodest_conn";
        findings.push(finding(name, "0", &what, &[(name, "1")]));
    }

    let stays = |server: &RealServer| {
        let is_dynamic = |spec: &CheckSpec| matches!(spec, CheckSpec::Misc(it) if it.dynamic);
        server.inhibit_on_failure
            || server.weight.0 == 0
            || !server.drain_timeout.is_zero()
            || server.checks.iter().any(|check| is_dynamic(&check.spec))
    };
    if host.is("net.ipv4.vs.expire_quiescent_template", 0)
        && let Some((service, server)) =
            servers().find(|(service, server)| service.persistence.is_some() && stays(server))
    {
        let what = format!(
            "with `persistence_timeout` the clients of {} stay with a real server whose weight has \
             become 0, as that of {} may",
            service.id, server.key
        );
        let name = "net.ipv4.vs.expire_quiescent_template";
        findings.push(finding(name, "0", &what, &[(name, "1")]));
    }

    findings.extend(connection_reuse(model, host));
    findings.extend(nat(model, host));
    findings.extend(address_on_loopback(model, host));
    findings.extend(packet_loop(model, host));
    findings
}

fn finding(code: &str, value: &str, what: &str, set: &[(&str, &str)]) -> Finding {
    let set = set.iter().map(|(name, value)| format!("{name}={value}"));
    Finding {
        code: code.to_owned(),
        message: format!("{code} is {value}: {what}"),
        set: set.collect(),
        namespace: None,
    }
}

/// `conn_reuse_mode`: what becomes of a connection from a port that was used before.
fn connection_reuse(model: &Model, host: &Host) -> Option<Finding> {
    let mut all = model.virtual_servers.iter();
    let service = all.find(|it| !is_of(it, Protocol::Udp))?;
    let name = "net.ipv4.vs.conn_reuse_mode";
    if host.is(name, 0) {
        let what = format!(
            "a new connection to {} from a port that was used before goes to the real server of \
             the old one, with weight 0 too",
            service.id
        );
        return Some(finding(name, "0", &what, &[(name, "1")]));
    }
    let is_slow = host.kernel().is_some_and(|kernel| kernel < REUSES_WELL);
    if is_slow && host.is(name, 1) && host.is("net.ipv4.vs.conntrack", 1) {
        let what = format!(
            "with net.ipv4.vs.conntrack 1 this kernel takes a second for a new connection to {} \
             from a port that was used before",
            service.id
        );
        let conntrack = ("net.ipv4.vs.conntrack", "0");
        return Some(finding(name, "1", &what, &[conntrack]));
    }
    None
}

/// What comes back from real servers passes through the director.
fn nat(model: &Model, host: &Host) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut forwarding: BTreeMap<&str, &RealServer> = BTreeMap::new();
    let mut redirecting: BTreeMap<&str, (&VirtualServer, &RealServer)> = BTreeMap::new();
    for service in &model.virtual_servers {
        let mut near: Option<HashSet<&str>> = None;
        let servers = service.real_servers.iter();
        for server in servers.filter(|it| it.method == ForwardingMethod::Nat) {
            let address = server.key.address;
            if host.has(address) {
                continue;
            }
            let name = match Family::of(address) {
                Family::V4 => "net.ipv4.ip_forward",
                Family::V6 => "net.ipv6.conf.all.forwarding",
            };
            forwarding.entry(name).or_insert(server);
            // Clients and real servers on one network: the kernel tells a real server that
            // it could answer its clients without the director.
            let to_server = host.interface_to(address).filter(|_| address.is_ipv4());
            let near = near.get_or_insert_with(|| {
                let interfaces = addresses(service).map(|it| host.interface_to(it));
                interfaces.flatten().collect()
            });
            if let Some(interface) = to_server
                && near.contains(interface)
            {
                redirecting.entry(interface).or_insert((service, server));
            }
        }
    }
    for (name, server) in forwarding {
        if host.is(name, 0) {
            let what = format!(
                "what {} answers does not come back to the clients, for it has NAT",
                server.key
            );
            findings.push(finding(name, "0", &what, &[(name, "1")]));
        }
    }
    for (interface, (service, server)) in redirecting {
        let all = of_interface("all", "send_redirects");
        let own = of_interface(interface, "send_redirects");
        // Either is enough.
        let set: Vec<(&str, &str)> = [all.as_str(), own.as_str()]
            .into_iter()
            .filter(|name| host.is(name, 1))
            .map(|name| (name, "0"))
            .collect();
        if !set.is_empty() {
            let what = format!(
                "{} is told that it could reach the clients of {} without this director, on {interface}, \
                 and what it then answers they do not know",
                server.key, service.id
            );
            findings.push(finding(set[0].0, "1", &what, &set));
        }
    }
    findings
}

/// The virtual address on `lo`, as on a real server of LVS-DR: it is not to be answered for.
fn address_on_loopback(model: &Model, host: &Host) -> Vec<Finding> {
    let on_loopback = |address: IpAddr| {
        let mut there = host.addresses.iter();
        address.is_ipv4() && there.any(|it| it.address == address && it.interface == LOOPBACK)
    };
    let all = model.virtual_servers.iter();
    let Some(address) = all.flat_map(addresses).find(|it| on_loopback(*it)) else {
        return Vec::new();
    };
    let interfaces: BTreeSet<&str> = host
        .addresses
        .iter()
        .filter(|it| it.address.is_ipv4() && it.interface != LOOPBACK)
        .map(|it| it.interface.as_str())
        .collect();
    let mut findings = Vec::new();
    for (word, least, what) in [
        (
            "arp_ignore",
            1,
            "answers whoever asks on the network who has it",
        ),
        (
            "arp_announce",
            2,
            "asks others in its name, and they remember it",
        ),
    ] {
        let name = of_interface("all", word);
        let Some(general) = host.number(&name) else {
            continue;
        };
        // The greater one of all and an interface's own counts.
        let is_low = |interface: &&&str| {
            let own = host.number(&of_interface(interface, word));
            own.is_some_and(|own| own.max(general) < least)
        };
        if let Some(interface) = interfaces.iter().find(is_low) {
            let what = format!(
                "the virtual address {address} is on lo, and this director, whoever is master, \
                 {what} ({interface})"
            );
            let (present, wanted) = (general.to_string(), least.to_string());
            findings.push(finding(&name, &present, &what, &[(&name, &wanted)]));
        }
    }
    findings
}

/// Directors that are real servers of each other: what one sends to the other, the table
/// there sends back.
fn packet_loop(model: &Model, host: &Host) -> Option<Finding> {
    // Without VRRP there is no other director.
    if model.vrrp_instances.is_empty() {
        return None;
    }
    let mut all = model.virtual_servers.iter();
    let (service, server) = all.find_map(|service| {
        let is_by_address = addresses(service).next().is_some();
        let keeps = |server: &&RealServer| server.method.keeps_destination();
        let servers = || service.real_servers.iter().filter(keeps);
        let own = servers().find(|it| host.has(it.key.address))?;
        let has_others = servers().any(|it| !host.has(it.key.address));
        (is_by_address && has_others).then_some((service, own))
    })?;
    Some(Finding {
        code: "director-is-real-server".to_owned(),
        message: format!(
            "real server {} of {} is this director itself: what another director sends here, the \
             table here sends on, and packets may go round between the two. Let the table see what \
             comes from clients only: a mark on packets that do not come from the other \
             director's MAC address, and `virtual_server fwmark` (docs/operating.md has the rules)",
            server.key, service.id
        ),
        set: Vec::new(),
        namespace: None,
    })
}

fn is_of(service: &VirtualServer, wanted: Protocol) -> bool {
    let is_wanted = |key: &ServiceKey| matches!(key, ServiceKey::Address { protocol, .. } if *protocol == wanted);
    service.services.iter().any(is_wanted)
}

/// The addresses that clients know, where it is not for a mark.
fn addresses(service: &VirtualServer) -> impl Iterator<Item = IpAddr> + '_ {
    service.services.iter().filter_map(|key| match key {
        ServiceKey::Address { address, .. } => Some(*address),
        ServiceKey::Fwmark { .. } => None,
    })
}

impl Host {
    fn number(&self, name: &str) -> Option<i64> {
        self.sysctls.get(name)?.trim().parse().ok()
    }

    fn is(&self, name: &str, value: i64) -> bool {
        self.number(name) == Some(value)
    }

    /// The first two numbers of the kernel's version.
    fn kernel(&self) -> Option<(u32, u32)> {
        let release = self.sysctls.get("kernel.osrelease")?;
        let mut numbers = release.split(|it: char| !it.is_ascii_digit());
        Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
    }

    fn has(&self, address: IpAddr) -> bool {
        self.addresses.iter().any(|it| it.address == address)
    }

    /// The interface to whose network an address belongs; the narrowest counts.
    fn interface_to(&self, address: IpAddr) -> Option<&str> {
        let near = self.addresses.iter().filter(|it| it.covers(address));
        // An address alone is no network.
        let near = near.filter(|it| it.prefix < if it.address.is_ipv4() { 32 } else { 128 });
        Some(&near.max_by_key(|it| it.prefix)?.interface)
    }
}

impl HostNetwork {
    fn covers(&self, address: IpAddr) -> bool {
        let bits = |address: IpAddr| match address {
            IpAddr::V4(it) => u128::from(it.to_bits()) << 96,
            IpAddr::V6(it) => it.to_bits(),
        };
        let differ = bits(self.address) ^ bits(address);
        let is_same = differ.leading_zeros() >= u32::from(self.prefix);
        self.address.is_ipv4() == address.is_ipv4() && is_same
    }
}
