//! The mails that wait, and what is tried when. Pure: the conversations are held by the
//! front process.
//!
//! Mails go out in their order, for each recipient: what a recipient cannot be given now
//! (a full mailbox, a server that greylists) waits for that recipient alone, so that one
//! who cannot be reached does not keep the news from the others. What waits is tried
//! again after 1 s, then 2 s, and so on up to [`LONGEST_PAUSE`], until the mail is
//! [`LIFETIME`] old.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use super::{MailEvent, MailOut, MailStatus};
use crate::moment::Moment;

/// As many mails wait at most. Of more, the oldest is dropped: what comes last says how
/// things stand now, and that is what somebody is called for.
pub const MOST_WAITING: usize = 1_000;

/// What is older is dropped. Long enough for a night and a morning; news of yesterday
/// would only mislead.
pub const LIFETIME: Duration = Duration::from_secs(24 * 3600);

const FIRST_PAUSE: Duration = Duration::from_secs(1);
pub const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// How often it is told that mail waits.
const REMINDER: Duration = Duration::from_secs(3600);

/// The mails that wait.
#[derive(Debug)]
pub struct Queue {
    /// For what is told.
    server: String,
    recipients: Vec<String>,
    mails: VecDeque<Waiting>,
    /// The server takes nothing at all.
    trouble: Option<Pause>,
    /// Recipients for whom the server takes nothing now.
    held: BTreeMap<String, Pause>,
    delay: Option<Delay>,
    sent: u64,
    dropped: u64,
    news: Vec<News>,
}

#[derive(Debug)]
struct Waiting {
    mail: MailOut,
    since: Moment,
    /// Who has it, or will never take it.
    served: BTreeSet<String>,
    /// Somebody has it.
    taken: bool,
}

/// How long something waits.
#[derive(Debug)]
struct Pause {
    until: Moment,
    length: Duration,
}

/// Something waits longer than it should.
#[derive(Debug)]
struct Delay {
    since: Moment,
    remind: Moment,
    why: String,
}

/// What is to be tried: one mail, and for whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    pub mail: MailOut,
    /// In the order of the configuration; never empty.
    pub to: Vec<String>,
}

/// What the server has said for one recipient. The words are the server's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    Taken,
    /// Not now (4xx).
    Later(String),
    /// Not at all (5xx).
    Never(String),
}

/// What a try has come to: an answer for each recipient, or why the server could not be
/// asked.
pub type Attempt = Result<Vec<(String, Answer)>, String>;

/// What core is to hear.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// Nothing more happens to the mail of this number.
    Done(u64),
    Told(MailEvent),
}

impl Queue {
    /// An empty queue. `server` is the mail server as people know it.
    pub fn new(server: String, recipients: Vec<String>) -> Self {
        Queue {
            server,
            recipients,
            mails: VecDeque::new(),
            trouble: None,
            held: BTreeMap::new(),
            delay: None,
            sent: 0,
            dropped: 0,
            news: Vec::new(),
        }
    }

    /// Another server, other recipients: what waits is for them, and tried at once.
    pub fn configure(&mut self, server: String, recipients: Vec<String>) {
        self.server = server;
        self.recipients = recipients;
        self.hurry();
        self.settle();
    }

    /// Takes in a mail, behind all others.
    pub fn push(&mut self, mail: MailOut, now: Moment) {
        if self.mails.len() >= MOST_WAITING
            && let Some(oldest) = self.mails.pop_front()
        {
            self.drop_mail(oldest, format!("more than {MOST_WAITING} mails wait"));
        }
        self.mails.push_back(Waiting {
            mail,
            since: now,
            served: BTreeSet::new(),
            taken: false,
        });
        self.settle();
    }

    /// What is to be tried now. Until that has come to something, nothing else is.
    pub fn next(&self, now: Moment) -> Option<Delivery> {
        if self.trouble.as_ref().is_some_and(|pause| pause.until > now) {
            return None;
        }
        let is_free = |recipient: &&String| {
            let pause = self.held.get(*recipient);
            pause.is_none_or(|pause| pause.until <= now)
        };
        // Whoever is free has got everything before the first mail that is found, so
        // nothing overtakes.
        self.mails.iter().find_map(|waiting| {
            let to: Vec<String> = self.missing(waiting).filter(is_free).cloned().collect();
            (!to.is_empty()).then(|| Delivery {
                mail: waiting.mail.clone(),
                to,
            })
        })
    }

    /// Takes in what the try of this mail has come to. A number that no longer waits is
    /// none of ours.
    pub fn on_attempt(&mut self, number: u64, attempt: Attempt, now: Moment) {
        let answers = match attempt {
            Ok(answers) => answers,
            Err(why) => {
                Pause::extend(&mut self.trouble, now);
                self.delayed(why, now);
                return;
            }
        };
        self.trouble = None;
        let taken = answers.iter().any(|(_, answer)| *answer == Answer::Taken);
        for (recipient, answer) in answers {
            self.on_answer(number, recipient, answer, now);
        }
        if let Some(delay) = self.settle()
            && taken
        {
            self.news.push(News::Told(MailEvent::Flowing {
                server: self.server.clone(),
                after_seconds: now.saturating_since(delay.since).as_secs(),
            }));
        }
    }

