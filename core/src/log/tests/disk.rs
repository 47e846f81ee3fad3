//! A disk in memory: it carries out operations as they come, and at a power loss keeps what was synced and nothing else.

use crate::effect::{Effect, Effects, IoOp};
use crate::event::{FoundDir, FoundEntry, FoundFiles, IoError, IoErrorKind, IoOutput, IoResult};
use crate::ids::{FileName, IoId, LogDirIndex};
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use bytes::Bytes;

#[derive(Clone, Debug, Default)]
pub(super) struct Disk {
    files: BTreeMap<Arc<str>, File>,
    dirs: BTreeSet<Arc<str>>,
    /// What a power loss leaves of each directory's names.
    durable_names: BTreeMap<Arc<str>, Durable>,
    pub(super) completions: VecDeque<(IoId, IoResult)>,
    /// Operations that were carried out, by name.
    pub(super) counts: BTreeMap<&'static str, usize>,
    /// Operations on these files fail.
    pub(super) broken: Option<fn(&IoOp) -> bool>,
    /// Operations on these find no space.
    pub(super) full: Option<fn(&IoOp) -> bool>,
    pub(super) notices: Vec<String>,
}

#[derive(Clone, Debug, Default)]
struct File {
    bytes: Vec<u8>,
    durable: Arc<core::cell::RefCell<Vec<u8>>>,
}

/// What is durable of a file.
type Inode = Arc<core::cell::RefCell<Vec<u8>>>;

#[derive(Clone, Debug)]
enum Durable {
    Dir,
    /// The inode that the name leads to.
    File(Arc<core::cell::RefCell<Vec<u8>>>),
}

impl Disk {
    /// Carries out the operations among the effects; their completions wait to be taken.
    pub(super) fn carry_out(&mut self, effects: &mut Effects) {
        for effect in effects.drain() {
            match effect {
                Effect::Io { io, op } => {
                    let broken = self.broken.is_some_and(|broken| broken(&op));
                    let full = self.full.is_some_and(|full| full(&op));
                    let result = match (broken, full) {
                        (true, _) => Err(failed(IoErrorKind::Failed)),
                        (false, true) => Err(failed(IoErrorKind::NoSpace)),
                        (false, false) => self.apply(op),
                    };
                    self.completions.push_back((io, result));
                }
                Effect::Notice(notice) => self.notices.push(notice.text),
                Effect::Failed { reason } => self.notices.push(reason),
                _ => panic!("a log asks for file operations only"),
            }
        }
    }

