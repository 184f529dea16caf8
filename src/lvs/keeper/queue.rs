//! A queue in which a virtual server waits at most once.

use std::collections::{HashSet, VecDeque};

use crate::lvs::types::ServiceKey;

#[derive(Clone, Debug, Default)]
pub(super) struct Queue {
    order: VecDeque<ServiceKey>,
    members: HashSet<ServiceKey>,
}

impl Queue {
    pub(super) fn push(&mut self, key: ServiceKey) {
        if self.members.insert(key) {
            self.order.push_back(key);
        }
    }

    pub(super) fn pop(&mut self) -> Option<ServiceKey> {
        let key = self.order.pop_front()?;
        self.members.remove(&key);
        Some(key)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.order.is_empty()
    }
}
