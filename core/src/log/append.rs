//! Appending: offsets, segments and indexes, and the batches on their way to the disk.

use super::config::{Durability, TimestampType};
use super::files::producer_snapshot;
use super::header::{self, BatchHeader};
use super::log::{Log, PendingWrite};
use super::outcome::{AppendError, AppendInfo, AppendOrigin, StoredBatch};
use super::producer::{ProducerError, Verdict};
use super::segment::Segment;
use super::store::{LogStore, LogTimer};
use crate::ids::{FilePosition, LeaderEpoch, Offset, Timestamp, TopicPartition};
use crate::limits::LOG_APPEND_BATCHES_MAX;
use crate::time::{Instant, Now};
use alloc::vec::Vec;
use bytes::Bytes;

/// What is to be appended.
#[derive(Clone, Debug)]
pub struct Appending {
    /// One or more whole batches of format 2, validated: checksum, counts, sizes and times are right.
    pub records: Bytes,
    /// The size of the buffer that `records` is a slice of. What is kept in memory is charged by it.
    pub backing_bytes: usize,
    /// The epoch of the leader, which the batches keep.
    pub leader_epoch: LeaderEpoch,
    /// Who appends.
    pub origin: AppendOrigin,
}

impl LogStore {
    /// Appends records to a log. They get the next offsets and are on their way to the disk when the step ends; they are
    /// durable when a [`Flushed`](super::LogEvent::Flushed) says so.
    ///
    /// # Errors
    /// See [`AppendError`]. Nothing was appended then.
    pub fn append(
        &mut self,
        now: Now,
        partition: TopicPartition,
        appending: &Appending,
    ) -> Result<AppendInfo, AppendError> {
        let log = self.logs.get_mut(&partition).ok_or(AppendError::Unavailable(super::Unavailable::Unknown))?;
        log.usable().map_err(AppendError::Unavailable)?;
        let batches = split(&appending.records)?;
        log.check_room(&batches)?;
        if let Some(duplicate) = log.check_producers(&batches, appending.origin)? {
            return Ok(duplicate);
        }
        let append_time = match log.config.timestamp_type {
            TimestampType::LogAppendTime => Some(now.wall),
            TimestampType::CreateTime => None,
        };
        let first_offset = log.log_end;
        let log_start_offset = log.log_start;
        for (header, batch) in &batches {
            let base_offset = log.log_end;
            let parts = header::stamped(batch, base_offset, appending.leader_epoch, append_time);
            let header = BatchHeader {
                base_offset,
                leader_epoch: appending.leader_epoch,
                max_timestamp: append_time.unwrap_or(header.max_timestamp),
                ..*header
            };
            log.push(now.wall, &header, &parts);
            log.take_up_producer(&header, batch);
            let stored = StoredBatch { base_offset, last_offset: header.last_offset(), parts };
            self.tail.keep(partition, &mut log.tail, stored, appending.backing_bytes);
        }
        let last_offset = Offset(log.log_end.0 - 1);
        let bytes = appending.records.len() as u64;
        log.unrecorded_bytes += bytes;
        let flush = log.must_flush(last_offset.0 - first_offset.0 + 1);
        let flush_at = log.flush_at(now);
        let index = log.dir;
        self.stepped.insert(partition);
        let record_at = now.instant.after_ms(self.config.record_interval_ms);
        let dir = &mut self.dirs[usize::from(index.0)];
        dir.ends.note(partition, record_at);
        dir.ends.note_bytes(bytes);
        if flush {
            dir.dirty.insert(partition);
        } else if let Some(at) = flush_at
            && self.timers.get(&LogTimer::Flush(partition)).is_none()
        {
            self.timers.set(LogTimer::Flush(partition), at);
        }
        self.evict();
        Ok(AppendInfo {
            first_offset,
            last_offset,
            log_append_time: append_time.unwrap_or(Timestamp(-1)),
            log_start_offset,
            duplicate: false,
        })
    }
}

