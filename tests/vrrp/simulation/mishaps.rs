//! What goes wrong.

use ipvsd::vrrp::Router;
use ipvsd::vrrp::memory::Memory;
use ipvsd::vrrp::settings::HmacMode;

use super::dialect::Security;
use super::judge::{self, Verdict, Watch, held_by_masters};
use super::node::Incoming;
use super::plan::{self, MILLISECOND, SECOND, Time};
use super::world::{Event, World};

/// The longest step of a wall clock, in seconds, after which what was signed before may
/// come to be believed within the story.
pub const LONGEST_STEP: i64 = 9;

#[derive(Clone, Copy, Debug)]
pub enum Mishap {
    Partition {
        is_one_way: bool,
    },
    LinkDown,
    AddressGone,
    Freeze,
    /// The host, with everything on it.
    Crash,
    /// The process, which core starts again.
    Kill,
    Stop,
    /// Another program removes a virtual address.
    Disturb,
    /// Other priorities, and another key or mode of signatures.
    Reload,
    /// Somebody sets the wall clock.
    ClockStep,
}

/// The last act, in a network that is whole.
#[derive(Clone, Debug)]
pub enum Finale {
    /// The master has gone; somebody else takes over in time.
    Succession,
    /// Its process was killed and is back: nobody has noticed, and the masters of all
    /// segments are still these.
    Resumed { masters: Vec<Vec<usize>> },
}

impl World {
    pub fn mishap(&mut self) -> Mishap {
        let partition = Mishap::Partition { is_one_way: false };
        if self.plan.is_gentle {
            return partition;
        }
        self.random.pick(&[
            partition,
            partition,
            Mishap::Partition { is_one_way: true },
            Mishap::LinkDown,
            Mishap::LinkDown,
            Mishap::AddressGone,
            Mishap::Freeze,
            Mishap::Freeze,
            Mishap::Crash,
            Mishap::Kill,
            Mishap::Kill,
            Mishap::Stop,
            Mishap::Disturb,
            Mishap::Disturb,
            Mishap::Reload,
            Mishap::ClockStep,
            Mishap::ClockStep,
        ])
    }

    pub fn go_wrong(&mut self, mishap: Mishap) -> Verdict {
        let node = self.random.index(self.nodes.len());
        let segment = self.random.index(self.plan.segments);
        self.tell(|_| format!("{mishap:?} ({node}, segment {segment})"));
        let pause = self
            .random
            .pick(&[300 * MILLISECOND, SECOND, 4 * SECOND, 9 * SECOND]);
        let pause = pause + self.random.of(0..SECOND);
        match mishap {
            Mishap::Partition { is_one_way } => {
                self.partition(segment, is_one_way);
                self.at(self.now + pause, Event::Join);
            }
            Mishap::LinkDown => {
                self.nodes[node].links[segment].is_up = false;
                self.facts_change(node, segment);
                self.at(self.now + pause, Event::LinkUp { node, segment });
            }
            Mishap::AddressGone => {
                self.nodes[node].links[segment].has_address = false;
                self.facts_change(node, segment);
                self.at(self.now + pause, Event::LinkUp { node, segment });
            }
            Mishap::Freeze => {
                self.nodes[node].frozen.get_or_insert(self.now + pause);
                self.judge.excuse(node);
                self.at(self.now + pause, Event::Thaw { node });
            }
            Mishap::Crash => {
                self.end_process(node, Memory::default())?;
                for link in &mut self.nodes[node].links {
                    link.held.clear();
                }
                self.maybe_back(node, pause);
            }
            Mishap::Kill => {
                let Some(router) = &self.nodes[node].router else {
                    return Ok(());
                };
                let memory = router.memory();
                self.end_process(node, memory)?;
                self.at(self.now + pause, Event::Start { node });
            }
            // One that stands still does not hear that it is to stop.
            Mishap::Stop if self.nodes[node].frozen.is_some() => {}
            Mishap::Stop => {
                self.stop(node)?;
                self.maybe_back(node, pause);
            }
            Mishap::Disturb => {
                self.nodes[node].is_disturbed = true;
                self.nodes[node].links[segment].held.clear();
                self.facts_change(node, segment);
            }
            Mishap::Reload => return self.reload(node),
            Mishap::ClockStep => self.step_clock(node),
        }
        Ok(())
    }

    fn partition(&mut self, segment: usize, is_one_way: bool) {
        let sides: Vec<bool> = self.nodes.iter().map(|_| self.random.percent(50)).collect();
        for from in 0..sides.len() {
            for to in 0..sides.len() {
                if sides[from] != sides[to] && (!is_one_way || sides[from]) {
                    self.network.cut(segment, from, to);
                }
            }
        }
    }

    /// The host does not come back, or later.
    fn maybe_back(&mut self, node: usize, pause: Time) {
        if self.random.percent(30) {
            self.nodes[node].is_gone = true;
        } else {
            self.at(self.now + pause, Event::Start { node });
        }
    }

    /// The process is no more, and with it all that was under way for it.
    fn end_process(&mut self, node: usize, memory: Memory) -> Verdict {
        let host = &mut self.nodes[node];
        host.router = None;
        host.memory = memory;
        host.life += 1;
        host.frozen = None;
        host.queue.clear();
        host.busy_until = self.now;
        self.judge.observe(node, None, self.now)
    }

    /// A clean stop: it hands over, and the addresses are removed before it ends.
    fn stop(&mut self, node: usize) -> Verdict {
        self.take(node, Incoming::Stop)?;
        self.act(node)?;
        for link in &mut self.nodes[node].links {
            link.held.clear();
        }
        self.end_process(node, Memory::default())
    }

