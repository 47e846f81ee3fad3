//! The flushed-ends file of a directory: how far each log is known to be durable, for the recovery after a crash.
//!
//! What is recorded is captured when a round begins, for that is the moment at which what the round will have made durable
//! is known, and written once the round is over. So the file is behind the log and never ahead. It is written behind
//! within an interval, and at once when the bytes that a recovery would have to read again reach half of their bound.
//!
//! Invariants:
//! 1. An entry is written after the round that captured it has ended.
//! 2. At most one write of the file is under way, and while it is, nothing is captured.
//! 3. What was found at boot and is not superseded stays in the file: logs of other shards, logs that are damaged, and logs
//!    that are not open yet.

use super::ends_file::{self, EndEntry};
use super::files::producer_snapshot::ProducerEntry;
use super::io::{Asked, Purpose};
use super::log::{Home, Log, Phase};
use super::names;
use super::outcome::LogEvent;
use super::replace::AfterReplace;
use super::segment::MaxTimestamp;
use super::shutdown::Closing;
use super::store::LogStore;
use crate::effect::{Effects, IoOp};
use crate::ids::{FileName, FilePosition, LogDirIndex, Offset, TopicPartition};
use crate::limits::LOG_ENDS_FILE_BYTES_MIN;
use crate::time::{Instant, Now};
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use bytes::Bytes;

/// What a shard has to record in a directory.
#[derive(Clone, Debug, Default)]
pub(super) struct Ends {
    /// What was found at boot and is not superseded.
    pub(super) found: BTreeMap<TopicPartition, EndEntry>,
    /// Logs that have changed since they were captured.
    unrecorded: BTreeSet<TopicPartition>,
    /// When they are to be recorded at the latest.
    due: Option<Instant>,
    /// Whether recording is due and waits for the index of a closed segment.
    held_up: bool,
    /// The bytes that a recovery would have to read again.
    debt: u64,
    /// What the round in flight will have made durable.
    captured: Option<Capture>,
    /// What is being written.
    writing: Option<Capture>,
    file: EndsFile,
    /// Whether the first file that the directory ever had is being made.
    is_first: bool,
    /// Calls that wait until the start of a log is recorded.
    deletions: Vec<(TopicPartition, Offset)>,
    /// Logs that were opened by what another broker says of them, until they are recorded here.
    unproven: BTreeSet<TopicPartition>,
    /// Whether there is a file of a shard that is none any more: what it says of this one's logs is to be in this one's file.
    takes_over: bool,
}

/// The file as this incarnation has written it.
#[derive(Clone, Copy, Debug, Default)]
enum EndsFile {
    /// There is none in the directory, of any shard.
    #[default]
    Missing,
    /// Not yet: what is there may end in a torn frame, and is replaced.
    Inherited,
    /// It begins with all entries, and has changes behind them.
    Written { whole_bytes: u64, bytes: u64 },
}

#[derive(Clone, Debug)]
struct Capture {
    entries: Vec<EndEntry>,
    debt: u64,
    /// Whether these are all entries, and the file is replaced.
    whole: bool,
    /// Whether the round has ended that covers it.
    round_ended: bool,
    /// Syncs that are not complete and that no round waits for.
    behind: usize,
    /// The operations of the write that are not complete.
    outstanding: u8,
}

impl Capture {
    const fn new(entries: Vec<EndEntry>, debt: u64, whole: bool) -> Self {
        Self { entries, debt, whole, round_ended: false, behind: 0, outstanding: 0 }
    }
}

impl Ends {
    /// Whether there is a file, durably. Without one a recovery would trust closed segments without having them scanned, so
    /// that no round begins before.
    pub(super) fn has_file(&self) -> bool {
        match self.file {
            EndsFile::Missing => false,
            EndsFile::Inherited => true,
            EndsFile::Written { .. } => !self.is_first,
        }
    }

