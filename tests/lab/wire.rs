//! What goes over a link: every frame with its time, the adverts and announcements
//! among them, and what tshark says of it all.

use std::collections::HashSet;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::lab::{Lab, poll};
use crate::net::Namespace;
use crate::packet_socket;

const ETHERTYPE_IPV4: [u8; 2] = [0x08, 0x00];
const ETHERTYPE_ARP: [u8; 2] = [0x08, 0x06];
const ETHERTYPE_IPV6: [u8; 2] = [0x86, 0xdd];
const PROTOCOL_VRRP: u8 = 112;
const PROTOCOL_AH: u8 = 51;
const PROTOCOL_ICMPV6: u8 = 58;
const IPV6_HEADER: usize = 40;
/// RFC 4861 section 4.4.
const NEIGHBOUR_ADVERTISEMENT: u8 = 136;

/// What tshark is to show. It warns of an address that two hosts have had, too, which
/// is what failover is about; so of its warnings only those on VRRP count. A host where
/// nothing listens any more sends back a piece of what it got: that has been seen whole.
const FAULTS: &str = "_ws.malformed \
    || ip.checksum.status == Bad || icmpv6.checksum.status == Bad \
    || ((vrrp || ah || icmpv6) && _ws.expert.severity >= 0x00600000)";
/// And whether this counts.
const CHECKSUM: &str = "vrrp.checksum.status == Bad";

#[derive(Clone, Debug)]
pub struct Frame {
    /// When it was read, on the scenario's clock.
    pub at: Duration,
    pub bytes: Vec<u8>,
}

impl Frame {
    /// The VRRP packet in it, if there is one that is long enough to have a priority.
    pub fn advert(&self) -> Option<Heard> {
        let (packet, mut header, class, ttl, protocol, source, destination);
        if let Some(v4_packet) = payload(&self.bytes, ETHERTYPE_IPV4) {
            let total = u16::from_be_bytes([*v4_packet.get(2)?, *v4_packet.get(3)?]);
            packet = v4_packet.get(..total.into())?;
            header = usize::from(packet.first()? & 0x0f) * 4;
            (class, ttl, protocol) = (*packet.get(1)?, *packet.get(8)?, *packet.get(9)?);
            (source, destination) = (v4(packet, 12)?, v4(packet, 16)?);
        } else {
            let v6_packet = payload(&self.bytes, ETHERTYPE_IPV6)?;
            let length = u16::from_be_bytes([*v6_packet.get(4)?, *v6_packet.get(5)?]);
            packet = v6_packet.get(..IPV6_HEADER + usize::from(length))?;
            header = IPV6_HEADER;
            class = packet[0] << 4 | packet[1] >> 4;
            (protocol, ttl) = (packet[6], packet[7]);
            (source, destination) = (v6(packet, 8)?, v6(packet, 24)?);
        }
        match protocol {
            PROTOCOL_VRRP => {}
            // Its length in units of 4 octets, less 2 (RFC 2402 section 2.2).
            PROTOCOL_AH => header += (usize::from(*packet.get(header + 1)?) + 2) * 4,
            _ => return None,
        }
        let message = packet.get(header..)?;
        Some(Heard {
            at: self.at,
            source,
            destination,
            class,
            ttl,
            protocol,
            version: message.first()? >> 4,
            vrid: *message.get(1)?,
            priority: *message.get(2)?,
            message: message.to_vec(),
            header: packet[..header].to_vec(),
        })
    }
}

/// A VRRP packet (RFC 3768 section 5.1, RFC 9568 section 5.1), in an authentication
/// header or not, read without any judgement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    pub at: Duration,
    pub source: IpAddr,
    pub destination: IpAddr,
    /// Type of service, or traffic class.
    pub class: u8,
    /// TTL, or hop limit.
    pub ttl: u8,
    /// 112, or 51.
    pub protocol: u8,
    pub version: u8,
    pub vrid: u8,
    pub priority: u8,
    /// The VRRP part, without the IP header.
    pub message: Vec<u8>,
    /// The IP header, and the authentication header where there is one.
    pub header: Vec<u8>,
}

/// A gratuitous ARP frame or an unsolicited neighbour advertisement: the sender speaks
/// of its own address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Announced {
    pub at: Duration,
    pub address: IpAddr,
    pub frame: Vec<u8>,
}

/// Listens on an interface, in a thread of its own.
pub struct Wire {
    stop: Arc<AtomicBool>,
    frames: Arc<Mutex<Vec<Frame>>>,
    thread: JoinHandle<()>,
}

impl Wire {
    /// On the switch that is called so (`front`, `back`), which gets a copy of all
    /// that is sent to everybody.
    pub fn of_switch(lab: &Lab, bridge: &str) -> Self {
        Self::of(lab, bridge)
    }

    /// On the cable of a host's interface, for all that goes over it.
    pub fn of_cable(lab: &Lab, host: &Namespace, interface: &str) -> Self {
        Self::of(lab, &host.port(interface))
    }

    fn of(lab: &Lab, interface: &str) -> Self {
        let socket = packet_socket::open(interface).unwrap();
        let started = lab.started();
        let stop = Arc::new(AtomicBool::new(false));
        let frames = Arc::new(Mutex::new(Vec::new()));
        let (stopped, heard) = (stop.clone(), frames.clone());
        let thread = std::thread::spawn(move || {
            let mut buffer = vec![0; 1 << 16];
            loop {
                // Read before the socket: what was sent before the stop is in it then.
                let last = stopped.load(Ordering::Relaxed);
                if let Some(bytes) = packet_socket::receive(&socket, &mut buffer) {
                    let (at, bytes) = (started.elapsed(), bytes.to_vec());
                    heard.lock().unwrap().push(Frame { at, bytes });
                } else if last {
                    break;
                }
            }
        });
        Self {
            stop,
            frames,
            thread,
        }
    }

