//! Random tables, operations and events, small enough to collide often.

use std::net::Ipv4Addr;

use ipvsd::lvs::types::{
    Destination, DestinationKey, Family, ForwardingMethod, Granularity, Persistence, Protocol,
    Service, ServiceFlags, ServiceKey, TunnelType,
};
use ipvsd::lvs::{Entry, IpvsOp, Table};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use crate::world::{Event, Faults, OpFault};

/// Virtual servers that may be wanted.
pub fn wantable() -> Vec<ServiceKey> {
    vec![
        tcp("192.0.2.1", 80),
        tcp("192.0.2.1", 443),
        udp("192.0.2.1", 80),
        tcp("2001:db8::1", 80),
        // One number, and two virtual servers.
        mark(1, Family::V4),
        mark(1, Family::V6),
    ]
}

/// Virtual servers that are never wanted.
fn others() -> Vec<ServiceKey> {
    vec![
        tcp("192.0.2.9", 80),
        udp("192.0.2.1", 443),
        mark(9, Family::V4),
        mark(9, Family::V6),
    ]
}

pub fn tcp(address: &str, port: u16) -> ServiceKey {
    ServiceKey::Address {
        protocol: Protocol::Tcp,
        address: address.parse().unwrap(),
        port,
    }
}

fn udp(address: &str, port: u16) -> ServiceKey {
    ServiceKey::Address {
        protocol: Protocol::Udp,
        address: address.parse().unwrap(),
        port,
    }
}

fn mark(mark: u32, family: Family) -> ServiceKey {
    ServiceKey::Fwmark { mark, family }
}

pub fn server(number: u8) -> DestinationKey {
    DestinationKey {
        address: [10, 0, 0, number].into(),
        port: 80,
    }
}

pub fn service(scheduler: &str) -> Service {
    Service {
        scheduler: scheduler.to_owned(),
        flags: ServiceFlags::default(),
        persistence: None,
    }
}

pub fn weight(weight: u32) -> Destination {
    Destination {
        method: ForwardingMethod::DirectRouting,
        weight,
        upper_threshold: 0,
        lower_threshold: 0,
    }
}

/// A virtual server with real servers 1, 2, … of these weights.
pub fn entry(weights: &[u32]) -> Entry {
    let numbered = weights.iter().zip(1..);
    Entry {
        service: service("rr"),
        destinations: numbered
            .map(|(w, number)| (server(number), weight(*w)))
            .collect(),
    }
}

/// A virtual server with any of its options. One scheduler and one engine are not there,
/// and not every prefix is one of IPv6.
fn services() -> impl Strategy<Value = Service> {
    let scheduler = prop_oneof![12 => select(vec!["rr", "wlc", "sh", "mh"]), 1 => Just("nosuch")];
    let engine = prop_oneof![
        12 => Just(None),
        6 => Just(Some("sip")),
        1 => Just(Some("nosuch")),
    ];
    let granularity = prop_oneof![
        12 => select(vec![
            Granularity::Netmask(Ipv4Addr::BROADCAST),
            Granularity::Netmask(Ipv4Addr::new(255, 0, 255, 0)),
            Granularity::Prefix(64),
        ]),
        1 => Just(Granularity::Prefix(0)),
    ];
    let persistence = option::weighted(0.4, (select(vec![60, 300]), granularity, engine));
    let flags = subsequence(
        vec![
            ServiceFlags::ONE_PACKET,
            ServiceFlags::SCHEDULER_1,
            ServiceFlags::SCHEDULER_2,
            ServiceFlags::SCHEDULER_3,
        ],
        0..=2,
    );
    (scheduler, flags, persistence).prop_map(|(scheduler, flags, persistence)| Service {
        flags: ServiceFlags(flags.iter().sum()),
        persistence: persistence.map(|(timeout, granularity, engine)| Persistence {
            timeout,
            granularity,
            engine: engine.map(str::to_owned),
        }),
        ..service(scheduler)
    })
}

fn destinations() -> impl Strategy<Value = Destination> {
    let tunnel = |kind| ForwardingMethod::Tunnel(kind);
    let method = select(vec![
        ForwardingMethod::Nat,
        ForwardingMethod::DirectRouting,
        tunnel(TunnelType::Ipip),
        tunnel(TunnelType::Gue {
            port: 6080,
            flags: 0,
        }),
        tunnel(TunnelType::Gue {
            port: 6081,
            flags: 1,
        }),
        tunnel(TunnelType::Gre { flags: 0 }),
        tunnel(TunnelType::Gre { flags: 1 }),
    ]);
    // The kernel does not take the last.
    let limits = prop_oneof![8 => Just((0, 0)), 2 => Just((9, 5)), 1 => Just((5, 9))];
    let weight = prop_oneof![6 => 0..4u32, 1 => Just(65535)];
    (method, weight, limits).prop_map(|(method, weight, (upper, lower))| Destination {
        method,
        weight,
        upper_threshold: upper,
        lower_threshold: lower,
    })
}

