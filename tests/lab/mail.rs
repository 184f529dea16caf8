//! A real mail server, OpenSMTPD, and the mailboxes that it fills.

use std::cell::RefCell;
use std::fs;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::time::Duration;

use nix::mount::{MsFlags, mount};

use crate::daemon::{Log, descendants_of};
use crate::lab::{Lab, poll, secs, wait_until};
use crate::net::Namespace;

/// The address at which it takes mail for everybody at example.org.
pub const ADDRESS: &str = "10.0.0.25";

/// Where it keeps what it has taken (fixed when it was compiled).
const SPOOL: &str = "/var/spool";

pub struct MailServer<'lab> {
    lab: &'lab Lab,
    host: Namespace,
    conf: PathBuf,
    mailboxes: PathBuf,
    process: RefCell<Option<Child>>,
    log: Arc<Log>,
}

/// A mail as it lies in a mailbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Letter {
    fn parse(text: &str) -> Self {
        let (head, body) = text.split_once("\n\n").expect("headers and a body");
        let mut headers: Vec<(String, String)> = Vec::new();
        for line in head.lines() {
            match (line.strip_prefix([' ', '\t']), headers.last_mut()) {
                (Some(more), Some((_, value))) => *value += &format!(" {}", more.trim_start()),
                _ => {
                    let (name, value) = line.split_once(':').expect("a header");
                    headers.push((name.to_owned(), value.trim_start().to_owned()));
                }
            }
        }
        Self {
            headers,
            body: body.to_owned(),
        }
    }

    /// The first header of this name.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        let (_, value) = headers.find(|(known, _)| known == name)?;
        Some(value)
    }

    #[track_caller]
    pub fn subject(&self) -> &str {
        self.header("Subject").expect("a subject")
    }

    /// Subject and body, which is what people's filters look at.
    pub fn words(&self) -> String {
        format!("{}\n{}", self.subject(), self.body)
    }

    /// By which name the mail server knows it.
    fn id(&self) -> String {
        let received = self.header("Received").expect("it came by SMTP");
        let (_, rest) = received.split_once(" id ").expect("with a number");
        rest.split([' ', ';']).next().unwrap().to_owned()
    }
}

/// The mail server is a host: what a `Namespace` can do, it can.
impl Deref for MailServer<'_> {
    type Target = Namespace;

    fn deref(&self) -> &Namespace {
        &self.host
    }
}

impl<'lab> MailServer<'lab> {
    /// A host on the front network, with the server running.
    pub fn start(lab: &'lab Lab) -> Self {
        let host = Namespace::create("mail");
        host.attach("front", "eth0", &[&format!("{ADDRESS}/24")]);
        mount(
            Some("tmpfs"),
            SPOOL,
            Some("tmpfs"),
            MsFlags::empty(),
            Some("mode=0755"),
        )
        .expect("a place for its spool");
        let dir = lab.scratch("mail");
        let mailboxes = dir.join("boxes");
        fs::create_dir(&mailboxes).unwrap();
        open_to_all(&mailboxes);
        let conf = dir.join("smtpd.conf");
        fs::write(
            &conf,
            format!(
                "listen on {ADDRESS} port 25 hostname mail.example.org\n\
                 table everybody {{ \"@\" = nobody }}\n\
                 action keep maildir \"{}/%{{rcpt.user}}\" virtual <everybody>\n\
                 match from any for domain example.org action keep\n",
                mailboxes.display()
            ),
        )
        .unwrap();
        let server = Self {
            lab,
            host,
            conf,
            mailboxes,
            process: RefCell::new(None),
            log: Log::create(lab, "smtpd"),
        };
        server.restart();
        server
    }

    /// Starts it again after [`MailServer::kill`].
    pub fn restart(&self) {
        let mark = self.log.mark();
        let mut child = self
            .command("smtpd")
            .args(["-d", "-f"])
            .arg(&self.conf)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("smtpd");
        self.log.follow(child.stdout.take().unwrap());
        self.log.follow(child.stderr.take().unwrap());
        *self.process.borrow_mut() = Some(child);
        let here = format!("{ADDRESS}:25").parse().unwrap();
        wait_until("the mail server listens", secs(30), || {
            self.enter(|| std::net::TcpStream::connect_timeout(&here, secs(1)).is_ok())
        });
        self.lab
            .note(format!("mail: server running, log line {mark}"));
    }

    /// It ends; connections are refused. What it has taken it keeps.
    pub fn kill(&self) {
        let mut process = self.process.borrow_mut().take().expect("a running server");
        let others = descendants_of(process.id() as i32);
        let _ = process.kill();
        let _ = process.wait();
        wait_until("the mail server's processes have ended", secs(20), || {
            let alive = |pid: i32| Path::new(&format!("/proc/{pid}/exe")).exists();
            !others.iter().any(|process| alive(process.pid))
        });
        self.lab.note("mail: server killed");
    }

    /// What this user of example.org has got, in the order in which the server took it.
    pub fn mailbox(&self, user: &str) -> Vec<Letter> {
        let new = self.mailboxes.join(user).join("new");
        let files = fs::read_dir(new).into_iter().flatten();
        let mut letters: Vec<(usize, Letter)> = files
            .filter_map(|file| {
                let text = fs::read_to_string(file.ok()?.path()).ok()?;
                let letter = Letter::parse(&text);
                // None while its line of the log is still to be read.
                Some((self.taken(&letter.id())?, letter))
            })
            .collect();
        letters.sort_by_key(|(taken, _)| *taken);
        letters.into_iter().map(|(_, letter)| letter).collect()
    }

    /// Waits until this user has so many letters.
    #[track_caller]
    pub fn wait_for(&self, user: &str, count: usize, within: Duration) -> Vec<Letter> {
        let found = poll(within, || {
            Some(self.mailbox(user)).filter(|letters| letters.len() >= count)
        });
        found.unwrap_or_else(|| {
            let letters = self.mailbox(user);
            let subjects: Vec<&str> = letters.iter().map(Letter::subject).collect();
            panic!("after {within:?} {user} has not {count} letters but {subjects:#?}")
        })
    }

    /// When the server took this mail, as the number of the line in its log.
    fn taken(&self, id: &str) -> Option<usize> {
        let text = format!("smtp message msgid={id}");
        let lines = self.log.since(0);
        lines.iter().position(|(_, line)| line.contains(&text))
    }
}

impl Drop for MailServer<'_> {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.borrow_mut().take() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

/// The server fills mailboxes as somebody else than itself.
fn open_to_all(dir: &Path) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(dir, fs::Permissions::from_mode(0o1777)).unwrap();
}
