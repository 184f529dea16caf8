//! What a confined child can still do, and what not. A process is confined for
//! good, so the tests start this program again and are confined there.

use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{TcpListener, UdpSocket};
use std::os::fd::{AsRawFd, RawFd};
use std::process::{Command, Stdio};
use std::time::Duration;

use caps::{CapSet, Capability};
use ipvsd::sys::{log, sandbox};
use nix::errno::Errno;
use nix::sched::{CloneFlags, unshare};
use nix::sys::signal::{self, Signal};
use nix::sys::socket::{AddressFamily, SockFlag, SockProtocol, SockType, socket};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};

/// Set in the process that is to be confined.
const INSIDE: &str = "IPVSD_TEST_CONFINED";

/// What it prints when it has tried everything, and then its thread: a test is not
/// run on the first one.
const DONE: &str = "everything inside was tried by thread";

#[test]
fn a_confined_checker_can_do_its_work_and_nothing_else() {
    if std::env::var_os(INSIDE).is_some() {
        its_work_and_nothing_else();
        return done();
    }
    let status = status_of_confined("a_confined_checker_can_do_its_work_and_nothing_else");
    let net_admin = 1 << Capability::CAP_NET_ADMIN.index();
    assert_eq!(number(&status, "CapEff:"), net_admin);
    assert_eq!(number(&status, "CapPrm:"), net_admin);
    for set in ["CapInh:", "CapBnd:", "CapAmb:"] {
        assert_eq!(number(&status, set), 0, "{set}");
    }
    assert_eq!(number(&status, "NoNewPrivs:"), 1);
    // SECCOMP_MODE_FILTER
    assert_eq!(number(&status, "Seccomp:"), 2);
}

#[test]
fn a_confined_vrrp_process_can_do_its_work_and_nothing_else() {
    if std::env::var_os(INSIDE).is_some() {
        // In a network of its own: it changes addresses.
        unshare(CloneFlags::CLONE_NEWNET).unwrap();
        of_vrrp::its_work_and_nothing_else();
        return done();
    }
    let status = status_of_confined("a_confined_vrrp_process_can_do_its_work_and_nothing_else");
    let kept = [Capability::CAP_NET_ADMIN, Capability::CAP_NET_RAW];
    let kept = kept.iter().fold(0, |kept, one| kept | 1 << one.index());
    assert_eq!(number(&status, "CapEff:"), kept);
    assert_eq!(number(&status, "CapPrm:"), kept);
    for set in ["CapInh:", "CapBnd:", "CapAmb:"] {
        assert_eq!(number(&status, set), 0, "{set}");
    }
    assert_eq!(number(&status, "NoNewPrivs:"), 1);
    // SECCOMP_MODE_FILTER
    assert_eq!(number(&status, "Seccomp:"), 2);
}

/// As in a container that was given little.
#[test]
fn without_the_right_to_drop_the_bounding_set_the_rest_is_dropped() {
    if std::env::var_os(INSIDE).is_some() {
        caps::drop(None, CapSet::Effective, Capability::CAP_SETPCAP).unwrap();
        caps::drop(None, CapSet::Permitted, Capability::CAP_NET_ADMIN).unwrap_err();
        caps::drop(None, CapSet::Effective, Capability::CAP_NET_ADMIN).unwrap();
        caps::drop(None, CapSet::Permitted, Capability::CAP_NET_ADMIN).unwrap();
        assert!(sandbox::confine_checker().unwrap().seccomp);
        return done();
    }
    let status =
        status_of_confined("without_the_right_to_drop_the_bounding_set_the_rest_is_dropped");
    assert_eq!(number(&status, "CapEff:"), 0);
    assert_eq!(number(&status, "CapPrm:"), 0);
    assert_eq!(number(&status, "Seccomp:"), 2);
}

/// Tells so, and waits until the status has been read.
fn done() {
    println!("\n{DONE} {}", nix::unistd::gettid());
    let _ = io::stdin().read(&mut [0]);
}

fn its_work_and_nothing_else() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let parent = nix::unistd::Pid::parent();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .build()
        .unwrap();
    let ipc = std::os::unix::net::UnixStream::pair().unwrap();
    let time = log::timestamp(0.0);
    assert!(sandbox::confine_checker().unwrap().seccomp);

    runtime.block_on(its_work(listener, ipc));
    // The time zone is still known.
    assert_eq!(log::timestamp(0.0), time);
    // A panic in one probe ends that probe.
    std::panic::catch_unwind(|| panic!("on purpose")).unwrap_err();

    for (family, kind) in [
        (AddressFamily::Unix, SockType::Stream),
        (AddressFamily::Unix, SockType::Datagram),
        (AddressFamily::Packet, SockType::Raw),
        (AddressFamily::Inet, SockType::Raw),
        (AddressFamily::Inet6, SockType::Raw),
    ] {
        let refused = socket(family, kind, SockFlag::empty(), None);
        assert_eq!(refused.unwrap_err(), Errno::EPERM, "{family:?} {kind:?}");
    }
    assert_eq!(
        netlink(SockProtocol::NetlinkRoute).unwrap_err(),
        Errno::EPERM
    );
    assert_eq!(
        netlink(SockProtocol::NetlinkNetFilter).unwrap_err(),
        Errno::EPERM
    );
    no_program_no_file_no_thread();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    no_way_round(parent, socket.as_raw_fd());
}

