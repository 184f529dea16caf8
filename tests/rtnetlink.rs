//! Links and addresses, read from and changed in this machine's own kernel, in a
//! namespace of their own. Takes root and `ip`.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::process::Command;
use std::time::Duration;

use ipvsd::sys::rtnetlink::{Address, AddressChange, Changes, Commands, Heard, Mirror, Watch};
use ipvsd::vrrp::InterfaceFacts;
use nix::errno::Errno;
use nix::sched::{CloneFlags, unshare};

/// Longer than anything here takes, even on a machine with other work.
const LONG: Duration = Duration::from_secs(20);

/// More than what is asked for at once, and what is read at once.
const MANY: u16 = 2000;

/// A namespace with an interface `eth0` on a cable to `other`, and what is known of it.
struct Host {
    runtime: tokio::runtime::Runtime,
    commands: Commands,
    watch: Watch,
    mirror: Mirror,
}

impl Host {
    fn new() -> Self {
        unshare(CloneFlags::CLONE_NEWNET).unwrap();
        ip("link add eth0 type veth peer name other");
        ip("link set other up");
        ip("link set eth0 addrgenmode none");
        ip("link set eth0 up");
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let _inside = runtime.enter();
        let watch = Watch::open().unwrap();
        let mut commands = Commands::open().unwrap();
        let mut mirror = Mirror::default();
        mirror.replace(commands.dump().unwrap());
        drop(_inside);
        Host {
            runtime,
            commands,
            watch,
            mirror,
        }
    }

    /// Takes in what has been told until now.
    fn read(&mut self) -> InterfaceFacts {
        let mirror = &mut self.mirror;
        let heard = self.watch.read(100_000, |notice| mirror.apply(notice));
        assert_eq!(heard.unwrap(), Heard::Everything);
        self.mirror.facts("eth0").unwrap()
    }

    /// Waits until the news say so.
    fn wait_until(&mut self, what: &str, is_so: impl Fn(&InterfaceFacts) -> bool) {
        loop {
            let facts = self.read();
            if is_so(&facts) {
                return;
            }
            let readable = self.watch.readable();
            let waited = async { tokio::time::timeout(LONG, readable).await };
            let waited = self.runtime.block_on(waited);
            assert!(
                waited.is_ok(),
                "nothing is told any more: {what}, {facts:?}"
            );
        }
    }

    fn change(&mut self, changes: Vec<AddressChange>) -> Vec<(usize, Errno)> {
        let changes = Changes {
            changes,
            promoting: [].into(),
        };
        let refused = self.commands.change(&changes).unwrap();
        let refused = refused.into_iter();
        refused
            .map(|(place, refusal)| (place, refusal.errno))
            .collect()
    }
}

fn ip(arguments: &str) {
    let done = Command::new("ip").args(arguments.split(' ')).output();
    let done = done.expect("ip (iproute2)");
    assert!(done.status.success(), "ip {arguments}: {done:?}");
}

fn address(interface: u32, address: IpAddr, prefix: u8) -> Address {
    Address {
        interface,
        address,
        prefix,
        peer: address,
        broadcast: None,
        scope: 0,
        label: None,
        is_secondary: false,
        is_unusable: false,
    }
}

