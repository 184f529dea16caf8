//! The sockets that adverts go out from and come in by, between two namespaces of this
//! machine's own kernel. Takes root and `ip`.

use std::fs::File;
use std::net::IpAddr;
use std::os::fd::AsRawFd;
use std::process::Command;
use std::time::Duration;

use ipvsd::family::Family;
use ipvsd::sys::vigil::Vigil;
use ipvsd::sys::vrrp_socket::{self, Channel, Inbox, Receiver, Sender};
use ipvsd::vrrp::input::{Advert, Content, Received};
use ipvsd::vrrp::settings::Delivery;
use ipvsd::vrrp::{InstanceId, Priority};
use nix::sched::{CloneFlags, setns, unshare};

/// Two hosts on one cable: `eth0` with 10.0.0.N, fd00::N and fe80::N on each.
struct Hosts {
    spaces: [File; 2],
}

#[derive(Clone, Copy)]
enum Host {
    One,
    Two,
}

/// Longer than a packet needs, even on a machine with other work.
const LONG: Duration = Duration::from_secs(10);

impl Hosts {
    fn new() -> Self {
        let spaces = [(); 2].map(|()| {
            unshare(CloneFlags::CLONE_NEWNET).unwrap();
            File::open("/proc/thread-self/ns/net").unwrap()
        });
        let hosts = Hosts { spaces };
        let other = format!(
            "/proc/{}/fd/{}",
            std::process::id(),
            hosts.spaces[0].as_raw_fd()
        );
        ip(&format!(
            "link add eth0 type veth peer name eth0 netns {other}"
        ));
        for (host, n) in [(Host::One, 1), (Host::Two, 2)] {
            hosts.on(host, || {
                ip(&format!("addr add 10.0.0.{n}/24 dev eth0"));
                ip("link set eth0 addrgenmode none");
                ip("link set eth0 up");
                for v6 in ["fe80::", "fd00::"] {
                    ip(&format!("addr add {v6}{n}/64 dev eth0 nodad"));
                }
            });
        }
        // Nothing goes out before the kernel has taken note of the cable, in its own time.
        let is_up = || ip("-o link show eth0").contains("state UP");
        for host in [Host::One, Host::Two] {
            hosts.on(host, || while !is_up() {});
        }
        hosts
    }

    /// Does something as this host.
    fn on<T>(&self, host: Host, what: impl FnOnce() -> T) -> T {
        setns(&self.spaces[host as usize], CloneFlags::CLONE_NEWNET).unwrap();
        what()
    }

    fn listen(&self, host: Host, channel: Channel) -> Ear {
        let socket = self.on(host, || {
            vrrp_socket::listen("eth0", index(), &channel).unwrap()
        });
        let vigil = Vigil::new().unwrap();
        Ear {
            receiver: Receiver::new(socket, channel.family, &vigil, 1).unwrap(),
            vigil,
        }
    }

    fn sender(&self, host: Host) -> Sender {
        self.on(host, || Sender::open().unwrap())
    }
}

struct Ear {
    vigil: Vigil,
    receiver: Receiver,
}

/// What was in a packet.
#[derive(Debug, PartialEq, Eq)]
struct Heard {
    source: IpAddr,
    destination: IpAddr,
    ttl: u8,
    message: Vec<u8>,
}

impl Ear {
    /// Waits for packets until there are as many.
    fn hear(&mut self, count: usize) -> Vec<Heard> {
        let mut heard = Vec::new();
        let mut inbox = Inbox::default();
        while heard.len() < count {
            let told = self.vigil.look(Some(LONG)).unwrap().count();
            assert_eq!(told, 1, "only these come in: {heard:?}");
            // In either way, and what is left is told of again.
            match heard.len() {
                0 => self.receiver.read_one(&mut inbox).unwrap(),
                _ => assert!(!self.receiver.read_many(&mut inbox).unwrap()),
            }
            heard.extend(inbox.packets().map(|packet| match packet {
                Received::V4(octets) => Heard {
                    source: <[u8; 4]>::try_from(&octets[12..16]).unwrap().into(),
                    destination: <[u8; 4]>::try_from(&octets[16..20]).unwrap().into(),
                    ttl: octets[8],
                    message: {
                        // Internetwork control, and may be fragmented.
                        assert_eq!((octets[1], octets[6]), (0xc0, 0));
                        octets[20..].to_vec()
                    },
                },
                Received::V6 {
                    source,
                    destination,
                    hop_limit,
                    message,
                } => Heard {
                    source: source.into(),
                    destination: destination.into(),
                    ttl: hop_limit,
                    message: message.to_vec(),
                },
            }));
        }
        heard
    }
}

