//! Who runs a script.

use std::collections::HashMap;

use nix::unistd::{Gid, Group, Uid, User};

use crate::config::model::{Model, Script, UserSpec};

/// Who runs scripts where nothing names a user, if there is such a user.
const DEFAULT_USER: &str = "keepalived_script";

/// A user as the kernel knows one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    /// For texts.
    pub name: String,
    pub uid: Uid,
    pub gid: Gid,
}

impl Identity {
    pub fn is_root(&self) -> bool {
        self.uid.is_root()
    }
}

/// The users of one configuration; each is looked up once.
pub(super) struct Users<'a> {
    global: Option<&'a UserSpec>,
    known: HashMap<Option<&'a UserSpec>, Result<Identity, String>>,
}

impl<'a> Users<'a> {
    pub fn new(model: &'a Model) -> Self {
        Users {
            global: model.global.script_user.as_ref(),
            known: HashMap::new(),
        }
    }

    /// Who runs `script`, or why that cannot be said.
    pub fn of(&mut self, script: &'a Script) -> Result<Identity, String> {
        let spec = script.user.as_ref().or(self.global);
        let found = self.known.entry(spec).or_insert_with(|| match spec {
            Some(spec) => look_up(spec),
            None => default_identity(),
        });
        found.clone()
    }
}

fn default_identity() -> Result<Identity, String> {
    match User::from_name(DEFAULT_USER) {
        Ok(None) => Ok(Identity {
            name: "root".to_owned(),
            uid: Uid::from_raw(0),
            gid: Gid::from_raw(0),
        }),
        Ok(Some(user)) => Ok(Identity {
            name: user.name,
            uid: user.uid,
            gid: user.gid,
        }),
        // Not root: whether there is such a user is not known.
        Err(errno) => Err(format!(
            "user `{DEFAULT_USER}` cannot be looked up: {errno}"
        )),
    }
}

/// By name first, as a name may be all digits.
fn look_up(spec: &UserSpec) -> Result<Identity, String> {
    let name = &spec.user;
    let failed = |errno| format!("user `{name}` cannot be looked up: {errno}");
    let number = name.parse().ok().map(Uid::from_raw);
    let mut user = User::from_name(name).map_err(failed)?;
    if let (None, Some(uid)) = (&user, number) {
        user = User::from_uid(uid).map_err(failed)?;
    }
    let uid = user.as_ref().map(|user| user.uid).or(number);
    let uid = uid.ok_or_else(|| format!("user `{name}` does not exist"))?;
    let gid = match (&spec.group, user) {
        (Some(group), _) => group_id(group)?,
        (None, Some(user)) => user.gid,
        // A number that no entry belongs to is a user to the kernel, but says no group.
        (None, None) => {
            return Err(format!(
                "user `{name}` does not exist, and no group is given"
            ));
        }
    };
    Ok(Identity {
        name: name.clone(),
        uid,
        gid,
    })
}

fn group_id(name: &str) -> Result<Gid, String> {
    let group = Group::from_name(name)
        .map_err(|errno| format!("group `{name}` cannot be looked up: {errno}"))?;
    let number = || name.parse().ok().map(Gid::from_raw);
    let gid = group.map(|group| group.gid).or_else(number);
    gid.ok_or_else(|| format!("group `{name}` does not exist"))
}
