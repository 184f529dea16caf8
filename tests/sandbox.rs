//! What a confined checker can still do, and what not. A process is confined for
//! good, so this test starts itself again and is confined there.

use std::io::ErrorKind;
use std::net::{TcpListener, TcpStream};
use std::process::Command;

use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, SockFlag, SockProtocol, SockType, socket};

const INSIDE: &str = "IPVSD_TEST_CONFINED";

#[test]
fn a_confined_checker_can_do_its_work_and_nothing_else() {
    if std::env::var_os(INSIDE).is_some() {
        return inside();
    }
    let test = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "a_confined_checker_can_do_its_work_and_nothing_else",
            "--nocapture",
        ])
        .env(INSIDE, "1")
        .output()
        .unwrap();
    let mut output = String::from_utf8_lossy(&test.stdout).into_owned();
    output += &String::from_utf8_lossy(&test.stderr);
    assert!(test.status.success(), "{output}");
    assert!(output.contains("everything inside was tried"), "{output}");
}

fn inside() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let parent = nix::unistd::Pid::parent();
    let confinement = ipvsd::sys::sandbox::confine_checker().unwrap();
    assert!(confinement.seccomp);

    // Its work.
    let address = listener.local_addr().unwrap();
    let stream = TcpStream::connect(address).unwrap();
    stream.set_nonblocking(true).unwrap();
    let netlink = |protocol| {
        socket(
            AddressFamily::Netlink,
            SockType::Raw,
            SockFlag::SOCK_CLOEXEC,
            protocol,
        )
    };
    netlink(SockProtocol::NetlinkGeneric).unwrap();

    // And nothing else.
    assert_eq!(
        netlink(SockProtocol::NetlinkRoute).unwrap_err(),
        Errno::EPERM
    );
    let unix = socket(
        AddressFamily::Unix,
        SockType::Stream,
        SockFlag::empty(),
        None,
    );
    assert_eq!(unix.unwrap_err(), Errno::EPERM);
    let denied = |result: std::io::Result<()>, what: &str| {
        let error = result.expect_err(what);
        assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{what}: {error}");
    };
    denied(std::fs::read("/etc/hostname").map(drop), "reading a file");
    denied(std::fs::write("/tmp/ipvsd-test", "x"), "writing a file");
    denied(
        Command::new("/bin/true").spawn().map(drop),
        "starting a program",
    );
    assert_eq!(
        nix::sys::signal::kill(parent, None).unwrap_err(),
        Errno::EPERM
    );

    let kept = caps::read(None, caps::CapSet::Effective);
    // Reading them is no system call that is allowed; the kernel's own words are not
    // to be read either. What is left shows in what can be done.
    assert!(kept.is_err());
    println!("everything inside was tried");
}
