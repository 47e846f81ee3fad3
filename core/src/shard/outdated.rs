//! Files that do not hold any more once all of a directory is taken over: Kafka's checkpoints as they were found, and the
//! flushed-ends files of shards that are none any more, and the journals of earlier starts.
//!
//! The checkpoints would not hold for what is written from now on, least of all for a topic that is deleted and created again,
//! and a Kafka that starts after a crash would go by them. But until every log of a directory is recorded in the file of its
//! shard, they are what says whose it is: a directory that fails meanwhile keeps them for the next start.

use crate::event::{FoundDir, FoundFiles};
use crate::ids::{FileName, LogDirIndex, ShardId};
use crate::log::files::offset_checkpoint::{CLEANER, LOG_START, RECOVERY_POINT, REPLICATION};
use crate::log::{flushed_ends_shard, is_journal};
use alloc::collections::BTreeSet;
use alloc::vec::Vec;

/// Such files in all directories.
#[derive(Clone, Debug)]
pub(super) struct Outdated {
    files: Vec<FileName>,
    shards: usize,
    /// The shards that serve.
    serving: BTreeSet<ShardId>,
}

impl Outdated {
    pub(super) fn new(found: &FoundFiles, shards: u16) -> Self {
        let is_checkpoint = |path: &str| [RECOVERY_POINT, REPLICATION, LOG_START, CLEANER].contains(&path);
        let is_vanished = |path: &str| flushed_ends_shard(path).is_some_and(|shard| shard.0 >= shards);
        let is_one = |path: &str| is_checkpoint(path) || is_vanished(path) || is_journal(path);
        let of = |dir: &FoundDir| {
            let entries = dir.entries.as_deref().unwrap_or_default().iter();
            let files = entries.filter(|entry| is_one(&entry.path)).map(|entry| FileName::new(dir.dir, &entry.path));
            files.collect::<Vec<_>>()
        };
        let files = found.dirs.iter().flat_map(of).collect();
        Self { files, shards: usize::from(shards), serving: BTreeSet::new() }
    }

    /// A shard serves, and has taken over its logs in the directories `proven`. Returns the files to remove, once all shards
    /// do: those of the directories that all of them have taken over.
    pub(super) fn shard_serves(&mut self, shard: ShardId, proven: &BTreeSet<LogDirIndex>) -> Vec<FileName> {
        self.files.retain(|file| proven.contains(&file.dir));
        self.serving.insert(shard);
        if self.serving.len() < self.shards { Vec::new() } else { core::mem::take(&mut self.files) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::FoundEntry;
    use alloc::vec;

    #[test]
    fn they_go_where_all_shards_have_taken_over_a_directory() {
        let entry = |path: &str| FoundEntry { path: path.into(), length: Some(4) };
        let entries = vec![
            entry(RECOVERY_POINT),
            entry("grete-flushed-1"),
            entry("grete-flushed-2"),
            entry("grete-journal-3-0-1"),
        ];
        let dir = |number| FoundDir { dir: LogDirIndex(number), path: "/data".into(), entries: Ok(entries.clone()) };
        let mut outdated = Outdated::new(&FoundFiles { dirs: (0..3).map(dir).collect() }, 2);
        let dirs = |numbers: &[u16]| numbers.iter().copied().map(LogDirIndex).collect();
        // The first shard has lost the directory 1, the second one 2.
        assert_eq!(outdated.shard_serves(ShardId(1), &dirs(&[0, 2])), []);
        let gone =
            [RECOVERY_POINT, "grete-flushed-2", "grete-journal-3-0-1"].map(|name| FileName::new(LogDirIndex(0), name));
        assert_eq!(outdated.shard_serves(ShardId(0), &dirs(&[0, 1])), gone);
        assert_eq!(outdated.shard_serves(ShardId(0), &dirs(&[0, 1, 2])), [], "the others stay");
    }
}
