//! The user's programs: who runs them, whether they may be run, and running them.
//!
//! core alone runs them, as root in a runtime of one thread. A program has a session
//! of its own, so that whatever it starts can be ended with it.

mod inspect;
mod output;
mod run;
mod user;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::check::misc::ScriptEnd;
use crate::config::model::{Model, ScriptId};

pub use self::inspect::{ProblemKind, ScriptProblem, inspect};
use self::user::{Identity, Users};

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
        });
        Runner {
            scripts: entries.collect(),
            security: model.global.enable_script_security,
        }
    }

    /// Runs a script with `extra_args` after its own arguments, and kills it when it
    /// takes longer than `timeout`. Everything that it started and that is still in
    /// its process group is killed with it, also when it ended by itself and when this
    /// future is dropped. What it writes goes to the log.
    pub async fn run(&self, id: ScriptId, extra_args: &[String], timeout: Duration) -> ScriptEnd {
        let Some(entry) = self.scripts.get(id.0 as usize) else {
            return ScriptEnd::NotRun(format!("there is no script {}", id.0));
        };
        let (path, identity) = match self.admit(entry) {
            Ok(admitted) => admitted,
            Err(why) => return ScriptEnd::NotRun(why),
        };
        let program = run::Program {
            path: &path,
            arguments: &entry.argv[1..],
            extra: extra_args,
            identity,
        };
        program.run(timeout, &entry.stuck).await
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

/// What a script is called in the log.
fn short_name(path: &Path) -> String {
    let name = path.file_name().unwrap_or(path.as_os_str());
    name.to_string_lossy().into_owned()
}
