//! The signals that core listens to.

use nix::sys::signal::{SigSet, Signal as Number};

use super::*;

/// Those that people send to a director that runs, and that would end one that does
/// not listen yet. (One that ends it is welcome to.)
fn early() -> SigSet {
    [Number::SIGHUP, Number::SIGUSR1, Number::SIGUSR2]
        .into_iter()
        .collect()
}

/// Lets them wait until core listens: a reload that is asked for while the file is
/// being read is a reload afterwards, not the end.
pub fn hold() {
    if let Err(error) = early().thread_block() {
        tracing::warn!("cannot hold signals back: {error}");
    }
}

impl Signals {
    /// Listens, also to what was held back so far.
    pub(super) fn new() -> io::Result<Self> {
        let signals = Self::listen()?;
        early().thread_unblock()?;
        Ok(signals)
    }

    fn listen() -> io::Result<Self> {
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
            "SIGTERM" | "SIGINT" => self.stop(Cause::Signal(signal.to_owned())),
            _ => tracing::info!(
                "{signal} writes no file here: `ipvsd status` and `ipvsd status --events` tell what keepalived's would"
            ),
        }
    }
}
