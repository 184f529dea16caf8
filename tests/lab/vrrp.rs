//! Several directors and one address: configurations, who has it, and who is told.

use std::time::Duration;

use crate::cluster::{Cluster, Method};
use crate::director::Director;
use crate::lab::{poll, secs};
use crate::net::Namespace;

/// A block `vrrp_instance` of an ordinary kind.
#[derive(Clone)]
pub struct Instance {
    pub name: &'static str,
    pub interface: &'static str,
    pub vrid: u8,
    pub state: &'static str,
    pub priority: u8,
    pub addresses: Vec<&'static str>,
    /// Further lines.
    pub more: String,
    /// Further instances of the same configuration.
    pub others: Vec<Instance>,
}

impl Instance {
    /// `VI_1` on `eth0` with VRID 51, BACKUP at first, and the cluster's address. The
    /// interval is one second.
    pub fn new(priority: u8) -> Self {
        Self {
            name: "VI_1",
            interface: "eth0",
            vrid: 51,
            state: "BACKUP",
            priority,
            addresses: vec!["10.0.0.80"],
            more: String::new(),
            others: Vec::new(),
        }
    }

    /// `VI_2` on `eth1` with VRID 52, for the address that real servers answer to.
    pub fn behind(priority: u8) -> Self {
        Self {
            name: "VI_2",
            interface: "eth1",
            vrid: 52,
            addresses: vec!["10.1.0.80"],
            ..Self::new(priority)
        }
    }

    pub fn state(mut self, state: &'static str) -> Self {
        self.state = state;
        self
    }

    /// With one more line.
    pub fn with(mut self, line: &str) -> Self {
        self.more += line;
        self.more += "\n";
        self
    }

    pub fn password(self, password: &str) -> Self {
        self.with(&format!(
            "authentication {{\n auth_type PASS\n auth_pass {password}\n}}"
        ))
    }

    pub fn conf(&self) -> String {
        let Self {
            name,
            interface,
            vrid,
            state,
            priority,
            addresses,
            more,
            others,
        } = self;
        let others: String = others.iter().map(Instance::conf).collect();
        let addresses = addresses.join("\n");
        format!(
            "vrrp_instance {name} {{
                state {state}
                interface {interface}
                virtual_router_id {vrid}
                priority {priority}
                advert_int 1
                {more}
                virtual_ipaddress {{
                    {addresses}
                }}
            }}
            {others}\n"
        )
    }

    /// And with another instance after it.
    pub fn beside(mut self, other: Instance) -> Self {
        self.others.push(other);
        self
    }

    /// How long such a router waits for an advert (RFC 3768 section 6.1).
    pub fn master_down_interval(&self) -> Duration {
        secs(3) + self.skew()
    }

    pub fn skew(&self) -> Duration {
        Duration::from_secs(1) * (256 - u32::from(self.priority)) / 256
    }
}

/// The web servers behind 10.0.0.80, each asked for a connection every second.
pub fn web_service(method: Method) -> String {
    let (kind, network) = match method {
        Method::Dr => ("DR", "10.0.0"),
        Method::Nat => ("NAT", "10.1.0"),
        Method::Tun => ("TUN", "10.0.0"),
    };
    let servers: String = [11, 12]
        .iter()
        .map(|n| {
            format!(
                "real_server {network}.{n} 80 {{
                    TCP_CHECK {{
                        connect_timeout 1
                        retry 0
                    }}
                }}\n"
            )
        })
        .collect();
    format!(
        "virtual_server 10.0.0.80 80 {{
            delay_loop 1
            lb_algo rr
            lb_kind {kind}
            protocol TCP
            {servers}
        }}\n"
    )
}

impl Cluster<'_> {
    /// The directors that are there and have this address now.
    pub fn holders(&self, address: &str) -> Vec<&str> {
        let there = self.directors.iter().filter(|director| director.exists());
        there
            .filter(|director| director.holds(address))
            .map(|director| director.name())
            .collect()
    }

    /// Waits until this director alone has the address.
    #[track_caller]
    pub fn expect_holder(&self, address: &str, director: &Director, within: Duration) {
        let mut last = Vec::new();
        let found = poll(within, || {
            last = self.holders(address);
            (last == [director.name()]).then_some(())
        });
        if found.is_none() {
            panic!(
                "after {within:?}, {address} is not with {} alone but with {last:?}",
                director.name()
            );
        }
    }

    /// Everybody on the network of `interface` but the one who has the address learns
    /// where it is, as if they had just spoken to it: an announcement changes what a
    /// host knows, and tells nothing to one that has not asked.
    pub fn teach_neighbours(&self, address: &str, holder: &Director, interface: &str) {
        let mac = holder.mac(interface);
        for host in self.neighbours_of(holder, interface) {
            let device = device_of(host, interface);
            if !host.has_interface(device) {
                continue;
            }
            // A real server has the address itself, on `lo`, so that it is slower to
            // believe others that they have it.
            host.sysctl(&format!("net/ipv4/neigh/{device}/locktime"), "0");
            host.ip(&format!(
                "neigh replace {address} lladdr {mac} dev {device} nud stale\n"
            ));
        }
    }

    /// Waits until everybody on that network who knows anything about the address
    /// knows that this director has it, and the client and the web servers do know.
    #[track_caller]
    pub fn expect_neighbours(&self, address: &str, holder: &Director, interface: &str) {
        let mac = holder.mac(interface);
        let mut wrong = Vec::new();
        let found = poll(secs(2), || {
            wrong = self
                .neighbours_of(holder, interface)
                .map(|host| (host.name(), host.neighbours(address)))
                .filter(|(name, known)| {
                    let may_be_ignorant = name.starts_with("director");
                    known.iter().any(|known| *known != mac)
                        || (known.is_empty() && !may_be_ignorant)
                })
                .collect();
            wrong.is_empty().then_some(())
        });
        if found.is_none() {
            panic!(
                "{address} is with {}, {mac}, but these know otherwise: {wrong:?}",
                holder.name()
            );
        }
    }

    fn neighbours_of(
        &self,
        holder: &Director,
        interface: &str,
    ) -> impl Iterator<Item = &Namespace> {
        let holder = holder.name().to_owned();
        let on_back = interface == "eth1";
        self.hosts().filter(move |host| {
            // With two networks the client is on the front one, the web servers are on
            // the one behind, and directors are on both.
            let two = self.method == Method::Nat;
            let elsewhere = match (host.name(), two) {
                ("client", true) => on_back,
                (name, true) if name.starts_with("web") => !on_back,
                _ => false,
            };
            host.name() != holder && !elsewhere
        })
    }
}

/// What the link to the network is called there, whose name with the directors is
/// `interface`.
fn device_of(host: &Namespace, interface: &str) -> &'static str {
    match (host.name().starts_with("director"), interface) {
        (true, "eth1") => "eth1",
        _ => "eth0",
    }
}
