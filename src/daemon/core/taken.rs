//! The configurations that are still of use: the present one, and older ones that a
//! process goes by which has not heard of it yet.

use std::collections::HashMap;

use super::*;
use crate::lvs::PoolId;

/// A configuration that was taken.
pub(super) struct Taken {
    pub model: Arc<Model>,
    pub runner: Arc<Runner>,
    /// Where a virtual server is among the model's.
    virtual_servers: HashMap<PoolId, usize>,
}

impl Taken {
    pub fn new(model: Arc<Model>) -> Self {
        Taken {
            runner: Arc::new(Runner::new(&model)),
            virtual_servers: model
                .virtual_servers
                .iter()
                .enumerate()
                .map(|(index, virtual_server)| (virtual_server.id.clone(), index))
                .collect(),
            model,
        }
    }

    pub fn virtual_server(&self, id: &PoolId) -> Option<&VirtualServer> {
        let index = *self.virtual_servers.get(id)?;
        self.model.virtual_servers.get(index)
    }
}

impl Core {
    /// Drops those that nobody goes by any more.
    pub(super) fn forget_old_configurations(&mut self) {
        // A process that speaks of a generation asks for nothing of an earlier one.
        let mut oldest = self.generation;
        if self.checker.is_there() || self.checker.is_pausing() {
            oldest = oldest.min(self.checker_generation);
        }
        if self.vrrp.is_there() || self.vrrp.is_pausing() {
            oldest = oldest.min(self.routers_in_force.generation);
        }
        self.taken.retain(|generation, _| *generation >= oldest);
    }
}
