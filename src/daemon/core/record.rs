//! The record of the virtual servers that are ours.
//!
//! The kernel has no owner tag, so that it must be written down what ipvsd has made:
//! ahead of making it, and where it outlives every process of ipvsd. A record of
//! another boot or of another network namespace says nothing about this table.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::lvs::ServiceKey;
use crate::lvs::settings::Held;

/// The record in its file.
#[derive(Debug)]
pub struct OwnedRecord {
    path: PathBuf,
    content: Content,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Content {
    boot_id: String,
    /// Inode of the network namespace.
    net_namespace: u64,
    services: BTreeSet<ServiceKey>,
    /// What is changed beside the table.
    #[serde(default)]
    held: Held,
}

impl OwnedRecord {
    /// Reads the record at `path`. One that is absent, damaged or of another boot or
    /// namespace is empty; the reason comes with it where people should know.
    pub fn read(path: PathBuf, boot_id: String, net_namespace: u64) -> (Self, Option<String>) {
        let empty = Content {
            boot_id,
            net_namespace,
            services: BTreeSet::new(),
            held: Held::default(),
        };
        let (content, problem) = match std::fs::read(&path) {
            Ok(bytes) => match serde_json::from_slice::<Content>(&bytes) {
                Ok(found)
                    if found.boot_id == empty.boot_id
                        && found.net_namespace == empty.net_namespace =>
                {
                    (found, None)
                }
                Ok(found) if found.boot_id == empty.boot_id && !found.services.is_empty() => {
                    let problem = format!(
                        "{} tells of virtual servers in another network namespace, where the table \
                         was (net_namespace_ipvs): they stay there; `ipvsadm -Ln` shows them, \
                         `ipvsadm -D` removes one",
                        path.display()
                    );
                    (empty, Some(problem))
                }
                Ok(_) => (empty, None),
                Err(error) => {
                    let problem = format!(
                        "{} is damaged ({error}): virtual servers that an earlier run has left \
                         in the kernel and that are no longer in the configuration stay there; \
                         `ipvsadm -Ln` shows them, `ipvsadm -D` removes one",
                        path.display()
                    );
                    (empty, Some(problem))
                }
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => (empty, None),
            Err(error) => (
                empty,
                Some(format!("cannot read {}: {error}", path.display())),
            ),
        };
        (OwnedRecord { path, content }, problem)
    }

    pub fn services(&self) -> impl Iterator<Item = ServiceKey> + '_ {
        self.content.services.iter().copied()
    }

    pub fn is_empty(&self) -> bool {
        self.content.services.is_empty() && self.content.held.is_empty()
    }

    pub fn held(&self) -> &Held {
        &self.content.held
    }

    /// This is changed beside the table from now on.
    ///
    /// # Errors
    /// Where the file cannot be written. It is known to this process all the same.
    pub fn hold(&mut self, held: Held) -> io::Result<()> {
        if held == self.content.held {
            return Ok(());
        }
        self.content.held = held;
        self.write(&self.content)
    }

    /// These are ours too, from now on. Written before it returns.
    ///
    /// # Errors
    /// Where the file cannot be written; then they are not ours.
    pub fn add(&mut self, services: impl IntoIterator<Item = ServiceKey>) -> io::Result<()> {
        let mut all = self.content.services.clone();
        all.extend(services);
        self.set(all)
    }

    /// These are ours, and no others.
    ///
    /// # Errors
    /// Where the file cannot be written; then the record is as before.
    pub fn replace(&mut self, services: impl IntoIterator<Item = ServiceKey>) -> io::Result<()> {
        self.set(services.into_iter().collect())
    }

    /// Removes the file.
    pub fn remove(&self) {
        let _ = std::fs::remove_file(&self.path);
    }

    fn set(&mut self, services: BTreeSet<ServiceKey>) -> io::Result<()> {
        if services == self.content.services {
            return Ok(());
        }
        let content = Content {
            services,
            ..self.content.clone()
        };
        self.write(&content)?;
        self.content = content;
        Ok(())
    }

    fn write(&self, content: &Content) -> io::Result<()> {
        write_atomically(&self.path, &serde_json::to_vec(content)?)
    }
}

/// Whoever reads sees the old file or the new one, never half of one.
pub(super) fn write_atomically(path: &Path, bytes: &[u8]) -> io::Result<()> {
    write_with(path, bytes, |_| Ok(()))
}

/// The same for what is to outlive the boot, and with it a power cut: it waits for the disk.
pub(super) fn write_for_good(path: &Path, bytes: &[u8]) -> io::Result<()> {
    write_with(path, bytes, std::fs::File::sync_all)
}

fn write_with(
    path: &Path,
    bytes: &[u8],
    settle: impl FnOnce(&std::fs::File) -> io::Result<()>,
) -> io::Result<()> {
    let beside = path.with_added_extension("new");
    match std::fs::remove_file(&beside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = std::fs::File::create_new(&beside)?;
    file.write_all(bytes)?;
    settle(&file)?;
    drop(file);
    std::fs::rename(beside, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(port: u16) -> ServiceKey {
        ServiceKey::Address {
            protocol: crate::lvs::Protocol::Tcp,
            address: "10.0.0.80".parse().unwrap(),
            port,
        }
    }

    fn read(path: &Path, boot: &str, namespace: u64) -> (OwnedRecord, Option<String>) {
        OwnedRecord::read(path.to_owned(), boot.into(), namespace)
    }

    #[test]
    fn it_outlives_the_process_but_not_the_boot_or_the_namespace() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("owned.json");
        let (mut record, problem) = read(&path, "a", 1);
        assert_eq!(problem, None);
        record.add([key(80), key(443)]).unwrap();
        record.replace([key(443)]).unwrap();
        let services = |boot, namespace| {
            let (record, problem) = read(&path, boot, namespace);
            // What is in another namespace of this boot somebody may want to know.
            assert_eq!(problem.is_some(), namespace == 2);
            record.services().collect::<Vec<_>>()
        };
        assert_eq!(services("a", 1), [key(443)]);
        assert_eq!(services("b", 1), []);
        assert_eq!(services("a", 2), []);
    }

    #[test]
    fn what_is_changed_beside_the_table_is_in_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("owned.json");
        let (mut record, _) = read(&path, "a", 1);
        let held = Held {
            sync_daemons: true,
            ..Held::default()
        };
        record.hold(held.clone()).unwrap();
        let (record, _) = read(&path, "a", 1);
        assert!(record.held() == &held && !record.is_empty());
        // As an earlier version has written it.
        let earlier = r#"{"boot_id":"a","net_namespace":1,"services":[]}"#;
        std::fs::write(&path, earlier).unwrap();
        let (record, problem) = read(&path, "a", 1);
        assert!(record.is_empty() && problem.is_none());
    }

    #[test]
    fn a_damaged_one_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("owned.json");
        std::fs::write(&path, "{\"boot_id\":").unwrap();
        let (record, problem) = read(&path, "a", 1);
        assert!(record.is_empty());
        assert!(problem.unwrap().contains("owned.json is damaged"));
    }
}
