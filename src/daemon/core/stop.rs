//! The end of core: the addresses go to another director at once, everything that is
//! owned goes out of the kernel, the scripts and mails about it have a moment, and then
//! nothing of us is left.

use super::*;
use crate::config::model::FlushOnStop;
use crate::daemon::core::child::{Front, Kind};
use crate::daemon::core::slot::Slot;
use crate::daemon::messages::{ToFront, ToVrrp};

/// How long the checker and the vrrp process may take to end by themselves when asked
/// to, with everything out of the kernel. keepalived's child_wait_time is 5 s.
const STOP_PATIENCE: Duration = Duration::from_secs(5);

/// How long after that notify scripts may run. keepalived gives them one second.
const SCRIPT_PATIENCE: Duration = Duration::from_secs(10);

/// How long mails that wait are tried at the end.
const MAIL_PATIENCE: Duration = Duration::from_secs(2);

/// Core is on its way out.
pub(super) struct End {
    pub checker: Leaving,
    pub vrrp: Leaving,
    /// Notify scripts must have ended by then. None while a child is there that may
    /// still ask for some.
    pub scripts_until: Option<Moment>,
    /// The front process must have ended by then. None until it has been asked to.
    pub front_until: Option<Moment>,
}

/// A child that has been asked to end.
pub(super) struct Leaving {
    /// It must have ended by then.
    pub until: Moment,
    /// It has said that everything is out of the kernel.
    pub done: bool,
    /// A second one has been started to take out what a first one could not.
    pub second: bool,
}

impl Leaving {
    fn new(now: Moment) -> Self {
        Leaving {
            until: now + STOP_PATIENCE,
            done: false,
            second: false,
        }
    }

    /// When patience with it ends; a killed one has a moment more to go.
    fn deadline(&self, is_killed: bool) -> Moment {
        match is_killed {
            true => self.until + STOP_PATIENCE,
            false => self.until,
        }
    }

    /// Whether another one is to be started, for the one that was there has ended
    /// without having done what it was to do. At most once.
    fn tries_again(&mut self, now: Moment) -> bool {
        let again = !self.done && !self.second;
        if again {
            self.second = true;
            self.until = now + STOP_PATIENCE;
        }
        again
    }
}

impl End {
    /// When something is to be done though nothing happens.
    pub fn wake(&self, core: &Core) -> Option<Moment> {
        let checker = awaited(&core.checker, &self.checker);
        let vrrp = awaited(&core.vrrp, &self.vrrp);
        let scripts = self.scripts_until.filter(|_| !core.notifier.is_idle());
        let front = self.front_until.filter(|_| core.front.is_there());
        [checker, vrrp, scripts, front].into_iter().flatten().min()
    }
}

impl Core {
    pub(super) fn stop(&mut self, cause: Cause) {
        if self.ending.is_some() {
            return;
        }
        self.tell(Told {
            cause,
            what: What::Stopping,
        });
        crate::sys::systemd::stopping();
        self.checker.cancel_restart();
        self.vrrp.cancel_restart();
        self.front.cancel_restart();
        let now = clock::now();
        self.ending = Some(End {
            checker: Leaving::new(now),
            vrrp: Leaving::new(now),
            scripts_until: None,
            front_until: None,
        });
        // First who others wait for.
        match self.vrrp.is_there() {
            true => self.vrrp.send(&ToVrrp::Stop),
            // It has died just now: another one takes away what it has left.
            false => self.hand_over_what_is_left(),
        }
        match self.checker.is_there() {
            true => self.send_stop_to_checker(),
            false => self.take_out_what_is_left(),
        }
        // With -I nothing goes down.
        if !self.options.keep_ipvs {
            self.notify_of_end();
        }
    }

    /// At the end there is no vrrp process: if it has not handed over, another one does.
    pub(super) fn hand_over_what_is_left(&mut self) {
        let has_left = !self.start_failed && !self.routers_in_force.settings.instances.is_empty();
        let Some(end) = &mut self.ending else { return };
        if has_left && !self.vrrp_dismissed && end.vrrp.tries_again(clock::now()) {
            self.start_vrrp(Cause::Process);
            self.vrrp.send(&ToVrrp::Stop);
        }
    }

