//! What `global_defs` says of all instances together.

use std::time::Duration;

use crate::config::lower::Lower;
use crate::config::lower::time::LONGEST_TIMEOUT;
use crate::config::syntax::StatementId;

/// The shortest `vrrp_startup_delay`, as keepalived takes it.
const SHORTEST_DELAY: Duration = Duration::from_millis(1);

impl Lower<'_, '_> {
    /// Whether this is a word about VRRP.
    pub(in crate::config::lower) fn global_vrrp(&mut self, id: StatementId) -> bool {
        match self.ast.keyword(id) {
            "vrrp_version" => {
                self.said_once("vrrp_version", id);
                let version = self.vrrp_version(id);
                let defaults = &mut self.vrrp_defaults;
                defaults.version = version.or(defaults.version);
            }
            "vrrp_startup_delay" => {
                self.said_once("vrrp_startup_delay", id);
                if let Some(delay) = self.delay(id) {
                    self.model.global.vrrp.startup_delay = delay;
                }
            }
            "vrrp_delay_after_boot" => {
                self.said_once("vrrp_delay_after_boot", id);
                if let Some(delay) = self.delay(id) {
                    self.model.global.vrrp.delay_after_boot = delay;
                }
            }
            "log_unknown_vrids" => {
                self.said_once("log_unknown_vrids", id);
                self.flag(id);
                self.model.global.vrrp.log_unknown_vrids = true;
            }
            _ => {
                return self.global_delivery(id)
                    || self.global_behaviour(id)
                    || self.global_announce(id)
                    || self.global_pace(id);
            }
        }
        true
    }

    fn delay(&mut self, id: StatementId) -> Option<Duration> {
        let word = self.value(id, "a time in seconds")?;
        self.seconds(word, SHORTEST_DELAY..=LONGEST_TIMEOUT)
    }
}
