//! The checker: started with everything known, heard, replaced.

use super::*;
use crate::daemon::core::child::{Checker, News};
use crate::daemon::scripts::Leavings;
use crate::lvs::Timeouts;
use crate::vrrp::State;

impl Core {
    /// What is to be in the kernel's table.
    pub(super) fn virtual_servers(&self) -> &[VirtualServer] {
        match self.serves(Subsystem::Checkers) {
            true => &self.model.virtual_servers,
            false => &[],
        }
    }

    /// What of a configuration is to be in the kernel's table; with `-P` nothing.
    pub(super) fn services_of(&self, model: &Model) -> Vec<ServiceKey> {
        match self.serves(Subsystem::Checkers) {
            true => model.services().collect(),
            false => Vec::new(),
        }
    }

    /// Whether there is anything for a checker to do.
    pub(super) fn needs_checker(&self) -> bool {
        let ipvs = &self.model.global.ipvs;
        let has_some = !self.model.virtual_servers.is_empty()
            || !self.record.is_empty()
            || ipvs.has_settings();
        // With `-P` connections are told all the same, as with keepalived.
        self.serves(Subsystem::Checkers) && has_some || ipvs.sync.is_some()
    }

    /// Starts a checker, where there is anything to do for it, with the present
    /// configuration and everything known.
    pub(super) fn start_checker(&mut self, cause: Cause) {
        if !self.needs_checker() {
            return;
        }
        // What is found in the kernel of these is ours; of the others that are about
        // to be written down it is someone else's.
        let owned: Vec<ServiceKey> = match self.serves(Subsystem::Checkers) {
            true => self.record.services().collect(),
            false => Vec::new(),
        };
        let wanted = self.services_of(&self.model);
        if let Err(error) = self.record.add(wanted) {
            return self.cannot_start_checker(&format!(
                "cannot write down which virtual servers are ours, so none is added to the kernel: {error}"
            ));
        }
        let pid = match self.checker.start(self.options.in_background) {
            Ok(pid) => pid,
            Err(error) => {
                return self
                    .cannot_start_checker(&format!("cannot start the checker process: {error}"));
            }
        };
        self.tell_started::<Checker>(pid, cause.clone());
        let is_master = self.is_followed_master();
        self.told_master = is_master;
        self.schedule_new_checker(pid);
        self.checker.send(&ToChecker::Start(Box::new(Start {
            generation: self.generation,
            model: self.model_for_checker(),
            owned: owned.clone(),
            held: self.record.held().clone(),
            is_master,
            // Once: whoever comes later has not been here before.
            flush: self.model.global.ipvs.flush
                && cause == Cause::Start
                && !self.virtual_servers().is_empty(),
            memory: self.memory.clone(),
            suspended: self.presence.suspended().to_vec(),
            cause,
        })));
        self.owned_before = owned;
    }

    /// What a checker has to know; with `-P` only of whom to tell connections.
    fn model_for_checker(&self) -> Model {
        let mut model = self.model.without_vrrp();
        if !self.serves(Subsystem::Checkers) {
            model.virtual_servers.clear();
            model.global.ipvs.timeouts = Timeouts::default();
        }
        model
    }

    /// Another configuration has been taken.
    pub(super) fn reload_checker(&mut self, cause: Cause) {
        let generation = self.generation;
        if self.checker.working().is_some() {
            self.reschedule_checker();
            let model = Box::new(self.model_for_checker());
            let is_master = self.is_followed_master();
            self.told_master = is_master;
            self.checker.send(&ToChecker::Reload {
                generation,
                model,
                is_master,
                suspended: self.presence.suspended().to_vec(),
            });
        } else if !self.checker.is_there() && !self.checker.is_pausing() {
            self.start_checker(cause);
        }
        // Otherwise the next one begins with it.
    }

    /// Whether the instance is master that the synchronisation of connections follows; None
    /// where it is not run here.
    fn is_followed_master(&self) -> Option<bool> {
        let sync = self.model.global.ipvs.sync.as_ref()?;
        let name = sync.follows.as_ref()?;
        let is_run = self.serves(Subsystem::Vrrp)
            && (self.model.vrrp_instances.iter()).any(|it| it.settings.name == *name);
        let instance = self.vrrp_memory.instances.get(name);
        is_run.then(|| instance.is_some_and(|it| it.state == State::Master))
    }

    /// Something has become of the instances.
    pub(super) fn follow_instance(&mut self) {
        let is_master = self.is_followed_master();
        if self.told_master != is_master {
            self.told_master = is_master;
            self.checker.send(&ToChecker::Follow { is_master });
        }
    }

    fn cannot_start_checker(&mut self, why: &str) {
        if self.ending.is_some() {
            tracing::error!("{why}");
        } else if self.started_up {
            tracing::error!("{why}");
            self.checker.pause();
        } else {
            self.fail_start(why);
        }
    }

