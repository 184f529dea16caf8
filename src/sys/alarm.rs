//! A timer to the nanosecond: the runtime's own counts milliseconds.

use std::io;
use std::os::fd::{AsFd, AsRawFd, RawFd};

use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
use tokio::io::unix::AsyncFd;

use super::readiness;
use crate::moment::Moment;

/// Goes off once at a given moment (timerfd_create(2), CLOCK_MONOTONIC).
pub struct Alarm {
    timer: AsyncFd<Timer>,
    at: Option<Moment>,
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
        Ok(Alarm { timer, at: None })
    }

    /// Sets it, or with None takes it back. What has passed goes off at once.
    ///
    /// # Errors
    /// None with a descriptor that is a timer.
    pub fn set(&mut self, at: Option<Moment>) -> io::Result<()> {
        if at == self.at {
            return Ok(());
        }
        self.at = at;
        let timer = &self.timer.get_ref().0;
        match at {
            // Zero would take it back.
            Some(at) => {
                let at = at
                    .elapsed_since_boot()
                    .max(std::time::Duration::from_nanos(1));
                let flags = TimerSetTimeFlags::TFD_TIMER_ABSTIME;
                timer.set(Expiration::OneShot(at.into()), flags)?;
            }
            None => timer.unset()?,
        }
        readiness::is_used_up(&self.timer);
        Ok(())
    }

    /// Waits until it goes off. May be dropped and called again.
    ///
    /// # Errors
    /// Where the runtime is at its end.
    pub async fn gone_off(&mut self) -> io::Result<()> {
        let mut ready = self.timer.readable().await?;
        ready.clear_ready();
        self.at = None;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::clock;
    use std::time::Duration;

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
}
