//! What a confined front process can still do, and what not. A process is confined for
//! good, so this program is started again for it.

use std::fs::Permissions;
use std::io::{self, ErrorKind};
use std::net::{TcpListener, TcpStream, ToSocketAddrs, UdpSocket};
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Command;

use ipvsd::sys::{host, sandbox};
use nix::errno::Errno;
use nix::sys::signal;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};

/// Set in the process that is to be confined: to a file that everyone may write to.
const INSIDE: &str = "IPVSD_TEST_CONFINED";

#[test]
fn its_work_and_nothing_else() {
    if let Some(file) = std::env::var_os(INSIDE) {
        return inside(Path::new(&file));
    }
    let file = tempfile::NamedTempFile::new().unwrap();
    let everyone = Permissions::from_mode(0o666);
    std::fs::set_permissions(file.path(), everyone).unwrap();
    let inside = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "rights::its_work_and_nothing_else",
            "--nocapture",
        ])
        .env(INSIDE, file.path())
        .output()
        .unwrap();
    assert!(inside.status.success(), "{inside:?}");
}

fn inside(file: &Path) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let parent = nix::unistd::Pid::parent();
    let hostname = host::hostname();
    let (confinement, begun) = sandbox::confine_front(|| Ok("begun")).unwrap();
    assert_eq!(begun, "begun");
    assert!(confinement.seccomp);
    let is_root = confinement.nobody;

    // Its work: names, files that everyone may read, connections.
    assert!(("localhost", 25).to_socket_addrs().unwrap().count() > 0);
    assert!(!std::fs::read("/etc/hosts").unwrap().is_empty());
    assert_eq!(host::hostname(), hostname);
    TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    UdpSocket::bind("127.0.0.1:0").unwrap();

    let denied = |result: io::Result<()>, what: &str| {
        let error = result.expect_err(what);
        assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{what}: {error}");
    };
    denied(std::fs::write(file, "x"), "writing a file");
    denied(std::fs::write("/tmp/ipvsd-test", "x"), "making a file");
    denied(
        std::fs::File::options().append(true).open(file).map(drop),
        "adding to a file",
    );
    denied(std::fs::remove_file(file), "removing a file");
    denied(std::fs::create_dir("/tmp/ipvsd-test"), "making a folder");
    if is_root {
        denied(
            std::fs::read("/etc/shadow").map(drop),
            "reading what is root's",
        );
    }
    denied(
        Command::new("/bin/true").spawn().map(drop),
        "starting a program",
    );
    let path = c"/bin/true";
    assert_eq!(nix::unistd::execv(path, &[path]).unwrap_err(), Errno::EPERM);
    let thread = std::thread::Builder::new().spawn(|| ());
    denied(thread.map(drop), "starting a thread");
    denied(UnixStream::connect("/dev/log").map(drop), "a local socket");
    for (family, kind) in [
        (AddressFamily::Packet, SockType::Raw),
        (AddressFamily::Inet, SockType::Raw),
    ] {
        let refused = socket(family, kind, SockFlag::empty(), None);
        assert_eq!(refused.unwrap_err(), Errno::EPERM, "{family:?}");
    }
    assert_eq!(signal::kill(parent, None).unwrap_err(), Errno::EPERM);
    // Memory is data, but for what is on the disk.
    let map = |descriptor: i32, flags| {
        let executable = libc::PROT_READ | libc::PROT_EXEC;
        // SAFETY: a mapping of its own at a place of the kernel's choice.
        let memory =
            unsafe { libc::mmap(std::ptr::null_mut(), 4096, executable, flags, descriptor, 0) };
        (memory != libc::MAP_FAILED)
            .then_some(())
            .ok_or_else(Errno::last)
    };
    let anonymous = map(-1, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
    assert_eq!(anonymous, Err(Errno::EPERM));
    let library = std::fs::File::open("/proc/self/exe").unwrap();
    assert_eq!(map(library.as_raw_fd(), libc::MAP_PRIVATE), Ok(()));
}
