//! Commit rounds: how what was appended in a directory becomes durable.
//!
//! At the end of each step the batches go out as writes. Where no round is in flight, one begins: it syncs each file that
//! has unsynced writes and each directory that has new names, or writes what is unsynced to the [journal](super::journal) and
//! syncs that, and ends when these and all writes before them are complete.
//! What comes meanwhile joins the next one, which begins with the end of the step in which this one ended.

use super::dir::Dir;
use super::files::segment_name::SegmentFile;
use super::files::{leader_epoch_checkpoint, partition_metadata};
use super::io::{IoTable, Purpose, RoundNumber};
use super::journal::Kept;
use super::journal_file::JournalEntry;
use super::log::{Home, Log, Phase, WriteUnderWay};
use super::names;
use super::outcome::{LogEvent, Unavailable};
use super::replace::AfterReplace;
use super::segment::Segment;
use super::store::LogStore;
use crate::effect::{Effects, IoOp};
use crate::event::IoError;
use crate::ids::{FileName, FilePosition, LogDirIndex, Offset, TopicPartition};
use crate::limits::{LOG_INDEX_ACTIVE_BYTES_MAX, LOG_INDEX_UNWRITTEN_MAX};
use crate::time::Now;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use bytes::Bytes;

impl LogStore {
    /// Hands the batches of this step to the disk and begins the rounds that can begin. Called once at the end of a step.
    pub fn end_step(&mut self, now: Now, effects: &mut Effects) {
        for partition in core::mem::take(&mut self.stepped) {
            let Some(log) = self.logs.get_mut(&partition) else { continue };
            let dir = &mut self.dirs[usize::from(log.dir.0)];
            if dir.offline {
                continue;
            }
            let round = dir.next_round();
            match log.disk.home {
                Home::Absent => {
                    log.disk.home = Home::Making;
                    let home = FileName::new(log.dir, &log.home);
                    dir.ask(&mut self.io, round, Purpose::MakeHome(partition), IoOp::MakeDir { dir: home }, effects);
                }
                Home::Making => {}
                Home::Made => Out { io: &mut self.io, dir, effects }.write(log, round),
            }
            self.load_awaited_indexes(partition, effects);
        }
        for index in 0..self.dirs.len() {
            self.begin_round(index, now, effects);
        }
        self.finish_closing();
    }

    /// Reads the indexes of a log that entries wait for: its files have not been looked at since boot.
    fn load_awaited_indexes(&mut self, partition: TopicPartition, effects: &mut Effects) {
        let Some(log) = self.logs.get(&partition) else { return };
        let mut awaited = log.disk.closed.clone();
        let many = |active: &&Segment| active.index.unwritten() >= LOG_INDEX_UNWRITTEN_MAX;
        awaited.extend(
            log.segments.last().filter(many).filter(|active| !active.index.can_write()).map(|active| active.base),
        );
        for base in awaited {
            self.load_index(partition, base, None, effects);
        }
    }

