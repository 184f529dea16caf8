//! What the log says of a check, in keepalived's words where people search for
//! them, and with the reason, which keepalived keeps to itself.

use super::outcome::{FailureKind, Outcome};
use super::state::Step;
use crate::config::model::{CheckSpec, Script};
use crate::lvs::pool::ServerName;
use crate::lvs::{DestinationKey, ServiceKey};

/// A check as the log names it.
#[derive(Clone, Copy, Debug)]
pub struct Named<'a> {
    pub service: ServiceKey,
    pub server: DestinationKey,
    pub spec: &'a CheckSpec,
    /// The script of a `MISC_CHECK`.
    pub script: Option<&'a Script>,
}

impl Named<'_> {
    /// The line about an attempt that came to `outcome`, if it is news
    /// ([`Step::is_news`]).
    pub fn news(&self, step: &Step, outcome: &Outcome) -> Option<String> {
        if !step.is_news() {
            return None;
        }
        Some(match outcome {
            Outcome::Success | Outcome::Dynamic(_) => self.success(),
            Outcome::Failure(failure) => {
                let timed_out = matches!(failure.kind, FailureKind::ScriptTimeout(_));
                format!("{}: {failure}", self.failed(step.retries, timed_out))
            }
        })
    }

    /// The line about a failed attempt that is forgiven for now.
    pub fn forgiven(&self, step: &Step, outcome: &Outcome) -> Option<String> {
        let server = ServerName(self.service, self.server);
        let number = step.retries + 1;
        let keyword = self.spec.keyword();
        step.forgiven.then(|| {
            format!("{keyword} on service {server} failed, retry {number} follows: {outcome}")
        })
    }

    fn success(&self) -> String {
        let server = ServerName(self.service, self.server);
        match self.spec {
            CheckSpec::Tcp(_) => format!("TCP connection to {server} success."),
            CheckSpec::Http(_) => format!("Remote Web server {server} succeed on service."),
            CheckSpec::Misc(_) => format!("{} succeeded.", self.misc()),
        }
    }

    fn failed(&self, retries: u32, timed_out: bool) -> String {
        let server = ServerName(self.service, self.server);
        // keepalived has a singular for scripts only.
        let after = match (retries, self.spec) {
            (0, _) => String::new(),
            (1, CheckSpec::Misc(_)) => " after 1 retry".to_owned(),
            _ => format!(" after {retries} retries"),
        };
        match self.spec {
            CheckSpec::Tcp(_) => format!("TCP_CHECK on service {server} failed{after}"),
            CheckSpec::Http(_) => format!("HTTP_CHECK on service {server} failed{after}"),
            CheckSpec::Misc(_) if timed_out => format!("{} timed out{after}", self.misc()),
            CheckSpec::Misc(_) => format!("{} failed{after}", self.misc()),
        }
    }

    fn misc(&self) -> String {
        let server = ServerName(self.service, self.server);
        let program = self.script.and_then(|script| script.argv.first());
        format!(
            "Misc check for [{server} VS {}] by [{}]",
            self.service,
            program.map_or("", String::as_str)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::{CheckState, Verdict};
    use crate::config::model::{CheckTarget, MiscCheck, ScriptId, Timing};
    use crate::lvs::Protocol;
    use crate::moment::Moment;
    use std::time::Duration;

    #[test]
    fn what_is_said_of_a_server_that_fails_and_comes_back() {
        let timing = Timing {
            delay_loop: Duration::from_secs(10),
            timeout: Duration::from_secs(3),
            retry: 1,
            delay_before_retry: Duration::from_secs(1),
            warmup: Duration::ZERO,
        };
        let script = Script {
            argv: vec!["/usr/bin/check".into(), "x".into()],
            user: None,
        };
        let tcp = CheckSpec::Tcp(CheckTarget {
            address: "10.0.0.11:80".parse().unwrap(),
        });
        let misc = CheckSpec::Misc(MiscCheck {
            script: ScriptId(0),
            dynamic: false,
        });
        let mut lines = Vec::new();
        for (spec, failure) in [
            (&tcp, FailureKind::ConnectionRefused),
            (&misc, FailureKind::ScriptFailed(1)),
        ] {
            let named = Named {
                service: ServiceKey::Address {
                    protocol: Protocol::Tcp,
                    address: "10.0.0.80".parse().unwrap(),
                    port: 80,
                },
                server: DestinationKey {
                    address: "10.0.0.11".parse().unwrap(),
                    port: 80,
                },
                spec,
                script: Some(&script),
            };
            let now = Moment::default();
            let mut state = CheckState::new(Verdict::assumed(true, now));
            let bad = Outcome::from(failure);
            for outcome in [&Outcome::Success, &bad, &bad, &bad, &Outcome::Success] {
                let step = state.on_outcome(&timing, outcome.clone(), now);
                lines.extend(named.news(&step, outcome));
                lines.extend(named.forgiven(&step, outcome));
            }
        }
        assert_eq!(
            lines,
            [
                "TCP connection to [10.0.0.11]:tcp:80 success.",
                "TCP_CHECK on service [10.0.0.11]:tcp:80 failed, retry 1 follows: connection refused",
                "TCP_CHECK on service [10.0.0.11]:tcp:80 failed after 1 retries: connection refused",
                "TCP connection to [10.0.0.11]:tcp:80 success.",
                "Misc check for [[10.0.0.11]:tcp:80 VS [10.0.0.80]:tcp:80] by [/usr/bin/check] succeeded.",
                "MISC_CHECK on service [10.0.0.11]:tcp:80 failed, retry 1 follows: script ended with status 1",
                "Misc check for [[10.0.0.11]:tcp:80 VS [10.0.0.80]:tcp:80] by [/usr/bin/check] failed after 1 retry: script ended with status 1",
                "Misc check for [[10.0.0.11]:tcp:80 VS [10.0.0.80]:tcp:80] by [/usr/bin/check] succeeded.",
            ]
        );
    }
}
