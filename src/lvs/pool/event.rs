//! What happens to a pool, as values: for the log, for mail and for the journal.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::check::Failure;
use crate::lvs::pool_id::PoolId;
use crate::lvs::types::{DestinationKey, Protocol};

/// Something that happened to a virtual server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PoolEvent {
    pub pool: PoolId,
    pub change: PoolChange,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PoolChange {
    /// A real server is no longer up.
    ServerDown {
        server: DestinationKey,
        /// It stays in the table, with weight 0.
        inhibited: bool,
        /// None where it is only that no check has succeeded yet.
        cause: Option<Failure>,
    },
    /// A real server is up again, or for the first time.
    ServerUp {
        server: DestinationKey,
        /// It was in the table with weight 0.
        inhibited: bool,
        weight: u16,
    },
    /// A real server weighs something else. `up` is whether it was up before; where
    /// it comes up at the same time, that is told next.
    WeightChanged {
        server: DestinationKey,
        from: u16,
        to: u16,
        up: bool,
    },
    /// Somebody drains a real server: it gets no new connections.
    Drained { server: DestinationKey },
    /// It gets new connections again, if it is up.
    Undrained { server: DestinationKey, weight: u16 },
    /// A real server is no longer in the configuration. It keeps its connections, at most
    /// for this long.
    Leaving {
        server: DestinationKey,
        limit: Duration,
    },
    /// It is in the configuration again, before it was gone.
    Returned { server: DestinationKey },
    /// It is out of the table now. 0 connections: they were waited for; else its time is
    /// up. None where they were not counted.
    Left {
        server: DestinationKey,
        connections: Option<u64>,
    },
    /// Too little weight is alive.
    QuorumLost {
        quorum: u32,
        hysteresis: u32,
        weight: u64,
    },
    /// There is not enough weight alive to begin with.
    QuorumDownAtStart {
        quorum: u32,
        hysteresis: u32,
        weight: u64,
    },
    /// Enough weight is alive, again or to begin with.
    QuorumGained {
        quorum: u32,
        hysteresis: u32,
        weight: u64,
        /// The virtual server is new, and begins with it.
        at_start: bool,
    },
    /// The sorry server stands in.
    SorryServerIn {
        server: DestinationKey,
        /// It was in the table with weight 0.
        inhibited: bool,
    },
    /// The sorry server has gone.
    SorryServerOut {
        server: DestinationKey,
        /// It stays in the table, with weight 0.
        inhibited: bool,
    },
    /// The real servers that are up make way for the sorry server.
    SurvivorsOut,
    /// The real servers that are up are back.
    SurvivorsIn,
}

impl PoolChange {
    /// The stable name.
    pub fn name(&self) -> &'static str {
        match self {
            PoolChange::ServerDown { .. } => "server-down",
            PoolChange::ServerUp { .. } => "server-up",
            PoolChange::WeightChanged { .. } => "weight-changed",
            PoolChange::Drained { .. } => "drained",
            PoolChange::Undrained { .. } => "undrained",
            PoolChange::Leaving { .. } => "leaving",
            PoolChange::Returned { .. } => "returned",
            PoolChange::Left { .. } => "left",
            PoolChange::QuorumLost { .. } => "quorum-lost",
            PoolChange::QuorumDownAtStart { .. } => "quorum-down-at-start",
            PoolChange::QuorumGained { .. } => "quorum-gained",
            PoolChange::SorryServerIn { .. } => "sorry-server-in",
            PoolChange::SorryServerOut { .. } => "sorry-server-out",
            PoolChange::SurvivorsOut => "survivors-out",
            PoolChange::SurvivorsIn => "survivors-in",
        }
    }

    /// The real server or sorry server that it is about.
    pub fn server(&self) -> Option<DestinationKey> {
        match self {
            PoolChange::ServerDown { server, .. }
            | PoolChange::ServerUp { server, .. }
            | PoolChange::WeightChanged { server, .. }
            | PoolChange::Drained { server }
            | PoolChange::Undrained { server, .. }
            | PoolChange::Leaving { server, .. }
            | PoolChange::Returned { server }
            | PoolChange::Left { server, .. }
            | PoolChange::SorryServerIn { server, .. }
            | PoolChange::SorryServerOut { server, .. } => Some(*server),
            PoolChange::QuorumLost { .. }
            | PoolChange::QuorumDownAtStart { .. }
            | PoolChange::QuorumGained { .. }
            | PoolChange::SurvivorsOut
            | PoolChange::SurvivorsIn => None,
        }
    }
}

