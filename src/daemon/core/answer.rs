//! What is asked at the control socket, and the answers.

use super::*;

impl Core {
    pub(super) fn on_request(&mut self, asked: Asked) {
        match asked.request {
            Request::Events => {
                let events = self.journal.events().map(Into::into).collect();
                let _ = asked.answer.send(Answer::Events { events });
            }
            Request::Status if self.checker.is_some() => {
                self.next_request += 1;
                let request = self.next_request;
                self.send(&ToChecker::Status { request });
                let until = clock::now() + STATUS_PATIENCE;
                self.asked.push(StatusAsked {
                    request,
                    until,
                    answer: asked.answer,
                });
            }
            Request::Status => {
                let status = Box::new(self.status(None));
                let _ = asked.answer.send(Answer::Status(status));
            }
        }
    }

    pub(super) fn status(&self, live: Option<&Live>) -> Status {
        let now = clock::now();
        // What a checker of an older generation says is about other servers.
        let live = live.filter(|live| live.generation == self.generation);
        let children = self.checker.iter().map(|running| ChildStatus {
            process: "checker".into(),
            pid: running.child.pid,
            answers: live.is_some(),
            age: (now - running.since).as_secs_f64(),
            restarts: self.restarts,
        });
        Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            configuration: Configuration {
                file: self.options.file.display().to_string(),
                generation: self.generation,
                refused: self.refused.clone(),
            },
            uptime: (now - self.started).as_secs_f64(),
            children: children.collect(),
            table: report::table(live, now),
            virtual_servers: report::virtual_servers(&self.model, &self.memory, live, now),
            events: self.journal.count(),
        }
    }
}
