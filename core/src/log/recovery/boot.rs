//! What a directory held when the node started, and the flushed-ends files in it.

use super::{FoundFile, HomeName};
use crate::effect::{Effects, IoOp};
use crate::event::{FoundEntry, IoOutput, IoResult};
use crate::ids::{FileName, FilePosition, LogDirIndex, ShardId, TopicPartition};
use crate::limits::LOG_READ_BYTES_MAX;
use crate::log::ends_file::{self, EndEntry};
use crate::log::files::partition_dir::{DirKind, PartitionDir};
use crate::log::io::{Asked, Purpose};
use crate::log::names;
use crate::log::store::LogStore;
use crate::time::Now;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::vec::Vec;

/// The directories of partitions that were found and that no log has claimed yet.
#[derive(Clone, Debug, Default)]
pub(in crate::log) struct FoundHomes {
    homes: BTreeMap<HomeName, Vec<FoundFile>>,
}

impl FoundHomes {
    /// Groups the files by directory.
    fn new(entries: &[FoundEntry]) -> Self {
        let mut homes: BTreeMap<HomeName, Vec<FoundFile>> = BTreeMap::new();
        for entry in entries {
            match (entry.path.split_once('/'), entry.length) {
                (None, None) => drop(homes.entry(entry.path.clone()).or_default()),
                (Some((home, name)), Some(length)) => match homes.get_mut(home) {
                    Some(files) => files.push((name.into(), length)),
                    None => drop(homes.insert(home.into(), alloc::vec![(name.into(), length)])),
                },
                (None, Some(_)) | (Some(_), None) => {}
            }
        }
        Self { homes }
    }

    /// The files of a directory, for the log whose it is.
    pub(in crate::log) fn take(&mut self, home: &str) -> Option<Vec<FoundFile>> {
        self.homes.remove(home)
    }

    /// The numbers in the names of directories that are not live.
    fn departed(&self) -> BTreeSet<u128> {
        let kinds = self.homes.keys().filter_map(|home| PartitionDir::parse(home)).map(|name| name.kind);
        kinds
            .filter_map(|kind| match kind {
                DirKind::Live => None,
                DirKind::Delete(id) | DirKind::Future(id) | DirKind::Stray(id) => Some(id),
            })
            .collect()
    }

    /// The directories that are left.
    pub(in crate::log) fn take_all(&mut self) -> BTreeMap<HomeName, Vec<FoundFile>> {
        core::mem::take(&mut self.homes)
    }
}

/// How far a directory is with its flushed-ends files.
#[derive(Clone, Debug, Default)]
pub(in crate::log) struct Boot {
    reading: Vec<Reading>,
    /// Whether any of the files said something.
    found_ends: bool,
    /// Logs that wait for the files.
    waiting: Vec<TopicPartition>,
}

#[derive(Clone, Debug)]
struct Reading {
    shard: ShardId,
    length: u64,
    bytes: Vec<u8>,
}

impl Boot {
    /// Whether any flushed-ends file said something.
    pub(in crate::log) const fn found_ends(&self) -> bool {
        self.found_ends
    }

    /// Whether all files are read.
    pub(in crate::log) fn is_done(&self) -> bool {
        self.reading.is_empty()
    }

    /// A log does not wait any more.
    pub(in crate::log) fn stop_waiting(&mut self, partition: TopicPartition) {
        self.waiting.retain(|waiting| *waiting != partition);
    }

    /// Has a log wait until all files are read.
    pub(in crate::log) fn wait(&mut self, partition: TopicPartition) {
        self.waiting.push(partition);
    }
}

impl LogStore {
    /// Takes up what a directory held, and begins to read its flushed-ends files.
    pub(in crate::log) fn begin_boot(&mut self, index: usize, entries: &[FoundEntry], effects: &mut Effects) {
        let shard = self.config.shard;
        let dir = &mut self.dirs[index];
        dir.homes = FoundHomes::new(entries);
        dir.departed = dir.homes.departed();
        for entry in entries {
            let Some(length) = entry.length else { continue };
            if *entry.path == *format!("{}{}", names::flushed_ends(shard), crate::log::replace::SUFFIX) {
                let round = dir.next_round();
                let remove = IoOp::Remove { file: FileName::new(dir.index, &entry.path) };
                dir.ask(&mut self.io, round, Purpose::Step, remove, effects);
            }
            let Some(owner) = names::parse_flushed_ends(&entry.path) else { continue };
            if length > 0 {
                dir.boot.reading.push(Reading { shard: owner, length, bytes: Vec::new() });
            }
        }
        for reading in dir.boot.reading.clone() {
            self.read_ends(index, reading.shard, 0, reading.length, effects);
        }
        if self.dirs[index].boot.is_done() {
            self.begin_ends(index, false, effects);
        }
    }

    fn read_ends(&mut self, index: usize, shard: ShardId, position: u64, length: u64, effects: &mut Effects) {
        let dir = LogDirIndex(index as u16);
        let file = FileName::new(dir, &names::flushed_ends(shard));
        let length = (length - position).min(u64::from(LOG_READ_BYTES_MAX)) as u32;
        let op = IoOp::Read { file, position: FilePosition(position), length };
        self.io.ask(Asked { dir, round: None, purpose: Purpose::ReadEnds(shard) }, op, effects);
    }

    /// A piece of a flushed-ends file has been read.
    pub(in crate::log) fn ends_read(
        &mut self,
        dir: LogDirIndex,
        shard: ShardId,
        now: Now,
        result: IoResult,
        effects: &mut Effects,
    ) {
        let index = usize::from(dir.0);
        let piece = match result {
            Ok(IoOutput::Read(piece)) => piece,
            Ok(IoOutput::Done | IoOutput::Space { .. }) => unreachable!("a read brings bytes"),
            Err(error) => return self.fail_dir(dir, &error),
        };
        let boot = &mut self.dirs[index].boot;
        let at = boot.reading.iter().position(|reading| reading.shard == shard).expect("the file is being read");
        let reading = &mut boot.reading[at];
        reading.bytes.extend_from_slice(&piece);
        let (read, length) = (reading.bytes.len() as u64, reading.length);
        if read < length && !piece.is_empty() {
            return self.read_ends(index, shard, read, length, effects);
        }
        let bytes = boot.reading.remove(at).bytes;
        match ends_file::decode(&bytes) {
            Some(entries) => {
                boot.found_ends = true;
                entries.into_values().for_each(|entry| self.merge_end(index, shard, entry));
            }
            None => effects.notice(
                crate::effect::Level::Warn,
                format!("{} in {} is not readable", names::flushed_ends(shard), self.dirs[index].path),
            ),
        }
        if self.dirs[index].boot.is_done() {
            let found = self.dirs[index].boot.found_ends();
            self.begin_ends(index, found, effects);
            for partition in core::mem::take(&mut self.dirs[index].boot.waiting) {
                self.open_found(partition, now, effects);
            }
        }
    }

    /// Takes up what a file says of a log, where the log is this shard's, or the file is: it will be written anew, and what
    /// it says of other shards' logs must not be lost before they have recorded it themselves.
    fn merge_end(&mut self, index: usize, file: ShardId, entry: EndEntry) {
        let (shard, shards) = (self.config.shard, self.config.shards);
        if file != shard && entry.partition.shard(shards) != shard {
            return;
        }
        let found = &mut self.dirs[index].ends.found;
        let newer = |known: &EndEntry| (entry.flushed_end, entry.log_start) > (known.flushed_end, known.log_start);
        if found.get(&entry.partition).is_none_or(newer) {
            found.insert(entry.partition, entry);
        }
    }
}
