//! A timer to the nanosecond: the runtime's own counts milliseconds.

use std::io;
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::time::Duration;

use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
use tokio::io::unix::AsyncFd;

use super::{clock, readiness};
use crate::moment::Moment;

/// Goes off once at a given moment (timerfd_create(2), CLOCK_MONOTONIC).
pub struct Alarm {
    timer: AsyncFd<Timer>,
    at: Option<Moment>,
    /// What the kernel's timer is set to. It may go off too early, never too late: an
    /// alarm that is put off again and again, as by every advert that is heard, costs no
    /// system call each time.
    armed: Option<Moment>,
}

struct Timer(TimerFd);

impl AsRawFd for Timer {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_fd().as_raw_fd()
    }
}

impl Alarm {
    /// An alarm that is not set. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// Where there are no descriptors left.
    pub fn new() -> io::Result<Self> {
        let flags = TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC;
        let timer = TimerFd::new(ClockId::CLOCK_MONOTONIC, flags)?;
        // SAFETY: the timer keeps its descriptor open until it is dropped, which AsyncFd
        // does itself.
        let timer = unsafe { AsyncFd::register(Timer(timer)) }?;
        Ok(Alarm {
            timer,
            at: None,
            armed: None,
        })
    }

    /// Sets it, or with None takes it back. What has passed goes off at once.
    ///
    /// # Errors
    /// None with a descriptor that is a timer.
    pub fn set(&mut self, at: Option<Moment>) -> io::Result<()> {
        self.at = at;
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
        let timer = &self.timer.get_ref().0;
        timer.set(Expiration::OneShot(after_boot.into()), flags)?;
        readiness::is_used_up(&self.timer);
        Ok(())
    }

    /// Waits until it goes off. May be dropped and called again.
    ///
    /// # Errors
    /// Where the runtime is at its end.
    pub async fn gone_off(&mut self) -> io::Result<()> {
        loop {
            let mut ready = self.timer.readable().await?;
            ready.clear_ready();
            self.armed = None;
            match self.at {
                Some(at) if at <= clock::now() => {
                    self.at = None;
                    return Ok(());
                }
                Some(at) => self.arm(at)?,
                None => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "current_thread")]
    async fn it_goes_off_at_its_time_and_not_before() {
        let mut alarm = Alarm::new().unwrap();
        for millis in [3, 0, 7] {
            let at = clock::now() + Duration::from_millis(millis);
            alarm.set(Some(at)).unwrap();
            alarm.gone_off().await.unwrap();
            assert!(clock::now() >= at);
        }
    }

    #[tokio::test(flavor = "current_thread")]
    async fn it_can_be_put_off_and_taken_back() {
        let mut alarm = Alarm::new().unwrap();
        alarm.set(Some(clock::now())).unwrap();
        alarm.set(None).unwrap();
        let wait = Duration::from_millis(20);
        tokio::time::timeout(wait, alarm.gone_off())
            .await
            .unwrap_err();
        let at = clock::now() + Duration::from_millis(5);
        alarm.set(Some(Moment::default())).unwrap();
        alarm.set(Some(at)).unwrap();
        alarm.gone_off().await.unwrap();
        assert!(clock::now() >= at);
    }

    #[tokio::test(flavor = "current_thread")]
    async fn put_off_it_can_be_brought_forward_again() {
        let mut alarm = Alarm::new().unwrap();
        let began = clock::now();
        let (soon, later) = (Duration::from_millis(5), Duration::from_secs(60));
        alarm.set(Some(began + soon)).unwrap();
        alarm.set(Some(began + later)).unwrap();
        // The kernel's timer goes off meanwhile.
        tokio::time::timeout(soon * 4, alarm.gone_off())
            .await
            .unwrap_err();
        let at = clock::now() + soon;
        alarm.set(Some(at)).unwrap();
        alarm.gone_off().await.unwrap();
        let now = clock::now();
        assert!(now >= at && now < began + later);
    }
}
