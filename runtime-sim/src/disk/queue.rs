//! The order of file operations: what R1 of the contract promises, and no more.
//!
//! Operations on one file or directory run in the order emitted; a rename is ordered with both of its names and with all
//! that lies below them. Everything else runs as it comes.

use grete_core::effect::IoOp;
use grete_core::ids::{IoId, ShardId};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Names an operation under way on one disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket(pub u64);

/// An operation under way.
#[derive(Clone, Debug)]
pub(crate) struct Queued {
    pub(crate) shard: ShardId,
    pub(crate) io: IoId,
    pub(crate) op: IoOp,
    /// Addresses the draws about it.
    pub(crate) cause: [u64; 3],
    /// What it takes beyond what is drawn; never ends where that is `None`.
    pub(crate) delay_micros: Option<u64>,
    waits_for: usize,
    blocks: Vec<Ticket>,
}

/// The operations under way on one disk.
#[derive(Clone, Debug, Default)]
pub(crate) struct IoQueue {
    next: u64,
    queued: BTreeMap<Ticket, Queued>,
    last_by_path: BTreeMap<Arc<str>, Ticket>,
    renames: BTreeSet<Ticket>,
}

impl IoQueue {
    /// Adds an operation. It runs at once where the answer is true, after others otherwise.
    pub(crate) fn push(
        &mut self,
        shard: ShardId,
        io: IoId,
        op: IoOp,
        cause: [u64; 3],
        delay_micros: Option<u64>,
    ) -> (Ticket, bool) {
        let ticket = Ticket(self.next);
        self.next += 1;
        let waits_for = if self.renames.is_empty() && !matches!(op, IoOp::Rename { .. }) {
            // Most often: it comes after the last on its path alone.
            let last = self.last_by_path.insert(Arc::clone(&op.file().path), ticket);
            last.iter().for_each(|last| self.block(*last, ticket));
            usize::from(last.is_some())
        } else {
            let before = self.before(&op);
            for path in paths(&op) {
                self.last_by_path.insert(path, ticket);
            }
            if matches!(op, IoOp::Rename { .. }) {
                self.renames.insert(ticket);
            }
            before.iter().for_each(|earlier| self.block(*earlier, ticket));
            before.len()
        };
        self.queued.insert(ticket, Queued { shard, io, op, cause, delay_micros, waits_for, blocks: Vec::new() });
        (ticket, waits_for == 0)
    }

    /// An operation comes after an earlier one.
    fn block(&mut self, earlier: Ticket, later: Ticket) {
        let queued = self.queued.get_mut(&earlier).expect("what comes before is under way");
        queued.blocks.push(later);
    }

    /// The operations that one to be added comes after.
    fn before(&self, op: &IoOp) -> BTreeSet<Ticket> {
        let mut before: BTreeSet<Ticket> =
            paths(op).iter().filter_map(|path| self.last_by_path.get(path)).copied().collect();
        if matches!(op, IoOp::Rename { .. }) {
            // Not only the last on each path: the names below a directory are many.
            let conflicting = self.queued.iter().filter(|(_, queued)| conflict(op, &queued.op));
            before.extend(conflicting.map(|(ticket, _)| *ticket));
        } else {
            let renames = self.renames.iter().filter(|&rename| conflict(&self.queued[rename].op, op));
            before.extend(renames);
        }
        before
    }

    pub(crate) fn get(&self, ticket: Ticket) -> Option<&Queued> {
        self.queued.get(&ticket)
    }

    /// Operations that would never end do, whether they run or wait for others.
    pub(crate) fn free_stuck(&mut self) {
        self.queued.values_mut().for_each(|queued| {
            queued.delay_micros.get_or_insert(0);
        });
    }