    fn reload(&mut self, node: usize) -> Verdict {
        if self.nodes[node].frozen.is_some() || self.nodes[node].router.is_none() {
            return Ok(());
        }
        for settings in &mut self.nodes[node].instances {
            settings.priority = plan::priority(&mut self.random);
            let key = self.random.pick(&[1, 2]);
            let mode = self.random.pick(&[HmacMode::Enforce, HmacMode::Permissive]);
            settings.authentication = self.plan.dialect.authentication(key, mode);
        }
        self.take(node, Incoming::Reload)?;
        self.act(node)
    }

    /// Without a window nobody promises that a host which has forgotten what it has
    /// signed is believed with a clock that is behind.
    fn step_clock(&mut self, node: usize) {
        let seconds = self.random.pick(&[1, 4, LONGEST_STEP, 3_600, 1_000_000]);
        let is_back = self.random.percent(50);
        let is_bounded = self.plan.dialect.security != Security::Hmac(None);
        let step = if is_back && is_bounded {
            -seconds
        } else {
            seconds
        };
        self.nodes[node].clock += step;
    }

    pub fn start(&mut self, node: usize) -> Verdict {
        let now = self.moment();
        let host = &mut self.nodes[node];
        if host.router.is_some() || host.is_gone {
            return Ok(());
        }
        let router = Router::new(host.settings(), &host.memory, now);
        host.router = Some(router);
        host.memory = Memory::default();
        self.tell(|_| format!("{node} starts"));
        for segment in 0..self.plan.segments {
            self.take(node, Incoming::Facts { segment })?;
        }
        self.act(node)
    }

    pub fn thaw(&mut self, node: usize) -> Verdict {
        let host = &mut self.nodes[node];
        if host.frozen.is_none_or(|until| until > self.now) {
            return Ok(());
        }
        host.frozen = None;
        self.tell(|_| format!("{node} goes on"));
        self.judge.excuse(node);
        // Everything that has come in is read before anything that is due is done.
        while let Some(incoming) = self.nodes[node].queue.pop_front() {
            self.take(node, incoming)?;
        }
        self.on_time(node)
    }

    pub fn link_up(&mut self, node: usize, segment: usize) {
        let link = &mut self.nodes[node].links[segment];
        link.is_up = true;
        link.has_address = true;
        self.facts_change(node, segment);
    }

    pub fn heal(&mut self) -> Verdict {
        self.tell(|_| "the network is whole".to_owned());
        self.network.become_whole();
        for node in 0..self.nodes.len() {
            if self.plan.dialect.security != Security::Hmac(None) {
                self.nodes[node].clock = self.nodes[node].skew;
            }
            for segment in 0..self.plan.segments {
                self.link_up(node, segment);
            }
            if let Some(frozen) = &mut self.nodes[node].frozen {
                *frozen = self.now;
                self.thaw(node)?;
            }
            self.start(node)?;
        }
        Ok(())
    }

    /// Begins the last act; false if there is nobody to play it.
    pub fn finale(&mut self) -> Result<bool, String> {
        let Some(&master) = self.judge.masters(0).first() else {
            return Ok(false);
        };
        let others = self.nodes.iter().filter(|node| node.is_fit()).count() - 1;
        let act = self.random.of(0..4);
        self.tell(|_| format!("finale {act} of {master}, {others} others"));
        let (finale, wait) = match act {
            // Three groups may meet as masters and begin anew.
            0 | 1 if others == 0 || (self.plan.is_grouped && others > 1) => {
                return Ok(false);
            }
            0 => {
                self.judge.watch = Watch::Nobody;
                // An advert that is on its way may come in after the good-bye.
                let is_heard = self.judge.is_quiet(master, self.plan.good_delay, self.now);
                self.stop(master)?;
                (
                    Finale::Succession,
                    judge::gap(&self.plan, is_heard, &self.judge.bounds),
                )
            }
            1 => {
                self.judge.watch = Watch::Nobody;
                self.end_process(master, Memory::default())?;
                for link in &mut self.nodes[master].links {
                    link.held.clear();
                }
                (
                    Finale::Succession,
                    judge::gap(&self.plan, false, &self.judge.bounds),
                )
            }
            2 => {
                let memory = self.nodes[master].router.as_ref().map(Router::memory);
                self.judge.watch = Watch::Others(master);
                let masters = (0..self.plan.segments).map(|segment| self.judge.masters(segment));
                let masters = masters.collect();
                self.end_process(master, memory.unwrap_or_default())?;
                let shortest = self.judge.shortest_interval(master);
                let patience = u64::from(self.plan.dialect.down_timer_adverts) - 1;
                let gap = self.random.of(100 * MILLISECOND..patience * shortest);
                self.at(self.now + gap, Event::Start { node: master });
                (Finale::Resumed { masters }, gap + 5 * self.plan.interval())
            }
            _ => return Ok(false),
        };
        self.at(
            self.now + wait + self.plan.operation,
            Event::Epilogue(finale),
        );
        Ok(true)
    }

    pub fn epilogue(&self, finale: &Finale) -> Verdict {
        self.tell(|_| format!("{finale:?}"));
        match finale {
            Finale::Succession => self.judge.settled(&self.nodes),
            Finale::Resumed { masters } => {
                for (segment, before) in masters.iter().enumerate() {
                    if self.judge.masters(segment) != *before {
                        return Err(format!("{before:?} of segment {segment} has not gone on"));
                    }
                }
                held_by_masters(&self.nodes)
            }
        }
    }
}
