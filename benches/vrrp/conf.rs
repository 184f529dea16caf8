//! Configurations, the same for both programs.

use std::fmt::Write;
use std::net::Ipv4Addr;

/// Priority of the director that is measured, and of whoever is above it.
pub const LOWER: u8 = 100;
pub const HIGHER: u8 = 200;

pub const VRID: u8 = 51;

/// As many as an interface can have, and some to spare.
pub const PER_INTERFACE: usize = 250;

/// Instances, numbered from 0, each with one address.
#[derive(Clone, Copy)]
pub struct Many {
    pub count: usize,
    pub centiseconds: u16,
}

impl Many {
    pub fn interfaces(self) -> usize {
        self.count.div_ceil(PER_INTERFACE)
    }

    /// Where an instance is: its interface, eth0 being 0, and its VRID.
    pub fn place(self, number: usize) -> (usize, u8) {
        (number / PER_INTERFACE, (number % PER_INTERFACE + 1) as u8)
    }

    pub fn conf(self, priority: u8) -> String {
        let mut conf = String::new();
        for number in 0..self.count {
            let (interface, vrid) = self.place(number);
            let block = Block {
                name: number,
                interface,
                vrid,
                priority,
                centiseconds: self.centiseconds,
                // What is sent once more some time after a transition is over sooner.
                more: "garp_master_delay 1",
            };
            block.write(&mut conf, &[address(number)]);
        }
        conf
    }
}

/// One instance with so many addresses and 10 ms between adverts. An advert holds a few
/// hundred addresses at most, so only the first is in it.
pub fn one(priority: u8, addresses: usize) -> String {
    let block = Block {
        name: 1,
        interface: 0,
        vrid: VRID,
        priority,
        centiseconds: 1,
        more: "",
    };
    let addresses: Vec<_> = (0..addresses).map(address).collect();
    let mut conf = String::new();
    block.write(&mut conf, &addresses);
    conf
}

/// How long a director of this priority waits for an advert of a master that sends one
/// every 10 ms, in ms (RFC 5798 section 6.1).
pub fn bound(priority: u8) -> f64 {
    let interval = 10.0;
    3.0 * interval + f64::from(256 - u16::from(priority)) / 256.0 * interval
}

pub fn address(number: usize) -> Ipv4Addr {
    Ipv4Addr::new(10, 1, (number / 250) as u8, (number % 250 + 1) as u8)
}

struct Block {
    name: usize,
    interface: usize,
    vrid: u8,
    priority: u8,
    centiseconds: u16,
    more: &'static str,
}

impl Block {
    fn write(&self, conf: &mut String, addresses: &[Ipv4Addr]) {
        let Self {
            name,
            interface,
            vrid,
            priority,
            centiseconds,
            more,
        } = self;
        let (first, others) = addresses.split_first().unwrap();
        let others: String = others
            .iter()
            .map(|address| format!("        {address}\n"))
            .collect();
        let others = match others.is_empty() {
            true => others,
            false => format!("    virtual_ipaddress_excluded {{\n{others}    }}\n"),
        };
        let seconds = f64::from(*centiseconds) / 100.0;
        let _ = write!(
            conf,
            "vrrp_instance VI_{name} {{
    version 3
    state BACKUP
    interface eth{interface}
    virtual_router_id {vrid}
    priority {priority}
    advert_int {seconds}
    {more}
    virtual_ipaddress {{
        {first}
    }}
{others}}}
"
        );
    }
}
