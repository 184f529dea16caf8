//! One run of one program.

use std::future::pending;
use std::io;
use std::os::fd::{AsFd, FromRawFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::{SigSet, SigmaskHow, Signal, killpg, sigprocmask};
use nix::sys::stat::{Mode, umask};
use nix::unistd::Pid;
use tokio::io::AsyncReadExt;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::net::unix::pipe;
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

use super::Leavings;
use super::output::Lines;
use super::user::Identity;
use crate::check::misc::ScriptEnd;

/// How long the end of a killed program, and the end of the output of an ended one, is
/// waited for. A process that hangs in the kernel does not die of SIGKILL, and one that
/// has left the process group may hold the pipe for ever.
const GRACE: Duration = Duration::from_millis(100);

/// How often and how long apart it is tried to run a file that someone is writing to.
/// Without it, saving a script could take a real server out.
const BUSY: (u32, Duration) = (10, Duration::from_millis(20));

/// What the environment says to us and not to what we run: who has these may speak to
/// systemd in our name (sd_notify(3), sd_listen_fds(3)).
const OURS: [&str; 8] = [
    "NOTIFY_SOCKET",
    "WATCHDOG_USEC",
    "WATCHDOG_PID",
    "LISTEN_FDS",
    "LISTEN_PID",
    "LISTEN_FDNAMES",
    "JOURNAL_STREAM",
    "MAINPID",
];

/// How many files a program may have open unless it asks for more. core has asked for
/// more; a program that uses select(2), or closes all that it might have, must not.
const DESCRIPTORS: u64 = 1024;

/// A program's files are its user's alone. keepalived has 0177, with which not even
/// this user can look into the folders that it makes.
const UMASK: Mode = Mode::S_IRWXG.union(Mode::S_IRWXO);

/// What is to be run.
pub(super) struct Program<'a> {
    /// Absolute.
    pub path: &'a Path,
    pub arguments: &'a [String],
    pub extra: &'a [String],
    pub identity: &'a Identity,
    pub leavings: Leavings,
}

