//! Virtual servers and real servers by the names that people write: as the file has them,
//! as `ipvsadm -Ln` lists them, as the log writes them.

use std::net::{IpAddr, SocketAddr};

use super::pool_id::PoolId;
use super::types::{DestinationKey, Family, ServiceKey};
use crate::config::model::{Model, RealServer, VirtualServer};

/// Why there is no such server: a line, and the names that there are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotNamed {
    pub why: String,
    pub choices: Vec<String>,
}

/// The most names that are told of.
const MOST_CHOICES: usize = 30;

impl std::fmt::Display for NotNamed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.why)?;
        for choice in self.choices.iter().take(MOST_CHOICES) {
            write!(f, "\n  {choice}")?;
        }
        match self.choices.len().saturating_sub(MOST_CHOICES) {
            0 => Ok(()),
            more => write!(f, "\n  and {more} more"),
        }
    }
}

/// The one virtual server and its one real server of these names.
///
/// # Errors
/// Where there is none, or more than one.
pub fn find<'m>(
    model: &'m Model,
    virtual_server: &str,
    real_server: &str,
) -> Result<(&'m VirtualServer, &'m RealServer), NotNamed> {
    let asked = Asked::read(virtual_server);
    let is_asked = |it: &&VirtualServer| asked.as_ref().is_some_and(|asked| asked.is(it));
    let found: Vec<_> = model.virtual_servers.iter().filter(is_asked).collect();
    let place = Place::read(real_server);
    let found = only_one(found, |it| it.id.listed() == virtual_server.trim());
    let found = only_one(found, |it| {
        let mut servers = it.real_servers.iter();
        place.is_some_and(|place| servers.any(|server| place.is_server(it, server)))
    });
    let listed = |all: &[&VirtualServer]| all.iter().map(|it| it.id.listed()).collect();
    let service = match found[..] {
        [service] => service,
        [] => {
            let all: Vec<_> = model.virtual_servers.iter().collect();
            return Err(NotNamed {
                why: match all.is_empty() {
                    true => "there is no virtual server at all".to_owned(),
                    false => {
                        format!("there is no virtual server `{virtual_server}`; there are:")
                    }
                },
                choices: listed(&all),
            });
        }
        _ => {
            return Err(NotNamed {
                why: format!("`{virtual_server}` is more than one virtual server; say which:"),
                choices: listed(&found),
            });
        }
    };
    let is_asked = |it: &&RealServer| place.is_some_and(|place| place.is_server(service, it));
    let found: Vec<_> = service.real_servers.iter().filter(is_asked).collect();
    let name = service.id.listed();
    let listed = |all: &[&RealServer]| all.iter().map(|it| it.key.to_string()).collect();
    match found[..] {
        [server] => Ok((service, server)),
        [] => Err(NotNamed {
            why: format!("{name} has no real server `{real_server}`; it has:"),
            choices: listed(&service.real_servers.iter().collect::<Vec<_>>()),
        }),
        _ => Err(NotNamed {
            why: format!("`{real_server}` is more than one real server of {name}; say which:"),
            choices: listed(&found),
        }),
    }
}

/// Of several, the only one of which something is true.
fn only_one(
    found: Vec<&VirtualServer>,
    is_it: impl Fn(&VirtualServer) -> bool,
) -> Vec<&VirtualServer> {
    if found.len() < 2 {
        return found;
    }
    let mut fitting = found.iter().filter(|it| is_it(it));
    match (fitting.next(), fitting.next()) {
        (Some(only), None) => vec![*only],
        _ => found,
    }
}

/// A virtual server as somebody has written it.
struct Asked<'a> {
    /// In lower case.
    protocol: Option<String>,
    subject: Subject<'a>,
}

enum Subject<'a> {
    Place(Place),
    /// Without a family, of either.
    Mark(u32, Option<Family>),
    Group(&'a str),
}

