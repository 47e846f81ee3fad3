//! One partition's log: its segments, its ends, and what of it is not on disk yet.

use super::config::{Durability, LogConfig};
use super::epochs::LeaderEpochs;
use super::files::segment_name::SegmentFile;
use super::io::RoundNumber;
use super::journal::Kept;
use super::outcome::Unavailable;
use super::producer::ProducerState;
use super::segment::Segment;
use super::tail::LogTail;
use crate::ids::{FileName, FilePosition, LogDirIndex, Offset, Timestamp, TopicPartition};
use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;
use bytes::Bytes;

/// A log.
#[derive(Clone, Debug)]
pub(super) struct Log {
    pub(super) partition: TopicPartition,
    pub(super) topic: Arc<str>,
    pub(super) dir: LogDirIndex,
    /// The name of its directory.
    pub(super) home: Arc<str>,
    pub(super) config: Arc<LogConfig>,
    pub(super) phase: Phase,
    /// The first offset that readers may see.
    pub(super) log_start: Offset,
    /// What all replicas have, as the owner said last.
    pub(super) high_watermark: Offset,
    pub(super) log_end: Offset,
    pub(super) written_end: Offset,
    pub(super) flushed_end: Offset,
    /// The end that counts for acknowledgements, as it was reported.
    pub(super) durable_end: Offset,
    /// By base offset; the last one is active. Never empty while the log is open.
    pub(super) segments: Vec<Segment>,
    pub(super) tail: LogTail,
    pub(super) disk: OnDisk,
    pub(super) epochs: LeaderEpochs,
    pub(super) producers: ProducerState,
    /// The offsets of the producer snapshots that it has.
    pub(super) snapshots: Vec<Offset>,
    /// Whether epochs have changed since they were written.
    pub(super) epochs_dirty: bool,
    /// Records that were appended since a round was asked for, as `flush.messages` counts them.
    pub(super) unflushed_records: i64,
    /// Bytes that were appended since the flushed-ends file was last written for this log.
    pub(super) unrecorded_bytes: u64,
    /// The start that the flushed-ends file has: segments before it may be removed.
    pub(super) recorded_start: Offset,
    /// Segments before the log's start and the ends of each, until that is recorded.
    pub(super) leaving: Vec<(Segment, Offset)>,
    /// Files of its directory that this store has not made and does not use.
    pub(super) other_files: Vec<Arc<str>>,
    /// Whether leader epochs have ever been written.
    pub(super) epochs_written: bool,
    /// The name of the segment file that was written or synced last, by its base offset: most often the next one's, too.
    last_file: Option<(Offset, FileName)>,
}

/// Whether a log can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Open,
    Closed(Unavailable),
}

/// What of a log is on its way to the disk.
#[derive(Clone, Debug)]
pub(super) struct OnDisk {
    pub(super) home: Home,
    /// Batches that were appended in this step, or before the directory is there.
    pub(super) pending: Vec<PendingWrite>,
    /// Writes of batches under way, in order.
    pub(super) writes: VecDeque<WriteUnderWay>,
    /// Producer snapshots that are not written yet.
    pub(super) snapshots: Vec<(Offset, Bytes)>,
    /// Segments that were closed and whose indexes are not all written yet.
    pub(super) closed: Vec<Offset>,
    /// Files with writes that no round has covered yet.
    pub(super) unsynced: Vec<(Offset, SegmentFile)>,
    /// What the next round may write to the journal.
    pub(super) kept: Kept,
    /// Whether `partition.metadata` still has to be written.
    pub(super) metadata_missing: bool,
    /// Whether `partition.metadata` was found, and may not be durable.
    pub(super) metadata_unsynced: bool,
    /// Files that are being made.
    pub(super) creating: u32,
    /// Whether files were made whose names no round has covered yet.
    pub(super) names_dirty: bool,
    /// The round that waits until no file is being made, and then for the directory's sync.
    pub(super) names_awaited: Option<RoundNumber>,
}

/// A partition's directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Home {
    /// Nothing was appended yet.
    Absent,
    /// It has been asked for.
    Making,
    Made,
}

/// Batches for one place in a segment.
#[derive(Clone, Debug)]
pub(super) struct PendingWrite {
    pub(super) base: Offset,
    pub(super) position: FilePosition,
    pub(super) parts: Vec<Bytes>,
    /// The offset after the last of them.
    pub(super) end: Offset,
}

/// A write of batches, until all before it are complete as well.
#[derive(Clone, Debug)]
pub(super) struct WriteUnderWay {
    pub(super) end: Offset,
    pub(super) complete: bool,
}

