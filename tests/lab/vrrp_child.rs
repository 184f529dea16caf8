//! The vrrp process without core: a scenario speaks to it in core's place, and so can
//! give it what no file says, and kill it and start it again as it likes.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Child, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use ipvsd::alert::{Cause, What};
use ipvsd::daemon::ipc::Connection;
use ipvsd::daemon::messages::vrrp::{FromVrrp, ToVrrp, VrrpStart};
use ipvsd::family::Family;
use ipvsd::vrrp::memory::{Memory, Report};
use ipvsd::vrrp::settings::{InstanceSettings, RouterSettings, VirtualAddress};
use ipvsd::vrrp::{Change, Priority, State, Subject, Vrid, VrrpEvent};
use nix::sys::signal::{self, Signal};
use nix::unistd::Pid;
use tokio::sync::mpsc;

use crate::lab::{Lab, secs};
use crate::net::Namespace;

pub struct VrrpChild {
    process: Child,
    to: mpsc::UnboundedSender<Word>,
    heard: Arc<Heard>,
    next_request: std::cell::Cell<u64>,
}

/// What the thread that speaks to it is told.
enum Word {
    Say(ToVrrp),
    /// Close the socket.
    HangUp,
}

#[derive(Default)]
struct Heard {
    messages: Mutex<Messages>,
    more: Condvar,
}

#[derive(Default)]
struct Messages {
    all: Vec<FromVrrp>,
    /// What core would keep for the next one.
    memory: Memory,
    ended: bool,
}

impl VrrpChild {
    pub fn start(
        lab: &Lab,
        host: &Namespace,
        instances: Vec<InstanceSettings>,
        memory: Memory,
    ) -> Self {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let log = lab.log_file(&format!("{}-vrrp.log", host.name()));
        let log = File::options().append(true).create(true).open(log).unwrap();
        let process = host
            .command(lab.ipvsd())
            .args(["child", "vrrp", "--console", "--detail"])
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let heard = Arc::new(Heard::default());
        heard.messages.lock().unwrap().memory = memory.clone();
        let (to, words) = mpsc::unbounded_channel();
        let hears = heard.clone();
        std::thread::spawn(move || speak(ours, words, &hears));
        let child = Self {
            process,
            to,
            heard,
            next_request: 1.into(),
        };
        child.say(ToVrrp::Start(Box::new(VrrpStart {
            generation: 1,
            settings: RouterSettings {
                instances,
                ..RouterSettings::default()
            },
            no_swap: false,
            late_from: None,
            memory,
            cause: Cause::Start,
        })));
        child.wait_for("it is ready", secs(20), |message| match message {
            FromVrrp::Ready { generation: 1 } => Some(()),
            _ => None,
        });
        child
    }

    pub fn say(&self, message: ToVrrp) {
        self.to.send(Word::Say(message)).unwrap();
    }

    /// Gives it another configuration, and waits until that is in force.
    #[track_caller]
    pub fn reload(&self, generation: u64, instances: Vec<InstanceSettings>) {
        self.say(ToVrrp::Reload {
            generation,
            settings: RouterSettings {
                instances,
                ..RouterSettings::default()
            },
            no_swap: false,
            late_from: None,
        });
        self.wait_for("it has reloaded", secs(20), |message| match message {
            FromVrrp::Ready { generation: ready } => (*ready == generation).then_some(()),
            _ => None,
        });
    }

