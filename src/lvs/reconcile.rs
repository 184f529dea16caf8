//! The operations that lead from the actual table to the wanted one.
//!
//! The order is such that a client does not lose: within a virtual server,
//! whatever takes connections is there before anything is taken away. So when a
//! sorry server gives way to real servers, or the other way round, at no moment is
//! there nobody.
//!
//! Virtual servers that are neither wanted nor owned are not touched. A wanted one
//! that the kernel has already is adopted: what agrees is left alone, whoever made
//! it.

use std::collections::HashSet;

use super::table::{Entry, IpvsOp, Table};
use super::types::{Destination, DestinationKey, ServiceKey};

/// The operations that lead from `actual` to `wanted`; empty exactly when they
/// agree in all that is wanted or `owned`.
///
/// First the wanted virtual servers in their order, then the removal of owned ones
/// that are no longer wanted.
pub fn reconcile(wanted: &Table, actual: &Table, owned: &HashSet<ServiceKey>) -> Vec<IpvsOp> {
    let mut ops = Vec::new();
    for (key, entry) in &wanted.services {
        ops.extend(reconcile_service(
            key,
            Some(entry),
            actual.services.get(key),
        ));
    }
    for key in actual.services.keys() {
        if owned.contains(key) && !wanted.services.contains_key(key) {
            ops.push(IpvsOp::DeleteService(*key));
        }
    }
    ops
}

/// The same for one virtual server, which must be an owned one where it is not
/// wanted.
///
/// In this order: the virtual server itself; real servers whose weight rises or
/// stays; new real servers in the order of `wanted`; falling weights; removals. A
/// changed forwarding method is a change of the real server, not a removal: the
/// kernel takes it, and its connections stay.
pub fn reconcile_service(
    key: &ServiceKey,
    wanted: Option<&Entry>,
    actual: Option<&Entry>,
) -> Vec<IpvsOp> {
    match (wanted, actual) {
        (None, None) => Vec::new(),
        (None, Some(_)) => vec![IpvsOp::DeleteService(*key)],
        (Some(wanted), None) => {
            let mut ops = Vec::with_capacity(1 + wanted.destinations.len());
            ops.push(IpvsOp::NewService(*key, wanted.service.clone()));
            let added = wanted.destinations.iter();
            ops.extend(added.map(|(server, to)| IpvsOp::NewDestination(*key, *server, *to)));
            ops
        }
        (Some(wanted), Some(actual)) => changes(key, wanted, actual),
    }
}

fn changes(key: &ServiceKey, wanted: &Entry, actual: &Entry) -> Vec<IpvsOp> {
    let mut ops = Vec::new();
    if !wanted.service.agrees_with(&actual.service) {
        ops.push(IpvsOp::SetService(*key, wanted.service.clone()));
    }
    let set =
        |(server, to): (&DestinationKey, &Destination)| IpvsOp::SetDestination(*key, *server, *to);
    let changed = |falling: bool| {
        wanted.destinations.iter().filter(move |(server, to)| {
            let from = actual.destinations.get(*server);
            from.is_some_and(|from| from != *to && (to.weight < from.weight) == falling)
        })
    };
    ops.extend(changed(false).map(set));
    for (server, to) in &wanted.destinations {
        if !actual.destinations.contains_key(server) {
            ops.push(IpvsOp::NewDestination(*key, *server, *to));
        }
    }
    ops.extend(changed(true).map(set));
    for server in actual.destinations.keys() {
        if !wanted.destinations.contains_key(server) {
            ops.push(IpvsOp::DeleteDestination(*key, *server));
        }
    }
    ops
}
