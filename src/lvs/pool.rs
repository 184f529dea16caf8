//! The pool of a virtual server of the file: what the verdicts of all its checks make of
//! it, whether it is one virtual server of the kernel or, as a group, many.
//!
//! A real server is up if all its checks are, and weighs what the file says, moved
//! by what dynamic checks say. The weights alive decide about the quorum, with a
//! memory of its own between the two thresholds (hysteresis). Both decide what the
//! kernel should hold: [`Pool::wanted`].
//!
//! A pool is given verdicts and returns [`PoolEvent`]s; it knows no clock and does
//! nothing. A reload and a restart make a new pool out of the model and of what is
//! known: nothing is copied from pool to pool field by field, and what was known is
//! not told again.

mod drain;
mod event;
#[cfg(test)]
mod tests;
mod weight;

use std::collections::HashMap;
use std::time::Duration;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

pub use drain::{Counts, Departures, Drains, Leaving};
pub use event::{PoolChange, PoolEvent, ServerName};

use super::pool_id::PoolId;
use super::table::Entry;
use super::types::{
    Destination, DestinationKey, ForwardingMethod, Service, ServiceFlags, ServiceKey,
};
use crate::check::{self, CheckKey, Verdict};
use crate::config::model::{CheckSpec, Model, RealServer, SorryServer, VirtualServer};
use crate::moment::Moment;

/// The weight that the sorry server has in the kernel.
const SORRY_WEIGHT: u32 = 1;

/// One virtual server with its real servers and their checks' verdicts.
#[derive(Clone, Debug)]
pub struct Pool {
    id: PoolId,
    /// What the kernel is to hold of it, each the same pool.
    services: Vec<(ServiceKey, Service)>,
    quorum: Quorum,
    quorum_up: bool,
    sorry: Option<SorryServer>,
    servers: Vec<Server>,
    /// Those that are no longer in the file, with weight 0.
    leaving: IndexMap<DestinationKey, Leaving>,
    /// The sum of the weights of the servers that are up and not drained.
    alive: u64,
}

/// The two thresholds of a quorum, at which its state changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Quorum {
    quorum: u32,
    hysteresis: u32,
}

#[derive(Clone, Debug)]
struct Server {
    key: DestinationKey,
    method: ForwardingMethod,
    /// What the file says.
    configured: u16,
    upper_threshold: u32,
    lower_threshold: u32,
    inhibit_on_failure: bool,
    drain_timeout: Duration,
    checks: Vec<Check>,
    state: ServerState,
}

#[derive(Clone, Debug)]
struct Check {
    identity: u64,
    nth: u16,
    verdict: Verdict,
}

/// A check's place in its pool: `real_servers[server].checks[check]` of the
/// [`VirtualServer`] that the pool was made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CheckSlot {
    pub server: usize,
    pub check: usize,
}

/// What must be known about a pool beside its verdicts, so that another can take
/// its place: the memory of its quorum, and what has been told about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PoolState {
    pub quorum_up: bool,
    /// The sorry server that stands in.
    pub sorry: Option<DestinationKey>,
    pub servers: IndexMap<DestinationKey, ServerState>,
    pub departures: Departures,
}

/// What the checks make of a real server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerState {
    pub up: bool,
    /// The weight while it is up: the configured one, moved by dynamic checks.
    pub weight: u16,
    /// Somebody has drained it: whatever it weighs, it gets no new connections.
    pub drained: bool,
}

/// Everything that is known about pools and checks: what a reload carries over, and
/// what core keeps for the checker's successor.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    pub verdicts: HashMap<CheckKey, Verdict>,
    pub pools: HashMap<PoolId, PoolState>,
    pub drains: Drains,
}

impl Memory {
    /// Forgets what the model does not have.
    pub fn keep_only(&mut self, model: &Model) {
        let mut pools = std::collections::HashSet::new();
        let mut checks = std::collections::HashSet::new();
        for virtual_server in &model.virtual_servers {
            pools.insert(&virtual_server.id);
            for server in &virtual_server.real_servers {
                checks.extend(check::keys_of(model, &virtual_server.id, server));
            }
        }
        self.pools.retain(|id, _| pools.contains(id));
        self.verdicts.retain(|key, _| checks.contains(key));
    }
}

