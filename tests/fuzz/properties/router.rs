//! A router on virtual time that is told anything.

use std::net::IpAddr;
use std::time::Duration;

use ipvsd::family::Family;
use ipvsd::moment::Moment;
use ipvsd::vrrp::Router;
use ipvsd::vrrp::input::{Action, Content, Input, Received, WallClock};
use ipvsd::vrrp::memory::Memory;
use ipvsd::vrrp::packet::ah::Seal;
use ipvsd::vrrp::packet::hmac::Sequence;
use ipvsd::vrrp::packet::{
    AUTHENTICATION_HEADER, Datagram, Envelope, Form, Message, PASSWORD, UNAUTHENTICATED,
    WireAuthentication,
};
use ipvsd::vrrp::settings::{Authentication, HmacMode, InstanceSettings};
use ipvsd::vrrp::{Priority, Version, Vrid};

use super::bytes::Bytes;
use super::codec::{mend_checksum, received};
use super::configured::{self, INTERFACE, OTHERS, OWN, SECRETS, host};

/// How often a router may have something to do at one moment.
const PATIENCE: u32 = 10_000;

/// What the wall clock shows at the beginning.
const EPOCH: u64 = 1_800_000_000;

/// Whatever it is told, a router comes to an end with it, understands what it says
/// itself, shows no secret, and, where there is a key, counts no advert that was not
/// made with it, and none twice.
pub fn router(octets: &[u8]) {
    let mut bytes = Bytes(octets);
    let mut world = World::new();
    // As long as a story of a minute of adverts from some routers.
    for _ in 0..300 {
        if bytes.is_empty() {
            break;
        }
        world.step(&mut bytes);
        world.settle();
        world.judge();
    }
    world.router.handle(Input::Stop, world.now);
    world.settle();
}

struct World {
    router: Router,
    settings: Vec<InstanceSettings>,
    now: Moment,
    /// How long after the epoch the monotonic clock was at 0.
    clock: Duration,
    /// Adverts made with the key of each instance; None where it is not known any more
    /// how many may count.
    genuine: Vec<Option<u64>>,
    /// What each instance's has counted in routers before this one.
    counted: Vec<u64>,
    counter: u32,
    /// The datagram made last.
    last: Vec<u8>,
}

impl World {
    fn new() -> Self {
        let all = configured::router(false);
        let settings = all.instances.clone();
        let now = Moment::since_boot(Duration::from_secs(1_000));
        let genuine = settings.iter().map(|it| wants_key(it).then_some(0));
        let mut world = World {
            genuine: genuine.collect(),
            counted: vec![0; settings.len()],
            router: Router::new(all, &Memory::default(), now),
            settings,
            now,
            clock: Duration::from_secs(EPOCH),
            counter: 0,
            last: Vec::new(),
        };
        world.begin();
        world
    }

    /// Tells a new router how things stand.
    fn begin(&mut self) {
        self.tell_clock();
        self.interface(true);
        self.settle();
    }

    fn step(&mut self, bytes: &mut Bytes<'_>) {
        let what = bytes.byte();
        match what % 11 {
            0 => self.hear(bytes.some()),
            1 => self.frame(bytes),
            2..=5 => self.advert(bytes),
            6 => self.hear(&self.last.clone()),
            7 => self.now = self.now + Duration::from_millis(u64::from(bytes.byte()) * 16),
            8 => {
                let ahead = bytes.byte() as i8;
                let by = Duration::from_secs(ahead.unsigned_abs().into());
                self.clock = if ahead < 0 {
                    // Adverts that have been forgotten for their time may count again.
                    self.genuine.iter_mut().for_each(|genuine| *genuine = None);
                    self.clock.saturating_sub(by)
                } else {
                    self.clock + by
                };
                self.tell_clock();
            }
            9 => self.interface(bytes.byte() & 1 != 0),
            _ => self.replace(bytes.byte()),
        }
        self.router.on_time(self.now);
    }

    fn tell_clock(&mut self) {
        let input = Input::WallClock(WallClock(self.clock));
        self.router.handle(input, self.now);
    }

    fn interface(&mut self, is_up: bool) {
        let facts = Some(configured::facts(is_up));
        let name = INTERFACE.1;
        self.router
            .handle(Input::Interface { name, facts }, self.now);
    }