    fn on_answer(&mut self, number: u64, recipient: String, answer: Answer, now: Moment) {
        let mut mails = self.mails.iter_mut();
        let Some(waiting) = mails.find(|waiting| waiting.mail.number == number) else {
            return;
        };
        match answer {
            Answer::Taken => {
                self.held.remove(&recipient);
                waiting.taken = true;
                waiting.served.insert(recipient);
            }
            Answer::Later(why) => {
                let mut pause = self.held.remove(&recipient);
                Pause::extend(&mut pause, now);
                self.held
                    .extend(pause.map(|pause| (recipient.clone(), pause)));
                self.delayed(format!("for {recipient}: {why}"), now);
            }
            Answer::Never(why) => {
                self.held.remove(&recipient);
                let told = MailEvent::Dropped {
                    subjects: vec![waiting.mail.text.subject.clone()],
                    why: format!("for {recipient}: {why}"),
                };
                waiting.served.insert(recipient);
                self.news.push(News::Told(told));
            }
        }
    }

    /// What is to be done though nothing happens: mails grow too old, and the admin is
    /// reminded.
    pub fn on_time(&mut self, now: Moment) {
        let is_old = |oldest: &mut Waiting| now.saturating_since(oldest.since) >= LIFETIME;
        while let Some(old) = self.mails.pop_front_if(is_old) {
            let hours = LIFETIME.as_secs() / 3600;
            let why = match &self.delay {
                Some(delay) => format!("not taken within {hours} h: {}", delay.why),
                None => format!("not taken within {hours} h"),
            };
            self.drop_mail(old, why);
        }
        self.settle();
        if let Some(delay) = &mut self.delay
            && delay.remind <= now
        {
            delay.remind = now + REMINDER;
            let why = delay.why.clone();
            self.tell_delayed(why);
        }
    }

    /// When to look again though nothing happens.
    pub fn wake(&self, now: Moment) -> Option<Moment> {
        let pauses = self.trouble.iter().chain(self.held.values());
        pauses
            .map(|pause| pause.until)
            .chain(self.mails.front().map(|oldest| oldest.since + LIFETIME))
            .chain(self.delay.iter().map(|delay| delay.remind))
            .filter(|at| *at > now)
            .min()
    }

    /// Ends all pauses.
    pub fn hurry(&mut self) {
        self.trouble = None;
        self.held.clear();
    }

    /// The numbers of the mails that wait, from the oldest.
    pub fn numbers(&self) -> Vec<u64> {
        self.mails
            .iter()
            .map(|waiting| waiting.mail.number)
            .collect()
    }

    /// What has happened since this was last asked.
    pub fn take_news(&mut self) -> Vec<News> {
        std::mem::take(&mut self.news)
    }

    pub fn status(&self) -> MailStatus {
        MailStatus {
            waiting: self.mails.len() as u64,
            sent: self.sent,
            dropped: self.dropped,
            trouble: self.delay.as_ref().map(|delay| delay.why.clone()),
        }
    }

    /// Who is still to be given this mail.
    fn missing<'a>(&'a self, waiting: &'a Waiting) -> impl Iterator<Item = &'a String> {
        let recipients = self.recipients.iter();
        recipients.filter(|recipient| !waiting.served.contains(*recipient))
    }

    /// Takes out the mails with which nothing is left to be done. Where none is left at
    /// all, the delay is over that is returned.
    fn settle(&mut self) -> Option<Delay> {
        for waiting in std::mem::take(&mut self.mails) {
            if self.missing(&waiting).next().is_some() {
                self.mails.push_back(waiting);
            } else if waiting.served.is_empty() {
                self.drop_mail(waiting, "nobody is to be told by mail any more".into());
            } else {
                // Of one that nobody takes each recipient's refusal has been told.
                match waiting.taken {
                    true => self.sent += 1,
                    false => self.dropped += 1,
                }
                self.news.push(News::Done(waiting.mail.number));
            }
        }
        if !self.mails.is_empty() {
            return None;
        }
        self.hurry();
        self.delay.take()
    }

    fn drop_mail(&mut self, waiting: Waiting, why: String) {
        self.dropped += 1;
        self.news.push(News::Told(MailEvent::Dropped {
            subjects: vec![waiting.mail.text.subject],
            why,
        }));
        self.news.push(News::Done(waiting.mail.number));
    }

    /// Something waits, for this reason. It is told when it begins and then now and
    /// again, not at each try.
    fn delayed(&mut self, why: String, now: Moment) {
        match &mut self.delay {
            Some(delay) => delay.why = why,
            None => {
                self.tell_delayed(why.clone());
                self.delay = Some(Delay {
                    since: now,
                    remind: now + REMINDER,
                    why,
                });
            }
        }
    }

    fn tell_delayed(&mut self, why: String) {
        self.news.push(News::Told(MailEvent::Delayed {
            server: self.server.clone(),
            why,
            waiting: self.mails.len(),
        }));
    }
}

impl Pause {
    /// The first one, or one twice as long as the one before.
    fn extend(pause: &mut Option<Pause>, now: Moment) {
        let length = match pause {
            Some(before) => (before.length * 2).min(LONGEST_PAUSE),
            None => FIRST_PAUSE,
        };
        let until = now + length;
        *pause = Some(Pause { until, length });
    }
}

#[cfg(test)]
mod tests;