impl Pool {
    /// The pool of `virtual_server`, which is one of `model`'s, after what is known.
    ///
    /// * A check that is known (by [`CheckKey`]) keeps its verdict.
    /// * A check that is new at a real server that is known begins as that server
    ///   was: one that was down stays down until a success, one that was up stays up.
    ///   (keepalived puts a server back whose check has changed, until it fails.)
    /// * A check of a real server that is new begins up, or down under `alpha`.
    ///
    /// The events tell where this differs from what is known, which is nothing after
    /// a mere handover; of a real server that is new they tell nothing. A pool of
    /// which nothing is known tells whether it has its quorum.
    pub fn new(
        model: &Model,
        virtual_server: &VirtualServer,
        memory: &Memory,
        now: Moment,
    ) -> (Pool, Vec<PoolEvent>) {
        let known = memory.pools.get(&virtual_server.id);
        let servers: Vec<Server> = virtual_server
            .real_servers
            .iter()
            .map(|server| {
                let before = known.and_then(|pool| pool.servers.get(&server.key));
                let keys = check::keys_of(model, &virtual_server.id, server);
                let mut server = Server::new(server, &keys, before, &memory.verdicts, now);
                let drains = &memory.drains;
                server.state.drained = drains.since(&virtual_server.id, &server.key).is_some();
                server
            })
            .collect();
        let (leaving, departures) = known.map_or_else(Default::default, |known| {
            let sorry_in = known.sorry.is_some();
            known
                .departures
                .after(&servers, &known.servers, sorry_in, now)
        });
        let mut pool = Pool {
            id: virtual_server.id.clone(),
            services: virtual_server
                .services
                .iter()
                .map(|key| (*key, service_of(virtual_server, key)))
                .collect(),
            quorum: Quorum::of(virtual_server),
            // To begin with, a quorum has to be gained.
            quorum_up: known.is_some_and(|pool| pool.quorum_up),
            sorry: virtual_server.sorry_server.clone(),
            alive: servers.iter().map(|server| server.state.alive()).sum(),
            servers,
            leaving,
        };
        let mut events = Vec::new();
        for change in departures {
            events.push(PoolEvent {
                pool: pool.id.clone(),
                change,
            });
        }
        for (index, server) in pool.servers.iter().enumerate() {
            if let Some(before) = known.and_then(|pool| pool.servers.get(&server.key)) {
                pool.tell_server(index, *before, &mut events);
            }
        }
        pool.settle_quorum(
            known.and_then(|pool| pool.sorry),
            known.is_none(),
            &mut events,
        );
        (pool, events)
    }

    pub fn id(&self) -> &PoolId {
        &self.id
    }

    /// Whether the quorum is met.
    pub fn quorum_up(&self) -> bool {
        self.quorum_up
    }

    /// The sum of the weights of the real servers that are up and not drained.
    pub fn weight_alive(&self) -> u64 {
        self.alive
    }

    /// The sorry server while it stands in.
    pub fn sorry_in(&self) -> Option<DestinationKey> {
        let sorry = self.sorry.as_ref().filter(|_| !self.quorum_up);
        sorry.map(|sorry| sorry.key)
    }