    /// The same for the checker.
    pub(super) fn take_out_what_is_left(&mut self) {
        let is_kept = self.options.keep_ipvs && self.record.held().is_empty();
        let has_left = !self.start_failed && !is_kept && !self.record.is_empty();
        let Some(end) = &mut self.ending else { return };
        if has_left && end.checker.tries_again(clock::now()) {
            self.start_checker(Cause::Process);
            self.send_stop_to_checker();
        }
    }

    fn send_stop_to_checker(&mut self) {
        // What stays, stays: `-I` is stronger than what the file says, as with keepalived.
        let release = !self.options.keep_ipvs && self.serves(Subsystem::Checkers);
        let flushes = self.model.global.ipvs.flush_on_stop == Some(FlushOnStop::Everything);
        let flush = release && flushes && !self.start_failed;
        self.checker.send(&ToChecker::Stop { release, flush });
    }

    /// Takes the next step towards the end; whether it has come.
    pub(super) fn advance_end(&mut self, now: Moment) -> bool {
        let Some(end) = &mut self.ending else {
            return false;
        };
        give_up_waiting(&mut self.checker, &end.checker, now);
        give_up_waiting(&mut self.vrrp, &end.vrrp, now);
        let checker = awaited(&self.checker, &end.checker);
        let vrrp = awaited(&self.vrrp, &end.vrrp);
        if checker.into_iter().chain(vrrp).any(|until| now < until) {
            return false;
        }
        let scripts_until = *end.scripts_until.get_or_insert(now + SCRIPT_PATIENCE);
        if !self.notifier.is_idle() && now < scripts_until {
            return false;
        }
        self.notifier.give_up();
        let front_until = match end.front_until {
            Some(until) => until,
            None => {
                self.front.send(&ToFront::Stop);
                // Without mails it has nothing to wait for.
                let until = match self.outbox.is_empty() {
                    true => now + Front::ROUND,
                    false => now + MAIL_PATIENCE,
                };
                end.front_until = Some(until);
                until
            }
        };
        !self.front.is_there() || front_until <= now
    }

    pub(super) async fn finish(mut self) -> ExitCode {
        self.scripts.shutdown().await;
        self.notifier.shutdown().await;
        self.drop_mails("ipvsd ends");
        drop(self.control);
        // While we hold the lock: the next director writes files of the same names.
        let is_clean = self.record.is_empty();
        if is_clean {
            self.record.remove();
            self.keep.remove();
        } else if let Err(error) = self.keep.write_if_changed(&self.memory, clock::now()) {
            tracing::warn!("cannot keep what is known about the real servers: {error}");
        }
        drop((self.checker, self.vrrp, self.front));
        self.pid_file.remove();
        if let Some(lock) = self.table_lock {
            lock.remove();
        }
        self.lock.remove();
        if is_clean {
            // Only where nothing of anybody's is left in it.
            let _ = std::fs::remove_dir(&self.run_dir);
        }
        tracing::info!("Stopped ipvsd v{}", env!("CARGO_PKG_VERSION"));
        let is_kept = self.options.keep_ipvs || self.options.only == Some(Subsystem::Vrrp);
        match (is_clean || is_kept) && !self.start_failed && !self.left_addresses {
            true => ExitCode::SUCCESS,
            false => ExitCode::FAILURE,
        }
    }
}

/// Until when an end is waited for; none where it has come.
fn awaited<K: Kind>(slot: &Slot<K>, leaving: &Leaving) -> Option<Moment> {
    let is_killed = slot.working().is_none();
    slot.is_there().then(|| leaving.deadline(is_killed))
}

/// Kills a child that does not end by itself. That it has ended comes as news, and
/// another one may take its place.
fn give_up_waiting<K: Kind>(slot: &mut Slot<K>, leaving: &Leaving, now: Moment) {
    if let Some(pid) = slot.working()
        && leaving.until <= now
    {
        tracing::error!(
            "{} process({pid}) has not ended within {} s: killing it",
            K::NAME,
            STOP_PATIENCE.as_secs()
        );
        slot.kill();
    }
}
