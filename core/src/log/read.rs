//! Reading: from memory where the tail of the log has the records, and by bounded reads from disk where it does not.
//!
//! A read from disk goes step by step: the index of the segment where it is not in memory, then pieces of the file until
//! the first batch wanted is found whole. It answers with what that piece has. Batches are CRC-checked before they leave.

use super::files::segment_name::SegmentFile;
use super::header::{self, BatchHeader, HEADER_BYTES};
use super::io::{Asked, Purpose};
use super::log::Log;
use super::names;
use super::outcome::{LogEvent, ReadError, ReadOutcome, ReadRequest, ReadTicket, Records, StoredBatch, Unavailable};
use super::search::Search;
use super::store::LogStore;
use crate::effect::{Effects, IoOp, Level};
use crate::event::{IoOutput, IoResult};
use crate::ids::{FilePosition, Offset, TopicPartition};
use crate::limits::{LOG_INDEX_BYTES_MAX, LOG_INDEX_FILE_BYTES_MAX, LOG_READ_BYTES_MAX, LOG_READS_UNDER_WAY_MAX};
use alloc::collections::{BTreeMap, VecDeque};
use alloc::format;
use alloc::vec::Vec;
use bytes::Bytes;

/// A read from disk asks for this much at least: the entry of the index lies up to an interval and a batch before it.
const READ_BYTES_MIN: u32 = 64 << 10;

/// The reads of a shard.
#[derive(Clone, Debug, Default)]
pub(super) struct Reads {
    next_ticket: u64,
    /// Searches by time. The reads that they do have their tickets.
    pub(super) searches: BTreeMap<ReadTicket, Search>,
    readings: BTreeMap<ReadTicket, Reading>,
    /// Reads that wait until fewer are under way.
    waiting: VecDeque<ReadTicket>,
    under_way: usize,
    /// The indexes that were read into memory and the bytes of each, oldest first.
    loaded: VecDeque<(TopicPartition, Offset, usize)>,
    pub(super) loaded_bytes: usize,
    /// Reads that wait for the index of a segment.
    index_waiters: BTreeMap<(TopicPartition, Offset), IndexWait>,
}

/// A read on its way.
#[derive(Clone, Debug)]
struct Reading {
    partition: TopicPartition,
    request: ReadRequest,
    /// The segment and the place in it where to go on, once known.
    place: Option<(Offset, FilePosition)>,
    /// Whether it is an index that has named the place, and nothing was read there yet.
    is_indexed: bool,
    /// How much to read next.
    length: u32,
}

#[derive(Clone, Debug, Default)]
struct IndexWait {
    tickets: Vec<ReadTicket>,
    offsets: Option<Bytes>,
    times: Option<Bytes>,
    /// Reads of index files that are not complete.
    missing: usize,
}

impl Reads {
    /// A ticket that no read has had.
    pub(super) const fn ticket(&mut self) -> ReadTicket {
        self.next_ticket += 1;
        ReadTicket(self.next_ticket)
    }
}

impl LogStore {
    /// Reads records of a log.
    pub fn read(&mut self, partition: TopicPartition, request: ReadRequest, effects: &mut Effects) -> ReadOutcome {
        self.read_for(partition, request, None, effects)
    }

    /// Reads for a search, or for whoever asks.
    pub(super) fn read_for(
        &mut self,
        partition: TopicPartition,
        request: ReadRequest,
        search: Option<ReadTicket>,
        effects: &mut Effects,
    ) -> ReadOutcome {
        let Some(log) = self.logs.get(&partition) else {
            return ReadOutcome::Failed(ReadError::Unavailable(Unavailable::Unknown));
        };
        if let Err(why) = log.usable() {
            return ReadOutcome::Failed(ReadError::Unavailable(why));
        }
        if request.offset < log.log_start || request.offset > log.log_end {
            return ReadOutcome::Failed(log.out_of_range());
        }
        if request.offset >= request.end.min(log.log_end) {
            return ReadOutcome::Ready(Records::default());
        }
        if let Some(kept) = log.tail.from(request.offset) {
            return ReadOutcome::Ready(Records { batches: take(kept.cloned(), request) });
        }
        let ticket = search.unwrap_or_else(|| self.reads.ticket());
        let length = request.bytes_max.clamp(READ_BYTES_MIN, LOG_READ_BYTES_MAX);
        self.reads.readings.insert(ticket, Reading { partition, request, place: None, is_indexed: false, length });
        self.go_on(ticket, effects);
        ReadOutcome::Pending(ticket)
    }

