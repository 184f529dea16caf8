//! A file that changes in one thing at a time, and the table that each change is to
//! lead to, written down without ipvsd.

/// What turns the blocks round, and leaves the kernel as it is.
pub const ORDER: &str = "order of virtual servers";

/// The port of a virtual server that nobody talks to.
pub const OTHER: u16 = 7009;

/// A virtual server with its real servers.
#[derive(Clone)]
struct Service {
    kind: &'static str,
    port: u16,
    scheduler: &'static str,
    persistence: Option<u32>,
    /// Number and weight of each real server.
    servers: Vec<(u32, u32)>,
    /// How often it has changed.
    turns: usize,
}

#[derive(Clone)]
pub struct Changing {
    services: Vec<Service>,
    turned_round: bool,
    /// The one at [`OTHER`].
    other: bool,
    changes: usize,
}

impl Changing {
    /// Two real servers each, in turn.
    pub fn new(ports: [(&'static str, u16); 3]) -> Self {
        let service = |(kind, port)| Service {
            kind,
            port,
            scheduler: "rr",
            persistence: None,
            servers: vec![(1, 1), (2, 1)],
            turns: 0,
        };
        Self {
            services: ports.map(service).into(),
            turned_round: false,
            other: false,
            changes: 0,
        }
    }

    /// Leaves out the real servers below this number.
    pub fn servers_from(&mut self, first: u32) {
        for service in &mut self.services {
            service.servers.retain(|(number, _)| *number >= first);
        }
    }

    /// Changes one thing, of one virtual server after the other, and says what.
    ///
    /// A real server is on its way out for some reloads before it is gone, and no client
    /// is persistent meanwhile: what becomes of those that are on one that is taken
    /// away is another matter.
    pub fn change(&mut self) -> &'static str {
        let at = self.changes % self.services.len();
        self.changes += 1;
        let service = &mut self.services[at];
        service.turns += 1;
        match service.turns % 14 {
            1 => service.weight(2, 5, "weight"),
            2 => {
                service.scheduler = match service.scheduler {
                    "rr" => "wrr",
                    "wrr" => "wlc",
                    _ => "rr",
                };
                "scheduler"
            }
            3 => {
                service.servers.push((3, 2));
                "server added"
            }
            4 => self.turn_round(),
            5 => service.weight(1, 0, "weight of a server with clients to 0"),
            6 => service.weight(3, 0, "weight of a new server to 0"),
            7 => service.weight(1, 3, "weight of a server with clients from 0"),
            8 => {
                self.other = !self.other;
                "another virtual server"
            }
            9 => {
                service.servers.retain(|(number, _)| *number != 3);
                "server removed"
            }
            10 => service.persist(Some(50)),
            11 => service.weight(2, 1, "weight"),
            12 => service.persist(Some(300)),
            13 => service.persist(None),
            _ => self.turn_round(),
        }
    }

    fn turn_round(&mut self) -> &'static str {
        self.turned_round = !self.turned_round;
        ORDER
    }

    pub fn conf(&self) -> String {
        let mut blocks: Vec<_> = self.services.iter().map(Service::conf).collect();
        if self.other {
            blocks.insert(
                1,
                virtual_server("DR", OTHER, "rr", "", &server("10.0.0.11", OTHER, 1)),
            );
        }
        if self.turned_round {
            blocks.reverse();
        }
        blocks.concat()
    }

    /// As `ipvsadm -Sn` prints it, in whatever order.
    pub fn table(&self) -> Vec<String> {
        let mut lines: Vec<_> = self.services.iter().flat_map(Service::table).collect();
        if self.other {
            lines.push(format!("-A -t 10.0.0.80:{OTHER} -s rr"));
            lines.push(format!(
                "-a -t 10.0.0.80:{OTHER} -r 10.0.0.11:{OTHER} -g -w 1"
            ));
        }
        lines
    }
}

impl Service {
    fn weight(&mut self, number: u32, weight: u32, what: &'static str) -> &'static str {
        let mut servers = self.servers.iter_mut();
        let found = servers.find(|(known, _)| *known == number);
        let known = &mut found.expect("a real server").1;
        assert_ne!(*known, weight);
        *known = weight;
        what
    }

    fn persist(&mut self, seconds: Option<u32>) -> &'static str {
        assert_ne!(self.persistence, seconds);
        self.persistence = seconds;
        "persistence"
    }

    fn address(&self, number: u32) -> String {
        let net = if self.kind == "NAT" { 1 } else { 0 };
        format!("10.{net}.0.1{number}")
    }

    fn conf(&self) -> String {
        let persistence = self
            .persistence
            .map(|seconds| format!(" persistence_timeout {seconds}\n"));
        let servers = self.servers.iter();
        let servers: String = servers
            .map(|(number, weight)| server(&self.address(*number), self.port, *weight))
            .collect();
        virtual_server(
            self.kind,
            self.port,
            self.scheduler,
            &persistence.unwrap_or_default(),
            &servers,
        )
    }

    fn table(&self) -> Vec<String> {
        let service = format!("-t 10.0.0.80:{}", self.port);
        let persistence = self.persistence.map(|seconds| format!(" -p {seconds}"));
        let method = match self.kind {
            "DR" => "-g",
            "NAT" => "-m",
            _ => "-i",
        };
        let tunnel = if method == "-i" {
            " --tun-type ipip"
        } else {
            ""
        };
        let mut lines = vec![format!(
            "-A {service} -s {}{}",
            self.scheduler,
            persistence.unwrap_or_default()
        )];
        for (number, weight) in &self.servers {
            lines.push(format!(
                "-a {service} -r {}:{} {method} -w {weight}{tunnel}",
                self.address(*number),
                self.port
            ));
        }
        lines
    }
}

fn virtual_server(kind: &str, port: u16, scheduler: &str, more: &str, servers: &str) -> String {
    format!(
        "virtual_server 10.0.0.80 {port} {{\n delay_loop 1\n lb_algo {scheduler}\n lb_kind {kind}\n \
         protocol TCP\n{more}{servers}}}\n"
    )
}

fn server(address: &str, port: u16, weight: u32) -> String {
    format!(
        " real_server {address} {port} {{\n weight {weight}\n TCP_CHECK {{\n connect_timeout 0.9\n \
         retry 1\n }}\n }}\n"
    )
}
