//! The vrrp process: instances and sync groups, adverts, virtual addresses, gratuitous
//! ARP.
//!
//! A loop around [`Router`], which decides everything. What comes in is handed to it in
//! the order in which it matters: first what others have said, then the time, so that
//! nobody is given up whose advert waits to be read. What goes out goes in the order in
//! which it must: adverts at once, changes of addresses to a thread that may wait for
//! them ([`worker`]), frames in small batches when nothing else is due.
//!
//! It executes nothing and opens no file. When core ends it hands over: priority 0, and
//! no address is left behind.

mod addresses;
mod kernel;
mod listeners;
mod outbox;
mod worker;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io;
use std::os::fd::OwnedFd;
use std::process::ExitCode;
use std::time::Duration;

use self::addresses::Operations;
use self::kernel::Kernel;
use self::listeners::Listeners;
use self::outbox::{Outbox, is_release};
use self::worker::{Report, Worker};
use super::ipc::Connection;
use super::messages::Told;
use super::messages::vrrp::{FromVrrp, ToVrrp, VrrpStart};
use crate::alert::{Cause, What};
use crate::moment::Moment;
use crate::sys::alarm::Alarm;
use crate::sys::packet_socket::PacketSocket;
use crate::sys::rtnetlink::{Commands, Watch};
use crate::sys::vrrp_socket::Sender;
use crate::sys::{clock, sandbox};
use crate::vrrp::router::master_down_interval;
use crate::vrrp::settings::VirtualAddress;
use crate::vrrp::{Action, Change, Input, InstanceId, InterfaceFacts, Router, VrrpEvent, Why};

/// How long the end may take: core waits a little longer.
const END_LIMIT: Duration = Duration::from_secs(4);

/// A part of the master-down interval: when an instance has sent adverts for this long,
/// core hears of it.
const PARTS_TOLD: u32 = 4;

type Core = Connection<FromVrrp, ToVrrp>;

