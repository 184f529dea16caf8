//! Another configuration takes the place of the running one, or is refused.

use super::*;

impl Core {
    pub(super) fn reload(&mut self) {
        if self.ending.is_some() {
            return;
        }
        tracing::info!("Reloading {}", self.options.file.display());
        crate::sys::systemd::reloading();
        let loaded = config::load_as(&self.options.file, &self.options.reading);
        log_diagnostics(&loaded.diagnostics);
        match loaded.model {
            Some(model) => self.take(model),
            None => {
                let errors = loaded.diagnostics.errors();
                let file = self.options.file.display().to_string();
                self.refused = Some(summary(&loaded.diagnostics));
                let cause = Cause::Signal("SIGHUP".into());
                self.tell(Told {
                    cause,
                    what: What::ReloadRefused { file, errors },
                });
            }
        }
        memory::give_back();
        crate::sys::systemd::ready();
    }

    pub(super) fn take(&mut self, model: Model) {
        let services = self.services_of(&model);
        if let Err(error) = self.record.add(services) {
            tracing::error!(
                "cannot write down which virtual servers are ours, so the new configuration is not taken: {error}"
            );
            self.refused = Some(error.to_string());
            return;
        }
        self.refused = None;
        self.tell_script_problems(&model);
        self.model = Arc::new(model);
        self.generation += 1;
        let generation = self.generation;
        self.taken
            .insert(generation, Taken::new(self.model.clone()));
        self.arriving = Some(Arriving::new(generation));
        let cause = Cause::Reload { generation };
        self.reload_vrrp(cause.clone());
        self.find_suspended();
        self.reload_checker(cause.clone());
        self.reload_front(cause);
        self.forget_drains();
        self.forget_old_configurations();
        self.check_arrival();
    }

    pub(super) fn tell_script_problems(&self, model: &Model) {
        for problem in crate::daemon::scripts::inspect(model) {
            tracing::warn!("{problem}");
        }
        for absent in crate::daemon::namespaces::absent(model) {
            tracing::warn!("{absent}");
        }
        if self.serves(Subsystem::Vrrp) {
            for absent in crate::daemon::interfaces::absent(model) {
                tracing::warn!("{absent}");
            }
            for absent in crate::daemon::sources::absent(model) {
                tracing::warn!("{absent}");
            }
            for absent in crate::daemon::route_names::absent(model) {
                tracing::warn!("{absent}");
            }
        }
    }
}

/// Why a configuration is refused, in one line: the first error, and how many more.
fn summary(diagnostics: &Diagnostics) -> String {
    let is_error = |line: &config::diagnostic::Line| line.severity == config::Severity::Error;
    let first = diagnostics.lines().find(is_error);
    let mut text = first.map(|line| line.text).unwrap_or_default();
    match diagnostics.errors() {
        0 | 1 => {}
        2 => text.push_str(", and 1 more error"),
        n => text.push_str(&format!(", and {} more errors", n - 1)),
    }
    text
}

/// Every diagnostic as lines of the log.
pub fn log_diagnostics(diagnostics: &Diagnostics) {
    for diagnostic in diagnostics.lines() {
        match diagnostic.severity {
            config::Severity::Error => tracing::error!("{}", diagnostic.text),
            config::Severity::Warning => tracing::warn!("{}", diagnostic.text),
            config::Severity::Hint => tracing::info!("{}", diagnostic.text),
        }
    }
}