/// Connections, timers, core and IPVS.
async fn its_work(
    listener: TcpListener,
    ipc: (
        std::os::unix::net::UnixStream,
        std::os::unix::net::UnixStream,
    ),
) {
    let mut stream = TcpStream::connect(listener.local_addr().unwrap())
        .await
        .unwrap();
    stream.set_nodelay(true).unwrap();
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n").await.unwrap();
    let refused = TcpStream::connect("127.0.0.1:1").await;
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::ConnectionRefused);
    tokio::time::sleep(Duration::from_millis(5)).await;

    let (ours, theirs) = ipc;
    ours.set_nonblocking(true).unwrap();
    theirs.set_nonblocking(true).unwrap();
    let (mut ours, mut theirs) = (
        UnixStream::from_std(ours).unwrap(),
        UnixStream::from_std(theirs).unwrap(),
    );
    ours.write_all(b"x").await.unwrap();
    assert_eq!(theirs.read_u8().await.unwrap(), b'x');

    netlink(SockProtocol::NetlinkGeneric).unwrap();
    UdpSocket::bind("127.0.0.1:0").unwrap();
    nix::sys::resource::getrlimit(nix::sys::resource::Resource::RLIMIT_NOFILE).unwrap();
    // As much as a large configuration takes.
    assert_eq!(vec![1u8; 64 << 20].len(), 64 << 20);
}

mod of_vrrp {
    use std::fs::File;
    use std::net::{IpAddr, Ipv4Addr};
    use std::os::unix::fs::FileExt;

    use ipvsd::family::Family;
    use ipvsd::sys::alarm::Alarm;
    use ipvsd::sys::packet_socket::PacketSocket;
    use ipvsd::sys::rtnetlink::{Address, AddressChange, Changes, Commands, Heard, Watch};
    use ipvsd::sys::vigil::{Bell, Vigil};
    use ipvsd::sys::vrrp_socket::{self, Channel, Inbox, Receiver, Sender};
    use ipvsd::sys::{clock, scheduling};
    use ipvsd::vrrp::input::{Advert, Announcement, Content};
    use ipvsd::vrrp::settings::Delivery;
    use ipvsd::vrrp::{InstanceId, Priority};
    use nix::sys::mman::{MlockAllFlags, mlockall};
    use nix::sys::resource::{Resource, UsageWho, getrlimit, getrusage};

    use super::*;

    const LOOPBACK: u32 = 1;

    /// Every kind of adverts that there is.
    fn channels() -> Vec<Channel> {
        let plain = |family, group| Channel {
            family,
            group,
            in_header: false,
        };
        let groups = [Family::V4, Family::V6].map(|family| (family, Delivery::group(family)));
        let mut channels = Vec::new();
        for (family, group) in groups {
            channels.extend([plain(family, Some(group)), plain(family, None)]);
        }
        channels.extend([0, 1].map(|of_v4: usize| Channel {
            in_header: true,
            ..channels[of_v4]
        }));
        channels
    }

    pub fn its_work_and_nothing_else() {
        let parent = nix::unistd::Pid::parent();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .build()
            .unwrap();
        let time = log::timestamp(0.0);
        let schedstat = File::open("/proc/thread-self/schedstat").unwrap();
        runtime.block_on(its_work());
        assert_eq!(log::timestamp(0.0), time);
        // The time that it has waited for a processor, and its memory.
        assert!(schedstat.read_at(&mut [0; 96], 0).unwrap() > 4);
        scheduling::lock_memory(false).unwrap();
        getrlimit(Resource::RLIMIT_RTTIME).unwrap();
        getrusage(UsageWho::RUSAGE_THREAD).unwrap();
        std::thread::sleep(Duration::from_millis(1));
        if let Err(error) = mlockall(MlockAllFlags::MCL_CURRENT) {
            // Where the limit of this machine is too low for it.
            assert_eq!(error, Errno::ENOMEM);
        }
        std::panic::catch_unwind(|| panic!("on purpose")).unwrap_err();

        for (family, kind) in [
            (AddressFamily::Unix, SockType::Stream),
            (AddressFamily::Inet, SockType::Stream),
            (AddressFamily::Inet, SockType::Datagram),
            (AddressFamily::Inet, SockType::Raw),
            (AddressFamily::Inet6, SockType::Stream),
            (AddressFamily::Packet, SockType::Raw),
        ] {
            let refused = socket(family, kind, SockFlag::empty(), None);
            assert_eq!(refused.unwrap_err(), Errno::EPERM, "{family:?} {kind:?}");
        }
        let icmp = socket(
            AddressFamily::Inet,
            SockType::Raw,
            SockFlag::empty(),
            SockProtocol::Icmp,
        );
        assert_eq!(icmp.unwrap_err(), Errno::EPERM);
        for protocol in [SockProtocol::NetlinkGeneric, SockProtocol::NetlinkNetFilter] {
            assert_eq!(netlink(protocol).unwrap_err(), Errno::EPERM);
        }
        no_program_no_file_no_thread();
        let socket = vrrp_socket::listen("lo", LOOPBACK, &channels()[0]).unwrap();
        no_way_round(parent, socket.as_raw_fd());
    }

