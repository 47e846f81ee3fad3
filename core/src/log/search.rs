//! Searching a log by time: the segment by its greatest time, the place in it by the time index, and then the batches.

use super::header::BatchHeader;
use super::log::Log;
use super::outcome::{
    LogEvent, LookupOutcome, ReadError, ReadOutcome, ReadRequest, ReadTicket, Records, StoredBatch, TimestampOffset,
    TimestampQuery, Unavailable,
};
use super::segment::MaxTimestamp;
use super::store::LogStore;
use super::tail::joined;
use crate::effect::Effects;
use crate::ids::{Offset, Timestamp, TopicPartition};
use crate::limits::{LOG_READ_BYTES_MAX, LOG_SEARCH_INFLATED_BYTES_MAX};
use grete_protocol::records::{BatchView, RecordReader};

/// A search on its way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Search {
    partition: TopicPartition,
    query: TimestampQuery,
    /// Where to go on reading, once known.
    from: Option<Offset>,
}

/// What a search does next.
enum Step {
    /// The index of the segment with this base is needed.
    Load(Offset),
    /// Batches from here on are looked at.
    ReadFrom(Offset),
    /// No record fits.
    Nothing,
}

impl LogStore {
    /// Looks for a record by its time, among those before the durable end.
    pub fn find_timestamp(
        &mut self,
        partition: TopicPartition,
        query: TimestampQuery,
        effects: &mut Effects,
    ) -> LookupOutcome {
        let ticket = self.reads.ticket();
        self.reads.searches.insert(ticket, Search { partition, query, from: None });
        match self.search_on(ticket, effects) {
            None => LookupOutcome::Pending(ticket),
            Some(Ok(found)) => LookupOutcome::Ready(found),
            Some(Err(error)) => LookupOutcome::Failed(error),
        }
    }

    /// Goes on with a search that waited, and reports its end.
    pub(super) fn resume_search(&mut self, ticket: ReadTicket, effects: &mut Effects) {
        let Some(partition) = self.reads.searches.get(&ticket).map(|search| search.partition) else { return };
        if let Some(result) = self.search_on(ticket, effects) {
            self.events.push_back(LogEvent::Lookup { ticket, partition, result });
        }
    }

    /// Takes up the records that a search has read.
    pub(super) fn search_read(
        &mut self,
        ticket: ReadTicket,
        result: Result<Records, ReadError>,
        effects: &mut Effects,
    ) {
        let Some(search) = self.reads.searches.get(&ticket).copied() else { return };
        let result = match result.map(|records| self.look_through(ticket, &records)) {
            Ok(None) => return self.resume_search(ticket, effects),
            Ok(Some(result)) => result,
            Err(error) => Err(error),
        };
        self.reads.searches.remove(&ticket);
        self.events.push_back(LogEvent::Lookup { ticket, partition: search.partition, result });
    }

    /// Takes steps until the search is over or has to wait.
    fn search_on(
        &mut self,
        ticket: ReadTicket,
        effects: &mut Effects,
    ) -> Option<Result<Option<TimestampOffset>, ReadError>> {
        loop {
            let search = *self.reads.searches.get(&ticket)?;
            let step = match self.logs.get(&search.partition) {
                None => Err(Unavailable::Unknown),
                Some(log) => log.usable().map(|()| log.search_step(search)),
            };
            let result = match step {
                Err(why) => Some(Err(ReadError::Unavailable(why))),
                Ok(Step::Nothing) => Some(Ok(None)),
                Ok(Step::Load(base)) => {
                    if !self.load_index(search.partition, base, Some(ticket), effects) {
                        return None;
                    }
                    None
                }
                Ok(Step::ReadFrom(offset)) => {
                    let end = self.logs.get(&search.partition).map_or(Offset::ZERO, |log| log.durable_end);
                    let request = ReadRequest { offset, end, bytes_max: LOG_READ_BYTES_MAX, at_least_one: true };
                    match self.read_for(search.partition, request, Some(ticket), effects) {
                        ReadOutcome::Pending(_) => return None,
                        ReadOutcome::Failed(error) => Some(Err(error)),
                        ReadOutcome::Ready(records) => self.look_through(ticket, &records),
                    }
                }
            };
            if result.is_some() {
                self.reads.searches.remove(&ticket);
                return result;
            }
        }
    }

