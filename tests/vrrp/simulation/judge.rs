//! What must hold in every story.

use ipvsd::vrrp::State;

use super::dialect::Security;
use super::node::Node;
use super::plan::{MILLISECOND, NodePlan, Plan, SECOND, Time};

/// A breach, in words.
pub type Verdict = Result<(), String>;

/// When what must hold.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// The network is whole, nothing of before is on its way any more, and everybody
    /// believes what the others have signed.
    pub believed: Time,
    /// One advert interval and the largest delay later: no two masters.
    pub calm: Time,
    /// One master-down interval later: one. Groups may have met as masters before.
    pub settled: Time,
    /// Everybody who is to preempt has done so: nothing changes any more.
    pub stable: Time,
    /// All announcements are out.
    pub end: Time,
    /// What is not the core's fault: late timers, slow netlink.
    pub slack: Time,
}

impl Bounds {
    pub fn new(plan: &Plan) -> Self {
        let interval = plan.interval();
        let slack = 2 * plan.lateness + 20 * MILLISECOND;
        // Priorities change: the lowest of all.
        let master_down = plan.master_down();
        let delay = plan.longest(|settings| settings.preempt_delay);
        let whole = plan.heals + plan.bad_delay + slack;
        let believed = whole + plan.dialect.disbelief();
        let mut calm = believed + interval + plan.good_delay + slack;
        if plan.dialect.security == Security::Header {
            // One whose numbers are behind is given up, and is heard when it has heard the
            // other.
            calm += master_down + 2 * interval + 2 * plan.good_delay + slack;
        }
        let collisions = if plan.is_grouped {
            // Each round at most a master-down interval and 16 intervals; the first
            // ones are shorter, and few have a second.
            3 * (master_down + 8 * interval)
        } else {
            0
        };
        let settled = calm + plan.startup_delay() + master_down + collisions + slack;
        let stable = settled + interval + delay + master_down + plan.good_delay + slack;
        Bounds {
            believed,
            calm,
            settled,
            stable,
            end: stable + 6 * SECOND + plan.operation,
            slack,
        }
    }
}

pub struct Judge {
    pub bounds: Bounds,
    segments: Vec<Segment>,
    is_grouped: bool,
    /// How long two may be masters while one takes over from the other.
    handover: Time,
    /// Of each router, by segment.
    intervals: Vec<Vec<Time>>,
    /// Who may not change any more once everything is stable.
    pub watch: Watch,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Watch {
    All,
    Others(usize),
    Nobody,
}

#[derive(Clone)]
struct Segment {
    masters: Vec<bool>,
    /// Since when there has been more than one, or none.
    crowded: Option<Time>,
    changed: Time,
    last_advert: Vec<Option<Time>>,
    /// Who announced the address last, and when.
    announced: Option<(usize, Time)>,
}

impl Judge {
    pub fn new(plan: &Plan) -> Self {
        let bounds = Bounds::new(plan);
        let segment = Segment {
            masters: vec![false; plan.nodes.len()],
            crowded: None,
            changed: 0,
            last_advert: vec![None; plan.nodes.len()],
            announced: None,
        };
        Judge {
            bounds,
            segments: vec![segment; plan.segments],
            is_grouped: plan.is_grouped,
            handover: plan.good_delay + bounds.slack,
            intervals: plan.nodes.iter().map(intervals).collect(),
            watch: Watch::All,
        }
    }

    pub fn masters(&self, segment: usize) -> Vec<usize> {
        let masters = self.segments[segment].masters.iter().enumerate();
        masters
            .filter(|(_, is_master)| **is_master)
            .map(|(node, _)| node)
            .collect()
    }

    /// The states of a router's instances after it has done something; none while it
    /// does not run.
    pub fn observe(&mut self, node: usize, states: Option<&[State]>, now: Time) -> Verdict {
        if let Some(states) = states.filter(|_| self.is_grouped)
            && states.iter().any(|state| *state != states[0])
        {
            return Err(format!("the group of {node} is in {states:?}"));
        }
        for (at, segment) in self.segments.iter_mut().enumerate() {
            let is_master = states.is_some_and(|states| states[at] == State::Master);
            if segment.masters[node] == is_master {
                continue;
            }
            let is_watched = match self.watch {
                Watch::All => true,
                Watch::Others(one) => one != node,
                Watch::Nobody => false,
            };
            if now > self.bounds.stable && is_watched {
                return Err(format!("{node} changes on segment {at} and should not"));
            }
            segment.masters[node] = is_master;
            segment.changed = now;
            segment.last_advert[node] = None;
            let count = segment
                .masters
                .iter()
                .filter(|is_master| **is_master)
                .count();
            if count > 1 {
                segment.crowded.get_or_insert(now);
            } else if let Some(since) = segment.crowded.take() {
                check_crowd(at, since.max(self.bounds.calm), now, self.handover)?;
            }
        }
        Ok(())
    }

