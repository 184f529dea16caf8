//! One router on a bench: its settings, what it is told, and what it does.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use ipvsd::family::Family;
use ipvsd::moment::Moment;
use ipvsd::vrrp::channel::Channel;
use ipvsd::vrrp::event::{Change, Subject};
use ipvsd::vrrp::input::{Action, Announcement, Content, Input, InterfaceFacts, Received};
use ipvsd::vrrp::memory::{InstanceReport, Memory};
use ipvsd::vrrp::packet::{
    Datagram, Envelope, Form, Message, PASSWORD, PROTOCOL, TTL, WireAuthentication,
};
use ipvsd::vrrp::settings::{
    ChecksumForm, GroupSettings, InstanceSettings, Password, RouterSettings, VirtualAddress,
};
use ipvsd::vrrp::{AdvertInterval, InstanceId, Priority, Router, State, Version, Vrid};

/// The router's own address on link 0; `OWN + 256 * n` on link n.
pub const OWN: [u8; 4] = [10, 0, 0, 5];
/// Other routers, one with a lower and one with a higher address.
pub const LOWER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 4);
pub const HIGHER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 6);

pub const GROUP: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 18);

/// The same with IPv6: the router itself, another one, the group, and the virtual
/// address of [`instance_6`].
pub const OWN_6: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 5);
pub const HIGHER_6: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 6);
pub const GROUP_6: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x12);
pub const VIRTUAL_6: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0x80);

pub fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

pub fn at(milliseconds: u64) -> Moment {
    // Not from 0, which is a moment that the core uses for its own purposes.
    Moment::since_boot(ms(1_000_000 + milliseconds))
}

/// An instance VI_n on interface ethn with VRID 51 + n, address 10.0.n.80, priority
/// 100.
pub fn instance(link: u8) -> InstanceSettings {
    InstanceSettings {
        addresses: vec![address(link, 80)],
        ..InstanceSettings::new(
            &format!("VI_{link}"),
            &format!("eth{link}"),
            Vrid::new(51 + link).unwrap(),
            Family::V4,
        )
    }
}

/// An instance VI_6 of version 3 on interface eth0 with VRID 51 and an IPv6 address.
pub fn instance_6() -> InstanceSettings {
    InstanceSettings {
        addresses: vec![VirtualAddress {
            address: VIRTUAL_6.into(),
            prefix: 64,
            ..address(0, 80)
        }],
        ..InstanceSettings::new("VI_6", "eth0", Vrid::new(51).unwrap(), Family::V6)
    }
}

pub fn address(link: u8, host: u8) -> VirtualAddress {
    VirtualAddress {
        address: Ipv4Addr::new(10, 0, link, host).into(),
        prefix: 32,
        interface: format!("eth{link}"),
        broadcast: None,
        scope: 0,
        label: None,
        options: Default::default(),
    }
}

pub fn group(members: &[u8]) -> GroupSettings {
    GroupSettings {
        name: "VG".to_owned(),
        members: members.iter().map(|link| format!("VI_{link}")).collect(),
    }
}

/// Interface ethn as it should be.
pub fn facts(link: u8) -> InterfaceFacts {
    InterfaceFacts {
        index: 2 + u32::from(link),
        is_up: true,
        hardware_address: Some([2, 0, 0, 0, link, 5]),
        addresses: vec![(own(link).into(), 24)],
        unusable: Vec::new(),
        is_router: false,
    }
}

pub fn own(link: u8) -> Ipv4Addr {
    Ipv4Addr::new(OWN[0], OWN[1], link, OWN[3])
}

/// An advert as another router sends it.
#[derive(Clone, Debug)]
pub struct Packet {
    pub source: Ipv4Addr,
    pub ttl: u8,
    pub vrid: u8,
    pub priority: u8,
    pub interval: u8,
    pub authentication: WireAuthentication,
    pub addresses: Vec<IpAddr>,
}