    /// Forgets a read whose result nobody waits for; it is not reported.
    pub fn cancel_read(&mut self, ticket: ReadTicket) {
        self.reads.readings.remove(&ticket);
    }

    /// Takes the next step of a read.
    fn go_on(&mut self, ticket: ReadTicket, effects: &mut Effects) {
        let Some(reading) = self.reads.readings.get_mut(&ticket) else { return };
        let partition = reading.partition;
        let Some(log) = self.logs.get(&partition) else {
            return self.end_read(ticket, Err(ReadError::Unavailable(Unavailable::Unknown)), effects);
        };
        if let Err(why) = log.usable() {
            return self.end_read(ticket, Err(ReadError::Unavailable(why)), effects);
        }
        if reading.request.offset < log.log_start {
            // The log's start has moved meanwhile.
            let error = log.out_of_range();
            return self.end_read(ticket, Err(error), effects);
        }
        let (base, position) = match reading.place {
            Some(place) => place,
            None => {
                let segment = &log.segments[log.segment_at(reading.request.offset)];
                let Some(position) = segment.index.position_for(segment.base, reading.request.offset) else {
                    let base = segment.base;
                    if self.load_index(partition, base, Some(ticket), effects) {
                        self.go_on(ticket, effects);
                    }
                    return;
                };
                reading.is_indexed = position > FilePosition(0);
                *reading.place.insert((segment.base, position))
            }
        };
        let Some(at) = log.segment_with_base(base) else {
            // The segment was deleted meanwhile; what follows is looked up anew.
            reading.place = None;
            return self.go_on(ticket, effects);
        };
        let left = log.segments[at].bytes.saturating_sub(position.0);
        if left == 0 {
            let Some(next) = log.segments.get(at + 1) else {
                let error = ReadError::Damaged { offset: reading.request.offset };
                return self.end_read(ticket, Err(error), effects);
            };
            reading.place = Some((next.base, FilePosition(0)));
            return self.go_on(ticket, effects);
        }
        if self.reads.under_way >= LOG_READS_UNDER_WAY_MAX {
            self.reads.waiting.push_back(ticket);
            return;
        }
        self.reads.under_way += 1;
        let length = u64::from(reading.length).min(left) as u32;
        let file = names::file(log.dir, &log.home, base, SegmentFile::Log);
        let asked = Asked { dir: log.dir, round: None, purpose: Purpose::ReadLog(ticket) };
        self.io.ask(asked, IoOp::Read { file, position, length }, effects);
    }