/// Of both families, and one address with two ports. Whether a virtual server can have
/// one of the other family depends on how it is reached.
fn servers() -> impl Strategy<Value = DestinationKey> {
    let other = |address: &str, port| DestinationKey {
        address: address.parse().unwrap(),
        port,
    };
    prop_oneof![
        4 => (1..5u8).prop_map(server),
        1 => Just(other("10.0.0.1", 8080)),
        2 => select(vec![other("2001:db8::11", 80), other("2001:db8::12", 80)]),
    ]
}

pub fn entries() -> impl Strategy<Value = Entry> {
    let destinations = vec((servers(), destinations()), 0..5);
    (services(), destinations).prop_map(|(service, destinations)| Entry {
        service,
        destinations: destinations.into_iter().collect(),
    })
}

pub fn tables() -> impl Strategy<Value = Table> {
    tables_of(wantable())
}

/// Tables with the virtual servers that may be wanted and those that never are.
pub fn any_tables() -> impl Strategy<Value = Table> {
    tables_of([wantable(), others()].concat())
}

fn tables_of(keys: Vec<ServiceKey>) -> impl Strategy<Value = Table> {
    let most = keys.len();
    subsequence(keys, 0..=most).prop_flat_map(|keys| {
        let count = keys.len();
        (Just(keys), vec(entries(), count)).prop_map(|(keys, entries)| Table {
            services: keys.into_iter().zip(entries).collect(),
        })
    })
}

/// What someone else may do.
pub fn ops() -> impl Strategy<Value = IpvsOp> {
    let key = || select([wantable(), others()].concat());
    prop_oneof![
        2 => (key(), services()).prop_map(|(k, s)| IpvsOp::NewService(k, s)),
        1 => (key(), services()).prop_map(|(k, s)| IpvsOp::SetService(k, s)),
        1 => key().prop_map(IpvsOp::DeleteService),
        3 => (key(), servers(), destinations()).prop_map(|(k, s, d)| IpvsOp::NewDestination(k, s, d)),
        2 => (key(), servers(), destinations()).prop_map(|(k, s, d)| IpvsOp::SetDestination(k, s, d)),
        2 => (key(), servers()).prop_map(|(k, s)| IpvsOp::DeleteDestination(k, s)),
    ]
}

fn wants() -> impl Strategy<Value = (ServiceKey, Option<Entry>)> {
    (select(wantable()), option::weighted(0.8, entries()))
}

/// `foreign` is whether others interfere.
fn faults(foreign: bool) -> impl Strategy<Value = Faults> {
    // EEXIST, ENOENT, ESRCH, EINVAL, ENOMEM, ENOSPC, EPERM, ENOBUFS as such
    let errno = || select(vec![17, 2, 3, 22, 12, 28, 1, 105]);
    let op_fault = prop_oneof![
        6 => Just(OpFault::None),
        1 => Just(OpFault::LostDone),
        1 => Just(OpFault::LostUndone),
        1 => errno().prop_map(OpFault::Refused),
    ];
    let most = if foreign { 4 } else { 0 };
    (
        option::weighted(0.2, select(vec![1, 12, 105])),
        vec(op_fault, 0..8),
        vec(ops(), 0..=most),
        option::weighted(0.2, wants()),
        option::weighted(0.1, 0..6u8),
    )
        .prop_map(|(dump, ops, foreign, want, crash_after)| Faults {
            dump,
            ops,
            foreign,
            want,
            crash_after,
        })
}

pub fn events(foreign: bool) -> impl Strategy<Value = Event> {
    let interference = prop_oneof![
        4 => ops().prop_map(Event::Foreign),
        1 => Just(Event::Flush),
    ];
    let interference = interference.prop_map(move |event| match event {
        event if foreign => event,
        _ => Event::Sleep(1),
    });
    prop_oneof![
        3 => wants().prop_map(|(key, entry)| Event::Want(key, entry)),
        1 => (subsequence(wantable(), 2..=4), option::weighted(0.8, entries()))
            .prop_map(|(keys, entry)| Event::WantPool(keys, entry)),
        1 => tables().prop_map(Event::WantAll),
        5 => interference,
        8 => faults(foreign).prop_map(Event::Step),
        6 => Just(Event::Step(Faults::default())),
        1 => Just(Event::Crash),
        2 => (0..20_000u16).prop_map(Event::Sleep),
    ]
}
