//! How the vrrp process and the checker are scheduled: what `global_defs` asks for, and
//! what the vrrp process is given in addition when it is late.

use nix::unistd::Pid;

use super::*;
use crate::config::model::{AutoPriority, ProcessOptions};
use crate::sys::scheduling::{Parent, Refusal, Scheduling};

/// The least CPU time that such a process may take under real-time scheduling without
/// waiting for anything. keepalived's default is 10 ms, after which it is killed; but a
/// reload of a thousand instances takes longer than that and harms nobody. A process
/// that runs in circles is found out by the watchdog as well; this is for the host on
/// which core itself does not get a processor any more.
const LEAST_REALTIME_LIMIT: Duration = Duration::from_secs(1);

/// What the present process of a kind has been given.
pub(super) struct ChildScheduling {
    /// None where the kernel does not even tell what core has.
    parent: Option<Parent>,
    given: Scheduling,
    /// It has been given everything since it has all its threads.
    is_settled: bool,
    /// The real-time priority that it has come to by being late.
    raised: Option<u8>,
    /// Another is not tried: the kernel has refused one, or there is none above.
    is_at_end: bool,
}

impl ChildScheduling {
    pub fn new() -> Self {
        let parent = Parent::this();
        if let Err(error) = &parent {
            tracing::warn!("cannot find out how core is scheduled: {error}");
        }
        ChildScheduling {
            parent: parent.ok(),
            given: Scheduling::default(),
            is_settled: false,
            raised: None,
            is_at_end: false,
        }
    }

    /// The real-time priority that it was given for being late.
    pub fn raised_to(&self) -> Option<u8> {
        self.raised
    }

    /// Another process has been started, which has been given nothing yet.
    fn begin(&mut self) {
        self.given = Scheduling::default();
        self.is_settled = false;
        self.raised = None;
        self.is_at_end = false;
    }

    /// The same, and tells of what the kernel refuses. `words` is what the words about the
    /// process begin with.
    fn give_and_tell(&mut self, words: &str, pid: u32, wanted: Scheduling) {
        for refusal in self.give(pid, wanted) {
            tracing::warn!("{words}_{}: {refusal}", refusal.option);
        }
    }

    /// Gives the process what it is to have.
    fn give(&mut self, pid: u32, wanted: Scheduling) -> Vec<Refusal> {
        let Some(parent) = &self.parent else {
            return Vec::new();
        };
        let pid = Pid::from_raw(pid.cast_signed());
        let refused = parent.change(pid, &self.given, &wanted);
        self.given = wanted;
        refused
    }
}

/// What the process is to have: by the file, and by having been late.
fn wanted(options: &ProcessOptions, raised: Option<u8>, may_lock_memory: bool) -> Scheduling {
    let realtime = options.realtime.max(raised);
    let limit = options.realtime_limit.unwrap_or_default();
    Scheduling {
        nice: options.nice,
        realtime,
        realtime_limit: realtime.map(|_| limit.max(LEAST_REALTIME_LIMIT)),
        processors: options.processors.clone(),
        may_lock_memory,
    }
}

/// The next real-time priority of a process that is late; None where there is none
/// above the one that it has.
fn next_priority(present: Option<u8>, auto: AutoPriority) -> Option<u8> {
    let next = present.unwrap_or(0).saturating_add(1);
    (next <= auto.most).then_some(next)
}

impl Core {
    /// From when on the vrrp process is to say that it is late: where something would
    /// come of it.
    pub(super) fn late_from(&self) -> Option<Duration> {
        let auto = self.model.global.auto_priority;
        (auto.most > 0).then_some(auto.from)
    }

    /// A vrrp process has just been started, and nothing has been said to it. It is to
    /// lock its memory or not.
    pub(super) fn schedule_new_vrrp(&mut self, pid: u32, no_swap: bool) {
        self.scheduling.begin();
        self.tell_of_raised_limit();
        self.schedule_vrrp(pid, no_swap);
    }

    /// Another configuration is about to be sent to the vrrp process. One that has to
    /// unlock its memory needs the right to lock it until then.
    pub(super) fn reschedule_vrrp(&mut self, no_swap: bool) {
        let Some(pid) = self.vrrp.working() else {
            return;
        };
        let most = self.model.global.auto_priority.most;
        let raised = self.scheduling.raised.map(|raised| raised.min(most));
        self.scheduling.raised = raised.filter(|raised| *raised > 0);
        self.scheduling.is_at_end = false;
        self.tell_of_raised_limit();
        self.schedule_vrrp(pid, no_swap || self.scheduling.given.may_lock_memory);
    }

    /// The configuration is in force.
    pub(super) fn settle_vrrp_scheduling(&mut self) {
        let Some(pid) = self.vrrp.working() else {
            return;
        };
        if !std::mem::replace(&mut self.scheduling.is_settled, true) {
            // What a thread starts under real-time scheduling has no nice value below 0
            // (SCHED_RESET_ON_FORK, sched(7)).
            self.scheduling.given.nice = None;
        }
        self.schedule_vrrp(pid, self.routers_in_force.no_swap);
    }

