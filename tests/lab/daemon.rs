//! A running daemon, `ipvsd` or keepalived: its log, its signals, its children.
//!
//! Both are started with the same words, because `ipvsd` takes keepalived's.

use std::cell::{Cell, RefCell};
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Child, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use nix::sys::signal::{self, Signal};
use nix::unistd::Pid;

use crate::lab::{Lab, poll};
use crate::net::Namespace;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    Ipvsd,
    Keepalived,
}

impl Program {
    pub fn name(self) -> &'static str {
        match self {
            Self::Ipvsd => "ipvsd",
            Self::Keepalived => "keepalived",
        }
    }
}

pub struct Daemon<'lab> {
    lab: &'lab Lab,
    host: Namespace,
    program: Program,
    child: RefCell<Child>,
    status: Cell<Option<ExitStatus>>,
    conf: PathBuf,
    log: Arc<Log>,
}

/// How a daemon ended, and how long after it was asked to.
#[derive(Debug)]
pub struct Stopped {
    pub status: ExitStatus,
    pub took: Duration,
}

/// A process as /proc shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    pub pid: i32,
    pub name: String,
    pub command_line: String,
}

impl<'lab> Daemon<'lab> {
    pub fn start(lab: &'lab Lab, host: &Namespace, program: Program, conf: &str) -> Self {
        // Scenarios read the log, and want all of it.
        Self::start_with(lab, host, program, conf, &["-D"])
    }