    fn hear(&mut self, datagram: &[u8]) {
        let interface = INTERFACE.0;
        let packet = received(datagram);
        self.router
            .handle(Input::Packet { interface, packet }, self.now);
    }

    /// Another process, or other settings.
    fn replace(&mut self, what: u8) {
        let all = configured::router(what & 2 != 0);
        self.settings = all.instances.clone();
        if what & 1 != 0 {
            self.router.reload(all, self.now);
            return;
        }
        for (counted, more) in self.counted.iter_mut().zip(counted(&self.router)) {
            *counted += more;
        }
        self.router = Router::new(all, &self.router.memory(), self.now);
        self.begin();
    }

    /// Any octets, with what is around them as it should be.
    fn frame(&mut self, bytes: &mut Bytes<'_>) {
        let which = usize::from(bytes.byte());
        let settings = self.settings[which % self.settings.len()].clone();
        let last = OTHERS.start + bytes.byte() % OTHERS.len() as u8;
        let mut message = bytes.some().to_vec();
        if let Some(vrid) = message.get_mut(1) {
            *vrid = settings.vrid.get();
        }
        mend_checksum(&mut message, settings.version, &envelope(&settings, last));
        self.last = wrap(&settings, last, &message);
        self.hear(&self.last.clone());
    }

    /// An advert as another router of the same configuration sends it, with a bit of it
    /// changed or not.
    fn advert(&mut self, bytes: &mut Bytes<'_>) {
        let which = usize::from(bytes.byte()) % self.settings.len();
        let settings = self.settings[which].clone();
        let last = OTHERS.start + bytes.byte() % OTHERS.len() as u8;
        let mut message = message(&settings, Priority(bytes.byte()), bytes.byte());
        let envelope = envelope(&settings, last);
        let off = i64::from(bytes.byte() as i8);
        if let Authentication::Hmac(hmac) = &settings.authentication {
            let time = self.clock + self.now.elapsed_since_boot();
            let sequence = Sequence::at(time);
            let off = (off / 16) << 32 | (off & 0xf) << 16;
            let sequence = Sequence(sequence.0.wrapping_add_signed(off));
            message.sign(envelope.source, 1, &hmac.keys[&1], sequence);
        }
        let octets = message.encode(&envelope);
        self.last = match &settings.authentication {
            Authentication::Header(key) => {
                // Nearly always the next one.
                self.counter = self.counter.wrapping_add_signed((off / 8 + 1) as i32);
                seal(&settings, &envelope, self.counter).around(&octets, *key)
            }
            _ => wrap(&settings, last, &octets),
        };
        let flip = usize::from(bytes.byte());
        let at = flip / 8;
        if let Some(octet) = self.last.get_mut(at).filter(|_| flip != 0) {
            *octet ^= 1 << (flip % 8);
        }
        // Of what is around the message not all is covered.
        let may_count = flip == 0 || at < 20 || settings.family == Family::V6;
        if may_count && let Some(genuine) = &mut self.genuine[which] {
            *genuine += 1;
        }
        self.hear(&self.last.clone());
    }

    /// Lets the router do all that is due, and looks at what it says.
    fn settle(&mut self) {
        for _ in 0..PATIENCE {
            let mut is_idle = true;
            while let Some(action) = self.router.next_action() {
                is_idle = false;
                self.on_action(action);
            }
            while self.router.next_announcement(self.now).is_some() {
                is_idle = false;
            }
            if self.router.wake().is_some_and(|wake| wake <= self.now) {
                self.router.on_time(self.now);
                is_idle = false;
            }
            if is_idle {
                return;
            }
        }
        panic!("the router comes to no end");
    }

    fn on_action(&mut self, action: Action) {
        match action {
            Action::Send(advert) => {
                // One that is being taken away has gone already.
                let Some(settings) = self.router.settings(advert.instance).cloned() else {
                    return;
                };
                let envelope = Envelope {
                    source: advert.source,
                    destination: advert.destination,
                    checksum: settings.checksum,
                };
                let version = |octets: &[u8]| match octets[0] >> 4 {
                    2 => Version::V2,
                    _ => Version::V3,
                };
                let message = match &advert.content {
                    Content::Message { octets, .. } => {
                        Message::decode(octets, version(octets), &envelope)
                    }
                    Content::Datagram(octets) => {
                        let datagram = Datagram::parse(Received::V4(octets)).unwrap();
                        Message::decode(datagram.message, version(datagram.message), &envelope)
                    }
                };
                assert_eq!(message.unwrap().priority, advert.priority);
            }
            Action::AddAddresses { instance, .. } | Action::RemoveAddresses { instance, .. } => {
                let failed = Vec::new();
                self.router
                    .handle(Input::AddressesDone { instance, failed }, self.now);
            }
            Action::Tell(event) => {
                let text = format!("{event} {event:?}");
                assert!(
                    SECRETS.iter().all(|secret| !text.contains(secret)),
                    "{text}"
                );
            }
        }
    }

