//! The file operations that a store has under way, and what each is for.

use super::files::segment_name::SegmentFile;
use super::outcome::ReadTicket;
use super::recovery::BootFile;
use crate::effect::{Effect, Effects, IoOp};
use crate::ids::{FileName, IoId, IoOwner, LogDirIndex, Offset, TopicPartition};
use alloc::collections::BTreeMap;

/// What an operation is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) dir: LogDirIndex,
    /// The commit round that waits for it; `None` where none does.
    pub(super) round: Option<RoundNumber>,
    pub(super) purpose: Purpose,
}

/// Counts the commit rounds of a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct RoundNumber(pub(super) u64);

/// Names the replacement of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ReplaceId(pub(super) u64);

/// What an operation does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Makes a partition's directory.
    MakeHome(TopicPartition),
    /// Makes a file in a partition's directory, whose name a round makes durable.
    Create(TopicPartition),
    /// Writes batches up to an offset.
    WriteBatches(TopicPartition, Offset),
    /// One step of replacing a file.
    Replace(ReplaceId),
    /// Syncs a file of a log before the flushed ends are recorded that were captured.
    SyncBehind,
    /// Makes the journal of a directory.
    MakeJournal,
    /// Appends to the flushed-ends file.
    RecordEnds,
    /// Removes a file or directory, or gives it the name of one that is to be removed.
    Remove(FileName),
    /// Anything that nothing follows: a sync, a write to an index, a removal.
    Step,
    /// Reads a file of a whole directory at boot.
    ReadBoot(BootFile),
    /// Reads for the recovery of a log.
    Recover(TopicPartition),
    /// Reads a piece of a log for a reader.
    ReadLog(ReadTicket),
    /// Reads an index file of a segment.
    ReadIndex { partition: TopicPartition, base: Offset, kind: SegmentFile },
}

/// The operations under way.
#[derive(Clone, Debug, Default)]
pub(super) struct IoTable {
    asked: BTreeMap<u64, Asked>,
    next: u64,
}

impl IoTable {
    /// Asks for an operation.
    pub(super) fn ask(&mut self, asked: Asked, op: IoOp, effects: &mut Effects) -> u64 {
        let number = self.next;
        self.next += 1;
        self.asked.insert(number, asked);
        effects.push(Effect::Io { io: IoId { owner: IoOwner::Log, number }, op });
        number
    }

    /// Takes up what a completed operation was for.
    pub(super) fn complete(&mut self, io: IoId) -> Asked {
        assert_eq!(io.owner, IoOwner::Log, "a completion goes to who asked");
        self.asked.remove(&io.number).expect("R3: an operation completes once")
    }
}
