//! The kernel's IPVS table as text, and its comparison.

use std::fs;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

/// Lines as `ipvsadm -Sn` prints them, without trailing blanks.
pub fn normalise(text: &str) -> Vec<String> {
    text.lines()
        .map(|line| line.trim_end().to_owned())
        .filter(|line| !line.is_empty())
        .collect()
}

pub fn sorted(mut lines: Vec<String>) -> Vec<String> {
    lines.sort();
    lines
}

/// What is missing (`-`) and what is too much (`+`), for two sorted lists.
pub fn difference(wanted: &[String], actual: &[String]) -> String {
    let mut text = String::new();
    let (mut w, mut a) = (wanted.iter().peekable(), actual.iter().peekable());
    loop {
        let (sign, line) = match (w.peek(), a.peek()) {
            (Some(x), Some(y)) if x == y => {
                a.next();
                (' ', w.next())
            }
            (Some(x), Some(y)) if x < y => ('-', w.next()),
            (Some(_), None) => ('-', w.next()),
            (_, Some(_)) => ('+', a.next()),
            (None, None) => return text,
        };
        text += &format!("  {sign} {}\n", line.unwrap());
    }
}

/// The table as the kernel prints it in /proc, turned into the words of
/// `ipvsadm -Sn`. It costs no process, so it can be read every 20 ms. It lacks
/// only what that file lacks: the options of a service (`-p`, `-o`, `-b`).
pub fn read_proc() -> Vec<String> {
    let text = fs::read_to_string("/proc/thread-self/net/ip_vs").unwrap_or_default();
    let mut lines = Vec::new();
    let mut service = String::new();
    for line in text.lines().skip(3) {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            ["->", address, forward, weight, ..] => {
                let method = match *forward {
                    "Route" => "-g",
                    "Tunnel" => "-i",
                    "Masq" => "-m",
                    other => other,
                };
                // The file does not tell the kind of tunnel; here it is always this.
                let tunnel = if method == "-i" {
                    " --tun-type ipip"
                } else {
                    ""
                };
                let address = endpoint(address);
                lines.push(format!(
                    "-a {service} -r {address} {method} -w {weight}{tunnel}"
                ));
            }
            ["FWM", mark, scheduler, ..] => {
                service = format!("-f {}", u32::from_str_radix(mark, 16).unwrap_or(0));
                lines.push(format!("-A {service} -s {scheduler}"));
            }
            [protocol, address, scheduler, ..] => {
                let letter = if *protocol == "TCP" { "-t" } else { "-u" };
                service = format!("{letter} {}", endpoint(address));
                lines.push(format!("-A {service} -s {scheduler}"));
            }
            _ => {}
        }
    }
    sorted(lines)
}

/// `0A000050:0050` or `[fd00:…:0080]:0050`, as an ordinary address and port.
fn endpoint(text: &str) -> String {
    let (address, port) = text.rsplit_once(':').unwrap_or((text, "0"));
    let port = u16::from_str_radix(port, 16).unwrap_or(0);
    if let Some(inner) = address.strip_prefix('[') {
        let v6: Ipv6Addr = inner
            .trim_end_matches(']')
            .parse()
            .unwrap_or(Ipv6Addr::UNSPECIFIED);
        SocketAddr::from((v6, port)).to_string()
    } else {
        let v4 = Ipv4Addr::from(u32::from_str_radix(address, 16).unwrap_or(0));
        SocketAddr::from((v4, port)).to_string()
    }
}
