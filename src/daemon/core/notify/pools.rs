//! What the scripts of virtual servers and real servers are told: `quorum_up`,
//! `quorum_down`, `notify_up`, `notify_down`.
//!
//! What they were told is remembered here, beside what the checkers know: the next
//! checker says it all again, and only what differs is told. The moments are those of
//! keepalived:
//!
//! * A virtual server that is new has `quorum_up` run if it begins with its quorum, and
//!   `quorum_down` if it begins without it and a sorry server stands in.
//! * A real server that is new and begins up is told with `rs_init_notifies` only. One
//!   that begins down (`alpha`) has `notify_down` run when it has been asked in vain.
//! * What a reload takes away goes down, if it was up.
//! * At the end, what is up goes down where `omega` is set.
//!
//! A core that comes after one that was killed tells it all as at a start, and also what
//! is known to be down: scripts may have been killed with that one.

use std::collections::{HashMap, HashSet};
use std::fmt;

use indexmap::IndexMap;

use super::{Job, Owner};
use crate::config::model::{Model, ScriptId};
use crate::daemon::core::{Core, Taken};
use crate::daemon::messages::NewVerdict;
use crate::lvs::pool::{Memory, PoolState, ServerName};
use crate::lvs::{DestinationKey, PoolId};

/// Whose scripts.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in crate::daemon::core) enum PoolSubject {
    VirtualServer(PoolId),
    RealServer(PoolId, DestinationKey),
}

/// As the log has it.
impl fmt::Display for PoolSubject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PoolSubject::VirtualServer(pool) => write!(f, "VS {pool}"),
            PoolSubject::RealServer(pool, server) => {
                let server = ServerName(pool, *server);
                write!(f, "service {server} of VS {pool}")
            }
        }
    }
}

/// Something that scripts are to be told: it has come up, or gone down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::daemon::core) struct Turn {
    pub subject: PoolSubject,
    pub up: bool,
}

/// What scripts have been told of all pools.
#[derive(Clone, Debug, Default)]
pub(in crate::daemon::core) struct ToldPools {
    pools: IndexMap<PoolId, ToldPool>,
    /// What another core has left, until it is known what there is.
    known: HashMap<PoolId, PoolState>,
}

#[derive(Clone, Debug, Default)]
struct ToldPool {
    quorum_up: bool,
    servers: IndexMap<DestinationKey, ToldServer>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ToldServer {
    Up,
    Down,
    /// It is down, and nobody was told: it has not been asked yet.
    Nothing,
}

impl ToldServer {
    fn of(up: bool) -> Self {
        match up {
            true => ToldServer::Up,
            false => ToldServer::Down,
        }
    }
}

impl ToldPools {
    /// As a core begins, after another one that has known this.
    pub fn after(memory: &Memory) -> Self {
        ToldPools {
            pools: IndexMap::new(),
            known: memory.pools.clone(),
        }
    }

    /// What is to be told when these are all the pools there are.
    pub fn on_pools(&mut self, model: &Model, pools: &[(PoolId, PoolState)]) -> Vec<Turn> {
        let mut turns = Vec::new();
        let mut before = std::mem::take(&mut self.pools);
        let known = std::mem::take(&mut self.known);
        let has_sorry: HashMap<&PoolId, bool> = model
            .virtual_servers
            .iter()
            .map(|it| (&it.id, it.sorry_server.is_some()))
            .collect();
        // What goes may be what comes under another name: an address that is in a group
        // from now on must not be taken down after it has been brought up.
        let there: HashSet<&PoolId> = pools.iter().map(|(key, _)| key).collect();
        for (key, told) in before.extract_if(.., |key, _| !there.contains(key)) {
            told.end(&key, &mut turns);
        }
        for (key, state) in pools {
            let has_sorry = has_sorry.get(key).copied().unwrap_or(false);
            let told = match before.swap_remove(key) {
                Some(told) => told.follow(key, state, model, &mut turns),
                None => {
                    let known = known.get(key);
                    ToldPool::new(key, state, known, has_sorry, model, &mut turns)
                }
            };
            self.pools.insert(key.clone(), told);
        }
        turns
    }

    /// What is to be told when a check has come to a verdict.
    pub fn on_verdict(&mut self, news: &NewVerdict) -> Vec<Turn> {
        let (pool, server, is_up) = (&news.key.pool, news.key.server, news.server.up);
        let mut turns = Vec::new();
        let Some(told) = self.pools.get_mut(pool) else {
            return turns;
        };
        if let Some(before) = told.servers.get_mut(&server) {
            let is_asked = news.verdict.failure.is_some();
            let now = match (*before, is_up) {
                (ToldServer::Nothing, false) if !is_asked => ToldServer::Nothing,
                (_, up) => ToldServer::of(up),
            };
            if *before != now {
                *before = now;
                let subject = PoolSubject::RealServer(pool.clone(), server);
                turns.push(Turn { subject, up: is_up });
            }
        }
        told.quorum(pool, news.quorum_up, &mut turns);
        turns
    }

