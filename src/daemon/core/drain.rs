//! `ipvsd drain` and `ipvsd undrain`: real servers that get no new connections because
//! somebody says so.
//!
//! What is drained stays so over reloads, restarts and, in the first network namespace,
//! the boot: who drains a server for a repair does not expect it back because the director
//! was started again. It is written down before it is done.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::record::write_for_good;
use super::*;
use crate::lvs::pool::{Drains, least_weight};
use crate::lvs::{DestinationKey, PoolId, named};

/// A real server that is drained, for `ipvsd drain` and the status.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drained {
    /// As `ipvsadm -Ln` has it.
    pub virtual_server: String,
    pub real_server: String,
    /// Seconds since 1970.
    pub since: u64,
    /// How many connections are left. None until they have been counted.
    pub connections: Option<u64>,
    /// What its virtual server comes to: where it is without its quorum, since what is
    /// drained does not count.
    pub warning: Option<String>,
}

/// The file in which the drained ones are written down.
#[derive(Debug)]
pub(super) struct DrainFile(PathBuf);

/// One of them, in the file.
#[derive(Serialize, Deserialize)]
struct Line {
    virtual_server: PoolId,
    real_server: DestinationKey,
    since: u64,
}

impl DrainFile {
    pub fn in_folder(folder: &Path) -> Self {
        DrainFile(folder.join("drained.json"))
    }

    /// What an earlier director has left, and what is wrong with it if something is.
    pub fn read(&self) -> (Drains, Option<String>) {
        let mut drains = Drains::default();
        let bytes = match std::fs::read(&self.0) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return (drains, None),
            Err(error) => return (drains, Some(self.lost(&error))),
        };
        match serde_json::from_slice::<Vec<Line>>(&bytes) {
            Ok(lines) => {
                for line in lines {
                    drains.insert(line.virtual_server, line.real_server, line.since);
                }
                (drains, None)
            }
            Err(error) => (drains, Some(self.lost(&error))),
        }
    }

    fn lost(&self, error: &dyn std::fmt::Display) -> String {
        format!(
            "cannot read {} ({error}): real servers that were drained by hand get new \
             connections; `ipvsd drain` drains them again",
            self.0.display()
        )
    }

    fn write(&self, drains: &Drains) -> io::Result<()> {
        if drains.is_empty() {
            return match std::fs::remove_file(&self.0) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                _ => Ok(()),
            };
        }
        if let Some(folder) = self.0.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let lines: Vec<Line> = drains
            .iter()
            .map(|(pool, server, since)| Line {
                virtual_server: pool.clone(),
                real_server: server,
                since,
            })
            .collect();
        write_for_good(&self.0, &serde_json::to_vec_pretty(&lines)?)
    }
}

impl Core {
    pub(super) fn drain(&mut self, virtual_server: &str, real_server: &str, on: bool) -> Answer {
        let refused = |why| Answer::Refused { why };
        if self.ending.is_some() {
            return refused("ipvsd is ending".to_owned());
        }
        if !self.serves(Subsystem::Checkers) {
            return refused("this director runs VRRP only (-P)".to_owned());
        }
        let (pool, server) = match named::find(&self.model, virtual_server, real_server) {
            Ok((service, server)) => (service.id.clone(), server.key),
            Err(error) => return refused(error.to_string()),
        };
        let mut drains = self.memory.drains.clone();
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let now = now.unwrap_or_default().as_secs();
        let since = drains.since(&pool, &server).unwrap_or(now);
        let changed = match on {
            true => drains.insert(pool.clone(), server, now),
            false => drains.remove(&pool, &server),
        };
        if changed {
            if let Err(error) = self.drain_file.write(&drains) {
                let path = self.drain_file.0.display();
                return refused(format!(
                    "cannot write {path} ({error}), so nothing is changed: it would be \
                     forgotten at the next start"
                ));
            }
            // What was counted before says nothing.
            self.connections.remove(&(pool.clone(), server));
            let word = if on { "drain" } else { "undrain" };
            self.set_drains(drains, Cause::Command(word.to_owned()));
        }
        Answer::Drained {
            changed,
            server: self.drained(&pool, server, since),
        }
    }