impl Packet {
    /// One that [`instance`] of this link takes.
    pub fn new(link: u8, source: Ipv4Addr, priority: u8) -> Self {
        let [a, b, _, d] = source.octets();
        Packet {
            source: Ipv4Addr::new(a, b, link, d),
            ttl: TTL,
            vrid: 51 + link,
            priority,
            interval: 1,
            authentication: WireAuthentication {
                kind: 0,
                data: Some([0; 8]),
            },
            addresses: vec![address(link, 80).address],
        }
    }

    pub fn with_password(mut self, password: &str) -> Self {
        self.authentication = WireAuthentication {
            kind: PASSWORD,
            data: Some(Password::new(password).0),
        };
        self
    }

    pub fn datagram(&self) -> Vec<u8> {
        self.datagram_to(GROUP)
    }

    /// The same to another destination.
    pub fn datagram_to(&self, destination: Ipv4Addr) -> Vec<u8> {
        let message = Message {
            vrid: Vrid::new(self.vrid).unwrap(),
            priority: Priority(self.priority),
            addresses: self.addresses.clone(),
            form: Form::V2 {
                interval: self.interval,
                authentication: self.authentication,
            },
            trailer: None,
        };
        let message = message.encode(&envelope(self.source.into(), destination.into()));
        ip(self.source, destination, self.ttl, &message)
    }
}

/// An advert of version 3 from another router, with the address of [`instance`] 0.
pub fn version_3(source: IpAddr, destination: IpAddr, priority: u8, interval: u16) -> Vec<u8> {
    let message = Message {
        vrid: Vrid::new(51).unwrap(),
        priority: Priority(priority),
        addresses: vec![match source {
            IpAddr::V4(_) => address(0, 80).address,
            IpAddr::V6(_) => VIRTUAL_6.into(),
        }],
        form: Form::V3 {
            interval: AdvertInterval::from_centiseconds(interval).unwrap(),
        },
        trailer: None,
    };
    message.encode(&envelope(source, destination))
}

/// What checksums cover where nothing else is configured.
pub fn envelope(source: IpAddr, destination: IpAddr) -> Envelope {
    Envelope {
        source,
        destination,
        checksum: ChecksumForm::default(),
    }
}

/// A datagram as the kernel hands it to a raw socket.
pub fn ip(source: Ipv4Addr, destination: Ipv4Addr, ttl: u8, message: &[u8]) -> Vec<u8> {
    let length = u16::try_from(20 + message.len()).unwrap().to_be_bytes();
    let mut datagram = vec![
        0x45, 0xc0, length[0], length[1], 0, 1, 0, 0, ttl, PROTOCOL, 0, 0,
    ];
    datagram.extend(source.octets());
    datagram.extend(destination.octets());
    datagram.extend(message);
    datagram
}

/// What a router has done, in few words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Did {
    /// Instance VI_n has sent an advert of this priority.
    Sent(u8, u8),
    /// Instance VI_n wants these addresses added.
    Added(u8, Vec<VirtualAddress>),
    Removed(u8, Vec<VirtualAddress>),
    Told(Subject, Change),
}

/// All that is configured for a router, with nothing said for all instances together.
pub fn settings(instances: Vec<InstanceSettings>, groups: Vec<GroupSettings>) -> RouterSettings {
    RouterSettings {
        instances,
        groups,
        ..RouterSettings::default()
    }
}

pub struct Bench {
    pub router: Router,
    pub now: Moment,
    /// The announcements that [`drain`](Bench::drain) has seen go out.
    pub announced: Vec<(Moment, Announcement)>,
    /// What the router has been told of its interfaces, by link.
    links: BTreeMap<u8, Option<InterfaceFacts>>,
}

impl Bench {
    /// A router whose interfaces are all as they should be.
    pub fn new(instances: Vec<InstanceSettings>, groups: Vec<GroupSettings>) -> Self {
        Self::with_memory(instances, groups, &Memory::default(), at(0))
    }

