//! The demo shows what it says, in the time it promises, and notices when it does
//! not.

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

/// What the README promises, after the build.
const PROMISED: Duration = Duration::from_secs(90);

fn demo(ipvsd: &str) -> Output {
    Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/demo.sh"))
        .env("IPVSD_BIN", ipvsd)
        .stdin(Stdio::null())
        .output()
        .expect("examples/demo.sh")
}

#[test]
fn it_goes_as_told() {
    let began = Instant::now();
    let output = demo(env!("CARGO_BIN_EXE_ipvsd"));
    let took = began.elapsed();
    let printed = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{printed}{errors}");
    assert!(printed.contains("director1# ipvsadm -Ln\n"), "{printed}");
    assert!(printed.contains("8. ipvsd ends"), "{printed}");
    assert!(took < PROMISED, "it took {took:?}\n{printed}");
}

/// A demo that cannot fail shows nothing.
#[test]
fn it_fails_with_an_ipvsd_that_does_nothing() {
    let output = demo("/bin/true");
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(!output.status.success(), "{printed}");
    assert!(
        printed.contains("This is not what should have happened: ipvsd has ended"),
        "{printed}"
    );
}