    /// An advert with a priority above 0 has been sent.
    pub fn advert(&mut self, node: usize, segment: usize, now: Time) -> Verdict {
        let latest = self.intervals[node][segment] + self.bounds.slack;
        let segment = &mut self.segments[segment];
        if let Some(last) = segment.last_advert[node].filter(|_| segment.masters[node])
            && now > last + latest
        {
            return Err(format!("{node} has sent no advert since {last}"));
        }
        segment.last_advert[node] = Some(now);
        Ok(())
    }

    /// The shortest advert interval of a router.
    pub fn shortest_interval(&self, node: usize) -> Time {
        let all = self.intervals[node].iter();
        all.copied().min().unwrap_or(SECOND)
    }

    /// A router stands still: its adverts are late for a reason.
    pub fn excuse(&mut self, node: usize) {
        for segment in &mut self.segments {
            segment.last_advert[node] = None;
        }
    }

    /// Whether a router has sent no advert for so long.
    pub fn is_quiet(&self, node: usize, how_long: Time, now: Time) -> bool {
        let last = self
            .segments
            .iter()
            .filter_map(|segment| segment.last_advert[node]);
        last.max().is_none_or(|last| now > last + how_long)
    }

    pub fn announced(&mut self, node: usize, segment: usize, now: Time) {
        self.segments[segment].announced = Some((node, now));
    }

    /// From the time on when there must be one: there is.
    pub fn settled(&self, nodes: &[Node]) -> Verdict {
        for (at, segment) in self.segments.iter().enumerate() {
            let has_fit = nodes.iter().any(Node::is_fit);
            if has_fit && !segment.masters.contains(&true) {
                return Err(format!("nobody is master of segment {at}"));
            }
        }
        Ok(())
    }

    /// At the end everything is as it should be.
    pub fn end(&self, nodes: &[Node], is_gentle: bool, now: Time) -> Verdict {
        self.settled(nodes)?;
        for (at, segment) in self.segments.iter().enumerate() {
            if let Some(since) = segment.crowded {
                check_crowd(at, since.max(self.bounds.calm), now, 0)?;
            }
            let masters = self.masters(at);
            let Some(&master) = masters.first() else {
                continue;
            };
            self.is_right_one(at, master, nodes)?;
            let last = segment.last_advert[master];
            if last.is_none_or(|last| now > last + self.intervals[master][at] + self.bounds.slack) {
                return Err(format!("master {master} of segment {at} is silent"));
            }
            // What was announced while packets were lost, or not believed, may never have
            // been put right: nobody who could do so has heard of it.
            if let Some((owner, when)) = segment.announced
                && owner != master
                && (is_gentle || when > self.bounds.believed)
            {
                return Err(format!(
                    "{owner} was the last to announce segment {at}, at {when}, and {master} is \
                     master"
                ));
            }
        }
        held_by_masters(nodes)
    }

    /// Nobody is there who should have taken over.
    fn is_right_one(&self, at: usize, master: usize, nodes: &[Node]) -> Verdict {
        let has_more = |node: &Node, segment: usize| {
            let settings = &node.instances[segment];
            settings.preempt && settings.priority > nodes[master].instances[segment].priority
        };
        for node in nodes.iter().filter(|node| node.is_fit()) {
            let is_better = if self.is_grouped {
                (0..self.segments.len()).all(|segment| has_more(node, segment))
            } else {
                has_more(node, at)
            };
            if is_better {
                return Err(format!(
                    "{master} is master of segment {at}, and {} has the higher priority",
                    node.number
                ));
            }
        }
        Ok(())
    }
}

fn intervals(node: &NodePlan) -> Vec<Time> {
    let all = node.instances.iter();
    all.map(|settings| settings.advert_interval.as_duration().as_micros() as Time)
        .collect()
}

fn check_crowd(segment: usize, since: Time, until: Time, most: Time) -> Verdict {
    if until > since + most {
        return Err(format!(
            "segment {segment} had several masters from {since} to {until}"
        ));
    }
    Ok(())
}

/// Addresses are held exactly by masters.
pub fn held_by_masters(nodes: &[Node]) -> Verdict {
    for node in nodes {
        let states = node.router.as_ref().map(states);
        for (at, link) in node.links.iter().enumerate() {
            let is_master = states
                .as_ref()
                .is_some_and(|states| states[at] == State::Master);
            if is_master == link.held.is_empty() {
                return Err(format!(
                    "{} is {}master of segment {at} and holds {:?}",
                    node.number,
                    if is_master { "" } else { "not " },
                    link.held
                ));
            }
        }
    }
    Ok(())
}

/// The states of a router's instances, by segment.
pub fn states(router: &ipvsd::vrrp::Router) -> Vec<State> {
    let mut reports = router.report().instances;
    reports.sort_by(|a, b| a.name.cmp(&b.name));
    reports.into_iter().map(|report| report.state).collect()
}

/// How long a master that has stopped, or died, leaves its segments without one.
/// Reloads may have changed priorities: the lowest of all waits longest.
pub fn gap(plan: &Plan, has_released: bool, bounds: &Bounds) -> Time {
    let longest = match has_released {
        true => plan.skew(),
        false => plan.master_down(),
    };
    longest + plan.good_delay + bounds.slack
}
