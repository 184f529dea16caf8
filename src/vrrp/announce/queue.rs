//! What waits to be announced, of all instances, and how fast it may go out.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use super::Manner;
use crate::family::Family;
use crate::moment::Moment;
use crate::vrrp::input::InstanceId;
use crate::vrrp::settings::{Pace, Pacing};

/// Addresses that wait to be announced, each by its instance and its index in that
/// one's settings.
///
/// They wait in lanes: one for everything that may go out at once, and one for each
/// interface or group of interfaces, and protocol, with a least time between two
/// frames. In a lane every address has its first frame before any has its second, and
/// instances take turns.
#[derive(Debug)]
pub struct Queue {
    waiting: BTreeMap<(InstanceId, usize), Waiting>,
    /// The first one has no pace.
    lanes: Vec<Lane>,
    /// The lanes of an interface, for gratuitous ARP and for neighbour advertisements;
    /// absent: the first lane for both.
    of_interface: HashMap<String, [usize; 2]>,
    /// Lanes with a pace in which something waits, by when the next frame may go out.
    paced: BTreeSet<(Moment, usize)>,
    /// Lanes with a pace that frames have been handed out from and not
    /// [gone out](Queue::gone_out).
    handed_out: BTreeSet<usize>,
}

#[derive(Clone, Copy, Debug)]
struct Waiting {
    lane: usize,
    turn: Turn,
    /// Frames that are to be sent.
    left: u32,
}

/// Who comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Turn {
    /// Frames that have been sent.
    round: u32,
    /// The place among the others. An instance numbers its addresses from the one on
    /// that had its turn last, so that one with few need not wait for one with many.
    place: u64,
}

#[derive(Debug, Default)]
struct Lane {
    /// The least time between two frames.
    pace: Duration,
    queue: BTreeSet<(Turn, InstanceId, usize)>,
    /// The place of the one that had its turn last.
    latest: u64,
    /// When the last frame went out, where there is a pace.
    sent: Option<Moment>,
}

/// An address that waits, out of the queue while other settings come.
#[derive(Clone, Copy, Debug)]
pub struct Kept {
    pub instance: InstanceId,
    pub index: usize,
    round: u32,
    left: u32,
}

impl Kept {
    /// The same address under another index.
    pub fn at(self, index: usize) -> Self {
        Kept { index, ..self }
    }
}

