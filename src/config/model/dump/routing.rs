//! Routes and rules: the lines of a configuration that say them.

use std::fmt::{self, Display};
use std::net::{IpAddr, Ipv6Addr};
use std::ops::RangeInclusive;

use super::Quoted;
use crate::config::model::route::{
    Encapsulation, Hop, MetricKind, Network, Placement, Realms, Route, RouteKind, RouterPreference,
    Seg6Mode, Tunnel,
};
use crate::config::model::rule::{Rule, RuleAction};

fn option(f: &mut fmt::Formatter<'_>, word: &str, value: Option<impl Display>) -> fmt::Result {
    match value {
        Some(value) => write!(f, " {word} {value}"),
        None => Ok(()),
    }
}

fn named<T: PartialEq>(all: &[(&'static str, T)], value: &T) -> &'static str {
    let found = all.iter().find(|(_, one)| one == value);
    found.map_or("", |(name, _)| name)
}

impl Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.kind != RouteKind::Unicast {
            write!(f, "{} ", self.kind.name())?;
        }
        write!(f, "{}", self.destination)?;
        option(f, "from", self.from)?;
        option(f, "src", self.source)?;
        if self.tos != 0 {
            write!(f, " tos {:#04x}", self.tos)?;
        }
        option(f, "table", self.table.as_ref())?;
        option(f, "vrf", self.vrf.as_deref().map(Quoted))?;
        option(f, "protocol", self.protocol.as_ref())?;
        option(f, "scope", self.scope)?;
        option(f, "metric", self.metric)?;
        option(f, "realms", self.realms.as_ref())?;
        for (kind, metric) in &self.metrics {
            write!(f, " {}", named(&MetricKind::ALL, kind))?;
            if metric.is_locked {
                f.write_str(" lock")?;
            }
            match kind {
                MetricKind::Features => f.write_str(" ecn")?,
                _ if kind.is_time() => {
                    let (whole, rest) = (metric.value / 1000, metric.value % 1000);
                    match rest {
                        0 => write!(f, " {whole}ms")?,
                        _ => write!(f, " {whole}.{rest:03}ms")?,
                    }
                }
                _ => write!(f, " {}", metric.value)?,
            }
        }
        if let Some((algorithm, is_locked)) = &self.congestion {
            let lock = if *is_locked { "lock " } else { "" };
            write!(f, " congctl {lock}{}", Quoted(algorithm))?;
        }
        let preference = self.preference.as_ref();
        option(
            f,
            "pref",
            preference.map(|it| named(&RouterPreference::ALL, it)),
        )?;
        option(f, "expires", self.expires)?;
        let propagate = self.ttl_propagate;
        option(
            f,
            "ttl-propagate",
            propagate.map(|it| if it { "enabled" } else { "disabled" }),
        )?;
        match self.placement {
            Placement::Prepend => {}
            Placement::Append => f.write_str(" append")?,
            Placement::Add => f.write_str(" add")?,
        }
        write!(f, "{}", self.track)?;
        match self.hops.as_slice() {
            [hop] if hop.weight == 1 && hop.realms.is_none() => write!(f, "{hop}"),
            hops => hops.iter().try_for_each(|hop| {
                write!(f, " nexthop{hop}")?;
                option(f, "realms", hop.realms.as_ref())?;
                write!(f, " weight {}", hop.weight)
            }),
        }
    }
}

impl Display for Hop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        option(f, "encap", self.encapsulation.as_ref())?;
        match self.gateway {
            Some(IpAddr::V4(gateway)) => write!(f, " via inet {gateway}")?,
            Some(IpAddr::V6(gateway)) => write!(f, " via inet6 {gateway}")?,
            None => {}
        }
        option(f, "dev", self.interface.as_deref().map(Quoted))?;
        if self.on_link {
            f.write_str(" onlink")?;
        }
        Ok(())
    }
}

impl Display for Realms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(from) = &self.from {
            write!(f, "{from}/")?;
        }
        self.to.fmt(f)
    }
}

impl Display for Encapsulation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Encapsulation::Mpls(labels) => {
                let labels: Vec<_> = labels.iter().map(u32::to_string).collect();
                write!(f, "mpls {}", labels.join("/"))
            }
            Encapsulation::Ip(tunnel) => {
                f.write_str("ip")?;
                tunnel.options(f, "tos", "ttl")
            }
            Encapsulation::Ip6(tunnel) => {
                f.write_str("ip6")?;
                tunnel.options(f, "tc", "hoplimit")
            }
            Encapsulation::Ila(locator) => {
                let part = |shift: u32| (locator >> shift) & 0xffff;
                write!(
                    f,
                    "ila {:x}:{:x}:{:x}:{:x}",
                    part(48),
                    part(32),
                    part(16),
                    part(0)
                )
            }
            Encapsulation::Seg6 {
                mode,
                segments,
                hmac,
            } => {
                let segments: Vec<_> = segments.iter().map(Ipv6Addr::to_string).collect();
                let mode = named(&Seg6Mode::ALL, mode);
                write!(f, "seg6 mode {mode} segs {}", segments.join(","))?;
                option(f, "hmac", *hmac)
            }
        }
    }
}

impl<A: Display> Tunnel<A> {
    fn options(&self, f: &mut fmt::Formatter<'_>, tos: &str, ttl: &str) -> fmt::Result {
        option(f, "id", self.id)?;
        option(f, "dst", self.destination.as_ref())?;
        option(f, "src", self.source.as_ref())?;
        option(f, tos, self.tos)?;
        option(f, ttl, self.ttl)?;
        option(f, "flags", self.flags)
    }
}

fn range<T: Display>(range: &RangeInclusive<T>) -> String {
    format!("{}-{}", range.start(), range.end())
}

impl Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_inverted {
            f.write_str("not ")?;
        }
        // Always, so that the line says the family.
        let from = self.from.unwrap_or(Network::all(self.family));
        write!(f, "from {from}")?;
        option(f, "to", self.to)?;
        if self.tos != 0 {
            write!(f, " tos {:#04x}", self.tos)?;
        }
        match self.mark {
            Some((mark, u32::MAX)) => write!(f, " fwmark {mark:#x}")?,
            Some((mark, mask)) => write!(f, " fwmark {mark:#x}/{mask:#x}")?,
            None => {}
        }
        option(f, "iif", self.incoming.as_deref().map(Quoted))?;
        option(f, "oif", self.outgoing.as_deref().map(Quoted))?;
        option(f, "uidrange", self.users.as_ref().map(range))?;
        option(f, "ipproto", self.ip_protocol)?;
        option(f, "sport", self.source_ports.as_ref().map(range))?;
        option(f, "dport", self.destination_ports.as_ref().map(range))?;
        option(f, "tunnel-id", self.tunnel)?;
        option(f, "protocol", self.protocol)?;
        option(f, "preference", self.preference)?;
        option(f, "suppress_prefixlength", self.suppress_prefix_length)?;
        option(f, "suppress_ifgroup", self.suppress_group.as_ref())?;
        option(f, "realms", self.realms.as_ref())?;
        match &self.action {
            RuleAction::Table(table) => write!(f, " table {table}")?,
            RuleAction::Vrf => f.write_str(" l3mdev")?,
            RuleAction::Goto(target) => write!(f, " goto {target}")?,
            RuleAction::Nop => f.write_str(" nop")?,
            RuleAction::Blackhole => f.write_str(" blackhole")?,
            RuleAction::Unreachable => f.write_str(" unreachable")?,
            RuleAction::Prohibit => f.write_str(" prohibit")?,
        }
        write!(f, "{}", self.track)
    }
}
