//! Real servers that are to lose their clients without harm: those that somebody drains
//! by hand, and those that have left the configuration and have a `drain_timeout`.
//!
//! Either has weight 0: it keeps the connections that it has and gets no new ones. (Where
//! the virtual server is persistent, a client that comes back within its time still gets
//! it, unless net.ipv4.vs.expire_quiescent_template is 1.)

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::super::connections::Connections;
use super::super::pool_id::PoolId;
use super::super::types::{Destination, DestinationKey, ServiceKey};
use super::{Pool, PoolChange, PoolEvent, Server, ServerState};
use crate::config::model::Model;
use crate::moment::Moment;

/// How long after its weight was set to 0 a real server without connections is looked at
/// at the earliest: a handshake that had begun is over by then, or there is a connection.
const HANDSHAKE: Duration = Duration::from_secs(1);

/// The real servers that are drained by hand, each with when that began, in seconds since
/// 1970.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drains(BTreeMap<PoolId, BTreeMap<DestinationKey, u64>>);

impl Drains {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Since when a real server is drained; None where it is not.
    pub fn since(&self, pool: &PoolId, server: &DestinationKey) -> Option<u64> {
        self.0.get(pool)?.get(server).copied()
    }

    /// False where it is drained already; then it stays as it is.
    pub fn insert(&mut self, pool: PoolId, server: DestinationKey, since: u64) -> bool {
        let servers = self.0.entry(pool).or_default();
        let is_new = !servers.contains_key(&server);
        servers.entry(server).or_insert(since);
        is_new
    }

    /// False where it is not drained.
    pub fn remove(&mut self, pool: &PoolId, server: &DestinationKey) -> bool {
        let Some(servers) = self.0.get_mut(pool) else {
            return false;
        };
        let was = servers.remove(server).is_some();
        if servers.is_empty() {
            self.0.remove(pool);
        }
        was
    }

    pub fn iter(&self) -> impl Iterator<Item = (&PoolId, DestinationKey, u64)> {
        let pools = self.0.iter();
        pools.flat_map(|(pool, servers)| {
            let servers = servers.iter();
            servers.map(move |(server, since)| (pool, *server, *since))
        })
    }

    /// Forgets those that the model does not have, and returns them.
    pub fn keep_only(&mut self, model: &Model) -> Vec<(PoolId, DestinationKey)> {
        if self.is_empty() {
            return Vec::new();
        }
        let pools: HashMap<&PoolId, _> = model
            .virtual_servers
            .iter()
            .map(|virtual_server| (&virtual_server.id, &virtual_server.real_servers))
            .collect();
        let gone: Vec<_> = self
            .iter()
            .filter(|(pool, server, _)| {
                let servers = pools.get(pool);
                !servers.is_some_and(|servers| servers.iter().any(|it| it.key == *server))
            })
            .map(|(pool, server, _)| (pool.clone(), server))
            .collect();
        for (pool, server) in &gone {
            self.remove(pool, server);
        }
        gone
    }
}

/// What is known of the real servers of a pool that may leave it, or have left it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Departures {
    /// Those with a `drain_timeout`.
    able: IndexMap<DestinationKey, Able>,
    /// Those that have left the configuration and still have connections.
    pub leaving: IndexMap<DestinationKey, Leaving>,
}

/// A real server that is drained when it leaves the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Able {
    destination: Destination,
    /// It is in the table also while it is down.
    inhibited: bool,
    timeout: Duration,
}

/// A real server that has left the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leaving {
    /// With weight 0.
    pub destination: Destination,
    pub since: Moment,
    pub until: Moment,
}

impl Departures {
    /// What is known of a pool of these servers.
    pub(super) fn of(servers: &[Server], leaving: &IndexMap<DestinationKey, Leaving>) -> Self {
        let able = servers.iter().filter(|it| !it.drain_timeout.is_zero());
        let able = able.map(|server| {
            let able = Able {
                destination: server.destination(0),
                inhibited: server.inhibit_on_failure,
                timeout: server.drain_timeout,
            };
            (server.key, able)
        });
        Departures {
            able: able.collect(),
            leaving: leaving.clone(),
        }
    }

