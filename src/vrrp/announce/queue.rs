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
/// They wait in lanes, by interface and protocol; interfaces of a `garp_group` share
/// theirs. Every address has its first frame before any has its second, instances take
/// turns, and a lane in which nothing moves is no obstacle to the others.
#[derive(Debug)]
pub struct Queue {
    waiting: BTreeMap<(InstanceId, usize), Waiting>,
    /// The first one is for interfaces that are not known.
    lanes: Vec<Lane>,
    /// The lanes of an interface, for gratuitous ARP and for neighbour advertisements.
    of_interface: HashMap<String, [usize; 2]>,
    /// Lanes in which something waits that may go out at once, by its turn.
    open: BTreeSet<(Turn, usize)>,
    /// Those in which something waits for a time, by that.
    timed: BTreeSet<(Moment, usize)>,
    /// What has been handed out at the latest time, and when that was.
    handed_out: Vec<HandedOut>,
    handed_out_at: Moment,
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
    /// The address has been announced before.
    is_known: bool,
    place: u64,
}

#[derive(Clone, Copy, Debug)]
struct HandedOut {
    instance: InstanceId,
    index: usize,
    lane: usize,
    turn: Turn,
}

#[derive(Debug, Default)]
struct Lane {
    /// The least time between two frames.
    pace: Duration,
    queue: BTreeSet<(Turn, InstanceId, usize)>,
    /// The place of the one that had its turn last.
    latest: u64,
    /// The last place of each instance.
    last: HashMap<InstanceId, u64>,
    /// When the last frame went out.
    sent: Option<Moment>,
    /// There was no room for a frame: not before then.
    blocked: Option<Moment>,
}

/// An address that waits, out of the queue while other settings come.
#[derive(Clone, Copy, Debug)]
pub struct Kept {
    pub instance: InstanceId,
    pub index: usize,
    is_known: bool,
    left: u32,
}

impl Kept {
    /// The same address under another index.
    pub fn at(self, index: usize) -> Self {
        Kept { index, ..self }
    }
}

impl Lane {
    /// When the next frame may go out; None: at any time.
    fn free(&self) -> Option<Moment> {
        let paced = self.sent.filter(|_| !self.pace.is_zero());
        paced.map(|sent| sent + self.pace).max(self.blocked)
    }

