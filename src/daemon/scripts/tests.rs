//! They run real programs and, for some, need root.

use std::fs;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nix::sys::signal::{Signal, kill};
use nix::sys::stat::Mode;
use nix::unistd::Pid;
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;
use tokio::time::timeout;

use super::*;
use crate::config::model::{Script, UserSpec};

/// More than anything here takes.
const LONG: Duration = Duration::from_secs(60);

fn model(argv: &[&str], user: Option<&str>) -> Model {
    let user = user.map(|user| UserSpec {
        user: user.to_owned(),
        group: None,
    });
    let argv = argv.iter().map(|word| (*word).to_owned()).collect();
    Model {
        scripts: vec![Script { argv, user }],
        ..Model::default()
    }
}

fn secured(mut model: Model) -> Model {
    model.global.enable_script_security = true;
    model
}

async fn run_as(argv: &[&str], user: &str) -> ScriptEnd {
    let runner = Runner::new(&model(argv, Some(user)));
    runner.run(ScriptId(0), &[], LONG, Leavings::Kill).await
}

async fn run(argv: &[&str]) -> ScriptEnd {
    run_as(argv, "root").await
}

async fn shell(text: &str) -> ScriptEnd {
    run(&["/bin/sh", "-c", text]).await
}

fn why(end: ScriptEnd) -> String {
    match end {
        ScriptEnd::NotRun(why) => why,
        other => panic!("{other:?}"),
    }
}

/// A folder that everyone may look into.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    set_mode(folder.path(), 0o755);
    folder
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("to set the mode");
}

fn write(folder: &Path, name: &str, text: &str, mode: u32) -> PathBuf {
    let path = folder.join(name);
    fs::write(&path, text).expect("to write");
    set_mode(&path, mode);
    path
}

fn text(path: &Path) -> &str {
    path.to_str().expect("text")
}

/// A named pipe through which a script says the number of a process.
struct Told {
    path: PathBuf,
    pipe: pipe::Receiver,
}

impl Told {
    fn new(folder: &Path) -> Self {
        let path = folder.join("told");
        nix::unistd::mkfifo(&path, Mode::S_IRWXU).expect("a named pipe");
        let mut options = pipe::OpenOptions::new();
        // With a writer of our own it does not end.
        let pipe = options.read_write(true).open_receiver(&path);
        Told {
            path,
            pipe: pipe.expect("to open it"),
        }
    }

    async fn pid(&mut self) -> Pid {
        let mut line = String::new();
        while !line.ends_with('\n') {
            let byte = timeout(LONG, self.pipe.read_u8()).await;
            line.push(byte.expect("in time").expect("to read").into());
        }
        Pid::from_raw(line.trim().parse().expect("a number"))
    }
}

async fn ended(pid: Pid) {
    match run::watch(pid) {
        Ok(process) => drop(timeout(LONG, process.readable()).await.expect("to end")),
        // Already reaped.
        Err(error) => assert_eq!(error.raw_os_error(), Some(libc::ESRCH)),
    }
}

/// Hangs with a child of its own, whose number it tells.
const HANG: &str = "trap '' TERM; sleep 1000 & echo $! > \"$1\"; wait; sleep 1000";

#[tokio::test]
async fn a_status_is_told_as_it_is() {
    for status in [0, 1, 2, 255] {
        let end = shell(&format!("exit {status}")).await;
        assert_eq!(end, ScriptEnd::Exited(status));
    }
}

#[tokio::test]
async fn a_signal_that_is_not_ours_is_told() {
    assert_eq!(shell("kill -TERM $$").await, ScriptEnd::Signalled(15));
    assert_eq!(shell("kill -KILL $$").await, ScriptEnd::Signalled(9));
}

#[tokio::test]
async fn a_script_that_hangs_is_killed_with_its_children() {
    let folder = folder();
    let mut told = Told::new(folder.path());
    let argv = ["/bin/sh", "-c", HANG, "sh", text(&told.path)];
    let runner = Runner::new(&model(&argv, Some("root")));
    let limit = Duration::from_secs(2);
    let (end, child) = tokio::join!(
        runner.run(ScriptId(0), &[], limit, Leavings::Kill),
        told.pid()
    );
    assert_eq!(end, ScriptEnd::TimedOut(limit));
    ended(child).await;
}

/// Ends and leaves a child of its own, whose number it tells.
const STARTS: &str = "sleep 1000 > /dev/null & echo $! > \"$1\"";

