//! How a child process is scheduled, and what the kernel lets it take: sched(7),
//! setpriority(2), sched_setaffinity(2), prlimit(2). Changed from outside, by its parent:
//! the child itself has given up the right to.

#[cfg(test)]
mod tests;

use std::io;
use std::time::Duration;

use caps::{CapSet, Capability};
use nix::errno::Errno;
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::sys::mman::{MlockAllFlags, mlockall, munlockall};
use nix::sys::resource::{Resource, getrlimit};
use nix::unistd::Pid;

/// What a process has been given beside what it has from its parent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scheduling {
    /// The nice value of all its threads, -20 to 19.
    pub nice: Option<i8>,
    /// SCHED_RR with this priority, 1 to 99, for its first thread alone. What it starts
    /// is scheduled as before (SCHED_RESET_ON_FORK).
    pub realtime: Option<u8>,
    /// The CPU time that its first thread may take under real-time scheduling without
    /// once waiting for anything (RLIMIT_RTTIME, setrlimit(2)), in microseconds. Then the
    /// kernel ends it with SIGXCPU.
    pub realtime_limit: Option<Duration>,
    /// The processors that all its threads may run on, by the numbers of /proc/cpuinfo;
    /// empty is all that the parent has.
    pub processors: Vec<u16>,
    /// It may lock as much memory as it likes (RLIMIT_MEMLOCK). That it does, it has to
    /// do itself: [`lock_memory`].
    pub may_lock_memory: bool,
}

/// Something that a process was to be given and the kernel refuses.
#[derive(Debug, thiserror::Error)]
#[error(
    "{what}{}{}",
    error.as_ref().map(|error| format!(": {error}")).unwrap_or_default(),
    hint.map(|hint| format!(" ({hint})")).unwrap_or_default()
)]
pub struct Refusal {
    /// The end of the word that asks for it in `global_defs`; before it stands whose
    /// process it is: `vrrp_`.
    pub option: &'static str,
    /// What could not be done.
    pub what: String,
    /// None where the rest of what was asked for has been done.
    pub error: Option<io::Error>,
    /// What is missing, where that is known.
    pub hint: Option<&'static str>,
}

/// What this process has, and its children begin with.
#[derive(Clone, Debug)]
pub struct Parent {
    nice: i32,
    policy: Policy,
    processors: CpuSet,
    realtime_limit: Limit,
    memory_limit: Limit,
}

/// A policy and its priority (sched(7)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Policy {
    policy: i32,
    priority: i32,
}

/// A soft and a hard limit (getrlimit(2)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Limit {
    soft: u64,
    hard: u64,
}

impl Parent {
    /// What this process, by its first thread, has now.
    ///
    /// # Errors
    /// None on a Linux that has these calls.
    pub fn this() -> io::Result<Self> {
        let limit = |resource| {
            getrlimit(resource)
                .map(|(soft, hard)| Limit { soft, hard })
                .map_err(io::Error::from)
        };
        let this = Pid::this();
        Ok(Parent {
            nice: nice(this)?,
            policy: policy(this)?,
            processors: sched_getaffinity(this)?,
            realtime_limit: limit(Resource::RLIMIT_RTTIME)?,
            memory_limit: limit(Resource::RLIMIT_MEMLOCK)?,
        })
    }

    /// Gives a child what it is to have in the place of what it was given before. Nothing
    /// is done where both are the same, so that what somebody has changed by hand stays.
    /// What the kernel refuses leaves the rest as wanted. A child that has just ended
    /// refuses nothing.
    pub fn change(&self, child: Pid, before: &Scheduling, wanted: &Scheduling) -> Vec<Refusal> {
        let mut refused = Vec::new();
        let mut note =
            |result: io::Result<()>, option, what: &dyn Fn() -> String, hint: Hint| match result {
                Ok(()) => {}
                Err(error) if error.raw_os_error() == Some(libc::ESRCH) => {}
                Err(error) => refused.push(Refusal {
                    option,
                    what: what(),
                    hint: hint(&error),
                    error: Some(error),
                }),
            };
        let mut absent = Vec::new();
        if before.processors != wanted.processors {
            let result = match wanted.processors.is_empty() {
                true => set_processors(child, &self.processors),
                false => keep_to(child, &wanted.processors).map(|rest| absent = rest),
            };
            let what = || match wanted.processors.is_empty() {
                true => "cannot let it run on all processors".to_owned(),
                false => format!("cannot keep it to the processors {:?}", wanted.processors),
            };
            note(result, "cpu_affinity", &what, processors_hint);
        }
        if before.nice != wanted.nice {
            let value = wanted.nice.map_or(self.nice, i32::from);
            let what = || format!("cannot give it the nice value {value}");
            note(set_nice(child, value), "priority", &what, nice_hint);
        }
        // The limit first: real-time scheduling is never without it.
        if before.realtime_limit != wanted.realtime_limit {
            let limit = match wanted.realtime_limit {
                None => self.realtime_limit,
                Some(limit) => {
                    let micros = u64::try_from(limit.as_micros()).unwrap_or(u64::MAX);
                    let hard = self.realtime_limit.hard;
                    Limit {
                        soft: micros.min(hard),
                        hard,
                    }
                }
            };
            let what = || format!("cannot set RLIMIT_RTTIME to {} us", limit.soft);
            let result = set_limit(child, Resource::RLIMIT_RTTIME, limit);
            note(result, "rlimit_rttime", &what, limit_hint);
        }
        if before.realtime != wanted.realtime {
            let policy = wanted.realtime.map_or(self.policy, |priority| Policy {
                policy: libc::SCHED_RR | libc::SCHED_RESET_ON_FORK,
                priority: i32::from(priority),
            });
            let what = || match wanted.realtime {
                Some(priority) => format!("cannot give it the real-time priority {priority}"),
                None => "cannot take its real-time priority back".to_owned(),
            };
            let result = set_policy(child, policy);
            note(result, "rt_priority", &what, realtime_hint);
        }
        if before.may_lock_memory != wanted.may_lock_memory {
            let limit = match wanted.may_lock_memory {
                true => Limit {
                    soft: libc::RLIM_INFINITY,
                    hard: libc::RLIM_INFINITY,
                },
                false => self.memory_limit,
            };
            let what = || "cannot let it lock its memory (RLIMIT_MEMLOCK)".to_owned();
            let result = set_limit(child, Resource::RLIMIT_MEMLOCK, limit);
            note(result, "no_swap", &what, memory_hint);
        }
        if !absent.is_empty() {
            refused.push(without(&absent));
        }
        refused
    }
}

