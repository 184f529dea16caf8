//! The signals that core listens to.

use super::*;

impl Signals {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Signals {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
            dump: [
                signal(SignalKind::user_defined1())?,
                signal(SignalKind::user_defined2())?,
            ],
        })
    }
}

impl Signals {
    /// The next signal, by its name.
    pub(super) async fn next(&mut self) -> &'static str {
        let [first, second] = &mut self.dump;
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
            _ = self.hangup.recv() => "SIGHUP",
            _ = first.recv() => "SIGUSR1",
            _ = second.recv() => "SIGUSR2",
        }
    }
}

impl Core {
    pub(super) fn on_signal(&mut self, signal: &'static str) {
        match signal {
            "SIGHUP" => self.reload(),
            "SIGTERM" | "SIGINT" => self.stop(signal),
            _ => tracing::info!(
                "{signal} writes no file here: `ipvsd status` and `ipvsd status --events` tell what keepalived's would"
            ),
        }
    }
}
