//! Generic netlink messages of IPVS, as bytes.
//!
//! Commands, attributes and layouts are those of `linux/ip_vs.h`; numbers are in
//! the host's byte order but for ports and IPv4 netmasks.

mod decode;
mod encode;
mod settings;
#[cfg(all(test, target_endian = "little"))]
mod tests;

use neli::consts::genl::{Cmd, NlAttrType};

pub use decode::{Described, read, read_connections, read_family_id};
pub use encode::{
    write_dump_destinations, write_dump_services, write_get_family, write_get_info,
    write_get_service, write_op,
};
pub use settings::{
    read_sync_daemon, read_timeouts, write_dump_sync_daemons, write_flush, write_get_timeouts,
    write_set_timeouts, write_start_sync_daemon, write_stop_sync_daemon,
};

/// `IPVS_GENL_NAME`
const FAMILY_NAME: &str = "IPVS";
/// `IPVS_GENL_VERSION`
const VERSION: u8 = 1;

/// `IPVS_CMD_*`
#[neli::neli_enum(serialized_type = "u8")]
enum Command {
    NewService = 1,
    SetService = 2,
    DeleteService = 3,
    GetService = 4,
    NewDestination = 5,
    SetDestination = 6,
    DeleteDestination = 7,
    GetDestination = 8,
    NewDaemon = 9,
    DeleteDaemon = 10,
    GetDaemon = 11,
    SetConfig = 12,
    GetConfig = 13,
    GetInfo = 15,
    Flush = 17,
}
impl Cmd for Command {}

/// `IPVS_CMD_ATTR_*`: the first level.
#[neli::neli_enum(serialized_type = "u16")]
enum TopAttr {
    Service = 1,
    Destination = 2,
    Daemon = 3,
    TimeoutTcp = 4,
    TimeoutTcpFin = 5,
    TimeoutUdp = 6,
}
impl NlAttrType for TopAttr {}

/// `IPVS_SVC_ATTR_*`
#[neli::neli_enum(serialized_type = "u16")]
enum ServiceAttr {
    Family = 1,
    Protocol = 2,
    Address = 3,
    Port = 4,
    Fwmark = 5,
    Scheduler = 6,
    Flags = 7,
    Timeout = 8,
    Netmask = 9,
    Stats = 10,
    Engine = 11,
    Stats64 = 12,
}
impl NlAttrType for ServiceAttr {}

/// `IPVS_DEST_ATTR_*`
#[neli::neli_enum(serialized_type = "u16")]
enum DestinationAttr {
    Address = 1,
    Port = 2,
    ForwardingMethod = 3,
    Weight = 4,
    UpperThreshold = 5,
    LowerThreshold = 6,
    ActiveConnections = 7,
    InactiveConnections = 8,
    PersistentConnections = 9,
    AddressFamily = 11,
    TunnelType = 13,
    TunnelPort = 14,
    TunnelFlags = 15,
}
impl NlAttrType for DestinationAttr {}

/// `IPVS_DAEMON_ATTR_*`
#[neli::neli_enum(serialized_type = "u16")]
enum DaemonAttr {
    State = 1,
    Interface = 2,
    SyncId = 3,
    MaxLength = 4,
    Group = 5,
    Group6 = 6,
    Port = 7,
    Ttl = 8,
}
impl NlAttrType for DaemonAttr {}

/// `IP_VS_STATE_*`
const STATE_MASTER: u32 = 1;
const STATE_BACKUP: u32 = 2;
/// `IP_VS_SVC_F_PERSISTENT`
const FLAG_PERSISTENT: u32 = 0x0001;
/// `IP_VS_CONN_F_FWD_MASK` and its values.
const FORWARDING_MASK: u32 = 0x0007;
const FORWARDING_NAT: u32 = 0;
const FORWARDING_TUNNEL: u32 = 2;
const FORWARDING_DIRECT: u32 = 3;
/// `IP_VS_CONN_F_TUNNEL_TYPE_*`
const TUNNEL_IPIP: u8 = 0;
const TUNNEL_GUE: u8 = 1;
const TUNNEL_GRE: u8 = 2;