impl Program<'_> {
    /// Runs it to its end, or until `limit` has passed. What does not even die of
    /// SIGKILL is left in `stuck`, and until it has ended nothing more is run.
    /// `starting` lasts until it has started.
    pub async fn run(
        &self,
        limit: Duration,
        stuck: &Stuck,
        starting: super::Beginning<'_>,
    ) -> ScriptEnd {
        if let Some(pid) = stuck.pid() {
            return ScriptEnd::NotRun(format!(
                "an earlier run of it (pid {pid}) hangs in the kernel and cannot be killed"
            ));
        }
        let (mut running, mut output) = match self.start().await {
            Ok(started) => started,
            Err(error) => return ScriptEnd::NotRun(self.explain(&error)),
        };
        drop(starting);
        let by_itself = tokio::select! {
            // Of an end and a time limit at the same moment, the end counts.
            biased;
            () = running.ended() => true,
            () = sleep(limit) => false,
            () = async { output.tell().await; pending().await } => false,
        };
        let spared = by_itself && self.leavings == Leavings::Spare;
        if spared {
            running.spare_group();
        } else {
            running.kill_group();
        }
        let status = running.reap().await;
        let _ = timeout(GRACE, output.tell()).await;
        output.finish();
        if spared && !output.ended {
            // Who still writes must find somebody who reads, or dies of it.
            tokio::spawn(async move { output.tell().await });
        }
        if status.is_err() {
            stuck.keep(running);
        }
        match (by_itself, status) {
            (false, _) => ScriptEnd::TimedOut(limit),
            (true, Ok(status)) => end(status),
            (true, Err(error)) => ScriptEnd::NotRun(format!("its end is not known: {error}")),
        }
    }

    async fn start(&self) -> io::Result<(Running, Output)> {
        let (reader, writer) = io::pipe()?;
        // /dev/stdout is this pipe to the script, and it can only open what is its own.
        let Identity { uid, gid, .. } = self.identity;
        let _ = nix::unistd::fchown(writer.as_fd(), Some(*uid), Some(*gid));
        let mut command = self.command(writer)?;
        let mut tries = 1;
        let child = loop {
            match command.spawn() {
                Err(error) if error.kind() == io::ErrorKind::ExecutableFileBusy => {
                    if tries == BUSY.0 {
                        return Err(error);
                    }
                    tries += 1;
                    sleep(BUSY.1).await;
                }
                spawned => break spawned?,
            }
        };
        // It holds the pipe's other end, without whose end there is none here.
        drop(command);
        let running = Running::new(child)?;
        let output = Output {
            pipe: pipe::Receiver::from_owned_fd(reader.into())?,
            name: super::short_name(self.path),
            lines: Lines::default(),
            ended: false,
        };
        Ok((running, output))
    }

    fn command(&self, writer: io::PipeWriter) -> io::Result<Command> {
        let Identity { uid, gid, .. } = *self.identity;
        let mut command = Command::new(self.path);
        command
            .args(self.arguments)
            .args(self.extra)
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(writer.try_clone()?)
            .stderr(writer);
        for name in OURS {
            command.env_remove(name);
        }
        if std::env::var_os("PATH").is_none() {
            command.env("PATH", super::inspect::DEFAULT_PATH);
        }
        if (uid, gid) != (nix::unistd::geteuid(), nix::unistd::getegid()) {
            // Where we are root this clears the supplementary groups too.
            command.uid(uid.as_raw()).gid(gid.as_raw());
        }
        let parent = Pid::this();
        // SAFETY: it only makes system calls, all of them async-signal-safe.
        unsafe { command.pre_exec(move || in_child(parent)) };
        Ok(command)
    }

    /// Why it could not be started.
    fn explain(&self, error: &io::Error) -> String {
        let user = &self.identity.name;
        match error.raw_os_error().map(Errno::from_raw) {
            Some(Errno::ENOENT) if self.path.exists() => {
                "the interpreter that its first line names does not exist".to_owned()
            }
            Some(Errno::EACCES) if self.path.is_dir() => super::inspect::DIRECTORY.to_owned(),
            Some(Errno::EACCES) => super::inspect::not_executable(user),
            Some(Errno::EPERM) => format!("it cannot be run as user `{user}`: {error}"),
            Some(_) => super::inspect::cannot_follow(error),
            None => error.to_string(),
        }
    }
}

/// Between fork and exec, as the user that runs the program.
fn in_child(parent: Pid) -> io::Result<()> {
    // A process group of its own, which can be killed as a whole, and no terminal.
    nix::unistd::setsid()?;
    // An ignored signal would stay ignored in the program.
    for signal in 1..=libc::SIGRTMAX() {
        // SAFETY: the default action runs no code of ours. SIGKILL, SIGSTOP and the
        // C library's own cannot be set, which is no harm.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
    sigprocmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::empty()), None)?;
    umask(UMASK);
    // A limit that cannot be lowered is no reason not to run.
    if let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) {
        let _ = setrlimit(Resource::RLIMIT_NOFILE, soft.min(DESCRIPTORS), hard);
    }
    // Ours are all close-on-exec; what we were started with may not be. The kernel
    // knows it since 5.9, and before that there is nothing better.
    // SAFETY: it takes three numbers, and closes nothing before the exec.
    unsafe {
        libc::syscall(
            libc::SYS_close_range,
            3,
            u32::MAX,
            libc::CLOSE_RANGE_CLOEXEC,
        )
    };
    // After the change of user, which would unset it. Only the leader dies with us.
    nix::sys::prctl::set_pdeathsig(Signal::SIGKILL)?;
    if nix::unistd::getppid() != parent {
        return Err(Errno::ESRCH.into());
    }
    Ok(())
}