    /// The real servers in the order of the file, and what the checks make of them.
    pub fn servers(&self) -> impl Iterator<Item = (DestinationKey, ServerState)> + '_ {
        self.servers.iter().map(|server| (server.key, server.state))
    }

    /// Every check with its place, key and verdict, in the order of the file.
    pub fn checks(&self) -> impl Iterator<Item = (CheckSlot, CheckKey, &Verdict)> + '_ {
        self.servers
            .iter()
            .enumerate()
            .flat_map(move |(index, server)| {
                server.checks.iter().enumerate().map(move |(nth, check)| {
                    let slot = CheckSlot {
                        server: index,
                        check: nth,
                    };
                    (slot, self.check_key(server, check), &check.verdict)
                })
            })
    }

    /// The key of the check in this place; None if there is none.
    pub fn key_of(&self, slot: CheckSlot) -> Option<CheckKey> {
        let server = self.servers.get(slot.server)?;
        Some(self.check_key(server, server.checks.get(slot.check)?))
    }

    fn check_key(&self, server: &Server, check: &Check) -> CheckKey {
        CheckKey {
            pool: self.id.clone(),
            server: server.key,
            identity: check.identity,
            nth: check.nth,
        }
    }

    /// Takes in what a check has come to. A place that the pool does not have (a late
    /// answer after a reload) changes nothing.
    pub fn on_verdict(&mut self, slot: CheckSlot, verdict: Verdict) -> Vec<PoolEvent> {
        let mut events = Vec::new();
        let Some(server) = self.servers.get_mut(slot.server) else {
            return events;
        };
        let Some(check) = server.checks.get_mut(slot.check) else {
            return events;
        };
        check.verdict = verdict;
        let before = server.state;
        server.state = server.judge();
        self.alive = self.alive - before.alive() + server.state.alive();
        self.tell_server(slot.server, before, &mut events);
        let sorry = self.sorry_in();
        self.settle_quorum(sorry, false, &mut events);
        events
    }

    /// What the kernel should hold for this virtual server: one entry, or that of each
    /// address and mark of a group.
    pub fn wanted(&self) -> impl Iterator<Item = (ServiceKey, Entry)> + '_ {
        let services = self.services.iter();
        services.map(|(key, service)| (*key, self.entry(key, service)))
    }

    /// The real servers in the order of the file, those that are leaving, and the sorry
    /// server last.
    fn entry(&self, key: &ServiceKey, service: &Service) -> Entry {
        let sorry = self.sorry.as_ref().filter(|_| !self.quorum_up);
        let mut destinations = IndexMap::with_capacity(self.servers.len() + 1);
        for server in &self.servers {
            let ServerState {
                up,
                weight,
                drained,
            } = server.state;
            let takes_clients = up && !drained && sorry.is_none();
            // One that is drained keeps its connections, whoever stands in.
            if takes_clients || (up && drained) || server.inhibit_on_failure {
                let weight = if takes_clients { weight } else { 0 };
                let to = server.destination(weight);
                destinations.insert(server.key.within(key, server.method), to);
            }
        }
        for (server, it) in &self.leaving {
            let place = server.within(key, it.destination.method);
            destinations.entry(place).or_insert(it.destination);
        }
        match &self.sorry {
            Some(sorry) if !self.quorum_up => {
                let to = sorry_destination(sorry, SORRY_WEIGHT);
                destinations.insert(sorry.key.within(key, sorry.method), to);
            }
            // It may be a real server, too, with clients of its own.
            Some(sorry) if sorry.inhibit => {
                let sorry_key = sorry.key.within(key, sorry.method);
                let idle = sorry_destination(sorry, 0);
                destinations.entry(sorry_key).or_insert(idle);
            }
            _ => {}
        }
        Entry {
            service: service.clone(),
            destinations,
        }
    }

    /// What another pool must know to take this one's place, beside the verdicts.
    pub fn state(&self) -> PoolState {
        PoolState {
            quorum_up: self.quorum_up,
            sorry: self.sorry_in(),
            servers: self.servers().collect(),
            departures: Departures::of(&self.servers, &self.leaving),
        }
    }

    /// Writes everything that is known about this pool into `memory`.
    pub fn remember(&self, memory: &mut Memory) {
        let verdicts = self.checks();
        memory
            .verdicts
            .extend(verdicts.map(|(_, key, verdict)| (key, verdict.clone())));
        memory.pools.insert(self.id.clone(), self.state());
    }

    /// Tells what became of a server since `before`.
    fn tell_server(&self, index: usize, before: ServerState, events: &mut Vec<PoolEvent>) {
        let server = &self.servers[index];
        let after = server.state;
        let inhibited = server.inhibit_on_failure;
        let mut tell = |change| {
            events.push(PoolEvent {
                pool: self.id.clone(),
                change,
            })
        };
        if before.weight != after.weight {
            tell(PoolChange::WeightChanged {
                server: server.key,
                from: before.weight,
                to: after.weight,
                up: before.up,
            });
        }
        match (before.drained, after.drained) {
            (false, true) => tell(PoolChange::Drained { server: server.key }),
            (true, false) => tell(PoolChange::Undrained {
                server: server.key,
                weight: after.weight,
            }),
            _ => {}
        }
        match (before.up, after.up) {
            (true, false) => tell(PoolChange::ServerDown {
                server: server.key,
                inhibited,
                cause: server.failure().cloned(),
            }),
            (false, true) => tell(PoolChange::ServerUp {
                server: server.key,
                inhibited,
                weight: after.weight,
            }),
            _ => {}
        }
    }

    /// Brings the quorum to what the weight alive makes of it, and tells that, and
    /// what became of the sorry server that was in before; in keepalived's order.
    fn settle_quorum(
        &mut self,
        sorry_before: Option<DestinationKey>,
        at_start: bool,
        events: &mut Vec<PoolEvent>,
    ) {
        let was_up = self.quorum_up;
        self.quorum_up = self.quorum.after(was_up, self.alive);
        let id = self.id.clone();
        let mut tell = |change| {
            let pool = id.clone();
            events.push(PoolEvent { pool, change });
        };
        let Quorum { quorum, hysteresis } = self.quorum;
        let weight = self.alive;
        match (was_up, self.quorum_up) {
            (true, false) => tell(PoolChange::QuorumLost {
                quorum,
                hysteresis,
                weight,
            }),
            (false, true) => tell(PoolChange::QuorumGained {
                quorum,
                hysteresis,
                weight,
                at_start,
            }),
            (false, false) if at_start => tell(PoolChange::QuorumDownAtStart {
                quorum,
                hysteresis,
                weight,
            }),
            _ => {}
        }
        let sorry_after = self.sorry_in();
        if sorry_before == sorry_after {
            return;
        }
        let stays = |server| {
            let sorry = self.sorry.as_ref();
            sorry.is_some_and(|sorry| sorry.inhibit && sorry.key == server)
        };
        if let Some(server) = sorry_before {
            tell(PoolChange::SorryServerOut {
                server,
                inhibited: stays(server),
            });
        }
        if let Some(server) = sorry_after {
            tell(PoolChange::SorryServerIn {
                server,
                inhibited: stays(server),
            });
        }
        match (sorry_before, sorry_after) {
            (None, Some(_)) => tell(PoolChange::SurvivorsOut),
            (Some(_), None) => tell(PoolChange::SurvivorsIn),
            _ => {}
        }
    }
}