    /// Addresses, adverts, frames, a timer, and a thread that was there before.
    async fn its_work() {
        let mut watch = Watch::open().unwrap();
        let sender = Sender::open().unwrap();
        let packets = PacketSocket::open().unwrap();
        let mut vigil = Vigil::new().unwrap();
        let mut alarm = Alarm::new(&vigil, 1).unwrap();
        let bell = Bell::new(&vigil, 2).unwrap();
        let ringing = bell.clone();
        let (orders, to_do) = std::sync::mpsc::channel::<Changes>();
        let (done, result) = std::sync::mpsc::channel();
        let mut commands = Commands::open().unwrap();
        let (confinement, thread) = sandbox::confine_vrrp(|| {
            let (up, is_up) = std::sync::mpsc::channel();
            let thread = std::thread::Builder::new().spawn(move || {
                up.send(()).unwrap();
                for changes in to_do {
                    done.send(commands.change(&changes)).unwrap();
                }
                ringing.ring();
                commands.dump().unwrap()
            });
            is_up.recv().unwrap();
            thread
        })
        .unwrap();
        assert!(confinement.seccomp);

        let ours = IpAddr::from(Ipv4Addr::new(10, 0, 0, 80));
        let address = Address {
            interface: LOOPBACK,
            address: ours,
            prefix: 32,
            peer: ours,
            broadcast: None,
            scope: 0,
            label: Some("lo".into()),
            is_secondary: false,
            is_unusable: false,
        };
        let changes = vec![AddressChange::Add(address.clone())];
        let promoting = [LOOPBACK].into();
        orders.send(Changes { changes, promoting }).unwrap();
        assert_eq!(result.recv().unwrap().unwrap(), [].into());
        drop(orders);
        let snapshot = thread.join().unwrap();
        assert!(vigil.look(None).unwrap().eq([2]));
        drop(bell);
        assert!(snapshot.addresses.contains(&address), "{snapshot:?}");
        let mut told = Vec::new();
        watch.readable().await.unwrap();
        let heard = watch.read(100, |notice| told.push(notice)).unwrap();
        assert_eq!(heard, Heard::Everything);
        assert!(!told.is_empty());
        // As where an answer was lost.
        Commands::open().unwrap().dump().unwrap();

        for channel in channels() {
            let receiver = vrrp_socket::listen("lo", LOOPBACK, &channel).unwrap();
            let receiver = Receiver::new(receiver, channel.family, &vigil, 3).unwrap();
            receiver.read_one(&mut Inbox::default()).unwrap();
            receiver.read_many(&mut Inbox::default()).unwrap();
        }
        let down = [libc::ENETDOWN, libc::ENETUNREACH, libc::EADDRNOTAVAIL];
        let message = Content::Message {
            octets: vec![0x21; 20],
            ttl: 255,
        };
        let mut whole = vec![0; 64];
        whole[0] = 0x45;
        for (family, content) in [
            (Family::V4, message.clone()),
            (Family::V6, message),
            (Family::V4, Content::Datagram(whole)),
        ] {
            let refused = sender.send(&Advert {
                instance: InstanceId(1),
                interface: LOOPBACK,
                source: match family {
                    Family::V4 => ours,
                    Family::V6 => "fe80::1".parse().unwrap(),
                },
                destination: Delivery::group(family),
                priority: Priority(100),
                content,
            });
            let error = refused.unwrap_err();
            assert!(down.contains(&error.raw_os_error().unwrap()), "{error}");
        }
        let refused = packets.send(&[Announcement {
            instance: InstanceId(1),
            index: 0,
            interface: LOOPBACK,
            frame: vec![0xff; 42],
        }]);
        assert!(down.contains(&refused.unwrap_err().raw_os_error().unwrap()));
        alarm
            .set(Some(clock::now() + Duration::from_millis(1)))
            .unwrap();
        assert!(vigil.look(None).unwrap().eq([1]));
    }
}

