//! A timer to the nanosecond: the runtime's own counts milliseconds.

use std::io;
use std::time::Duration;

use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};

use super::vigil::Vigil;
use crate::moment::Moment;

/// Goes off once at a given moment (timerfd_create(2), CLOCK_MONOTONIC).
pub struct Alarm {
    timer: TimerFd,
    /// What the kernel's timer is set to. It may go off too early, never too late: an
    /// alarm that is put off again and again, as by every advert that is heard, costs no
    /// system call each time.
    armed: Option<Moment>,
}

impl Alarm {
    /// An alarm that is not set, and that `vigil` tells of by this number.
    ///
    /// # Errors
    /// Where there are no descriptors left.
    pub fn new(vigil: &Vigil, number: u64) -> io::Result<Self> {
        let flags = TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC;
        let timer = TimerFd::new(ClockId::CLOCK_MONOTONIC, flags)?;
        vigil.begin(&timer, number)?;
        Ok(Alarm { timer, armed: None })
    }

    /// Sets it, or with None leaves it. What has passed goes off at once. It may go off
    /// before its time, when it was set to something earlier until now: then it is to be
    /// set again.
    ///
    /// # Errors
    /// None with a descriptor that is a timer.
    pub fn set(&mut self, at: Option<Moment>) -> io::Result<()> {
        match at {
            Some(at) if self.armed.is_none_or(|armed| at < armed) => self.arm(at),
            _ => Ok(()),
        }
    }

    fn arm(&mut self, at: Moment) -> io::Result<()> {
        self.armed = Some(at);
        // Zero would take it back.
        let after_boot = at.elapsed_since_boot().max(Duration::from_nanos(1));
        let flags = TimerSetTimeFlags::TFD_TIMER_ABSTIME;
        Ok(self
            .timer
            .set(Expiration::OneShot(after_boot.into()), flags)?)
    }

    /// It has been told that it has gone off.
    pub fn gone_off(&mut self) {
        self.armed = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::clock;

    fn wait(vigil: &mut Vigil, alarm: &mut Alarm) {
        let told: Vec<_> = vigil.look(None).unwrap().collect();
        assert_eq!(told, [5]);
        alarm.gone_off();
    }

    fn alarm() -> (Vigil, Alarm) {
        let vigil = Vigil::new().unwrap();
        let alarm = Alarm::new(&vigil, 5).unwrap();
        (vigil, alarm)
    }

    #[test]
    fn it_goes_off_at_its_time_and_not_before() {
        let (mut vigil, mut alarm) = alarm();
        for millis in [3, 0, 7] {
            let at = clock::now() + Duration::from_millis(millis);
            alarm.set(Some(at)).unwrap();
            wait(&mut vigil, &mut alarm);
            assert!(clock::now() >= at);
        }
    }

    #[test]
    fn what_has_passed_goes_off_at_once() {
        let (mut vigil, mut alarm) = alarm();
        alarm
            .set(Some(clock::now() + Duration::from_secs(60)))
            .unwrap();
        alarm.set(Some(Moment::default())).unwrap();
        wait(&mut vigil, &mut alarm);
    }

    #[test]
    fn put_off_it_goes_off_early_and_then_at_its_time() {
        let (mut vigil, mut alarm) = alarm();
        let soon = clock::now() + Duration::from_millis(5);
        let later = soon + Duration::from_millis(10);
        alarm.set(Some(soon)).unwrap();
        alarm.set(Some(later)).unwrap();
        wait(&mut vigil, &mut alarm);
        assert!(clock::now() >= soon);
        alarm.set(Some(later)).unwrap();
        wait(&mut vigil, &mut alarm);
        assert!(clock::now() >= later);
    }

    #[test]
    fn put_off_it_can_be_brought_forward_again() {
        let (mut vigil, mut alarm) = alarm();
        let began = clock::now();
        let (soon, later) = (Duration::from_millis(5), Duration::from_secs(60));
        alarm.set(Some(began + later)).unwrap();
        alarm.set(Some(began + soon)).unwrap();
        alarm.set(Some(began + later)).unwrap();
        alarm.set(Some(began + soon)).unwrap();
        wait(&mut vigil, &mut alarm);
        let now = clock::now();
        assert!(now >= began + soon && now < began + later);
    }
}
