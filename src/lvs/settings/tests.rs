use std::time::Duration;

use super::*;
use crate::lvs::refusal::OpError;
use crate::moment::Moment;

fn daemon(sync_id: u8) -> SyncDaemon {
    SyncDaemon {
        interface: "eth0".into(),
        sync_id,
        max_length: None,
        group: None,
        port: None,
        ttl: None,
    }
}

/// As the kernel does it: what is not said is filled in.
fn made(role: SyncRole, daemon: &SyncDaemon) -> SyncDaemon {
    let least = if role == SyncRole::Backup { 1024 } else { 1 };
    SyncDaemon {
        max_length: Some(daemon.max_length.map_or(1472, |length| length.max(least))),
        group: Some(daemon.group.unwrap_or(SyncDaemon::GROUP)),
        port: Some(daemon.port.unwrap_or(8848)),
        ttl: Some(daemon.ttl.unwrap_or(1)),
        ..daemon.clone()
    }
}

/// A kernel, and who looks after it.
struct Host {
    kernel: Seen,
    flushed: u32,
    keeper: SettingsKeeper,
    now: Moment,
    /// Orders that are answered with this.
    refuses: Option<OpError>,
    /// What somebody who lives longer knows.
    held: Held,
}

const AUDIT: Duration = Duration::from_secs(30);

impl Host {
    fn new() -> Self {
        Host {
            kernel: Seen {
                timeouts: Timeouts {
                    tcp: Some(900),
                    tcp_fin: Some(120),
                    udp: Some(300),
                },
                sync: BTreeMap::new(),
            },
            flushed: 0,
            keeper: SettingsKeeper::new(Held::default(), AUDIT),
            now: Moment::since_boot(Duration::from_secs(1000)),
            refuses: None,
            held: Held::default(),
        }
    }

    /// Does all that can be done now; what was told.
    fn settle(&mut self) -> Vec<String> {
        let mut told = Vec::new();
        for _ in 0..20 {
            let step = self.keeper.next(self.now);
            if let Some(held) = self.keeper.take_held() {
                self.held = held;
            }
            let notes = match step {
                Step::Wait(_) => return told,
                Step::Look => self.keeper.looked(self.now, Ok(self.kernel.clone())),
                Step::Carry(order) => {
                    let result = match self.refuses.clone() {
                        Some(error) => Err(error),
                        None => self.carry(&order),
                    };
                    self.keeper.ordered(self.now, order, result)
                }
            };
            told.extend(notes.iter().map(ToString::to_string));
        }
        panic!("it comes to no end: {told:#?}");
    }

    fn carry(&mut self, order: &Order) -> Result<(), OpError> {
        match order {
            Order::Flush => self.flushed += 1,
            Order::SetTimeouts(to) => self.kernel.timeouts = to.or(self.kernel.timeouts),
            Order::StartSync(role, daemon) => {
                if self.kernel.sync.contains_key(role) {
                    return Err(OpError::Errno(libc::EEXIST));
                }
                self.kernel.sync.insert(*role, made(*role, daemon));
            }
            Order::StopSync(role) => {
                let stopped = self.kernel.sync.remove(role);
                stopped.ok_or(OpError::Errno(libc::ESRCH))?;
            }
        }
        Ok(())
    }

    fn pass(&mut self, seconds: u64) {
        self.now = self.now + Duration::from_secs(seconds);
    }

    /// The process is killed, and another takes its place.
    fn replace(&mut self) {
        self.keeper = SettingsKeeper::new(self.held.clone(), AUDIT);
    }

    fn timeouts(&self) -> [Option<u32>; 3] {
        let Timeouts { tcp, tcp_fin, udp } = self.kernel.timeouts;
        [tcp, tcp_fin, udp]
    }
}

fn timeouts(tcp: Option<u32>, udp: Option<u32>) -> Settings {
    Settings {
        timeouts: Timeouts {
            tcp,
            udp,
            tcp_fin: None,
        },
        ..Settings::default()
    }
}

fn sync(roles: &[SyncRole], daemon: &SyncDaemon) -> Settings {
    let sync = roles.iter().map(|role| (*role, daemon.clone()));
    Settings {
        sync: sync.collect(),
        ..Settings::default()
    }
}