/// Gives what it says.
fn ip(arguments: &str) -> String {
    let done = Command::new("ip").args(arguments.split(' ')).output();
    let done = done.expect("ip (iproute2)");
    assert!(done.status.success(), "ip {arguments}: {done:?}");
    String::from_utf8(done.stdout).unwrap()
}

fn index() -> u32 {
    nix::net::if_::if_nametoindex("eth0").unwrap()
}

fn multicast(family: Family) -> Channel {
    Channel {
        family,
        group: Some(Delivery::group(family)),
        in_header: false,
    }
}

fn unicast(family: Family) -> Channel {
    Channel {
        group: None,
        ..multicast(family)
    }
}

fn in_header(channel: Channel) -> Channel {
    Channel {
        in_header: true,
        ..channel
    }
}

/// From the first host, by its only interface.
fn advert(source: &str, destination: &str, octets: &[u8], ttl: u8) -> Advert {
    Advert {
        instance: InstanceId(1),
        interface: index(),
        source: source.parse().unwrap(),
        destination: destination.parse().unwrap(),
        priority: Priority(100),
        content: Content::Message {
            octets: octets.to_vec(),
            ttl,
        },
    }
}

fn heard(source: &str, destination: &str, octets: &[u8], ttl: u8) -> Heard {
    Heard {
        source: source.parse().unwrap(),
        destination: destination.parse().unwrap(),
        ttl,
        message: octets.to_vec(),
    }
}

#[test]
fn each_socket_hears_what_it_is_for_and_nothing_else() {
    let hosts = Hosts::new();
    let sender = hosts.sender(Host::One);
    let cases = [
        (
            Family::V4,
            "10.0.0.1",
            "224.0.0.18",
            "224.0.0.19",
            "10.0.0.2",
        ),
        (Family::V6, "fe80::1", "ff02::12", "ff02::13", "fe80::2"),
        // As with unicast_src_ip.
        (Family::V6, "fd00::1", "ff02::12", "ff02::13", "fd00::2"),
    ];
    for (family, source, group, other, peer) in cases {
        let other_group = Channel {
            group: Some(other.parse().unwrap()),
            ..multicast(family)
        };
        let ears = [multicast(family), other_group, unicast(family)];
        let mut ears = ears.map(|channel| hosts.listen(Host::Two, channel));
        // The second of each shows that nothing came between.
        let all = [group, other, peer, group, other, peer];
        hosts.on(Host::One, || {
            for (n, destination) in all.iter().enumerate() {
                let advert = advert(source, destination, &[n as u8; 20], 255 - n as u8);
                sender.send(&advert).unwrap();
            }
        });
        for (n, ear) in ears.iter_mut().enumerate() {
            let expected = [n, n + 3].map(|n| {
                let ttl = 255 - n as u8;
                heard(source, all[n], &[n as u8; 20], ttl)
            });
            assert_eq!(ear.hear(2), expected);
        }
    }
}

#[test]
fn a_wrong_checksum_over_ipv6_is_for_us_to_see() {
    let hosts = Hosts::new();
    let mut ear = hosts.listen(Host::Two, multicast(Family::V6));
    let sender = hosts.sender(Host::One);
    // An advert of version 3 whose checksum is 0xffff, which none can be.
    let message = [0x31, 51, 100, 0, 0, 100, 0xff, 0xff];
    hosts.on(Host::One, || {
        let advert = advert("fe80::1", "ff02::12", &message, 255);
        sender.send(&advert).unwrap();
    });
    assert_eq!(ear.hear(1)[0].message, message);
}

