//! The front process: the mails go to it, and it is replaced when it is lost. What it
//! does or does not do delays nothing.

use super::*;
use crate::alert::Event;
use crate::alert::mail::{MailContext, MailEvent, compose};
use crate::daemon::core::child::{Front, News};
use crate::daemon::messages::front::{FromFront, ToFront};

impl Core {
    /// Whether anything is mailed.
    pub(super) fn needs_front(&self) -> bool {
        self.model.global.mail.is_sent()
    }

    /// Starts a front process, where anything is mailed, with what was not sent.
    pub(super) fn start_front(&mut self, cause: Cause) {
        if !self.needs_front() {
            return;
        }
        let pid = match self.front.start(self.options.in_background, None) {
            Ok(pid) => pid,
            // Mail is no reason not to serve.
            Err(error) => {
                tracing::error!("cannot start the front process: {error}; mails wait");
                return self.front.pause();
            }
        };
        self.tell_started::<Front>(pid, cause);
        self.front.send(&ToFront::Start {
            mail: self.model.global.mail.clone(),
            unsent: self.outbox.unsent().cloned().collect(),
        });
    }

    /// Another configuration has been taken.
    pub(super) fn reload_front(&mut self, cause: Cause) {
        if !self.needs_front() {
            self.drop_mails("nothing is mailed any more by the new configuration");
            self.front.cancel_restart();
            if self.front.working().is_some() {
                self.front_dismissed = true;
                self.front.send(&ToFront::Stop);
            }
        } else if self.front_dismissed {
            // It is on its way out. The next begins with the new configuration.
        } else if self.front.working().is_some() {
            let mail = self.model.global.mail.clone();
            self.front.send(&ToFront::Reload { mail });
        } else if !self.front.is_there() && !self.front.is_pausing() {
            self.start_front(cause);
        }
    }

    pub(super) fn on_front_news(&mut self, news: News<Front>) {
        match news {
            News::Said(message) => self.on_front_message(*message),
            News::Ended(how) => self.on_front_ended(how),
        }
    }

    fn on_front_ended(&mut self, how: String) {
        let Some(mut late) = self.front.clear() else {
            return;
        };
        if self.ending.is_some() {
            return;
        }
        if std::mem::take(&mut self.front_dismissed) {
            // A reload may have come that wants one again.
            return self.start_front(Cause::Reload {
                generation: self.generation,
            });
        }
        self.tell_of_death::<Front>(&mut late, how);
        self.front.restart();
    }

    fn on_front_message(&mut self, message: FromFront) {
        match message {
            FromFront::Alive => {}
            FromFront::Failed(why) => self.front.gave_up(why),
            FromFront::Done { number } => self.outbox.done(number),
            FromFront::Told(event) => self.tell_of_mail(event),
            FromFront::Status { request, status } => {
                self.on_part_of_status(request, Part::Mail(status));
            }
            // They are still in the outbox.
            FromFront::Stopped { left: _ } => {}
        }
    }

    fn tell_of_mail(&mut self, event: MailEvent) {
        self.tell(Told {
            cause: Cause::Mail,
            what: What::Mail(event),
        });
    }

    /// Mails what has happened to whom it concerns, if it is mailed at all.
    pub(super) fn mail(&mut self, event: &Event) {
        if !self.needs_front() {
            return;
        }
        let context = MailContext { model: &self.model };
        if let Some(text) = compose(event, &context) {
            let mail = self.outbox.put(event.at, text, clock::now());
            self.front.send(&ToFront::Mail(mail));
        }
    }

    /// Tells what is due of mails that were dropped because too many wait.
    pub(super) fn tell_of_dropped_mails(&mut self, now: Moment) {
        if let Some(event) = self.outbox.told_of_dropped(now) {
            self.tell_of_mail(event);
        }
    }

    /// Nothing of what waits will be sent.
    pub(super) fn drop_mails(&mut self, why: &str) {
        for event in self.outbox.clear(why) {
            self.tell_of_mail(event);
        }
    }
}
