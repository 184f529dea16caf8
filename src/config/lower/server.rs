//! What real servers and sorry servers have in common: address, port, weight, how
//! packets reach them.

use std::net::IpAddr;

use super::Lower;
use crate::config::diagnostic::Code;
use crate::config::model::Weight;
use crate::config::syntax::{StatementId, Word};
use crate::lvs::{DestinationKey, Family, ForwardingMethod, TunnelType};

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

    /// `NAT`, `DR` or `TUN [type ipip]`.
    pub(super) fn method(&mut self, id: StatementId) -> Option<ForwardingMethod> {
        const TUNNEL: ForwardingMethod = ForwardingMethod::Tunnel(TunnelType::Ipip);
        let words = self.values(id);
        let Some((word, options)) = words.split_first() else {
            self.missing_value(id, "a forwarding method");
            return None;
        };
        let choices = [
            ("NAT", ForwardingMethod::Nat),
            ("DR", ForwardingMethod::DirectRouting),
            ("TUN", TUNNEL),
        ];
        let method = self.choice(*word, "a forwarding method", &choices)?;
        let options: Vec<_> = options
            .iter()
            .map(|word| (self.text(*word), *word))
            .collect();
        match options.as_slice() {
            [] => {}
            [("type", _), ("ipip", _), extra @ ..] if method == TUNNEL => {
                let extra: Vec<_> = extra.iter().map(|(_, word)| *word).collect();
                self.extra_words(id, &extra);
            }
            [("type", kind)] if method == TUNNEL => {
                let span = kind.span();
                self.report(Code::MissingValue, "`type` needs a kind of tunnel")
                    .at(span, "`ipip`, `gue` or `gre` belongs after it");
                return None;
            }
            [("type", _), (kind @ ("gue" | "gre"), word), rest @ ..] if method == TUNNEL => {
                if !self.tunnel_options(id, kind, *word, rest) {
                    return None;
                }
                let span = word.span();
                self.report(
                    Code::ValueNotServed,
                    format!("tunnels of type `{kind}` are not served yet"),
                )
                .at(span, "`ipip` is served");
                return None;
            }
            [("type", _), (_, word), ..] if method == TUNNEL => {
                self.invalid(*word, "a kind of tunnel")
                    .help("it is one of ipip, gue, gre");
                return None;
            }
            _ => {
                let extra: Vec<_> = options.iter().map(|(_, word)| *word).collect();
                self.extra_words(id, &extra);
            }
        }
        Some(method)
    }

    /// What may stand behind the kind of a tunnel: `port PORT` with `gue`, which needs it,
    /// and how packets are summed. False where something is wrong, which has been told.
    fn tunnel_options(
        &mut self,
        id: StatementId,
        kind: &str,
        kind_word: Word,
        options: &[(&str, Word)],
    ) -> bool {
        let errors = self.diagnostics.errors();
        let mut has_port = false;
        let mut rest = options.iter();
        while let Some((option, word)) = rest.next() {
            match *option {
                "port" if kind == "gue" => {
                    has_port = true;
                    match rest.next() {
                        Some((_, port)) => drop(self.port(*port)),
                        None => self.missing_value(id, "a port behind `port`"),
                    }
                }
                "nocsum" | "csum" => {}
                "remcsum" if kind == "gue" => {}
                _ => {
                    let wanted = match kind {
                        "gue" => "`port PORT`, `nocsum`, `csum` or `remcsum`",
                        _ => "`nocsum` or `csum`",
                    };
                    self.invalid(*word, wanted);
                }
            }
        }
        if kind == "gue" && !has_port {
            let span = kind_word.span();
            self.report(Code::MissingValue, "a tunnel of type `gue` needs a port")
                .at(span, "`port PORT` belongs after it");
        }
        self.diagnostics.errors() == errors
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