    /// Notes that a log has something to record, within the interval.
    pub(super) fn note(&mut self, partition: TopicPartition, latest: Instant) {
        self.unrecorded.insert(partition);
        self.due = Some(self.due.map_or(latest, |due| due.min(latest)));
    }

    /// Notes a log that no file of ours speaks of: it is recorded as soon as can be.
    pub(super) fn note_unproven(&mut self, partition: TopicPartition) {
        self.unproven.insert(partition);
        self.note(partition, Instant(0));
    }

    /// Whether this shard's file speaks of all logs that were opened, and of all that files of vanished shards speak of.
    pub(super) fn is_proven(&self) -> bool {
        self.unproven.is_empty() && !self.takes_over
    }

    /// There is a file of a shard that is none any more.
    pub(super) const fn take_over(&mut self) {
        self.takes_over = true;
    }

    /// Notes bytes that a recovery would have to read again.
    pub(super) const fn note_bytes(&mut self, bytes: u64) {
        self.debt += bytes;
    }

    /// Has a log recorded as soon as can be, and says so by an event when its start has become durable.
    pub(super) fn record_start(&mut self, partition: TopicPartition, log_start: Offset) {
        self.unrecorded.insert(partition);
        self.due = Some(Instant(0));
        self.deletions.push((partition, log_start));
    }

    /// Has everything recorded as soon as can be.
    pub(super) fn hurry(&mut self) {
        if !self.unrecorded.is_empty() {
            self.due = Some(Instant(0));
        }
    }

    /// Forgets a log that is deleted.
    pub(super) fn forget(&mut self, partition: TopicPartition, unrecorded_bytes: u64) {
        self.found.remove(&partition);
        self.unrecorded.remove(&partition);
        self.unproven.remove(&partition);
        self.debt -= unrecorded_bytes;
        self.deletions.retain(|(other, _)| *other != partition);
    }

    /// Forgets logs of topics that are not known any more.
    pub(super) fn keep_known(&mut self, known: &BTreeSet<TopicPartition>) {
        self.found.retain(|partition, _| known.contains(partition));
    }

    /// Says whether recording waits for something that no deadline brings.
    pub(super) const fn set_held_up(&mut self, held_up: bool) {
        self.held_up = held_up;
    }

    /// When something is to be recorded, where nothing stands in the way.
    pub(super) fn deadline(&self) -> Option<Instant> {
        // A log that was to be recorded may have been deleted since: then nothing is due.
        let free = !self.held_up && !self.unrecorded.is_empty() && self.captured.is_none() && self.writing.is_none();
        self.due.filter(|_| free)
    }

    /// Whether everything that changed is recorded.
    pub(super) fn is_settled(&self) -> bool {
        self.unrecorded.is_empty() && !self.takes_over && self.captured.is_none() && self.writing.is_none()
    }

    /// Whether the round that begins now is to record what it covers.
    pub(super) fn wants(&self, now: Instant, debt_max: u64, journal_fills: bool) -> bool {
        let due = self.due.is_some_and(|due| due <= now) || self.debt >= debt_max / 2 || journal_fills;
        let wants = due && !self.unrecorded.is_empty() || self.takes_over;
        wants && self.captured.is_none() && self.writing.is_none()
    }

    /// Counts a sync that what was captured waits for.
    pub(super) fn note_behind(&mut self) {
        self.captured.as_mut().expect("a sync is behind what was captured").behind += 1;
    }

    /// Such a sync is complete.
    pub(super) fn synced_behind(&mut self) {
        self.captured.as_mut().expect("what was captured waits for its syncs").behind -= 1;
    }

    /// A round has ended; what was captured was so when it began, or before.
    pub(super) fn note_round_ended(&mut self) {
        if let Some(capture) = &mut self.captured {
            capture.round_ended = true;
        }
    }

