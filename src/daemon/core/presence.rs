//! Which addresses are on this host, for virtual servers with `ha_suspend`: nothing is
//! checked while none of theirs is.
//!
//! The checker may not ask (its filter of system calls forbids route netlink), so core
//! listens to the kernel and tells it. It counts who has the address, not who brought
//! it: the vrrp process, or somebody with ip(8). Nobody listens where no virtual server
//! has `ha_suspend`.

use std::collections::{BTreeSet, HashSet};
use std::io;
use std::net::IpAddr;

use super::*;
use crate::lvs::PoolId;
use crate::sys::rtnetlink::{Address, AddressKey, Commands, Heard, Notice, Snapshot, Watch};

/// How many messages are read before something else has its turn.
const AT_ONCE: usize = 256;

/// What is known of the host's addresses.
#[derive(Default)]
pub(super) struct Presence {
    /// None where nobody wants to know, or it cannot be known.
    watched: Option<Watched>,
    /// Virtual servers whose checks are suspended, in the order of the file.
    suspended: Vec<PoolId>,
}

struct Watched {
    watch: Watch,
    addresses: Addresses,
}

/// The addresses of all interfaces.
#[derive(Debug, Default)]
struct Addresses(BTreeSet<(AddressKey, u32)>);

impl Addresses {
    fn of(snapshot: Snapshot) -> Self {
        let mut addresses = Addresses::default();
        for address in snapshot.addresses {
            addresses.apply(Notice::Address(address));
        }
        addresses
    }

    fn apply(&mut self, notice: Notice) {
        let place = |address: &Address| (address.key(), address.interface);
        match notice {
            Notice::Address(address) => drop(self.0.insert(place(&address))),
            Notice::NoAddress(address) => drop(self.0.remove(&place(&address))),
            Notice::NoLink(gone) => self.0.retain(|(_, interface)| *interface != gone),
            Notice::Link(_) | Notice::Forwarding { .. } => {}
        }
    }

    /// Those that are on some interface.
    fn present(&self) -> HashSet<IpAddr> {
        self.0.iter().map(|((address, ..), _)| *address).collect()
    }
}

impl Watched {
    /// Listens first and asks then, so that nothing is missed between.
    fn open() -> io::Result<Self> {
        let watch = Watch::open()?;
        let addresses = Addresses::of(Commands::open()?.dump()?);
        Ok(Watched { watch, addresses })
    }

    fn read(&mut self) -> io::Result<()> {
        let Watched { watch, addresses } = self;
        match watch.read(AT_ONCE, |notice| addresses.apply(notice))? {
            Heard::Everything | Heard::Some => {}
            // What still waits is older than what was lost: it must not be the last word.
            Heard::Overrun => *self = Watched::open()?,
        }
        Ok(())
    }
}

impl Presence {
    /// Waits for news of addresses; for ever, if nobody wants to know.
    pub async fn changed(&self) -> io::Result<()> {
        match &self.watched {
            Some(watched) => watched.watch.readable().await,
            None => std::future::pending().await,
        }
    }

    /// The virtual servers whose checks are suspended.
    pub fn suspended(&self) -> &[PoolId] {
        &self.suspended
    }

    /// Takes in which virtual servers there are.
    pub fn configure(&mut self, virtual_servers: &[VirtualServer]) {
        if !virtual_servers.iter().any(|it| it.ha_suspend) {
            *self = Presence::default();
            return;
        }
        if self.watched.is_none() {
            self.open();
        }
        self.conclude(virtual_servers);
    }

    /// Takes in news; whether other virtual servers are suspended than before.
    pub fn read(&mut self, virtual_servers: &[VirtualServer], news: io::Result<()>) -> bool {
        let read = news.and_then(|()| match &mut self.watched {
            Some(watched) => watched.read(),
            None => Ok(()),
        });
        if let Err(error) = read {
            tracing::warn!("lost track of this host's addresses: {error}; asking anew");
            self.open();
        }
        self.conclude(virtual_servers)
    }

    /// Where it is not known which addresses there are, everything is checked.
    fn open(&mut self) {
        self.watched = None;
        match Watched::open() {
            Ok(watched) => self.watched = Some(watched),
            Err(error) => tracing::error!(
                "cannot see which addresses are on this host, so `ha_suspend` has no effect \
                 until the next reload: {error}"
            ),
        }
    }