    /// Those that are leaving once a pool of these servers takes the place of the one that
    /// this is known of, in which `states` were, and the sorry server stood in or not.
    pub(super) fn after(
        &self,
        servers: &[Server],
        states: &IndexMap<DestinationKey, ServerState>,
        sorry_in: bool,
        now: Moment,
    ) -> (IndexMap<DestinationKey, Leaving>, Vec<PoolChange>) {
        let mut changes = Vec::new();
        let mut leaving = IndexMap::new();
        if self.able.is_empty() && self.leaving.is_empty() {
            return (leaving, changes);
        }
        let stays: std::collections::HashSet<_> = servers.iter().map(|it| it.key).collect();
        for (server, known) in &self.leaving {
            if stays.contains(server) {
                changes.push(PoolChange::Returned { server: *server });
            } else if known.until > now {
                leaving.insert(*server, *known);
            } else {
                changes.push(PoolChange::Left {
                    server: *server,
                    connections: None,
                });
            }
        }
        for (server, able) in &self.able {
            let is_in_table = states
                .get(server)
                .is_some_and(|state| state.up && (!sorry_in || state.drained))
                || able.inhibited;
            if stays.contains(server) || !is_in_table || leaving.contains_key(server) {
                continue;
            }
            leaving.insert(
                *server,
                Leaving {
                    destination: able.destination,
                    since: now,
                    until: now + able.timeout,
                },
            );
            changes.push(PoolChange::Leaving {
                server: *server,
                limit: able.timeout,
            });
        }
        (leaving, changes)
    }
}

/// The connections of the kernel's real servers, as they were counted.
pub type Counts = HashMap<(ServiceKey, DestinationKey), Connections>;

impl Pool {
    /// These are drained by hand, and no others of this pool.
    pub fn set_drains(&mut self, drains: &Drains) -> Vec<PoolEvent> {
        let mut events = Vec::new();
        for index in 0..self.servers.len() {
            let is_drained = drains.since(&self.id, &self.servers[index].key).is_some();
            let before = self.servers[index].state;
            if before.drained == is_drained {
                continue;
            }
            let server = &mut self.servers[index];
            server.state.drained = is_drained;
            let after = server.state;
            self.alive = self.alive - before.alive() + after.alive();
            self.tell_server(index, before, &mut events);
        }
        if !events.is_empty() {
            let sorry = self.sorry_in();
            self.settle_quorum(sorry, false, &mut events);
        }
        events
    }

    /// Those that have left the configuration and are still in the table.
    pub fn leaving(&self) -> &IndexMap<DestinationKey, Leaving> {
        &self.leaving
    }

    /// The real servers whose connections are to be counted.
    fn watched(&self) -> impl Iterator<Item = (DestinationKey, Destination)> + '_ {
        let drained = self.servers.iter().filter(|server| server.state.drained);
        let drained = drained.map(|server| (server.key, server.destination(0)));
        let leaving = self.leaving.iter();
        drained.chain(leaving.map(|(server, it)| (*server, it.destination)))
    }

    /// The virtual servers of the kernel in which connections are to be counted.
    pub fn counted_in(&self) -> impl Iterator<Item = ServiceKey> + '_ {
        let is_any = self.watched().next().is_some();
        let services = self.services.iter().filter(move |_| is_any);
        services.map(|(key, _)| *key)
    }

    /// How many connections those have that are drained or leaving.
    pub fn connections<'a>(
        &'a self,
        counts: &'a Counts,
    ) -> impl Iterator<Item = (DestinationKey, u64)> + 'a {
        self.watched()
            .map(|(server, it)| (server, self.open(server, it, counts)))
    }

    fn open(&self, server: DestinationKey, it: Destination, counts: &Counts) -> u64 {
        let counted = self.services.iter().filter_map(|(key, _)| {
            let counted = counts.get(&(*key, server.within(key, it.method)))?;
            Some(counted.open(key))
        });
        counted.sum()
    }

    /// When the time of the first that is leaving is up.
    pub fn next_departure(&self) -> Option<Moment> {
        self.leaving.values().map(|it| it.until).min()
    }

    /// Lets go of those that have no connections any more, by a count that was just made,
    /// and of those whose time is up.
    pub fn depart(&mut self, counts: Option<&Counts>, now: Moment) -> Vec<PoolEvent> {
        let mut gone = Vec::new();
        for (server, it) in &self.leaving {
            let open = counts.map(|counts| self.open(*server, it.destination, counts));
            let is_empty = open == Some(0) && it.since + HANDSHAKE <= now;
            if is_empty || it.until <= now {
                gone.push((*server, open));
            }
        }
        if !gone.is_empty() {
            let servers: HashSet<DestinationKey> = gone.iter().map(|(server, _)| *server).collect();
            self.leaving.retain(|server, _| !servers.contains(server));
        }
        let events = gone.into_iter().map(|(server, connections)| PoolEvent {
            pool: self.id.clone(),
            change: PoolChange::Left {
                server,
                connections,
            },
        });
        events.collect()
    }
}
