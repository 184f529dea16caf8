//! The user's programs: who runs them, whether they may be run, and running them.
//!
//! core alone runs them, as root. A program has a session of its own, so that whatever
//! it starts can be ended with it.
//!
//! core's own thread starts none: looking for a program and executing it wait for its
//! disk, which may be a server in the network that is gone. Each run has a thread for
//! as long as it lasts, which is also what the kernel looks at when it kills a program
//! with the thread that started it (PR_SET_PDEATHSIG, prctl(2)).

mod inspect;
mod output;
mod run;
mod user;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::task::spawn_blocking;

use crate::check::misc::ScriptEnd;
use crate::config::model::{Model, ScriptId};

pub use self::inspect::{ProblemKind, ScriptProblem, inspect};
use self::user::{Identity, Users};

/// How much longer than its own limit a run may take to be over, with the programs
/// killed and what they wrote told. What takes longer has not even started.
const LATE: Duration = Duration::from_secs(1);

/// How long a program may take to start before no other run of it is tried: each would
/// have another thread wait for the same disk.
const SLOW_START: Duration = Duration::from_secs(5);

/// Runs the scripts of one configuration.
#[derive(Debug)]
pub struct Runner {
    scripts: Vec<Entry>,
    /// `enable_script_security`.
    security: bool,
}

#[derive(Debug)]
struct Entry {
    argv: Vec<String>,
    /// Or why nobody can run it.
    identity: Result<Identity, String>,
    stuck: run::Stuck,
    starting: Starting,
}

/// What becomes of processes that a script has started, when it has ended by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leavings {
    /// They are killed: what a check leaves behind belongs to no result any more, and
    /// with each run there would be more of it (keepalived issue #429). Whoever wants to
    /// stay calls setsid, as daemons do.
    Kill,
    /// They stay: a notify script may be there to start something.
    Spare,
}

impl Runner {
    /// For the scripts of `model`. Users are looked up here and never again: a lookup
    /// may ask a server in the network, and must not delay a check.
    pub fn new(model: &Model) -> Self {
        let mut users = Users::new(model);
        let entries = model.scripts.iter().map(|script| Entry {
            argv: script.argv.clone(),
            identity: users.of(script),
            stuck: run::Stuck::default(),
            starting: Starting::default(),
        });
        Runner {
            scripts: entries.collect(),
            security: model.global.enable_script_security,
        }
    }

    /// What a script is called in the log.
    pub fn name(&self, id: ScriptId) -> String {
        let program = self
            .scripts
            .get(id.0 as usize)
            .and_then(|it| it.argv.first());
        match program {
            Some(program) => short_name(Path::new(program)),
            None => format!("script {}", id.0),
        }
    }

    /// As [`run`](Self::run), on a thread of its own: the caller's does not wait for a
    /// disk. A run that has not even been able to start when its time is over is given
    /// up.
    pub async fn run_apart(
        self: Arc<Self>,
        id: ScriptId,
        extra_args: Vec<String>,
        timeout: Duration,
        leavings: Leavings,
    ) -> ScriptEnd {
        let runtime = Handle::current();
        // Dropped with this future, which ends the run.
        let (_wanted, given_up) = oneshot::channel::<()>();
        let run = spawn_blocking(move || {
            runtime.block_on(async {
                tokio::select! {
                    biased;
                    _ = given_up => ScriptEnd::NotRun("it is no longer wanted".into()),
                    end = self.run(id, &extra_args, timeout, leavings) => end,
                }
            })
        });
        match tokio::time::timeout(timeout.saturating_add(LATE), run).await {
            Ok(Ok(end)) => end,
            Ok(Err(error)) => ScriptEnd::NotRun(format!("its end is not known: {error}")),
            Err(_) => ScriptEnd::TimedOut(timeout),
        }
    }

    /// Runs a script with `extra_args` after its own arguments, and kills it when it
    /// takes longer than `timeout`. Everything that it started and that is still in
    /// its process group is killed with it, also when this future is dropped; what
    /// happens to it when the script has ended by itself, `leavings` says. What it
    /// writes goes to the log.
    pub async fn run(
        &self,
        id: ScriptId,
        extra_args: &[String],
        timeout: Duration,
        leavings: Leavings,
    ) -> ScriptEnd {
        let Some(entry) = self.scripts.get(id.0 as usize) else {
            return ScriptEnd::NotRun(format!("there is no script {}", id.0));
        };
        if let Some(since) = entry.starting.longest()
            && since >= SLOW_START
        {
            return ScriptEnd::NotRun(format!(
                "the disk that it is on has not answered an earlier run for {} s",
                since.as_secs()
            ));
        }
        let starting = entry.starting.begin();
        let (path, identity) = match self.admit(entry) {
            Ok(admitted) => admitted,
            Err(why) => return ScriptEnd::NotRun(why),
        };
        let program = run::Program {
            path: &path,
            arguments: &entry.argv[1..],
            extra: extra_args,
            identity,
            leavings,
        };
        program.run(timeout, &entry.stuck, starting).await
    }

    /// The program's file and who runs it, or why it is not run.
    fn admit<'a>(&self, entry: &'a Entry) -> Result<(PathBuf, &'a Identity), String> {
        let identity = entry.identity.as_ref().map_err(String::clone)?;
        let name = entry.argv.first().map_or("", String::as_str);
        let path = inspect::find(name).ok_or_else(|| inspect::NOT_IN_PATH.to_owned())?;
        if self.security && identity.is_root() {
            // Each time: permissions change without a reload. Nobody but root can
            // change what has passed, so nothing changes between this and the exec.
            let way = inspect::follow(&path).map_err(|error| inspect::cannot_follow(&error))?;
            if let Some(weakness) = inspect::weakness(&way) {
                return Err(weakness.refusal());
            }
        }
        Ok((path, identity))
    }
}

/// The runs of a script that look for their program or execute it at this moment, by
/// their numbers: when they began.
#[derive(Debug, Default)]
struct Starting(Mutex<BTreeMap<u64, Instant>>);

impl Starting {
    fn begin(&self) -> Beginning<'_> {
        let mut all = self.lock();
        let number = all.last_key_value().map_or(0, |(last, _)| last + 1);
        all.insert(number, Instant::now());
        Beginning { all: self, number }
    }

    /// How long the longest of them has taken by now.
    fn longest(&self) -> Option<Duration> {
        self.lock().values().map(Instant::elapsed).max()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One of them; it has started, or will not, when this is dropped.
struct Beginning<'a> {
    all: &'a Starting,
    number: u64,
}

impl Drop for Beginning<'_> {
    fn drop(&mut self) {
        self.all.lock().remove(&self.number);
    }
}

/// What a script is called in the log.
fn short_name(path: &Path) -> String {
    let name = path.file_name().unwrap_or(path.as_os_str());
    name.to_string_lossy().into_owned()
}
