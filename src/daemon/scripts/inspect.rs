//! What is wrong with the scripts of a configuration before any of them is run.

use std::env;
use std::ffi::OsString;
use std::fmt;
use std::fs::Metadata;
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Component, Path, PathBuf};

use nix::errno::Errno;
use serde::Serialize;

use super::user::{Identity, Users};
use crate::config::model::Model;

pub(super) const NOT_IN_PATH: &str = "no folder of PATH has it";
pub(super) const DIRECTORY: &str = "it is a directory";
/// Where programs are looked for when the environment does not say.
pub(super) const DEFAULT_PATH: &str =
    "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// As many symbolic links as the kernel follows.
const LINKS: usize = 40;

/// Something that is wrong with a script.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ScriptProblem {
    /// The program as the configuration names it.
    pub script: String,
    /// For programs.
    pub problem: ProblemKind,
    /// What is wrong and, where that is not plain, what helps.
    pub text: String,
}

/// What kind of thing is wrong with a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProblemKind {
    /// Its user or group cannot be found.
    User,
    /// There is no such file.
    Absent,
    /// It cannot be looked at.
    Unreadable,
    /// A directory, or something else that is no program.
    NotAFile,
    /// Its user may not execute it.
    NotExecutable,
    /// Root would run it and others than root can change it.
    Unsafe,
    /// It is not named by its full path.
    Relative,
}

impl ProblemKind {
    /// The stable name, as a code of `ipvsd check`.
    pub fn code(self) -> &'static str {
        match self {
            ProblemKind::User => "script-user",
            ProblemKind::Absent => "script-absent",
            ProblemKind::Unreadable => "script-unreadable",
            ProblemKind::NotAFile => "script-not-a-file",
            ProblemKind::NotExecutable => "script-not-executable",
            ProblemKind::Unsafe => "script-unsafe",
            ProblemKind::Relative => "script-relative",
        }
    }
}

impl fmt::Display for ScriptProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "script `{}`: {}", self.script, self.text)
    }
}

/// Everything that is wrong with the scripts of `model`, each thing once; also with those
/// that are not run yet.
pub fn inspect(model: &Model) -> Vec<ScriptProblem> {
    let mut users = Users::new(model);
    let mut problems = Vec::new();
    let later = model.later_scripts();
    for script in model.scripts.iter().chain(&later) {
        let name = script.argv.first().map_or("", String::as_str);
        let mut found = |problem, text| {
            let problem = ScriptProblem {
                script: name.to_owned(),
                problem,
                text,
            };
            // The same program with other arguments has the same problems.
            if !problems.contains(&problem) {
                problems.push(problem);
            }
        };
        let identity = users.of(script);
        if let Err(why) = &identity {
            let text = match &script.user {
                Some(_) => format!(
                    "{why}; where it is meant as an argument, quotes belong around the whole command"
                ),
                None => why.clone(),
            };
            found(ProblemKind::User, text);
        }
        let Some(path) = find(name) else {
            found(ProblemKind::Absent, NOT_IN_PATH.to_owned());
            continue;
        };
        if !name.starts_with('/') {
            let text = format!("{} is run: name it by its full path", path.display());
            found(ProblemKind::Relative, text);
        }
        let way = match follow(&path) {
            Ok(way) => way,
            Err(error) => {
                found(kind_of(&error), cannot_follow(&error));
                continue;
            }
        };
        let file = way.last().map(|step| &step.metadata);
        if file.is_some_and(|file| !file.is_file()) {
            let directory = file.is_some_and(Metadata::is_dir);
            let text = if directory {
                DIRECTORY
            } else {
                "it is not a file"
            };
            found(ProblemKind::NotAFile, text.to_owned());
            continue;
        }
        let Ok(identity) = identity else { continue };
        if !way.iter().all(|step| step.lets_through(&identity)) {
            found(ProblemKind::NotExecutable, not_executable(&identity.name));
        }
        if let (true, Some(weakness)) = (identity.is_root(), weakness(&way)) {
            let text = match model.global.enable_script_security {
                true => weakness.refusal(),
                false => weakness.warning(),
            };
            found(ProblemKind::Unsafe, text);
        }
    }
    problems
}

/// The absolute path of a program: as it is, or found in PATH, as keepalived does.
pub(super) fn find(program: &str) -> Option<PathBuf> {
    if program.contains('/') {
        // Programs are run in `/`.
        return Some(Path::new("/").join(program));
    }
    let path = env::var_os("PATH").unwrap_or_else(|| DEFAULT_PATH.into());
    let mut candidates = env::split_paths(&path).map(|folder| {
        let folder = Path::new("/").join(folder);
        folder.join(program)
    });
    candidates.find(|candidate| {
        let metadata = candidate.metadata();
        metadata.is_ok_and(|it| it.is_file() && it.permissions().mode() & 0o111 != 0)
    })
}