    /// A piece of a log's file has been read.
    pub(super) fn log_read(&mut self, ticket: ReadTicket, result: IoResult, effects: &mut Effects) {
        self.reads.under_way -= 1;
        while self.reads.under_way < LOG_READS_UNDER_WAY_MAX
            && let Some(waiting) = self.reads.waiting.pop_front()
        {
            self.go_on(waiting, effects);
        }
        let Some(reading) = self.reads.readings.get_mut(&ticket) else { return };
        let chunk = match result {
            Ok(IoOutput::Read(chunk)) => chunk,
            Ok(IoOutput::Done | IoOutput::Space { .. }) => unreachable!("a read brings bytes"),
            Err(error) => {
                let text = format!("a read of partition {:?} failed: {}", reading.partition, error.message);
                effects.notice(Level::Error, text);
                return self.end_read(ticket, Err(ReadError::Failed), effects);
            }
        };
        let (base, position) = reading.place.expect("a read has a place by now");
        if core::mem::take(&mut reading.is_indexed) && !may_begin_at(&chunk, base, reading.request.offset) {
            let partition = reading.partition;
            reading.place = None;
            if !self.forget_index_from(partition, base, position, effects)
                && let Some(reading) = self.reads.readings.get_mut(&ticket)
            {
                reading.place = Some((base, FilePosition(0)));
            }
            return self.go_on(ticket, effects);
        }
        match find(&chunk, reading.request) {
            Found::Batches(batches) => self.end_read(ticket, Ok(Records { batches }), effects),
            Found::Damaged => {
                let (offset, partition) = (reading.request.offset, reading.partition);
                let at = position.0;
                effects.notice(
                    Level::Error,
                    format!("partition {partition:?} is damaged in segment {base} after byte {at}: offset {offset} cannot be read"),
                );
                self.end_read(ticket, Err(ReadError::Damaged { offset }), effects);
            }
            Found::Further { skip, needed } => {
                let asked = u64::from(reading.length);
                let progress = skip > 0 || needed.is_some_and(|needed| needed as u64 > asked);
                if !progress {
                    let offset = reading.request.offset;
                    return self.end_read(ticket, Err(ReadError::Damaged { offset }), effects);
                }
                reading.place = Some((base, FilePosition(position.0 + skip as u64)));
                if let Some(needed) = needed {
                    reading.length = reading.length.max(u32::try_from(needed).unwrap_or(u32::MAX));
                }
                self.go_on(ticket, effects);
            }
        }
    }

    /// An entry of an index has led astray: it goes with all behind it, and lookups begin before. Whether it is gone; the index
    /// may not be in memory any more.
    fn forget_index_from(
        &mut self,
        partition: TopicPartition,
        base: Offset,
        position: FilePosition,
        effects: &mut Effects,
    ) -> bool {
        let Some(log) = self.logs.get_mut(&partition) else { return false };
        let Some(at) = log.segment_with_base(base) else { return false };
        let written = log.segments[at].index.offset_file_bytes();
        let Some(valid) = log.segments[at].index.forget_offsets_from(position.0) else { return false };
        let text = format!("the index of segment {base} of {} is damaged; it is not used any further", log.home);
        effects.notice(Level::Warn, text);
        let dir = &mut self.dirs[usize::from(log.dir.0)];
        if valid < written && !dir.offline {
            let file = names::file(log.dir, &log.home, base, SegmentFile::OffsetIndex);
            let (round, cut) = (dir.next_round(), IoOp::Truncate { file, length: valid });
            dir.ask(&mut self.io, round, Purpose::Step, cut, effects);
        }
        true
    }

    fn end_read(&mut self, ticket: ReadTicket, result: Result<Records, ReadError>, effects: &mut Effects) {
        let Some(reading) = self.reads.readings.remove(&ticket) else { return };
        if self.reads.searches.contains_key(&ticket) {
            self.search_read(ticket, result, effects);
        } else {
            self.events.push_back(LogEvent::Read { ticket, partition: reading.partition, result });
        }
    }

