//! Recovery: how a log is opened from the files of an earlier incarnation. It is ordinary stepping with reads.
//!
//! A directory begins with its flushed-ends files, of all shards, and with Kafka's checkpoints for the case that another
//! broker was there since. Then each log that is opened finds its place:
//! 1. whose directory it is: the flushed-ends file knows, or else `partition.metadata` is read;
//! 2. a compaction that Kafka was interrupted in is [completed](swap);
//! 3. a [plan](plan) from the files' lengths: where nothing lies behind the recorded end, nothing of it is read;
//! 4. its leader epochs, and the aborted transactions of the segments that are not scanned;
//! 5. a scan of what lies behind, batch by batch, which ends before the first that is not right; what follows is cut.
//!
//! What was scanned is not known to be durable: it is written again and covered by a commit round before it counts. The sync
//! alone would not do: where an earlier one failed, the kernel takes what it has in memory for written.

mod before;
mod boot;
mod finish;
mod journal;
mod plan;
mod producers;
mod scan;
mod scanning;
mod swap;
mod take;
mod transactions;

pub(super) use boot::{Boot, BootFile, FoundHomes};
pub(super) use finish::put_aside;
pub(super) use plan::FoundFile;

use super::ends_file::EndEntry;
use super::files::segment_name::SegmentFile;
use super::files::{leader_epoch_checkpoint, partition_metadata};
use super::io::{Asked, Purpose};
use super::journal_file::JournalEntry;
use super::log::Phase;
use super::names;
use super::outcome::LogEvent;
use super::store::LogStore;
use crate::effect::{Effects, IoOp, Level};
use crate::event::{IoOutput, IoResult};
use crate::ids::{FileName, FilePosition, Offset, TopicId, TopicPartition};
use crate::limits::{LOG_INDEX_FILE_BYTES_MAX, LOG_READ_BYTES_MAX, LOG_RECOVERIES_MAX};
use crate::time::Now;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::format;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use before::Unrecorded;
use bytes::Bytes;
use finish::cut_file;
use plan::Plan;
use scan::Stranded;
use swap::Swap;

/// The recoveries of a shard.
#[derive(Clone, Debug, Default)]
pub(super) struct Recoveries {
    under_way: BTreeMap<TopicPartition, Recovery>,
    /// Logs that wait until fewer are under way.
    waiting: VecDeque<TopicPartition>,
}

impl Recoveries {
    pub(super) fn is_idle(&self) -> bool {
        self.under_way.is_empty()
    }
}

/// A log on its way to being open.
#[derive(Clone, Debug)]
struct Recovery {
    entry: Option<EndEntry>,
    /// What another broker says of the log, where it has written what is not recorded.
    foreign: Option<Unrecorded>,
    /// What journals have of the log behind its recorded end.
    journaled: Vec<JournalEntry>,
    files: Vec<FoundFile>,
    plan: Plan,
    step: Step,
    swap: Option<Swap>,
    /// Where the scan is: the segment and the place in its file.
    segment: usize,
    position: u64,
    /// How much to read next.
    length: u32,
    offset_index: Bytes,
}

/// What a recovery waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// `partition.metadata`, to see whose directory it is.
    Identity,
    /// The completion of a compaction.
    Swap,
    /// The producers as of the start of this segment, in which the scan is to begin.
    Producers(usize),
    Epochs,
    /// The aborted transactions of a segment that is not scanned: from this place in its index on, where the next marker has
    /// at least this offset.
    Transactions {
        at: usize,
        position: u64,
        from: Offset,
    },
    OffsetIndex,
    TimeIndex,
    Scan,
    /// What lies behind the first batch that is not right.
    Stranded {
        cut_segment: usize,
        cut_position: u64,
        found: Stranded,
        checked: u64,
        looked_at: u64,
    },
}

/// The bytes behind the end of a cut log that are looked at for batches.
const STRANDED_BYTES_MAX: u64 = 64 << 20;

