//! The vrrp process: started with what the one before it knew, heard, replaced, and let
//! go where no instance is configured any more.

use super::*;
use crate::daemon::core::child::{News, Vrrp};
use crate::daemon::messages::MANY_TOLD;
use crate::daemon::messages::vrrp::{FromVrrp, ToVrrp, VrrpStart};
use crate::vrrp::settings::RouterSettings;

/// The instances and groups of a configuration.
#[derive(Clone, Debug, Default)]
pub(super) struct Routers {
    pub generation: u64,
    pub settings: RouterSettings,
    pub no_swap: bool,
}

impl Routers {
    fn is_same_as(&self, other: &Routers) -> bool {
        self.settings == other.settings && self.no_swap == other.no_swap
    }
}

impl Core {
    /// The instances and groups that there are to be.
    pub(super) fn routers(&self) -> Routers {
        let mut routers = Routers {
            generation: self.generation,
            ..Routers::default()
        };
        if self.serves(Subsystem::Vrrp) {
            routers.settings = self.model.router_settings();
            routers.no_swap = self.model.global.vrrp_process.no_swap;
        }
        routers
    }

    /// Whether there are instances, or were some that have not handed over yet.
    pub(super) fn needs_vrrp(&self) -> bool {
        let has_some = self.serves(Subsystem::Vrrp) && !self.model.vrrp_instances.is_empty();
        has_some || !self.routers_in_force.settings.instances.is_empty()
    }

    /// Starts a vrrp process, where there is anything to do for it, with everything
    /// known.
    pub(super) fn start_vrrp(&mut self, cause: Cause) {
        if !self.needs_vrrp() {
            return;
        }
        let pid = match self.vrrp.start(self.options.in_background) {
            Ok(pid) => pid,
            Err(error) => {
                let why = format!("cannot start the vrrp process: {error}");
                if self.ending.is_some() {
                    tracing::error!("{why}");
                } else if self.started_up {
                    tracing::error!("{why}");
                    self.vrrp.pause();
                } else {
                    self.fail_start(&why);
                }
                return;
            }
        };
        self.tell_started::<Vrrp>(pid, cause.clone());
        let wanted = self.routers();
        // The process before it may have ended before it took the latest configuration:
        // what it had put into the kernel goes away only in the way it came.
        let before = &self.routers_in_force;
        let begin = match before.settings.instances.is_empty() || before.is_same_as(&wanted) {
            true => wanted.clone(),
            false => before.clone(),
        };
        self.schedule_new_vrrp(pid, begin.no_swap);
        self.vrrp.send(&ToVrrp::Start(Box::new(VrrpStart {
            generation: begin.generation,
            settings: begin.settings.clone(),
            no_swap: begin.no_swap,
            late_from: self.late_from(),
            memory: self.vrrp_memory.clone(),
            cause,
        })));
        if begin.generation != wanted.generation {
            self.send_routers(wanted);
        }
        self.routers_in_force = begin;
    }

    fn send_routers(&mut self, routers: Routers) {
        let Routers {
            generation,
            settings,
            no_swap,
        } = routers;
        self.reschedule_vrrp(no_swap);
        self.vrrp.send(&ToVrrp::Reload {
            generation,
            settings,
            no_swap,
            late_from: self.late_from(),
        });
    }

    /// Another configuration has been taken.
    pub(super) fn reload_vrrp(&mut self, cause: Cause) {
        if self.vrrp.working().is_some() {
            self.send_routers(self.routers());
        } else if !self.vrrp.is_there() && !self.vrrp.is_pausing() {
            self.start_vrrp(cause);
        }
        // Otherwise the next one begins with it.
    }

    pub(super) fn on_vrrp_news(&mut self, news: News<Vrrp>) {
        match news {
            News::Said(message) => self.on_vrrp_message(*message),
            News::Ended(how) => self.on_vrrp_ended(how),
        }
    }

    fn on_vrrp_ended(&mut self, how: String) {
        let Some(mut late) = self.vrrp.clear() else {
            return;
        };
        if self.ending.is_some() {
            return self.hand_over_what_is_left();
        }
        if std::mem::take(&mut self.vrrp_dismissed) {
            self.routers_in_force = Routers::default();
            self.vrrp_memory = Default::default();
            // A reload may have come that wants one again.
            return self.start_vrrp(Cause::Reload {
                generation: self.generation,
            });
        }
        // Where the virtual servers take longer, it may have been at work for a while.
        let has_begun = self.arriving.as_ref().is_none_or(|it| it.vrrp);
        if !self.started_up && !has_begun && !late.hung {
            let why = late
                .gave_up
                .unwrap_or_else(|| format!("the vrrp process ended during the start: {how}"));
            return self.fail_start(&why);
        }
        self.tell_of_death::<Vrrp>(&mut late, how);
        self.vrrp.restart();
    }

    fn on_vrrp_message(&mut self, message: FromVrrp) {
        match message {
            FromVrrp::Alive => {}
            FromVrrp::Late { by } => self.on_vrrp_late(by),
            FromVrrp::Failed(why) => self.vrrp.gave_up(why),
            FromVrrp::Ready { generation } => self.on_vrrp_ready(generation),
            FromVrrp::Changed { memory, told } => {
                self.vrrp_memory = memory.compact();
                self.follow_instance();
                let has_litter = told.len() >= MANY_TOLD;
                self.tell_all(told);
                if has_litter {
                    crate::sys::memory::give_back();
                }
            }
            FromVrrp::Adverts(sent) => {
                for advert in sent {
                    let instances = &mut self.vrrp_memory.instances;
                    if let Some(instance) = instances.get_mut(&advert.instance) {
                        instance.last_advert = Some(advert.at);
                        instance.numbers = advert.numbers;
                    }
                }
            }
            FromVrrp::Heard(heard) => {
                for (name, numbers) in heard {
                    if let Some(instance) = self.vrrp_memory.instances.get_mut(&name) {
                        instance.numbers = numbers;
                    }
                }
            }
            FromVrrp::Status {
                request,
                report,
                lateness,
            } => {
                self.on_part_of_status(request, Part::Report(report, lateness));
            }
            FromVrrp::Stopped { left } => {
                for address in left {
                    tracing::error!(
                        "`ip address del` removes what the vrrp process could not: {address}"
                    );
                    self.left_addresses = true;
                }
                if let Some(end) = &mut self.ending {
                    end.vrrp.done = true;
                }
            }
        }
    }

    fn on_vrrp_ready(&mut self, generation: u64) {
        if generation != self.generation {
            return;
        }
        self.routers_in_force = self.routers();
        self.settle_vrrp_scheduling();
        self.forget_old_configurations();
        if let Some(arriving) = &mut self.arriving
            && arriving.generation == generation
        {
            arriving.vrrp = true;
        }
        if self.routers_in_force.settings.instances.is_empty() && self.ending.is_none() {
            // The last ones have handed over.
            self.vrrp_dismissed = true;
            self.vrrp.send(&ToVrrp::Stop);
        }
        self.check_arrival();
    }
}