    /// What is to be told at the end, of the virtual servers that have `omega`.
    pub fn on_end(&mut self, model: &Model) -> Vec<Turn> {
        let mut turns = Vec::new();
        for virtual_server in model.virtual_servers.iter().filter(|it| it.omega) {
            if let Some(told) = self.pools.swap_remove(&virtual_server.id) {
                told.end(&virtual_server.id, &mut turns);
            }
        }
        turns
    }
}

impl ToldPool {
    /// Of a pool that is new, but may have been known to another core.
    fn new(
        key: &PoolId,
        state: &PoolState,
        known: Option<&PoolState>,
        has_sorry: bool,
        model: &Model,
        turns: &mut Vec<Turn>,
    ) -> Self {
        let mut servers = IndexMap::with_capacity(state.servers.len());
        for (server, state) in &state.servers {
            let known = known.and_then(|known| known.servers.get(server));
            let told = match known {
                Some(known) if !known.up => {
                    turns.push(Turn {
                        subject: PoolSubject::RealServer(key.clone(), *server),
                        up: state.up,
                    });
                    ToldServer::of(state.up)
                }
                _ => begin(key, *server, state.up, model, turns),
            };
            servers.insert(*server, told);
        }
        if state.quorum_up || has_sorry || known.is_some() {
            turns.push(Turn {
                subject: PoolSubject::VirtualServer(key.clone()),
                up: state.quorum_up,
            });
        }
        ToldPool {
            quorum_up: state.quorum_up,
            servers,
        }
    }

    /// Of one that there was.
    fn follow(
        mut self,
        key: &PoolId,
        state: &PoolState,
        model: &Model,
        turns: &mut Vec<Turn>,
    ) -> Self {
        let mut before = std::mem::take(&mut self.servers);
        for (server, state) in &state.servers {
            let told = match before.get(server) {
                None => begin(key, *server, state.up, model, turns),
                Some(ToldServer::Nothing) if !state.up => ToldServer::Nothing,
                Some(told) if *told == ToldServer::of(state.up) => *told,
                Some(_) => {
                    turns.push(Turn {
                        subject: PoolSubject::RealServer(key.clone(), *server),
                        up: state.up,
                    });
                    ToldServer::of(state.up)
                }
            };
            self.servers.insert(*server, told);
        }
        before.retain(|server, _| !state.servers.contains_key(server));
        servers_end(key, before, turns);
        self.quorum(key, state.quorum_up, turns);
        self
    }

    fn quorum(&mut self, key: &PoolId, up: bool, turns: &mut Vec<Turn>) {
        if self.quorum_up != up {
            self.quorum_up = up;
            let subject = PoolSubject::VirtualServer(key.clone());
            turns.push(Turn { subject, up });
        }
    }

    /// Of one that there is no longer.
    fn end(mut self, key: &PoolId, turns: &mut Vec<Turn>) {
        servers_end(key, std::mem::take(&mut self.servers), turns);
        self.quorum(key, false, turns);
    }
}

/// A real server that is new.
fn begin(
    key: &PoolId,
    server: DestinationKey,
    up: bool,
    model: &Model,
    turns: &mut Vec<Turn>,
) -> ToldServer {
    if !up {
        return ToldServer::Nothing;
    }
    if model.global.rs_init_notifies {
        let subject = PoolSubject::RealServer(key.clone(), server);
        turns.push(Turn { subject, up });
    }
    ToldServer::Up
}

/// Real servers that there are no longer.
fn servers_end(key: &PoolId, servers: IndexMap<DestinationKey, ToldServer>, turns: &mut Vec<Turn>) {
    for (server, told) in servers {
        if told == ToldServer::Up {
            turns.push(Turn {
                subject: PoolSubject::RealServer(key.clone(), server),
                up: false,
            });
        }
    }
}

impl Core {
    /// Runs the scripts for what has become of the pools, which are these now.
    pub(in crate::daemon::core) fn notify_of_pools(&mut self, pools: &[(PoolId, PoolState)]) {
        if self.ending.is_none() {
            let turns = self.notifier.told_pools.on_pools(&self.model, pools);
            self.run_pool_scripts(turns);
        }
    }

    /// Runs the scripts for what a verdict has made of its pool.
    pub(in crate::daemon::core) fn notify_of_verdict(&mut self, news: &NewVerdict) {
        if self.ending.is_none() {
            let turns = self.notifier.told_pools.on_verdict(news);
            self.run_pool_scripts(turns);
        }
    }

    /// Runs the scripts for what goes down at the end (`omega`).
    pub(in crate::daemon::core) fn notify_of_end(&mut self) {
        let turns = self.notifier.told_pools.on_end(&self.model);
        self.run_pool_scripts(turns);
    }

    fn run_pool_scripts(&mut self, turns: Vec<Turn>) {
        for Turn { subject, up } in turns {
            // What is no longer configured goes down by what was.
            let mut taken = self.taken.values().rev();
            let found = taken.find_map(|taken| Some((taken, taken.pool_script(&subject, up)?)));
            let Some((taken, Some(script))) = found else {
                continue;
            };
            let state = if up { "up" } else { "down" };
            let job = Job {
                runner: taken.runner.clone(),
                script,
                arguments: Vec::new(),
                limit: taken.model.global.notify_timeout,
                label: format!("{subject} ({state})"),
            };
            self.notifier.run(&Owner::Pool(subject), job);
        }
    }
}

impl Taken {
    /// What is run when this has come up or gone down; None where it is not configured
    /// at all.
    fn pool_script(&self, subject: &PoolSubject, up: bool) -> Option<Option<ScriptId>> {
        match subject {
            PoolSubject::VirtualServer(pool) => {
                let virtual_server = self.virtual_server(pool)?;
                Some(match up {
                    true => virtual_server.quorum_up,
                    false => virtual_server.quorum_down,
                })
            }
            PoolSubject::RealServer(pool, server) => {
                let mut servers = self.virtual_server(pool)?.real_servers.iter();
                let server = servers.find(|it| it.key == *server)?;
                Some(match up {
                    true => server.notify_up,
                    false => server.notify_down,
                })
            }
        }
    }
}

#[cfg(test)]
mod tests;
