//! What core knows, kept where it outlives even core: a director that was killed and
//! comes back returns no dead server to the table and forgets no sorry server.
//!
//! A file in the run directory, written at most ten times a second and only after a
//! change. It counts for one boot, one network namespace and one version of ipvsd;
//! whatever else is found there is as good as nothing.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::record::write_atomically;
use crate::lvs::pool::Memory;
use crate::moment::Moment;

/// The least time from one writing to the next.
const PAUSE: Duration = Duration::from_millis(100);

/// The file, and when it is to be written.
#[derive(Debug)]
pub struct Keep {
    path: PathBuf,
    scope: Scope,
    written: Moment,
    changed: bool,
}

/// What a file must say of itself to be believed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Scope {
    version: String,
    boot_id: String,
    net_namespace: u64,
}

impl Keep {
    /// The file at `path`, with what an earlier core has left there.
    pub fn open(path: PathBuf, boot_id: String, net_namespace: u64) -> (Self, Memory) {
        let version = env!("CARGO_PKG_VERSION").to_owned();
        let scope = Scope {
            version,
            boot_id,
            net_namespace,
        };
        let found = std::fs::read(&path).ok();
        let memory = found
            .and_then(|bytes| postcard::from_bytes::<(Scope, Memory)>(&bytes).ok())
            .filter(|(found, _)| *found == scope)
            .map(|(_, memory)| memory);
        let keep = Keep {
            path,
            scope,
            written: Moment::default(),
            changed: false,
        };
        (keep, memory.unwrap_or_default())
    }

    /// Something is to be kept that was not known before.
    pub fn changed(&mut self) {
        self.changed = true;
    }

    /// When the file is to be written; None while there is nothing new.
    pub fn due(&self) -> Option<Moment> {
        self.changed.then(|| self.written + PAUSE)
    }

    /// Writes the file if it is time to.
    ///
    /// # Errors
    /// Where it cannot be written. It is tried again after the next change.
    pub fn write_if_due(&mut self, memory: &Memory, now: Moment) -> io::Result<()> {
        match self.due().is_some_and(|due| due <= now) {
            true => self.write_if_changed(memory, now),
            false => Ok(()),
        }
    }

    /// The same without waiting for its time: at the end there is no other.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub fn write_if_changed(&mut self, memory: &Memory, now: Moment) -> io::Result<()> {
        if !self.changed {
            return Ok(());
        }
        self.changed = false;
        self.written = now;
        let bytes = postcard::to_stdvec(&(&self.scope, memory)).map_err(io::Error::other)?;
        write_atomically(&self.path, &bytes)
    }

    /// Removes the file: after a clean end nothing is left to remember.
    pub fn remove(&self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lvs::ServiceKey;
    use crate::lvs::pool::PoolState;

    #[test]
    fn it_is_written_at_its_time_and_believed_in_its_place() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("verdicts");
        let open = |boot: &str| Keep::open(path.clone(), boot.into(), 7);
        let at = |millis| Moment::since_boot(Duration::from_millis(millis));
        let (mut keep, mut memory) = open("a");
        assert_eq!(memory, Memory::default());
        let key = ServiceKey::Fwmark {
            mark: 1,
            family: crate::lvs::Family::V4,
        };
        let pool = PoolState {
            quorum_up: false,
            sorry: None,
            servers: Default::default(),
            departures: Default::default(),
        };
        memory.pools.insert(key.into(), pool);

        assert_eq!(keep.due(), None);
        keep.changed();
        keep.write_if_due(&memory, at(5_000)).unwrap();
        assert_eq!(open("a").1, memory);
        assert_eq!(open("b").1, Memory::default());

        keep.changed();
        assert_eq!(keep.due(), Some(at(5_100)));
        keep.write_if_due(&Memory::default(), at(5_099)).unwrap();
        assert_eq!(open("a").1, memory);
        keep.write_if_due(&Memory::default(), at(5_100)).unwrap();
        assert_eq!(open("a").1, Memory::default());
        assert_eq!(keep.due(), None);
        keep.remove();
        assert!(!path.exists());
    }
}
