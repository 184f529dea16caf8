//! The place of a child: the one that runs, when the next is started, how often it came
//! to that.

use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::time::Duration;

use super::child::{Child, Kind, News, Silence};
use super::report::ChildStatus;
use crate::moment::Moment;
use crate::sys::{clock, pidfile};

/// A child that lives shorter than this is started again after a pause.
const SHORT_LIFE: Duration = Duration::from_secs(10);

/// The place of one kind of child.
pub struct Slot<K: Kind> {
    child: Option<Child<K>>,
    /// Where its pid is written.
    pid_file: PathBuf,
    wrote_pid: bool,
    restarts: u64,
    short_lives: u32,
    /// When the next one is to be started, if there is none.
    restart_at: Option<Moment>,
    /// The next round of the watchdog.
    watch_at: Moment,
}

/// What is known of a child that has ended.
#[derive(Debug)]
pub struct Late {
    pub pid: u32,
    pub gave_up: Option<String>,
    /// It was killed because it was silent for too long, which was told at once.
    pub hung: bool,
}

impl<K: Kind> Slot<K> {
    pub fn new(pid_file: PathBuf) -> Self {
        Slot {
            child: None,
            pid_file,
            wrote_pid: false,
            restarts: 0,
            short_lives: 0,
            restart_at: None,
            watch_at: Moment::default(),
        }
    }

    /// Starts a child. The caller has made sure that there is none, and sends it its
    /// first message. `handed` as with [`Child::start`].
    ///
    /// # Errors
    /// Where there are no descriptors or processes left.
    pub fn start(&mut self, in_background: bool, handed: Option<OwnedFd>) -> io::Result<u32> {
        debug_assert!(self.child.is_none());
        let child = Child::start(in_background, handed)?;
        let pid = child.pid;
        match pidfile::write_child(&self.pid_file, pid) {
            Ok(()) => self.wrote_pid = true,
            Err(error) => tracing::warn!("{error}"),
        }
        self.child = Some(child);
        self.restart_at = None;
        self.watch_at = clock::now() + K::ROUND;
        Ok(pid)
    }

    /// Whether there is one, be it on its way out.
    pub fn is_there(&self) -> bool {
        self.child.is_some()
    }

    /// The pid of the one that works.
    pub fn working(&self) -> Option<u32> {
        let child = self.child.as_ref().filter(|child| !child.is_killed())?;
        Some(child.pid)
    }

    pub fn send(&mut self, message: &K::To) {
        if let Some(child) = &mut self.child {
            child.send(message);
        }
    }

    /// It has said why it cannot do its work.
    pub fn gave_up(&mut self, why: String) {
        if let Some(child) = &mut self.child {
            child.gave_up = Some(why);
        }
    }

    /// News of the child; never, if there is none.
    pub async fn news(&mut self) -> News<K> {
        match &mut self.child {
            Some(child) => child.news().await,
            None => std::future::pending().await,
        }
    }

    /// Does a round of the watchdog if one is due. One that has been missed is not made
    /// up for. What it says of a child comes with its pid.
    pub fn watch(&mut self, now: Moment) -> Option<(u32, Silence)> {
        let child = self.child.as_mut()?;
        if now < self.watch_at {
            return None;
        }
        self.watch_at = now + K::ROUND;
        child.watch().map(|silence| (child.pid, silence))
    }

    pub fn kill(&mut self) {
        if let Some(child) = &mut self.child {
            child.kill();
        }
    }

    /// After [`News::Ended`]: the place is free.
    pub fn clear(&mut self) -> Option<Late> {
        let mut child = self.child.take()?;
        self.remove_pid();
        if clock::now() - child.since >= SHORT_LIFE {
            self.short_lives = 0;
        }
        Some(Late {
            pid: child.pid,
            gave_up: child.gave_up.take(),
            hung: child.hung,
        })
    }

    /// Another is to be started: at once the first time, and after growing pauses where
    /// that does not help.
    pub fn restart(&mut self) {
        self.restarts += 1;
        self.pause();
    }

    /// The same for one that could not even be started.
    pub fn pause(&mut self) {
        self.restart_at = Some(clock::now() + pause(self.short_lives).min(K::LONGEST_PAUSE));
        self.short_lives = self.short_lives.saturating_add(1);
    }

    /// Whether another is about to be started.
    pub fn is_pausing(&self) -> bool {
        self.restart_at.is_some()
    }

    /// Whether it is time to start another.
    pub fn is_due(&self, now: Moment) -> bool {
        self.restart_at.is_some_and(|at| at <= now)
    }

    /// No other is to be started.
    pub fn cancel_restart(&mut self) {
        self.restart_at = None;
    }

    /// When there is something to be done for it though nothing happens.
    pub fn wake(&self) -> Option<Moment> {
        let watch_at = self.child.is_some().then_some(self.watch_at);
        watch_at.into_iter().chain(self.restart_at).min()
    }

    /// For the status; none while none runs.
    pub fn status(&self, answers: bool, now: Moment) -> Option<ChildStatus> {
        let child = self.child.as_ref()?;
        Some(ChildStatus {
            process: K::NAME.to_owned(),
            pid: child.pid,
            answers,
            age: (now - child.since).as_secs_f64(),
            restarts: self.restarts,
        })
    }

    /// Only what we have written.
    fn remove_pid(&mut self) {
        if std::mem::take(&mut self.wrote_pid) {
            let _ = std::fs::remove_file(&self.pid_file);
        }
    }
}

impl<K: Kind> Drop for Slot<K> {
    fn drop(&mut self) {
        self.remove_pid();
    }
}

/// How long to wait after this many short lives.
fn pause(short_lives: u32) -> Duration {
    match short_lives {
        0 => Duration::ZERO,
        n => Duration::from_secs(1 << (n - 1).min(10)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::core::child::{Checker, Vrrp};

    /// The pauses before the ones that follow each other, each of a short life.
    fn pauses<K: Kind>() -> Vec<u64> {
        let mut slot = Slot::<K>::new(PathBuf::new());
        let mut next = || {
            let now = clock::now();
            slot.restart();
            let at = slot.restart_at.expect("another is started");
            (at - now + Duration::from_millis(500)).as_secs()
        };
        (0..9).map(|_| next()).collect()
    }

    #[test]
    fn the_first_time_there_is_no_pause_and_then_they_grow_to_a_bound() {
        assert_eq!(pauses::<Checker>(), [0, 1, 2, 4, 8, 16, 30, 30, 30]);
    }

    #[test]
    fn who_is_master_comes_back_before_others_take_over() {
        assert_eq!(pauses::<Vrrp>(), [0, 1, 1, 1, 1, 1, 1, 1, 1]);
        assert_eq!(pause(u32::MAX).min(Vrrp::LONGEST_PAUSE).as_secs(), 1);
    }
}
