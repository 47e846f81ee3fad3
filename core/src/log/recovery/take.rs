//! What a log takes up from the files that were found.

use super::FoundFile;
use super::plan::{FoundSegment, Plan};
use crate::ids::{LeaderEpoch, Timestamp};
use crate::log::ends_file::EndEntry;
use crate::log::files::leader_epoch_checkpoint::EpochEntry;
use crate::log::files::segment_name::{SegmentFile, SegmentName};
use crate::log::files::{leader_epoch_checkpoint, partition_metadata};
use crate::log::header::BatchHeader;
use crate::log::index::SegmentIndex;
use crate::log::log::{Home, Log};
use crate::log::producer::ProducerState;
use crate::log::segment::{MaxTimestamp, Segment};

impl Log {
    /// Takes up the segments that are flushed.
    pub(super) fn take_plan(&mut self, plan: &Plan, entry: Option<&EndEntry>, now: Timestamp) {
        self.segments = plan.segments[..plan.scan_segment].iter().map(|found| flushed_segment(found, now)).collect();
        let found = &plan.segments[plan.scan_segment];
        let mut active = if plan.scan_position > 0 { flushed_segment(found, now) } else { scanned_segment(found, now) };
        active.bytes = plan.scan_position;
        self.producers = ProducerState::default();
        if let Some(entry) = entry {
            self.producers = ProducerState::restore(&entry.producers);
            active.first_timestamp = entry.first_timestamp;
            active.max_timestamp = match entry.max_timestamp {
                Some((timestamp, last_offset)) => MaxTimestamp::Known { timestamp, last_offset },
                None => MaxTimestamp::None,
            };
        }
        self.segments.push(active);
        self.log_start = plan.log_start;
        self.high_watermark = plan.log_start;
        self.log_end = plan.scan_offset;
        self.flushed_end = plan.scan_offset;
        self.written_end = plan.scan_offset;
        self.disk.home = Home::Made;
    }

    /// Notes the files that are neither the log's segments nor those with fixed names.
    pub(super) fn note_other_files(&mut self, files: &[FoundFile]) {
        for (name, _) in files {
            match SegmentName::parse(name).map(|name| name.file) {
                Some(SegmentFile::Log | SegmentFile::OffsetIndex | SegmentFile::TimeIndex | SegmentFile::TxnIndex) => {}
                None if **name == *leader_epoch_checkpoint::NAME => self.epochs_written = true,
                None if **name == *partition_metadata::NAME => {}
                None => self.other_files.push(name.clone()),
                Some(SegmentFile::ProducerSnapshot) => {}
            }
        }
    }

    /// Takes up a batch that was scanned.
    pub(super) fn take_scanned(&mut self, header: &BatchHeader, batch: &[u8]) {
        let interval = self.config.index_interval_bytes;
        self.active().take_up(header, interval);
        // Another broker may have left an older epoch behind a newer one, as Kafka's recovery lets it pass, too.
        let older = |latest: EpochEntry| header.leader_epoch < latest.epoch;
        if header.leader_epoch >= LeaderEpoch(0) && !self.epochs.latest().is_some_and(older) {
            self.epochs_dirty |= self.epochs.assign(header.leader_epoch, header.base_offset);
        }
        self.take_up_producer(header, batch);
        self.log_end = header.end();
    }
}

/// A segment all of whose batches are flushed, as far as its files say.
fn flushed_segment(found: &FoundSegment, now: Timestamp) -> Segment {
    Segment {
        bytes: found.bytes.unwrap_or(0),
        created: found.bytes.is_some(),
        max_timestamp: MaxTimestamp::Unknown,
        index: SegmentIndex::on_disk(found.offset_index, found.time_index),
        txn_index_created: found.txn_index.is_some(),
        ..Segment::new(found.base, now)
    }
}

/// A segment that is scanned from its start.
pub(super) fn scanned_segment(found: &FoundSegment, now: Timestamp) -> Segment {
    let mut segment = Segment::new(found.base, now);
    segment.created = found.bytes.is_some();
    segment.txn_index_created = found.txn_index.is_some();
    segment.index.offsets_created = found.offset_index.is_some();
    segment.index.times_created = found.time_index.is_some();
    segment
}