impl LogStore {
    /// Goes on with a log whose directory has read its flushed-ends files.
    pub(super) fn open_found(&mut self, partition: TopicPartition, now: Now, effects: &mut Effects) {
        let Some(log) = self.logs.get_mut(&partition) else { return };
        let dir = &mut self.dirs[usize::from(log.dir.0)];
        let entry = dir.ends.found.get(&partition);
        let recorded = entry.map_or(Offset::ZERO, |entry| entry.flushed_end);
        let journaled = dir.boot.journaled.of(partition, recorded);
        let Some(files) = dir.homes.take(&log.home) else {
            let flushed = journaled.iter().map(|entry| entry.end).max().unwrap_or(recorded);
            match Some(flushed).filter(|end| *end > Offset::ZERO) {
                Some(Offset(i64::MAX)) => {
                    self.set_aside(partition, "its directory is missing, and another broker had flushed all of it");
                }
                Some(end) => {
                    self.set_aside(partition, &format!("its directory is missing, and was flushed up to offset {end}"));
                }
                None => {
                    log.phase = Phase::Open;
                    self.events.push_back(LogEvent::Opened { partition });
                }
            }
            return;
        };
        let noted = entry.filter(|entry| entry.is_foreign()).map(Unrecorded::from_entry);
        let entry = entry.filter(|_| noted.is_none()).cloned();
        let before = || match dir.boot.before()? {
            // There is little of it.
            _ if partition == TopicPartition::CLUSTER_METADATA => Some(Unrecorded::NEW),
            before => Some(before.of(&log.topic, partition.partition)),
        };
        // It is known from here on, so that it is noted wherever the log is set aside. A log that is neither recorded nor
        // somebody else's is so new that it was not recorded yet.
        let foreign = if entry.is_none() { noted.or_else(before) } else { None };
        let recovery = Recovery {
            entry,
            foreign,
            journaled,
            files,
            plan: Plan::default(),
            step: Step::Identity,
            swap: None,
            segment: 0,
            position: 0,
            length: LOG_READ_BYTES_MAX,
            offset_index: Bytes::new(),
        };
        self.recoveries.under_way.insert(partition, recovery);
        if self.recoveries.under_way.len() > LOG_RECOVERIES_MAX {
            self.recoveries.waiting.push_back(partition);
        } else {
            self.identify(partition, now, effects);
        }
    }

    /// Finds out whose directory it is.
    fn identify(&mut self, partition: TopicPartition, now: Now, effects: &mut Effects) {
        let Some(recovery) = self.recoveries.under_way.get(&partition) else { return };
        let metadata = recovery.files.iter().find(|(name, _)| &**name == partition_metadata::NAME);
        match (&recovery.entry, metadata) {
            // There is one metadata log, and others keep files in its directory before it is there.
            _ if partition == TopicPartition::CLUSTER_METADATA => self.plan(partition, now, effects),
            // An entry is written after the directory has become this log's.
            (Some(_), _) => self.plan(partition, now, effects),
            (None, Some((_, length))) => {
                let length = (*length).min(u64::from(LOG_READ_BYTES_MAX)) as u32;
                self.read_fixed(partition, partition_metadata::NAME, length, effects);
            }
            // Nothing was acknowledged before this file was durable; and the rest may be an older topic's.
            (None, None) => self.not_ours(partition, None, now, effects),
        }
    }

