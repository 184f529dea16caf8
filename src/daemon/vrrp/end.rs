//! How it ends: whoever is master hands over, and no address is left behind.

use std::process::ExitCode;
use std::time::Duration;

use super::worker::Report;
use super::{Core, End, VrrpProcess};
use crate::daemon::messages::vrrp::{FromVrrp, ToVrrp};
use crate::sys::clock;
use crate::vrrp::Input;
use crate::vrrp::settings::VirtualAddress;

/// How long the end may take: core waits a little longer.
const END_LIMIT: Duration = Duration::from_secs(4);

impl VrrpProcess {
    /// Hands over, removes the addresses, and waits for that for no longer than
    /// [`END_LIMIT`].
    pub(super) async fn end(mut self, core: &mut Core, how: End) -> ExitCode {
        if let End::Alone = how {
            tracing::warn!(
                "core has ended; the vrrp process hands over, removes the virtual addresses and ends too"
            );
        }
        let mut has_core = matches!(how, End::Asked);
        let until = clock::now() + END_LIMIT;
        // What another program has put there a moment ago is not to go along with what is
        // removed.
        if let Err(error) = self.kernel.read_all(&self.worker) {
            tracing::warn!("netlink fails: {error}");
        }
        self.router.handle(Input::Stop, clock::now());
        self.act(clock::now());
        self.tell(core, clock::now());
        let mut left: Vec<(VirtualAddress, String)> = Vec::new();
        // What has been done may have waited for news of it.
        for report in std::mem::take(&mut self.reports) {
            self.on_report_at_end(report, &mut left);
        }
        let mut now = clock::now();
        while now < until && !(self.operations.is_empty() && self.outbox.has_sent_all()) {
            let wake = self.outbox.wake().unwrap_or(until).min(until);
            tokio::select! {
                report = self.worker.next() => match report {
                    Some(report) => self.on_report_at_end(report, &mut left),
                    None => break,
                },
                message = core.next(), if has_core => match message {
                    // Core watches until the end.
                    Ok(Some(ToVrrp::Ping)) => core.send(&FromVrrp::Alive),
                    Ok(Some(_)) => {}
                    Ok(None) | Err(_) => has_core = false,
                },
                () = clock::sleep_until(wake) => {}
            }
            now = clock::now();
            self.outbox.send_again(now);
        }
        let unanswered = self.operations.being_removed().cloned();
        left.extend(unanswered.map(|address| (address, "the kernel does not answer".into())));
        let left: Vec<_> = left
            .into_iter()
            .map(|(address, why)| format!("{address} on {}: {why}", address.interface))
            .collect();
        for left in &left {
            tracing::error!("a virtual address is left behind: {left}");
        }
        if let End::Alone = how {
            return ExitCode::FAILURE;
        }
        core.send(&FromVrrp::Stopped { left });
        while !core.is_flushed() && clock::now() < until {
            tokio::select! {
                message = core.next() => match message {
                    Ok(Some(_)) => {}
                    Ok(None) | Err(_) => break,
                },
                () = clock::sleep_until(until) => {}
            }
        }
        ExitCode::SUCCESS
    }
    /// Of what the worker has done only one thing counts now: what could not be removed.
    fn on_report_at_end(&mut self, report: Report, left: &mut Vec<(VirtualAddress, String)>) {
        let Report::Changed(changed) = report else {
            return;
        };
        for done in changed {
            let ended = self.operations.end(done.ticket, done.refused);
            let removal = ended.filter(|ended| !ended.adds);
            left.extend(removal.into_iter().flat_map(|removal| removal.failed));
        }
    }
}
