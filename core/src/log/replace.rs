//! Replacing a file so that a crash at any moment leaves the old content or the new: write beside it, sync, rename, and
//! sync the directory.

use super::io::{Asked, Purpose, ReplaceId, RoundNumber};
use super::store::LogStore;
use crate::effect::{Effects, IoOp};
use crate::ids::{FileName, FilePosition, LogDirIndex, TopicPartition};
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::vec::Vec;
use bytes::Bytes;

/// The end of the name of a file that is about to replace another.
pub(crate) const SUFFIX: &str = ".tmp";

/// One replacement of a file. Each operation that it gives has to be asked for, and completes once.
#[derive(Clone, Debug)]
pub(crate) struct Replace {
    file: FileName,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// The new content is made, written and synced: so many of these are not complete.
    Writing(u8),
    Renaming,
    SyncingDir,
}

/// How a replacement goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Replaced {
    /// When more operations are complete.
    Waits,
    /// By this operation.
    Ask(IoOp),
    /// The new content is there for good.
    Done,
}

impl Replace {
    /// Begins to give `file` this content; these operations come first, in this order. `leftover` where a crash has left the
    /// file beside it behind.
    pub(crate) fn begin(file: &FileName, content: Bytes, leftover: bool) -> (Self, Vec<IoOp>) {
        let beside = beside(file);
        let mut first = Vec::new();
        if leftover {
            first.push(IoOp::Remove { file: beside.clone() });
        }
        let write = IoOp::Write { file: beside.clone(), position: FilePosition(0), parts: alloc::vec![content] };
        first.extend([IoOp::Create { file: beside.clone() }, write, IoOp::Sync { file: beside }]);
        (Self { file: file.clone(), stage: Stage::Writing(first.len() as u8) }, first)
    }

    /// One of the operations has succeeded.
    pub(crate) fn completed(&mut self) -> Replaced {
        match self.stage {
            Stage::Writing(1) => {
                self.stage = Stage::Renaming;
                Replaced::Ask(IoOp::Rename { from: beside(&self.file), to: self.file.clone() })
            }
            Stage::Writing(left) => {
                self.stage = Stage::Writing(left - 1);
                Replaced::Waits
            }
            Stage::Renaming => {
                self.stage = Stage::SyncingDir;
                Replaced::Ask(IoOp::SyncDir { dir: self.file.parent() })
            }
            Stage::SyncingDir => Replaced::Done,
        }
    }
}

/// Where the new content of a file is written first.
fn beside(file: &FileName) -> FileName {
    FileName::new(file.dir, &format!("{}{SUFFIX}", file.path))
}

/// The replacements under way.
#[derive(Clone, Debug, Default)]
pub(super) struct Replacements {
    next: u64,
    under_way: BTreeMap<ReplaceId, UnderWay>,
}

#[derive(Clone, Debug)]
struct UnderWay {
    replace: Replace,
    /// The round that waits for it.
    round: Option<RoundNumber>,
    then: AfterReplace,
}

/// What a replacement is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AfterReplace {
    /// A file of a partition. Nothing follows, and it is given up when the partition is deleted meanwhile.
    Partition(TopicPartition),
    /// The flushed-ends file of a directory.
    Ends(LogDirIndex),
}

impl LogStore {
    /// Replaces a file, or makes it.
    pub(super) fn replace(
        &mut self,
        file: &FileName,
        content: Bytes,
        round: Option<RoundNumber>,
        then: AfterReplace,
        effects: &mut Effects,
    ) {
        let id = ReplaceId(self.replacements.next);
        self.replacements.next += 1;
        let (replace, first) = Replace::begin(file, content, false);
        for op in first {
            self.ask_to_replace(id, file.dir, round, op, effects);
        }
        self.replacements.under_way.insert(id, UnderWay { replace, round, then });
    }

    /// A step of a replacement is complete. Says what was replaced when it was the last.
    pub(super) fn step_replacement(&mut self, id: ReplaceId, effects: &mut Effects) -> Option<AfterReplace> {
        let under_way = self.replacements.under_way.get_mut(&id).expect("a replacement ends with its last step");
        let (round, then) = (under_way.round, under_way.then);
        let gone = match then {
            AfterReplace::Partition(partition) => !self.logs.contains_key(&partition),
            AfterReplace::Ends(_) => false,
        };
        match under_way.replace.completed() {
            Replaced::Waits => None,
            Replaced::Ask(op) if !gone => {
                self.ask_to_replace(id, op.file().dir, round, op, effects);
                None
            }
            Replaced::Ask(_) | Replaced::Done => self.replacements.under_way.remove(&id).map(|done| done.then),
        }
    }

    fn ask_to_replace(
        &mut self,
        id: ReplaceId,
        dir: LogDirIndex,
        round: Option<RoundNumber>,
        op: IoOp,
        effects: &mut Effects,
    ) {
        match round {
            Some(round) => {
                self.dirs[usize::from(dir.0)].ask(&mut self.io, round, Purpose::Replace(id), op, effects);
            }
            None => {
                self.io.ask(Asked { dir, round: None, purpose: Purpose::Replace(id) }, op, effects);
            }
        }
    }
}