    pub fn with_memory(
        instances: Vec<InstanceSettings>,
        groups: Vec<GroupSettings>,
        memory: &Memory,
        now: Moment,
    ) -> Self {
        let links = instances.len() as u8;
        let mut bench = Self::bare(instances, groups, memory, now);
        for link in 0..links {
            bench.interface(link, Some(facts(link)));
        }
        bench
    }

    /// One that has not been told of any interface.
    pub fn bare(
        instances: Vec<InstanceSettings>,
        groups: Vec<GroupSettings>,
        memory: &Memory,
        now: Moment,
    ) -> Self {
        Self::of(settings(instances, groups), memory, now)
    }

    /// One with settings for all instances together, that has not been told of any
    /// interface.
    pub fn of(settings: RouterSettings, memory: &Memory, now: Moment) -> Self {
        Bench {
            router: Router::new(settings, memory, now),
            now,
            announced: Vec::new(),
            links: BTreeMap::new(),
        }
    }

    /// Other settings, with nothing said for all instances together.
    pub fn reload(&mut self, instances: Vec<InstanceSettings>, groups: Vec<GroupSettings>) {
        self.router.reload(settings(instances, groups), self.now);
    }

    /// Runs the router until `now`, at every moment that it asks for, and gives what it
    /// has done. Operations on addresses are done at once; announcements are drained.
    pub fn until(&mut self, milliseconds: u64) -> Vec<Did> {
        let end = at(milliseconds);
        let mut did = self.drain();
        while let Some(wake) = self.router.wake().filter(|wake| *wake <= end) {
            self.now = self.now.max(wake);
            self.router.on_time(self.now);
            did.extend(self.drain());
        }
        self.now = end;
        did
    }

    /// Everything that is to be done now.
    pub fn drain(&mut self) -> Vec<Did> {
        let mut did = Vec::new();
        loop {
            while let Some(action) = self.router.next_action() {
                let done = action.clone();
                did.push(self.describe(action));
                match done {
                    Action::AddAddresses {
                        instance,
                        addresses,
                    } => self.done(instance, &addresses, true),
                    Action::RemoveAddresses {
                        instance,
                        addresses,
                    } => self.done(instance, &addresses, false),
                    _ => {}
                }
            }
            match self.router.next_announcement(self.now) {
                Some(announcement) => self.announced.push((self.now, announcement)),
                None => return did,
            }
        }
    }

    /// The kernel has done what it was asked for.
    fn done(&mut self, instance: InstanceId, addresses: &[VirtualAddress], is_there: bool) {
        let failed = Vec::new();
        self.router
            .handle(Input::AddressesDone { instance, failed }, self.now);
        for (link, facts) in self.links.clone() {
            let Some(mut facts) = facts else { continue };
            let before = facts.clone();
            for address in addresses {
                if address.interface == format!("eth{link}") {
                    let address = (address.address, address.prefix);
                    facts.addresses.retain(|present| *present != address);
                    facts.addresses.extend(is_there.then_some(address));
                }
            }
            if facts != before {
                self.interface(link, Some(facts));
            }
        }
    }

    /// What the router has been told of an interface.
    pub fn facts(&self, link: u8) -> InterfaceFacts {
        self.links[&link].clone().expect("no such interface")
    }

    /// The actions, with nothing done about them.
    pub fn actions(&mut self) -> Vec<Did> {
        let mut did = Vec::new();
        while let Some(action) = self.router.next_action() {
            did.push(self.describe(action));
        }
        did
    }

    /// The frames that are due.
    pub fn frames(&mut self) -> Vec<Announcement> {
        std::iter::from_fn(|| self.router.next_announcement(self.now)).collect()
    }

