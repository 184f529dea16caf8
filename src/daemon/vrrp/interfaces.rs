//! What the router is told of links and addresses.

use std::io;
use std::time::Duration;

use super::worker::Report;
use super::{VrrpProcess, staff};
use crate::moment::Moment;
use crate::vrrp::Input;

/// While an operation of our own is under way, how long to leave news of interfaces
/// unread: each of hundreds of addresses that are added is one. What else has happened
/// to an interface waits as long.
const PAUSE: Duration = Duration::from_millis(10);

impl VrrpProcess {
    /// Whether there may be something for [`take_in_kernel`](Self::take_in_kernel)
    /// although the runtime has not been asked: what was left for later.
    pub(super) fn is_kernel_awaited(&self, now: Moment) -> bool {
        !self.reports.is_empty()
            || !self.untold.is_empty()
            || !self.operations.is_empty()
            || self.kernel.has_more()
            || self.listeners.wake().is_some_and(|wake| wake <= now)
    }

    /// Links, addresses, and what the worker has done.
    pub(super) fn take_in_kernel(&mut self, now: Moment) -> io::Result<()> {
        while let Some(report) = self.worker.try_next() {
            self.reports.push(report);
        }
        let has_changed = |report: &Report| matches!(report, Report::Changed(_));
        if self.reports.iter().any(has_changed) {
            // An address must not be missing only because the news of it has not been
            // read yet.
            self.kernel.read_all(&self.worker)?;
        } else if !self.is_gathering(now) {
            self.kernel.read(&self.worker)?;
            if !self.kernel.has_more() {
                self.kernel_read = now;
            }
        }
        let mut changed = Vec::new();
        let was_in_step = self.kernel.is_in_step();
        let mut has_snapshot = false;
        for report in std::mem::take(&mut self.reports) {
            match report {
                Report::Changed(done) => changed.extend(done),
                Report::Dumped(Ok(snapshot)) => {
                    self.kernel.on_snapshot(snapshot, &self.worker)?;
                    has_snapshot = true;
                }
                Report::Dumped(Err(error)) => return Err(error),
                Report::Listening {
                    interface,
                    index,
                    channel,
                    result,
                } => {
                    let staff = staff(&self.worker, &self.vigil);
                    self.listeners
                        .on_opened(&interface, index, channel, result, now, staff);
                    self.untold.insert(interface);
                }
            }
        }
        if !was_in_step && !has_snapshot {
            // Nothing is known for sure; what has been done waits for that too.
            if !changed.is_empty() {
                self.reports.push(Report::Changed(changed));
            }
            return Ok(());
        }
        self.tell_of_interfaces(now);
        for done in changed {
            if let Some(ended) = self.operations.end(done.ticket, done.refused) {
                let done = Input::AddressesDone {
                    instance: ended.instance,
                    failed: ended.failed,
                };
                self.router.handle(done, now);
            }
        }
        Ok(())
    }

    /// Whether news of interfaces are left unread for now.
    pub(super) fn is_gathering(&self, now: Moment) -> bool {
        self.interfaces_wake().is_some_and(|wake| now < wake)
    }

    /// Until when that is so, or has been.
    pub(super) fn interfaces_wake(&self) -> Option<Moment> {
        (!self.operations.is_empty()).then(|| self.kernel_read + PAUSE)
    }

    /// Everything that is known, to a router that knows nothing.
    pub(super) fn tell_of_all_interfaces(&mut self) {
        self.known.clear();
        self.untold = self.listeners.names().cloned().collect();
        self.unready = Some(self.generation);
    }

    /// Tells the router what has become of interfaces. One that is there is told of
    /// when adverts are heard by it, or cannot be: whoever is deaf must not become
    /// master.
    pub(super) fn tell_of_interfaces(&mut self, now: Moment) {
        let mut names = std::mem::take(&mut self.untold);
        names.extend(self.kernel.take_changed());
        names.extend(self.listeners.take_due(now));
        let staff = staff(&self.worker, &self.vigil);
        for name in names {
            if !self.listeners.has(&name) {
                continue;
            }
            let facts = self.kernel.facts(&name);
            let deaf = match &facts {
                Some(facts) => match self.listeners.attend(&name, facts, now, staff) {
                    Some(deaf) => deaf,
                    // Once everything has been opened, the worker says so.
                    None => continue,
                },
                None => {
                    self.listeners.leave(&name, staff);
                    Vec::new()
                }
            };
            // First: nobody is to begin who is deaf.
            let input = Input::Deaf {
                interface: &name,
                channels: &deaf,
            };
            self.router.handle(input, now);
            if self.known.get(&name) == Some(&facts) {
                continue;
            }
            let input = Input::Interface {
                name: &name,
                facts: facts.clone(),
            };
            self.router.handle(input, now);
            self.known.insert(name, facts);
        }
    }
}
