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