    /// A read of a recovery is complete.
    pub(super) fn recovery_read(
        &mut self,
        partition: TopicPartition,
        now: Now,
        result: IoResult,
        effects: &mut Effects,
    ) {
        let Some(recovery) = self.recoveries.under_way.get_mut(&partition) else { return };
        let bytes = match result {
            Ok(IoOutput::Read(bytes)) => bytes,
            Ok(IoOutput::Done) if recovery.step == Step::Swap => {
                return self.swap_advanced(partition, now, effects);
            }
            Ok(IoOutput::Done | IoOutput::Space { .. }) => unreachable!("a read brings bytes"),
            Err(error) => {
                let Some(dir) = self.logs.get(&partition).map(|log| log.dir) else { return };
                return self.fail_dir(dir, &error);
            }
        };
        match recovery.step {
            Step::Identity => match partition_metadata::decode(&bytes) {
                Ok(topic) if topic == partition.topic => {
                    if recovery.foreign.is_none() {
                        self.write_identity_again(partition, bytes, effects);
                    }
                    self.plan(partition, now, effects);
                }
                Ok(topic) => self.not_ours(partition, Some(topic), now, effects),
                // Its bytes never became durable, and nothing is acknowledged before.
                Err(_) if bytes.iter().all(|byte| *byte == 0) => self.not_ours(partition, None, now, effects),
                Err(error) => {
                    self.set_aside(partition, &format!("its partition.metadata is not readable: {error}"));
                }
            },
            Step::Swap => self.swap_read(partition, now, &bytes, effects),
            Step::Producers(at) => self.take_producers(partition, at, now, &bytes, effects),
            Step::Epochs => {
                self.take_epochs(partition, &bytes, effects);
                self.read_transactions(partition, 0, now, effects);
            }
            Step::Transactions { at, position, from } => {
                self.take_transactions(partition, at, (position, from), now, &bytes, effects);
            }
            Step::OffsetIndex => {
                recovery.offset_index = bytes;
                recovery.step = Step::TimeIndex;
                self.load_active_index(partition, now, effects);
            }
            Step::TimeIndex => {
                let offset_index = core::mem::take(&mut recovery.offset_index);
                self.take_active_index(partition, &offset_index, &bytes, effects);
                self.begin_scan(partition, now, effects);
            }
            Step::Scan => self.scan(partition, now, &bytes, effects),
            Step::Stranded { .. } => {
                if bytes.is_empty() {
                    // The file has become shorter: nothing more is in it.
                    recovery.position = u64::MAX;
                }
                self.find_stranded(partition, now, &bytes, effects);
            }
        }
    }

    /// Writes `partition.metadata` again, as it is: it is about to be synced, and an earlier sync of it may have failed.
    fn write_identity_again(&mut self, partition: TopicPartition, bytes: Bytes, effects: &mut Effects) {
        let Some(log) = self.logs.get(&partition) else { return };
        let dir = &mut self.dirs[usize::from(log.dir.0)];
        let round = dir.next_round();
        let file = names::fixed(log.dir, &log.home, partition_metadata::NAME);
        let write = IoOp::Write { file, position: FilePosition(0), parts: vec![bytes] };
        dir.ask(&mut self.io, round, Purpose::Step, write, effects);
    }

    /// The directory is another topic's, which is gone, or nobody's: it goes, and the log begins anew.
    fn not_ours(&mut self, partition: TopicPartition, owner: Option<TopicId>, now: Now, effects: &mut Effects) {
        let Some(recovery) = self.recoveries.under_way.get_mut(&partition) else { return };
        let Some(log) = self.logs.get_mut(&partition) else { return };
        log.phase = Phase::Open;
        let (dir, home) = (log.dir, log.home.clone());
        match owner {
            Some(owner) => {
                let dir = &mut self.dirs[usize::from(dir.0)];
                put_aside(&mut self.io, dir, &home, u128::from_be_bytes(owner.0), effects);
            }
            None => {
                let files: Vec<Arc<str>> = recovery.files.iter().map(|(name, _)| name.clone()).collect();
                self.discard(now, dir, &home, &files, effects);
            }
        }
        self.events.push_back(LogEvent::Opened { partition });
        self.end_recovery(partition);
    }

    /// A log is deleted while it is being opened: the names of its files.
    pub(super) fn forget_recovery(&mut self, partition: TopicPartition) -> Option<Vec<Arc<str>>> {
        self.recoveries.waiting.retain(|waiting| *waiting != partition);
        let recovery = self.recoveries.under_way.remove(&partition)?;
        let after = swap::names_after(&recovery.files);
        Some(recovery.files.into_iter().map(|(name, _)| name).chain(after).collect())
    }

