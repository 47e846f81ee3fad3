//! The files that a worker keeps open: those used last, up to a limit.

use grete_core::ids::FileName;
use std::collections::{BTreeMap, HashMap};
use std::fs::{File, OpenOptions};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

/// Open files by the path below their log directory.
pub(super) struct OpenFiles {
    root: PathBuf,
    open_max: usize,
    open: HashMap<Arc<str>, (u64, File)>,
    /// The paths by the time of their last use.
    used: BTreeMap<u64, Arc<str>>,
    uses: u64,
}

impl OpenFiles {
    pub(super) fn new(root: PathBuf, open_max: usize) -> Self {
        Self { root, open_max, open: HashMap::new(), used: BTreeMap::new(), uses: 0 }
    }

    /// Where a file lies.
    pub(super) fn path(&self, file: &FileName) -> PathBuf {
        if file.path.is_empty() { self.root.clone() } else { self.root.join(&*file.path) }
    }

    /// The file, open for reading and writing.
    pub(super) fn get(&mut self, file: &FileName) -> io::Result<&File> {
        if !self.open.contains_key(&file.path) {
            let opened = OpenOptions::new().read(true).write(true).open(self.path(file))?;
            self.keep(file, opened);
        }
        self.uses += 1;
        let uses = self.uses;
        let (last, opened) = self.open.get_mut(&file.path).ok_or_else(|| io::Error::other("an open file was lost"))?;
        self.used.remove(last);
        *last = uses;
        self.used.insert(uses, file.path.clone());
        Ok(opened)
    }

    /// Keeps a file that was just created.
    pub(super) fn keep(&mut self, file: &FileName, opened: File) {
        self.uses += 1;
        self.used.insert(self.uses, file.path.clone());
        if let Some((last, _)) = self.open.insert(file.path.clone(), (self.uses, opened)) {
            self.used.remove(&last);
        }
        while self.open.len() > self.open_max {
            let Some((_, path)) = self.used.pop_first() else { return };
            self.open.remove(&path);
        }
    }

    /// Closes the file, or all files below the directory, of this name: the name is to mean something else.
    pub(super) fn forget(&mut self, file: &FileName) {
        let below =
            |path: &str| path.strip_prefix(&*file.path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        let used = &mut self.used;
        self.open.retain(|path, (last, _)| {
            let keep = !below(path);
            if !keep {
                used.remove(last);
            }
            keep
        });
    }
}