    fn conclude(&mut self, virtual_servers: &[VirtualServer]) -> bool {
        let suspended = match &self.watched {
            Some(watched) => suspended(virtual_servers, &watched.addresses.present()),
            None => Vec::new(),
        };
        let is_news = suspended != self.suspended;
        self.suspended = suspended;
        is_news
    }
}

/// The virtual servers with `ha_suspend` of which no address is here.
fn suspended(virtual_servers: &[VirtualServer], here: &HashSet<IpAddr>) -> Vec<PoolId> {
    let is_here = |service: &ServiceKey| match service {
        ServiceKey::Address { address, .. } => here.contains(address),
        ServiceKey::Fwmark { .. } => true,
    };
    virtual_servers
        .iter()
        .filter(|it| it.ha_suspend && !it.services.iter().any(is_here))
        .map(|it| it.id.clone())
        .collect()
}

impl Core {
    /// Takes in the virtual servers of the present configuration.
    pub(super) fn find_suspended(&mut self) {
        let model = self.model.clone();
        match self.serves(Subsystem::Checkers) {
            true => self.presence.configure(&model.virtual_servers),
            false => self.presence.configure(&[]),
        }
    }

    pub(super) fn on_addresses(&mut self, news: io::Result<()>) {
        let model = self.model.clone();
        if self.presence.read(&model.virtual_servers, news) {
            let suspended = self.presence.suspended().to_vec();
            self.checker.send(&ToChecker::Suspended(suspended));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{self, Sources};

    fn address(interface: u32, address: &str, prefix: u8) -> Address {
        let address = address.parse().unwrap();
        Address {
            interface,
            address,
            prefix,
            peer: address,
            broadcast: None,
            scope: 0,
            label: None,
            is_secondary: false,
            is_unusable: false,
        }
    }

    #[test]
    fn an_address_is_here_while_some_interface_has_it() {
        let vip: IpAddr = "10.0.0.80".parse().unwrap();
        let mut addresses = Addresses::of(Snapshot {
            links: Vec::new(),
            addresses: vec![address(1, "10.0.0.80", 32), address(2, "10.0.0.80", 24)],
        });
        let mut after = |notice| {
            addresses.apply(notice);
            addresses.present().contains(&vip)
        };
        assert!(after(Notice::NoAddress(address(1, "10.0.0.80", 32))));
        assert!(after(Notice::NoAddress(address(2, "10.0.0.80", 32))));
        assert!(!after(Notice::NoLink(2)));
        assert!(after(Notice::Address(address(3, "10.0.0.80", 32))));
        assert!(!after(Notice::NoAddress(address(3, "10.0.0.80", 32))));
    }

    #[test]
    fn one_address_of_a_group_is_enough_and_a_mark_is_everywhere() {
        let text = "virtual_server_group G {\n 10.0.0.81-82 80\n}\n\
                    virtual_server_group M {\n 10.0.0.81 81\n fwmark 3\n}\n";
        let heads = ["10.0.0.80 80", "10.0.0.83 80", "group G", "group M"];
        let blocks = heads.map(|head| {
            format!(
                "virtual_server {head} {{\n protocol TCP\n ha_suspend\n \
                 real_server 10.0.0.11 80 {{\n }}\n}}\n"
            )
        });
        let always = "virtual_server 10.0.0.84 80 {\n protocol TCP\n \
                      real_server 10.0.0.11 80 {\n }\n}\n";
        let text = format!("{text}{}{always}", blocks.concat());
        let loaded = config::parse(Sources::from_text("f", text.into_bytes()));
        let model = loaded.model.expect("a configuration in order");
        let without = |here: &[&str]| -> Vec<String> {
            let here = here.iter().map(|it| it.parse().unwrap()).collect();
            let suspended = suspended(&model.virtual_servers, &here);
            suspended.iter().map(ToString::to_string).collect()
        };
        assert_eq!(without(&["10.0.0.80", "10.0.0.82"]), ["[10.0.0.83]:tcp:80"]);
        assert_eq!(without(&["10.0.0.83"]), ["[10.0.0.80]:tcp:80", "[G]:0"]);
    }
}
