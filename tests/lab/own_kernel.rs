//! A place of its own on this machine's own kernel, furnished as the lab furnishes a
//! guest, for what needs no IPVS and should not be as slow as a guest.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use nix::mount::{MsFlags, mount};

use crate::lab::{BIN, Lab, OUT};
use crate::net::ip_batch;

/// As in the lab: set to `keepalived`, that runs in the place of ipvsd.
const STAND_IN: &str = "LAB_STAND_IN";

/// To be called by the first process of new mount, network and process namespaces.
/// `ipvsd` is the binary under test, and in `out` the logs stay.
pub fn furnish(out: &Path, ipvsd: &Path) -> Lab {
    let none = None::<&str>;
    // What is mounted here is not to show outside.
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none).expect("private mounts");
    mount(Some("proc"), "/proc", Some("proc"), MsFlags::empty(), none).expect("/proc");
    tmpfs("/mnt");
    let ipvsd = std::env::var_os("IPVSD_BIN").map_or_else(|| ipvsd.to_owned(), PathBuf::from);
    fs::create_dir(OUT).unwrap();
    bind(out, OUT.as_ref());
    fs::create_dir(BIN).unwrap();
    let placed = Path::new(BIN).join("ipvsd");
    File::create(&placed).unwrap();
    bind(&ipvsd, &placed);
    for place in ["/run", "/tmp"] {
        tmpfs(place);
    }
    fs::create_dir("/run/netns").unwrap();
    ip_batch(None, "link set lo up\n");
    let stand_in = std::env::var(STAND_IN).is_ok_and(|name| name == "keepalived");
    Lab::new(placed, stand_in)
}

fn bind(from: &Path, to: &Path) {
    let none = None::<&str>;
    mount(Some(from), to, none, MsFlags::MS_BIND, none)
        .unwrap_or_else(|e| panic!("bind {} to {}: {e}", from.display(), to.display()));
}

fn tmpfs(place: &str) {
    mount(
        Some("tmpfs"),
        place,
        Some("tmpfs"),
        MsFlags::empty(),
        Some("mode=0755"),
    )
    .unwrap_or_else(|e| panic!("tmpfs on {place}: {e}"));
}
