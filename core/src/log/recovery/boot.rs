//! What a directory held when the node started, and the files that it has as a whole: those of flushed ends, and Kafka's
//! checkpoints.

use super::before::{Before, Checkpoint};
use super::journal::Journaled;
use super::{FoundFile, HomeName};
use crate::effect::{Effect, Effects, IoOp, Level};
use crate::event::{FoundEntry, IoOutput, IoResult};
use crate::ids::{FileName, FilePosition, LogDirIndex, ShardId, TopicPartition};
use crate::limits::LOG_READ_BYTES_MAX;
use crate::log::ends_file::{self, EndEntry, EndsError, FlushedEnds};
use crate::log::files::partition_dir::{DirKind, PartitionDir};
use crate::log::io::{Asked, Purpose};
use crate::log::journal_file;
use crate::log::names::{self, JournalName};
use crate::log::store::LogStore;
use crate::time::Now;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::sync::Arc;
use alloc::vec::Vec;
use bytes::Bytes;

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

    /// Whether there is such a directory.
    pub(in crate::log) fn has(&self, home: &str) -> bool {
        self.homes.contains_key(home)
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

/// A file of a whole directory that is read at boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::log) enum BootFile {
    /// The flushed-ends file of a shard.
    Ends(ShardId),
    /// One of Kafka's checkpoints.
    Checkpoint(Checkpoint),
    /// A journal of an earlier start.
    Journal(JournalName),
}

impl BootFile {
    /// The file with this name, where it is one that is read.
    fn parse(name: &str) -> Option<Self> {
        let checkpoint = Checkpoint::ALL.into_iter().find(|checkpoint| checkpoint.name() == name);
        let ends = || names::parse_flushed_ends(name).map(Self::Ends);
        checkpoint.map(Self::Checkpoint).or_else(ends).or_else(|| names::parse_journal(name).map(Self::Journal))
    }

    fn name(self) -> Arc<str> {
        match self {
            Self::Ends(shard) => names::flushed_ends(shard),
            Self::Checkpoint(checkpoint) => checkpoint.name().into(),
            Self::Journal(name) => names::journal(name),
        }
    }
}

/// How far a directory is with the files that it has as a whole.
#[derive(Clone, Debug, Default)]
pub(in crate::log) struct Boot {
    reading: Vec<Reading>,
    /// What flushed-ends files say, until it is known whether it counts.
    said: Vec<(ShardId, FlushedEnds)>,
    /// What Kafka's files say.
    before: Before,
    /// What journals say.
    pub(super) journaled: Journaled,
    /// Whether a log is set aside of which journals have something: they are kept for whoever mends it.
    pub(super) keeps_journals: bool,
    stage: Stage,
    /// Logs that wait for the files.
    waiting: Vec<TopicPartition>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stage {
    /// It is not known yet whether another broker was here.
    #[default]
    Waits,
    /// It is, and files are still being read.
    Reads,
    /// A flushed-ends file counts.
    Recorded,
    /// None does: what Kafka's files say counts.
    Unrecorded,
}

#[derive(Clone, Debug)]
struct Reading {
    file: BootFile,
    length: u64,
    bytes: Vec<u8>,
}

impl Boot {
    /// It is known now whose word counts, and whether the directory was left in order.
    pub(in crate::log) fn start(&mut self, clean: bool) {
        self.before.clean = clean;
        self.stage = Stage::Reads;
    }

    /// What Kafka's files say, where another broker may have written what no flushed-ends file speaks of: none counts, or
    /// the start after that broker ended before all of it was taken over.
    pub(super) fn before(&self) -> Option<&Before> {
        (self.stage == Stage::Unrecorded || self.before.any).then_some(&self.before)
    }

    /// Whether files of earlier starts can go once all logs are recorded.
    pub(in crate::log) const fn is_dispensable(&self) -> bool {
        !self.keeps_journals
    }

    /// Whether logs can be opened.
    pub(in crate::log) fn is_done(&self) -> bool {
        matches!(self.stage, Stage::Recorded | Stage::Unrecorded)
    }

    /// Forgets logs of topics that are not known any more.
    pub(in crate::log) fn keep_known(&mut self, known: &BTreeSet<TopicPartition>) {
        self.journaled.keep_known(known);
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
    /// Takes up what a directory held, and begins to read the files that it has as a whole.
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
            let file = BootFile::parse(&entry.path);
            dir.boot.before.any |= matches!(file, Some(BootFile::Checkpoint(_)));
            if let Some(BootFile::Journal(name)) = file {
                dir.journal.note_found(name.age);
            }
            if let Some(file) = file.filter(|_| length > 0) {
                dir.boot.reading.push(Reading { file, length, bytes: Vec::new() });
            }
        }
        for reading in dir.boot.reading.clone() {
            self.read_boot(index, reading.file, 0, reading.length, effects);
        }
    }