/// A real server as keepalived writes it: with the protocol of its virtual server, which
/// is `none` for marks.
pub struct ServerName<'a>(pub &'a PoolId, pub DestinationKey);

impl fmt::Display for ServerName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ServerName(pool, server) = self;
        let protocol = pool.protocol().map_or("none", Protocol::name);
        write!(f, "[{}]:{protocol}:{}", server.address, server.port)
    }
}

/// One line, in keepalived's words where people search their logs for them.
impl fmt::Display for PoolEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let vs = &self.pool;
        match &self.change {
            PoolChange::ServerDown {
                server,
                inhibited,
                cause,
            } => {
                let server = ServerName(vs, *server);
                match inhibited {
                    true => write!(f, "Disabling service {server} of VS {vs}")?,
                    false => write!(f, "Removing service {server} from VS {vs}")?,
                }
                match cause {
                    Some(failure) => write!(f, ": {failure}"),
                    None => Ok(()),
                }
            }
            PoolChange::ServerUp {
                server, inhibited, ..
            } => {
                let server = ServerName(vs, *server);
                match inhibited {
                    true => write!(f, "Enabling service {server} of VS {vs}"),
                    false => write!(f, "Adding service {server} to VS {vs}"),
                }
            }
            PoolChange::WeightChanged {
                server,
                from,
                to,
                up,
            } => {
                let active = if *up { "active" } else { "inactive" };
                let server = ServerName(vs, *server);
                write!(
                    f,
                    "Changing weight from {from} to {to} for {active} service {server} of VS {vs}"
                )
            }
            PoolChange::Drained { server } => write!(
                f,
                "Draining service {} of VS {vs}: it gets no new connections until `ipvsd undrain`",
                ServerName(vs, *server)
            ),
            PoolChange::Undrained { server, weight } => write!(
                f,
                "Draining service {} of VS {vs} is over: it has weight {weight} again",
                ServerName(vs, *server)
            ),
            PoolChange::Leaving { server, limit } => write!(
                f,
                "Draining service {}, which is no longer in the configuration of VS {vs}, \
                 for at most {} s",
                ServerName(vs, *server),
                limit.as_secs_f64()
            ),
            PoolChange::Returned { server } => write!(
                f,
                "Draining service {} is over: it is in the configuration of VS {vs} again",
                ServerName(vs, *server)
            ),
            PoolChange::Left {
                server,
                connections,
            } => {
                write!(
                    f,
                    "Removing service {} from VS {vs}: ",
                    ServerName(vs, *server)
                )?;
                match connections {
                    Some(0) => f.write_str("it is drained"),
                    Some(1) => f.write_str("its time is up, with 1 connection left"),
                    Some(number) => write!(f, "its time is up, with {number} connections left"),
                    None => f.write_str("its time is up"),
                }
            }
            PoolChange::QuorumLost {
                quorum,
                hysteresis,
                weight,
            } => write!(
                f,
                "Lost quorum {quorum}-{hysteresis}={} > {weight} for VS {vs}",
                i64::from(*quorum) - i64::from(*hysteresis)
            ),
            PoolChange::QuorumDownAtStart {
                quorum,
                hysteresis,
                weight,
            } => write!(
                f,
                "Starting with quorum down {quorum}+{hysteresis}={} > {weight} for VS {vs}",
                u64::from(*quorum) + u64::from(*hysteresis)
            ),
            PoolChange::QuorumGained {
                quorum,
                hysteresis,
                weight,
                ..
            } => write!(
                f,
                "Gained quorum {quorum}+{hysteresis}={} <= {weight} for VS {vs}",
                u64::from(*quorum) + u64::from(*hysteresis)
            ),
            PoolChange::SorryServerIn { server, inhibited } => {
                let server = ServerName(vs, *server);
                match inhibited {
                    true => write!(f, "Enabling sorry server {server} to VS {vs}"),
                    false => write!(f, "Adding sorry server {server} to VS {vs}"),
                }
            }
            PoolChange::SorryServerOut { server, inhibited } => {
                let server = ServerName(vs, *server);
                match inhibited {
                    true => write!(f, "Disabling sorry server {server} from VS {vs}"),
                    false => write!(f, "Removing sorry server {server} from VS {vs}"),
                }
            }
            PoolChange::SurvivorsOut => {
                write!(f, "Removing alive servers from the pool for VS {vs}")
            }
            PoolChange::SurvivorsIn => write!(f, "Adding alive servers to the pool for VS {vs}"),
        }
    }
}
