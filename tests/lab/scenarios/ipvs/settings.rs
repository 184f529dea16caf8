//! What there is beside the table: timeouts, and the daemons that tell and hear of
//! connections.

use ipvsd::lvs::{OpError, SyncDaemon, SyncRole, Timeouts};

use super::Director;
use crate::lab::Lab;

pub fn timeouts_are_those_that_are_set(lab: &Lab) {
    let director = Director::new(lab);
    let seen = || director.namespace.sh("ipvsadm -L --timeout");
    let get = || director.with_ipvs(async |ipvs| ipvs.timeouts().await);
    let set = |to| director.with_ipvs(async move |ipvs| ipvs.set_timeouts(to).await);
    let all = |tcp, tcp_fin, udp| Timeouts {
        tcp: Some(tcp),
        tcp_fin: Some(tcp_fin),
        udp: Some(udp),
    };
    assert_eq!(get(), Ok(all(900, 120, 300)));

    assert_eq!(set(all(7200, 30, 60)), Ok(()));
    assert_eq!(seen().trim(), "Timeout (tcp tcpfin udp): 7200 30 60");
    let only_udp = Timeouts {
        udp: Some(61),
        ..Timeouts::default()
    };
    assert_eq!(set(only_udp), Ok(()));
    assert_eq!(get(), Ok(all(7200, 30, 61)));

    assert_eq!(set(all(u32::MAX, 1, 1)), Err(OpError::Errno(libc::EINVAL)));
    assert_eq!(seen().trim(), "Timeout (tcp tcpfin udp): 7200 30 61");
}

pub fn connections_are_told_as_asked(lab: &Lab) {
    let director = Director::new(lab);
    // A dummy interface takes no multicast before it is told to.
    director.namespace.ip("link set d0 multicast on\n");
    let daemons = || {
        let daemons = director.with_ipvs(async |ipvs| ipvs.sync_daemons().await);
        daemons.unwrap_or_else(|error| panic!("{error}"))
    };
    let start = |role, daemon: &SyncDaemon| {
        director.with_ipvs(async |ipvs| ipvs.start_sync_daemon(role, daemon).await)
    };
    let stop = |role| director.with_ipvs(async move |ipvs| ipvs.stop_sync_daemon(role).await);
    let seen = || director.namespace.sh("ipvsadm -L --daemon");
    assert_eq!(daemons(), []);

    let plain = SyncDaemon {
        interface: "d0".to_owned(),
        sync_id: 0,
        max_length: None,
        group: None,
        port: None,
        ttl: None,
    };
    assert_eq!(start(SyncRole::Backup, &plain), Ok(()));
    let told = seen();
    assert!(
        told.starts_with("backup sync daemon (mcast=d0, syncid=0"),
        "{told}"
    );
    // What was left to the kernel is told as it is.
    let [(SyncRole::Backup, as_it_is)] = &daemons()[..] else {
        panic!("{told}");
    };
    assert_eq!(
        (as_it_is.group, as_it_is.port, as_it_is.ttl),
        (Some([224, 0, 0, 81].into()), Some(8848), Some(1))
    );

    let odd = SyncDaemon {
        interface: "d0".to_owned(),
        sync_id: 255,
        max_length: Some(1200),
        group: Some("ff05::81".parse().unwrap()),
        port: Some(8900),
        ttl: Some(3),
    };
    assert_eq!(start(SyncRole::Master, &odd), Ok(()));
    let told = seen();
    assert!(
        told.contains(
            "master sync daemon (mcast=d0, syncid=255, maxlen=1200, group=ff05::81, port=8900, ttl=3)"
        ),
        "{told}"
    );
    assert!(daemons().contains(&(SyncRole::Master, odd.clone())));

    let exists = Err(OpError::Errno(libc::EEXIST));
    assert_eq!(start(SyncRole::Master, &plain), exists);
    assert_eq!(stop(SyncRole::Master), Ok(()));
    assert_eq!(daemons().len(), 1);
    assert_eq!(stop(SyncRole::Master), Err(OpError::Errno(libc::ESRCH)));
    let nowhere = SyncDaemon {
        interface: "nosuch0".to_owned(),
        ..odd
    };
    assert_eq!(
        start(SyncRole::Master, &nowhere),
        Err(OpError::Errno(libc::ENODEV))
    );
    assert_eq!(stop(SyncRole::Backup), Ok(()));
    assert_eq!(seen(), "");
}