impl Log {
    /// A log that nothing was ever appended to.
    pub(super) fn new(
        partition: TopicPartition,
        topic: &str,
        dir: LogDirIndex,
        config: Arc<LogConfig>,
        now: Timestamp,
    ) -> Self {
        Self {
            partition,
            topic: topic.into(),
            dir,
            home: super::names::home(topic, partition.partition),
            config,
            phase: Phase::Open,
            log_start: Offset::ZERO,
            high_watermark: Offset::ZERO,
            log_end: Offset::ZERO,
            written_end: Offset::ZERO,
            flushed_end: Offset::ZERO,
            durable_end: Offset::ZERO,
            segments: alloc::vec![Segment::new(Offset::ZERO, now)],
            tail: LogTail::default(),
            disk: OnDisk {
                home: Home::Absent,
                pending: Vec::new(),
                writes: VecDeque::new(),
                snapshots: Vec::new(),
                closed: Vec::new(),
                unsynced: Vec::new(),
                kept: Kept::NOTHING,
                metadata_missing: true,
                metadata_unsynced: false,
                creating: 0,
                names_dirty: false,
                names_awaited: None,
            },
            epochs: LeaderEpochs::default(),
            producers: ProducerState::default(),
            snapshots: Vec::new(),
            epochs_dirty: false,
            unflushed_records: 0,
            unrecorded_bytes: 0,
            recorded_start: Offset::ZERO,
            leaving: Vec::new(),
            other_files: Vec::new(),
            epochs_written: false,
            last_file: None,
        }
    }

    /// Why the log cannot be used, where it cannot.
    pub(super) fn usable(&self) -> Result<(), Unavailable> {
        match self.phase {
            Phase::Open => Ok(()),
            Phase::Closed(why) => Err(why),
        }
    }

    /// Moves the end that counts for acknowledgements to where it is now; says whether it moved.
    pub(super) fn advance_durable_end(&mut self) -> bool {
        let end = match self.config.durability {
            Durability::Flushed => self.flushed_end,
            Durability::Os => self.written_end,
        };
        let moved = end > self.durable_end;
        self.durable_end = self.durable_end.max(end);
        moved
    }

    /// The segment that appends go to.
    pub(super) fn active(&mut self) -> &mut Segment {
        self.segments.last_mut().expect("an open log has an active segment")
    }

    /// The place of the segment in which `offset` lies or would lie.
    pub(super) fn segment_at(&self, offset: Offset) -> usize {
        self.segments.partition_point(|segment| segment.base <= offset).saturating_sub(1)
    }

    /// The place of the segment with this base.
    pub(super) fn segment_with_base(&self, base: Offset) -> Option<usize> {
        self.segments.binary_search_by_key(&base, |segment| segment.base).ok()
    }

    /// The bytes of all segments.
    pub(super) fn bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.bytes).sum()
    }

    /// The name of a file of one of its segments.
    pub(super) fn file_name(&mut self, base: Offset, kind: SegmentFile) -> FileName {
        match &self.last_file {
            Some((of, file)) if kind == SegmentFile::Log && *of == base => file.clone(),
            Some(_) | None => {
                let file = super::names::file(self.dir, &self.home, base, kind);
                if kind == SegmentFile::Log {
                    self.last_file = Some((base, file.clone()));
                }
                file
            }
        }
    }

    /// Notes that a file has a write that the next round has to sync.
    pub(super) fn note_unsynced(&mut self, base: Offset, kind: SegmentFile) {
        if !self.disk.unsynced.contains(&(base, kind)) {
            self.disk.unsynced.push((base, kind));
        }
    }

    /// Takes a write as complete; the written end moves over all writes at the front that are.
    pub(super) fn note_written(&mut self, end: Offset) {
        let writes = &mut self.disk.writes;
        if let Some(write) = writes.iter_mut().find(|write| write.end == end) {
            write.complete = true;
        }
        while let Some(write) = writes.pop_front_if(|write| write.complete) {
            self.written_end = self.written_end.max(write.end);
        }
    }

    /// Asserts the invariants.
    pub(super) fn check_invariants(&self) {
        if self.phase != Phase::Open {
            return;
        }
        assert!(self.log_start <= self.log_end, "a log starts before its end");
        assert!(self.high_watermark <= self.log_end, "no replica has more than the leader's log");
        assert!(self.flushed_end <= self.written_end, "only what was written is flushed");
        assert!(self.durable_end <= self.written_end, "only what was written counts as durable");
        assert!(self.written_end <= self.log_end, "only what was appended is written");
        assert!(!self.segments.is_empty(), "an open log has an active segment");
        assert!(self.segments.is_sorted_by(|a, b| a.base < b.base), "segments lie in order");
        let first = self.segments.first().map_or(Offset::ZERO, |segment| segment.base);
        assert!(first <= self.log_start, "the log start lies in a segment");
        self.segments.iter().for_each(|segment| segment.index.check_invariants());
        self.tail.check_invariants(self.log_end);
        self.producers.check_invariants();
        if self.disk.home == Home::Made && self.disk.pending.is_empty() && self.disk.writes.is_empty() {
            assert_eq!(self.written_end, self.log_end, "what is not under way is written");
        }
    }
}