#[tokio::test]
async fn what_a_notify_script_starts_stays() {
    let folder = folder();
    let mut told = Told::new(folder.path());
    let argv = ["/bin/sh", "-c", STARTS, "sh", text(&told.path)];
    let runner = Arc::new(Runner::new(&model(&argv, Some("root"))));
    let end = runner.run_apart(ScriptId(0), Vec::new(), LONG, Leavings::Spare);
    assert_eq!(end.await, ScriptEnd::Exited(0));
    let started = told.pid().await;
    kill(started, None).expect("it to be there");
    kill(started, Signal::SIGKILL).expect("to end it");
}

#[tokio::test]
async fn a_run_that_is_given_up_is_killed_with_its_children() {
    let folder = folder();
    let mut told = Told::new(folder.path());
    let argv = ["/bin/sh", "-c", HANG, "sh", text(&told.path)];
    let runner = Arc::new(Runner::new(&model(&argv, Some("root"))));
    let mut runs = tokio::task::JoinSet::new();
    runs.spawn(async move { runner.run(ScriptId(0), &[], LONG, Leavings::Kill).await });
    let child = told.pid().await;
    runs.abort_all();
    ended(child).await;
}

#[tokio::test]
async fn a_run_apart_that_is_given_up_is_killed_with_its_children() {
    let folder = folder();
    let mut told = Told::new(folder.path());
    let argv = ["/bin/sh", "-c", HANG, "sh", text(&told.path)];
    let runner = Arc::new(Runner::new(&model(&argv, Some("root"))));
    let mut runs = tokio::task::JoinSet::new();
    runs.spawn(
        runner
            .clone()
            .run_apart(ScriptId(0), Vec::new(), LONG, Leavings::Kill),
    );
    let child = told.pid().await;
    runs.abort_all();
    ended(child).await;

    let limit = Duration::from_millis(300);
    let run = runner.run_apart(ScriptId(0), Vec::new(), limit, Leavings::Kill);
    assert_eq!(run.await, ScriptEnd::TimedOut(limit));
    ended(told.pid().await).await;
}

/// A file that nobody can open while this lives (fcntl(2), leases): whoever executes it
/// waits, as for a disk whose server is gone.
struct Withheld(fs::File);

impl Withheld {
    fn new(path: &Path) -> Self {
        let file = fs::File::options()
            .write(true)
            .open(path)
            .expect("to open it");
        let withheld = Withheld(file);
        // asm-generic/fcntl.h
        const F_SETSIG: i32 = 10;
        // The signal that tells that somebody waits would end this program.
        withheld.ask(F_SETSIG, libc::SIGURG);
        withheld.ask(libc::F_SETLEASE, libc::F_WRLCK);
        withheld
    }

    fn ask(&self, command: i32, argument: i32) {
        // SAFETY: these commands take a number.
        let done = unsafe { libc::fcntl(self.0.as_raw_fd(), command, argument) };
        nix::errno::Errno::result(done).expect("a lease");
    }

    /// By word: the process that waits has the file open too, as it is about to execute.
    fn release(self) {
        self.ask(libc::F_SETLEASE, libc::F_UNLCK);
    }
}

#[tokio::test]
async fn a_program_on_a_disk_that_does_not_answer_holds_nobody_up() {
    let folder = folder();
    let mut told = Told::new(folder.path());
    let told_to = text(&told.path).to_owned();
    let program = write(
        folder.path(),
        "program",
        "#!/bin/sh\necho $$ > \"$1\"\nexec sleep 1000\n",
        0o755,
    );
    let argv = [text(&program), &told_to];
    let runner = Arc::new(Runner::new(&model(&argv, Some("root"))));
    let withheld = Withheld::new(&program);
    let limit = Duration::from_millis(100);
    let run = runner
        .clone()
        .run_apart(ScriptId(0), Vec::new(), limit, Leavings::Kill);
    assert_eq!(run.await, ScriptEnd::TimedOut(limit));

    // Each further run would have another thread wait.
    for since in runner.scripts[0].starting.lock().values_mut() {
        *since = since.checked_sub(SLOW_START).expect("a time before");
    }
    let refused = why(runner
        .clone()
        .run_apart(ScriptId(0), Vec::new(), LONG, Leavings::Kill)
        .await);
    assert!(refused.contains("has not answered"), "{refused}");

    // When it answers at last, it is as before.
    withheld.release();
    while runner.scripts[0].starting.longest().is_some() {
        tokio::task::yield_now().await;
    }
    let run = runner.run_apart(
        ScriptId(0),
        Vec::new(),
        Duration::from_secs(1),
        Leavings::Kill,
    );
    assert_eq!(run.await, ScriptEnd::TimedOut(Duration::from_secs(1)));
    ended(told.pid().await).await;
}

