//! The vrrp process: instances and sync groups, adverts, virtual addresses, and their
//! announcements.
//!
//! A loop around [`Router`], which decides everything. What comes in is handed to it in
//! the order in which it matters: first what others have said, then the time, so that
//! nobody is given up whose advert waits to be read. What goes out goes in the order in
//! which it must: adverts at once, changes of addresses to a thread that may wait for
//! them (`worker`), frames in small batches when nothing else is due.
//!
//! It executes nothing and opens no file. When core ends it hands over: priority 0, and
//! no address is left behind.

mod addresses;
mod core;
mod end;
mod gathering;
mod heard;
mod interfaces;
mod kernel;
mod lateness;
mod listeners;
mod outbox;
mod wall_clock;
mod worker;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io;
use std::os::fd::OwnedFd;
use std::process::ExitCode;
use std::time::Duration;

use self::addresses::Operations;
use self::core::Reloading;
use self::gathering::Gathering;
use self::heard::HeardNumbers;
use self::kernel::Kernel;
use self::lateness::{Lateness, Meter};
use self::listeners::{Listeners, Much, Staff};
use self::outbox::{Outbox, is_release};
use self::wall_clock::WallClockWatch;
use self::worker::{Report, Worker};
use super::child;
use super::ipc::Connection;
use super::messages::Told;
use super::messages::vrrp::{FromVrrp, ToVrrp, VrrpStart};
use crate::alert::{Cause, What};
use crate::moment::Moment;
use crate::sys::alarm::Alarm;
use crate::sys::packet_socket::PacketSocket;
use crate::sys::rtnetlink::{Commands, Watch};
use crate::sys::vigil::{Bell, Vigil};
use crate::sys::vrrp_socket::Sender;
use crate::sys::{clock, memory, sandbox};
use crate::vrrp::settings::RouterSettings;
use crate::vrrp::{Action, Input, InstanceId, InterfaceFacts, Router};

type Core = Connection<FromVrrp, ToVrrp>;

/// The whole life of a vrrp process. `core` is its end of the socket pair.
pub fn main(core: OwnedFd) -> ExitCode {
    child::run("the vrrp process", core, async |mut core: Core| {
        let result = match VrrpProcess::start(&mut core).await {
            Ok(Some(process)) => process.run(&mut core).await,
            Ok(None) => Ok(ExitCode::SUCCESS),
            Err(why) => Err(why),
        };
        result.unwrap_or_else(|why| {
            core.send(&FromVrrp::Failed(why));
            ExitCode::FAILURE
        })
    })
}

/// The vigil's number of the alarm.
const ALARM: u64 = 0;

/// That of whatever the runtime is asked for: core, netlink, the worker.
const OTHERS: u64 = 1;

/// That of the first listener.
const LISTENERS: u64 = 2;

struct VrrpProcess {
    generation: u64,
    start_cause: Cause,
    router: Router,
    kernel: Kernel,
    worker: Worker,
    listeners: Listeners,
    outbox: Outbox,
    gathering: Gathering,
    /// Adverts have been let come in that are not read yet.
    has_gathered: bool,
    operations: Operations,
    /// What wakes the loop: [`ALARM`], [`OTHERS`], and the numbers of the listeners.
    vigil: Vigil,
    alarm: Alarm,
    /// Something has come in that the runtime is to be asked for.
    is_stirred: bool,
    /// The runtime has been asked since what it had was last taken in.
    has_news: bool,
    /// What the router knows of each interface that counts.
    known: BTreeMap<String, Option<InterfaceFacts>>,
    /// Interfaces that it is to be told of.
    untold: BTreeSet<String>,
    /// When the news of them were last read to their end.
    kernel_read: Moment,
    wall_clock: WallClockWatch,
    /// What came back from the worker before all that was told had been read.
    reports: Vec<Report>,
    /// For core.
    told: Vec<Told>,
    /// When each instance's latest advert of which core has heard went out, and which
    /// it has not heard of yet.
    adverts: HashMap<InstanceId, Moment>,
    new_adverts: BTreeMap<InstanceId, Moment>,
    /// When it last has.
    adverts_told: Moment,
    heard: HeardNumbers,
    /// The shortest advert interval that is configured.
    shortest: Option<Duration>,
    /// The generation that is not in force yet.
    unready: Option<u64>,
    /// What is to take the place of the present configuration.
    reloading: Option<Box<Reloading>>,
    /// There are frames to be sent at once.
    announcing: bool,
    /// A lot has been done, and may have left memory behind.
    has_litter: bool,
    lateness: Lateness,
    meter: Meter,
    /// Core is to know that something was done this late.
    late: Option<Duration>,
    /// Its memory is kept out of swap space.
    no_swap: bool,
}

/// How it ends.
enum End {
    /// Core has asked for it.
    Asked,
    /// Core has ended.
    Alone,
}

