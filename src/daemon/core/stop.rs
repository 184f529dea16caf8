//! The end of core: everything that is owned goes out of the kernel first.

use super::*;

impl Core {
    pub(super) fn stop(&mut self, signal: &str) {
        if self.ending.is_some() {
            return;
        }
        self.journal.tell(Told {
            cause: Cause::Signal(signal.to_owned()),
            what: What::Stopping,
        });
        crate::sys::systemd::stopping();
        self.restart_at = None;
        self.ending = Some(End {
            until: clock::now() + STOP_PATIENCE,
            second: false,
            released: false,
        });
        if self.checker.is_none() {
            if self.options.keep_ipvs || self.record.is_empty() {
                return;
            }
            // It has died just now: another one takes out what it has left.
            let _ = self.start_checker(Cause::Process);
        }
        self.send(&ToChecker::Stop {
            release: !self.options.keep_ipvs,
        });
    }

    /// The checker does not end by itself.
    pub(super) async fn give_up_waiting(&mut self) {
        let Some(mut running) = self.checker.take() else {
            return;
        };
        tracing::error!(
            "checker process({}) has not ended within {} s: killing it",
            running.child.pid,
            STOP_PATIENCE.as_secs()
        );
        running.child.kill().await;
        let Some(end) = &mut self.ending else { return };
        let again = !end.second && !self.options.keep_ipvs;
        end.second = true;
        end.until = clock::now() + STOP_PATIENCE;
        if again && self.start_checker(Cause::Process).is_ok() {
            self.send(&ToChecker::Stop { release: true });
        }
    }

    pub(super) fn finish(mut self) -> ExitCode {
        self.remove_checkers_pid();
        drop(self.control);
        // While we hold the lock: the next director writes files of the same names.
        let is_clean = self.record.is_empty();
        if is_clean {
            self.record.remove();
            self.keep.remove();
        }
        self.pid_file.remove();
        self.lock.remove();
        if is_clean {
            // Only where nothing of anybody's is left in it.
            let _ = std::fs::remove_dir(&self.run_dir);
        }
        tracing::info!("Stopped ipvsd v{}", env!("CARGO_PKG_VERSION"));
        match self.options.keep_ipvs || self.record.is_empty() {
            true => ExitCode::SUCCESS,
            false => ExitCode::FAILURE,
        }
    }
}