#[tokio::test]
async fn children_left_behind_are_killed() {
    let folder = folder();
    let mut told = Told::new(folder.path());
    let script = "sleep 1000 & echo $! > \"$1\"; exit 3";
    let end = run(&["/bin/sh", "-c", script, "sh", text(&told.path)]).await;
    assert_eq!(end, ScriptEnd::Exited(3));
    ended(told.pid().await).await;
}

#[tokio::test]
async fn a_daemon_that_holds_the_output_open_delays_nothing_and_lives() {
    let folder = folder();
    let mut told = Told::new(folder.path());
    let ready = folder.path().join("ready");
    nix::unistd::mkfifo(&ready, Mode::S_IRWXU).expect("a named pipe");
    // It ends only when the daemon has left its process group.
    let script = "setsid sh -c 'echo $$ > \"$0\"; exec sleep 1000' \"$2\" & \
                  read pid < \"$2\"; echo $pid > \"$1\"";
    let argv = [
        "/bin/sh",
        "-c",
        script,
        "sh",
        text(&told.path),
        text(&ready),
    ];
    assert_eq!(run(&argv).await, ScriptEnd::Exited(0));
    let daemon = told.pid().await;
    let process = run::watch(daemon).expect("it lives");
    let looked = timeout(Duration::ZERO, process.readable()).await;
    assert!(looked.is_err(), "it was killed");
    kill(daemon, Signal::SIGKILL).expect("to end it");
}

#[tokio::test]
async fn a_flood_of_output_holds_nothing_up() {
    let flood = "yes | head -c 10000000; head -c 10000000 /dev/zero >&2; exit 7";
    assert_eq!(shell(flood).await, ScriptEnd::Exited(7));
}

/// What SIGKILL does not end cannot be made here, so one stands in for it that nobody
/// has killed.
#[tokio::test]
async fn what_cannot_be_killed_does_not_pile_up() {
    let runner = Runner::new(&model(&["/bin/true"], Some("root")));
    let mut command = tokio::process::Command::new("/bin/sleep");
    let child = command.arg("1000").process_group(0).spawn();
    let stuck = run::Running::new(child.expect("to start it")).expect("to watch it");
    let process = stuck.pid().expect("to run");
    runner.scripts[0].stuck.keep(stuck);

    let refused = why(runner.run(ScriptId(0), &[], LONG, Leavings::Kill).await);
    assert!(
        refused.contains(&format!("(pid {process}) hangs")),
        "{refused}"
    );
    kill(process, Signal::SIGKILL).expect("to end it");
    ended(process).await;
    let end = runner.run(ScriptId(0), &[], LONG, Leavings::Kill).await;
    assert_eq!(end, ScriptEnd::Exited(0));
}

#[tokio::test]
async fn closed_output_is_not_the_end() {
    let end = shell("exec >/dev/null 2>&1; sleep 0.1; exit 4").await;
    assert_eq!(end, ScriptEnd::Exited(4));
}

#[tokio::test]
async fn arguments_arrive_as_they_are() {
    let script = "[ $# = 4 ] && [ \"$1\" = 'two three' ] && [ \"$2\" = '$HOME;*' ] \
                  && [ -z \"$3\" ] && [ \"$4\" = 'ex tra' ]";
    let argv = ["/bin/sh", "-c", script, "sh", "two three", "$HOME;*", ""];
    let runner = Runner::new(&model(&argv, Some("root")));
    let end = runner
        .run(ScriptId(0), &["ex tra".into()], LONG, Leavings::Kill)
        .await;
    assert_eq!(end, ScriptEnd::Exited(0));
}