    fn describe(&self, action: Action) -> Did {
        match action {
            Action::Send(advert) => {
                let (octets, ttl) = match &advert.content {
                    Content::Message { octets, ttl } => (&octets[..], *ttl),
                    Content::Datagram(octets) => {
                        let datagram = Datagram::parse(Received::V4(octets)).unwrap();
                        (datagram.message, datagram.ttl)
                    }
                };
                assert_eq!(ttl, TTL);
                let envelope = envelope(advert.source, advert.destination);
                let version = match octets[0] >> 4 {
                    2 => Version::V2,
                    _ => Version::V3,
                };
                let message = Message::decode(octets, version, &envelope);
                let message = message.expect("it does not understand its own adverts");
                Did::Sent(message.vrid.get() - 51, message.priority.0)
            }
            Action::AddAddresses {
                instance,
                addresses,
            } => Did::Added(self.link(instance), addresses),
            Action::RemoveAddresses {
                instance,
                addresses,
            } => Did::Removed(self.link(instance), addresses),
            Action::Tell(event) => Did::Told(event.subject, event.change),
        }
    }

    /// The number of an instance's interface; 99 for one that is no more.
    fn link(&self, instance: InstanceId) -> u8 {
        self.router.settings(instance).map_or(99, |settings| {
            settings.interface["eth".len()..].parse().unwrap()
        })
    }

    pub fn interface(&mut self, link: u8, facts: Option<InterfaceFacts>) {
        self.links.insert(link, facts.clone());
        let name = format!("eth{link}");
        let input = Input::Interface { name: &name, facts };
        self.router.handle(input, self.now);
    }

    /// By these nothing can be heard on link n.
    pub fn deaf(&mut self, link: u8, channels: &[Channel]) {
        let input = Input::Deaf {
            interface: &format!("eth{link}"),
            channels,
        };
        self.router.handle(input, self.now);
    }

    /// An advert comes in by link n.
    pub fn hear(&mut self, link: u8, packet: &Packet) {
        self.hear_bytes(link, &packet.datagram());
    }

    /// An advert of version 3 comes in by link 0.
    pub fn hear_3(&mut self, source: IpAddr, destination: IpAddr, priority: u8, interval: u16) {
        let message = version_3(source, destination, priority, interval);
        match (source, destination) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => {
                self.hear_bytes(0, &ip(source, destination, TTL, &message));
            }
            (IpAddr::V6(source), IpAddr::V6(destination)) => {
                let packet = Received::V6 {
                    source,
                    destination,
                    hop_limit: TTL,
                    message: &message,
                };
                let interface = 2;
                let input = Input::Packet { interface, packet };
                self.router.handle(input, self.now);
            }
            _ => panic!("from {source} to {destination}"),
        }
    }

    pub fn hear_bytes(&mut self, link: u8, datagram: &[u8]) {
        let input = Input::Packet {
            interface: 2 + u32::from(link),
            packet: Received::V4(datagram),
        };
        self.router.handle(input, self.now);
    }

    pub fn stop(&mut self) -> Vec<Did> {
        self.router.handle(Input::Stop, self.now);
        self.drain()
    }

    pub fn report(&self, link: u8) -> InstanceReport {
        let name = format!("VI_{link}");
        let report = self.router.report();
        let found = report.instances.iter().find(|report| report.name == name);
        found.expect("no such instance").clone()
    }

    pub fn state(&self, link: u8) -> State {
        self.report(link).state
    }
}

/// The states entered, by whom, in order.
pub fn entered(did: &[Did]) -> Vec<(&str, State)> {
    did.iter()
        .filter_map(|did| match did {
            Did::Told(subject, Change::Entered { to, .. }) => Some((subject.name(), *to)),
            _ => None,
        })
        .collect()
}

/// The adverts sent: instance and priority.
pub fn sent(did: &[Did]) -> Vec<(u8, u8)> {
    did.iter()
        .filter_map(|did| match did {
            Did::Sent(link, priority) => Some((*link, *priority)),
            _ => None,
        })
        .collect()
}