    fn judge(&self) {
        let counted = self.counted.iter().zip(counted(&self.router));
        for ((before, now), genuine) in counted.zip(&self.genuine) {
            if let Some(genuine) = genuine {
                assert!(before + now <= *genuine, "more than {genuine} have counted");
            }
        }
    }
}

/// Adverts that have counted, by instance.
fn counted(router: &Router) -> Vec<u64> {
    let report = router.report();
    let mut instances = report.instances;
    instances.sort_by_key(|it| number(&it.name));
    let counts = instances.iter().map(|it| it.counters.adverts_received);
    counts.collect()
}

fn number(name: &str) -> u8 {
    name["VI_".len()..].parse().unwrap()
}

fn wants_key(settings: &InstanceSettings) -> bool {
    match &settings.authentication {
        Authentication::None | Authentication::Pass(_) => false,
        Authentication::Header(_) => true,
        Authentication::Hmac(hmac) => hmac.mode == HmacMode::Enforce,
    }
}

fn envelope(settings: &InstanceSettings, last: u8) -> Envelope {
    Envelope {
        source: host(settings.family, last),
        destination: settings
            .group()
            .unwrap_or_else(|| host(settings.family, OWN)),
        checksum: settings.checksum,
    }
}

/// What a router of these settings says, with these of its addresses.
fn message(settings: &InstanceSettings, priority: Priority, addresses: u8) -> Message {
    let (kind, data) = match &settings.authentication {
        Authentication::None | Authentication::Hmac(_) => (UNAUTHENTICATED, [0; 8]),
        Authentication::Pass(password) => (PASSWORD, password.0),
        Authentication::Header(_) => (AUTHENTICATION_HEADER, [0; 8]),
    };
    let mut all: Vec<_> = settings.advertised().collect();
    match addresses % 8 {
        0..=4 => {}
        5 => all.reverse(),
        6 => all.push(host(settings.family, addresses)),
        _ => all = vec![host(settings.family, addresses)],
    }
    Message {
        vrid: Vrid::new(settings.vrid.get()).unwrap(),
        priority,
        addresses: all,
        form: match settings.version {
            Version::V2 => Form::V2 {
                interval: 1,
                authentication: WireAuthentication {
                    kind,
                    data: Some(data),
                },
            },
            Version::V3 => Form::V3 {
                interval: settings.advert_interval,
            },
        },
        trailer: None,
    }
}

fn seal(settings: &InstanceSettings, envelope: &Envelope, sequence: u32) -> Seal {
    let (IpAddr::V4(source), IpAddr::V4(destination)) = (envelope.source, envelope.destination)
    else {
        panic!("an authentication header over IPv6");
    };
    Seal {
        source,
        destination,
        ttl: 255,
        id: 1,
        sequence,
        is_unicast: settings.group().is_none(),
    }
}

/// An IP header around a message.
fn wrap(settings: &InstanceSettings, last: u8, message: &[u8]) -> Vec<u8> {
    let envelope = envelope(settings, last);
    match (envelope.source, envelope.destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            let [high, low] = u16::try_from(20 + message.len()).unwrap().to_be_bytes();
            let mut octets = vec![0x45, 0xc0, high, low, 0, 1, 0, 0, 255, 112, 0, 0];
            octets.extend(source.octets());
            octets.extend(destination.octets());
            octets.extend(message);
            octets
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            let [high, low] = u16::try_from(message.len()).unwrap().to_be_bytes();
            let mut octets = vec![0x60, 0, 0, 0, high, low, 112, 255];
            octets.extend(source.octets());
            octets.extend(destination.octets());
            octets.extend(message);
            octets
        }
        _ => panic!("two families"),
    }
}
