//! When the master makes its addresses known.
//!
//! [`Rounds`] says for one instance when its addresses are announced, and how often;
//! [`queue`] has what is to go out of all instances, and how fast.

pub mod queue;

use std::collections::HashSet;
use std::time::Duration;

use super::settings::{Announcements, VirtualAddress};
use crate::moment::Moment;

/// How soon another series may follow one that others have made necessary: whoever
/// sends adverts without end shall not make this router send frames without end.
const PAUSE: Duration = Duration::from_secs(1);

/// A number of frames for each of some addresses, every address once before any for the
/// second time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Series {
    pub which: Which,
    /// For each address, at least 1.
    pub frames: u32,
    pub manner: Manner,
}

/// The addresses that are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Which {
    All,
    These(HashSet<VirtualAddress>),
    /// Those on interfaces other than the instance's own.
    Elsewhere,
}

/// What becomes of a series where other frames wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// Nobody knows yet where the addresses are: before what has been announced once.
    Urgent,
    /// In addition to what waits.
    More,
    /// Frames that wait for an address count as some of these: however often it comes,
    /// no more waits than one series.
    Again,
}

/// What one instance announces, and when.
#[derive(Clone, Debug, Default)]
pub struct Rounds {
    /// Series that begin now, until the queue has them.
    begun: Vec<Series>,
    /// What the queue had before them is not to be sent any more.
    is_cancelled: bool,
    /// There is something for the queue, or another time to wake it.
    has_news: bool,
    /// It has addresses to announce.
    is_on: bool,
    /// The second series after addresses have come.
    second: Option<Moment>,
    /// When another master was heard last.
    heard: Option<Moment>,
    /// When the last series began because of one.
    answered: Option<Moment>,
    /// One that would have begun at once, but for [`PAUSE`].
    held_back: Option<Moment>,
    /// The second series after another master was heard.
    again: Option<Moment>,
    refresh: Option<Moment>,
    extra: Option<Moment>,
}

impl Rounds {
    /// These addresses have come: they are announced now, and all of them once more
    /// later. The first ones begin what is repeated for as long as the router is master.
    pub fn begin(&mut self, came: HashSet<VirtualAddress>, now: Moment, settings: &Announcements) {
        self.has_news = true;
        self.begun.push(Series {
            which: Which::These(came),
            frames: settings.repeat,
            manner: Manner::Urgent,
        });
        self.second = after(now, settings.delay);
        if !std::mem::replace(&mut self.is_on, true) {
            self.refresh = after(now, settings.refresh);
            self.extra = after(now, settings.extra());
        }
    }

    /// Others may have announced the addresses and given them up again, while this
    /// router stood still: as if they had come anew.
    pub fn begin_again(&mut self, now: Moment, settings: &Announcements) {
        self.has_news = true;
        self.begun.push(again(settings.repeat));
        self.second = after(now, settings.delay);
    }

    /// Somebody else may have announced the same addresses: they are announced again,
    /// now, and once more when what the other one has under way has come to an end.
    pub fn repeat(&mut self, now: Moment, settings: &Announcements) {
        if settings.lower_prio_repeat == 0 {
            return;
        }
        self.has_news = true;
        self.heard = Some(now);
        match self.answered.map(|answered| answered + PAUSE) {
            Some(earliest) if earliest > now => self.held_back = Some(earliest),
            _ => {
                self.answered = Some(now);
                self.held_back = None;
                self.begun.push(again(settings.lower_prio_repeat));
            }
        }
        if !settings.lower_prio_delay.is_zero() {
            let delay = settings.lower_prio_delay.max(PAUSE);
            self.again.get_or_insert(now + delay);
        }
    }

    /// There is nothing to announce any more.
    pub fn cancel(&mut self) {
        *self = Rounds {
            is_cancelled: true,
            has_news: true,
            ..Rounds::default()
        };
    }

    /// Goes on with other settings. What is repeated at other intervals than before
    /// begins anew; what was to come at a certain time, comes then.
    pub fn adopt(&mut self, old: &Announcements, new: &Announcements, now: Moment) {
        if !self.is_on {
            return;
        }
        self.has_news = true;
        if old.refresh != new.refresh {
            self.refresh = after(now, new.refresh);
        }
        if old.extra() != new.extra() {
            self.extra = after(now, new.extra());
        }
    }

    /// Begins what is due.
    pub fn on_time(&mut self, now: Moment, settings: &Announcements) {
        let is_due = |due: &mut Moment| *due <= now;
        self.has_news |= self.wake().is_some_and(|wake| wake <= now);
        if self.held_back.take_if(is_due).is_some() {
            self.answered = Some(now);
            self.begun.push(again(settings.lower_prio_repeat));
        }
        if self.again.take_if(is_due).is_some() {
            self.begun.push(again(settings.lower_prio_repeat));
            let delay = settings.lower_prio_delay.max(PAUSE);
            self.again = self
                .heard
                .map(|heard| heard + delay)
                .filter(|next| *next > now);
        }
        if self.second.take_if(is_due).is_some() {
            self.begun.push(Series {
                which: Which::All,
                frames: settings.repeat,
                manner: Manner::More,
            });
        }
        if let Some(due) = self.refresh.take_if(is_due) {
            self.refresh = next(due, now, settings.refresh);
            self.begun.push(again(settings.refresh_repeat));
        }
        if let Some(due) = self.extra.take_if(is_due) {
            self.extra = next(due, now, settings.extra());
            let which = Which::Elsewhere;
            self.begun.push(Series { which, ..again(1) });
        }
        // Settings may have changed since.
        self.begun.retain(|series| series.frames > 0);
    }

    /// When the next series begins.
    pub fn wake(&self) -> Option<Moment> {
        let times = [
            self.second,
            self.held_back,
            self.again,
            self.refresh,
            self.extra,
        ];
        times.into_iter().flatten().min()
    }

    /// What the queue has not heard of yet; None if there is nothing.
    pub fn take_news(&mut self) -> Option<News> {
        std::mem::take(&mut self.has_news).then(|| News {
            is_cancelled: std::mem::take(&mut self.is_cancelled),
            begun: std::mem::take(&mut self.begun),
            wake: self.wake(),
        })
    }
}

/// What the queue is to know of an instance's rounds.
#[derive(Debug, PartialEq, Eq)]
pub struct News {
    /// Nothing is sent any more of what waits.
    pub is_cancelled: bool,
    /// What is to be sent from now on.
    pub begun: Vec<Series>,
    /// When to ask next.
    pub wake: Option<Moment>,
}

fn again(frames: u32) -> Series {
    Series {
        which: Which::All,
        frames,
        manner: Manner::Again,
    }
}

/// 0 is never.
fn after(now: Moment, delay: Duration) -> Option<Moment> {
    (!delay.is_zero()).then(|| now + delay)
}

/// The next one of those that come every `interval`, without what has been missed.
fn next(due: Moment, now: Moment, interval: Duration) -> Option<Moment> {
    let next = after(due, interval)?;
    if next > now {
        Some(next)
    } else {
        after(now, interval)
    }
}