    /// Whether a capture now would not lose a log: one that cannot be captured keeps the entry that it has, which a new file
    /// would not have.
    pub(super) fn can_capture(&self, cannot_be: impl Fn(TopicPartition) -> bool) -> bool {
        let lost = |partition: &TopicPartition| !self.found.contains_key(partition) && cannot_be(*partition);
        !self.wants_whole() || !self.unrecorded.iter().any(lost)
    }

    /// The logs that have changed since they were captured.
    pub(super) fn unrecorded(&self) -> impl Iterator<Item = TopicPartition> + '_ {
        self.unrecorded.iter().copied()
    }

    const fn wants_whole(&self) -> bool {
        match self.file {
            EndsFile::Missing | EndsFile::Inherited => true,
            EndsFile::Written { whole_bytes, bytes } => bytes > LOG_ENDS_FILE_BYTES_MIN && bytes > 4 * whole_bytes,
        }
    }

    /// Asserts that the debt is what logs have that is not recorded, and what is on its way to be.
    pub(super) fn check_invariants(&self, unrecorded_bytes: u64) {
        let on_its_way = self.captured.iter().chain(&self.writing).map(|capture| capture.debt).sum::<u64>();
        assert_eq!(self.debt, unrecorded_bytes + on_its_way, "the debt is counted once");
        assert!(self.captured.is_none() || self.writing.is_none(), "nothing is captured while the file is written");
    }

    #[cfg(test)]
    pub(super) const fn debt(&self) -> u64 {
        self.debt
    }
}

impl LogStore {
    /// A directory has read its flushed-ends files: where there was none, the first is made.
    pub(super) fn begin_ends(&mut self, index: usize, found: bool, effects: &mut Effects) {
        let dir = &mut self.dirs[index];
        let ends = &mut dir.ends;
        if found {
            ends.file = EndsFile::Inherited;
            // The name that was found need not be durable; it is with the first round.
            let (round, sync) = (dir.next_round(), IoOp::SyncDir { dir: FileName::new(dir.index, "") });
            dir.ask(&mut self.io, round, Purpose::Step, sync, effects);
            return;
        }
        ends.is_first = true;
        ends.captured = Some(Capture { round_ended: true, ..Capture::new(Vec::new(), 0, true) });
        self.write_ends(index, effects);
    }

    /// Captures what the round that begins now will have made durable. All that was appended to these logs is covered.
    pub(super) fn capture_ends(&mut self, index: usize, now: Now) {
        let dir = &mut self.dirs[index];
        let whole = dir.ends.wants_whole();
        let mut entries = Vec::new();
        let mut debt = 0;
        let unrecorded = core::mem::take(&mut dir.ends.unrecorded);
        // The last entry of a closed segment's time index has to be durable with it.
        let complete = |log: &Log| log.disk.home == Home::Made && log.disk.closed.is_empty();
        let recordable = |log: &Log| log.dir == dir.index && log.phase == Phase::Open && complete(log);
        for partition in &unrecorded {
            let Some(log) = self.logs.get_mut(partition) else { continue };
            if !recordable(log) {
                // One that is damaged and was not taken over is noted as what it is.
                let noted = dir.ends.found.get(partition).filter(|entry| !whole && entry.is_foreign());
                entries.extend(noted.cloned());
                if log.phase == Phase::Open && log.disk.home != Home::Absent {
                    dir.ends.unrecorded.insert(*partition);
                }
                continue;
            }
            dir.ends.found.remove(partition);
            debt += core::mem::take(&mut log.unrecorded_bytes);
            if !whole {
                let producers = log.producers.take_changed();
                entries.push(log.end_entry(producers));
            }
        }
        if whole {
            entries.extend(dir.ends.found.values().cloned());
            for log in self.logs.values_mut().filter(|log| recordable(log)) {
                if !dir.ends.found.contains_key(&log.partition) {
                    log.producers.take_changed();
                    let producers = log.producers.all();
                    entries.push(log.end_entry(producers));
                }
            }
        }
        let interval = if self.closing == Closing::No { self.config.record_interval_ms } else { 0 };
        dir.ends.due = (!dir.ends.unrecorded.is_empty()).then(|| now.instant.after_ms(interval));
        dir.ends.captured = Some(Capture::new(entries, debt, whole));
    }