impl<'a> Asked<'a> {
    fn read(text: &'a str) -> Option<Self> {
        let text = text.trim();
        let (first, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
        let (first, rest) = (first.to_lowercase(), rest.trim());
        let asked = |protocol, subject| Some(Asked { protocol, subject });
        match first.as_str() {
            "tcp" | "udp" | "sctp" => {
                let inner = Asked::read(rest)?;
                return asked(Some(first), inner.subject);
            }
            // `FWM 3`, and `FWM group NAME`.
            "fwm" | "fwmark" => {
                let (number, family) = match rest.split_once(char::is_whitespace) {
                    Some((number, family)) if family.trim().eq_ignore_ascii_case("ipv6") => {
                        (number, Some(Family::V6))
                    }
                    _ => (rest, None),
                };
                return match number.parse() {
                    Ok(mark) => asked(None, Subject::Mark(mark, family)),
                    Err(_) => Asked::read(rest),
                };
            }
            "group" => return asked(None, Subject::Group(rest.trim_matches('"'))),
            _ => {}
        }
        // `[10.0.0.80]:tcp:80`, as in the log; of a group `[NAME]:0`.
        if let Some((inside, behind)) = text.strip_prefix('[').and_then(|it| it.split_once(']')) {
            let parts: Vec<&str> = behind.split(':').collect();
            if let (Ok(address), ["", protocol, port]) = (inside.parse(), &parts[..]) {
                let port = port.parse().ok();
                let place = Place { address, port };
                return asked(Some(protocol.to_lowercase()), Subject::Place(place));
            }
            if inside.parse::<IpAddr>().is_err() && behind == ":0" {
                return asked(None, Subject::Group(inside));
            }
        }
        asked(None, Subject::Place(Place::read(text)?))
    }

    fn is(&self, virtual_server: &VirtualServer) -> bool {
        let is_protocol = |id: &PoolId| match &self.protocol {
            Some(asked) => id
                .protocol()
                .is_some_and(|protocol| protocol.name() == asked.as_str()),
            None => true,
        };
        let id = &virtual_server.id;
        is_protocol(id)
            && match &self.subject {
                Subject::Group(name) => {
                    matches!(id, PoolId::Group { name: known, .. } if **known == **name)
                }
                Subject::Mark(mark, asked) => virtual_server.services.iter().any(|key| match key {
                    ServiceKey::Fwmark {
                        mark: known,
                        family,
                    } => known == mark && asked.is_none_or(|asked| asked == *family),
                    ServiceKey::Address { .. } => false,
                }),
                Subject::Place(place) => virtual_server.services.iter().any(|key| match key {
                    ServiceKey::Address { address, port, .. } => place.is(*address, *port),
                    ServiceKey::Fwmark { .. } => false,
                }),
            }
    }
}

/// An address, with a port or without.
#[derive(Clone, Copy)]
struct Place {
    address: IpAddr,
    port: Option<u16>,
}

impl Place {
    /// `10.0.0.11:80`, `[fd00::11]:80`, `10.0.0.11 80`, `10.0.0.11`.
    fn read(text: &str) -> Option<Self> {
        let text = text.trim();
        if let Ok(both) = text.parse::<SocketAddr>() {
            return Some(Place {
                address: both.ip(),
                port: Some(both.port()),
            });
        }
        let (address, port) = match text.split_once(char::is_whitespace) {
            Some((address, port)) => (address, Some(port.trim().parse().ok()?)),
            None => (text, None),
        };
        let address = address.trim_start_matches('[').trim_end_matches(']');
        Some(Place {
            address: address.parse().ok()?,
            port,
        })
    }

    fn is(self, address: IpAddr, port: u16) -> bool {
        self.address == address && self.port.is_none_or(|asked| asked == port)
    }

