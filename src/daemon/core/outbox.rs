//! The mails that are not sent yet: numbered, in order, kept over the ends of the
//! processes that send them.

use std::collections::VecDeque;
use std::time::{Duration, SystemTime};

use crate::alert::mail::queue::MOST_WAITING;
use crate::alert::mail::{MailEvent, MailOut, MailText};
use crate::moment::Moment;

/// How many mails may wait here. A front process that works has its own, lower bound,
/// and says what it drops; this one is for when there is none.
const MOST: usize = MOST_WAITING + 100;

/// How many dropped mails are named at once, and how long it takes at most until one is.
const NAMED: usize = 50;
const NAMED_WITHIN: Duration = Duration::from_secs(60);

/// The mails that wait.
#[derive(Debug, Default)]
pub struct Outbox {
    unsent: VecDeque<MailOut>,
    numbered: u64,
    /// Subjects of those that were dropped and not told about yet.
    dropped: Vec<String>,
    /// When they are to be told.
    tell_at: Option<Moment>,
}

impl Outbox {
    /// Gives a mail its number and keeps it. Of too many the oldest is dropped, which
    /// [`told_of_dropped`](Self::told_of_dropped) says: the latest say how things stand.
    pub fn put(&mut self, at: SystemTime, text: MailText, now: Moment) -> MailOut {
        if self.unsent.len() == MOST
            && let Some(oldest) = self.unsent.pop_front()
        {
            self.dropped.push(oldest.text.subject);
            self.tell_at.get_or_insert(now);
        }
        self.numbered += 1;
        let mail = MailOut {
            number: self.numbered,
            at,
            text,
        };
        self.unsent.push_back(mail.clone());
        mail
    }

    /// It is sent, or was dropped by who sends.
    pub fn done(&mut self, number: u64) {
        self.unsent.retain(|mail| mail.number != number);
    }

    /// From the oldest.
    pub fn unsent(&self) -> impl Iterator<Item = &MailOut> {
        self.unsent.iter()
    }

    pub fn is_empty(&self) -> bool {
        self.unsent.is_empty()
    }

    /// When [`told_of_dropped`](Self::told_of_dropped) has something to say.
    pub fn due(&self) -> Option<Moment> {
        self.tell_at.filter(|_| !self.dropped.is_empty())
    }

    /// What is to be told of mails that were dropped: the first at once, what comes
    /// after it once a minute, or when they have become many.
    pub fn told_of_dropped(&mut self, now: Moment) -> Option<MailEvent> {
        let due = self.due()?;
        if due > now && self.dropped.len() < NAMED {
            return None;
        }
        self.tell_at = Some(now + NAMED_WITHIN);
        Some(MailEvent::Dropped {
            subjects: std::mem::take(&mut self.dropped),
            why: format!("more than {MOST} wait"),
        })
    }

    /// Drops everything. What is to be told of it.
    pub fn clear(&mut self, why: &str) -> Vec<MailEvent> {
        let unsent = self.unsent.drain(..).map(|mail| mail.text.subject);
        let subjects: Vec<String> = unsent.chain(self.dropped.drain(..)).collect();
        self.tell_at = None;
        let parts = subjects.chunks(NAMED).map(|subjects| MailEvent::Dropped {
            subjects: subjects.to_vec(),
            why: why.to_owned(),
        });
        parts.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Moment {
        Moment::since_boot(Duration::from_secs(seconds))
    }

    fn put(outbox: &mut Outbox, subject: &str, now: Moment) -> u64 {
        let text = MailText {
            router_id: None,
            subject: subject.into(),
            body: String::new(),
        };
        outbox.put(SystemTime::UNIX_EPOCH, text, now).number
    }

    fn subjects(event: Option<MailEvent>) -> Vec<String> {
        match event {
            None => Vec::new(),
            Some(MailEvent::Dropped { subjects, .. }) => subjects,
            Some(other) => panic!("{other}"),
        }
    }

    #[test]
    fn what_is_done_is_forgotten_and_the_rest_stays_in_order() {
        let mut outbox = Outbox::default();
        for (subject, number) in [("a", 1), ("b", 2), ("c", 3)] {
            assert_eq!(put(&mut outbox, subject, at(0)), number);
        }
        outbox.done(2);
        outbox.done(9);
        let unsent: Vec<u64> = outbox.unsent().map(|mail| mail.number).collect();
        assert_eq!(unsent, [1, 3]);
        outbox.done(1);
        outbox.done(3);
        assert!(outbox.is_empty());
        // Never the same number again.
        assert_eq!(put(&mut outbox, "d", at(0)), 4);
    }

    #[test]
    fn of_too_many_the_oldest_are_dropped_and_told_at_a_bounded_rate() {
        let mut outbox = Outbox::default();
        for number in 1..=MOST {
            put(&mut outbox, &number.to_string(), at(0));
        }
        assert_eq!(outbox.due(), None);
        put(&mut outbox, "x", at(1));
        assert_eq!(outbox.due(), Some(at(1)));
        assert_eq!(subjects(outbox.told_of_dropped(at(1))), ["1"]);
        put(&mut outbox, "y", at(2));
        assert_eq!(subjects(outbox.told_of_dropped(at(2))), [] as [&str; 0]);
        assert_eq!(outbox.due(), Some(at(61)));
        put(&mut outbox, "z", at(3));
        assert_eq!(subjects(outbox.told_of_dropped(at(61))), ["2", "3"]);
        assert_eq!(outbox.due(), None);
        // Many are told sooner.
        for _ in 0..NAMED {
            put(&mut outbox, "w", at(62));
        }
        assert_eq!(subjects(outbox.told_of_dropped(at(62))).len(), NAMED);
        assert_eq!(outbox.unsent().count(), MOST);
        let last = outbox
            .unsent()
            .last()
            .map(|mail| mail.text.subject.as_str());
        assert_eq!(last, Some("w"));
        // There is room again.
        outbox.done(MOST as u64);
        put(&mut outbox, "v", at(63));
        assert_eq!(outbox.due(), None);
    }

    #[test]
    fn what_is_left_at_the_end_is_named() {
        let mut outbox = Outbox::default();
        assert_eq!(outbox.clear("the end"), []);
        for subject in ["a", "b"] {
            put(&mut outbox, subject, at(0));
        }
        let dropped = MailEvent::Dropped {
            subjects: vec!["a".into(), "b".into()],
            why: "the end".into(),
        };
        assert_eq!(outbox.clear("the end"), [dropped]);
        assert!(outbox.is_empty());
    }
}