/// The batches of an append.
fn split(records: &Bytes) -> Result<Vec<(BatchHeader, Bytes)>, AppendError> {
    let mut batches = Vec::new();
    let mut at = 0;
    while at < records.len() {
        let header = BatchHeader::parse(&records[at..]).ok_or(AppendError::Malformed)?;
        let end = at + header.bytes;
        if end > records.len() || batches.len() == LOG_APPEND_BATCHES_MAX {
            return Err(AppendError::Malformed);
        }
        batches.push((header, records.slice(at..end)));
        at = end;
    }
    if batches.is_empty() {
        return Err(AppendError::Malformed);
    }
    Ok(batches)
}

fn producer_error(header: &BatchHeader, error: ProducerError) -> AppendError {
    let producer = header.producer;
    match error {
        ProducerError::OutOfOrder { found, expected } => AppendError::OutOfOrderSequence { producer, found, expected },
        ProducerError::OldEpoch { current } => {
            AppendError::InvalidProducerEpoch { producer, found: header.producer_epoch, current }
        }
        ProducerError::CoordinatorFenced => AppendError::CoordinatorFenced,
        ProducerError::NotInTransaction => AppendError::InvalidTransactionState,
    }
}

impl Log {
    /// Whether the batches fit: into a segment each, and into the offsets that are left.
    fn check_room(&self, batches: &[(BatchHeader, Bytes)]) -> Result<(), AppendError> {
        let segment_bytes = self.config.segment_bytes;
        let mut offsets = 0_i64;
        for (header, _) in batches {
            if header.bytes as u64 > u64::from(segment_bytes) {
                return Err(AppendError::LargerThanSegment { bytes: header.bytes as u64, segment_bytes });
            }
            offsets += i64::from(header.last_offset_delta) + 1;
        }
        self.log_end.0.checked_add(offsets).map(|_| ()).ok_or(AppendError::OffsetsExhausted)
    }

    /// Takes up a batch whose offset is set: rolls where it has to, and leaves the bytes for the end of the step.
    fn push(&mut self, now: Timestamp, header: &BatchHeader, parts: &[Bytes; 2]) {
        assert_eq!(header.base_offset, self.log_end, "offsets follow one another");
        if self.must_roll(now, header) {
            self.roll(now);
        }
        let interval = self.config.index_interval_bytes;
        let segment = self.active();
        let base = segment.base;
        let position = FilePosition(segment.bytes);
        segment.take_up(header, interval);
        if header.leader_epoch >= LeaderEpoch(0) {
            self.epochs_dirty |= self.epochs.assign(header.leader_epoch, header.base_offset);
        }
        self.log_end = header.end();
        let end = self.log_end;
        match self.disk.pending.last_mut() {
            // Batches of one step that lie side by side become one write.
            Some(last) if last.base == base => {
                last.parts.extend_from_slice(parts);
                last.end = end;
            }
            _ => self.disk.pending.push(PendingWrite { base, position, parts: parts.to_vec(), end }),
        }
    }

    /// Judges what producers have sent; gives what is known of a batch that the log has already.
    fn check_producers(
        &self,
        batches: &[(BatchHeader, Bytes)],
        origin: AppendOrigin,
    ) -> Result<Option<AppendInfo>, AppendError> {
        for (header, batch) in batches.iter().filter(|(header, _)| header.has_producer()) {
            if let Some(marker) = header::marker_in(header, batch) {
                self.producers.check_marker(header, marker).map_err(|error| producer_error(header, error))?;
                continue;
            }
            if origin == AppendOrigin::Coordinator {
                continue;
            }
            if batches.len() > 1 || header.is_control() || header.base_sequence < 0 {
                return Err(AppendError::Malformed);
            }
            match self.producers.check(header).map_err(|error| producer_error(header, error))? {
                Verdict::New => {}
                Verdict::Duplicate { first_offset, last_offset, timestamp } => {
                    let log_append_time = match self.config.timestamp_type {
                        TimestampType::LogAppendTime => timestamp,
                        TimestampType::CreateTime => Timestamp(-1),
                    };
                    let log_start_offset = self.log_start;
                    return Ok(Some(AppendInfo {
                        first_offset,
                        last_offset,
                        log_append_time,
                        log_start_offset,
                        duplicate: true,
                    }));
                }
            }
        }
        Ok(None)
    }