    /// Starts one with further words on its command line.
    pub fn start_with(
        lab: &'lab Lab,
        host: &Namespace,
        program: Program,
        conf: &str,
        words: &[&str],
    ) -> Self {
        static STARTS: AtomicU32 = AtomicU32::new(1);
        let number = STARTS.fetch_add(1, Ordering::Relaxed);
        let name = format!("{}-{}-{number}", host.name(), program.name());
        let dir = lab.scratch(&name);
        let conf_path = dir.join("keepalived.conf");
        fs::write(&conf_path, conf).unwrap();
        let executable = match program {
            Program::Ipvsd => lab.ipvsd().to_owned(),
            Program::Keepalived => "keepalived".into(),
        };
        let mut command = host.command(executable);
        if program == Program::Keepalived {
            // There is no syslog here, and the C library would write to the console.
            command.arg("-G");
        }
        // Most scenarios are about checks alone, and keepalived would start a process
        // for VRRP that has nothing to do.
        if conf.contains("vrrp_instance") {
            command.arg("-r").arg(dir.join("vrrp.pid"));
        } else {
            command.arg("-C");
        }
        // A session of its own, as systemd gives it one: the end of its first process
        // wakes up no others that are stopped.
        // SAFETY: setsid(2) is all that is called between fork and exec.
        unsafe { command.pre_exec(|| Ok(nix::unistd::setsid().map(drop)?)) };
        let mut child = command
            .args(words)
            .args(["-n", "-l", "-f"])
            .arg(&conf_path)
            .arg("-p")
            .arg(dir.join("parent.pid"))
            .arg("-c")
            .arg(dir.join("checkers.pid"))
            .current_dir(&dir)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|e| panic!("start {}: {e}", program.name()));
        let log = Log::create(lab, &name);
        log.follow(child.stdout.take().unwrap());
        log.follow(child.stderr.take().unwrap());
        lab.note(format!(
            "{}: {} started as pid {}",
            host.name(),
            program.name(),
            child.id()
        ));
        Self {
            lab,
            host: host.clone(),
            program,
            child: RefCell::new(child),
            status: Cell::new(None),
            conf: conf_path,
            log,
        }
    }

    /// For messages: which program where.
    pub fn name(&self) -> String {
        format!("{} of {}", self.program.name(), self.host.name())
    }

    pub fn pid(&self) -> i32 {
        self.child.borrow().id() as i32
    }

    pub fn log(&self) -> &Log {
        &self.log
    }

    /// Waits for a line that contains this text, from the log's beginning, and
    /// returns the line.
    #[track_caller]
    pub fn wait_for_log(&self, text: &str, within: Duration) -> String {
        self.log.wait_for(0, text, within)
    }

    /// The same, but only for lines after a mark that `log().mark()` gave.
    #[track_caller]
    pub fn wait_for_log_after(&self, mark: usize, text: &str, within: Duration) -> String {
        self.log.wait_for(mark, text, within)
    }

    /// Puts another text in the place of the configuration file and sends SIGHUP.
    pub fn reload(&self, conf: &str) {
        let beside = self.conf.with_extension("new");
        fs::write(&beside, conf).unwrap();
        fs::rename(beside, &self.conf).unwrap();
        self.lab.note(format!("{}: reload", self.host.name()));
        self.signal(Signal::SIGHUP);
    }

    pub fn signal(&self, signal: Signal) {
        assert!(
            self.is_running(),
            "{} of {} has ended by itself: {:?}",
            self.program.name(),
            self.host.name(),
            self.status.get()
        );
        signal::kill(Pid::from_raw(self.pid()), signal).unwrap();
    }

    pub fn is_running(&self) -> bool {
        if self.status.get().is_none() {
            self.status.set(self.child.borrow_mut().try_wait().unwrap());
        }
        self.status.get().is_none()
    }

    /// Sends SIGTERM and waits for the end.
    #[track_caller]
    pub fn sigterm(&self, within: Duration) -> Stopped {
        let asked = Instant::now();
        self.signal(Signal::SIGTERM);
        let status = self.wait_for_exit(within);
        let stopped = Stopped {
            status,
            took: asked.elapsed(),
        };
        self.lab
            .note(format!("{}: stopped, {stopped:?}", self.host.name()));
        stopped
    }

    /// Waits for an end that something else causes.
    #[track_caller]
    pub fn wait_for_exit(&self, within: Duration) -> ExitStatus {
        if poll(within, || (!self.is_running()).then_some(())).is_none() {
            panic!("{} has not ended within {within:?}", self.program.name());
        }
        self.status.get().unwrap()
    }

    /// Kills the first process outright, as the kernel short of memory would.
    pub fn sigkill(&self) {
        self.signal(Signal::SIGKILL);
        let status = self.child.borrow_mut().wait().unwrap();
        assert_eq!(status.signal(), Some(libc::SIGKILL));
        self.status.set(Some(status));
        self.lab.note(format!(
            "{}: {} killed",
            self.host.name(),
            self.program.name()
        ));
    }

    /// Stops every process of the daemon, as a machine stops that swaps itself to
    /// death: the kernel goes on, with the addresses and the table that it has.
    pub fn freeze(&self) {
        self.signal_all(Signal::SIGSTOP);
        self.lab.note(format!("{}: frozen", self.name()));
    }

    pub fn thaw(&self) {
        self.signal_all(Signal::SIGCONT);
        self.lab.note(format!("{}: thawed", self.name()));
    }

    /// Kills every process of the daemon at once, so that none can do anything about
    /// the end of another.
    pub fn sigkill_all(&self) {
        // None of them notices the others' end before its own.
        self.signal_all(Signal::SIGSTOP);
        self.signal_all(Signal::SIGKILL);
        self.wait_for_exit(Duration::from_secs(10));
        self.lab.note(format!("{}: killed", self.name()));
    }

    /// Sends a signal to every process of the daemon, as `systemctl kill` does. The first
    /// process first: it minds the others. Only where they are killed it is the last: who
    /// is stopped wakes up when it ends, and on the one processor of a guest that is before
    /// the next signal is sent.
    pub fn signal_all(&self, signal: Signal) {
        // Before the first one ends, and they are no longer its descendants.
        let others = descendants_of(self.pid());
        if signal != Signal::SIGKILL {
            self.signal(signal);
        }
        for process in others {
            let _ = signal::kill(Pid::from_raw(process.pid), signal);
        }
        if signal == Signal::SIGKILL {
            self.signal(signal);
        }
    }

    /// Waits for an instance or a sync group to enter a state after a mark in the log,
    /// by the words that keepalived has for it.
    #[track_caller]
    pub fn wait_for_state_after(&self, mark: usize, name: &str, state: &str, within: Duration) {
        let line = format!("({name}) Entering {state} STATE");
        self.wait_for_log_after(mark, &line, within);
    }

    /// The same from the log's beginning.
    #[track_caller]
    pub fn wait_for_state(&self, name: &str, state: &str, within: Duration) {
        self.wait_for_state_after(0, name, state, within);
    }

    /// The processes whose parent is the daemon's first one.
    pub fn children(&self) -> Vec<Process> {
        children_of(self.pid())
    }

    /// The child whose name or command line has this word.
    #[track_caller]
    pub fn child(&self, word: &str) -> Process {
        let children = self.children();
        children
            .iter()
            .find(|p| p.name.contains(word) || p.command_line.contains(word))
            .cloned()
            .unwrap_or_else(|| panic!("no child {word:?} among {children:#?}"))
    }

    /// What `ipvsd status --json` says.
    #[track_caller]
    pub fn status_json(&self) -> serde_json::Value {
        let text = self.ipvsd(&["status", "--json"]);
        serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e} in the status:\n{text}"))
    }

    /// Runs an `ipvsd` command in the daemon's namespace.
    #[track_caller]
    pub fn ipvsd(&self, arguments: &[&str]) -> String {
        crate::net::run(self.host.command(self.lab.ipvsd()).args(arguments))
    }
}

