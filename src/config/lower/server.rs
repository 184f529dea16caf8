//! What real servers and sorry servers have in common: address, port, weight, how
//! packets reach them.

use std::net::{IpAddr, Ipv4Addr};

use super::Lower;
use crate::config::diagnostic::Code;
use crate::config::model::Weight;
use crate::config::syntax::{StatementId, Word};
use crate::lvs::{DestinationKey, Family, ForwardingMethod};

/// An address and port as the file gives them.
#[derive(Clone, Copy)]
pub(super) struct Server {
    pub(super) address: IpAddr,
    /// None or 0 is the virtual server's.
    pub(super) port: Option<u16>,
    /// Where the port is written.
    pub(super) port_word: Option<Word>,
    pub(super) address_word: Word,
}

/// What the real servers of a virtual server need to know of it.
#[derive(Clone, Copy)]
pub(super) struct Around {
    /// None is both, as a group may have it: only tunnels reach its servers.
    pub(super) family: Option<Family>,
    /// 0 for every port and for a mark. None is a group whose addresses differ in it.
    pub(super) port: Option<u16>,
    pub(super) method: ForwardingMethod,
}

impl Lower<'_, '_> {
    /// `ADDRESS [PORT]`.
    pub(super) fn server(&mut self, id: StatementId, arguments: &[Word]) -> Option<Server> {
        let Some((address_word, rest)) = arguments.split_first() else {
            self.missing_value(id, "an address");
            return None;
        };
        let address = self.address(*address_word);
        let port_word = rest.first().copied();
        let port = port_word.map(|word| self.port_or_any(word));
        self.extra_words(id, rest.get(1..).unwrap_or(&[]));
        // A port that is written but wrong has been told.
        let port = match port {
            Some(None) => return None,
            Some(port) => port.filter(|port| *port != 0),
            None => None,
        };
        Some(Server {
            address: address?,
            port,
            port_word,
            address_word: *address_word,
        })
    }

    /// `weight NUMBER`, from `least` to 65535.
    pub(super) fn weight(&mut self, id: StatementId, least: u32) -> Option<Weight> {
        let word = self.value(id, "a weight")?;
        let weight = self.number(word, least..=u32::from(u16::MAX))?;
        u16::try_from(weight).ok().map(Weight)
    }

    /// What the kernel will know a server by.
    pub(super) fn destination(
        &mut self,
        what: &'static str,
        server: Server,
        around: Around,
        method: ForwardingMethod,
    ) -> Option<DestinationKey> {
        if !self.is_host(what, server) {
            return None;
        }
        let family = Family::of(server.address);
        if Some(family) != around.family && !matches!(method, ForwardingMethod::Tunnel(_)) {
            let span = server.address_word.span();
            if around.family.is_none() {
                let name = method.name();
                self.report(
                    Code::FamilyMismatch,
                    format!("a {what} of a group with both IPv4 and IPv6"),
                )
                .at(span, format!("{name} reaches one family only"))
                .help("make two groups, or say `lvs_method TUN`");
                return None;
            }
            let (inner, outer) = match family {
                Family::V4 => ("IPv4", "IPv6"),
                Family::V6 => ("IPv6", "IPv4"),
            };
            let name = method.name();
            self.report(
                Code::FamilyMismatch,
                format!("an {inner} {what} of an {outer} virtual server"),
            )
            .at(span, format!("an {outer} address belongs here with {name}"))
            .help("only `lvs_method TUN` joins the families");
            return None;
        }
        let is_overridden =
            method.keeps_destination() && server.port.is_some() && server.port != around.port;
        if is_overridden {
            self.port_overridden(what, server, around.port, method);
        }
        let port = match around.port {
            Some(port) if is_overridden => port,
            port => server.port.or(port).unwrap_or(0),
        };
        Some(DestinationKey {
            address: server.address,
            port,
        })
    }

    /// Whether a server may have this address. The kernel refuses others, be it that it
    /// takes those for its own that are of one link.
    fn is_host(&mut self, what: &'static str, server: Server) -> bool {
        let span = server.address_word.span();
        let address = server.address;
        let is_broadcast = address == IpAddr::V4(Ipv4Addr::BROADCAST);
        if address.is_multicast() || address.is_unspecified() || is_broadcast {
            self.report(
                Code::InvalidValue,
                format!("`{address}` is not the address of one host"),
            )
            .at(span, format!("the kernel takes no {what} with it"))
            .help(format!("give the address that the {what} answers at"));
            return false;
        }
        if let IpAddr::V6(address) = address
            && address.is_unicast_link_local()
        {
            self.report(
                Code::Doubtful,
                format!("a {what} with an address of one link"),
            )
            .at(span, "the kernel refuses it unless it is this host's own")
            .help("give an address that does not begin with `fe80:`");
        }
        true
    }

    fn port_overridden(
        &mut self,
        what: &'static str,
        server: Server,
        port: Option<u16>,
        method: ForwardingMethod,
    ) {
        let word = server.port_word.unwrap_or(server.address_word);
        if self
            .diagnostics
            .fold(Code::PortOverridden, what, word.span())
        {
            return;
        }
        let message = format!(
            "a {what} has the virtual server's port with {}",
            method.name()
        );
        self.diagnostics
            .report_first(Code::PortOverridden, what, message)
            .at(
                word.span(),
                match port {
                    Some(0) => "no port is used".to_owned(),
                    Some(port) => format!("port {port} is used"),
                    None => "the port of each address is used".to_owned(),
                },
            )
            .help("packets arrive as they were sent, so only NAT can change the port");
    }
}