    fn set_drains(&mut self, drains: Drains, cause: Cause) {
        self.memory.drains = drains.clone();
        self.keep.changed();
        // One that is about to be started begins with them.
        if self.checker.working().is_some() {
            self.checker.send(&ToChecker::Drains { drains, cause });
        }
    }

    fn drained(&self, pool: &PoolId, server: DestinationKey, since: u64) -> Drained {
        Drained {
            virtual_server: pool.listed(),
            real_server: server.to_string(),
            since,
            connections: self.connections.get(&(pool.clone(), server)).copied(),
            warning: self.lost_quorum(pool),
        }
    }

    /// What it means that a virtual server is without its quorum, if those that are drained
    /// do not count; None where it has it.
    fn lost_quorum(&self, pool: &PoolId) -> Option<String> {
        let mut all = self.model.virtual_servers.iter();
        let virtual_server = all.find(|it| it.id == *pool)?;
        let known = self.memory.pools.get(pool)?;
        let (servers, drains) = (known.servers.iter(), &self.memory.drains);
        let counts = servers.filter(|(server, it)| it.up && drains.since(pool, server).is_none());
        let weight: u64 = counts.map(|(_, it)| u64::from(it.weight)).sum();
        let least = least_weight(virtual_server, known.quorum_up);
        if weight >= least {
            return None;
        }
        let name = pool.listed();
        let now = match (&virtual_server.sorry_server, weight) {
            (Some(sorry), 0) => format!("its sorry server {} stands in", sorry.key),
            (Some(sorry), _) => format!(
                "its sorry server {} stands in, and its other real servers are taken out with \
                 their connections",
                sorry.key
            ),
            (None, 0) => "nobody takes its new clients".to_owned(),
            (None, _) => "the other real servers take its new clients".to_owned(),
        };
        Some(format!(
            "{name} is without its quorum: a weight of {weight} is left, and {least} are needed; {now}"
        ))
    }

    /// All that are drained by hand.
    pub(super) fn all_drained(&self) -> Vec<Drained> {
        let drains = self.memory.drains.iter();
        drains
            .map(|(pool, server, since)| self.drained(pool, server, since))
            .collect()
    }

    /// Another configuration was taken: who is taken out of it is drained no longer, so
    /// that whoever is put in with the same address later gets its connections.
    pub(super) fn forget_drains(&mut self) {
        let mut drains = self.memory.drains.clone();
        let gone = drains.keep_only(&self.model);
        if gone.is_empty() {
            return;
        }
        for (pool, server) in &gone {
            tracing::info!(
                "Draining {server} of {} is over: it is no longer in the configuration",
                pool.listed()
            );
        }
        if let Err(error) = self.drain_file.write(&drains) {
            tracing::error!("cannot write {}: {error}", self.drain_file.0.display());
        }
        let generation = self.generation;
        self.set_drains(drains, Cause::Reload { generation });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lvs::ServiceKey;

    #[test]
    fn what_is_written_down_is_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let file = DrainFile::in_folder(&folder.path().join("ipvsd"));
        assert_eq!(file.read(), (Drains::default(), None));
        let pool = PoolId::from(ServiceKey::Fwmark {
            mark: 3,
            family: crate::lvs::Family::V4,
        });
        let server = DestinationKey {
            address: [10, 0, 0, 11].into(),
            port: 80,
        };
        let mut drains = Drains::default();
        assert!(drains.insert(pool.clone(), server, 1_000));
        assert!(!drains.insert(pool.clone(), server, 2_000));
        file.write(&drains).unwrap();
        assert_eq!(file.read(), (drains.clone(), None));
        assert_eq!(drains.since(&pool, &server), Some(1_000));

        std::fs::write(&file.0, "[{").unwrap();
        let (read, problem) = file.read();
        assert!(read.is_empty());
        assert!(problem.unwrap().contains("`ipvsd drain` drains them again"));

        assert!(drains.remove(&pool, &server));
        file.write(&drains).unwrap();
        assert!(!file.0.exists());
        file.write(&drains).unwrap();
    }
}