fn no_program_no_file_no_thread() {
    let denied = |result: io::Result<()>, what: &str| {
        let error = result.expect_err(what);
        assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{what}: {error}");
    };
    denied(std::fs::read("/etc/hostname").map(drop), "reading a file");
    denied(std::fs::write("/tmp/ipvsd-test", "x"), "writing a file");
    denied(std::fs::read_dir("/").map(drop), "reading a folder");
    denied(std::fs::remove_file("/tmp/ipvsd-test"), "removing a file");
    denied(
        Command::new("/bin/true").spawn().map(drop),
        "starting a program",
    );
    let thread = std::thread::Builder::new().spawn(|| ());
    denied(thread.map(drop), "starting a thread");
    // What exec is refused for does not depend on there being a child to do it.
    let path = c"/bin/true";
    assert_eq!(nix::unistd::execv(path, &[path]).unwrap_err(), Errno::EPERM);
    // SAFETY: nothing is forked, and a child would only end.
    match unsafe { nix::unistd::fork() } {
        Err(error) => assert_eq!(error, Errno::EPERM),
        Ok(_) => std::process::abort(),
    }
}

/// What CAP_NET_ADMIN and the right to send a signal would allow.
fn no_way_round(parent: nix::unistd::Pid, socket: RawFd) {
    for refused in [
        signal::kill(parent, None),
        signal::kill(parent, Signal::SIGTERM),
        nix::sys::resource::setrlimit(nix::sys::resource::Resource::RLIMIT_NOFILE, 16, 16),
    ] {
        assert_eq!(refused.unwrap_err(), Errno::EPERM);
    }
    // The rules of iptables and ip6tables, and IPVS behind the filter's back.
    for (level, option) in [
        (libc::SOL_IP, 64),
        (libc::SOL_IPV6, 64),
        (libc::SOL_IP, 1024 + 64 + 1),
    ] {
        let value = [0u8; 256];
        // SAFETY: the value lives through the call and is as long as is said.
        let result = unsafe {
            libc::setsockopt(
                socket,
                level,
                option,
                value.as_ptr().cast(),
                value.len() as libc::socklen_t,
            )
        };
        assert_eq!((result, Errno::last()), (-1, Errno::EPERM), "{option}");
    }
    let mut request = [0u8; 64];
    // SAFETY: longer than any request of netdevice(7).
    let address = unsafe { libc::ioctl(socket, libc::SIOCSIFADDR as _, request.as_mut_ptr()) };
    assert_eq!((address, Errno::last()), (-1, Errno::EPERM));
    // SAFETY: F_SETOWN takes a number.
    let owner = unsafe { libc::fcntl(socket, libc::F_SETOWN, parent.as_raw()) };
    assert_eq!((owner, Errno::last()), (-1, Errno::EPERM));
    let executable = libc::PROT_READ | libc::PROT_WRITE | libc::PROT_EXEC;
    let anonymous = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
    // SAFETY: a mapping of its own at a place of the kernel's choice.
    let memory = unsafe { libc::mmap(std::ptr::null_mut(), 4096, executable, anonymous, -1, 0) };
    assert_eq!((memory, Errno::last()), (libc::MAP_FAILED, Errno::EPERM));
}

fn netlink(protocol: SockProtocol) -> nix::Result<std::os::fd::OwnedFd> {
    socket(
        AddressFamily::Netlink,
        SockType::Raw,
        SockFlag::SOCK_CLOEXEC,
        protocol,
    )
}

/// Runs one of these tests in a process to be confined, and returns what the kernel
/// says of it (proc_pid_status(5)) when it has tried everything.
fn status_of_confined(test: &str) -> String {
    let mut inside = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(INSIDE, "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut output = BufReader::new(inside.stdout.take().unwrap());
    let mut said = String::new();
    let thread = loop {
        let before = said.len();
        if output.read_line(&mut said).unwrap() == 0 {
            panic!("it ended early: {said} {:?}", inside.wait());
        }
        if let Some(thread) = said[before..].strip_prefix(DONE) {
            break thread.trim().to_owned();
        }
    };
    let status = format!("/proc/{}/task/{thread}/status", inside.id());
    let status = std::fs::read_to_string(status).unwrap();
    inside.stdin.take().unwrap().write_all(b"\n").unwrap();
    output.read_to_string(&mut said).unwrap();
    assert!(inside.wait().unwrap().success(), "{said}");
    status
}

/// A number of a status: hexadecimal, as the sets of capabilities are.
fn number(status: &str, name: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let value = line.unwrap_or_else(|| panic!("no {name} in {status}"));
    u64::from_str_radix(value.trim(), 16).unwrap()
}