fn end(status: ExitStatus) -> ScriptEnd {
    match (status.code(), status.signal()) {
        // The kernel keeps eight bits.
        (Some(code), _) => ScriptEnd::Exited(code as u8),
        (None, Some(signal)) => ScriptEnd::Signalled(signal),
        (None, None) => ScriptEnd::NotRun(format!("its end is not known: {status}")),
    }
}

/// A started program. Its process group is killed when this is dropped.
#[derive(Debug)]
pub(super) struct Running {
    child: Child,
    /// Readable once the leader has ended.
    leader: AsyncFd<OwnedFd>,
    /// None once it has been killed.
    group: Option<Pid>,
}

impl Running {
    pub(super) fn new(mut child: Child) -> io::Result<Self> {
        let pid = child.id().ok_or(Errno::ESRCH)?;
        // Its leader has made it.
        let group = Pid::from_raw(pid.cast_signed());
        match watch(group) {
            Ok(leader) => Ok(Running {
                child,
                leader,
                group: Some(group),
            }),
            Err(error) => {
                let _ = killpg(group, Signal::SIGKILL);
                let _ = child.try_wait();
                Err(error)
            }
        }
    }

    /// None once it has been reaped.
    pub(super) fn pid(&self) -> Option<Pid> {
        self.child.id().map(|pid| Pid::from_raw(pid.cast_signed()))
    }

    /// Waits until the leader has ended, and leaves it to be reaped: until then, no
    /// other process group can have its number.
    async fn ended(&self) {
        let _ = self.leader.readable().await;
    }

    /// Nothing of it is killed any more.
    fn spare_group(&mut self) {
        self.group = None;
    }

    fn kill_group(&mut self) {
        if let Some(group) = self.group.take() {
            // Of an empty group there is nothing to kill, and it says so.
            let _ = killpg(group, Signal::SIGKILL);
        }
    }

    /// If it takes too long, the runtime reaps it some time later.
    async fn reap(&mut self) -> io::Result<ExitStatus> {
        timeout(GRACE, self.child.wait()).await?
    }
}

/// A run that has been killed and does not end, as of a program on a file system whose
/// server is gone. To start another each time would pile them up for as long as it
/// lasts.
#[derive(Debug, Default)]
pub(super) struct Stuck(Mutex<Option<Running>>);

impl Stuck {
    /// The process of it that is still there.
    fn pid(&self) -> Option<Pid> {
        let mut stuck = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let pid = match stuck.as_mut()?.child.try_wait() {
            Ok(None) => stuck.as_ref().and_then(Running::pid),
            _ => None,
        };
        if pid.is_none() {
            *stuck = None;
        }
        pid
    }

    pub(super) fn keep(&self, running: Running) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(running);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill_group();
    }
}

/// Something that is readable once the process has ended.
pub(super) fn watch(pid: Pid) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: it takes two numbers.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid.as_raw(), 0) };
    let fd = Errno::result(fd)?;
    let fd = i32::try_from(fd).map_err(io::Error::other)?;
    // SAFETY: it was just opened, close-on-exec, and nobody else has it.
    let fd = unsafe { OwnedFd::from_raw_fd(fd) };
    // SAFETY: the descriptor stays open as long as what it is in.
    unsafe { AsyncFd::register_with_interest(fd, Interest::READABLE) }.map_err(Into::into)
}

/// What the program writes.
struct Output {
    pipe: pipe::Receiver,
    name: String,
    lines: Lines,
    ended: bool,
}

impl Output {
    /// Logs it until nobody can write any more.
    async fn tell(&mut self) {
        let mut buffer = [0; 16 * 1024];
        while !self.ended {
            match self.pipe.read(&mut buffer).await {
                Ok(0) | Err(_) => self.ended = true,
                Ok(read) => {
                    let name = &self.name;
                    let mut tell = |line: &str| tracing::info!("{name}: {line}");
                    self.lines.take(&buffer[..read], &mut tell);
                }
            }
        }
    }

    fn finish(&mut self) {
        let name = &self.name;
        self.lines.end(&mut |line| tracing::info!("{name}: {line}"));
    }
}
