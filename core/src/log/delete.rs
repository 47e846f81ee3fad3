//! Deleting: whole logs with their topic, and the front of a log by `DeleteRecords`.
//!
//! A deleted log's directory gets a name that says so at once, and its files are removed after `file.delete.delay.ms`. What
//! is left of that by a crash is removed at the next start; where not even the new name became durable, the directory belongs
//! to no topic that is known then, and [`LogStore::strays`] puts it aside.

use super::files::partition_dir::{DirKind, PartitionDir};
use super::files::segment_name::{SegmentFile, SegmentName, Stage};
use super::files::{leader_epoch_checkpoint, partition_metadata};
use super::io::{Asked, Purpose};
use super::log::{Home, Log};
use super::names;
use super::outcome::Unavailable;
use super::recovery::put_aside;
use super::removal::Removal;
use super::segment::Segment;
use super::store::{LogStore, LogTimer};
use crate::effect::{Effects, IoOp};
use crate::ids::{FileName, LogDirIndex, Offset, TopicPartition};
use crate::time::Now;
use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

impl LogStore {
    /// Deletes a log with all its records. Nothing is reported of it any more.
    pub fn delete(&mut self, now: Now, partition: TopicPartition, effects: &mut Effects) {
        let found = self.forget_recovery(partition);
        let Some(mut log) = self.logs.remove(&partition) else { return };
        self.tail.clear(&mut log.tail);
        self.timers.clear(&LogTimer::Flush(partition));
        self.stepped.remove(&partition);
        let dir = &mut self.dirs[usize::from(log.dir.0)];
        dir.dirty.remove(&partition);
        dir.ends.forget(partition, log.unrecorded_bytes);
        if let Some(round) = log.disk.names_awaited.take()
            && !dir.offline
        {
            // Nobody is left who would sync the names that the round waits for.
            dir.complete(round);
            self.end_round(usize::from(log.dir.0), effects);
        }
        let dir = &mut self.dirs[usize::from(log.dir.0)];
        dir.boot.stop_waiting(partition);
        if dir.offline {
            return;
        }
        let unclaimed = dir.homes.take(&log.home).map(|files| files.into_iter().map(|(name, _)| name).collect());
        if log.disk.home == Home::Absent && found.is_none() && unclaimed.is_none() {
            return;
        }
        let files = found.or(unclaimed).unwrap_or_else(|| log.file_names());
        let id = u128::from_be_bytes(partition.topic.0);
        let delay_ms = log.config.file_delete_delay_ms;
        let removal = self.depart(log.dir, &log.home, id, &files, effects);
        self.remove_at(now.instant.after_ms(delay_ms), removal);
    }

    /// Gives a partition's directory the name of one that is to be removed. The next round syncs the names of the directory that
    /// it lies in, and need not find the new one: nothing rests on that, since without it the next start puts it aside.
    fn depart(
        &mut self,
        index: LogDirIndex,
        home: &str,
        id: u128,
        files: &[Arc<str>],
        effects: &mut Effects,
    ) -> Removal {
        let dir = &mut self.dirs[usize::from(index.0)];
        let departing = match PartitionDir::parse(home) {
            Some(name) => PartitionDir { kind: DirKind::Delete(dir.unique(id)), ..name }.format(),
            None => String::from(home),
        };
        let round = dir.next_round();
        let (from, to) = (FileName::new(index, home), FileName::new(index, &departing));
        dir.ask(&mut self.io, round, Purpose::Step, IoOp::Rename { from, to: to.clone() }, effects);
        dir.home_names_dirty = true;
        let file = |name: &Arc<str>| names::fixed(index, &departing, name);
        Removal { files: files.iter().map(file).collect(), home: Some(to) }
    }

    /// A directory that nothing acknowledged was ever in: it is removed.
    pub(super) fn discard(
        &mut self,
        now: Now,
        index: LogDirIndex,
        home: &str,
        files: &[Arc<str>],
        effects: &mut Effects,
    ) {
        let removal = self.depart(index, home, 0, files, effects);
        self.remove_at(now.instant, removal);
    }

    /// Settles what is left of directories once all logs that are known have been opened: those on their way out are removed,
    /// and those that belong to no partition of `known` topics are put aside. `known` says the topic and partition of all
    /// partitions of the whole node.
    pub fn strays(&mut self, now: Now, known: &BTreeSet<(Arc<str>, TopicPartition)>, effects: &mut Effects) {
        let homes: BTreeSet<Arc<str>> =
            known.iter().map(|(topic, partition)| names::home(topic, partition.partition)).collect();
        let partitions: BTreeSet<TopicPartition> = known.iter().map(|(_, partition)| *partition).collect();
        // Directories belong to a directory as a whole; the first shard minds what no shard claims.
        let first = self.config.shard.0 == 0;
        for index in 0..self.dirs.len() {
            self.dirs[index].ends.keep_known(&partitions);
            self.dirs[index].boot.keep_known(&partitions);
            for (home, files) in self.dirs[index].homes.take_all() {
                if !first || homes.contains(&home) {
                    continue;
                }
                let dir = &mut self.dirs[index];
                match PartitionDir::parse(&home).map(|name| name.kind) {
                    Some(DirKind::Delete(_)) => {
                        let at = |name: &str| names::fixed(dir.index, &home, name);
                        let files = files.iter().map(|(name, _)| at(name)).collect();
                        let removal = Removal { files, home: Some(FileName::new(dir.index, &home)) };
                        self.remove_at(now.instant, removal);
                    }
                    Some(DirKind::Live) => put_aside(&mut self.io, dir, &home, 0, effects),
                    Some(DirKind::Stray(_) | DirKind::Future(_)) | None => {}
                }
            }
        }
    }