    /// Takes up what a batch in the log says of its producer.
    pub(super) fn take_up_producer(&mut self, header: &BatchHeader, batch: &[u8]) {
        if !header.has_producer() {
            return;
        }
        match header::marker_in(header, batch) {
            Some(marker) => self.producers.take_up_marker(header, marker),
            None if header.is_control() || header.base_sequence < 0 => {}
            None => self.producers.take_up(header),
        }
    }

    /// Whether the next round has to cover the log, `records` more having been appended.
    fn must_flush(&mut self, records: i64) -> bool {
        self.unflushed_records = self.unflushed_records.saturating_add(records);
        let flush =
            self.config.durability == Durability::Flushed || self.unflushed_records >= self.config.flush_messages;
        if flush {
            self.unflushed_records = 0;
        }
        flush
    }

    /// When the log has to be flushed at the latest, where `flush.ms` says so.
    fn flush_at(&self, now: Now) -> Option<Instant> {
        (self.config.flush_ms < i64::MAX).then(|| now.instant.after_ms(self.config.flush_ms))
    }

    /// Whether a batch begins a new segment: Kafka's `LogSegment.shouldRoll`.
    fn must_roll(&self, now: Timestamp, header: &BatchHeader) -> bool {
        let Some(active) = self.segments.last() else { return false };
        if active.bytes == 0 {
            return !active.can_hold(header.last_offset());
        }
        let config = &self.config;
        let age_ms = match active.first_timestamp {
            Some(first) if first >= Timestamp(0) => header.max_timestamp.0.saturating_sub(first.0),
            _ => now.0.saturating_sub(active.opened.0),
        };
        active.bytes + header.bytes as u64 > u64::from(config.segment_bytes)
            || age_ms > config.segment_ms.saturating_sub(self.roll_jitter_ms(active.base))
            || active.index.offset_bytes() + super::index::OFFSET_ENTRY_BYTES > u64::from(config.segment_index_bytes)
            // One entry of the time index is kept free for the last one, made when the segment is closed.
            || active.index.time_bytes() + 2 * super::index::TIME_ENTRY_BYTES > u64::from(config.segment_index_bytes)
            || !active.can_hold(header.last_offset())
    }

    /// How much earlier than `segment.ms` the segment at `base` is closed.
    fn roll_jitter_ms(&self, base: Offset) -> i64 {
        let jitter_ms = self.config.segment_jitter_ms.min(self.config.segment_ms);
        if jitter_ms <= 0 {
            return 0;
        }
        let mut key = [0; 28];
        key[..16].copy_from_slice(&self.partition.topic.0);
        key[16..20].copy_from_slice(&self.partition.partition.0.to_be_bytes());
        key[20..].copy_from_slice(&base.0.to_be_bytes());
        (xxhash_rust::xxh3::xxh3_64(&key) % jitter_ms as u64) as i64
    }

    /// Has the indexes of the active segment completed and written, for it is to be closed.
    pub(super) fn close_active_index(&mut self) {
        let active = self.active();
        // Retention and searches by time go by the last entry of a closed segment.
        let last = active.max_time_entry();
        active.index.push_time(last);
        let base = active.base;
        self.disk.closed.push(base);
    }

    /// Has the state of the producers written as of the end of the log, for Kafka and for a start without flushed ends.
    pub(super) fn snapshot_producers(&mut self) {
        let end = self.log_end;
        if !self.producers.is_empty() && !self.snapshots.contains(&end) {
            let entries: Vec<_> = self.producers.entries().collect();
            self.disk.snapshots.push((end, producer_snapshot::encode(entries.into_iter()).into()));
            self.snapshots.push(end);
        }
    }

    /// Closes the active segment and begins another at the end of the log.
    pub(super) fn roll(&mut self, now: Timestamp) {
        let end = self.log_end;
        assert!(self.active().base < end, "a segment is closed once it has batches");
        self.close_active_index();
        self.snapshot_producers();
        self.segments.push(Segment::new(end, now));
    }
}
