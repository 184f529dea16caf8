//! Timeouts and the synchronisation of connections.

use std::io::Cursor;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use neli::FromBytesWithInput;
use neli::consts::nl::NlmF;
use neli::genl::{Genlmsghdr, Nlattr};
use neli::types::{Buffer, GenlBuffer};

use super::decode::Attrs;
use super::encode::{attr, nest, write};
use super::*;
use crate::lvs::settings::{SyncDaemon, SyncRole, Timeouts};
use crate::sys::netlink::Malformed;

const ASK: NlmF = NlmF::REQUEST;

fn ordered() -> NlmF {
    NlmF::REQUEST | NlmF::ACK
}

fn no_attrs() -> Vec<Nlattr<TopAttr, Buffer>> {
    Vec::new()
}

/// The question for [`read_timeouts`].
pub fn write_get_timeouts(out: &mut Cursor<Vec<u8>>, family: u16, seq: u32) {
    write(
        out,
        family,
        seq,
        ASK,
        Command::GetConfig,
        VERSION,
        no_attrs(),
    );
}

/// What is None stays as it is.
pub fn write_set_timeouts(out: &mut Cursor<Vec<u8>>, family: u16, seq: u32, to: Timeouts) {
    let each = [
        (TopAttr::TimeoutTcp, to.tcp),
        (TopAttr::TimeoutTcpFin, to.tcp_fin),
        (TopAttr::TimeoutUdp, to.udp),
    ];
    let set = each.into_iter();
    let attrs = set.filter_map(|(kind, seconds)| Some(attr(kind, seconds?)));
    write(
        out,
        family,
        seq,
        ordered(),
        Command::SetConfig,
        VERSION,
        attrs.collect(),
    );
}

/// All virtual servers go, whoever has made them.
pub fn write_flush(out: &mut Cursor<Vec<u8>>, family: u16, seq: u32) {
    let flags = ordered();
    write(out, family, seq, flags, Command::Flush, VERSION, no_attrs());
}

/// The question for all daemons there are, one or two: [`read_sync_daemon`].
pub fn write_dump_sync_daemons(out: &mut Cursor<Vec<u8>>, family: u16, seq: u32) {
    let flags = NlmF::REQUEST | NlmF::DUMP;
    write(
        out,
        family,
        seq,
        flags,
        Command::GetDaemon,
        VERSION,
        no_attrs(),
    );
}

pub fn write_start_sync_daemon(
    out: &mut Cursor<Vec<u8>>,
    family: u16,
    seq: u32,
    role: SyncRole,
    daemon: &SyncDaemon,
) {
    let mut attrs = vec![
        attr(DaemonAttr::State, state(role)),
        attr(DaemonAttr::Interface, daemon.interface.as_str()),
        attr(DaemonAttr::SyncId, u32::from(daemon.sync_id)),
    ];
    if let Some(length) = daemon.max_length {
        attrs.push(attr(DaemonAttr::MaxLength, length));
    }
    match daemon.group {
        Some(IpAddr::V4(group)) => {
            attrs.push(attr(
                DaemonAttr::Group,
                Buffer::from(group.octets().to_vec()),
            ));
        }
        Some(IpAddr::V6(group)) => {
            attrs.push(attr(
                DaemonAttr::Group6,
                Buffer::from(group.octets().to_vec()),
            ));
        }
        None => {}
    }
    if let Some(port) = daemon.port {
        attrs.push(attr(DaemonAttr::Port, port));
    }
    if let Some(ttl) = daemon.ttl {
        attrs.push(attr(DaemonAttr::Ttl, ttl));
    }
    let attrs = vec![nest(TopAttr::Daemon, &attrs)];
    write(
        out,
        family,
        seq,
        ordered(),
        Command::NewDaemon,
        VERSION,
        attrs,
    );
}

/// The kernel wants to hear all of what names a daemon, and looks at its role only.
pub fn write_stop_sync_daemon(out: &mut Cursor<Vec<u8>>, family: u16, seq: u32, role: SyncRole) {
    let attrs = [attr(DaemonAttr::State, state(role))];
    let attrs = vec![nest(TopAttr::Daemon, &attrs)];
    write(
        out,
        family,
        seq,
        ordered(),
        Command::DeleteDaemon,
        VERSION,
        attrs,
    );
}

fn state(role: SyncRole) -> u32 {
    match role {
        SyncRole::Master => STATE_MASTER,
        SyncRole::Backup => STATE_BACKUP,
    }
}

/// Reads the answer to [`write_get_timeouts`]: all three, in seconds.
pub fn read_timeouts(payload: &[u8]) -> Result<Timeouts, Malformed> {
    let attrs = top(payload)?;
    Ok(Timeouts {
        tcp: Some(attrs.u32(TopAttr::TimeoutTcp)?),
        tcp_fin: Some(attrs.u32(TopAttr::TimeoutTcpFin)?),
        udp: Some(attrs.u32(TopAttr::TimeoutUdp)?),
    })
}

/// Reads one message of the answer to [`write_dump_sync_daemons`]. What was left to the
/// kernel is there as the kernel has chosen it, by one that tells (Linux 4.3).
pub fn read_sync_daemon(payload: &[u8]) -> Result<(SyncRole, SyncDaemon), Malformed> {
    let top = top(payload)?;
    let daemon = top.bytes(TopAttr::Daemon).ok_or(Malformed)?;
    let attrs = Attrs::<DaemonAttr>::read(daemon)?;
    let role = match attrs.u32(DaemonAttr::State)? {
        STATE_MASTER => SyncRole::Master,
        STATE_BACKUP => SyncRole::Backup,
        _ => return Err(Malformed),
    };
    let sync_id = attrs.u32(DaemonAttr::SyncId)?;
    let v4 = attrs.array::<4>(DaemonAttr::Group)?;
    let v6 = attrs.array::<16>(DaemonAttr::Group6)?;
    let group = v4.map(|bytes| Ipv4Addr::from(bytes).into());
    let group = group.or(v6.map(|bytes| Ipv6Addr::from(bytes).into()));
    let u16_of = |kind| Ok(attrs.array(kind)?.map(u16::from_ne_bytes));
    let daemon = SyncDaemon {
        interface: attrs.string(DaemonAttr::Interface).ok_or(Malformed)?,
        sync_id: sync_id.try_into().map_err(|_| Malformed)?,
        max_length: u16_of(DaemonAttr::MaxLength)?,
        group,
        port: u16_of(DaemonAttr::Port)?,
        ttl: attrs.array(DaemonAttr::Ttl)?.map(|[ttl]: [u8; 1]| ttl),
    };
    Ok((role, daemon))
}

fn top(payload: &[u8]) -> Result<Attrs<TopAttr>, Malformed> {
    let length = payload.len();
    let message =
        Genlmsghdr::<u8, TopAttr>::from_bytes_with_input(&mut Cursor::new(payload), length)
            .map_err(|_| Malformed)?;
    Ok(Attrs(message.attrs().clone() as GenlBuffer<_, _>))
}