    fn read_boot(&mut self, index: usize, file: BootFile, position: u64, length: u64, effects: &mut Effects) {
        let dir = LogDirIndex(index as u16);
        let length = (length - position).min(u64::from(LOG_READ_BYTES_MAX)) as u32;
        let name = FileName::new(dir, &file.name());
        let op = IoOp::Read { file: name, position: FilePosition(position), length };
        self.io.ask(Asked { dir, round: None, purpose: Purpose::ReadBoot(file) }, op, effects);
    }

    /// A piece of a file has been read.
    pub(in crate::log) fn boot_read(
        &mut self,
        dir: LogDirIndex,
        file: BootFile,
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
        let at = boot.reading.iter().position(|reading| reading.file == file).expect("the file is being read");
        let reading = &mut boot.reading[at];
        reading.bytes.extend_from_slice(&piece);
        let (read, length) = (reading.bytes.len() as u64, reading.length);
        if let BootFile::Journal(name) = file {
            let bytes = Bytes::from(core::mem::take(&mut reading.bytes));
            let found = journal_file::decode(&bytes, length);
            if found.wants_more && read < length && !piece.is_empty() {
                reading.bytes = bytes.into();
                return self.read_boot(index, file, read, length, effects);
            }
            boot.reading.remove(at);
            let (shard, shards) = (self.config.shard, self.config.shards);
            boot.journaled.take(name.age, found.frames, |partition| partition.shard(shards) == shard);
            return self.end_boot(index, now, effects);
        }
        if read < length && !piece.is_empty() {
            return self.read_boot(index, file, read, length, effects);
        }
        let bytes = boot.reading.remove(at).bytes;
        match file {
            BootFile::Journal(_) => unreachable!("journals were taken above"),
            BootFile::Checkpoint(checkpoint) => boot.before.take(checkpoint, &bytes),
            BootFile::Ends(shard) => match ends_file::decode(&bytes) {
                Ok(ends) => boot.said.push((shard, ends)),
                Err(error) => {
                    let path = &self.dirs[index].path;
                    let name = names::flushed_ends(shard);
                    match error {
                        EndsError::Newer => {
                            let reason = format!("{path}/{name} was written by a newer version of Grete");
                            effects.push(Effect::Failed { reason });
                        }
                        EndsError::Unreadable => {
                            effects.notice(Level::Warn, format!("{name} in {path} is not readable"));
                        }
                    }
                }
            },
        }
        self.end_boot(index, now, effects);
    }

    /// Opens the logs that wait, once all files are read and it is known whose word counts.
    pub(in crate::log) fn end_boot(&mut self, index: usize, now: Now, effects: &mut Effects) {
        let dir = &mut self.dirs[index];
        let Some(since) = self.since.filter(|_| dir.boot.stage == Stage::Reads && dir.boot.reading.is_empty()) else {
            return;
        };
        if dir.offline {
            return;
        }
        let said = core::mem::take(&mut dir.boot.said);
        let (count, others): (Vec<_>, Vec<_>) = said.into_iter().partition(|(_, ends)| ends.since == since);
        dir.boot.journaled.start(since);
        let recorded = !count.is_empty();
        if count.iter().any(|(shard, _)| shard.0 >= self.config.shards) {
            dir.ends.take_over();
        }
        dir.boot.stage = if recorded { Stage::Recorded } else { Stage::Unrecorded };
        if !recorded && !others.is_empty() && self.config.shard == ShardId(0) {
            let text = format!("Another broker has used {} since: its logs are read anew.", dir.path);
            effects.notice(Level::Info, text);
        }
        for (shard, ends) in count {
            ends.entries.into_values().for_each(|entry| self.merge_end(index, shard, entry));
        }
        self.begin_ends(index, recorded, effects);
        for partition in core::mem::take(&mut self.dirs[index].boot.waiting) {
            self.open_found(partition, now, effects);
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
        // What was noted of a log that was not taken over does not count any more once it was.
        let rank = |entry: &EndEntry| (!entry.is_foreign(), entry.flushed_end, entry.log_start);
        let newer = |known: &EndEntry| rank(&entry) > rank(known);
        if found.get(&entry.partition).is_none_or(newer) {
            found.insert(entry.partition, entry);
        }
    }
}