    pub(super) fn on_checker_news(&mut self, news: News<Checker>) {
        match news {
            News::Said(message) => self.on_checker_message(*message),
            News::Ended(how) => self.on_checker_ended(how),
        }
    }

    fn on_checker_ended(&mut self, how: String) {
        let Some(mut late) = self.checker.clear() else {
            return;
        };
        // With it go the scripts that it waited for, so that its successor's are the
        // only ones.
        self.scripts.abort_all();
        if self.ending.is_some() {
            return self.take_out_what_is_left();
        }
        if late.gave_up.is_some() {
            // It has touched nothing, so nothing has become ours.
            let owned = std::mem::take(&mut self.owned_before);
            self.write_record(owned);
        }
        if !self.started_up && !late.hung {
            let why = late
                .gave_up
                .unwrap_or_else(|| format!("the checker process ended during the start: {how}"));
            return self.fail_start(&why);
        }
        self.tell_of_death::<Checker>(&mut late, how);
        self.checker.restart();
    }

    fn on_checker_message(&mut self, message: FromChecker) {
        match message {
            FromChecker::Alive => {}
            FromChecker::Failed(why) => self.checker.gave_up(why),
            FromChecker::Pools { pools, told } => {
                self.notify_of_pools(&pools);
                self.memory.pools = pools.into_iter().collect();
                self.memory.keep_only(&self.model);
                self.keep.changed();
                self.tell_all(told);
            }
            FromChecker::Verdict(news) => {
                self.notify_of_verdict(&news);
                let NewVerdict {
                    key,
                    verdict,
                    server,
                    quorum_up,
                    sorry,
                    told,
                } = *news;
                if let Some(pool) = self.memory.pools.get_mut(&key.pool) {
                    pool.quorum_up = quorum_up;
                    pool.sorry = sorry;
                    pool.servers.insert(key.server, server);
                }
                self.memory.verdicts.insert(key, verdict);
                self.keep.changed();
                self.tell_all(told);
            }
            FromChecker::Connections(counted) => {
                let counted = counted.into_iter();
                let counted = counted.map(|(pool, server, open)| ((pool, server), open));
                self.connections = counted.collect();
            }
            FromChecker::Table(told) => self.tell_all(told),
            FromChecker::Held(held) => {
                if let Err(error) = self.record.hold(held) {
                    tracing::error!(
                        "cannot write down what the timeouts of IPVS were before: {error}"
                    );
                }
            }
            FromChecker::Settled {
                generation,
                operations,
                owned,
            } => {
                self.on_settled(generation, operations, owned);
            }
            FromChecker::RunScript {
                request,
                script,
                generation,
                timeout,
            } => {
                let Some(pid) = self.checker.working() else {
                    return;
                };
                let Some(taken) = self.taken.get(&generation) else {
                    let end = ScriptEnd::NotRun("its configuration is no longer known".into());
                    self.checker.send(&ToChecker::ScriptEnded { request, end });
                    return;
                };
                let runner = taken.runner.clone();
                self.scripts.spawn(async move {
                    let end = runner
                        .run_apart(script, Vec::new(), timeout, Leavings::Kill)
                        .await;
                    Ran { pid, request, end }
                });
            }
            FromChecker::Status { request, live } => {
                self.on_part_of_status(request, Part::Live(live));
            }
            FromChecker::Released { left } => {
                // With -I they are meant to stay.
                for key in left.iter().filter(|_| !self.options.keep_ipvs) {
                    tracing::error!(
                        "virtual server {key} could not be taken out of the kernel: `ipvsadm -D` does it"
                    );
                }
                self.write_record(left);
                if let Some(end) = &mut self.ending {
                    end.checker.done = true;
                }
            }
        }
    }

    fn on_settled(&mut self, generation: u64, operations: u64, owned: Vec<ServiceKey>) {
        self.checker_generation = generation;
        self.forget_old_configurations();
        if generation != self.generation {
            return;
        }
        let wanted = self.services_of(&self.model);
        self.write_record(owned.into_iter().chain(wanted));
        self.settle_checker_scheduling();
        if let Some(arriving) = &mut self.arriving
            && arriving.generation == generation
        {
            arriving.operations = Some(operations);
            self.check_arrival();
        }
    }

    pub(super) fn write_record(&mut self, services: impl IntoIterator<Item = ServiceKey>) {
        if !self.serves(Subsystem::Checkers) {
            // What is ours by an earlier run stays so.
            return;
        }
        if let Err(error) = self.record.replace(services) {
            tracing::error!("cannot write down which virtual servers are ours: {error}");
        }
    }

    pub(super) fn on_script_end(&mut self, ran: Result<Ran, tokio::task::JoinError>) {
        let Ok(Ran { pid, request, end }) = ran else {
            return;
        };
        if self.checker.working() == Some(pid) {
            self.checker.send(&ToChecker::ScriptEnded { request, end });
        }
    }
}