/// The least weight alive with which a virtual server has its quorum, if it had it before
/// or not.
pub fn least_weight(virtual_server: &VirtualServer, had_quorum: bool) -> u64 {
    Quorum::of(virtual_server).least(had_quorum)
}

impl Quorum {
    /// Whether the quorum is met with so much weight alive, if it was before or not.
    /// It is never met by nothing, and never missed by a hair: only beyond the
    /// hysteresis on the other side does its state change.
    fn after(self, was_up: bool, alive: u64) -> bool {
        alive >= self.least(was_up)
    }

    fn of(virtual_server: &VirtualServer) -> Self {
        Quorum {
            quorum: virtual_server.quorum,
            hysteresis: virtual_server.hysteresis,
        }
    }

    fn least(self, was_up: bool) -> u64 {
        let quorum = u64::from(self.quorum);
        let hysteresis = u64::from(self.hysteresis);
        let least = match was_up {
            true => quorum.saturating_sub(hysteresis),
            false => quorum + hysteresis,
        };
        least.max(1)
    }
}

impl Server {
    fn new(
        server: &RealServer,
        keys: &[CheckKey],
        before: Option<&ServerState>,
        verdicts: &HashMap<CheckKey, Verdict>,
        now: Moment,
    ) -> Self {
        let checks = server.checks.iter().zip(keys).map(|(check, key)| {
            let begins_up = before.map_or(!check.alpha, |server| server.up);
            let mut verdict = match verdicts.get(key) {
                Some(known) => known.clone(),
                None => Verdict::assumed(begins_up, now),
            };
            // `misc_dynamic` is no part of the question, and may have been taken back.
            if !is_dynamic(&check.spec) {
                verdict.dynamic = None;
            }
            Check {
                identity: key.identity,
                nth: key.nth,
                verdict,
            }
        });
        let mut new = Server {
            key: server.key,
            method: server.method,
            configured: server.weight.0,
            upper_threshold: server.upper_threshold,
            lower_threshold: server.lower_threshold,
            inhibit_on_failure: server.inhibit_on_failure,
            drain_timeout: server.drain_timeout,
            checks: checks.collect(),
            state: ServerState {
                up: true,
                weight: server.weight.0,
                drained: false,
            },
        };
        new.state = new.judge();
        new
    }

    /// What the verdicts make of the server.
    fn judge(&self) -> ServerState {
        let asked = self.checks.iter().filter_map(|check| check.verdict.dynamic);
        let asked = asked.map(|status| i64::from(status.weight()));
        ServerState {
            up: self.checks.iter().all(|check| check.verdict.up),
            weight: weight::moved(self.configured, asked),
            drained: self.state.drained,
        }
    }

    /// The failure of the first check that has failed.
    fn failure(&self) -> Option<&check::Failure> {
        self.checks
            .iter()
            .find_map(|check| check.verdict.failure.as_deref())
    }
}

impl ServerState {
    /// What the server adds to the weight alive.
    fn alive(self) -> u64 {
        match self.up && !self.drained {
            true => u64::from(self.weight),
            false => 0,
        }
    }
}

fn is_dynamic(spec: &CheckSpec) -> bool {
    match spec {
        CheckSpec::Misc(misc) => misc.dynamic,
        CheckSpec::Tcp(_) | CheckSpec::Http(_) => false,
    }
}

fn service_of(virtual_server: &VirtualServer, key: &ServiceKey) -> Service {
    Service {
        scheduler: virtual_server.scheduler.name().to_owned(),
        flags: ServiceFlags(virtual_server.flags.chosen()),
        persistence: virtual_server
            .persistence
            .as_ref()
            .map(|persistence| persistence.of_family(key.family())),
    }
}

impl Server {
    /// What the kernel should hold for it with this weight.
    fn destination(&self, weight: u16) -> Destination {
        Destination {
            method: self.method,
            weight: u32::from(weight),
            upper_threshold: self.upper_threshold,
            lower_threshold: self.lower_threshold,
        }
    }
}

/// What the kernel should hold for a sorry server: it is there for everybody.
fn sorry_destination(sorry: &SorryServer, weight: u32) -> Destination {
    Destination {
        method: sorry.method,
        weight,
        upper_threshold: 0,
        lower_threshold: 0,
    }
}