#[test]
fn timeouts_are_as_before_when_they_are_no_longer_set_whoever_has_died() {
    let mut host = Host::new();
    host.keeper.want(timeouts(Some(1000), Some(50)));
    assert_eq!(
        host.settle(),
        ["did set the timeouts of IPVS: tcp 1000 s, udp 50 s"]
    );
    host.replace();
    host.keeper.want(timeouts(Some(1001), None));
    host.settle();
    assert_eq!(host.timeouts(), [Some(1001), Some(120), Some(300)]);
    host.replace();
    host.keeper.want(Settings::default());
    host.settle();
    assert_eq!(host.timeouts(), [Some(900), Some(120), Some(300)]);
    assert!(host.held.is_empty());
    assert!(host.keeper.is_released());
}

#[test]
fn what_the_file_does_not_say_is_left_to_others() {
    let mut host = Host::new();
    host.kernel.sync.insert(SyncRole::Master, daemon(9));
    host.keeper.want(timeouts(Some(900), None));
    assert_eq!(host.settle(), [""; 0]);
    host.kernel.timeouts.udp = Some(77);
    host.pass(31);
    assert_eq!(host.settle(), [""; 0]);
    assert_eq!(host.timeouts(), [Some(900), Some(120), Some(77)]);
    assert_eq!(host.kernel.sync.len(), 1);
}

#[test]
fn the_role_changes_and_parameters_do() {
    let mut host = Host::new();
    host.keeper.want(sync(&[SyncRole::Backup], &daemon(51)));
    host.settle();
    host.keeper.want(sync(&[SyncRole::Master], &daemon(51)));
    assert_eq!(
        host.settle(),
        [
            "did stop the backup sync daemon of IPVS",
            "did start the master sync daemon of IPVS on eth0 with id 51",
        ]
    );
    host.replace();
    let odd = SyncDaemon {
        max_length: Some(500),
        ..daemon(51)
    };
    let both = [SyncRole::Master, SyncRole::Backup];
    host.keeper.want(sync(&both, &odd));
    host.settle();
    assert_eq!(host.kernel.sync[&SyncRole::Backup].max_length, Some(1024));
    host.pass(31);
    assert_eq!(host.settle(), [""; 0], "it is as the kernel makes it");
    host.keeper.want(Settings::default());
    host.settle();
    assert!(host.kernel.sync.is_empty() && host.held.is_empty());
}

#[test]
fn what_others_change_is_put_right_and_told() {
    let mut host = Host::new();
    host.keeper.want(sync(&[SyncRole::Backup], &daemon(51)));
    host.settle();
    host.kernel.sync.clear();
    host.kernel.sync.insert(SyncRole::Master, daemon(3));
    host.pass(29);
    assert_eq!(host.settle(), [""; 0]);
    host.pass(2);
    let told = host.settle();
    assert!(told.iter().all(|line| line.starts_with("someone else")));
    assert_eq!(told.len(), 2);
    assert_eq!(
        host.kernel.sync.keys().collect::<Vec<_>>(),
        [&SyncRole::Backup]
    );
}

#[test]
fn what_is_refused_is_told_once_and_tried_again() {
    let mut host = Host::new();
    host.refuses = Some(OpError::Errno(libc::ENODEV));
    host.keeper.want(sync(&[SyncRole::Backup], &daemon(51)));
    let told = host.settle();
    assert_eq!(told.len(), 1);
    assert!(told[0].ends_with("there is no interface eth0"), "{told:?}");
    for _ in 0..10 {
        host.pass(20);
        assert_eq!(host.settle(), [""; 0]);
    }
    host.refuses = None;
    host.pass(61);
    assert_eq!(
        host.settle(),
        ["could start the backup sync daemon of IPVS on eth0 with id 51 at last"]
    );
}

#[test]
fn the_table_is_emptied_before_anything_else_and_once() {
    let mut host = Host::new();
    host.keeper.flush();
    host.keeper.want(timeouts(Some(5), None));
    assert_eq!(host.keeper.next(host.now), Step::Carry(Order::Flush));
    assert!(!host.keeper.is_released());
    let notes = host.keeper.ordered(host.now, Order::Flush, Ok(()));
    assert_eq!(notes.len(), 1);
    host.settle();
    host.pass(100);
    host.settle();
    assert_eq!(host.flushed, 0);
}

#[test]
fn one_that_is_lost_every_time_is_given_up() {
    let mut host = Host::new();
    host.keeper.flush();
    host.refuses = Some(OpError::Lost(crate::lvs::refusal::Loss::Deadline));
    let told = host.settle();
    assert_eq!(told.len(), 1);
    assert!(told[0].starts_with("cannot empty the kernel's IPVS table"));
}
