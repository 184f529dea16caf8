//! What all children have in common: the watchdog, the next one in the place of one that
//! was lost, and when everything is as a configuration wants it.

use super::*;
use crate::daemon::core::child::{Kind, Silence};
use crate::daemon::core::slot::{Late, Slot};
use crate::lvs::advice::Finding;

/// A configuration on its way into force. It has arrived when every process that it
/// concerns has said so.
#[derive(Debug)]
pub(super) struct Arriving {
    pub generation: u64,
    /// Where there are virtual servers: the operations that it took to have the kernel's
    /// table as wanted, once it is.
    pub operations: Option<u64>,
    /// The vrrp process has it, where there are instances.
    pub vrrp: bool,
}

impl Arriving {
    pub fn new(generation: u64) -> Self {
        Arriving {
            generation,
            operations: None,
            vrrp: false,
        }
    }
}

impl Core {
    /// Whether a configuration serves this at all, by the command line.
    pub(super) fn serves(&self, subsystem: Subsystem) -> bool {
        self.options.only.is_none_or(|only| only == subsystem)
    }

    /// Tells that a configuration is in force, once everything has arrived.
    pub(super) fn check_arrival(&mut self) {
        let Some(arriving) = &self.arriving else {
            return;
        };
        let has_table = arriving.operations.is_some() || !self.needs_checker();
        let has_vrrp = arriving.vrrp || !self.needs_vrrp();
        if !has_table || !has_vrrp || self.ending.is_some() {
            return;
        }
        let generation = arriving.generation;
        let operations = arriving.operations.unwrap_or_default();
        self.advise();
        self.arriving = None;
        let told = if self.started_up {
            Told {
                cause: Cause::Reload { generation },
                what: What::ReloadComplete {
                    generation,
                    operations,
                },
            }
        } else {
            self.started_up = true;
            Told {
                cause: Cause::Start,
                what: What::StartupComplete {
                    virtual_servers: self.virtual_servers().len(),
                    real_servers: self
                        .virtual_servers()
                        .iter()
                        .map(|vs| vs.real_servers.len())
                        .sum(),
                    instances: self.routers().settings.instances.len(),
                },
            }
        };
        self.tell(told);
    }

    /// Tells what the host is set to that does not suit the configuration, where that is new.
    fn advise(&mut self) {
        let findings = self.advice();
        for finding in findings.iter().filter(|it| !self.advised.contains(it)) {
            tracing::warn!("{finding}");
        }
        self.advised = findings;
    }

    /// What the host is set to now that does not suit the configuration.
    pub(super) fn advice(&self) -> Vec<Finding> {
        match self.serves(Subsystem::Checkers) {
            true => {
                let model = &*self.model;
                let look = || crate::daemon::advice::look(model);
                let namespace = self.place.table_name();
                let in_namespace = |finding| Finding {
                    namespace: namespace.map(str::to_owned),
                    ..finding
                };
                let findings = self.place.at_the_table(look).into_iter();
                findings.map(in_namespace).collect()
            }
            false => Vec::new(),
        }
    }

    /// A child could not be started, or has ended during the start: the director has not
    /// started. What has come into being until now is taken away again.
    pub(super) fn fail_start(&mut self, why: &str) {
        tracing::error!("{why}");
        self.start_failed = true;
        self.stop(Cause::Process);
    }

    /// A child has ended that should not have.
    pub(super) fn tell_of_death<K: Kind>(&mut self, late: &mut Late, how: String) {
        // That it hung was told when it was found out.
        if !late.hung {
            let how = late.gave_up.take().unwrap_or(how);
            self.tell(Told {
                cause: Cause::Process,
                what: What::ProcessDied {
                    process: K::NAME.into(),
                    pid: late.pid,
                    how,
                },
            });
        }
    }

    /// The rounds of the watchdog that are due. At the end nobody is watched but who has
    /// to hand over: others wait for that.
    pub(super) fn watch(&mut self, now: Moment) {
        let mut hung = vec![watch(&mut self.vrrp, now)];
        if self.ending.is_none() {
            hung.push(watch(&mut self.checker, now));
            hung.push(watch(&mut self.front, now));
        }
        for what in hung.into_iter().flatten() {
            self.tell(Told {
                cause: Cause::Process,
                what,
            });
        }
    }

    /// Starts those whose pause is over.
    pub(super) fn restart_due(&mut self, now: Moment) {
        if self.ending.is_some() {
            return;
        }
        if self.checker.is_due(now) {
            self.checker.cancel_restart();
            self.start_checker(Cause::Process);
        }
        if self.vrrp.is_due(now) {
            self.vrrp.cancel_restart();
            self.start_vrrp(Cause::Process);
        }
        if self.front.is_due(now) {
            self.front.cancel_restart();
            self.start_front(Cause::Process);
        }
    }

    pub(super) fn tell_started<K: Kind>(&mut self, pid: u32, cause: Cause) {
        let what = What::ProcessStarted {
            process: K::NAME.into(),
            pid,
        };
        self.tell(Told { cause, what });
    }

    pub(super) fn tell_all(&mut self, told: Vec<Told>) {
        for told in told {
            self.tell(told);
        }
    }

    /// Puts an event down and passes it on to whom it concerns.
    pub(super) fn tell(&mut self, told: Told) {
        let event = self.journal.tell(told);
        if let What::Vrrp(event) = &event.what {
            self.notify(event);
        }
        self.mail(&event);
    }
}

/// What is to be told after a round of the watchdog.
fn watch<K: Kind>(slot: &mut Slot<K>, now: Moment) -> Option<What> {
    let (pid, silence) = slot.watch(now)?;
    match silence {
        Silence::TooLong(silent) => Some(What::ProcessHung {
            process: K::NAME.into(),
            pid,
            silent_seconds: silent.as_secs(),
        }),
        Silence::Unkillable => {
            tracing::error!(
                "{} process({pid}) was killed and does not end: it hangs in the kernel (`cat /proc/{pid}/stack` shows where); no other is started before it has",
                K::NAME
            );
            None
        }
    }
}