    fn begin_round(&mut self, index: usize, now: Now, effects: &mut Effects) {
        let dir = &mut self.dirs[index];
        if dir.offline || dir.round.is_some() || !dir.ends.has_file() {
            return;
        }
        let wants = dir.ends.wants(now.instant, self.config.recovery_debt_bytes_max, dir.journal.is_filling());
        let records = wants
            && dir.ends.can_capture(|partition| {
                self.logs.get(&partition).is_some_and(|log| log.disk.home == Home::Made && !log.disk.closed.is_empty())
            });
        // What it waits for comes with a read, and each step looks here again.
        dir.ends.set_held_up(wants && !records);
        if dir.dirty.is_empty() && !records && !dir.home_names_dirty {
            return;
        }
        let mut covers = BTreeMap::new();
        let mut making = 0;
        let dirty = core::mem::take(&mut dir.dirty);
        let unrecorded: BTreeSet<_> = if records { dir.ends.unrecorded().collect() } else { BTreeSet::new() };
        for partition in dirty.union(&unrecorded) {
            let Some(log) = self.logs.get(partition).filter(|log| log.phase == Phase::Open) else { continue };
            covers.insert(*partition, log.log_end);
            making += usize::from(log.disk.home == Home::Making);
        }
        let partitions: Vec<_> = covers.keys().copied().collect();
        let frame = self.journal_entries(index, &partitions, records, effects);
        let dir = &mut self.dirs[index];
        let round = dir.begin_round(covers, making);
        dir.journal.begin_round(records);
        let how = if frame.is_some() { How::Journal } else { How::Files };
        if let Some(entries) = frame {
            let since = self.since.expect("no round begins before it is known since when only Grete writes here");
            for op in dir.journal.put(dir.index, since, &entries) {
                dir.ask(&mut self.io, round, Purpose::Step, op, effects);
            }
        }
        if records {
            self.capture_ends(index, now);
        }
        for partition in partitions {
            let log = self.logs.get_mut(&partition).expect("covered logs are open");
            if log.disk.home != Home::Made {
                continue;
            }
            if how == How::Journal && !records {
                log.disk.kept = Kept::NOTHING;
                continue;
            }
            let mut out = Out { io: &mut self.io, dir: &mut self.dirs[index], effects };
            if records && unrecorded.contains(&partition) {
                // What lies before the recorded end is not scanned again, so its index entries have to be there.
                out.write_active_index(log, round);
            }
            out.sync(log, round, how);
            if records {
                self.write_epochs(partition, round, effects);
            }
        }
        Out { io: &mut self.io, dir: &mut self.dirs[index], effects }.sync_home_names(round);
        self.end_round(index, effects);
    }

    /// A partition's directory is there: what waited for it goes out.
    pub(super) fn home_made(&mut self, partition: TopicPartition, dir: LogDirIndex, effects: &mut Effects) {
        let dir = self.dirs.get_mut(usize::from(dir.0)).expect("operations name known directories");
        let round = dir.round_of(partition);
        let covered = round != dir.next_round();
        dir.home_names_dirty = true;
        let mut out = Out { io: &mut self.io, dir, effects };
        if let Some(log) = self.logs.get_mut(&partition) {
            log.disk.home = Home::Made;
            out.write(log, round);
            if covered {
                out.sync(log, round, How::Files);
            }
        }
        if covered {
            out.dir.round.as_mut().expect("a round covers the log").making -= 1;
            out.sync_home_names(round);
        }
    }

    /// A file of a partition is there: where a round waits for its name, the directory can be synced.
    pub(super) fn file_created(&mut self, partition: TopicPartition, effects: &mut Effects) {
        let Some(log) = self.logs.get_mut(&partition) else { return };
        let dir = self.dirs.get_mut(usize::from(log.dir.0)).expect("logs lie in known directories");
        log.disk.creating -= 1;
        if log.disk.creating == 0
            && let Some(round) = log.disk.names_awaited.take()
        {
            Out { io: &mut self.io, dir: &mut *dir, effects }.sync_names(log, round);
            dir.complete(round);
        }
    }

    /// Batches are written, if not yet durable.
    pub(super) fn batches_written(&mut self, partition: TopicPartition, end: Offset) {
        let Some(log) = self.logs.get_mut(&partition) else { return };
        log.note_written(end);
        if log.advance_durable_end() {
            self.events.push_back(LogEvent::Flushed { partition, durable_end: log.durable_end });
        }
    }

    /// Ends the round of a directory where all that it waits for is complete.
    pub(super) fn end_round(&mut self, index: usize, effects: &mut Effects) {
        let Some(round) = self.dirs[index].take_ended_round() else { return };
        for (partition, end) in round.covers {
            let Some(log) = self.logs.get_mut(&partition) else { continue };
            log.flushed_end = log.flushed_end.max(end);
            if log.advance_durable_end() {
                self.events.push_back(LogEvent::Flushed { partition, durable_end: log.durable_end });
            }
        }
        self.dirs[index].ends.note_round_ended();
        self.write_ends(index, effects);
    }

