//! Replacing a file so that a crash at any moment leaves the old content or the new: write beside it, sync, rename, and
//! sync the directory.

use super::io::{Asked, Purpose, ReplaceId, RoundNumber};
use super::store::LogStore;
use crate::effect::{Effects, IoOp};
use crate::ids::{FileName, FilePosition, LogDirIndex, TopicPartition};
use alloc::collections::BTreeMap;
use alloc::format;
use bytes::Bytes;

/// The end of the name of a file that is about to replace another.
pub(super) const SUFFIX: &str = ".tmp";

/// The replacements under way.
#[derive(Clone, Debug, Default)]
pub(super) struct Replacements {
    next: u64,
    under_way: BTreeMap<ReplaceId, Replacement>,
}

#[derive(Clone, Debug)]
struct Replacement {
    file: FileName,
    stage: Stage,
    /// The round that waits for it.
    round: Option<RoundNumber>,
    then: AfterReplace,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// The new content is made, written and synced: so many of these are not complete.
    Writing(u8),
    Renaming,
    SyncingDir,
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
        file: FileName,
        content: Bytes,
        round: Option<RoundNumber>,
        then: AfterReplace,
        effects: &mut Effects,
    ) {
        let id = ReplaceId(self.replacements.next);
        self.replacements.next += 1;
        let beside = beside(&file);
        let write = IoOp::Write { file: beside.clone(), position: FilePosition(0), parts: alloc::vec![content] };
        let replacement = Replacement { file, stage: Stage::Writing(3), round, then };
        for op in [IoOp::Create { file: beside.clone() }, write, IoOp::Sync { file: beside }] {
            self.ask_for(&replacement, id, op, effects);
        }
        self.replacements.under_way.insert(id, replacement);
    }

    /// A step of a replacement is complete. Says what was replaced when it was the last.
    pub(super) fn step_replacement(&mut self, id: ReplaceId, effects: &mut Effects) -> Option<AfterReplace> {
        let replacement = self.replacements.under_way.get_mut(&id).expect("a replacement ends with its last step");
        match replacement.stage {
            Stage::Writing(1) => {
                replacement.stage = Stage::Renaming;
                let then = replacement.then;
                let gone = match then {
                    AfterReplace::Partition(partition) => !self.logs.contains_key(&partition),
                    AfterReplace::Ends(_) => false,
                };
                if gone {
                    self.replacements.under_way.remove(&id);
                    return Some(then);
                }
                let to = replacement.file.clone();
                let replacement = replacement.clone();
                self.ask_for(&replacement, id, IoOp::Rename { from: beside(&to), to }, effects);
            }
            Stage::Writing(left) => replacement.stage = Stage::Writing(left - 1),
            Stage::Renaming => {
                replacement.stage = Stage::SyncingDir;
                let replacement = replacement.clone();
                let gone = match replacement.then {
                    AfterReplace::Partition(partition) => !self.logs.contains_key(&partition),
                    AfterReplace::Ends(_) => false,
                };
                if gone {
                    self.replacements.under_way.remove(&id);
                    return Some(replacement.then);
                }
                self.ask_for(&replacement, id, IoOp::SyncDir { dir: replacement.file.parent() }, effects);
            }
            Stage::SyncingDir => return self.replacements.under_way.remove(&id).map(|done| done.then),
        }
        None
    }

    fn ask_for(&mut self, replacement: &Replacement, id: ReplaceId, op: IoOp, effects: &mut Effects) {
        let dir = &mut self.dirs[usize::from(replacement.file.dir.0)];
        match replacement.round {
            Some(round) => drop(dir.ask(&mut self.io, round, Purpose::Replace(id), op, effects)),
            None => {
                let asked = Asked { dir: replacement.file.dir, round: None, purpose: Purpose::Replace(id) };
                self.io.ask(asked, op, effects);
            }
        }
    }
}

/// Where the new content of a file is written first.
fn beside(file: &FileName) -> FileName {
    FileName::new(file.dir, &format!("{}{SUFFIX}", file.path))
}