/// A scenario ends its daemons by asking; what is left over must not disturb
/// the next one in the same guest.
impl Drop for Daemon<'_> {
    fn drop(&mut self) {
        if self.is_running() {
            let children = self.children();
            let _ = self.child.borrow_mut().kill();
            let _ = self.child.borrow_mut().wait();
            for child in children {
                let _ = signal::kill(Pid::from_raw(child.pid), Signal::SIGKILL);
            }
        }
    }
}

/// All that a process has started, and what that has started, and so on.
pub fn descendants_of(ancestor: i32) -> Vec<Process> {
    let mut all = children_of(ancestor);
    let mut next = 0;
    while let Some(process) = all.get(next) {
        let more = children_of(process.pid);
        all.extend(more);
        next += 1;
    }
    all
}

pub fn children_of(parent: i32) -> Vec<Process> {
    let pids = fs::read_dir("/proc").unwrap();
    let pids = pids.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<i32>().ok());
    pids.filter_map(|pid| process(pid, parent)).collect()
}

fn process(pid: i32, parent: i32) -> Option<Process> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name is in parentheses and may hold anything; the rest is words.
    let name = stat[stat.find('(')? + 1..stat.rfind(')')?].to_owned();
    let mut rest = stat[stat.rfind(')')? + 1..].split_whitespace();
    if rest.next()? == "Z" || rest.next()? != parent.to_string() {
        return None;
    }
    let words = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    let command_line = String::from_utf8_lossy(&words)
        .replace('\0', " ")
        .trim()
        .to_owned();
    Some(Process {
        pid,
        name,
        command_line,
    })
}

/// What a daemon printed, line by line with the time of arrival.
pub struct Log {
    lines: Mutex<Vec<(Duration, String)>>,
    more: Condvar,
    file: Mutex<File>,
    started: Instant,
}

impl Log {
    /// An empty one, that the host keeps under this name.
    pub fn create(lab: &Lab, name: &str) -> Arc<Self> {
        let file = File::create(lab.log_file(&format!("{name}.log"))).unwrap();
        Arc::new(Self {
            lines: Mutex::default(),
            more: Condvar::new(),
            file: Mutex::new(file),
            started: lab.started(),
        })
    }

    /// Takes in what comes from a stream until its end.
    pub fn follow(self: &Arc<Self>, stream: impl Read + Send + 'static) {
        let log = self.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(stream).split(b'\n') {
                let Ok(line) = line else { break };
                let line = String::from_utf8_lossy(&line).into_owned();
                let at = log.started.elapsed();
                let _ = writeln!(
                    log.file.lock().unwrap(),
                    "[{:8.3}] {line}",
                    at.as_secs_f64()
                );
                log.lines.lock().unwrap().push((at, line));
                log.more.notify_all();
            }
        });
    }

    /// A place in the log: what comes after it is news.
    pub fn mark(&self) -> usize {
        self.lines.lock().unwrap().len()
    }

    /// The lines after a mark, with the time of each on the scenario's clock.
    pub fn since(&self, mark: usize) -> Vec<(Duration, String)> {
        self.lines.lock().unwrap()[mark..].to_vec()
    }

    /// How many lines contain this text.
    pub fn count(&self, text: &str) -> usize {
        self.lines
            .lock()
            .unwrap()
            .iter()
            .filter(|(_, line)| line.contains(text))
            .count()
    }

    /// Waits for a line with this text after a mark, and returns it.
    #[track_caller]
    pub fn wait_for(&self, mark: usize, text: &str, within: Duration) -> String {
        let end = Instant::now() + within;
        let mut next = mark;
        let mut lines = self.lines.lock().unwrap();
        loop {
            while let Some((_, line)) = lines.get(next) {
                if line.contains(text) {
                    return line.clone();
                }
                next += 1;
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                drop(lines);
                panic!("after {within:?} no line of the log contains {text:?}");
            }
            lines = self.more.wait_timeout(lines, left).unwrap().0;
        }
    }
}