    /// A turn after all others of the instance, and for each of these after one of each
    /// of the others: who has few addresses need not wait for who has many.
    fn turn(&mut self, instance: InstanceId, is_known: bool) -> Turn {
        let last = self.last.entry(instance).or_default();
        *last = self.latest.max(*last) + 1;
        Turn {
            is_known,
            place: *last,
        }
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
            open: BTreeSet::new(),
            timed: BTreeSet::new(),
            handed_out: Vec::new(),
            handed_out_at: Moment::default(),
        };
        for group in &pacing.groups {
            queue.make_lanes(group.pace, &group.interfaces, before);
        }
        for interface in interfaces {
            if !queue.of_interface.contains_key(interface) {
                queue.make_lanes(pacing.each, &[interface.to_owned()], before);
            }
        }
        queue
    }

    fn make_lanes(&mut self, pace: Pace, interfaces: &[String], before: Option<&Queue>) {
        let lanes = [(Family::V4, pace.arp), (Family::V6, pace.na)].map(|(family, pace)| {
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

    /// So many frames, at least 1, for each of these addresses of an instance.
    pub fn add<'a>(
        &mut self,
        instance: InstanceId,
        addresses: impl Iterator<Item = (usize, &'a str, Family)>,
        frames: u32,
        manner: Manner,
    ) {
        for (index, interface, family) in addresses {
            let is_known = manner != Manner::Urgent;
            let waiting = match self.remove(instance, index) {
                // It goes on to wait in its place, unless that is for what is known.
                Some(waiting) if is_known || !waiting.turn.is_known => {
                    let left = match manner {
                        Manner::More => waiting.left.saturating_add(frames),
                        Manner::Again | Manner::Urgent => waiting.left.max(frames),
                    };
                    Waiting { left, ..waiting }
                }
                before => {
                    let lane = self.lane(interface, family);
                    let left = before.map_or(frames, |before| before.left.max(frames));
                    let turn = self.lanes[lane].turn(instance, is_known);
                    Waiting { lane, turn, left }
                }
            };
            self.insert(instance, index, waiting);
        }
    }

    fn insert(&mut self, instance: InstanceId, index: usize, waiting: Waiting) {
        self.waiting.insert((instance, index), waiting);
        self.change(waiting.lane, |lane| {
            lane.queue.insert((waiting.turn, instance, index));
        });
    }

    fn remove(&mut self, instance: InstanceId, index: usize) -> Option<Waiting> {
        let waiting = self.waiting.remove(&(instance, index))?;
        self.change(waiting.lane, |lane| {
            lane.queue.remove(&(waiting.turn, instance, index));
        });
        Some(waiting)
    }

    /// The one way in which a lane changes: it stays where it belongs.
    fn change(&mut self, number: usize, change: impl FnOnce(&mut Lane)) {
        let lane = &mut self.lanes[number];
        let place = |lane: &Lane| Some((lane.free(), lane.queue.first()?.0));
        let before = place(lane);
        change(lane);
        if lane.queue.is_empty() {
            lane.latest = 0;
            lane.last.clear();
        }
        let after = place(lane);
        if before == after {
            return;
        }
        match before {
            Some((Some(free), _)) => self.timed.remove(&(free, number)),
            Some((None, turn)) => self.open.remove(&(turn, number)),
            None => false,
        };
        match after {
            Some((Some(free), _)) => self.timed.insert((free, number)),
            Some((None, turn)) => self.open.insert((turn, number)),
            None => false,
        };
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
        if self.handed_out_at != now {
            self.handed_out.clear();
            self.handed_out_at = now;
        }
        loop {
            let lane = match self.timed.first() {
                Some((free, lane)) if *free <= now => *lane,
                _ => self.open.first()?.1,
            };
            let (turn, instance, index) = *self.lanes[lane].queue.first()?;
            let left = self.remove(instance, index)?.left;
            let Some(frame) = frame(instance, index) else {
                continue;
            };
            self.change(lane, |lane| {
                lane.latest = lane.latest.max(turn.place);
                lane.sent = Some(now);
                lane.blocked = None;
            });
            self.handed_out.push(HandedOut {
                instance,
                index,
                lane,
                turn,
            });
            if left > 1 {
                let turn = self.lanes[lane].turn(instance, true);
                let left = left - 1;
                self.insert(instance, index, Waiting { lane, turn, left });
            }
            return Some(frame);
        }
    }

    /// What has been handed out at the latest time went out now, not then.
    pub fn gone_out(&mut self, now: Moment) {
        for handed_out in std::mem::take(&mut self.handed_out) {
            self.change(handed_out.lane, |lane| lane.sent = Some(now));
        }
    }

    /// There was no room for a frame that has been handed out at the latest time: it
    /// waits again, in its old place, and its lane until then.
    pub fn give_back(&mut self, instance: InstanceId, index: usize, until: Moment) {
        let is_it = |out: &HandedOut| (out.instance, out.index) == (instance, index);
        let Some(at) = self.handed_out.iter().rposition(is_it) else {
            return;
        };
        let HandedOut { lane, turn, .. } = self.handed_out.remove(at);
        let left = self.remove(instance, index).map_or(0, |rest| rest.left);
        let left = left.saturating_add(1);
        self.insert(instance, index, Waiting { lane, turn, left });
        self.change(lane, |lane| lane.blocked = Some(until));
    }

    /// When the next frame may go out: in the past while one may go out at once.
    pub fn wake(&self) -> Option<Moment> {
        if self.open.is_empty() {
            self.timed.first().map(|(free, _)| *free)
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
                is_known: waiting.turn.is_known,
                left: waiting.left,
            })
            .collect()
    }

    /// Puts an address into its place again, behind those that have been put back
    /// before it.
    pub fn put_back(&mut self, kept: Kept, interface: &str, family: Family) {
        // An address that stands in the settings twice waits once from now on.
        if let Some(waiting) = self.waiting.get_mut(&(kept.instance, kept.index)) {
            waiting.left = waiting.left.max(kept.left);
            return;
        }
        let lane = self.lane(interface, family);
        let turn = self.lanes[lane].turn(kept.instance, kept.is_known);
        let left = kept.left;
        self.insert(kept.instance, kept.index, Waiting { lane, turn, left });
    }
}
