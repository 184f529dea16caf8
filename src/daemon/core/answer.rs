//! What is asked at the control socket, and the answers.

use nix::unistd::Pid;

use super::report::HostAddresses;
use super::*;
use crate::alert::mail::MailStatus;
use crate::daemon::messages::front::ToFront;
use crate::daemon::messages::vrrp::{LoopLateness, ToVrrp};
use crate::sys::scheduling::Present;
use crate::vrrp::memory::Report;

/// How long the children may take to say what they know before the status goes without.
const STATUS_PATIENCE: Duration = Duration::from_secs(2);

/// A status that waits for what the children have to say.
pub(super) struct StatusAsked {
    request: u64,
    pub until: Moment,
    parts: Parts,
    answer: oneshot::Sender<Answer>,
}

/// What the children know, each where it answers.
#[derive(Debug, Default)]
pub(super) struct Parts {
    pub live: Option<Box<Live>>,
    pub report: Option<(Box<Report>, LoopLateness)>,
    pub mail: Option<MailStatus>,
}

/// What one of them knows.
#[derive(Debug)]
pub(super) enum Part {
    Live(Box<Live>),
    Report(Box<Report>, LoopLateness),
    Mail(MailStatus),
}

impl Parts {
    fn put(&mut self, part: Part) {
        match part {
            Part::Live(live) => self.live = Some(live),
            Part::Report(report, lateness) => self.report = Some((report, lateness)),
            Part::Mail(mail) => self.mail = Some(mail),
        }
    }

    /// Whether all have answered that can.
    fn are_there(&self, core: &Core) -> bool {
        let waits_for = |works: Option<u32>, answers: bool| works.is_some() && !answers;
        !waits_for(core.checker.working(), self.live.is_some())
            && !waits_for(core.vrrp.working(), self.report.is_some())
            && !waits_for(core.front.working(), self.mail.is_some())
    }
}

impl Core {
    pub(super) fn on_request(&mut self, asked: Asked) {
        match asked.request {
            Request::Events => {
                let events = self.journal.events().map(Into::into).collect();
                let _ = asked.answer.send(Answer::Events { events });
            }
            Request::Drain {
                virtual_server,
                real_server,
                on,
            } => {
                let answer = self.drain(&virtual_server, &real_server, on);
                let _ = asked.answer.send(answer);
            }
            Request::Drained => {
                let servers = self.all_drained();
                let _ = asked.answer.send(Answer::AllDrained { servers });
            }
            Request::InForce => {
                let _ = asked.answer.send(Answer::in_force(&self.in_force()));
            }
            Request::Status => {
                self.next_request += 1;
                let request = self.next_request;
                self.checker.send(&ToChecker::Status { request });
                self.vrrp.send(&ToVrrp::Status { request });
                self.front.send(&ToFront::Status { request });
                self.asked.push(StatusAsked {
                    request,
                    until: clock::now() + STATUS_PATIENCE,
                    parts: Parts::default(),
                    answer: asked.answer,
                });
                self.answer_what_is_known(clock::now());
            }
        }
    }

    pub(super) fn on_part_of_status(&mut self, request: u64, part: Part) {
        if let Some(asked) = self.asked.iter_mut().find(|it| it.request == request) {
            asked.parts.put(part);
            self.answer_what_is_known(clock::now());
        }
    }

    /// Answers where every child has answered, or does not in time.
    pub(super) fn answer_what_is_known(&mut self, now: Moment) {
        let mut asked = std::mem::take(&mut self.asked);
        let complete: Vec<StatusAsked> = asked
            .extract_if(.., |it| it.until <= now || it.parts.are_there(self))
            .collect();
        self.asked = asked;
        for asked in complete {
            let status = Box::new(self.status(&asked.parts));
            let _ = asked.answer.send(Answer::Status(status));
        }
    }

    fn status(&self, parts: &Parts) -> Status {
        let now = clock::now();
        // What a checker of an older generation says is about other servers.
        let live = parts.live.as_deref();
        let live = live.filter(|live| live.generation == self.generation);
        let report = parts.report.as_ref().map(|(report, _)| &**report);
        let children = [
            self.checker.status(live.is_some(), now),
            self.vrrp.status(report.is_some(), now),
            self.front.status(parts.mail.is_some(), now),
        ];
        Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            configuration: Configuration {
                file: self.options.file.display().to_string(),
                id: self.options.reading.config_id.to_string(),
                generation: self.generation,
                refused: self.refused.clone(),
            },
            uptime: (now - self.started).as_secs_f64(),
            children: children.into_iter().flatten().collect(),
            vrrp_timing: self.vrrp.working().map(|pid| {
                let lateness = parts.report.as_ref().map(|(_, lateness)| lateness);
                let present = Present::of(Pid::from_raw(pid.cast_signed())).ok();
                report::timing(lateness, present, self.scheduling.raised_to())
            }),
            instances: match self.serves(Subsystem::Vrrp) {
                true => {
                    let host = host::addresses().ok().map(HostAddresses::new);
                    let (model, memory) = (&self.model, &self.vrrp_memory);
                    report::instances(model, memory, report, host.as_ref(), now)
                }
                false => Vec::new(),
            },
            groups: match self.serves(Subsystem::Vrrp) {
                true => report::groups(&self.model, &self.vrrp_memory, report, now),
                false => Vec::new(),
            },
            foreign_packets: report::foreign_packets(report),
            table: report::table(live, now),
            virtual_servers: match self.serves(Subsystem::Checkers) {
                true => {
                    let suspended = self.presence.suspended();
                    let (model, memory) = (&self.model, &self.memory);
                    let open = &self.connections;
                    report::virtual_servers(model, memory, suspended, live, open, now)
                }
                false => Vec::new(),
            },
            mail: self
                .needs_front()
                .then(|| report::mail(&self.outbox, parts.mail.as_ref())),
            events: self.journal.count(),
        }
    }
}