    /// The log is damaged: nothing of it is changed, and nobody can use it. It shows once the event is taken.
    fn set_aside(&mut self, partition: TopicPartition, what: &str) {
        let Some(log) = self.logs.get_mut(&partition) else { return };
        log.segments.clear();
        let dir = &mut self.dirs[usize::from(log.dir.0)];
        dir.boot.keeps_journals |=
            self.recoveries.under_way.get(&partition).is_some_and(|recovery| !recovery.journaled.is_empty());
        if let Some(foreign) = self.recoveries.under_way.get(&partition).and_then(|recovery| recovery.foreign) {
            // What its broker said of it is not lost with that broker's files.
            let entry = EndEntry::foreign(partition, foreign.flushed, foreign.log_start);
            if dir.ends.found.insert(partition, entry.clone()) != Some(entry) {
                dir.ends.note_unproven(partition);
            }
        }
        let reason = format!("{} in {}: {what}; nothing was changed", log.home, dir.path);
        self.events.push_back(LogEvent::Damaged { partition, reason });
        self.end_recovery(partition);
    }

    fn end_recovery(&mut self, partition: TopicPartition) {
        self.recoveries.under_way.remove(&partition);
    }

    /// Lets logs that wait begin their recovery, where there is room.
    pub(super) fn next_recoveries(&mut self, now: Now, effects: &mut Effects) {
        while self.recoveries.under_way.len() - self.recoveries.waiting.len() < LOG_RECOVERIES_MAX {
            let Some(next) = self.recoveries.waiting.pop_front() else { return };
            self.identify(next, now, effects);
        }
    }

    /// Decides what is to be done, and takes up the segments that are flushed.
    fn plan(&mut self, partition: TopicPartition, now: Now, effects: &mut Effects) {
        if self.begin_swap(partition, now, effects) {
            return;
        }
        let Some(recovery) = self.recoveries.under_way.get_mut(&partition) else { return };
        let Some(log) = self.logs.get_mut(&partition) else { return };
        let dir = &mut self.dirs[usize::from(log.dir.0)];
        recovery.plan = match Plan::new(&recovery.files, recovery.entry.as_ref(), recovery.foreign) {
            Ok(plan) => plan,
            Err(reason) => return self.set_aside(partition, &reason),
        };
        let mut plan = core::mem::take(&mut recovery.plan);
        if let Err(reason) = recovery.plan_journaled(&mut plan) {
            return self.set_aside(partition, &reason);
        }
        recovery.plan = plan;
        recovery.write_journaled(&mut self.io, dir, log, effects);
        log.note_other_files(&recovery.files);
        log.disk.metadata_missing = !recovery.files.iter().any(|(name, _)| &**name == partition_metadata::NAME);
        for name in recovery.plan.leftovers.clone() {
            let round = dir.next_round();
            let file = names::fixed(log.dir, &log.home, &name);
            dir.ask(&mut self.io, round, Purpose::Step, IoOp::Remove { file }, effects);
        }
        self.follow_plan(partition, now, effects);
    }

    fn read_epochs(&mut self, partition: TopicPartition, now: Now, effects: &mut Effects) {
        let Some(recovery) = self.recoveries.under_way.get_mut(&partition) else { return };
        recovery.step = Step::Epochs;
        let epochs = recovery.files.iter().find(|(name, _)| &**name == leader_epoch_checkpoint::NAME);
        match epochs.map(|(_, length)| (*length).min(u64::from(LOG_READ_BYTES_MAX)) as u32) {
            Some(length) if length > 0 => {
                self.read_fixed(partition, leader_epoch_checkpoint::NAME, length, effects);
            }
            Some(_) | None => self.read_transactions(partition, 0, now, effects),
        }
    }

    /// Takes up the leader epochs of what is flushed. A file that cannot be read is made anew from what is scanned.
    fn take_epochs(&mut self, partition: TopicPartition, bytes: &[u8], effects: &mut Effects) {
        let Some(log) = self.logs.get_mut(&partition) else { return };
        match leader_epoch_checkpoint::decode(bytes) {
            Ok(entries) => {
                log.epochs = super::epochs::LeaderEpochs::restore(entries);
                log.epochs_dirty = log.epochs.truncate_from_end(log.log_end);
                log.epochs_dirty |= log.epochs.truncate_from_start(log.log_start);
            }
            Err(error) => {
                log.epochs_dirty = true;
                effects.notice(Level::Warn, format!("leader epochs of partition {} are lost: {error}", log.home));
            }
        }
    }

