//! On processes of the test's own. Root may do all of it.

use std::collections::BTreeSet;
use std::fs;
use std::io::Read as _;
use std::process::{Child, Command, Stdio};

use super::*;

/// Set in a process that is there to be changed.
const INSIDE: &str = "IPVSD_TEST_SCHEDULED";

/// A process of two threads: the one that libtest begins with, and that of the test.
struct Process(Child);

impl Process {
    /// Starts it with the test of this name, which has to call [`is_inside`].
    fn start(test: &str) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "--nocapture", "--test-threads", "2"])
            .arg(format!("sys::scheduling::tests::{test}"))
            .env(INSIDE, "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = String::new();
        let mut stdout = child.stdout.take().unwrap();
        while !said.contains("inside") {
            let mut byte = [0];
            assert_eq!(stdout.read(&mut byte).unwrap(), 1, "{said}");
            said.push(byte[0] as char);
        }
        Process(child)
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(self.0.id().cast_signed())
    }

    /// Of each thread, the first one first: the fields of its stat from the third on
    /// (proc_pid_stat(5)).
    fn stats(&self) -> Vec<Vec<String>> {
        let mut threads = threads(self.pid()).unwrap();
        threads.sort();
        assert!(threads.len() > 1, "{threads:?}");
        let stats = threads.into_iter().map(|thread| {
            let stat = format!("/proc/{}/task/{thread}/stat", self.pid());
            let stat = fs::read_to_string(stat).unwrap();
            let (_, fields) = stat.rsplit_once(')').unwrap();
            fields.split_whitespace().map(str::to_owned).collect()
        });
        stats.collect()
    }

    /// One number of these of each thread, by its number in proc_pid_stat(5).
    fn field(&self, number: usize) -> Vec<i64> {
        let stats = self.stats().into_iter();
        stats.map(|it| it[number - 3].parse().unwrap()).collect()
    }

    fn nice(&self) -> Vec<i64> {
        self.field(19)
    }

    fn policy(&self) -> Vec<i64> {
        self.field(41)
    }

    fn realtime_priority(&self) -> Vec<i64> {
        self.field(40)
    }

    /// A line of /proc/PID/status, without its name.
    fn status(&self, name: &str) -> String {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap_or_default().trim().to_owned()
    }

    /// Soft and hard.
    fn limit(&self, name: &str) -> (String, String) {
        let limits = fs::read_to_string(format!("/proc/{}/limits", self.pid())).unwrap();
        let line = limits.lines().find_map(|line| line.strip_prefix(name));
        let mut words = line.unwrap().split_whitespace().map(str::to_owned);
        (words.next().unwrap(), words.next().unwrap())
    }

    /// On what each thread may run.
    fn processors(&self) -> BTreeSet<String> {
        let lists = threads(self.pid()).unwrap().into_iter().map(|thread| {
            let status = format!("/proc/{}/task/{thread}/status", self.pid());
            let status = fs::read_to_string(status).unwrap();
            let prefix = "Cpus_allowed_list:";
            let line = status.lines().find_map(|line| line.strip_prefix(prefix));
            line.unwrap().trim().to_owned()
        });
        lists.collect()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Whether this is the process that was started; if so, after its end.
fn is_inside() -> bool {
    let inside = std::env::var_os(INSIDE).is_some();
    if inside {
        println!("inside");
        let _ = std::io::stdin().read(&mut [0]);
    }
    inside
}

#[test]
fn each_thing_is_given_and_taken_back() {
    if is_inside() {
        return;
    }
    let process = Process::start("each_thing_is_given_and_taken_back");
    let parent = Parent::this().unwrap();
    let nothing = Scheduling::default();
    let before = (process.nice(), process.processors());
    let rights = process.status("CapEff:");
    let processor = (0..1024)
        .find(|it| parent.processors.is_set(*it) == Ok(true))
        .unwrap();
    let wanted = Scheduling {
        nice: Some(-10),
        realtime: Some(20),
        realtime_limit: Some(Duration::from_secs(2)),
        processors: vec![processor as u16],
        may_lock_memory: false,
    };
    let refused = parent.change(process.pid(), &nothing, &wanted);
    assert!(refused.is_empty(), "{refused:?}");
    assert!(process.nice().iter().all(|nice| *nice == -10));
    // The first thread alone; and what it starts begins without.
    assert_eq!(process.policy()[0], i64::from(libc::SCHED_RR));
    assert_eq!(process.realtime_priority()[0], 20);
    assert!(process.policy()[1..].iter().all(|policy| *policy == 0));
    let first = policy(process.pid()).unwrap();
    assert_eq!(first.policy, libc::SCHED_RR | libc::SCHED_RESET_ON_FORK);
    assert_eq!(process.limit("Max realtime timeout").0, "2000000");
    let expected = Present {
        policy: "RR",
        priority: 20,
        nice: -10,
        processors: vec![processor as u16],
        locked_memory: 0,
    };
    assert_eq!(Present::of(process.pid()).unwrap(), expected);
    assert_eq!(process.processors(), [processor.to_string()].into());
    assert_eq!(process.status("CapEff:"), rights);

    let refused = parent.change(process.pid(), &wanted, &nothing);
    assert!(refused.is_empty(), "{refused:?}");
    assert_eq!((process.nice(), process.processors()), before);
    assert!(process.policy().iter().all(|policy| *policy == 0));
    assert_eq!(process.limit("Max realtime timeout").0, "unlimited");
}

#[test]
fn processors_that_are_not_there_are_told_and_the_others_used() {
    if is_inside() {
        return;
    }
    let process = Process::start("processors_that_are_not_there_are_told_and_the_others_used");
    let parent = Parent::this().unwrap();
    let nothing = Scheduling::default();
    let there = (0..1024)
        .find(|it| parent.processors.is_set(*it) == Ok(true))
        .unwrap() as u16;
    let wanted = |processors: &[u16]| Scheduling {
        processors: processors.to_owned(),
        ..Scheduling::default()
    };
    let refused = parent.change(process.pid(), &nothing, &wanted(&[there, 8190, 8191]));
    assert_eq!(refused.len(), 1, "{refused:?}");
    assert_eq!(
        refused[0].to_string(),
        "processors 8190, 8191 are not there, on the host or in the cgroup's cpuset; it is kept \
         to the others"
    );
    assert_eq!(process.processors(), [there.to_string()].into());

    let refused = parent.change(process.pid(), &nothing, &wanted(&[8191]));
    let told = refused[0].to_string();
    assert!(
        told.contains("cannot keep it") && told.ends_with("has none of them)"),
        "{told}"
    );
}

/// A container's root may often not.
#[test]
fn memory_may_be_locked_without_a_limit_where_core_may_allow_it() {
    if is_inside() {
        return;
    }
    let process = Process::start("memory_may_be_locked_without_a_limit_where_core_may_allow_it");
    let parent = Parent::this().unwrap();
    let nothing = Scheduling::default();
    let wanted = Scheduling {
        may_lock_memory: true,
        ..Scheduling::default()
    };
    let before = process.limit("Max locked memory");
    let refused = parent.change(process.pid(), &nothing, &wanted);
    let unlimited = ("unlimited".to_owned(), "unlimited".to_owned());
    let may = !lacks(Capability::CAP_SYS_RESOURCE) || before == unlimited;
    assert_eq!(refused.is_empty(), may, "{refused:?}");
    let expected = if may { &unlimited } else { &before };
    assert_eq!(&process.limit("Max locked memory"), expected);
    let refused = parent.change(process.pid(), &wanted, &nothing);
    assert!(refused.is_empty(), "{refused:?}");
    assert_eq!(process.limit("Max locked memory"), before);
}

/// Somebody may have used renice(1) and taskset(1).
#[test]
fn what_is_wanted_as_before_is_not_touched() {
    if is_inside() {
        return;
    }
    let process = Process::start("what_is_wanted_as_before_is_not_touched");
    let parent = Parent::this().unwrap();
    set_nice(process.pid(), 7).unwrap();
    let one = Scheduling {
        realtime: Some(1),
        ..Scheduling::default()
    };
    let two = Scheduling {
        realtime: Some(2),
        ..Scheduling::default()
    };
    assert!(parent.change(process.pid(), &one, &two).is_empty());
    assert!(process.nice().iter().all(|nice| *nice == 7));
    assert_eq!(process.realtime_priority()[0], 2);
}

#[test]
fn what_is_refused_is_told_and_the_rest_is_done() {
    if is_inside() {
        return;
    }
    let process = Process::start("what_is_refused_is_told_and_the_rest_is_done");
    let parent = Parent::this().unwrap();
    let wanted = Scheduling {
        nice: Some(-10),
        realtime: Some(20),
        realtime_limit: Some(Duration::from_secs(1)),
        processors: vec![1000],
        may_lock_memory: true,
    };
    let pid = process.pid();
    // Rights are a thread's own.
    let refused = std::thread::spawn(move || {
        for right in [Capability::CAP_SYS_NICE, Capability::CAP_SYS_RESOURCE] {
            caps::drop(None, CapSet::Effective, right).unwrap();
        }
        parent.change(pid, &Scheduling::default(), &wanted)
    });
    let refused = refused.join().unwrap();
    let told: Vec<_> = refused
        .iter()
        .map(|it| (it.option, it.hint.unwrap_or_default()))
        .collect();
    let memory = "CAP_SYS_RESOURCE is missing; LimitMEMLOCK=infinity in the unit file does as well";
    assert_eq!(
        told,
        [
            (
                "cpu_affinity",
                "the host, or the cgroup's cpuset, has none of them"
            ),
            ("priority", "CAP_SYS_NICE is missing"),
            ("rt_priority", "CAP_SYS_NICE is missing"),
            ("no_swap", memory),
        ]
    );
    assert_eq!(
        refused[1].to_string(),
        "cannot give it the nice value -10: Permission denied (os error 13) (CAP_SYS_NICE is missing)"
    );
    assert_eq!(process.limit("Max realtime timeout").0, "1000000");
}

#[test]
fn of_processors_those_are_used_that_are_there() {
    if is_inside() {
        return;
    }
    let process = Process::start("of_processors_those_are_used_that_are_there");
    let parent = Parent::this().unwrap();
    let processor = Present::of(process.pid()).unwrap().processors[0];
    for absent in [1000, 8191] {
        let wanted = Scheduling {
            processors: vec![processor, absent],
            ..Scheduling::default()
        };
        let refused = parent.change(process.pid(), &Scheduling::default(), &wanted);
        assert_eq!(refused.len(), 1);
        assert_eq!(refused[0].option, "cpu_affinity");
        assert_eq!(process.processors(), [processor.to_string()].into());
    }
}

#[test]
fn one_that_has_ended_refuses_nothing() {
    if is_inside() {
        return;
    }
    let mut process = Process::start("one_that_has_ended_refuses_nothing");
    let pid = process.pid();
    process.0.kill().unwrap();
    process.0.wait().unwrap();
    let wanted = Scheduling {
        nice: Some(-1),
        realtime: Some(1),
        realtime_limit: Some(Duration::from_secs(1)),
        processors: vec![0],
        may_lock_memory: true,
    };
    let parent = Parent::this().unwrap();
    let refused = parent.change(pid, &Scheduling::default(), &wanted);
    assert!(refused.is_empty(), "{refused:?}");
    Present::of(pid).unwrap_err();
}