    /// Writes the leader epochs of a log where they have changed.
    fn write_epochs(&mut self, partition: TopicPartition, round: RoundNumber, effects: &mut Effects) {
        let log = self.logs.get_mut(&partition).expect("covered logs are open");
        if !core::mem::take(&mut log.epochs_dirty) {
            return;
        }
        log.epochs_written = true;
        let content = Bytes::from(leader_epoch_checkpoint::encode(log.epochs.entries()));
        let file = names::fixed(log.dir, &log.home, leader_epoch_checkpoint::NAME);
        self.replace(&file, content, Some(round), AfterReplace::Partition(partition), effects);
    }

    /// Takes a directory out of service for good: what an operation that was to make something durable failed with.
    pub(super) fn fail_dir(&mut self, index: LogDirIndex, error: &IoError) {
        self.take_offline(index, &error.message);
    }

    /// Takes a directory out of service for good, where it is not yet: another shard has found that it failed.
    pub fn take_offline(&mut self, index: LogDirIndex, reason: &str) {
        let dir = self.dirs.get_mut(usize::from(index.0)).expect("operations name known directories");
        if dir.offline {
            return;
        }
        dir.go_offline();
        // What was being recovered there takes no place from what can be.
        let gone = self.logs.values().filter(|log| log.dir == index).map(|log| log.partition);
        for partition in gone.collect::<Vec<_>>() {
            self.forget_recovery(partition);
        }
        for log in self.logs.values_mut().filter(|log| log.dir == index) {
            log.phase = Phase::Closed(Unavailable::Offline);
            log.disk.pending.clear();
            self.tail.clear(&mut log.tail);
        }
        self.events.push_back(LogEvent::DirOffline { dir: index, reason: reason.into() });
    }
}

/// How a round makes batches durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    /// By syncing the files that they are in.
    Files,
    /// By a frame of the journal. Where the flushed ends are recorded, the files are synced behind it.
    Journal,
}

/// Where a log's operations go.
pub(super) struct Out<'a> {
    pub(super) io: &'a mut IoTable,
    pub(super) dir: &'a mut Dir,
    pub(super) effects: &'a mut Effects,
}

