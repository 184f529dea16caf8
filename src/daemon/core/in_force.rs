//! What core goes by, for `ipvsd plan`: the model, and all that a reload or a restart
//! would go on from.
//!
//! It travels behind the answer's line as postcard, which keeps keys that JSON has no
//! way for, and a model of any size short. Both sides are of one version of ipvsd, or
//! the one that asks says that they are not.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::*;
use crate::config::model::IpvsNamespace;
use crate::vrrp::types::State;

/// What a running director goes by, or what the next one would find.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InForce {
    /// None where none runs.
    pub running: Option<RunningDirector>,
    /// Empty where none runs.
    pub model: Model,
    pub memory: Memory,
    /// The virtual servers that the record says are ours.
    pub owned: Vec<ServiceKey>,
    /// Where instances stand, by their names.
    pub instances: BTreeMap<String, State>,
    /// `-P`, `-C`.
    pub only: Option<Subsystem>,
}

/// A director that runs, and what it would read at a reload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunningDirector {
    pub pid: u32,
    pub generation: u64,
    pub file: PathBuf,
    pub config_id: String,
    pub all_files: bool,
    /// Where its table is.
    pub ipvs_namespace: Option<IpvsNamespace>,
}

impl InForce {
    /// What the next director would find, if there is none now: what an earlier one has
    /// left in the run directory. Nothing is changed there.
    ///
    /// # Errors
    /// Where the host does not say what boot and what network namespace this is.
    pub fn at_rest(place: &Place) -> io::Result<Self> {
        let run_dir = host::run_dir();
        let (boot_id, namespace) = (host::boot_id()?, place.ipvs_inode()?);
        let (_, mut memory) = Keep::open(run_dir.join("verdicts"), boot_id.clone(), namespace);
        memory.drains = DrainFile::in_folder(&host::state_dir()).read().0;
        let (record, _) = OwnedRecord::read(run_dir.join("owned.json"), boot_id, namespace);
        Ok(InForce {
            memory,
            owned: record.services().collect(),
            ..InForce::default()
        })
    }
}

impl Core {
    pub(super) fn in_force(&self) -> InForce {
        let instances = self.vrrp_memory.instances.iter();
        let file = &self.options.file;
        InForce {
            running: Some(RunningDirector {
                pid: std::process::id(),
                generation: self.generation,
                file: std::path::absolute(file).unwrap_or_else(|_| file.clone()),
                config_id: self.options.reading.config_id.to_string(),
                all_files: self.options.reading.all_files,
                ipvs_namespace: self.place.of_table().cloned(),
            }),
            model: (*self.model).clone(),
            memory: self.memory.clone(),
            owned: self.record.services().collect(),
            instances: instances
                .map(|(name, known)| (name.clone(), known.state))
                .collect(),
            only: self.options.only,
        }
    }
}