#[test]
fn thousands_of_addresses_come_and_go_in_order() {
    let mut host = Host::new();
    let index = host.read().index;
    for is_v4 in [true, false] {
        let all: Vec<Address> = (0..MANY)
            .map(|n| match is_v4 {
                true => address(index, Ipv4Addr::from(0x0a08_0000 + u32::from(n)).into(), 32),
                false => address(
                    index,
                    Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 8, n).into(),
                    128,
                ),
            })
            .collect();
        let expected: Vec<_> = all
            .iter()
            .map(|address| (address.address, address.prefix))
            .collect();

        // Among them some that are refused, and some that are there already.
        let nowhere = |of: &Address| Address {
            interface: 12_345,
            ..of.clone()
        };
        let mut changes: Vec<_> = all.iter().cloned().map(AddressChange::Add).collect();
        changes.insert(300, AddressChange::Add(nowhere(&all[0])));
        changes.insert(1000, AddressChange::Add(all[10].clone()));
        changes.push(AddressChange::Add(nowhere(&all[1])));
        let last = changes.len() - 1;
        let refused = host.change(changes);
        assert_eq!(refused, [(300, Errno::ENODEV), (last, Errno::ENODEV)]);
        // Of IPv6 the kernel tells from a worker of its own, which may come after the answer.
        host.wait_until("all addresses", |facts| {
            facts.addresses.len() == expected.len() && facts.unusable.is_empty()
        });
        let facts = host.read();
        assert_eq!(facts.addresses, expected);
        assert!(facts.unusable.is_empty());

        // What has gone already is fine, whatever the reason.
        let mut changes: Vec<_> = all.iter().cloned().map(AddressChange::Remove).collect();
        changes.insert(1500, AddressChange::Remove(all[10].clone()));
        changes.push(AddressChange::Remove(nowhere(&all[1])));
        assert_eq!(host.change(changes), []);
        assert!(host.read().addresses.is_empty());
    }
}

#[test]
fn a_snapshot_and_the_news_come_to_the_same() {
    let mut host = Host::new();
    for address in [
        "10.0.0.1/24",
        "fd00::1/64 nodad",
        "10.0.0.2/24",
        "fe80::1/64 nodad",
        "10.1.0.1/24 scope link",
        "fd00::2/128 nodad",
        "10.2.0.1/24 scope host",
        "fe80::2/64 nodad",
        "10.3.0.1/24",
        "10.3.0.2/24",
    ] {
        ip(&format!("addr add {address} dev eth0"));
    }
    // Its network's second one takes its place.
    fs::write("/proc/sys/net/ipv4/conf/eth0/promote_secondaries", "1").unwrap();
    ip("addr del 10.0.0.1/24 dev eth0");
    let told = host.read();
    let mut anew = Mirror::default();
    anew.replace(host.commands.dump().unwrap());
    assert_eq!(anew.facts("eth0").unwrap(), told);
    assert_eq!(told.addresses.len(), 9);
    let first_of_link =
        told.addresses.iter().map(|(address, _)| address).find(
            |address| matches!(address, IpAddr::V6(address) if address.is_unicast_link_local()),
        );
    assert_eq!(first_of_link.unwrap().to_string(), "fe80::1");
}

#[test]
fn what_is_said_of_forwarding_is_heard() {
    let mut host = Host::new();
    assert!(!host.read().is_router);
    let set = |of: &str, value: &str| {
        fs::write(format!("/proc/sys/net/ipv6/conf/{of}/forwarding"), value).unwrap();
    };
    for (of, value) in [("eth0", "1"), ("eth0", "0"), ("all", "1"), ("all", "0")] {
        set(of, value);
        host.wait_until("it forwards, or not", |facts| {
            facts.is_router == (value == "1")
        });
    }
    set("eth0", "1");
    let mut anew = Mirror::default();
    anew.replace(host.commands.dump().unwrap());
    assert!(anew.facts("eth0").unwrap().is_router);
}

#[test]
fn an_address_in_question_says_so_until_it_is_settled() {
    let mut host = Host::new();
    fs::write("/proc/sys/net/ipv6/conf/eth0/dad_transmits", "1").unwrap();
    ip("addr add fe80::1/64 dev eth0");
    let ours: IpAddr = "fe80::1".parse().unwrap();
    host.wait_until("it is in question", |facts| facts.unusable == [ours]);
    host.wait_until("it is settled", |facts| facts.unusable.is_empty());
    // Somebody else has it: it stays, and cannot be used.
    ip("addr add fe80::2/64 dev other nodad");
    ip("addr add fe80::2/64 dev eth0");
    let theirs: IpAddr = "fe80::2".parse().unwrap();
    host.wait_until("it is in question", |facts| facts.unusable == [theirs]);
    let shown = || {
        let shown = Command::new("ip").args(["-6", "addr"]).output().unwrap();
        String::from_utf8(shown.stdout).unwrap()
    };
    host.wait_until("it has failed", |facts| {
        assert_eq!(facts.unusable, [theirs]);
        shown().contains("dadfailed")
    });
}