/// A folder, symbolic link or file on the way to a program.
#[derive(Debug)]
pub(super) struct Step {
    path: PathBuf,
    metadata: Metadata,
}

impl Step {
    fn of(path: &Path) -> io::Result<Self> {
        Ok(Step {
            path: path.to_owned(),
            metadata: path.symlink_metadata()?,
        })
    }

    /// Whether this user may go through the folder or execute the file. Access control
    /// lists are not looked at: it is for a warning, and the exec itself decides.
    fn lets_through(&self, identity: &Identity) -> bool {
        let mode = self.metadata.mode();
        let is_file = self.metadata.is_file();
        if self.metadata.is_symlink() {
            true
        } else if identity.is_root() {
            !is_file || mode & 0o111 != 0
        } else if self.metadata.uid() == identity.uid.as_raw() {
            mode & 0o100 != 0
        } else if self.metadata.gid() == identity.gid.as_raw() {
            mode & 0o010 != 0
        } else {
            mode & 0o001 != 0
        }
    }
}

/// All that is passed on the way from `/` to an absolute path's file, symbolic links
/// and what they lead through included.
pub(super) fn follow(path: &Path) -> io::Result<Vec<Step>> {
    let components = |path: &Path| -> Vec<OsString> {
        let parts = path.components().rev();
        parts.map(|part| part.as_os_str().to_owned()).collect()
    };
    let mut at = PathBuf::from("/");
    let mut steps = vec![Step::of(&at)?];
    // The next is the last.
    let mut rest = components(path);
    let mut links = 0;
    while let Some(next) = rest.pop() {
        match Path::new(&next).components().next() {
            Some(Component::RootDir) => at = PathBuf::from("/"),
            // No symbolic link is left in it, so this is the folder above.
            Some(Component::ParentDir) => {
                at.pop();
            }
            Some(Component::Normal(name)) => {
                at.push(name);
                let step = Step::of(&at)?;
                if step.metadata.is_symlink() {
                    links += 1;
                    if links > LINKS {
                        return Err(Errno::ELOOP.into());
                    }
                    rest.extend(components(&at.read_link()?));
                    at.pop();
                }
                steps.push(step);
            }
            _ => {}
        }
    }
    Ok(steps)
}

/// Where on the way to a program others than root can put something of theirs.
#[derive(Debug)]
pub(super) struct Weakness {
    /// "/opt/checks is writable by everyone".
    what: String,
    /// "chmod o-w /opt/checks".
    remedy: String,
}

impl Weakness {
    /// With enable_script_security.
    pub fn refusal(&self) -> String {
        let Weakness { what, remedy } = self;
        format!(
            "{what}; enable_script_security refuses to run as root what others can change: {remedy}"
        )
    }

    /// Without.
    fn warning(&self) -> String {
        let Weakness { what, remedy } = self;
        format!("{what}, so that others than root can change what root runs: {remedy}")
    }
}

/// The first one. Root's own group counts as root, as it does to keepalived.
pub(super) fn weakness(way: &[Step]) -> Option<Weakness> {
    way.iter().find_map(|Step { path, metadata }| {
        let path = path.display();
        if metadata.uid() != 0 {
            return Some(Weakness {
                what: format!("{path} belongs to user {}", metadata.uid()),
                remedy: format!("chown -h root {path}"),
            });
        }
        let mode = metadata.mode();
        // A link's mode means nothing. In a folder with the sticky bit, what belongs
        // to root can only be replaced by root.
        if metadata.is_symlink() || (metadata.is_dir() && mode & 0o1000 != 0) {
            return None;
        }
        let group = mode & 0o020 != 0 && metadata.gid() != 0;
        let (whom, bits) = match (group, mode & 0o002 != 0) {
            (false, false) => return None,
            (true, false) => (format!("group {}", metadata.gid()), "g"),
            (false, true) => ("everyone".to_owned(), "o"),
            (true, true) => ("everyone".to_owned(), "go"),
        };
        Some(Weakness {
            what: format!("{path} is writable by {whom}"),
            remedy: format!("chmod {bits}-w {path}"),
        })
    })
}

fn kind_of(error: &io::Error) -> ProblemKind {
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => ProblemKind::Absent,
        _ => ProblemKind::Unreadable,
    }
}

/// Why a program's file cannot be had.
pub(super) fn cannot_follow(error: &io::Error) -> String {
    match kind_of(error) {
        ProblemKind::Absent => "there is no such file".to_owned(),
        _ => error.to_string(),
    }
}

pub(super) fn not_executable(user: &str) -> String {
    format!("user `{user}` may not execute it")
}