#[test]
fn a_datagram_with_its_header_goes_out_as_it_is() {
    let hosts = Hosts::new();
    let sender = hosts.sender(Host::One);
    let mut group = hosts.listen(Host::Two, in_header(multicast(Family::V4)));
    let mut own = hosts.listen(Host::Two, in_header(unicast(Family::V4)));
    let mut plain = hosts.listen(Host::Two, multicast(Family::V4));
    hosts.on(Host::One, || {
        for destination in ["224.0.0.18", "10.0.0.2"] {
            let octets = [112, 4, 0, 0, 10, 0, 0, 1, 0, 0, 0, 7];
            let mut advert = advert("10.0.0.1", destination, &octets, 255);
            let IpAddr::V4(to) = advert.destination else {
                unreachable!()
            };
            let mut whole = vec![0x45, 0xc0, 0, 0, 0, 9, 0, 0, 77, 51, 0, 0, 10, 0, 0, 1];
            whole.extend(to.octets());
            whole.extend(octets);
            advert.content = Content::Datagram(whole);
            sender.send(&advert).unwrap();
        }
        let after = advert("10.0.0.1", "224.0.0.18", &[1; 20], 255);
        sender.send(&after).unwrap();
    });
    let octets = [112, 4, 0, 0, 10, 0, 0, 1, 0, 0, 0, 7];
    let expected = heard("10.0.0.1", "224.0.0.18", &octets, 77);
    assert_eq!(group.hear(1), [expected]);
    let expected = heard("10.0.0.1", "10.0.0.2", &octets, 77);
    assert_eq!(own.hear(1), [expected]);
    // The other protocol's socket has not been handed it.
    assert_eq!(plain.hear(1)[0].message, [1; 20]);
}

/// One has no socket for adverts, and its kernel says so each time.
#[test]
fn a_peer_that_refuses_costs_the_others_nothing() {
    let hosts = Hosts::new();
    let sender = hosts.sender(Host::One);
    hosts.on(Host::Two, || {
        // As often as it is asked.
        std::fs::write("/proc/sys/net/ipv4/icmp_ratelimit", "0").unwrap();
        std::fs::write("/proc/sys/net/ipv6/icmp/ratelimit", "0").unwrap();
    });
    // Its own answers are what this host looks for here.
    let errors = hosts.on(Host::One, || {
        use socket2::{Domain, Protocol, Socket, Type};
        let errors = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::ICMPV4)).unwrap();
        errors.set_read_timeout(Some(LONG)).unwrap();
        errors
    });
    for (source, peer, is_whole) in [
        ("10.0.0.1", "10.0.0.2", false),
        ("10.0.0.1", "10.0.0.2", true),
        ("fd00::1", "fd00::2", false),
    ] {
        hosts.on(Host::One, || {
            let mut advert = advert(source, peer, &[1; 20], 255);
            if is_whole {
                let mut whole = vec![0x45, 0xc0, 0, 0, 0, 9, 0, 0, 255, 51, 0, 0];
                whole.extend([10, 0, 0, 1, 10, 0, 0, 2]);
                whole.extend([1; 44]);
                advert.content = Content::Datagram(whole);
            }
            for _ in 0..10 {
                sender
                    .send(&advert)
                    .expect("what another advert has come to is not this one's business");
                if source == "10.0.0.1" {
                    // Destination unreachable: protocol (RFC 792).
                    let mut answer = [std::mem::MaybeUninit::uninit(); 64];
                    let length = errors.recv(&mut answer).unwrap();
                    assert!(length >= 22);
                    // SAFETY: the kernel has written that much.
                    let answer = unsafe { (answer[20].assume_init(), answer[21].assume_init()) };
                    assert_eq!(answer, (3, 2));
                }
            }
        });
    }
}

/// The address that it sends from is no longer there: its last word goes out all the
/// same.
#[test]
fn an_address_that_has_gone_can_still_be_sent_from() {
    let hosts = Hosts::new();
    let sender = hosts.sender(Host::One);
    for (family, source, group) in [
        (Family::V4, "10.0.0.1", "224.0.0.18"),
        (Family::V6, "fe80::1", "ff02::12"),
    ] {
        let mut ear = hosts.listen(Host::Two, multicast(family));
        hosts.on(Host::One, || {
            ip("addr flush dev eth0 scope global");
            ip("addr flush dev eth0 scope link");
            sender.send(&advert(source, group, &[7; 20], 255)).unwrap();
        });
        assert_eq!(ear.hear(1), [heard(source, group, &[7; 20], 255)]);
    }
}