    /// Reads the indexes of the segment in which the scan begins, so that entries behind that place are cut; or goes on.
    fn load_active_index(&mut self, partition: TopicPartition, now: Now, effects: &mut Effects) {
        let Some(recovery) = self.recoveries.under_way.get_mut(&partition) else { return };
        if recovery.plan.is_clean() {
            return self.finish(partition, now, None, Stranded::default(), effects);
        }
        if matches!(recovery.step, Step::Transactions { .. }) {
            recovery.step = Step::OffsetIndex;
        }
        let segment = recovery.plan.segments[recovery.plan.scan_segment];
        let kind = match recovery.step {
            Step::OffsetIndex => SegmentFile::OffsetIndex,
            _ => SegmentFile::TimeIndex,
        };
        let length = if kind == SegmentFile::OffsetIndex { segment.offset_index } else { segment.time_index };
        let length = length.unwrap_or(0).min(u64::from(LOG_INDEX_FILE_BYTES_MAX)) as u32;
        if recovery.plan.scan_position == 0 || length == 0 {
            // Nothing of it is needed.
            return self.recovery_read(partition, now, Ok(IoOutput::Read(Bytes::new())), effects);
        }
        let Some(log) = self.logs.get(&partition) else { return };
        let file = names::file(log.dir, &log.home, segment.base, kind);
        self.ask_read(partition, file, FilePosition(0), length, effects);
    }

    /// Takes up the index of the segment in which the scan begins, up to that place, and cuts the rest.
    fn take_active_index(&mut self, partition: TopicPartition, offsets: &[u8], times: &[u8], effects: &mut Effects) {
        let Some(recovery) = self.recoveries.under_way.get(&partition) else { return };
        let Some(log) = self.logs.get_mut(&partition) else { return };
        let dir = &mut self.dirs[usize::from(log.dir.0)];
        let plan = &recovery.plan;
        let found = plan.segments[plan.scan_segment];
        let end = u32::try_from(plan.scan_offset.0.saturating_sub(found.base.0)).unwrap_or(u32::MAX);
        let segment = &mut log.segments[plan.scan_segment];
        segment.index.load(offsets, times, plan.scan_position);
        let (offset_bytes, time_bytes) = segment.index.truncate(plan.scan_position, end);
        let cuts = [
            (SegmentFile::OffsetIndex, found.offset_index, offset_bytes),
            (SegmentFile::TimeIndex, found.time_index, time_bytes),
        ];
        for (kind, length, kept) in cuts {
            cut_file(&mut self.io, dir, log, found.base, kind, length, kept, effects);
        }
        // Those of later segments are made anew.
        for later in plan.segments.get(plan.scan_segment + 1..).unwrap_or_default() {
            for (kind, length) in
                [(SegmentFile::OffsetIndex, later.offset_index), (SegmentFile::TimeIndex, later.time_index)]
            {
                cut_file(&mut self.io, dir, log, later.base, kind, length, 0, effects);
            }
        }
    }

    fn read_fixed(&mut self, partition: TopicPartition, name: &str, length: u32, effects: &mut Effects) {
        let Some(log) = self.logs.get(&partition) else { return };
        let file = names::fixed(log.dir, &log.home, name);
        self.ask_read(partition, file, FilePosition(0), length, effects);
    }

    fn ask_read(
        &mut self,
        partition: TopicPartition,
        file: FileName,
        position: FilePosition,
        length: u32,
        effects: &mut Effects,
    ) {
        let asked = Asked { dir: file.dir, round: None, purpose: Purpose::Recover(partition) };
        self.io.ask(asked, IoOp::Read { file, position, length }, effects);
    }
}

/// The partition's directory, without any file of it: a name to group by.
pub(super) type HomeName = Arc<str>;
