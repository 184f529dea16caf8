//! A story as it goes.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use ipvsd::moment::Moment;
use ipvsd::vrrp::input::Input;
use ipvsd::vrrp::settings::VirtualAddress;
use ipvsd::vrrp::{InstanceId, Router};

use super::judge::{Judge, Verdict, states};
use super::mishaps::{Finale, Mishap};
use super::network::Network;
use super::node::{Incoming, Node, Packet};
use super::plan::{MILLISECOND, Plan, SECOND, Time};
use super::random::Random;

/// Packets that wait for a process that stands still; a socket holds no more.
const SOCKET: usize = 300;

/// No story has as much to tell.
const MOST_EVENTS: usize = 200_000;

/// When the story begins, since boot: the core takes 0 for a time long ago.
pub const BOOT: Time = 1_000 * SECOND;

/// The story that follows from a seed. `is_told`: with every step on standard output.
pub fn run(seed: u64, is_told: bool) -> Verdict {
    World::new(seed, is_told).run()
}

pub struct World {
    pub plan: Plan,
    pub random: Random,
    pub now: Time,
    /// When, and which of `happenings`: first come, first served.
    agenda: BinaryHeap<Reverse<(Time, usize)>>,
    happenings: Vec<Option<Event>>,
    pub nodes: Vec<Node>,
    pub network: Network,
    pub judge: Judge,
    is_told: bool,
}

#[derive(Clone, Debug)]
pub enum Event {
    Deliver {
        node: usize,
        segment: usize,
        packet: Packet,
    },
    /// Netlink tells how an interface is.
    Facts {
        node: usize,
        segment: usize,
    },
    /// The kernel changes addresses.
    Execute {
        node: usize,
        life: u64,
        instance: InstanceId,
        addresses: Vec<VirtualAddress>,
        is_add: bool,
    },
    Alarm {
        node: usize,
        alarm: u64,
    },
    Start {
        node: usize,
    },
    Thaw {
        node: usize,
    },
    LinkUp {
        node: usize,
        segment: usize,
    },
    Mishap(Mishap),
    /// Partitions end.
    Join,
    /// Everything is as it should be from now on.
    Heal,
    Settled,
    End,
    /// What the last act leads to has had its time.
    Epilogue(Finale),
}

impl World {
    fn new(seed: u64, is_told: bool) -> Self {
        let mut random = Random::new(seed);
        let plan = Plan::new(&mut random);
        World {
            nodes: (plan.nodes.iter().enumerate())
                .map(|(number, plan)| Node::new(number, plan))
                .collect(),
            judge: Judge::new(&plan),
            network: Network::default(),
            plan,
            random,
            now: 0,
            agenda: BinaryHeap::new(),
            happenings: Vec::new(),
            is_told,
        }
    }

    fn run(mut self) -> Verdict {
        self.tell(|world| {
            let mut text = format!("{:?}\n{:?}\n", world.judge.bounds, world.plan.dialect);
            for node in &world.nodes {
                for (segment, settings) in node.instances.iter().enumerate() {
                    text += &format!(
                        "  {} on {segment}: {} priority {} preempt {} after {:?}\n",
                        node.number,
                        node.source(segment),
                        settings.priority,
                        settings.preempt,
                        settings.preempt_delay,
                    );
                }
            }
            text
        });
        self.schedule();
        while let Some(Reverse((time, number))) = self.agenda.pop() {
            self.now = time;
            if number > MOST_EVENTS {
                return Err(format!("at {time} us: it goes round in circles"));
            }
            let Some(event) = self.happenings[number].take() else {
                continue;
            };
            let verdict = match event {
                Event::Epilogue(finale) => {
                    return self.epilogue(&finale);
                }
                Event::End => {
                    let verdict = self.judge.end(&self.nodes, self.plan.is_gentle, self.now);
                    match verdict.and_then(|()| self.finale()) {
                        Ok(true) => Ok(()),
                        Ok(false) => return Ok(()),
                        Err(fault) => Err(fault),
                    }
                }
                event => self.happen(event),
            };
            verdict.map_err(|fault| format!("at {} us: {fault}", self.now))?;
        }
        Ok(())
    }

    fn schedule(&mut self) {
        let together = self.random.percent(40);
        for node in 0..self.nodes.len() {
            let when = if together {
                self.random.of(0..20 * MILLISECOND)
            } else {
                self.random.of(0..5 * SECOND)
            };
            self.at(when, Event::Start { node });
        }
        for _ in 0..self.plan.mishaps {
            let when = self.random.of(0..self.plan.heals);
            let mishap = self.mishap();
            self.at(when, Event::Mishap(mishap));
        }
        self.at(self.plan.heals, Event::Heal);
        self.at(self.judge.bounds.settled, Event::Settled);
        self.at(self.judge.bounds.end, Event::End);
    }