    /// Looks through batches; `None` where the search goes on behind them.
    fn look_through(
        &mut self,
        ticket: ReadTicket,
        records: &Records,
    ) -> Option<Result<Option<TimestampOffset>, ReadError>> {
        let search = self.reads.searches.get_mut(&ticket)?;
        let log_start = self.logs.get(&search.partition).map_or(Offset::ZERO, |log| log.log_start);
        for batch in &records.batches {
            match find_in(batch, search.query, log_start) {
                Ok(None) => {}
                Ok(found) => return Some(Ok(found)),
                Err(()) => return Some(Err(ReadError::Damaged { offset: batch.base_offset })),
            }
        }
        match records.batches.last() {
            Some(last) => search.from = Some(last.last_offset.plus(1)),
            None => return Some(Ok(None)),
        }
        None
    }
}

impl Log {
    fn search_step(&self, search: Search) -> Step {
        if let Some(from) = search.from {
            return if from < self.durable_end { Step::ReadFrom(from) } else { Step::Nothing };
        }
        match search.query {
            TimestampQuery::First(timestamp) => self.first_step(timestamp),
            TimestampQuery::Max => self.max_step(),
        }
    }

    fn first_step(&self, wanted: Timestamp) -> Step {
        for segment in &self.segments {
            match segment.max_timestamp {
                MaxTimestamp::Unknown => return Step::Load(segment.base),
                MaxTimestamp::Known { timestamp, .. } if timestamp >= wanted => {
                    let Some(from) = segment.index.offset_before_time(segment.base, wanted) else {
                        return Step::Load(segment.base);
                    };
                    let from = from.max(self.log_start);
                    return if from < self.durable_end { Step::ReadFrom(from) } else { Step::Nothing };
                }
                MaxTimestamp::Known { .. } | MaxTimestamp::None => {}
            }
        }
        Step::Nothing
    }

    fn max_step(&self) -> Step {
        let mut newest: Option<(Timestamp, Offset)> = None;
        for segment in &self.segments {
            match segment.max_timestamp {
                MaxTimestamp::Unknown => return Step::Load(segment.base),
                MaxTimestamp::Known { timestamp, last_offset }
                    if newest.is_none_or(|(known, _)| timestamp > known) && last_offset >= self.log_start =>
                {
                    newest = Some((timestamp, last_offset));
                }
                MaxTimestamp::Known { .. } | MaxTimestamp::None => {}
            }
        }
        match newest {
            Some((_, last_offset)) if last_offset < self.durable_end => Step::ReadFrom(last_offset),
            Some(_) | None => Step::Nothing,
        }
    }
}

/// The record of a batch that answers a query, where one does.
fn find_in(batch: &StoredBatch, query: TimestampQuery, log_start: Offset) -> Result<Option<TimestampOffset>, ()> {
    let header = BatchHeader::parse(&batch.parts[0]).ok_or(())?;
    let wanted = match query {
        TimestampQuery::First(timestamp) => timestamp,
        TimestampQuery::Max => header.max_timestamp,
    };
    if header.max_timestamp < wanted {
        return Ok(None);
    }
    let whole = joined(&batch.parts);
    let view = BatchView::parse(&whole).map_err(|_| ())?;
    let mut reader = RecordReader::new(&view, LOG_SEARCH_INFLATED_BYTES_MAX).map_err(|_| ())?;
    while let Some(record) = reader.next().map_err(|_| ())? {
        let timestamp = Timestamp(view.header().timestamp(record.timestamp_delta));
        let offset = header.base_offset.plus(i64::from(record.offset_delta));
        if timestamp >= wanted && offset >= log_start {
            return Ok(Some(TimestampOffset { offset, timestamp, leader_epoch: header.leader_epoch }));
        }
    }
    Ok(None)
}
