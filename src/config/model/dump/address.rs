//! Addresses, and the interfaces that are made for them.

use std::fmt::{self, Display};

use super::Quoted;
use crate::config::model::{IpvlanMode, Mac, StaticAddress, VirtualInterface};
use crate::vrrp::settings::{AddressOptions, VirtualAddress};

impl Display for VirtualInterface {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (word, name, group) = match self {
            VirtualInterface::Vmac { name, group, .. } => ("use_vmac", name, group),
            VirtualInterface::Ipvlan { name, group, .. } => ("use_ipvlan", name, group),
        };
        f.write_str(word)?;
        if let Some(name) = name {
            write!(f, " name {}", Quoted(name))?;
        }
        match self {
            VirtualInterface::Vmac { mac, notify, .. } => {
                if let Some(mac) = mac {
                    write!(f, " {mac}")?;
                }
                if *notify {
                    f.write_str(" netlink_notify_msg")?;
                }
            }
            VirtualInterface::Ipvlan { address, mode, .. } => {
                if let Some(address) = address {
                    write!(f, " {address}")?;
                }
                f.write_str(match mode {
                    IpvlanMode::Bridge => " bridge",
                    IpvlanMode::Private => " private",
                    IpvlanMode::Vepa => " vepa",
                })?;
            }
        }
        match group {
            Some(group) => write!(f, " group {group}"),
            None => Ok(()),
        }
    }
}

impl Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let octets: &[u8] = match self {
            Mac::Whole(octets) => octets,
            Mac::WithVrid(octets) => octets,
        };
        let octets: Vec<_> = octets.iter().map(|octet| format!("{octet:02x}")).collect();
        f.write_str(&octets.join(":"))
    }
}

/// A virtual address with its options.
pub(super) struct AddressLine<'a>(pub(super) &'a VirtualAddress);

impl Display for AddressLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let VirtualAddress {
            address,
            prefix,
            interface,
            broadcast,
            scope,
            label,
            options,
        } = self.0;
        match options.peer {
            Some(peer) => write!(f, "{address} peer {peer}")?,
            None => write!(f, "{address}/{prefix}")?,
        }
        if let Some(broadcast) = broadcast {
            write!(f, " brd {broadcast}")?;
        }
        write!(f, " dev {}", Quoted(interface))?;
        if *scope != 0 {
            write!(f, " scope {scope}")?;
        }
        if let Some(label) = label {
            write!(f, " label {}", Quoted(label))?;
        }
        let flags = [
            (" home", options.is_home),
            (" -nodad", options.is_optimistic),
            (" mngtmpaddr", options.makes_temporary),
            (" noprefixroute", options.no_prefix_route),
            (" autojoin", options.joins),
            (" use_vmac", options.has_vmac),
            (" no_track", options.is_untracked),
        ];
        let set = flags.into_iter().filter(|(_, is_set)| *is_set);
        set.into_iter()
            .try_for_each(|(word, _)| f.write_str(word))?;
        match options.preferred {
            Some(AddressOptions::FOR_EVER) => f.write_str(" preferred_lft forever"),
            Some(seconds) => write!(f, " preferred_lft {seconds}"),
            None => Ok(()),
        }
    }
}

impl Display for StaticAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", AddressLine(&self.address))?;
        match &self.group {
            Some(group) => write!(f, " track_group {}", Quoted(group)),
            None => Ok(()),
        }
    }
}