    pub fn at(&mut self, when: Time, event: Event) {
        self.agenda.push(Reverse((when, self.happenings.len())));
        self.happenings.push(Some(event));
    }

    pub fn tell(&self, text: impl FnOnce(&Self) -> String) {
        if self.is_told {
            println!("{:>12} {}", self.now, text(self));
        }
    }

    pub fn moment(&self) -> Moment {
        Moment::since_boot(std::time::Duration::from_micros(self.now + BOOT))
    }

    fn happen(&mut self, event: Event) -> Verdict {
        match event {
            Event::Deliver {
                node,
                segment,
                packet,
            } => {
                if self.nodes[node].links[segment].is_up {
                    self.incoming(node, Incoming::Packet { segment, packet })
                } else {
                    Ok(())
                }
            }
            Event::Facts { node, segment } => self.incoming(node, Incoming::Facts { segment }),
            Event::Execute {
                node,
                life,
                instance,
                addresses,
                is_add,
            } => self.execute(node, life, instance, &addresses, is_add),
            Event::Alarm { node, alarm } => {
                let is_asleep = self.nodes[node].frozen.is_some();
                if is_asleep || self.nodes[node].alarm != alarm {
                    return Ok(());
                }
                self.on_time(node)
            }
            Event::Start { node } => self.start(node),
            Event::Thaw { node } => self.thaw(node),
            Event::Mishap(mishap) => self.go_wrong(mishap),
            Event::LinkUp { node, segment } => {
                self.link_up(node, segment);
                Ok(())
            }
            Event::Join => {
                self.tell(|_| "partitions end".to_owned());
                self.network.join();
                Ok(())
            }
            Event::Heal => self.heal(),
            Event::Settled => self.judge.settled(&self.nodes),
            // These end the story.
            Event::End | Event::Epilogue(_) => Ok(()),
        }
    }

    /// Something comes in for a process.
    pub fn incoming(&mut self, node: usize, incoming: Incoming) -> Verdict {
        let host = &mut self.nodes[node];
        if host.router.is_none() {
            return Ok(());
        }
        if host.frozen.is_some() {
            if host.queue.len() < SOCKET {
                host.queue.push_back(incoming);
            }
            return Ok(());
        }
        self.take(node, incoming)?;
        self.act(node)
    }

    pub fn take(&mut self, node: usize, incoming: Incoming) -> Verdict {
        let now = self.moment();
        let host = &mut self.nodes[node];
        let Some(mut router) = host.router.take() else {
            return Ok(());
        };
        router.handle(Input::WallClock(host.wall_clock()), now);
        match &incoming {
            Incoming::Packet { segment, packet } => router.handle(
                Input::Packet {
                    interface: 2 + *segment as u32,
                    packet: packet.received(),
                },
                now,
            ),
            Incoming::Facts { segment } => router.handle(
                Input::Interface {
                    name: &format!("eth{segment}"),
                    facts: Some(host.facts(*segment)),
                },
                now,
            ),
            Incoming::Done { life, instance } if *life == host.life => router.handle(
                Input::AddressesDone {
                    instance: *instance,
                    failed: Vec::new(),
                },
                now,
            ),
            Incoming::Done { .. } => {}
            Incoming::Reload => router.reload(host.settings(), now),
            Incoming::Stop => router.handle(Input::Stop, now),
        }
        host.router = Some(router);
        self.observe(node)
    }

    pub fn on_time(&mut self, node: usize) -> Verdict {
        let now = self.moment();
        let clock = self.nodes[node].wall_clock();
        if let Some(router) = &mut self.nodes[node].router {
            router.handle(Input::WallClock(clock), now);
            router.on_time(now);
        }
        self.observe(node)?;
        self.act(node)?;
        let wake = self.nodes[node].router.as_ref().and_then(Router::wake);
        match wake {
            Some(wake) if wake <= now => Err(format!("{node} wants to be woken in the past")),
            _ => Ok(()),
        }
    }

    pub fn observe(&mut self, node: usize) -> Verdict {
        let states = self.nodes[node].router.as_ref().map(states);
        if self.is_told {
            let masters: Vec<_> = (0..self.plan.segments)
                .map(|segment| self.judge.masters(segment))
                .collect();
            self.judge.observe(node, states.as_deref(), self.now)?;
            let after: Vec<_> = (0..self.plan.segments)
                .map(|segment| self.judge.masters(segment))
                .collect();
            if masters != after {
                self.tell(|_| format!("masters are now {after:?}"));
            }
            return Ok(());
        }
        self.judge.observe(node, states.as_deref(), self.now)
    }
}