impl Out<'_> {
    fn ask(&mut self, round: RoundNumber, purpose: Purpose, op: IoOp) {
        self.dir.ask(self.io, round, purpose, op, self.effects);
    }

    /// Writes what is pending of a log whose directory is there, and the index entries that have waited long enough.
    fn write(&mut self, log: &mut Log, round: RoundNumber) {
        for pending in core::mem::take(&mut log.disk.pending) {
            let file = log.file_name(pending.base, SegmentFile::Log);
            let at = log.segment_with_base(pending.base).expect("batches are pending for a segment that is there");
            if !core::mem::replace(&mut log.segments[at].created, true) {
                self.create(log, round, file.clone());
            }
            log.disk.writes.push_back(WriteUnderWay { end: pending.end, complete: false });
            log.note_unsynced(pending.base, SegmentFile::Log);
            let entry = JournalEntry {
                partition: log.partition,
                segment: pending.base,
                position: pending.position,
                end: pending.end,
                parts: pending.parts.clone(),
            };
            self.dir.journal.keep(log, entry);
            let purpose = Purpose::WriteBatches(log.partition, pending.end);
            self.ask(round, purpose, IoOp::Write { file, position: pending.position, parts: pending.parts });
        }
        if core::mem::take(&mut log.disk.metadata_missing) {
            let file = names::fixed(log.dir, &log.home, partition_metadata::NAME);
            self.create(log, round, file.clone());
            let parts = alloc::vec![Bytes::from(partition_metadata::encode(log.partition.topic))];
            let write = IoOp::Write { file: file.clone(), position: FilePosition(0), parts };
            self.ask(round, Purpose::Step, write);
            self.ask(round, Purpose::Step, IoOp::Sync { file });
        }
        for (end, content) in core::mem::take(&mut log.disk.snapshots) {
            let file = names::file(log.dir, &log.home, end, SegmentFile::ProducerSnapshot);
            self.create(log, round, file.clone());
            let write = IoOp::Write { file: file.clone(), position: FilePosition(0), parts: alloc::vec![content] };
            self.ask(round, Purpose::Step, write);
            self.ask(round, Purpose::Step, IoOp::Sync { file });
        }
        for base in core::mem::take(&mut log.disk.closed) {
            self.write_index(log, base, round, true);
        }
        if log.segments.last().is_some_and(|active| active.index.unwritten() >= LOG_INDEX_UNWRITTEN_MAX) {
            self.write_active_index(log, round);
        }
    }

    /// Writes the index entries of the active segment that are not written yet.
    fn write_active_index(&mut self, log: &mut Log, round: RoundNumber) {
        if let Some(active) =
            log.segments.last().filter(|active| active.index.has_unwritten() && active.index.can_write())
        {
            self.write_index(log, active.base, round, false);
        }
    }

    /// Writes the index entries of a segment that are not written yet. Those of a closed segment are complete, and synced.
    fn write_index(&mut self, log: &mut Log, base: Offset, round: RoundNumber, closed: bool) {
        let Some(at) = log.segment_with_base(base) else { return };
        let index = &mut log.segments[at].index;
        if closed && !index.can_write() {
            // The entries wait until the others are in memory; the segment is asked for again then.
            log.disk.closed.push(base);
            return;
        }
        let offsets_new = (closed || index.unwritten() > 0) && !core::mem::replace(&mut index.offsets_created, true);
        let times_new = (closed || index.unwritten() > 0) && !core::mem::replace(&mut index.times_created, true);
        let offsets = index.take_unwritten_offsets();
        let times = index.take_unwritten_times();
        for (kind, new, entries) in
            [(SegmentFile::OffsetIndex, offsets_new, offsets), (SegmentFile::TimeIndex, times_new, times)]
        {
            let file = names::file(log.dir, &log.home, base, kind);
            if new {
                self.create(log, round, file.clone());
            }
            if let Some((position, bytes)) = entries {
                self.ask(round, Purpose::Step, IoOp::Write { file, position, parts: alloc::vec![bytes] });
            }
            if closed {
                log.note_unsynced(base, kind);
            }
        }
        let index = &mut log.segments[at].index;
        if closed || index.memory_bytes() > LOG_INDEX_ACTIVE_BYTES_MAX {
            index.unload();
        }
    }

    fn create(&mut self, log: &mut Log, round: RoundNumber, file: FileName) {
        log.disk.creating += 1;
        log.disk.names_dirty = true;
        self.ask(round, Purpose::Create(log.partition), IoOp::Create { file });
    }

    /// Syncs what a log has written and named since it was covered last.
    fn sync(&mut self, log: &mut Log, round: RoundNumber, how: How) {
        log.disk.kept = Kept::NOTHING;
        for (base, kind) in core::mem::take(&mut log.disk.unsynced) {
            let file = log.file_name(base, kind);
            match how {
                How::Files => self.ask(round, Purpose::Step, IoOp::Sync { file }),
                How::Journal => self.dir.ask_behind(self.io, file, self.effects),
            }
        }
        if core::mem::take(&mut log.disk.metadata_unsynced) {
            let file = names::fixed(log.dir, &log.home, partition_metadata::NAME);
            self.ask(round, Purpose::Step, IoOp::Sync { file });
        }
        if !log.disk.names_dirty {
            return;
        }
        if log.disk.creating == 0 {
            self.sync_names(log, round);
        } else {
            log.disk.names_awaited = Some(round);
            self.dir.hold(round);
        }
    }

    fn sync_names(&mut self, log: &mut Log, round: RoundNumber) {
        log.disk.names_dirty = false;
        self.ask(round, Purpose::Step, IoOp::SyncDir { dir: FileName::new(log.dir, &log.home) });
    }

    /// Syncs the names of partitions' directories once all that the round covers are made.
    fn sync_home_names(&mut self, round: RoundNumber) {
        let made = self.dir.round.as_ref().is_some_and(|round| round.making == 0);
        if made && core::mem::take(&mut self.dir.home_names_dirty) {
            let dir = FileName::new(self.dir.index, "");
            self.ask(round, Purpose::Step, IoOp::SyncDir { dir });
        }
    }
}
