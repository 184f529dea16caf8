//! A busy checker beside the director: checks of a local server, as many as it can make,
//! by the same code that the checker process runs. IPVS is not needed for it, and it is
//! the same load whoever is measured.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, ExitCode, Stdio};
use std::time::Duration;

use ipvsd::check::Outcome;
use ipvsd::config::model::{CheckSpec, CheckTarget, HttpCheck, HttpUrl, StatusCodes};
use ipvsd::probe;

use crate::enclosure;
use crate::net::Namespace;

pub const ROLE: &str = "neighbour";

/// Checks under way at any time.
const AT_ONCE: usize = 64;

/// Real servers; as many as that the ports of their connections do not run out.
const SERVERS: usize = 1_000;

const TIMEOUT: Duration = Duration::from_secs(5);

pub struct Neighbour(Child);

impl Neighbour {
    /// Moves in, and returns when it is at work.
    pub fn of(host: &Namespace) -> Self {
        let mut child = enclosure::oneself(host, ROLE)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a neighbour");
        let mut ready = [0];
        let said = child.stdout.as_mut().unwrap().read(&mut ready);
        assert_eq!(said.unwrap(), 1, "the neighbour has ended");
        Neighbour(child)
    }
}

impl Drop for Neighbour {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The neighbour's own process.
pub fn main() -> ExitCode {
    let server = TcpListener::bind("0.0.0.0:80").unwrap();
    std::thread::spawn(move || {
        let mut request = [0; 1024];
        for mut stream in server.incoming().flatten() {
            // A TCP check closes without a word.
            if stream.read(&mut request).is_ok_and(|length| length > 0) {
                let _ = stream.write_all(b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok");
            }
        }
    });
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let one_after_another = |first| async move {
            for number in (first..).step_by(AT_ONCE) {
                let outcome = probe::run(&check(number), TIMEOUT).await;
                assert_eq!(outcome, Outcome::Success);
                if number == first {
                    println!();
                }
            }
        };
        let mut checks = tokio::task::JoinSet::new();
        for first in 0..AT_ONCE {
            checks.spawn(one_after_another(first));
        }
        checks.join_all().await;
    });
    ExitCode::SUCCESS
}

/// Every second one is an `HTTP_GET`, the others `TCP_CHECK`.
fn check(number: usize) -> CheckSpec {
    let server = number / 2 % SERVERS;
    let address = [127, 1, (server / 250) as u8, (server % 250) as u8];
    let target = CheckTarget {
        address: SocketAddr::from((address, 80)),
    };
    if number.is_multiple_of(2) {
        CheckSpec::Tcp(target)
    } else {
        CheckSpec::Http(HttpCheck {
            target,
            urls: vec![HttpUrl {
                path: "/".into(),
                virtual_host: None,
                digest: None,
                status_codes: StatusCodes::default(),
                later: Vec::new(),
            }],
        })
    }
}