    pub fn so_far(&self) -> Traffic {
        Traffic {
            frames: self.frames.lock().unwrap().clone(),
        }
    }

    /// Waits until what was heard after `since` satisfies.
    #[track_caller]
    pub fn wait_for<T>(
        &self,
        what: &str,
        since: Duration,
        within: Duration,
        look: impl Fn(&Traffic) -> Option<T>,
    ) -> T {
        poll(within, || look(&self.so_far().after(since)))
            .unwrap_or_else(|| panic!("after {within:?}, not heard: {what}"))
    }

    pub fn stop(self) -> Traffic {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap();
        Traffic {
            frames: std::mem::take(&mut *self.frames.lock().unwrap()),
        }
    }
}

#[derive(Clone, Debug, Default)]
pub struct Traffic {
    pub frames: Vec<Frame>,
}

impl Traffic {
    pub fn after(mut self, since: Duration) -> Self {
        self.frames.retain(|frame| frame.at > since);
        self
    }

    /// Only what this interface of this host has sent.
    pub fn sent_by(mut self, host: &Namespace, interface: &str) -> Self {
        let mac = host.mac(interface);
        self.frames.retain(|frame| {
            let source = frame.bytes.get(6..12).unwrap_or_default();
            let source: Vec<String> = source.iter().map(|byte| format!("{byte:02x}")).collect();
            source.join(":") == mac
        });
        self
    }

    /// Each frame once, however often it was sent.
    pub fn without_repetitions(mut self) -> Self {
        let mut seen = HashSet::new();
        self.frames.retain(|frame| seen.insert(frame.bytes.clone()));
        self
    }

    /// The VRRP packets that are long enough to have a priority.
    pub fn adverts(&self) -> Vec<Heard> {
        self.frames.iter().filter_map(Frame::advert).collect()
    }

    pub fn announcements(&self) -> Vec<Announced> {
        self.frames.iter().filter_map(announced).collect()
    }

    /// Fails when tshark finds a malformed field, a wrong checksum or a length that
    /// does not fit, in these frames. They stay with the logs as `NAME.pcap`.
    #[track_caller]
    pub fn assert_well_formed(&self, lab: &Lab, name: &str) {
        self.assert_well_formed_but_checksums_of(lab, name, &[]);
    }

    /// The same, but for checksums of these identifiers, which cover something else than
    /// tshark thinks.
    #[track_caller]
    pub fn assert_well_formed_but_checksums_of(&self, lab: &Lab, name: &str, vrids: &[u8]) {
        let odd: String = vrids
            .iter()
            .map(|vrid| format!(" || vrrp.virt_rtr_id == {vrid}"))
            .collect();
        let faults = format!(
            "!icmp && (({FAULTS}) && !({CHECKSUM}) || {CHECKSUM} && !(frame.len == 0{odd}))"
        );
        assert!(!self.frames.is_empty(), "{name}: nothing was heard");
        let path = lab.log_file(&format!("{name}.pcap"));
        fs::write(&path, self.pcap()).unwrap();
        let output = Command::new("tshark")
            // Checksums of IP are off by default, as network cards do them.
            .args(["-n", "-o", "ip.check_checksum:TRUE", "-r"])
            .arg(&path)
            .args(["-Y", &faults])
            .args(["-V"])
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .output()
            .expect("tshark");
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let found = String::from_utf8_lossy(&output.stdout);
        assert!(found.is_empty(), "{name}: tshark finds fault with\n{found}");
    }

    /// As libpcap writes it (pcap-savefile(5)), version 2.4, Ethernet.
    fn pcap(&self) -> Vec<u8> {
        let mut file = Vec::new();
        for word in [0xa1b2_c3d4_u32, 0x0004_0002, 0, 0, 1 << 16, 1] {
            file.extend(word.to_ne_bytes());
        }
        for frame in &self.frames {
            let length = frame.bytes.len() as u32;
            for word in [
                frame.at.as_secs() as u32,
                frame.at.subsec_micros(),
                length,
                length,
            ] {
                file.extend(word.to_ne_bytes());
            }
            file.extend(&frame.bytes);
        }
        file
    }
}

fn announced(frame: &Frame) -> Option<Announced> {
    let address = match payload(&frame.bytes, ETHERTYPE_ARP) {
        Some(packet) => {
            // The sender's and the target's protocol address (RFC 826).
            let (sender, target) = (v4(packet, 14)?, v4(packet, 24)?);
            (sender == target).then_some(sender)?
        }
        None => {
            let packet = payload(&frame.bytes, ETHERTYPE_IPV6)?;
            let is_advertisement = (*packet.get(6)?, *packet.get(IPV6_HEADER)?)
                == (PROTOCOL_ICMPV6, NEIGHBOUR_ADVERTISEMENT);
            let to_all = v6(packet, 24)?.is_multicast();
            (is_advertisement && to_all).then_some(v6(packet, IPV6_HEADER + 8)?)?
        }
    };
    Some(Announced {
        at: frame.at,
        address,
        frame: frame.bytes.clone(),
    })
}

fn payload(frame: &[u8], ethertype: [u8; 2]) -> Option<&[u8]> {
    (frame.get(12..14)? == ethertype).then(|| &frame[14..])
}

fn v4(bytes: &[u8], at: usize) -> Option<IpAddr> {
    let octets: [u8; 4] = bytes.get(at..at + 4)?.try_into().ok()?;
    Some(Ipv4Addr::from(octets).into())
}

fn v6(bytes: &[u8], at: usize) -> Option<IpAddr> {
    let octets: [u8; 16] = bytes.get(at..at + 16)?.try_into().ok()?;
    Some(Ipv6Addr::from(octets).into())
}
