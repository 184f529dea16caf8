//! All instances and sync groups of a director.

use std::time::Duration;

use super::input::Input;
use super::input::{Action, Announcement, InstanceId};
use super::memory::{Memory, Report};
use super::settings::{GroupSettings, InstanceSettings};
use crate::moment::Moment;

/// All instances and sync groups. It is given the time and what happens, and says what
/// is to be done; it knows no socket and no clock.
#[derive(Debug)]
pub struct Router {
    actions: std::collections::VecDeque<Action>,
}

impl Router {
    /// A router that has not been told of any interface yet: every instance waits in
    /// INIT for [`Input::Interface`]. `memory` is what the process before this one
    /// knew.
    pub fn new(
        _instances: Vec<InstanceSettings>,
        _groups: Vec<GroupSettings>,
        _memory: &Memory,
        _now: Moment,
    ) -> Self {
        Router {
            actions: Default::default(),
        }
    }

    /// Other settings take the place of the present ones. Instances of the same name go
    /// on; others hand over first.
    pub fn reload(
        &mut self,
        _instances: Vec<InstanceSettings>,
        _groups: Vec<GroupSettings>,
        _now: Moment,
    ) {
    }

    /// Takes in what has happened. What is to be done comes from
    /// [`next_action`](Self::next_action).
    pub fn handle(&mut self, _input: Input<'_>, _now: Moment) {}

    /// Does what is due. To be called when [`wake`](Self::wake) says, after everything
    /// that has come in until then has been handled.
    pub fn on_time(&mut self, _now: Moment) {}

    /// When [`on_time`](Self::on_time) is to be called next, if nothing happens before.
    pub fn wake(&self) -> Option<Moment> {
        None
    }

    /// The next thing to be done.
    pub fn next_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// The next frame to be sent once there is no action left: announcements wait for
    /// adverts, never the other way round. None while nothing is due.
    pub fn next_announcement(&mut self, _now: Moment) -> Option<Announcement> {
        None
    }

    /// Whether announcements are due that [`next_announcement`](Self::next_announcement)
    /// would hand out now.
    pub fn has_announcements(&self, _now: Moment) -> bool {
        false
    }

    /// The settings of an instance.
    pub fn settings(&self, _instance: InstanceId) -> Option<&InstanceSettings> {
        None
    }

    /// What the next process would have to know.
    pub fn memory(&self) -> Memory {
        Memory::default()
    }

    /// How everything stands.
    pub fn report(&self) -> Report {
        Report::default()
    }
}

/// How long a backup waits for an advert before it gives the master up: three
/// intervals and the skew (RFC 3768 section 6.1).
pub fn master_down_interval(settings: &InstanceSettings) -> Duration {
    settings.advert_interval.as_duration() * 3 + skew_time(settings)
}

/// By which routers of higher priority come first: (256 - priority) / 256 seconds
/// (RFC 3768 section 6.1).
pub fn skew_time(settings: &InstanceSettings) -> Duration {
    Duration::from_secs(256 - u64::from(settings.priority.0)) / 256
}