    /// Reads the index of a segment into memory, for a read or a search that waits for it or for entries that do. Says
    /// whether it is there already, since there was nothing to read; nobody is told then.
    pub(super) fn load_index(
        &mut self,
        partition: TopicPartition,
        base: Offset,
        ticket: Option<ReadTicket>,
        effects: &mut Effects,
    ) -> bool {
        let key = (partition, base);
        if let Some(wait) = self.reads.index_waiters.get_mut(&key) {
            wait.tickets.extend(ticket);
            return false;
        }
        let Some(log) = self.logs.get_mut(&partition) else { return true };
        let (dir, home) = (log.dir, log.home.clone());
        let Some(at) = log.segment_with_base(base) else { return true };
        let index = &log.segments[at].index;
        let mut wait = IndexWait { tickets: ticket.into_iter().collect(), ..IndexWait::default() };
        for (kind, bytes) in
            [(SegmentFile::OffsetIndex, index.offset_file_bytes()), (SegmentFile::TimeIndex, index.time_file_bytes())]
        {
            if bytes > 0 {
                wait.missing += 1;
                let length = u32::try_from(bytes).unwrap_or(u32::MAX).min(LOG_INDEX_FILE_BYTES_MAX);
                let purpose = Purpose::ReadIndex { partition, base, kind };
                let op = IoOp::Read { file: names::file(dir, &home, base, kind), position: FilePosition(0), length };
                self.io.ask(Asked { dir, round: None, purpose }, op, effects);
            }
        }
        let complete = wait.missing == 0;
        if complete {
            wait.tickets.clear();
        }
        self.reads.index_waiters.insert(key, wait);
        if complete {
            self.index_loaded(key, effects);
        }
        complete
    }

    /// A file of an index has been read. One that cannot be read is as good as an empty one: lookups scan.
    pub(super) fn index_read(
        &mut self,
        partition: TopicPartition,
        base: Offset,
        kind: SegmentFile,
        result: IoResult,
        effects: &mut Effects,
    ) {
        let key = (partition, base);
        let Some(wait) = self.reads.index_waiters.get_mut(&key) else { return };
        let bytes = match result {
            Ok(IoOutput::Read(bytes)) => bytes,
            Ok(IoOutput::Done | IoOutput::Space { .. }) | Err(_) => Bytes::new(),
        };
        match kind {
            SegmentFile::OffsetIndex => wait.offsets = Some(bytes),
            SegmentFile::TimeIndex => wait.times = Some(bytes),
            SegmentFile::Log | SegmentFile::TxnIndex | SegmentFile::ProducerSnapshot => {
                unreachable!("an index has two files")
            }
        }
        wait.missing -= 1;
        if wait.missing == 0 {
            self.index_loaded(key, effects);
        }
    }

    /// Forgets the indexes that were loaded first, until the rest is within its bound; never the one just loaded.
    fn evict_indexes(&mut self, newest: (TopicPartition, Offset)) {
        while self.reads.loaded_bytes > LOG_INDEX_BYTES_MAX
            && let Some((partition, base, bytes)) =
                self.reads.loaded.pop_front_if(|(partition, base, _)| (*partition, *base) != newest)
        {
            self.reads.loaded_bytes -= bytes;
            if let Some(log) = self.logs.get_mut(&partition)
                && let Some(at) = log.segment_with_base(base)
            {
                log.segments[at].index.unload();
            }
        }
    }

    fn index_loaded(&mut self, key: (TopicPartition, Offset), effects: &mut Effects) {
        let Some(wait) = self.reads.index_waiters.remove(&key) else { return };
        if let Some(log) = self.logs.get_mut(&key.0)
            && let Some(at) = log.segment_with_base(key.1)
        {
            let segment = &mut log.segments[at];
            let offsets = wait.offsets.unwrap_or_default();
            let times = wait.times.unwrap_or_default();
            let written = (segment.index.offset_file_bytes(), segment.index.time_file_bytes());
            segment.index.load(&offsets, &times, segment.bytes);
            let valid = (segment.index.offset_file_bytes(), segment.index.time_file_bytes());
            let base = segment.base;
            // What a power loss left of an index that was not synced must not stand behind what comes.
            for (kind, written, valid) in
                [(SegmentFile::OffsetIndex, written.0, valid.0), (SegmentFile::TimeIndex, written.1, valid.1)]
            {
                let dir = &mut self.dirs[usize::from(log.dir.0)];
                if valid < written && !dir.offline {
                    let (round, file) = (dir.next_round(), names::file(log.dir, &log.home, base, kind));
                    let cut = IoOp::Truncate { file, length: valid };
                    dir.ask(&mut self.io, round, Purpose::Step, cut, effects);
                }
            }
            let segment = &mut log.segments[at];
            segment.take_max_from_index();
            self.reads.loaded_bytes += segment.index.memory_bytes();
            self.reads.loaded.push_back((key.0, key.1, segment.index.memory_bytes()));
            // Entries that waited can be written.
            self.stepped.insert(key.0);
        }
        self.evict_indexes(key);
        for ticket in wait.tickets {
            if self.reads.readings.contains_key(&ticket) {
                self.go_on(ticket, effects);
            } else {
                self.resume_search(ticket, effects);
            }
        }
    }
}