    /// Moves the first offset of a log forward. Gives it, and whether it is durable already; where it is not,
    /// [`RecordsDeleted`](super::LogEvent::RecordsDeleted) says so later.
    ///
    /// # Errors
    /// Says why where the log cannot be used.
    pub fn delete_records(
        &mut self,
        now: Now,
        partition: TopicPartition,
        to: Offset,
    ) -> Result<(Offset, bool), Unavailable> {
        let log = self.logs.get_mut(&partition).ok_or(Unavailable::Unknown)?;
        log.usable()?;
        log.advance_start(now, to.min(log.log_end));
        let start = log.log_start;
        if start <= log.recorded_start {
            return Ok((start, true));
        }
        let index = log.dir;
        self.dir_mut(index).ends.record_start(partition, start);
        Ok((start, false))
    }

    /// Removes the segments before the start of a log that is recorded now.
    pub(super) fn drop_left_segments(&mut self, partition: TopicPartition, now: Now, effects: &mut Effects) {
        let Some(log) = self.logs.get_mut(&partition) else { return };
        let gone = log.leaving.iter().take_while(|(_, end)| *end <= log.recorded_start).count();
        let gone: Vec<Segment> = log.leaving.drain(..gone).map(|(segment, _)| segment).collect();
        let (dir, home, delay_ms) = (log.dir, log.home.clone(), log.config.file_delete_delay_ms);
        let mut files = Vec::new();
        for segment in gone {
            let snapshot = log.snapshots.iter().position(|offset| *offset == segment.base);
            let snapshot = snapshot.map(|at| {
                log.snapshots.remove(at);
                SegmentFile::ProducerSnapshot
            });
            for kind in segment.files().chain(snapshot) {
                let name = SegmentName { base_offset: segment.base, file: kind, stage: Stage::Deleted }.format();
                let (from, to) = (names::file(dir, &home, segment.base, kind), names::fixed(dir, &home, &name));
                let asked = Asked { dir, round: None, purpose: Purpose::Remove(from.clone()) };
                self.removals.note_under_way();
                self.io.ask(asked, IoOp::Rename { from, to: to.clone() }, effects);
                files.push(to);
            }
        }
        if !files.is_empty() {
            self.remove_at(now.instant.after_ms(delay_ms), Removal { files, home: None });
        }
    }
}

impl Log {
    /// Moves the first offset forward, and lets go of the segments that lie before it as a whole.
    pub(super) fn advance_start(&mut self, now: Now, to: Offset) {
        if to <= self.log_start {
            return;
        }
        self.log_start = to;
        self.high_watermark = self.high_watermark.max(to);
        self.epochs_dirty |= self.epochs.truncate_from_start(to);
        self.producers.advance_start(to);
        if to == self.log_end && self.active().bytes > 0 {
            self.roll(now.wall);
        }
        self.let_go();
    }

    /// Lets go of the segments that lie before the log's start as a whole.
    pub(super) fn let_go(&mut self) {
        while let Some(next) = self.segments.get(1)
            && next.base <= self.log_start
        {
            let end = next.base;
            let segment = self.segments.remove(0);
            self.disk.unsynced.retain(|(base, _)| *base != segment.base);
            self.disk.closed.retain(|base| *base != segment.base);
            self.leaving.push((segment, end));
        }
    }

    /// The names of all files that the log has made.
    fn file_names(&self) -> Vec<Arc<str>> {
        let mut names: Vec<Arc<str>> = self.other_files.clone();
        for segment in self.segments.iter().chain(self.leaving.iter().map(|(segment, _)| segment)) {
            for kind in segment.files() {
                names.push(SegmentName::live(segment.base, kind).format().into());
            }
            if segment.txn_index_created {
                // It may be that it is being replaced just now.
                let name = SegmentName::live(segment.base, SegmentFile::TxnIndex).format();
                names.push(format!("{name}{}", super::replace::SUFFIX).into());
            }
        }
        for offset in &self.snapshots {
            names.push(SegmentName::live(*offset, SegmentFile::ProducerSnapshot).format().into());
        }
        if !self.disk.metadata_missing {
            names.push(partition_metadata::NAME.into());
        }
        if self.epochs_written {
            names.push(leader_epoch_checkpoint::NAME.into());
            // It may be that it is being replaced just now.
            names.push(format!("{}{}", leader_epoch_checkpoint::NAME, super::replace::SUFFIX).into());
        }
        names
    }
}

impl Segment {
    /// The kinds of files that it has.
    pub(super) fn files(&self) -> impl Iterator<Item = SegmentFile> + use<> {
        let files = [
            (SegmentFile::Log, self.created),
            (SegmentFile::OffsetIndex, self.index.offsets_created),
            (SegmentFile::TimeIndex, self.index.times_created),
            (SegmentFile::TxnIndex, self.txn_index_created),
        ];
        files.into_iter().filter(|(_, there)| *there).map(|(kind, _)| kind)
    }
}
