//! The configurations that are read.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

/// What a configuration has much of.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Virtual servers with 20 real servers each, written out.
    Servers,
    /// The same, with two definitions for each virtual server and a block of several
    /// lines for each real server.
    Definitions,
    /// The same, each virtual server in a file of its own.
    Includes,
    /// The same, the real servers by a sequence.
    Sequences,
    /// VRRP instances.
    Instances,
}

/// What each virtual server has.
const SERVERS: usize = 20;

/// Of a real server.
const CHECK: &str = "        TCP_CHECK {\n            connect_timeout 3\n        }\n";

impl Kind {
    pub const ALL: [Kind; 5] = [
        Kind::Servers,
        Kind::Definitions,
        Kind::Includes,
        Kind::Sequences,
        Kind::Instances,
    ];

    /// By this name the command line chooses it.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Servers => "servers",
            Kind::Definitions => "definitions",
            Kind::Includes => "includes",
            Kind::Sequences => "sequences",
            Kind::Instances => "instances",
        }
    }

    /// How many virtual servers or instances there are before it is ten times as many.
    pub fn size(self) -> usize {
        1_000
    }

    pub fn describe(self, size: usize) -> String {
        let size = thousands(size);
        match self {
            Kind::Servers => {
                format!("{size} virtual servers x {SERVERS} real servers with `TCP_CHECK`")
            }
            Kind::Definitions => {
                format!("{size} of them, two definitions each, the check by another")
            }
            Kind::Includes => format!("{size} of them, each in a file of its own"),
            Kind::Sequences => format!("{size} of them, the real servers by `~SEQ`"),
            Kind::Instances => format!("{size} `vrrp_instance`"),
        }
    }

    /// Writes it into a folder; the file that the others are included by.
    pub fn write(self, folder: &Path, size: usize) -> PathBuf {
        let mut text = String::from("global_defs {\n    router_id BENCH\n}\n");
        match self {
            Kind::Definitions => text += "$CHECK=TCP_CHECK { \\\n    connect_timeout 3 \\\n}\n",
            Kind::Includes => text += "include servers/*.conf\n",
            Kind::Servers | Kind::Sequences | Kind::Instances => {}
        }
        for number in 0..size {
            match self {
                Kind::Servers => servers(&mut text, number),
                Kind::Definitions => definitions(&mut text, number),
                Kind::Includes => included(folder, number),
                Kind::Sequences => sequences(&mut text, number),
                Kind::Instances => instance(&mut text, number),
            }
        }
        write(&folder.join("main.conf"), &text)
    }
}

fn write(path: &Path, text: &str) -> PathBuf {
    fs::write(path, text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    path.to_owned()
}

/// The middle of addresses; 1,000 are four times 250.
fn middle(number: usize) -> (usize, usize) {
    (number / 250, number % 250)
}

/// The virtual server's lines up to the first real server.
fn head(text: &mut String, address: &str) {
    let _ = writeln!(text, "virtual_server {address} 80 {{");
    *text += "    delay_loop 3600\n    lb_algo wrr\n    lb_kind DR\n    protocol TCP\n";
}

fn servers(text: &mut String, number: usize) {
    let (high, low) = middle(number);
    head(text, &format!("10.{}.{high}.{low}", 10));
    for server in 0..SERVERS {
        let _ = writeln!(
            text,
            "    real_server 10.{}.{low}.{server} 80 {{",
            20 + high
        );
        *text += "        weight 1\n";
        *text += CHECK;
        *text += "    }\n";
    }
    *text += "}\n";
}

fn definitions(text: &mut String, number: usize) {
    let (high, low) = middle(number);
    let _ = writeln!(text, "$VIP_{number}=10.10.{high}.{low}");
    let _ = writeln!(text, "$NET_{number}=10.{}.{low}", 20 + high);
    head(text, &format!("${{VIP_{number}}}"));
    for server in 0..SERVERS {
        let _ = writeln!(text, "    real_server ${{NET_{number}}}.{server} 80 {{");
        *text += "        weight 1\n        $CHECK\n    }\n";
    }
    *text += "}\n";
}

fn included(folder: &Path, number: usize) {
    let folder = folder.join("servers");
    fs::create_dir_all(&folder).expect("a folder");
    let mut text = String::new();
    servers(&mut text, number);
    write(&folder.join(format!("{number:05}.conf")), &text);
}

fn sequences(text: &mut String, number: usize) {
    let (high, low) = middle(number);
    head(text, &format!("10.10.{high}.{low}"));
    let _ = writeln!(
        text,
        "~SEQ(N{number}, 0, {}) real_server 10.{}.{low}.${{N{number}}} 80 {{ weight 1 }}",
        SERVERS - 1,
        20 + high
    );
    *text += "}\n";
}

/// All on the loopback interface, which every machine has. Each has a peer of its own, so
/// that no two are one virtual router.
fn instance(text: &mut String, number: usize) {
    let (high, low) = middle(number);
    let _ = writeln!(text, "vrrp_instance VI_{number} {{");
    *text += "    state BACKUP\n    interface lo\n";
    let _ = writeln!(text, "    virtual_router_id {}", number % 255 + 1);
    *text += "    priority 100\n    advert_int 1\n    unicast_src_ip 127.0.0.1\n";
    let _ = writeln!(
        text,
        "    unicast_peer {{\n        10.100.{high}.{low}\n    }}"
    );
    let _ = writeln!(
        text,
        "    virtual_ipaddress {{\n        10.200.{high}.{low}/32\n    }}"
    );
    *text += "}\n";
}

fn thousands(number: usize) -> String {
    let (thousands, rest) = (number / 1_000, number % 1_000);
    format!("{thousands},{rest:03}")
}
