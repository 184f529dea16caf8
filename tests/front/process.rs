//! A front process, and core's part in talking to it.

use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, SystemTime};

use ipvsd::alert::mail::{MailEvent, MailOut, MailStatus, MailText};
use ipvsd::config::model::{Mail, SmtpHost, SmtpServer};
use ipvsd::daemon::ipc::Connection;
use ipvsd::daemon::messages::front::{FromFront, ToFront};

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// A front process as core has it.
pub struct Front {
    process: Child,
    core: Connection<ToFront, FromFront>,
    /// What it has told so far.
    pub events: Vec<MailEvent>,
    /// The mails with which it is done, in its order.
    pub done: Vec<u64>,
}

impl Front {
    /// One that is told this, and has these mails to begin with.
    pub fn start(mail: &Mail, unsent: Vec<MailOut>) -> Front {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let process = Command::new(env!("CARGO_BIN_EXE_ipvsd"))
            .args(["child", "front", "--console"])
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let mut front = Front {
            process,
            core: Connection::new(ours.into()).unwrap(),
            events: Vec::new(),
            done: Vec::new(),
        };
        let mail = mail.clone();
        front.core.send(&ToFront::Start { mail, unsent });
        front
    }

    pub fn send(&mut self, message: ToFront) {
        self.core.send(&message);
    }

    pub fn mail(&mut self, number: u64) {
        self.send(ToFront::Mail(mail(number)));
    }

    /// Waits for what is wanted; everything else is taken note of.
    pub async fn hear<T>(
        &mut self,
        what: &str,
        wanted: impl Fn(&Front, &FromFront) -> Option<T>,
    ) -> T {
        let heard = tokio::time::timeout(PATIENCE, async {
            loop {
                let Ok(Some(message)) = self.core.next().await else {
                    panic!("it has ended: {:?}", self.process.wait());
                };
                match &message {
                    FromFront::Told(event) => self.events.push(event.clone()),
                    FromFront::Done { number } => self.done.push(*number),
                    FromFront::Failed(why) => panic!("{why}"),
                    _ => {}
                }
                if let Some(found) = wanted(self, &message) {
                    return found;
                }
            }
        });
        match heard.await {
            Ok(found) => found,
            Err(_) => panic!("{what} has not come"),
        }
    }

    /// Waits until it is done with so many mails.
    pub async fn done(&mut self, count: usize) {
        if self.done.len() < count {
            let what = format!("the end of mail {count}");
            self.hear(&what, |front, _| (front.done.len() >= count).then_some(()))
                .await;
        }
    }

    /// Waits for an event, and returns it in words.
    pub async fn told(&mut self, name: &str) -> String {
        self.hear(name, |_, message| match message {
            FromFront::Told(event) if event.name() == name => Some(event.to_string()),
            _ => None,
        })
        .await
    }

    pub async fn status(&mut self) -> MailStatus {
        self.send(ToFront::Status { request: 5 });
        self.hear("status", |_, message| match message {
            FromFront::Status { request: 5, status } => Some(status.clone()),
            _ => None,
        })
        .await
    }

    pub async fn alive(&mut self) {
        self.send(ToFront::Ping);
        self.hear("a sign of life", |_, message| {
            matches!(message, FromFront::Alive).then_some(())
        })
        .await;
    }

    /// Asks it to end, and returns the mails that are left.
    pub async fn stop(mut self) -> Vec<u64> {
        self.send(ToFront::Stop);
        let left = self
            .hear("its end", |_, message| match message {
                FromFront::Stopped { left } => Some(left.clone()),
                _ => None,
            })
            .await;
        assert!(self.process.wait().unwrap().success());
        left
    }

    /// Core's end closes; how it ends.
    pub fn abandon(mut self) -> ExitStatus {
        let (other, _) = UnixStream::pair().unwrap();
        self.core = Connection::new(other.into()).unwrap();
        self.process.wait().unwrap()
    }

    /// The values that the kernel's status of it has under these names
    /// (proc_pid_status(5)).
    pub fn kernel_status(&self, names: &[&str]) -> Vec<String> {
        let path = format!("/proc/{}/status", self.process.id());
        let status = std::fs::read_to_string(path).unwrap();
        let value = |name: &&str| {
            let line = status.lines().find_map(|line| line.strip_prefix(*name));
            let line = line.unwrap_or_else(|| panic!("no {name} in {status}"));
            line.split_whitespace().collect::<Vec<_>>().join(" ")
        };
        names.iter().map(value).collect()
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Mail by way of the server at this address, to one recipient.
pub fn by_way_of(server: SocketAddr) -> Mail {
    Mail {
        recipients: vec!["one@example.org".into()],
        from: Some("lvs@example.org".into()),
        server: Some(SmtpServer {
            host: SmtpHost::Address(server.ip()),
            port: server.port(),
        }),
        helo_name: Some("director1.example.org".into()),
        ..Mail::default()
    }
}

pub fn mail(number: u64) -> MailOut {
    MailOut {
        number,
        at: SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_264_288),
        text: MailText {
            router_id: Some("LVS_R1".into()),
            subject: format!("news {number}"),
            body: "=> TCP CHECK failed on service <=\n".into(),
        },
    }
}

/// The subjects of these mails.
pub fn subjects(numbers: impl IntoIterator<Item = u64>) -> Vec<String> {
    let numbers = numbers.into_iter();
    numbers.map(|n| format!("[LVS_R1] news {n}")).collect()
}
