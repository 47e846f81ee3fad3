//! The names of a partition's files, as Kafka has them.

use super::files::partition_dir::PartitionDir;
use super::files::segment_name::{SegmentFile, SegmentName};
use crate::ids::{FileName, LogDirIndex, Offset, PartitionIndex, ShardId};
use alloc::format;
use alloc::sync::Arc;

/// The start of the names of the flushed-ends files of a directory; a shard's number follows.
const FLUSHED_ENDS: &str = "grete-flushed-";

/// The flushed-ends file of a shard.
pub(super) fn flushed_ends(shard: ShardId) -> Arc<str> {
    format!("{FLUSHED_ENDS}{shard}").into()
}

/// The shard whose flushed-ends file has this name.
pub(crate) fn parse_flushed_ends(name: &str) -> Option<ShardId> {
    name.strip_prefix(FLUSHED_ENDS)?.parse().ok().map(ShardId)
}

/// The start of the names of the journals of a directory.
const JOURNAL: &str = "grete-journal-";

/// A file of a journal: which start of the node made it, for which shard, and which half it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct JournalName {
    pub(super) age: u32,
    pub(super) shard: ShardId,
    pub(super) half: u8,
}

/// A file of a journal.
pub(super) fn journal(name: JournalName) -> Arc<str> {
    format!("{JOURNAL}{}-{}-{}", name.age, name.shard, name.half).into()
}

/// The file of a journal that has this name.
pub(super) fn parse_journal(name: &str) -> Option<JournalName> {
    let mut numbers = name.strip_prefix(JOURNAL)?.split('-');
    let age = numbers.next()?.parse().ok()?;
    let shard = ShardId(numbers.next()?.parse().ok()?);
    let half = numbers.next()?.parse().ok().filter(|half| *half < 2)?;
    let name = JournalName { age, shard, half };
    numbers.next().is_none().then_some(name)
}

/// Whether a name, below a log directory, is that of a journal's file: what waits for its syncs is waiting for
/// an acknowledgement, so that a runtime does well not to have it wait for other files.
#[must_use]
pub fn is_journal(name: &str) -> bool {
    parse_journal(name).is_some()
}

/// The directory of a partition: `topic-N`.
pub(super) fn home(topic: &str, partition: PartitionIndex) -> Arc<str> {
    PartitionDir::live(topic, partition).format().into()
}

/// A file that is named by an offset.
pub(super) fn file(dir: LogDirIndex, home: &str, base: Offset, kind: SegmentFile) -> FileName {
    FileName::new(dir, &format!("{home}/{}", SegmentName::live(base, kind).format()))
}

/// A file of a partition with a fixed name.
pub(super) fn fixed(dir: LogDirIndex, home: &str, name: &str) -> FileName {
    FileName::new(dir, &format!("{home}/{name}"))
}