impl Queue {
    /// An empty one. `before` is the one whose place it takes: it knows how long ago
    /// frames went out.
    pub fn new<'a>(
        pacing: &Pacing,
        interfaces: impl IntoIterator<Item = &'a str>,
        before: Option<&Queue>,
    ) -> Self {
        let mut queue = Queue {
            waiting: BTreeMap::new(),
            lanes: vec![Lane::default()],
            of_interface: HashMap::new(),
            paced: BTreeSet::new(),
            handed_out: BTreeSet::new(),
        };
        for group in &pacing.groups {
            queue.open_lanes(group.pace, &group.interfaces, before);
        }
        for interface in interfaces {
            if !queue.of_interface.contains_key(interface) {
                queue.open_lanes(pacing.each, &[interface.to_owned()], before);
            }
        }
        queue
    }

    fn open_lanes(&mut self, pace: Pace, interfaces: &[String], before: Option<&Queue>) {
        let lanes = [Family::V4, Family::V6].map(|family| {
            let pace = match family {
                Family::V4 => pace.arp,
                Family::V6 => pace.na,
            };
            if pace.is_zero() {
                return 0;
            }
            let sent = interfaces.iter().filter_map(|interface| {
                let before = before?;
                before.lanes[before.lane(interface, family)].sent
            });
            self.lanes.push(Lane {
                pace,
                sent: sent.max(),
                ..Lane::default()
            });
            self.lanes.len() - 1
        });
        for interface in interfaces {
            self.of_interface.insert(interface.clone(), lanes);
        }
    }

    fn lane(&self, interface: &str, family: Family) -> usize {
        let lanes = self.of_interface.get(interface);
        lanes.map_or(0, |[arp, na]| match family {
            Family::V4 => *arp,
            Family::V6 => *na,
        })
    }

    /// So many frames for each of these addresses of an instance.
    pub fn add<'a>(
        &mut self,
        instance: InstanceId,
        addresses: impl Iterator<Item = (usize, &'a str, Family)>,
        frames: u32,
        manner: Manner,
    ) {
        let mut places: BTreeMap<usize, u64> = BTreeMap::new();
        for (index, interface, family) in addresses {
            let lane = self.lane(interface, family);
            let latest = self.lanes[lane].latest;
            let place = places.entry(lane).or_insert(latest);
            *place += 1;
            let place = *place;
            let mut left = frames;
            if let Some(waiting) = self.waiting.get_mut(&(instance, index)) {
                match manner {
                    Manner::More => waiting.left = waiting.left.saturating_add(frames),
                    Manner::Again => waiting.left = waiting.left.max(frames),
                    Manner::Urgent => left = left.max(waiting.left),
                }
                if manner != Manner::Urgent {
                    continue;
                }
                self.remove(instance, index);
            }
            let round = match (manner, self.lanes[lane].queue.first()) {
                (Manner::More | Manner::Again, Some((turn, ..))) => turn.round,
                _ => 0,
            };
            let turn = Turn { round, place };
            self.insert(instance, index, Waiting { lane, turn, left });
        }
    }

    fn insert(&mut self, instance: InstanceId, index: usize, waiting: Waiting) {
        self.waiting.insert((instance, index), waiting);
        let lane = &mut self.lanes[waiting.lane];
        lane.queue.insert((waiting.turn, instance, index));
        self.wait(waiting.lane);
    }

    fn remove(&mut self, instance: InstanceId, index: usize) {
        if let Some(waiting) = self.waiting.remove(&(instance, index)) {
            self.go(waiting.lane);
            let lane = &mut self.lanes[waiting.lane];
            lane.queue.remove(&(waiting.turn, instance, index));
            self.wait(waiting.lane);
        }
    }

    /// Nothing that waits for an instance is sent.
    pub fn forget(&mut self, instance: InstanceId) {
        let all = self.waiting.range((instance, 0)..=(instance, usize::MAX));
        let all: Vec<usize> = all.map(|((_, index), _)| *index).collect();
        for index in all {
            self.remove(instance, index);
        }
    }

    /// The next frame that may go out now, as `frame` makes it. What it makes nothing of
    /// is not waited for any more.
    pub fn next<T>(
        &mut self,
        now: Moment,
        mut frame: impl FnMut(InstanceId, usize) -> Option<T>,
    ) -> Option<T> {
        loop {
            let lane = match self.paced.first() {
                Some((free, lane)) if *free <= now => *lane,
                _ => 0,
            };
            let (mut turn, instance, index) = *self.lanes[lane].queue.first()?;
            self.lanes[lane].latest = turn.place;
            let left = self.waiting.get(&(instance, index))?.left;
            self.remove(instance, index);
            let Some(frame) = frame(instance, index) else {
                continue;
            };
            if lane != 0 {
                self.went_out(lane, now);
                self.handed_out.insert(lane);
            }
            if let Some(left) = left.checked_sub(1).filter(|left| *left > 0) {
                turn.round = turn.round.saturating_add(1);
                self.insert(instance, index, Waiting { lane, turn, left });
            }
            return Some(frame);
        }
    }

    /// What has been handed out so far went out now, not when it was handed out.
    pub fn gone_out(&mut self, now: Moment) {
        for lane in std::mem::take(&mut self.handed_out) {
            self.went_out(lane, now);
        }
    }

    fn went_out(&mut self, lane: usize, now: Moment) {
        self.go(lane);
        self.lanes[lane].sent = Some(now);
        self.wait(lane);
    }

    /// A lane is about to change.
    fn go(&mut self, lane: usize) {
        self.paced.remove(&(self.lanes[lane].free(), lane));
    }

    /// A lane has changed.
    fn wait(&mut self, lane: usize) {
        if lane != 0 && !self.lanes[lane].queue.is_empty() {
            self.paced.insert((self.lanes[lane].free(), lane));
        }
    }

    /// When the next frame may go out: in the past while one may go out at once.
    pub fn wake(&self) -> Option<Moment> {
        if self.lanes[0].queue.is_empty() {
            self.paced.first().map(|(free, _)| *free)
        } else {
            Some(Moment::default())
        }
    }

    /// All that waits, in its order.
    pub fn kept(&self) -> Vec<Kept> {
        let mut all: Vec<_> = self.waiting.iter().collect();
        all.sort_by_key(|(_, waiting)| waiting.turn);
        all.into_iter()
            .map(|(&(instance, index), waiting)| Kept {
                instance,
                index,
                round: waiting.turn.round,
                left: waiting.left,
            })
            .collect()
    }

    /// Puts an address into its place again, behind those that have been put back
    /// before it.
    pub fn put_back(&mut self, kept: Kept, interface: &str, family: Family) {
        let lane = self.lane(interface, family);
        let turn = Turn {
            round: kept.round,
            place: self.waiting.len() as u64 + 1,
        };
        let left = kept.left;
        self.insert(kept.instance, kept.index, Waiting { lane, turn, left });
    }
}

impl Lane {
    /// When the next frame may go out.
    fn free(&self) -> Moment {
        self.sent.map_or(Moment::default(), |sent| sent + self.pace)
    }
}
