//! Who takes part, with which settings, and how bad the network is.

use std::time::Duration;

use ipvsd::vrrp::settings::{Announcements, GroupSettings, InstanceSettings};
use ipvsd::vrrp::{AdvertInterval, Priority, Version, Vrid};

use super::dialect::{self, Dialect};
use super::random::Random;
use crate::bench::ms;

/// Microseconds of the story.
pub type Time = u64;

pub const SECOND: Time = 1_000_000;
pub const MILLISECOND: Time = 1_000;

/// One story.
pub struct Plan {
    pub dialect: Dialect,
    pub segments: usize,
    pub nodes: Vec<NodePlan>,
    /// All instances of a router are in one sync group.
    pub is_grouped: bool,
    /// When the network becomes whole again.
    pub heals: Time,
    /// How long a packet takes at most while it is not, and when it is.
    pub bad_delay: Time,
    pub good_delay: Time,
    /// Of a hundred packets, while it is bad.
    pub loss: u64,
    pub duplication: u64,
    /// How late timers are seen at most.
    pub lateness: Time,
    /// How long an operation on addresses takes at most.
    pub operation: Time,
    /// Adverts also come back to their sender.
    pub loops: bool,
    /// Things that go wrong, in number.
    pub mishaps: u64,
    /// Nothing goes wrong but partitions, which cut both ways, and packets take no
    /// time: what one hears of another, that one hears of it.
    pub is_gentle: bool,
}

pub struct NodePlan {
    pub instances: Vec<InstanceSettings>,
    pub groups: Vec<GroupSettings>,
    pub startup_delay: Duration,
    /// How far its wall clock is off, in seconds; the window allows twice as much.
    pub skew: i64,
    /// The last octet of its own address, by segment.
    pub hosts: Vec<u8>,
}

impl Plan {
    pub fn new(random: &mut Random) -> Self {
        let segments = random.pick(&[1, 1, 1, 2, 2, 3]);
        let is_grouped = segments > 1 && random.percent(60);
        let count = random.pick(&[2, 2, 2, 3, 3, 4, 5]);
        let dialect = Dialect::new(random);
        let interval = dialect.interval(random);
        let long_delays = random.percent(30);
        let hosts: Vec<Vec<u8>> = (0..segments)
            .map(|_| {
                let mut hosts: Vec<u8> = (1..=count).collect();
                random.shuffle(&mut hosts);
                hosts
            })
            .collect();
        let nodes = (0..usize::from(count))
            .map(|node| {
                let manner = Manner::new(random);
                let instances: Vec<InstanceSettings> = (0..segments)
                    .map(|segment| {
                        let hosts = &hosts[segment];
                        let mut settings = instance(segment, &dialect, interval, &manner, random);
                        dialect.apply(&mut settings, segment as u8, hosts[node], hosts);
                        settings
                    })
                    .collect();
                NodePlan {
                    groups: if is_grouped {
                        vec![group(&instances, random)]
                    } else {
                        Vec::new()
                    },
                    instances,
                    startup_delay: dialect::startup_delay(random),
                    skew: random.pick(&[0, 0, -1, 1]),
                    hosts: hosts.iter().map(|hosts| hosts[node]).collect(),
                }
            })
            .collect();
        let is_gentle = random.percent(15);
        let plan = Plan {
            dialect,
            segments,
            nodes,
            is_grouped,
            heals: random.of(6..25) * SECOND + random.of(0..SECOND),
            bad_delay: if long_delays {
                1_500 * MILLISECOND
            } else {
                random.of(1..30) * MILLISECOND
            },
            good_delay: random.of(1..20) * MILLISECOND,
            loss: random.pick(&[0, 0, 0, 5, 20, 50]),
            duplication: random.pick(&[0, 0, 10]),
            lateness: random.pick(&[0, 0, 3]) * MILLISECOND,
            operation: random.pick(&[1, 5, 50, 300]) * MILLISECOND,
            loops: random.percent(20),
            mishaps: random.of(0..12),
            is_gentle,
        };
        if is_gentle {
            Plan {
                bad_delay: 1,
                loss: 0,
                duplication: 0,
                ..plan
            }
        } else {
            plan
        }
    }

    /// The longest advert interval.
    pub fn interval(&self) -> Time {
        self.longest(|settings| settings.advert_interval.as_duration())
    }

    /// The longest skew: that of the lowest priority.
    pub fn skew(&self) -> Time {
        match self.dialect.version {
            Version::V2 => SECOND,
            Version::V3 => self.interval(),
        }
    }

    /// The longest time without adverts after which a master is given up.
    pub fn master_down(&self) -> Time {
        u64::from(self.dialect.down_timer_adverts) * self.interval() + self.skew()
    }

    pub fn startup_delay(&self) -> Time {
        let all = self.nodes.iter().map(|node| node.startup_delay.as_micros());
        all.max().unwrap_or(0) as Time
    }

    pub fn longest(&self, of: impl Fn(&InstanceSettings) -> Duration) -> Time {
        let all = self.nodes.iter().flat_map(|node| &node.instances);
        all.map(|settings| of(settings).as_micros() as Time)
            .max()
            .unwrap_or(0)
    }
}

/// What the instances of one router have in common.
struct Manner {
    preempt: bool,
    preempt_delay: Duration,
}

impl Manner {
    fn new(random: &mut Random) -> Self {
        Manner {
            preempt: random.percent(75),
            preempt_delay: ms(random.pick(&[0, 0, 0, 500, 3_000])),
        }
    }
}

fn instance(
    segment: usize,
    dialect: &Dialect,
    interval: AdvertInterval,
    manner: &Manner,
    random: &mut Random,
) -> InstanceSettings {
    let link = segment as u8;
    InstanceSettings {
        priority: priority(random),
        advert_interval: dialect.own_interval(interval, random),
        preempt: manner.preempt,
        preempt_delay: manner.preempt_delay,
        lower_prio_no_advert: random.percent(20),
        skip_check_adv_addr: random.percent(20),
        timer_expired_backup: random.percent(20).then_some(Priority(254)),
        addresses: vec![dialect.virtual_address(link)],
        announcements: {
            let delay = ms(random.pick(&[0, 1_000, 5_000]));
            let repeat = 1 + random.of(0..3) as u32;
            Announcements {
                delay,
                repeat,
                lower_prio_delay: delay,
                lower_prio_repeat: repeat,
                ..Announcements::default()
            }
        },
        // Also the same one on all segments, as many have it.
        ..InstanceSettings::new(
            &format!("VI_{link}"),
            &format!("eth{link}"),
            Vrid::new(51 + link).expect("a VRID"),
            dialect.family,
        )
    }
}

pub fn priority(random: &mut Random) -> Priority {
    Priority(random.pick(&[1, 100, 100, 100, 101, 150, 150, 254, 255]))
}

fn group(instances: &[InstanceSettings], random: &mut Random) -> GroupSettings {
    let mut members: Vec<String> = instances
        .iter()
        .map(|instance| instance.name.clone())
        .collect();
    random.shuffle(&mut members);
    GroupSettings {
        name: "VG".to_owned(),
        members,
    }
}