/// The whole life of a vrrp process. `core` is its end of the socket pair.
pub fn main(core: OwnedFd) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            tracing::error!("the vrrp process cannot start: {error}");
            return ExitCode::FAILURE;
        }
    };
    runtime.block_on(async {
        let mut core = match Core::new(core) {
            Ok(core) => core,
            Err(error) => {
                tracing::error!("the vrrp process has no connection to core: {error}");
                return ExitCode::FAILURE;
            }
        };
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

struct VrrpProcess {
    generation: u64,
    start_cause: Cause,
    router: Router,
    kernel: Kernel,
    worker: Worker,
    listeners: Listeners,
    outbox: Outbox,
    operations: Operations,
    alarm: Alarm,
    /// What the router knows of each interface that counts.
    known: BTreeMap<String, Option<InterfaceFacts>>,
    /// Interfaces that it is to be told of.
    untold: BTreeSet<String>,
    /// What came back from the worker before all that was told had been read.
    reports: Vec<Report>,
    /// For core.
    told: Vec<Told>,
    /// When each instance's latest advert of which core has heard went out, and which
    /// it has not heard of yet.
    adverts: HashMap<InstanceId, Moment>,
    new_adverts: BTreeMap<InstanceId, Moment>,
    /// The generation that is not in force yet.
    unready: Option<u64>,
    /// There are frames to be sent at once.
    announcing: bool,
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
        let alarm = Alarm::new().map_err(cannot("make a timer"))?;
        let confined = sandbox::confine_vrrp(|| Worker::start(commands));
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
            instances,
            groups,
            memory,
            cause,
        } = *start;
        let mut listeners = Listeners::default();
        listeners.want(&instances, &worker);
        let mut process = VrrpProcess {
            generation,
            start_cause: cause,
            router: Router::new(instances, groups, &memory, clock::now()),
            kernel: Kernel::new(watch, snapshot),
            worker,
            listeners,
            outbox: Outbox::new(sender, packets),
            operations: Operations::default(),
            alarm,
            known: BTreeMap::new(),
            untold: BTreeSet::new(),
            reports: Vec::new(),
            told: Vec::new(),
            adverts: HashMap::new(),
            new_adverts: BTreeMap::new(),
            unready: None,
            announcing: false,
        };
        process.tell_of_all_interfaces();
        Ok(Some(process))
    }

    async fn run(mut self, core: &mut Core) -> Result<ExitCode, String> {
        loop {
            self.turn()?;
            self.tell(core);
            let busy = self.announcing || self.kernel.has_more() || self.listeners.has_more();
            self.alarm
                .set(self.wake())
                .map_err(|error| format!("the timer fails: {error}"))?;
            let VrrpProcess {
                worker,
                kernel,
                listeners,
                alarm,
                reports,
                ..
            } = &mut self;
            tokio::select! {
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
                ready = kernel.readable() => ready.map_err(|error| error.to_string())?,
                () = std::future::poll_fn(|context| listeners.poll_readable(context)) => {}
                gone_off = alarm.gone_off() => gone_off.map_err(|error| error.to_string())?,
                // Lets the runtime look at what has come in meanwhile.
                () = tokio::task::yield_now(), if busy => {}
            }
        }
    }

    /// Takes in what there is, does what is due, and sends what is to be sent.
    fn turn(&mut self) -> Result<(), String> {
        // Taken first: what came in before it is taken in before the time is told.
        let now = clock::now();
        self.take_in_kernel(now)
            .map_err(|error| format!("netlink fails: {error}"))?;
        let is_due = self.router.wake().is_some_and(|wake| wake <= now);
        let router = &mut self.router;
        self.listeners.read(is_due, |interface, datagram| {
            let input = Input::Packet {
                interface,
                datagram,
            };
            router.handle(input, now);
        });
        if is_due {
            self.router.on_time(now);
            self.listeners.tell_losses(now);
        }
        self.act(now);
        for instance in self.outbox.send_again(now) {
            self.note_advert(instance, now);
        }
        self.announcing = self.outbox.announce(&mut self.router, now);
        Ok(())
    }

    /// Links, addresses, and what the worker has done.
    fn take_in_kernel(&mut self, now: Moment) -> io::Result<()> {
        while let Some(report) = self.worker.try_next() {
            self.reports.push(report);
        }
        let has_changed = |report: &Report| matches!(report, Report::Changed { .. });
        if self.reports.iter().any(has_changed) {
            // An address must not be missing only because the news of it has not been
            // read yet.
            self.kernel.read_all(&self.worker)?;
        } else {
            self.kernel.read(&self.worker)?;
        }
        let mut changed = Vec::new();
        let was_in_step = self.kernel.is_in_step();
        let mut has_snapshot = false;
        for report in std::mem::take(&mut self.reports) {
            match report {
                Report::Changed { .. } => changed.push(report),
                Report::Dumped(Ok(snapshot)) => {
                    self.kernel.on_snapshot(snapshot, &self.worker)?;
                    has_snapshot = true;
                }
                Report::Dumped(Err(error)) => return Err(error),
                Report::Listening {
                    interface,
                    index,
                    destination,
                    result,
                } => {
                    self.listeners.on_opened(
                        &interface,
                        index,
                        destination,
                        result,
                        now,
                        &self.worker,
                    );
                    self.untold.insert(interface);
                }
            }
        }
        if !was_in_step && !has_snapshot {
            // Nothing is known for sure; what has been done waits for that too.
            self.reports = changed;
            return Ok(());
        }
        self.tell_of_interfaces(now);
        for report in changed {
            if let Report::Changed { ticket, refused } = report
                && let Some(ended) = self.operations.end(ticket, refused)
            {
                let done = Input::AddressesDone {
                    instance: ended.instance,
                    failed: ended.failed,
                };
                self.router.handle(done, now);
            }
        }
        Ok(())
    }

    /// Everything that is known, to a router that knows nothing.
    fn tell_of_all_interfaces(&mut self) {
        self.known.clear();
        self.untold = self.listeners.names().cloned().collect();
        self.unready = Some(self.generation);
    }

    /// Tells the router what has become of interfaces. One that is there is told of
    /// when adverts are heard by it: whoever is deaf must not become master.
    fn tell_of_interfaces(&mut self, now: Moment) {
        let mut names = std::mem::take(&mut self.untold);
        names.extend(self.kernel.take_changed());
        for name in names {
            if !self.listeners.has(&name) {
                continue;
            }
            let facts = self.kernel.facts(&name);
            match &facts {
                Some(facts) => {
                    let (index, worker) = (facts.index, &self.worker);
                    if !self.listeners.attend(&name, index, now, worker) {
                        self.untold.insert(name);
                        continue;
                    }
                }
                None => self.listeners.leave(&name, &self.worker),
            }
            if self.known.get(&name) == Some(&facts) {
                continue;
            }
            let input = Input::Interface {
                name: &name,
                facts: facts.clone(),
            };
            self.router.handle(input, now);
            self.known.insert(name, facts);
        }
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
                    self.outbox.forget(instance);
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

    fn cause_of(&self, event: &VrrpEvent) -> Cause {
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
    fn note_advert(&mut self, instance: InstanceId, now: Moment) {
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

    /// What core is to know.
    fn tell(&mut self, core: &mut Core) {
        if !self.told.is_empty() {
            core.send(&FromVrrp::Changed {
                memory: self.router.memory(),
                told: std::mem::take(&mut self.told),
            });
        }
        // After what has come of it: then nothing more comes of the one before.
        if self.kernel.is_in_step()
            && self.listeners.is_settled()
            && let Some(generation) = self.unready.take()
        {
            core.send(&FromVrrp::Ready { generation });
        }
        if !self.new_adverts.is_empty() {
            let adverts = std::mem::take(&mut self.new_adverts);
            let name = |id| {
                self.router
                    .settings(id)
                    .map(|settings| settings.name.clone())
            };
            let adverts = adverts
                .into_iter()
                .filter_map(|(id, at)| Some((name(id)?, at)));
            core.send(&FromVrrp::Adverts(adverts.collect()));
        }
    }

    fn wake(&self) -> Option<Moment> {
        let wakes = [
            self.router.wake(),
            self.outbox.wake(),
            self.listeners.wake(),
        ];
        wakes.into_iter().flatten().min()
    }

    fn on_message(&mut self, message: ToVrrp, core: &mut Core) {
        match message {
            ToVrrp::Ping => core.send(&FromVrrp::Alive),
            ToVrrp::Start(_) => tracing::error!("core starts a vrrp process that runs already"),
            ToVrrp::Status { request } => {
                let report = Box::new(self.router.report());
                core.send(&FromVrrp::Status { request, report });
            }
            ToVrrp::Reload {
                generation,
                instances,
                groups,
            } => {
                self.generation = generation;
                self.listeners.want(&instances, &self.worker);
                self.router.reload(instances, groups, clock::now());
                self.tell_of_all_interfaces();
            }
            // The loop does not hand it on.
            ToVrrp::Stop => {}
        }
    }

    /// Hands over, removes the addresses, and waits for that for no longer than
    /// [`END_LIMIT`].
    async fn end(mut self, core: &mut Core, how: End) -> ExitCode {
        if let End::Alone = how {
            tracing::warn!(
                "core has ended; the vrrp process hands over, removes the virtual addresses and ends too"
            );
        }
        let until = clock::now() + END_LIMIT;
        self.router.handle(Input::Stop, clock::now());
        self.act(clock::now());
        self.tell(core);
        let mut left: Vec<(VirtualAddress, String)> = Vec::new();
        let mut now = clock::now();
        while now < until && !(self.operations.is_empty() && self.outbox.has_sent_all()) {
            let wake = self.outbox.wake().unwrap_or(until).min(until);
            tokio::select! {
                report = self.worker.next() => match report {
                    Some(Report::Changed { ticket, refused }) => {
                        if let Some(ended) = self.operations.end(ticket, refused)
                            && !ended.adds
                        {
                            left.extend(ended.failed);
                        }
                    }
                    Some(_) => {}
                    None => break,
                },
                () = clock::sleep_until(wake) => {}
            }
            now = clock::now();
            self.outbox.send_again(now);
        }
        let unanswered = self.operations.being_removed().cloned();
        left.extend(unanswered.map(|address| (address, "the kernel does not answer".into())));
        let left: Vec<_> = left
            .into_iter()
            .map(|(address, why)| format!("{address} on {}: {why}", address.interface))
            .collect();
        for left in &left {
            tracing::error!("a virtual address is left behind: {left}");
        }
        if let End::Alone = how {
            return ExitCode::FAILURE;
        }
        core.send(&FromVrrp::Stopped { left });
        while !core.is_flushed() && clock::now() < until {
            tokio::select! {
                message = core.next() => match message {
                    Ok(Some(_)) => {}
                    Ok(None) | Err(_) => break,
                },
                () = clock::sleep_until(until) => {}
            }
        }
        ExitCode::SUCCESS
    }
}
