//! Addresses that adverts are to come from and this host does not have.

use std::collections::HashSet;
use std::fmt;
use std::net::IpAddr;

use nix::ifaddrs::getifaddrs;
use serde::Serialize;

use crate::config::model::Model;
use crate::vrrp::settings::Delivery;

/// A source of adverts that is on no interface of this host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AbsentSource {
    pub address: IpAddr,
    pub instance: String,
    /// Its adverts go to peers, who answer to this address.
    pub is_unicast: bool,
    /// Where the source is said.
    pub file: String,
    /// From 1.
    pub line: u32,
}

impl AbsentSource {
    /// The stable name, as a code of `ipvsd check`.
    pub const CODE: &str = "source-absent";
}

impl fmt::Display for AbsentSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let AbsentSource {
            address,
            instance,
            file,
            line,
            ..
        } = self;
        write!(
            f,
            "{file}:{line}: {address}, where adverts of the instance {instance} come from, is not \
             on this host: "
        )?;
        f.write_str(match self.is_unicast {
            true => "the instance waits in FAULT until it is",
            false => "they are sent from it all the same",
        })
    }
}

/// Sources that are not there now, in this network namespace. None where the kernel does
/// not tell its addresses.
pub fn absent(model: &Model) -> Vec<AbsentSource> {
    let instances = model.vrrp_instances.iter();
    let mut sources = instances
        .filter_map(|instance| Some((instance, instance.settings.source?)))
        .peekable();
    if sources.peek().is_none() {
        return Vec::new();
    }
    let Ok(interfaces) = getifaddrs() else {
        return Vec::new();
    };
    let addresses = interfaces.filter_map(|interface| {
        let address = interface.address?;
        let v4 = address.as_sockaddr_in().map(|it| IpAddr::V4(it.ip()));
        v4.or(address.as_sockaddr_in6().map(|it| IpAddr::V6(it.ip())))
    });
    let addresses: HashSet<IpAddr> = addresses.collect();
    let absent = sources.filter(|(_, source)| !addresses.contains(source));
    absent
        .map(|(instance, address)| {
            let origin = instance.source_origin.unwrap_or(instance.origin);
            let file = model.files.get(usize::from(origin.file));
            AbsentSource {
                address,
                instance: instance.settings.name.clone(),
                is_unicast: matches!(instance.settings.delivery, Delivery::Unicast(_)),
                file: file.cloned().unwrap_or_default(),
                line: origin.line,
            }
        })
        .collect()
}