    /// Takes out an operation that has run, and says which others may run now.
    pub(crate) fn finish(&mut self, ticket: Ticket) -> Option<(Queued, Vec<Ticket>)> {
        let queued = self.queued.remove(&ticket)?;
        assert!(queued.waits_for == 0, "R1: an operation runs after those before it");
        for path in paths_of(&queued.op) {
            if self.last_by_path.get(path) == Some(&ticket) {
                self.last_by_path.remove(path);
            }
        }
        self.renames.remove(&ticket);
        let mut ready = Vec::new();
        for later in &queued.blocks {
            if let Some(later_queued) = self.queued.get_mut(later) {
                later_queued.waits_for -= 1;
                if later_queued.waits_for == 0 {
                    ready.push(*later);
                }
            }
        }
        Some((queued, ready))
    }

    /// The operations that run now, in the order emitted.
    pub(crate) fn running(&self) -> impl Iterator<Item = (Ticket, &Queued)> {
        self.queued.iter().filter(|(_, queued)| queued.waits_for == 0).map(|(ticket, queued)| (*ticket, queued))
    }

    pub(crate) fn len(&self) -> usize {
        self.queued.len()
    }

    /// Forgets all operations: their process is gone.
    pub(crate) fn clear(&mut self) {
        *self = Self { next: self.next, ..Self::default() };
    }
}

fn paths(op: &IoOp) -> Vec<Arc<str>> {
    paths_of(op).map(Arc::clone).collect()
}

fn paths_of(op: &IoOp) -> impl Iterator<Item = &Arc<str>> {
    let other = if let IoOp::Rename { to, .. } = op { Some(&to.path) } else { None };
    std::iter::once(&op.file().path).chain(other)
}

/// Whether a rename is ordered with another operation.
fn conflict(rename: &IoOp, other: &IoOp) -> bool {
    let other_renames = matches!(other, IoOp::Rename { .. });
    paths_of(rename).any(|renamed| {
        paths_of(other).any(|path| is_at_or_below(path, renamed) || (other_renames && is_at_or_below(renamed, path)))
    })
}

fn is_at_or_below(path: &str, above: &str) -> bool {
    path.strip_prefix(above).is_some_and(|rest| above.is_empty() || rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use grete_core::ids::{FileName, FilePosition, IoOwner, LogDirIndex};

    fn file(path: &str) -> FileName {
        FileName::new(LogDirIndex(0), path)
    }

    fn write(path: &str) -> IoOp {
        IoOp::Write { file: file(path), position: FilePosition(0), parts: Vec::new() }
    }

    fn push(queue: &mut IoQueue, op: IoOp) -> (Ticket, bool) {
        let io = IoId { owner: IoOwner::Log, number: queue.next };
        queue.push(ShardId(0), io, op, [0; 3], Some(0))
    }

    #[test]
    fn one_file_is_in_order_and_others_are_not() {
        let mut queue = IoQueue::default();
        let (first, runs) = push(&mut queue, write("a"));
        assert!(runs);
        let (second, runs) = push(&mut queue, IoOp::Sync { file: file("a") });
        assert!(!runs);
        assert!(push(&mut queue, write("b")).1);
        assert!(push(&mut queue, IoOp::SyncDir { dir: file("") }).1, "a directory is not its files");
        assert_eq!(queue.finish(first).unwrap().1, [second]);
        assert!(queue.finish(second).unwrap().1.is_empty());
    }

    #[test]
    fn a_rename_is_ordered_with_both_names_and_what_lies_below() {
        let mut queue = IoQueue::default();
        let (inner, _) = push(&mut queue, write("t-0/log"));
        let (beside, _) = push(&mut queue, write("t-01/log"));
        let (rename, runs) = push(&mut queue, IoOp::Rename { from: file("t-0"), to: file("t-0.delete") });
        assert!(!runs);
        let (below_new, runs) = push(&mut queue, IoOp::Remove { file: file("t-0.delete/log") });
        assert!(!runs);
        let (again, runs) = push(&mut queue, IoOp::MakeDir { dir: file("t-0") });
        assert!(!runs);
        assert!(queue.finish(beside).unwrap().1.is_empty());
        assert_eq!(queue.finish(inner).unwrap().1, [rename]);
        assert_eq!(queue.finish(rename).unwrap().1, [below_new, again]);
    }
}
