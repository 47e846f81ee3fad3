//! Removing files that are no part of a log any more: some at a time, some time after.
//!
//! What cannot be removed is reported and left: it is found, and removed, at the next start.

use super::io::{Asked, Purpose};
use super::store::{LogStore, LogTimer};
use crate::effect::{Effects, IoOp, Level};
use crate::event::{IoErrorKind, IoResult};
use crate::ids::{FileName, LogDirIndex};
use crate::limits::LOG_REMOVALS_UNDER_WAY_MAX;
use crate::time::Instant;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::format;
use alloc::vec::Vec;

/// What is to be removed.
#[derive(Clone, Debug, Default)]
pub(super) struct Removals {
    next: u64,
    /// What waits for its time.
    waiting: BTreeMap<u64, Removal>,
    /// What is to be removed next.
    queue: VecDeque<FileName>,
    /// Directories that are removed after so many more files of theirs.
    dirs: BTreeMap<FileName, usize>,
    under_way: usize,
}

/// Files, and the directory that they are all of.
#[derive(Clone, Debug)]
pub(super) struct Removal {
    pub(super) files: Vec<FileName>,
    pub(super) home: Option<FileName>,
}

impl Removals {
    /// Counts an operation that ends as a removal does.
    pub(super) const fn note_under_way(&mut self) {
        self.under_way += 1;
    }
}

impl LogStore {
    /// Removes files at a moment, or now where it has passed.
    pub(super) fn remove_at(&mut self, at: Instant, removal: Removal) {
        let number = self.removals.next;
        self.removals.next += 1;
        self.removals.waiting.insert(number, removal);
        self.timers.set(LogTimer::Remove(number), at);
    }

    /// The time of a removal has come.
    pub(super) fn remove_now(&mut self, number: u64, effects: &mut Effects) {
        let Some(removal) = self.removals.waiting.remove(&number) else { return };
        let count = removal.files.len();
        self.removals.queue.extend(removal.files);
        if let Some(home) = removal.home {
            if count == 0 {
                self.ask_removal(home.dir, IoOp::RemoveDir { dir: home }, effects);
            } else {
                self.removals.dirs.insert(home, count);
            }
        }
        self.remove_more(effects);
    }

    fn remove_more(&mut self, effects: &mut Effects) {
        while self.removals.under_way < LOG_REMOVALS_UNDER_WAY_MAX {
            let Some(file) = self.removals.queue.pop_front() else { return };
            self.ask_removal(file.dir, IoOp::Remove { file }, effects);
        }
    }

    fn ask_removal(&mut self, dir: LogDirIndex, op: IoOp, effects: &mut Effects) {
        self.removals.under_way += 1;
        self.io.ask(Asked { dir, round: None, purpose: Purpose::Remove(op.file().clone()) }, op, effects);
    }

    /// Something has been removed, or has not.
    pub(super) fn removed(&mut self, file: &FileName, result: IoResult, effects: &mut Effects) {
        self.removals.under_way -= 1;
        match result {
            Ok(_) => {}
            Err(error) if error.kind == IoErrorKind::NotFound => {}
            Err(error) => effects.notice(Level::Warn, format!("{file:?} could not be removed: {}", error.message)),
        }
        let home = file.parent();
        if let Some(left) = self.removals.dirs.get_mut(&home) {
            *left -= 1;
            if *left == 0 {
                self.removals.dirs.remove(&home);
                self.ask_removal(home.dir, IoOp::RemoveDir { dir: home }, effects);
            }
        }
        self.remove_more(effects);
    }
}
