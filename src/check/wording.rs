//! What the log says of a check, in keepalived's words where people search for
//! them, and with the reason, which keepalived keeps to itself.

use super::outcome::{Failure, FailureKind, Outcome};
use super::state::Step;
use crate::config::model::{CheckSpec, Script};
use crate::lvs::pool::ServerName;
use crate::lvs::{DestinationKey, PoolId};

/// A check as the log names it.
#[derive(Clone, Copy, Debug)]
pub struct Named<'a> {
    pub pool: &'a PoolId,
    pub server: DestinationKey,
    pub spec: &'a CheckSpec,
    /// The script of a `MISC_CHECK`.
    pub script: Option<&'a Script>,
}

impl Named<'_> {
    /// The line about an attempt that came to `outcome`, if it is worth one: because
    /// the check has changed sides or speaks for the first time ([`Step::is_news`]),
    /// because a failure is forgiven for now, or because a check that is down fails in
    /// another way than `before`.
    pub fn line(&self, step: &Step, before: Option<&Failure>, outcome: &Outcome) -> Option<String> {
        match outcome {
            Outcome::Success | Outcome::Dynamic(_) => step.is_news().then(|| self.success()),
            Outcome::Failure(failure) if step.is_news() => {
                let timed_out = matches!(failure.kind, FailureKind::ScriptTimeout(_));
                let failed = self.failed(step.retries, timed_out);
                Some(format!("{failed}: {failure}"))
            }
            Outcome::Failure(failure) if step.forgiven => Some(format!(
                "{} on service {} failed, retry {} follows: {failure}",
                self.spec.keyword(),
                ServerName(self.pool, self.server),
                step.retries + 1
            )),
            Outcome::Failure(failure) => {
                let another = |before: &Failure| {
                    // Not for a few bytes more or less.
                    before.name() != failure.name() || before.url != failure.url
                };
                before.is_some_and(another).then(|| {
                    format!(
                        "{} on service {} still fails, now: {failure}",
                        self.spec.keyword(),
                        ServerName(self.pool, self.server)
                    )
                })
            }
        }
    }

    fn success(&self) -> String {
        let server = ServerName(self.pool, self.server);
        match self.spec {
            CheckSpec::Tcp(_) => format!("TCP connection to {server} success."),
            CheckSpec::Http(_) => format!("Remote Web server {server} succeed on service."),
            CheckSpec::Misc(_) => format!("{} succeeded.", self.misc()),
        }
    }

    fn failed(&self, retries: u32, timed_out: bool) -> String {
        let server = ServerName(self.pool, self.server);
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
        let server = ServerName(self.pool, self.server);
        let program = self.script.and_then(|script| script.argv.first());
        format!(
            "Misc check for [{server} VS {}] by [{}]",
            self.pool,
            program.map_or("", String::as_str)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::{CheckState, Verdict};
    use crate::config::model::{CheckTarget, MiscCheck, ScriptId, Timing};
    use crate::lvs::{Protocol, ServiceKey};
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
            let pool = PoolId::Service(ServiceKey::Address {
                protocol: Protocol::Tcp,
                address: "10.0.0.80".parse().unwrap(),
                port: 80,
            });
            let named = Named {
                pool: &pool,
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
            let worse = Outcome::from(FailureKind::NoRoute);
            let good = Outcome::Success;
            for outcome in [&good, &good, &bad, &bad, &bad, &worse, &good] {
                let before = state.verdict().failure.clone();
                let step = state.on_outcome(&timing, outcome.clone(), now);
                lines.extend(named.line(&step, before.as_deref(), outcome));
            }
        }
        assert_eq!(
            lines,
            [
                "TCP connection to [10.0.0.11]:tcp:80 success.",
                "TCP_CHECK on service [10.0.0.11]:tcp:80 failed, retry 1 follows: connection refused",
                "TCP_CHECK on service [10.0.0.11]:tcp:80 failed after 1 retries: connection refused",
                "TCP_CHECK on service [10.0.0.11]:tcp:80 still fails, now: no route to host",
                "TCP connection to [10.0.0.11]:tcp:80 success.",
                "Misc check for [[10.0.0.11]:tcp:80 VS [10.0.0.80]:tcp:80] by [/usr/bin/check] succeeded.",
                "MISC_CHECK on service [10.0.0.11]:tcp:80 failed, retry 1 follows: script ended with status 1",
                "Misc check for [[10.0.0.11]:tcp:80 VS [10.0.0.80]:tcp:80] by [/usr/bin/check] failed after 1 retry: script ended with status 1",
                "MISC_CHECK on service [10.0.0.11]:tcp:80 still fails, now: no route to host",
                "Misc check for [[10.0.0.11]:tcp:80 VS [10.0.0.80]:tcp:80] by [/usr/bin/check] succeeded.",
            ]
        );
    }
}