    fn schedule_vrrp(&mut self, pid: u32, may_lock_memory: bool) {
        let options = &self.model.global.vrrp_process;
        let wanted = wanted(options, self.scheduling.raised, may_lock_memory);
        self.scheduling.give_and_tell("vrrp", pid, wanted);
    }

    fn tell_of_raised_limit(&self) {
        let global = &self.model.global;
        let is_used = global.vrrp_process.realtime.is_some() || global.auto_priority.most > 0;
        tell_of_raised_limit("vrrp", &global.vrrp_process, is_used);
    }

    /// A checker has just been started, and nothing has been said to it.
    pub(super) fn schedule_new_checker(&mut self, pid: u32) {
        self.checker_scheduling.begin();
        let options = &self.model.global.checker_process;
        tell_of_raised_limit("checker", options, options.realtime.is_some());
        self.schedule_checker(pid, options.no_swap);
    }

    /// Another configuration is about to be sent to the checker, as
    /// [`reschedule_vrrp`](Self::reschedule_vrrp).
    pub(super) fn reschedule_checker(&mut self) {
        let Some(pid) = self.checker.working() else {
            return;
        };
        let options = &self.model.global.checker_process;
        tell_of_raised_limit("checker", options, options.realtime.is_some());
        let may_lock_memory = self.checker_scheduling.given.may_lock_memory;
        self.schedule_checker(pid, options.no_swap || may_lock_memory);
    }

    /// The configuration is in force in the checker.
    pub(super) fn settle_checker_scheduling(&mut self) {
        if let Some(pid) = self.checker.working() {
            self.schedule_checker(pid, self.model.global.checker_process.no_swap);
        }
    }

    fn schedule_checker(&mut self, pid: u32, may_lock_memory: bool) {
        let wanted = wanted(&self.model.global.checker_process, None, may_lock_memory);
        self.checker_scheduling
            .give_and_tell("checker", pid, wanted);
    }

    /// The vrrp process did something later than `min_auto_priority_delay` after its
    /// time.
    pub(super) fn on_vrrp_late(&mut self, by: Duration) {
        let Some(pid) = self.vrrp.working() else {
            return;
        };
        let auto = self.model.global.auto_priority;
        if self.scheduling.is_at_end || by < auto.from {
            return;
        }
        let late = format!("the vrrp process was late by {:.3} s", by.as_secs_f64());
        let Some(next) = next_priority(self.scheduling.given.realtime, auto) else {
            self.scheduling.is_at_end = true;
            tracing::warn!(
                "{late}, and is as high as max_auto_priority {} allows",
                auto.most
            );
            return;
        };
        let options = &self.model.global.vrrp_process;
        let wanted = wanted(options, Some(next), self.scheduling.given.may_lock_memory);
        let before = self.scheduling.given.clone();
        let refused = self.scheduling.give(pid, wanted);
        if refused.is_empty() {
            self.scheduling.raised = Some(next);
            // As keepalived words it.
            tracing::warn!("Set realtime priority {next}: {late}");
            return;
        }
        self.scheduling.is_at_end = true;
        self.scheduling.given = before;
        for refusal in refused {
            tracing::warn!("max_auto_priority: {late}, and {refusal}");
        }
    }
}

fn tell_of_raised_limit(process: &str, options: &ProcessOptions, is_used: bool) {
    if let Some(limit) = options.realtime_limit
        && is_used
        && limit < LEAST_REALTIME_LIMIT
    {
        tracing::warn!(
            "{process}_rlimit_rttime: {} us would end the {process} process in the middle of its work; it has {} us",
            limit.as_micros(),
            LEAST_REALTIME_LIMIT.as_micros()
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn auto(most: u8) -> AutoPriority {
        AutoPriority {
            most,
            ..AutoPriority::default()
        }
    }

    #[test]
    fn real_time_has_a_limit_that_ends_no_work() {
        let mut options = ProcessOptions {
            realtime_limit: Some(Duration::from_secs(3)),
            ..ProcessOptions::default()
        };
        // keepalived.conf(5): used with real-time scheduling only.
        assert_eq!(wanted(&options, None, false), Scheduling::default());
        options.realtime = Some(20);
        let limit = |options: &ProcessOptions| wanted(options, None, false).realtime_limit;
        assert_eq!(limit(&options), Some(Duration::from_secs(3)));
        options.realtime_limit = Some(Duration::from_millis(10));
        assert_eq!(limit(&options), Some(LEAST_REALTIME_LIMIT));
        options.realtime_limit = None;
        assert_eq!(limit(&options), Some(LEAST_REALTIME_LIMIT));
    }

    #[test]
    fn who_is_late_goes_up_by_one_each_time_to_a_bound() {
        assert_eq!(next_priority(None, auto(0)), None);
        assert_eq!(next_priority(None, auto(2)), Some(1));
        assert_eq!(next_priority(Some(1), auto(2)), Some(2));
        assert_eq!(next_priority(Some(2), auto(2)), None);
        // From where the file has it.
        assert_eq!(next_priority(Some(20), auto(99)), Some(21));
        assert_eq!(next_priority(Some(99), auto(99)), None);
        let options = ProcessOptions {
            realtime: Some(20),
            ..ProcessOptions::default()
        };
        assert_eq!(wanted(&options, Some(21), false).realtime, Some(21));
    }
}