    fn apply(&mut self, op: IoOp) -> IoResult {
        *self.counts.entry(name_of(&op)).or_default() += 1;
        let parent_there = |disk: &Self, file: &FileName| {
            let parent = file.parent();
            parent.path.is_empty() || disk.dirs.contains(&parent.path)
        };
        match op {
            IoOp::Create { file } => {
                if !parent_there(self, &file) {
                    return Err(failed(IoErrorKind::NotFound));
                }
                if self.files.contains_key(&file.path) {
                    return Err(failed(IoErrorKind::AlreadyExists));
                }
                self.files.insert(file.path, File::default());
            }
            IoOp::Write { file, position, parts } => {
                let file = self.files.get_mut(&file.path).ok_or(failed(IoErrorKind::NotFound))?;
                let mut at = position.0 as usize;
                for part in parts {
                    let end = at + part.len();
                    if file.bytes.len() < end {
                        file.bytes.resize(end, 0);
                    }
                    file.bytes[at..end].copy_from_slice(&part);
                    at = end;
                }
            }
            IoOp::Sync { file } => {
                let file = self.files.get(&file.path).ok_or(failed(IoErrorKind::NotFound))?;
                *file.durable.borrow_mut() = file.bytes.clone();
            }
            IoOp::Read { file, position, length } => {
                let file = self.files.get(&file.path).ok_or(failed(IoErrorKind::NotFound))?;
                let start = (position.0 as usize).min(file.bytes.len());
                let end = (start + length as usize).min(file.bytes.len());
                return Ok(IoOutput::Read(Bytes::copy_from_slice(&file.bytes[start..end])));
            }
            IoOp::Truncate { file, length } => {
                let file = self.files.get_mut(&file.path).ok_or(failed(IoErrorKind::NotFound))?;
                file.bytes.resize(length as usize, 0);
            }
            IoOp::Remove { file } => {
                self.files.remove(&file.path).ok_or(failed(IoErrorKind::NotFound))?;
            }
            IoOp::Rename { from, to } => {
                if let Some(file) = self.files.remove(&from.path) {
                    self.files.insert(to.path, file);
                } else if self.dirs.remove(&from.path) {
                    let below = |path: &Arc<str>| {
                        path.strip_prefix(&*from.path)
                            .filter(|rest| rest.starts_with('/'))
                            .map(|rest| Arc::from(alloc::format!("{}{rest}", to.path)))
                    };
                    self.files = core::mem::take(&mut self.files)
                        .into_iter()
                        .map(|(path, file)| (below(&path).unwrap_or(path), file))
                        .collect();
                    // Names below a directory go with it: they are its own, not its parent's.
                    self.durable_names = core::mem::take(&mut self.durable_names)
                        .into_iter()
                        .map(|(path, name)| (below(&path).unwrap_or(path), name))
                        .collect();
                    self.dirs.insert(to.path);
                } else {
                    return Err(failed(IoErrorKind::NotFound));
                }
            }
            IoOp::MakeDir { dir } => {
                if !self.dirs.insert(dir.path) {
                    return Err(failed(IoErrorKind::AlreadyExists));
                }
            }
            IoOp::RemoveDir { dir } => {
                if self.files.keys().any(|file| file.starts_with(&alloc::format!("{}/", dir.path))) {
                    return Err(failed(IoErrorKind::Failed));
                }
                if !self.dirs.remove(&dir.path) {
                    return Err(failed(IoErrorKind::NotFound));
                }
            }
            IoOp::SyncDir { dir } => self.sync_names(&dir.path),
            IoOp::Space { .. } => return Ok(IoOutput::Space { total_bytes: 1 << 40, usable_bytes: 1 << 39 }),
        }
        Ok(IoOutput::Done)
    }

    fn sync_names(&mut self, dir: &str) {
        let inside = |path: &str| path.rsplit_once('/').map_or("", |(parent, _)| parent) == dir;
        self.durable_names.retain(|path, _| !inside(path));
        for (path, file) in self.files.iter().filter(|(path, _)| inside(path)) {
            self.durable_names.insert(path.clone(), Durable::File(file.durable.clone()));
        }
        for path in self.dirs.iter().filter(|path| inside(path)) {
            self.durable_names.insert(path.clone(), Durable::Dir);
        }
    }

    /// The power goes, and comes back: operations under way are lost, with all that was not synced.
    pub(super) fn lose_power(&mut self) {
        self.completions.clear();
        let is_there = |names: &BTreeMap<Arc<str>, Durable>, path: &str| {
            path.rsplit_once('/').is_none_or(|(parent, _)| names.contains_key(parent))
        };
        let mut names = self.durable_names.clone();
        // What lies in a directory whose own name is lost is lost for good, whatever is called so later.
        let dirs = names.clone();
        names.retain(|path, _| is_there(&dirs, path));
        self.durable_names = names.clone();
        self.files.clear();
        self.dirs.clear();
        for (path, name) in &names {
            match name {
                Durable::Dir => drop(self.dirs.insert(path.clone())),
                Durable::File(durable) => {
                    let bytes = durable.borrow().clone();
                    self.files.insert(path.clone(), File { bytes, durable: durable.clone() });
                }
            }
        }
    }