/// Processors that are not there.
fn without(absent: &[u16]) -> Refusal {
    let numbers: Vec<String> = absent.iter().map(ToString::to_string).collect();
    let (what, are) = match numbers.as_slice() {
        [_] => ("processor", "is"),
        _ => ("processors", "are"),
    };
    let numbers = numbers.join(", ");
    Refusal {
        option: "cpu_affinity",
        what: format!(
            "{what} {numbers} {are} not there, on the host or in the cgroup's cpuset; it is kept \
             to the others"
        ),
        error: None,
        hint: None,
    }
}

/// How a process is scheduled now: by the file, by whoever has changed it since, or by
/// default.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Present {
    /// By its name in sched(7), without `SCHED_`: `OTHER`, `RR`.
    pub policy: &'static str,
    /// 1 to 99 under real-time scheduling, else 0.
    pub priority: i32,
    pub nice: i32,
    /// The processors that its first thread may run on.
    pub processors: Vec<u16>,
    /// Memory that is kept out of swap space, in bytes.
    pub locked_memory: u64,
}

impl Present {
    /// Of the process with this pid.
    ///
    /// # Errors
    /// Where there is none.
    pub fn of(process: Pid) -> io::Result<Self> {
        let Policy { policy, priority } = policy(process)?;
        let set = sched_getaffinity(process)?;
        let all = 0..u16::try_from(CpuSet::count()).unwrap_or(u16::MAX);
        let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
        let locked = status.lines().find_map(|line| line.strip_prefix("VmLck:"));
        let locked = locked.and_then(|text| text.trim().strip_suffix("kB")?.trim().parse().ok());
        Ok(Present {
            policy: match policy & !libc::SCHED_RESET_ON_FORK {
                libc::SCHED_OTHER => "OTHER",
                libc::SCHED_RR => "RR",
                libc::SCHED_FIFO => "FIFO",
                libc::SCHED_BATCH => "BATCH",
                libc::SCHED_IDLE => "IDLE",
                libc::SCHED_DEADLINE => "DEADLINE",
                _ => "unknown",
            },
            priority,
            nice: nice(process)?,
            processors: all
                .filter(|it| set.is_set(usize::from(*it)) == Ok(true))
                .collect(),
            locked_memory: locked.unwrap_or(0_u64) * 1024,
        })
    }
}

/// Keeps all of this process's memory out of swap space, what it will have too; or no
/// longer. False where it may not lock as much as it will ever need: with any limit, what
/// comes later would be refused, and nobody can do without memory (mlockall(2)).
///
/// # Errors
/// Where the kernel refuses it.
pub fn lock_memory(lock: bool) -> io::Result<bool> {
    if !lock {
        return Ok(munlockall().map(|()| true)?);
    }
    if getrlimit(Resource::RLIMIT_MEMLOCK)?.0 != libc::RLIM_INFINITY {
        return Ok(false);
    }
    mlockall(MlockAllFlags::MCL_CURRENT | MlockAllFlags::MCL_FUTURE)?;
    Ok(true)
}

/// What may be missing, by the kernel's answer.
type Hint = fn(&io::Error) -> Option<&'static str>;

fn lacks(capability: Capability) -> bool {
    caps::has_cap(None, CapSet::Effective, capability).is_ok_and(|has| !has)
}

fn is_forbidden(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EPERM | libc::EACCES))
}

fn nice_hint(error: &io::Error) -> Option<&'static str> {
    (is_forbidden(error) && lacks(Capability::CAP_SYS_NICE)).then_some("CAP_SYS_NICE is missing")
}