    /// Waits for a message, the first one it ever sent included.
    #[track_caller]
    pub fn wait_for<T>(
        &self,
        what: &str,
        within: Duration,
        mut look: impl FnMut(&FromVrrp) -> Option<T>,
    ) -> T {
        let end = Instant::now() + within;
        let mut messages = self.heard.messages.lock().unwrap();
        let mut next = 0;
        loop {
            while let Some(message) = messages.all.get(next) {
                if let Some(found) = look(message) {
                    return found;
                }
                next += 1;
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() || messages.ended {
                let all = &messages.all;
                panic!("not within {within:?}: {what}; it has said {all:#?}");
            }
            messages = self.heard.more.wait_timeout(messages, left).unwrap().0;
        }
    }

    /// Waits until an instance has entered a state, at whatever time.
    #[track_caller]
    pub fn wait_for_state(&self, instance: &str, state: State, within: Duration) {
        self.wait_for(&format!("{instance} is {state}"), within, |message| {
            let FromVrrp::Changed { memory, .. } = message else {
                return None;
            };
            let known = memory.instances.get(instance)?;
            (known.state == state).then_some(())
        });
    }

    /// Everything that it has told people, in order.
    pub fn told(&self) -> Vec<VrrpEvent> {
        let messages = self.heard.messages.lock().unwrap();
        let told = messages.all.iter().flat_map(|message| match message {
            FromVrrp::Changed { told, .. } => told.clone(),
            _ => Vec::new(),
        });
        told.filter_map(|told| match told.what {
            What::Vrrp(event) => Some(event),
            _ => None,
        })
        .collect()
    }

    /// The states that an instance has entered, in order.
    pub fn states(&self, instance: &str) -> Vec<State> {
        let subject = Subject::Instance(instance.into());
        let told = self.told().into_iter();
        told.filter(|event| event.subject == subject)
            .filter_map(|event| match event.change {
                Change::Entered { to, .. } => Some(to),
                _ => None,
            })
            .collect()
    }

    /// What it says of itself now.
    #[track_caller]
    pub fn report(&self) -> Report {
        let asked = self.next_request.get();
        self.next_request.set(asked + 1);
        self.say(ToVrrp::Status { request: asked });
        self.wait_for("a report", secs(10), |message| match message {
            FromVrrp::Status {
                request, report, ..
            } if *request == asked => Some((**report).clone()),
            _ => None,
        })
    }

    /// What core would hand to the next one.
    pub fn memory(&self) -> Memory {
        self.heard.messages.lock().unwrap().memory.clone()
    }

    pub fn pid(&self) -> Pid {
        Pid::from_raw(self.process.id() as i32)
    }

    pub fn signal(&self, signal: Signal) {
        signal::kill(self.pid(), signal).unwrap();
    }

    /// Kills it outright, and returns what is left for the next one.
    pub fn kill(mut self) -> Memory {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        self.memory()
    }

    /// Asks it to hand over and end, and returns the addresses that it left behind.
    #[track_caller]
    pub fn stop(mut self) -> Vec<String> {
        self.say(ToVrrp::Stop);
        let left = self.wait_for("it has stopped", secs(10), |message| match message {
            FromVrrp::Stopped { left } => Some(left.clone()),
            _ => None,
        });
        assert!(self.process.wait().unwrap().success());
        left
    }

    /// Ends as core does that is killed: the socket is closed, and that is all.
    pub fn abandon(mut self) {
        self.to.send(Word::HangUp).unwrap();
        self.process.wait().unwrap();
    }
}

impl Drop for VrrpChild {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn speak(socket: UnixStream, mut words: mpsc::UnboundedReceiver<Word>, heard: &Heard) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let mut connection = Connection::<ToVrrp, FromVrrp>::new(socket.into()).unwrap();
        loop {
            tokio::select! {
                word = words.recv() => match word {
                    Some(Word::Say(message)) => connection.send(&message),
                    Some(Word::HangUp) | None => break,
                },
                message = connection.next() => {
                    let Ok(Some(message)) = message else { break };
                    heard.messages.lock().unwrap().take(message);
                    heard.more.notify_all();
                }
            }
        }
    });
    heard.messages.lock().unwrap().ended = true;
    heard.more.notify_all();
}

impl Messages {
    fn take(&mut self, message: FromVrrp) {
        match &message {
            FromVrrp::Changed { memory, .. } => self.memory = memory.clone(),
            FromVrrp::Adverts(adverts) => {
                for advert in adverts {
                    let instances = &mut self.memory.instances;
                    if let Some(known) = instances.get_mut(&advert.instance) {
                        known.last_advert = Some(advert.at);
                        known.numbers = advert.numbers.clone();
                    }
                }
            }
            _ => {}
        }
        self.all.push(message);
    }
}

/// An ordinary instance: `VI_1` with VRID 51 on `eth0`, an advert a second.
pub fn instance(priority: u8, addresses: Vec<VirtualAddress>) -> InstanceSettings {
    InstanceSettings {
        priority: Priority(priority),
        addresses,
        ..InstanceSettings::new("VI_1", "eth0", Vrid::new(51).unwrap(), Family::V4)
    }
}

/// A virtual address on `eth0`, as `10.0.0.80/24`.
pub fn virtual_address(text: &str) -> VirtualAddress {
    let (address, prefix) = text.split_once('/').unwrap();
    VirtualAddress {
        address: address.parse().unwrap(),
        prefix: prefix.parse().unwrap(),
        interface: "eth0".into(),
        broadcast: None,
        scope: 0,
        label: None,
        options: Default::default(),
    }
}
