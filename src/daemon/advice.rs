//! What this host is set to that does not suit a configuration: reads the sysctls and
//! addresses of the network namespace, and leaves the judgement to
//! [`advice`](mod@crate::lvs::advice).

use std::collections::BTreeSet;
use std::fs;
use std::net::IpAddr;
use std::path::PathBuf;

use nix::ifaddrs::getifaddrs;

use crate::config::model::Model;
use crate::lvs::advice::{Finding, Host, HostNetwork, advice, sysctls};

/// What does not suit the virtual servers of a configuration now. What cannot be read, such
/// as the sysctls of IPVS before its module is loaded, is not judged.
pub fn look(model: &Model) -> Vec<Finding> {
    match model.virtual_servers.is_empty() {
        true => Vec::new(),
        false => advice(model, &host()),
    }
}

/// The same where IPVS is loaded: other hosts balance nothing, and a configuration that is
/// checked there is for another one.
pub fn look_on_a_director(model: &Model) -> Vec<Finding> {
    match path("net.ipv4.vs").exists() {
        true => look(model),
        false => Vec::new(),
    }
}

fn host() -> Host {
    let addresses = networks();
    let interfaces: BTreeSet<&str> = addresses.iter().map(|it| it.interface.as_str()).collect();
    let read = |name: String| {
        let value = fs::read_to_string(path(&name)).ok()?;
        Some((name, value.trim().to_owned()))
    };
    Host {
        sysctls: sysctls(interfaces).into_iter().filter_map(read).collect(),
        addresses,
    }
}

/// Where a sysctl is: those of the network are of this thread's namespace.
fn path(name: &str) -> PathBuf {
    let swapped = name.chars().map(|it| match it {
        '.' => '/',
        // sysctl(8) has it so for a dot in the name of an interface.
        '/' => '.',
        other => other,
    });
    PathBuf::from("/proc/sys").join(swapped.collect::<String>())
}

fn networks() -> Vec<HostNetwork> {
    let Ok(all) = getifaddrs() else {
        return Vec::new();
    };
    let ip = |storage: &nix::sys::socket::SockaddrStorage| -> Option<IpAddr> {
        let v4 = storage.as_sockaddr_in().map(|it| it.ip().into());
        let v6 = || storage.as_sockaddr_in6().map(|it| it.ip().into());
        v4.or_else(v6)
    };
    let all = all.filter_map(|found| {
        let prefix = match ip(found.netmask.as_ref()?)? {
            IpAddr::V4(mask) => mask.to_bits().leading_ones(),
            IpAddr::V6(mask) => mask.to_bits().leading_ones(),
        };
        // Of an address with a label the name is that.
        let interface = found.interface_name;
        let interface = interface.split(':').next().unwrap_or_default();
        Some(HostNetwork {
            interface: interface.to_owned(),
            address: ip(found.address.as_ref()?)?,
            prefix: u8::try_from(prefix).ok()?,
        })
    });
    all.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_tells_its_networks_and_sysctls() {
        let host = host();
        let loopback = HostNetwork {
            interface: "lo".into(),
            address: [127, 0, 0, 1].into(),
            prefix: 8,
        };
        assert!(host.addresses.contains(&loopback));
        assert!(host.sysctls.contains_key("net.ipv4.ip_forward"));
        let expected = "/proc/sys/net/ipv4/conf/eth0.7/arp_ignore";
        assert_eq!(
            path("net.ipv4.conf.eth0/7.arp_ignore"),
            PathBuf::from(expected)
        );
    }
}
