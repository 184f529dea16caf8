//! Telling systemd (sd_notify(3)). Without systemd nothing happens.

use sd_notify::NotifyState;

/// The director runs, or runs again after a reload.
pub fn ready() {
    notify(&[NotifyState::Ready]);
}

/// A new configuration is being read. systemd wants the monotonic time with it
/// (`Type=notify-reload`).
pub fn reloading() {
    let microseconds = super::clock::now().elapsed_since_boot().as_micros();
    let stamp = format!("MONOTONIC_USEC={microseconds}");
    notify(&[NotifyState::Reloading, NotifyState::Custom(&stamp)]);
}

/// The director is on its way out.
pub fn stopping() {
    notify(&[NotifyState::Stopping]);
}

fn notify(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::debug!("cannot tell systemd: {error}");
    }
}
