//! Virtual servers that are there twice, also as part of a range.

use std::collections::{BTreeMap, HashSet};
use std::net::IpAddr;

use super::Lower;
use super::server_group::{number, with_number};
use crate::config::diagnostic::Code;
use crate::config::syntax::StatementId;
use crate::lvs::{Family, Protocol, ServiceKey};

/// Who is for which addresses: ranges by what else makes a virtual server.
#[derive(Default)]
pub(super) struct Claims {
    ranges: BTreeMap<(Protocol, Family, u16), Vec<Range>>,
    /// Some of it is more than one address.
    has_ranges: bool,
}

/// Addresses, the last included, as numbers.
struct Range {
    first: u128,
    last: u128,
    /// Any address of the family.
    family: IpAddr,
    by: StatementId,
}

impl Claims {
    /// Puts down that a virtual server is for all of these addresses.
    pub(super) fn claim(
        &mut self,
        protocol: Protocol,
        (first, last): (IpAddr, IpAddr),
        port: u16,
        by: StatementId,
    ) {
        let kind = (protocol, Family::of(first), port);
        let range = Range {
            first: number(first),
            last: number(last),
            family: first,
            by,
        };
        self.ranges.entry(kind).or_default().push(range);
        self.has_ranges = true;
    }
}

impl Lower<'_, '_> {
    /// A virtual server for one address or one mark.
    pub(super) fn not_said_before(&mut self, key: ServiceKey, id: StatementId) {
        let Some(first) = self.services.insert(key, id) else {
            return;
        };
        self.services.insert(key, first);
        // A group that says a mark with its family and without.
        if first != id {
            self.there_twice(key, first, id);
        }
    }

    fn there_twice(&mut self, key: ServiceKey, first: StatementId, second: StatementId) {
        let (first, second) = (self.span(first), self.span(second));
        let change = match key {
            ServiceKey::Address { .. } => "address, port or protocol",
            ServiceKey::Fwmark { .. } => "the mark",
        };
        self.report(
            Code::Duplicate,
            format!("the virtual server {key} is there twice"),
        )
        .at(second, "the same again")
        .related(first, "first here")
        .help(format!(
            "put the real servers into one block, or change {change}"
        ));
    }

    /// Ranges that have addresses in common with each other, or with what is for one
    /// address. Each pair of virtual servers is told once.
    pub(super) fn overlaps(&mut self) {
        let mut claims = std::mem::take(&mut self.claims);
        if !claims.has_ranges {
            return;
        }
        for (key, by) in &self.services {
            if let ServiceKey::Address {
                protocol,
                address,
                port,
            } = *key
            {
                claims.claim(protocol, (address, address), port, *by);
            }
        }
        let mut told = HashSet::new();
        for ((protocol, _, port), mut ranges) in claims.ranges {
            ranges.sort_by_key(|range| (range.first, range.by));
            // The one that reaches furthest of those before.
            let mut furthest: Option<&Range> = None;
            for range in &ranges {
                if let Some(other) = furthest.filter(|other| range.first <= other.last)
                    && other.by != range.by
                {
                    let (first, second) = (other.by.min(range.by), other.by.max(range.by));
                    let key = ServiceKey::Address {
                        protocol,
                        address: with_number(range.family, range.first),
                        port,
                    };
                    if told.insert((first, second)) {
                        self.there_twice(key, first, second);
                    }
                }
                if furthest.is_none_or(|other| range.last > other.last) {
                    furthest = Some(range);
                }
            }
        }
    }
}