impl Log {
    pub(super) fn out_of_range(&self) -> ReadError {
        ReadError::OutOfRange { log_start: self.log_start, log_end: self.log_end }
    }
}

/// The batches that answer a request, of those that come from the first wanted on.
fn take(batches: impl Iterator<Item = StoredBatch>, request: ReadRequest) -> Vec<StoredBatch> {
    let mut taken: Vec<StoredBatch> = Vec::new();
    let mut left = request.bytes_max as usize;
    for batch in batches.take_while(|batch| batch.base_offset < request.end) {
        let first = taken.is_empty() && request.at_least_one;
        if batch.len() > left && !first {
            break;
        }
        left = left.saturating_sub(batch.len());
        taken.push(batch);
    }
    taken
}

/// Whether looking for an offset may begin with a piece of a segment's file, as its index says: with a whole batch that ends at
/// that offset or before. Whatever else lies there would be taken for the damage of records, or hide some.
fn may_begin_at(piece: &Bytes, base: Offset, offset: Offset) -> bool {
    BatchHeader::parse(piece).is_some_and(|header| {
        let fits = header.base_offset >= base && header.last_offset() <= offset;
        fits && piece.get(..header.bytes).is_none_or(header::checksum_fits)
    })
}

/// What a piece of a file brought for a read.
enum Found {
    Batches(Vec<StoredBatch>),
    /// The batch wanted begins or ends beyond the piece: go on `skip` bytes further, and read `needed` where known.
    Further {
        skip: usize,
        needed: Option<usize>,
    },
    Damaged,
}

fn find(chunk: &Bytes, request: ReadRequest) -> Found {
    let mut at = 0;
    let mut found = Vec::new();
    let mut left = request.bytes_max as usize;
    loop {
        let rest = &chunk[at..];
        let Some(header) = BatchHeader::parse(rest) else {
            if rest.len() >= HEADER_BYTES && found.is_empty() {
                return Found::Damaged;
            }
            break;
        };
        if header.last_offset() < request.offset {
            at = (at + header.bytes).min(chunk.len());
            if rest.len() < header.bytes {
                // All of the piece is before it, and part of this batch lies beyond the piece.
                return Found::Further { skip: at - rest.len() + header.bytes, needed: None };
            }
            continue;
        }
        if header.base_offset >= request.end {
            return Found::Batches(found);
        }
        let first = found.is_empty();
        if header.bytes > left && !(first && request.at_least_one) {
            return Found::Batches(found);
        }
        let Some(batch) = rest.get(..header.bytes) else {
            if first {
                return Found::Further { skip: at, needed: Some(header.bytes) };
            }
            break;
        };
        if !header::checksum_fits(batch) {
            if first {
                return Found::Damaged;
            }
            // What comes before is answered; whoever asks for this batch learns of it.
            break;
        }
        let batch = chunk.slice(at..at + header.bytes);
        found.push(StoredBatch {
            base_offset: header.base_offset,
            last_offset: header.last_offset(),
            parts: [batch.slice(..HEADER_BYTES), batch.slice(HEADER_BYTES..)],
        });
        left = left.saturating_sub(header.bytes);
        at += header.bytes;
    }
    if found.is_empty() { Found::Further { skip: at, needed: None } } else { Found::Batches(found) }
}
