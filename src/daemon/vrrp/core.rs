//! What core says, and what it is told.

use std::time::Duration;

use super::gathering::Gathering;
use super::{Core, VrrpProcess, shortest_interval, staff};
use crate::alert::Cause;
use crate::daemon::messages::MANY_TOLD;
use crate::daemon::messages::vrrp::{FromVrrp, SentAdvert, ToVrrp};
use crate::moment::Moment;
use crate::sys::clock;
use crate::vrrp::router::master_down_interval;
use crate::vrrp::settings::RouterSettings;
use crate::vrrp::{Change, Input, InstanceId, VrrpEvent, Why};

/// A part of the master-down interval: when an instance has sent adverts for this long,
/// core hears of it.
const PARTS_TOLD: u32 = 4;

/// A part of the shortest advert interval: for this long such news are gathered, where
/// instances are many and send each at a time of its own.
const PARTS_GATHERED: u32 = 8;

/// A configuration that is to take the place of the present one.
pub(super) struct Reloading {
    generation: u64,
    settings: RouterSettings,
    no_swap: bool,
    late_from: Option<Duration>,
}

impl VrrpProcess {
    pub(super) fn on_message(&mut self, message: ToVrrp, core: &mut Core) {
        match message {
            ToVrrp::Ping => core.send(&FromVrrp::Alive),
            ToVrrp::Start(_) => tracing::error!("core starts a vrrp process that runs already"),
            ToVrrp::Status { request } => {
                let report = Box::new(self.router.report());
                let lateness = self.lateness.known(clock::now());
                core.send(&FromVrrp::Status {
                    request,
                    report,
                    lateness,
                });
            }
            ToVrrp::Reload {
                generation,
                settings,
                no_swap,
                late_from,
            } => {
                self.listen_for(&settings, clock::now());
                self.reloading = Some(Box::new(Reloading {
                    generation,
                    settings,
                    no_swap,
                    late_from,
                }));
                self.reload_when_heard(clock::now());
            }
            // The loop does not hand it on.
            ToVrrp::Stop => {}
        }
    }

    /// Has everything opened that adverts come in by with these settings, beside what
    /// they come in by now.
    fn listen_for(&mut self, settings: &RouterSettings, now: Moment) {
        self.listeners.want_too(&settings.instances);
        let names: Vec<String> = self.listeners.names().cloned().collect();
        let staff = staff(&self.worker, &self.vigil);
        for name in names {
            if let Some(facts) = self.kernel.facts(&name) {
                // What cannot be heard is told of after the reload.
                let _ = self.listeners.attend(&name, &facts, now, staff);
            }
        }
    }

    /// Carries out a reload, once it is known what can be heard with the new settings:
    /// until then the present ones hold, and are heard.
    pub(super) fn reload_when_heard(&mut self, now: Moment) {
        let is_settled = self.listeners.is_settled();
        let Some(reloading) = self.reloading.take_if(|_| is_settled) else {
            return;
        };
        let Reloading {
            generation,
            settings,
            no_swap,
            late_from,
        } = *reloading;
        self.generation = generation;
        crate::daemon::child::keep_in_memory("vrrp", &mut self.no_swap, no_swap);
        self.shortest = shortest_interval(&settings);
        self.lateness.configure(self.shortest, late_from);
        self.gathering = Gathering::new(self.shortest);
        let staff = staff(&self.worker, &self.vigil);
        self.listeners.want(&settings.instances, staff);
        self.wall_clock.want(&settings.instances);
        self.heard.want(&settings.instances);
        if let Some(clock) = self.wall_clock.look() {
            self.router.handle(Input::WallClock(clock), now);
        }
        for name in self.listeners.names() {
            let facts = self.kernel.facts(name);
            let deaf = facts.map(|facts| self.listeners.deaf(name, facts.index));
            let input = Input::Deaf {
                interface: name,
                channels: &deaf.unwrap_or_default(),
            };
            self.router.handle(input, now);
        }
        self.router.reload(settings, now);
        let router = &self.router;
        self.adverts.retain(|id, _| router.settings(*id).is_some());
        self.tell_of_all_interfaces();
        // Who is to be told of them has another turn at once.
        self.is_stirred = true;
    }

    pub(super) fn cause_of(&self, event: &VrrpEvent) -> Cause {
        match &event.change {
            Change::Entered { why, .. } => match why {
                Why::Start | Why::Resumed | Why::ResumedTooLate => self.start_cause.clone(),
                Why::Reload => Cause::Reload {
                    generation: self.generation,
                },
                _ => Cause::Vrrp,
            },
            _ => Cause::Vrrp,
        }
    }

    /// Notes that an advert has gone out as master, for core.
    pub(super) fn note_advert(&mut self, instance: InstanceId, now: Moment) {
        let Some(settings) = self.router.settings(instance) else {
            return;
        };
        let part = master_down_interval(settings) / PARTS_TOLD;
        let told = self.adverts.get(&instance);
        if told.is_none_or(|told| now - *told >= part) {
            self.adverts.insert(instance, now);
            self.new_adverts.insert(instance, now);
        }
    }

    /// When core is to hear of adverts that have gone out.
    pub(super) fn adverts_wake(&self) -> Option<Moment> {
        let pause = self.shortest.unwrap_or_default() / PARTS_GATHERED;
        (!self.new_adverts.is_empty()).then(|| self.adverts_told + pause)
    }

    /// What core is to know.
    pub(super) fn tell(&mut self, core: &mut Core, now: Moment) {
        if !self.told.is_empty() {
            self.has_litter |= self.told.len() >= MANY_TOLD;
            core.send(&FromVrrp::Changed {
                memory: self.router.memory(),
                told: std::mem::take(&mut self.told),
            });
        }
        if let Some(by) = self.late.take() {
            core.send(&FromVrrp::Late { by });
        }
        // After what has come of it: then nothing more comes of the one before, and
        // nothing of it is left behind, whatever happens to this process.
        if self.unready.is_some()
            && self.kernel.is_in_step()
            && self.listeners.is_settled()
            && self.operations.being_removed().next().is_none()
            && let Some(generation) = self.unready.take()
        {
            // Instances may have other names now, with nothing to be told of.
            core.send(&FromVrrp::Changed {
                memory: self.router.memory(),
                told: Vec::new(),
            });
            core.send(&FromVrrp::Ready { generation });
            self.has_litter = true;
        }
        let numbers = self.heard.take_due(&self.router, now);
        if !numbers.is_empty() {
            core.send(&FromVrrp::Heard(numbers));
        }
        let now = |wake| Some(clock::now()).filter(|now| wake <= *now);
        if let Some(now) = self.adverts_wake().and_then(now) {
            self.adverts_told = now;
            let adverts = std::mem::take(&mut self.new_adverts);
            let adverts = adverts.into_iter().filter_map(|(id, at)| {
                Some(SentAdvert {
                    instance: self.router.settings(id)?.name.clone(),
                    at,
                    numbers: self.router.numbers(id)?.clone(),
                })
            });
            core.send(&FromVrrp::Adverts(adverts.collect()));
        }
    }
}