fn realtime_hint(error: &io::Error) -> Option<&'static str> {
    if !is_forbidden(error) {
        return None;
    }
    match lacks(Capability::CAP_SYS_NICE) {
        true => Some("CAP_SYS_NICE is missing"),
        // A kernel with CONFIG_RT_GROUP_SCHED.
        false => Some("the cgroup has no real-time bandwidth: see cpu.rt_runtime_us in sched(7)"),
    }
}

fn processors_hint(error: &io::Error) -> Option<&'static str> {
    match error.raw_os_error() {
        Some(libc::EINVAL) => Some("the host, or the cgroup's cpuset, has none of them"),
        _ => nice_hint(error),
    }
}

fn limit_hint(error: &io::Error) -> Option<&'static str> {
    (is_forbidden(error) && lacks(Capability::CAP_SYS_RESOURCE))
        .then_some("CAP_SYS_RESOURCE is missing")
}

fn memory_hint(error: &io::Error) -> Option<&'static str> {
    limit_hint(error)
        .map(|_| "CAP_SYS_RESOURCE is missing; LimitMEMLOCK=infinity in the unit file does as well")
}

/// All threads of a process that has just been changed: those it will start are as the
/// one that starts them.
fn threads(process: Pid) -> io::Result<Vec<Pid>> {
    let tasks = std::fs::read_dir(format!("/proc/{process}/task"))?;
    let ids = tasks.filter_map(|task| task.ok()?.file_name().to_str()?.parse().ok());
    Ok(ids.map(Pid::from_raw).collect())
}

/// For the first thread, and then for the others. One that has ended meanwhile is no
/// error.
fn for_all_threads(process: Pid, change: impl Fn(Pid) -> io::Result<()>) -> io::Result<()> {
    change(process)?;
    for thread in threads(process)?.into_iter().filter(|it| *it != process) {
        match change(thread) {
            Err(error) if error.raw_os_error() == Some(libc::ESRCH) => {}
            result => result?,
        }
    }
    Ok(())
}

/// Keeps a process to those of these processors that there are. Which are not is the
/// result.
///
/// # Errors
/// Where none is there, or the kernel refuses.
fn keep_to(process: Pid, processors: &[u16]) -> io::Result<Vec<u16>> {
    let mut set = CpuSet::new();
    for processor in processors {
        // One beyond the largest that such a set can have is not there either.
        let _ = set.set(usize::from(*processor));
    }
    set_processors(process, &set)?;
    let has = sched_getaffinity(process)?;
    let is_there = |it: &u16| has.is_set(usize::from(*it)) == Ok(true);
    let absent = processors.iter().filter(|it| !is_there(it));
    Ok(absent.copied().collect())
}

fn set_processors(process: Pid, set: &CpuSet) -> io::Result<()> {
    for_all_threads(process, |thread| Ok(sched_setaffinity(thread, set)?))
}

fn nice(thread: Pid) -> io::Result<i32> {
    // -1 is a value as well as an error.
    Errno::clear();
    // SAFETY: nothing but numbers goes in and comes out.
    let nice = unsafe { libc::getpriority(libc::PRIO_PROCESS, thread.as_raw().cast_unsigned()) };
    match Errno::last() {
        Errno::UnknownErrno => Ok(nice),
        error => Err(error.into()),
    }
}

fn set_nice(process: Pid, nice: i32) -> io::Result<()> {
    for_all_threads(process, |thread| {
        let thread = thread.as_raw().cast_unsigned();
        // SAFETY: nothing but numbers goes in.
        let result = unsafe { libc::setpriority(libc::PRIO_PROCESS, thread, nice) };
        Errno::result(result).map(drop).map_err(Into::into)
    })
}

fn policy(thread: Pid) -> io::Result<Policy> {
    let mut parameters = libc::sched_param { sched_priority: 0 };
    // SAFETY: the kernel writes a sched_param into one.
    let (policy, got) = unsafe {
        (
            libc::sched_getscheduler(thread.as_raw()),
            libc::sched_getparam(thread.as_raw(), &raw mut parameters),
        )
    };
    Errno::result(got)?;
    Ok(Policy {
        policy: Errno::result(policy)?,
        priority: parameters.sched_priority,
    })
}

fn set_policy(thread: Pid, policy: Policy) -> io::Result<()> {
    let parameters = libc::sched_param {
        sched_priority: policy.priority,
    };
    // SAFETY: the kernel reads a sched_param.
    let result =
        unsafe { libc::sched_setscheduler(thread.as_raw(), policy.policy, &raw const parameters) };
    Errno::result(result).map(drop).map_err(Into::into)
}

fn set_limit(process: Pid, resource: Resource, limit: Limit) -> io::Result<()> {
    let limit = libc::rlimit64 {
        rlim_cur: limit.soft,
        rlim_max: limit.hard,
    };
    // SAFETY: the kernel reads a rlimit64, and writes nothing where the last is null.
    let result = unsafe {
        libc::prlimit64(
            process.as_raw(),
            resource as _,
            &raw const limit,
            std::ptr::null_mut(),
        )
    };
    Errno::result(result).map(drop).map_err(Into::into)
}