    /// Writes what was captured, once the round has ended that began then and all of it is synced.
    pub(super) fn write_ends(&mut self, index: usize, effects: &mut Effects) {
        let shard = self.config.shard;
        let dir = &mut self.dirs[index];
        let complete = |capture: &mut Capture| capture.round_ended && capture.behind == 0;
        let Some(mut capture) = dir.ends.captured.take_if(complete) else { return };
        let since = self.since.expect("no round begins before it is known since when only Grete writes here");
        let file = FileName::new(dir.index, &names::flushed_ends(shard));
        if capture.whole {
            let content = Bytes::from(ends_file::encode_whole(since, &capture.entries));
            let bytes = content.len() as u64;
            dir.ends.file = EndsFile::Written { whole_bytes: bytes, bytes };
            capture.outstanding = 1;
            dir.ends.writing = Some(capture);
            let then = AfterReplace::Ends(dir.index);
            self.replace(&file, content, None, then, effects);
            return;
        }
        let EndsFile::Written { bytes, .. } = &mut dir.ends.file else { panic!("changes follow a whole") };
        let content = Bytes::from(ends_file::encode_changes(since, &capture.entries));
        let position = FilePosition(*bytes);
        *bytes += content.len() as u64;
        capture.outstanding = 2;
        dir.ends.writing = Some(capture);
        let asked = Asked { dir: dir.index, round: None, purpose: Purpose::RecordEnds };
        let write = IoOp::Write { file: file.clone(), position, parts: alloc::vec![content] };
        self.io.ask(asked.clone(), write, effects);
        self.io.ask(asked, IoOp::Sync { file }, effects);
    }

    /// An operation of the write of the file is complete; where it was the last, what was captured is recorded.
    pub(super) fn ends_written(&mut self, dir: LogDirIndex, now: Now, effects: &mut Effects) {
        let ends = &mut self.dirs[usize::from(dir.0)].ends;
        let writing = ends.writing.as_mut().expect("the file is being written");
        writing.outstanding -= 1;
        if writing.outstanding > 0 {
            return;
        }
        let Some(recorded) = ends.writing.take() else { return };
        ends.is_first = false;
        ends.takes_over &= !recorded.whole;
        ends.debt -= recorded.debt;
        for entry in &recorded.entries {
            ends.deletions.retain(|&(partition, log_start)| {
                let done = partition == entry.partition && log_start <= entry.log_start;
                if done {
                    self.events.push_back(LogEvent::RecordsDeleted { partition, log_start: entry.log_start });
                }
                !done
            });
            ends.unproven.remove(&entry.partition);
            if let Some(log) = self.logs.get_mut(&entry.partition) {
                log.recorded_start = log.recorded_start.max(entry.log_start);
            }
        }
        for entry in &recorded.entries {
            self.drop_left_segments(entry.partition, now, effects);
        }
    }
}

impl Log {
    /// What the flushed-ends file says of a log when all of it is durable.
    fn end_entry(&self, producers: Vec<ProducerEntry>) -> EndEntry {
        let active = self.segments.last().expect("an open log has an active segment");
        let max_timestamp = match active.max_timestamp {
            MaxTimestamp::Known { timestamp, last_offset } => Some((timestamp, last_offset)),
            MaxTimestamp::None | MaxTimestamp::Unknown => None,
        };
        EndEntry {
            partition: self.partition,
            log_start: self.log_start,
            flushed_end: self.log_end,
            segment: active.base,
            position: FilePosition(active.bytes),
            first_timestamp: active.first_timestamp,
            max_timestamp,
            producers,
        }
    }
}