    /// By the port of the file, or any that the kernel knows it by.
    fn is_server(self, virtual_server: &VirtualServer, server: &RealServer) -> bool {
        let by = |key: DestinationKey| self.is(key.address, key.port);
        let mut services = virtual_server.services.iter();
        by(server.key) || services.any(|key| by(server.key.within(key, server.method)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{self, Sources};

    fn model() -> Model {
        let service = |head: &str, protocol: &str, servers: &[&str]| {
            let servers = servers
                .iter()
                .map(|it| format!("real_server {it} {{\n}}\n"));
            let servers: String = servers.collect();
            format!("virtual_server {head} {{\n lb_kind NAT\n protocol {protocol}\n{servers}}}\n")
        };
        let text = [
            "virtual_server_group web {\n 10.0.1.1-2 80\n}\n".to_owned(),
            service(
                "10.0.0.80 80",
                "TCP",
                &["10.0.0.11 80", "10.0.0.12 80", "10.0.0.12 81"],
            ),
            service("10.0.0.80 53", "TCP", &["10.0.0.11 53"]),
            service("10.0.0.80 53", "UDP", &["10.0.0.11 53"]),
            service("fd00::80 80", "TCP", &["fd00::11 80"]),
            service("fwmark 3", "TCP", &["10.0.0.11"]),
            service("fwmark 3", "TCP", &["fd00::11"]),
            service("group web", "TCP", &["10.0.0.11 8080"]),
        ];
        let loaded = config::parse(Sources::from_text("a.conf", text.concat().as_bytes()));
        loaded.model.expect("a configuration without errors")
    }

    #[test]
    fn marks_of_both_families_and_addresses_with_several_ports() {
        let model = model();
        let found = |service: &str, server: &str| match find(&model, service, server) {
            Ok((service, server)) => format!("{} -> {}", service.id.listed(), server.key),
            Err(error) => error.to_string(),
        };
        let v4 = "FWM 3 -> 10.0.0.11:0";
        let v6 = "FWM 3 IPv6 -> [fd00::11]:0";
        assert_eq!(found("FWM 3", "10.0.0.11"), v4);
        assert_eq!(found("fwmark 3", "10.0.0.11"), v4);
        assert_eq!(found("FWM 3 IPv6", "fd00::11"), v6);
        assert_eq!(found("fwm  3 ipv6", "fd00::11"), v6);
        assert_eq!(found("fwmark 3", "fd00::11"), v6);
        // The one that has such a real server is meant.
        let plain = "TCP 10.0.0.80:80 -> 10.0.0.12:81";
        assert_eq!(found("10.0.0.80", "10.0.0.12:81"), plain);
    }

    #[test]
    fn every_way_to_write_them() {
        let model = model();
        let found = |service: &str, server: &str| match find(&model, service, server) {
            Ok((service, server)) => format!("{} -> {}", service.id.listed(), server.key),
            Err(error) => error.to_string(),
        };
        let plain = "TCP 10.0.0.80:80 -> 10.0.0.11:80";
        let ways = [
            "10.0.0.80:80",
            "10.0.0.80 80",
            "TCP 10.0.0.80:80",
            "tcp  10.0.0.80 80",
            "[10.0.0.80]:tcp:80",
        ];
        for service in ways {
            for server in ["10.0.0.11:80", "10.0.0.11 80", "10.0.0.11"] {
                assert_eq!(found(service, server), plain, "{service}, {server}");
            }
        }
        assert_eq!(
            found("UDP 10.0.0.80:53", "10.0.0.11"),
            "UDP 10.0.0.80:53 -> 10.0.0.11:53"
        );
        for service in [
            "[fd00::80]:80",
            "fd00:0::80 80",
            "TCP [fd00::80]:80",
            "[fd00::80]:tcp:80",
        ] {
            assert_eq!(
                found(service, "[fd00::11]:80"),
                "TCP [fd00::80]:80 -> [fd00::11]:80"
            );
        }
        for service in ["fwmark 3", "FWM 3"] {
            assert_eq!(found(service, "10.0.0.11"), "FWM 3 -> 10.0.0.11:0");
        }
        for service in ["group web", "TCP group web", "[web]:0", "10.0.1.2:80"] {
            assert_eq!(
                found(service, "10.0.0.11"),
                "TCP group web -> 10.0.0.11:8080"
            );
        }
    }

    #[test]
    fn wrong_names_give_the_right_ones() {
        let model = model();
        let error = |service, server| find(&model, service, server).unwrap_err().to_string();
        assert_eq!(
            error("10.0.0.80:53", "10.0.0.11"),
            "`10.0.0.80:53` is more than one virtual server; say which:\n  \
             TCP 10.0.0.80:53\n  UDP 10.0.0.80:53"
        );
        assert_eq!(
            error("10.0.0.80:80", "10.0.0.12"),
            "`10.0.0.12` is more than one real server of TCP 10.0.0.80:80; say which:\n  \
             10.0.0.12:80\n  10.0.0.12:81"
        );
        assert_eq!(
            error("10.0.0.80:53 TCP", "x"),
            "there is no virtual server `10.0.0.80:53 TCP`; there are:\n  TCP 10.0.0.80:80\n  \
             TCP 10.0.0.80:53\n  UDP 10.0.0.80:53\n  TCP [fd00::80]:80\n  FWM 3\n  FWM 3 IPv6\n  TCP group web"
        );
        assert_eq!(
            error("FWM 3", "10.0.0.99"),
            "FWM 3 has no real server `10.0.0.99`; it has:\n  10.0.0.11:0"
        );
    }
}