#[tokio::test]
async fn nothing_of_ours_is_handed_down() {
    use nix::sys::signal::{SigHandler, signal};
    // SAFETY: ignoring runs no code of ours in a signal's context.
    unsafe { signal(Signal::SIGUSR2, SigHandler::SigIgn) }.expect("to ignore it");
    let null = fs::File::open("/dev/null").expect("to open it");
    let leaked = nix::fcntl::fcntl(&null, nix::fcntl::FcntlArg::F_DUPFD(200)).expect("another");
    assert_ne!(leaked, null.as_raw_fd());
    // Signals 32 and 33 are the C library's, which lets nobody touch them. A shell that
    // waits for a program blocks signals itself, but not the program's.
    let script = format!(
        "[ ! -e /proc/$$/fd/{leaked} ] || exit 10
        [ \"$(readlink /proc/$$/fd/0)\" = /dev/null ] || exit 11
        [ \"$(pwd)\" = / ] || exit 12
        grep -Eq '^SigIgn:[[:space:]]*0{{7}}[01][08]0{{7}}$' /proc/$$/status || exit 13
        grep -q '^SigBlk:[[:space:]]*0*$' /proc/self/status || exit 14
        read -r _ _ _ _ group session _ < /proc/$$/stat
        [ \"$group $session\" = \"$$ $$\" ] || exit 15
        [ -n \"$PATH\" ] || exit 16
        [ \"$(umask)\" = 0077 ] || exit 17
        [ \"$(ulimit -Sn)\" -le 1024 ] || exit 18
        [ -z \"$NOTIFY_SOCKET\" ] || exit 19"
    );
    assert_eq!(shell(&script).await, ScriptEnd::Exited(0));
    nix::unistd::close(leaked).expect("to close it");
}

#[tokio::test]
async fn another_user_runs_it_with_no_group_of_ours() {
    let nobody = nix::unistd::User::from_name("nobody");
    let nobody = nobody.expect("an answer").expect("nobody");
    let (uid, gid) = (nobody.uid, nobody.gid);
    let script = format!(
        "[ \"$(id -u) $(id -g) $(id -G)\" = '{uid} {gid} {gid}' ] && echo hello > /dev/stdout"
    );
    let argv = ["/bin/sh", "-c", &script];
    for name in ["nobody", &uid.to_string()] {
        assert_eq!(run_as(&argv, name).await, ScriptEnd::Exited(0), "{name}");
    }
    let mut model = model(&argv, None);
    model.global.script_user = Some(UserSpec {
        user: "nobody".into(),
        group: Some(gid.to_string()),
    });
    let end = Runner::new(&model)
        .run(ScriptId(0), &[], LONG, Leavings::Kill)
        .await;
    assert_eq!(end, ScriptEnd::Exited(0));
}

#[tokio::test]
async fn without_a_user_nothing_is_run() {
    let end = run_as(&["/bin/true"], "nosuchuser").await;
    assert_eq!(why(end), "user `nosuchuser` does not exist");
    let end = run_as(&["/bin/true"], "4000000").await;
    assert_eq!(
        why(end),
        "user `4000000` does not exist, and no group is given"
    );
    let mut model = model(&["/bin/true"], Some("root"));
    model.scripts[0].user = Some(UserSpec {
        user: "root".into(),
        group: Some("nosuchgroup".into()),
    });
    let end = Runner::new(&model)
        .run(ScriptId(0), &[], LONG, Leavings::Kill)
        .await;
    assert_eq!(why(end), "group `nosuchgroup` does not exist");
}

#[tokio::test]
async fn what_cannot_be_run_says_why() {
    let folder = folder();
    let plain = write(folder.path(), "plain", "#!/bin/sh\n", 0o644);
    let lost = write(folder.path(), "lost", "#!/nonexistent/sh\n", 0o755);
    for (program, expected) in [
        ("/nonexistent/check", "there is no such file"),
        ("nonexistent-check", inspect::NOT_IN_PATH),
        (text(folder.path()), "it is a directory"),
        (text(&plain), "user `root` may not execute it"),
        (
            text(&lost),
            "the interpreter that its first line names does not exist",
        ),
    ] {
        assert_eq!(why(run(&[program]).await), expected, "{program}");
    }
    let own = write(folder.path(), "own", "#!/bin/sh\n", 0o700);
    let end = run_as(&[text(&own)], "nobody").await;
    assert_eq!(why(end), "user `nobody` may not execute it");
}

#[tokio::test]
async fn a_program_without_a_folder_is_found_in_path() {
    assert_eq!(run(&["true"]).await, ScriptEnd::Exited(0));
}

#[tokio::test]
async fn a_script_that_is_being_saved_is_run_a_moment_later() {
    let folder = folder();
    let path = write(folder.path(), "check", "#!/bin/sh\nexit 5\n", 0o755);
    let writer = fs::File::options().append(true).open(&path);
    let writer = writer.expect("to open it");
    let argv = [text(&path)];
    // The run is polled first, up to its first wait.
    let (end, ()) = tokio::join!(biased; run(&argv), async { drop(writer) });
    assert_eq!(end, ScriptEnd::Exited(5));
}

#[tokio::test]
async fn root_runs_nothing_that_others_can_change() {
    let folder = folder();
    let open = folder.path().join("open");
    fs::create_dir(&open).expect("a folder");
    let script = write(&open, "check", "#!/bin/sh\n", 0o755);
    let link = folder.path().join("link");
    symlink(&script, &link).expect("a link");
    let run = async |path: &Path, user: &str| {
        let model = secured(model(&[text(path)], Some(user)));
        Runner::new(&model)
            .run(ScriptId(0), &[], LONG, Leavings::Kill)
            .await
    };
    let refused = |what: &Path, how: &str, remedy: &str| {
        let what = what.display();
        format!(
            "{what} {how}; enable_script_security refuses to run as root what others can \
             change: {remedy} {what}"
        )
    };

    assert_eq!(run(&link, "root").await, ScriptEnd::Exited(0));
    set_mode(&open, 0o777);
    for way in [&script, &link] {
        let expected = refused(&open, "is writable by everyone", "chmod o-w");
        assert_eq!(why(run(way, "root").await), expected);
        assert_eq!(run(way, "nobody").await, ScriptEnd::Exited(0));
    }
    // As /tmp is.
    set_mode(&open, 0o1777);
    assert_eq!(run(&link, "root").await, ScriptEnd::Exited(0));

    set_mode(&script, 0o775);
    assert_eq!(
        run(&link, "root").await,
        ScriptEnd::Exited(0),
        "root's group"
    );
    std::os::unix::fs::chown(&script, None, Some(65534)).expect("to change the group");
    let expected = refused(&script, "is writable by group 65534", "chmod g-w");
    assert_eq!(why(run(&link, "root").await), expected);
    set_mode(&script, 0o777);
    let expected = refused(&script, "is writable by everyone", "chmod go-w");
    assert_eq!(why(run(&link, "root").await), expected);
    set_mode(&script, 0o755);
    std::os::unix::fs::lchown(&link, Some(65534), None).expect("to give it away");
    let expected = refused(&link, "belongs to user 65534", "chown -h root");
    assert_eq!(why(run(&link, "root").await), expected);
}

#[test]
fn problems_are_known_before_anything_is_run() {
    let folder = folder();
    let plain = write(folder.path(), "plain", "", 0o644);
    let own = write(folder.path(), "own", "", 0o700);
    let open = write(folder.path(), "open", "", 0o757);
    let circle = folder.path().join("circle");
    symlink(&circle, &circle).expect("a link");
    let problems = |program: &str, user| inspect(&model(&[program], Some(user)));
    for (program, user, expected) in [
        ("/bin/true", "root", None),
        ("/bin/true", "nosuchuser", Some(ProblemKind::User)),
        ("/nonexistent/check", "root", Some(ProblemKind::Absent)),
        ("/bin/true/check", "root", Some(ProblemKind::Absent)),
        ("nonexistent-check", "root", Some(ProblemKind::Absent)),
        ("true", "root", Some(ProblemKind::Relative)),
        (text(folder.path()), "root", Some(ProblemKind::NotAFile)),
        ("/dev/null", "root", Some(ProblemKind::NotAFile)),
        (text(&circle), "root", Some(ProblemKind::Unreadable)),
        (text(&plain), "root", Some(ProblemKind::NotExecutable)),
        (text(&own), "root", None),
        (text(&own), "nobody", Some(ProblemKind::NotExecutable)),
        (text(&open), "root", Some(ProblemKind::Unsafe)),
        (text(&open), "nobody", None),
    ] {
        let found = problems(program, user);
        let kinds: Vec<_> = found.iter().map(|found| found.problem).collect();
        assert_eq!(kinds, Vec::from_iter(expected), "{program} {user}");
    }

    let told = problems("/nonexistent/check", "root")[0].to_string();
    assert_eq!(told, "script `/nonexistent/check`: there is no such file");
    let told = problems(text(&open), "root")[0].to_string();
    let expected = format!("chmod o-w {}", open.display());
    assert!(told.ends_with(&expected), "{told}");
    let refused = inspect(&secured(model(&[text(&open)], Some("root"))));
    assert!(refused[0].text.contains("refuses"), "{refused:?}");
}

#[test]
fn a_problem_is_told_once() {
    let mut model = model(&["/nonexistent/check", "one"], None);
    let mut other = model.scripts[0].clone();
    other.argv[1] = "two".to_owned();
    model.scripts.push(other);
    assert_eq!(inspect(&model).len(), 1);
}
