//! The checker's life: started with everything known, watched, replaced.

use super::*;
use crate::sys::pidfile;

impl Core {
    /// Whether there is anything for a checker to do.
    pub(super) fn needs_checker(&self) -> bool {
        !self.model.virtual_servers.is_empty() || !self.record.is_empty()
    }

    /// Starts a checker with the present configuration and everything known. Fails
    /// only while starting up.
    pub(super) fn start_checker(&mut self, cause: Cause) -> Result<(), ExitCode> {
        if !self.needs_checker() {
            tracing::info!(
                "There is no virtual server in {}",
                self.options.file.display()
            );
            self.started_up = true;
            return Ok(());
        }
        // What is found in the kernel of these is ours; of the others that are about
        // to be written down it is someone else's.
        let owned: Vec<ServiceKey> = self.record.services().collect();
        if let Err(error) = self
            .record
            .add(self.model.virtual_servers.iter().map(|vs| vs.key))
        {
            tracing::error!(
                "cannot write down which virtual servers are ours, so none is added to the kernel: {error}"
            );
            return self.cannot_start();
        }
        let mut child = match CheckerChild::start(self.options.in_background) {
            Ok(child) => child,
            Err(error) => {
                tracing::error!("cannot start the checker process: {error}");
                return self.cannot_start();
            }
        };
        let started = What::ProcessStarted {
            process: "checker".into(),
            pid: child.pid,
        };
        self.journal.tell(Told {
            cause: cause.clone(),
            what: started,
        });
        match pidfile::write_child(&self.checkers_pid_file, child.pid) {
            Ok(()) => self.wrote_checkers_pid = true,
            Err(error) => tracing::warn!("{error}"),
        }
        child.send(&ToChecker::Start(Box::new(Start {
            generation: self.generation,
            model: Model::clone(&self.model),
            owned: owned.clone(),
            memory: self.memory.clone(),
            cause,
        })));
        self.checker = Some(Running {
            child,
            since: clock::now(),
            owned_before: owned,
        });
        Ok(())
    }

    /// Only what we have written.
    pub(super) fn remove_checkers_pid(&mut self) {
        if std::mem::take(&mut self.wrote_checkers_pid) {
            let _ = std::fs::remove_file(&self.checkers_pid_file);
        }
    }

    pub(super) fn cannot_start(&mut self) -> Result<(), ExitCode> {
        if !self.started_up {
            return Err(ExitCode::FAILURE);
        }
        self.pause_before_restart();
        Ok(())
    }

    pub(super) fn pause_before_restart(&mut self) {
        let pause = match self.short_lives {
            0 => Duration::ZERO,
            n => Duration::from_secs(1 << (n - 1).min(10)).min(LONGEST_PAUSE),
        };
        self.restart_at = Some(clock::now() + pause);
        self.short_lives += 1;
    }

    pub(super) async fn on_news(&mut self, news: ChildNews) -> Option<ExitCode> {
        match news {
            ChildNews::Said(message) => {
                self.on_message(*message);
                None
            }
            ChildNews::Ended(ending) => self.on_checker_ended(ending).await,
        }
    }

    pub(super) async fn on_checker_ended(&mut self, ending: Ending) -> Option<ExitCode> {
        let mut running = self.checker.take()?;
        // Reaped before another is started: two checkers must never keep one table.
        running.child.kill().await;
        self.remove_checkers_pid();
        if let Some(end) = &mut self.ending {
            // Killed by whoever ends everything: another one takes out what is left.
            if !end.released && !end.second && !self.options.keep_ipvs {
                end.second = true;
                end.until = clock::now() + STOP_PATIENCE;
                if self.start_checker(Cause::Process).is_ok() {
                    self.send(&ToChecker::Stop { release: true });
                }
            }
            return None;
        }
        let gave_up = running.child.gave_up.take();
        if gave_up.is_some() {
            // It has touched nothing, so nothing has become ours.
            self.write_record(running.owned_before);
        }
        if !self.started_up {
            match gave_up {
                Some(why) => tracing::error!("{why}"),
                None => tracing::error!(
                    "the checker process ended during the start: {}",
                    Ended(&ending)
                ),
            }
            return Some(ExitCode::FAILURE);
        }
        let how = match gave_up {
            Some(why) => why,
            None => Ended(&ending).to_string(),
        };
        self.checker_lost(
            running.child.pid,
            running.since,
            What::ProcessDied {
                process: "checker".into(),
                pid: running.child.pid,
                how,
            },
        );
        None
    }

    pub(super) fn checker_lost(&mut self, pid: u32, since: Moment, what: What) {
        self.journal.tell(Told {
            cause: Cause::Process,
            what,
        });
        if clock::now() - since >= SHORT_LIFE {
            self.short_lives = 0;
        }
        self.restarts += 1;
        tracing::debug!("what checker {pid} asked for is dropped");
        // With it go the scripts that it waited for, so that its successor's are the
        // only ones.
        self.scripts.abort_all();
        self.pause_before_restart();
    }

    /// A round of the watchdog.
    pub(super) async fn watch(&mut self) {
        let Some(running) = &mut self.checker else {
            return;
        };
        if self.ending.is_some() {
            return;
        }
        let Some(rounds) = running.child.watch() else {
            return;
        };
        let pid = running.child.pid;
        let since = running.since;
        let hung = What::ProcessHung {
            process: "checker".into(),
            pid,
            silent_seconds: (WATCHDOG_ROUND * rounds).as_secs(),
        };
        running.child.kill().await;
        self.checker = None;
        self.checker_lost(pid, since, hung);
    }
}

/// News of the checker; never, if there is none.
pub(super) async fn news_of(checker: &mut Option<Running>) -> ChildNews {
    match checker {
        Some(running) => running.child.news().await,
        None => std::future::pending().await,
    }
}

/// In words, how a child ended.
struct Ended<'a>(&'a Ending);

impl std::fmt::Display for Ended<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Ending::Exited(status) => status.fmt(f),
            Ending::Talk(error) => error.fmt(f),
        }
    }
}