impl VrrpProcess {
    /// Opens everything, gives up every right that is not needed, and takes in what
    /// core has to say first. None where core has ended meanwhile.
    async fn start(core: &mut Core) -> Result<Option<Self>, String> {
        let cannot = |what: &'static str| {
            move |error: io::Error| format!("the vrrp process cannot {what}: {error}")
        };
        let sender = Sender::open().map_err(cannot("open a raw socket (CAP_NET_RAW)"))?;
        let packets = PacketSocket::open().map_err(cannot("open a packet socket (CAP_NET_RAW)"))?;
        let watch = Watch::open().map_err(cannot("watch links and addresses"))?;
        let mut commands = Commands::open().map_err(cannot("speak to the kernel by netlink"))?;
        let snapshot = commands
            .dump()
            .map_err(cannot("read links and addresses"))?;
        let meter = Meter::open();
        let vigil = Vigil::new().map_err(cannot("wait for anything (epoll)"))?;
        let alarm = Alarm::new(&vigil, ALARM).map_err(cannot("make a timer"))?;
        let bell = Bell::new(&vigil, OTHERS).map_err(cannot("make a bell (eventfd)"))?;
        vigil
            .begin_both(&*core, OTHERS)
            .and_then(|()| vigil.begin(&watch, OTHERS))
            .map_err(cannot("wait for the others"))?;
        let confined = sandbox::confine_vrrp(|| Worker::start(commands, bell));
        let (confinement, worker) = confined.map_err(cannot("give up its rights"))?;
        if !confinement.seccomp {
            tracing::warn!(
                "this kernel has no seccomp: the vrrp process runs with fewer capabilities, but without a filter of system calls"
            );
        }
        let start = loop {
            match core.next().await {
                Ok(Some(ToVrrp::Start(start))) => break start,
                Ok(Some(ToVrrp::Ping)) => core.send(&FromVrrp::Alive),
                Ok(Some(ToVrrp::Stop)) => {
                    core.send(&FromVrrp::Stopped { left: Vec::new() });
                    return Ok(None);
                }
                Ok(Some(_)) => {}
                Ok(None) => return Ok(None),
                Err(error) => return Err(error.to_string()),
            }
        };
        let VrrpStart {
            generation,
            settings,
            no_swap,
            late_from,
            memory,
            cause,
        } = *start;
        let mut listeners = Listeners::default();
        let shortest = shortest_interval(&settings);
        listeners.want(&settings.instances, staff(&worker, &vigil));
        let mut wall_clock = WallClockWatch::default();
        wall_clock.want(&settings.instances);
        let mut heard = HeardNumbers::default();
        heard.want(&settings.instances);
        let mut process = VrrpProcess {
            generation,
            start_cause: cause,
            router: Router::new(settings, &memory, clock::now()),
            kernel: Kernel::new(watch, snapshot),
            worker,
            listeners,
            outbox: Outbox::new(sender, packets),
            gathering: Gathering::new(shortest),
            has_gathered: false,
            operations: Operations::default(),
            vigil,
            alarm,
            // Core and netlink may have said something already.
            is_stirred: true,
            has_news: true,
            known: BTreeMap::new(),
            untold: BTreeSet::new(),
            kernel_read: Moment::default(),
            wall_clock,
            reports: Vec::new(),
            told: Vec::new(),
            adverts: HashMap::new(),
            new_adverts: BTreeMap::new(),
            adverts_told: Moment::default(),
            heard,
            shortest,
            unready: None,
            reloading: None,
            announcing: false,
            has_litter: false,
            lateness: Lateness::new(shortest, late_from),
            meter,
            late: None,
            no_swap: false,
        };
        child::keep_in_memory("vrrp", &mut process.no_swap, no_swap);
        process.tell_of_all_interfaces();
        Ok(Some(process))
    }

    async fn run(mut self, core: &mut Core) -> Result<ExitCode, String> {
        let mut now = clock::now();
        loop {
            self.turn(now)?;
            self.tell(core, now);
            let busy = self.announcing || self.kernel.has_more() || self.listeners.has_more();
            if self.has_litter && !busy && self.operations.is_empty() {
                self.has_litter = false;
                memory::give_back();
            }
            let wake = self.wake();
            self.alarm
                .set(wake)
                .map_err(|error| format!("the timer fails: {error}"))?;
            self.look(if busy || self.is_stirred {
                Some(Duration::ZERO)
            } else {
                None
            })?;
            // What came in before it is taken in before the time is told.
            now = clock::now();
            // Adverts and time are this loop's own business.
            if !self.is_stirred {
                if !busy && self.gather(wake, now) {
                    now = clock::now();
                }
                continue;
            }
            self.has_news = true;
            let is_gathering = self.is_gathering(now);
            let VrrpProcess {
                worker,
                kernel,
                reports,
                is_stirred,
                ..
            } = &mut self;
            tokio::select! {
                biased;
                message = core.next() => match message {
                    Ok(Some(ToVrrp::Stop)) => return Ok(self.end(core, End::Asked).await),
                    Ok(Some(message)) => self.on_message(message, core),
                    Ok(None) => return Ok(self.end(core, End::Alone).await),
                    Err(error) => {
                        tracing::error!("{error}");
                        return Ok(self.end(core, End::Alone).await);
                    }
                },
                report = worker.next() => match report {
                    Some(report) => reports.push(report),
                    None => return Err("the thread that speaks to the kernel has ended".into()),
                },
                ready = kernel.readable(), if !is_gathering => ready.map_err(|error| error.to_string())?,
                // The runtime has looked at what has come in, and has nothing more.
                () = tokio::task::yield_now() => *is_stirred = false,
            }
            now = clock::now();
        }
    }

    /// Takes note of what has come in. Waits for it no longer than `most`; None is for as
    /// long as it takes.
    fn look(&mut self, most: Option<Duration>) -> Result<(), String> {
        let told = self.vigil.look(most);
        let told = told.map_err(|error| format!("waiting fails: {error}"))?;
        for number in told {
            match number {
                ALARM => self.alarm.gone_off(),
                OTHERS => self.is_stirred = true,
                listener => self.listeners.on_ready((listener - LISTENERS) as usize),
            }
        }
        Ok(())
    }

    /// Lets more adverts come in before those that have are read, where that harms
    /// nobody. `due` is when something is. Gives whether it took time.
    fn gather(&mut self, due: Option<Moment>, now: Moment) -> bool {
        if !self.listeners.has_more() || !self.operations.is_empty() {
            return false;
        }
        let pause = self.gathering.pause(due, now);
        pause.into_iter().for_each(std::thread::sleep);
        self.has_gathered = pause.is_some();
        self.has_gathered
    }

    /// Takes in what there is, does what is due, and sends what is to be sent.
    fn turn(&mut self, now: Moment) -> Result<(), String> {
        let found = self.lateness.begin(now, || self.meter.usage());
        if let Some(told) = found.told {
            tracing::warn!("{told}");
        }
        self.late = self.late.or(found.for_core);
        if let Some(clock) = self.wall_clock.look() {
            self.router.handle(Input::WallClock(clock), now);
        }
        if std::mem::take(&mut self.has_news) || self.is_kernel_awaited(now) {
            self.take_in_kernel(now)
                .map_err(|error| format!("netlink fails: {error}"))?;
            self.reload_when_heard(now);
        }
        let is_due = self.router.timers_wake().is_some_and(|wake| wake <= now);
        if is_due {
            // What has come in since the loop was woken comes before the time too.
            self.look(Some(Duration::ZERO))?;
        }
        let much = match is_due {
            true => Much::All,
            false if std::mem::take(&mut self.has_gathered) => Much::Some,
            false if self.gathering.is_close(now) => Much::Some,
            false => Much::One,
        };
        let router = &mut self.router;
        let any = self.listeners.read(much, |interface, packet| {
            let input = Input::Packet { interface, packet };
            router.handle(input, now);
        });
        if any {
            self.gathering.on_read(now);
            self.heard.on_read(now);
        }
        if is_due {
            self.router.on_time(now);
            self.listeners.tell_losses(now);
        }
        self.act(now);
        for instance in self.outbox.send_again(now) {
            self.note_advert(instance, now);
        }
        self.announcing = self.outbox.announce(&mut self.router, now);
        self.lateness.end(self.router.timers_wake(), now);
        self.meter.breathe(now);
        Ok(())
    }

    /// Does what the router wants done.
    fn act(&mut self, now: Moment) {
        while let Some(action) = self.router.next_action() {
            match action {
                Action::Send(advert) => {
                    let (instance, is_release) = (advert.instance, is_release(&advert));
                    if self.outbox.send(advert, now) && !is_release {
                        self.note_advert(instance, now);
                    }
                }
                Action::AddAddresses {
                    instance,
                    addresses,
                } => {
                    let (kernel, worker) = (&self.kernel, &self.worker);
                    self.operations.add(instance, addresses, kernel, worker);
                }
                Action::RemoveAddresses {
                    instance,
                    addresses,
                } => {
                    // A master may only have lost one of its addresses.
                    if !self.router.is_master(instance) {
                        self.outbox.forget(instance);
                    }
                    let (kernel, worker) = (&self.kernel, &self.worker);
                    self.operations.remove(instance, addresses, kernel, worker);
                }
                Action::Tell(event) => {
                    let cause = self.cause_of(&event);
                    let what = What::Vrrp(event);
                    self.told.push(Told { cause, what });
                }
            }
        }
    }

    fn wake(&self) -> Option<Moment> {
        let wakes = [
            self.router.wake(),
            self.outbox.wake(),
            self.listeners.wake(),
            self.interfaces_wake(),
            self.adverts_wake(),
        ];
        wakes.into_iter().flatten().min()
    }
}

/// Who has to do with sockets that listen.
fn staff<'a>(worker: &'a Worker, vigil: &'a Vigil) -> Staff<'a> {
    Staff {
        worker,
        vigil,
        first_number: LISTENERS,
    }
}

/// The shortest advert interval that is configured.
fn shortest_interval(settings: &RouterSettings) -> Option<Duration> {
    let instances = settings.instances.iter();
    instances
        .map(|instance| instance.advert_interval.as_duration())
        .min()
}