    /// What is there, as a node finds it when it starts.
    /// A copy with a future of its own.
    pub(super) fn fork(&self) -> Self {
        let mut fork = self.clone();
        let mut copies: Vec<(Inode, Inode)> = Vec::new();
        let mut copy = |of: &mut Inode| {
            let known = copies.iter().find(|(old, _)| Arc::ptr_eq(old, of)).map(|(_, new)| new.clone());
            let new = known.unwrap_or_else(|| {
                let new = Inode::default();
                new.replace(of.borrow().clone());
                new
            });
            copies.push((of.clone(), new.clone()));
            *of = new;
        };
        fork.files.values_mut().for_each(|file| copy(&mut file.durable));
        for name in fork.durable_names.values_mut() {
            if let Durable::File(durable) = name {
                copy(durable);
            }
        }
        fork
    }

    pub(super) fn found(&self) -> FoundFiles {
        let mut entries: Vec<_> = self
            .files
            .iter()
            .map(|(path, file)| FoundEntry { path: path.clone(), length: Some(file.bytes.len() as u64) })
            .chain(self.dirs.iter().map(|path| FoundEntry { path: path.clone(), length: None }))
            .collect();
        entries.sort_by(|a, b| a.path.cmp(&b.path));
        FoundFiles { dirs: alloc::vec![FoundDir { dir: LogDirIndex(0), path: "/data".into(), entries: Ok(entries) }] }
    }

    pub(super) fn paths(&self) -> Vec<&str> {
        self.files.keys().map(|path| &**path).collect()
    }

    pub(super) fn dirs(&self) -> Vec<&str> {
        self.dirs.iter().map(|path| &**path).collect()
    }

    pub(super) fn bytes(&self, path: &str) -> &[u8] {
        &self.files.get(path).unwrap_or_else(|| panic!("{path} is not among {:?}", self.paths())).bytes
    }

    pub(super) fn change(&mut self, path: &str, change: impl FnOnce(&mut Vec<u8>)) {
        let file = self.files.get_mut(path).expect("the file is there");
        change(&mut file.bytes);
        *file.durable.borrow_mut() = file.bytes.clone();
    }

    pub(super) fn put(&mut self, path: &str, bytes: Vec<u8>) {
        let file = File { durable: Arc::default(), bytes };
        *file.durable.borrow_mut() = file.bytes.clone();
        self.durable_names.insert(path.into(), Durable::File(file.durable.clone()));
        self.files.insert(path.into(), file);
    }

    pub(super) fn remove(&mut self, path: &str) {
        self.files.remove(path).expect("the file is there");
        self.durable_names.remove(path);
    }

    /// That a file is gone is durable.
    pub(super) fn forget(&mut self, path: &str) {
        self.durable_names.remove(path);
    }

    pub(super) fn rename(&mut self, from: &str, to: &str) {
        let file = self.files.remove(from).expect("the file is there");
        self.durable_names.remove(from);
        self.put(to, file.bytes);
    }

    /// All names are durable.
    pub(super) fn sync_all_names(&mut self) {
        self.sync_names("");
        for dir in self.dirs.clone() {
            self.sync_names(&dir);
        }
    }

    pub(super) fn make_dir(&mut self, path: &str) {
        assert!(self.dirs.insert(path.into()), "the directory is new");
    }

    pub(super) fn remove_dir(&mut self, path: &str) {
        assert!(self.dirs.remove(path), "the directory is there");
        self.durable_names.remove(path);
    }

    pub(super) fn count(&self, name: &str) -> usize {
        self.counts.get(name).copied().unwrap_or(0)
    }
}

fn failed(kind: IoErrorKind) -> IoError {
    IoError { kind, message: alloc::format!("{kind:?}").into() }
}

fn name_of(op: &IoOp) -> &'static str {
    match op {
        IoOp::Create { .. } => "create",
        IoOp::Write { .. } => "write",
        IoOp::Sync { .. } => "sync",
        IoOp::Read { .. } => "read",
        IoOp::Truncate { .. } => "truncate",
        IoOp::Remove { .. } => "remove",
        IoOp::Rename { .. } => "rename",
        IoOp::MakeDir { .. } => "make dir",
        IoOp::RemoveDir { .. } => "remove dir",
        IoOp::SyncDir { .. } => "sync dir",
        IoOp::Space { .. } => "space",
    }
}
