//! How a virtual server is balanced.

use super::text::Text;
use crate::config::model::{RealServer, VirtualServer};
use crate::lvs::{Persistence, Scheduler, ServiceFlags};

impl Text<'_> {
    /// By the names that they have with the scheduler.
    pub(super) fn service_flags(&mut self, virtual_server: &VirtualServer) {
        let of_scheduler = match virtual_server.scheduler {
            Scheduler::SourceHashing => ["sh-fallback", "sh-port"],
            Scheduler::MaglevHashing => ["mh-fallback", "mh-port"],
            _ => ["flag-1", "flag-2"],
        };
        let [first, second] = of_scheduler;
        for (word, flag) in [
            ("hashed", ServiceFlags::HASHED),
            ("ops", ServiceFlags::ONE_PACKET),
            (first, ServiceFlags::SCHEDULER_1),
            (second, ServiceFlags::SCHEDULER_2),
            ("flag-3", ServiceFlags::SCHEDULER_3),
        ] {
            self.flag(word, virtual_server.flags.has(flag));
        }
    }

    pub(super) fn persistence(&mut self, persistence: Option<&Persistence>) {
        let Some(persistence) = persistence else {
            return;
        };
        self.say("persistence_timeout", persistence.timeout);
        self.say("persistence_granularity", persistence.granularity);
        self.some("persistence_engine", persistence.engine.as_ref());
    }

    /// None is said where there is none.
    pub(super) fn thresholds(&mut self, server: &RealServer) {
        for (word, threshold) in [
            ("uthreshold", server.upper_threshold),
            ("lthreshold", server.lower_threshold),
        ] {
            self.some(word, Some(threshold).filter(|threshold| *threshold > 0));
        }
    }
}
