//! Questions about offsets, and moving the start of a log.

use super::{
    DeleteRecordsItem, EpochEndItem, FoundOffset, ListOffsetsItem, ProducerDescription, Replicas, Reply, Work,
    unavailable,
};
use crate::ids::{LeaderEpoch, Offset, Ticket, Timestamp, TopicPartition};
use crate::log::{LogStore, LookupOutcome, ReadError, ReadTicket, TimestampOffset, TimestampQuery};
use alloc::vec::Vec;
use grete_protocol::ErrorCode;

/// A search in several logs.
#[derive(Clone, Debug)]
pub(super) struct Operation {
    results: Vec<Option<Result<FoundOffset, ErrorCode>>>,
    /// The exclusive end up to which each item may see.
    ends: Vec<Offset>,
}

/// Log starts that are being moved.
#[derive(Clone, Debug)]
pub(super) struct Deletion {
    results: Vec<Option<Result<Offset, ErrorCode>>>,
    /// The items that wait until a new start is durable, with that start.
    waiting: Vec<(usize, TopicPartition, Offset)>,
}

const LATEST: i64 = -1;
const EARLIEST: i64 = -2;
const MAX_TIMESTAMP: i64 = -3;
const EARLIEST_LOCAL: i64 = -4;
const LATEST_TIERED: i64 = -5;
const EARLIEST_PENDING_UPLOAD: i64 = -6;

/// What is answered where no record fits.
const NOTHING: FoundOffset =
    FoundOffset { offset: Offset(-1), timestamp: Timestamp(-1), leader_epoch: LeaderEpoch(-1) };

impl Replicas {
    /// Finds offsets by time.
    pub(super) fn list_offsets(&mut self, work: &mut Work<'_>, ticket: Ticket, items: Vec<ListOffsetsItem>) {
        let mut operation = Operation { results: Vec::new(), ends: Vec::new() };
        for (index, item) in items.iter().enumerate() {
            let end = if item.read_committed {
                Self::last_stable_offset(work.store, item.partition)
            } else {
                Self::high_watermark(work.store, item.partition)
            };
            operation.ends.push(end.unwrap_or(Offset::ZERO));
            let begun = end.and_then(|end| self.begin_lookup(work, item, end));
            match begun {
                Ok(Ok(found)) => operation.results.push(Some(Ok(found))),
                Ok(Err(waits)) => {
                    operation.results.push(None);
                    self.looking.insert(waits, (ticket, index));
                }
                Err(error) => operation.results.push(Some(Err(error))),
            }
        }
        self.lookups.insert(ticket, operation);
        self.finish_lookup(work, ticket);
    }

    fn begin_lookup(
        &self,
        work: &mut Work<'_>,
        item: &ListOffsetsItem,
        end: Offset,
    ) -> Result<Result<FoundOffset, ReadTicket>, ErrorCode> {
        let led = self.led(item.partition, item.current_leader_epoch)?;
        let query = match item.timestamp {
            LATEST => {
                let found = FoundOffset { offset: end, timestamp: Timestamp(-1), leader_epoch: led.leader_epoch };
                return Ok(Ok(found));
            }
            EARLIEST | EARLIEST_LOCAL => {
                let offset = work.store.log_start(item.partition).map_err(unavailable)?;
                let log_end = work.store.log_end(item.partition).map_err(unavailable)?;
                // Where nothing is left, the next record will be of the leader's epoch.
                let of_record = work.store.epoch_of(item.partition, offset).filter(|_| offset < log_end);
                let leader_epoch = of_record.unwrap_or(led.leader_epoch);
                return Ok(Ok(FoundOffset { offset, timestamp: Timestamp(-1), leader_epoch }));
            }
            // Nothing is tiered.
            LATEST_TIERED | EARLIEST_PENDING_UPLOAD => return Ok(Ok(NOTHING)),
            MAX_TIMESTAMP => TimestampQuery::Max,
            time => TimestampQuery::First(Timestamp(time)),
        };
        match work.store.find_timestamp(item.partition, query, work.effects) {
            LookupOutcome::Ready(found) => Ok(Ok(below(found, end))),
            LookupOutcome::Pending(ticket) => Ok(Err(ticket)),
            LookupOutcome::Failed(error) => Err(lookup_error(&error)),
        }
    }

    /// A search that waited for the disk has ended.
    pub(super) fn looked_up(
        &mut self,
        work: &mut Work<'_>,
        read: ReadTicket,
        result: Result<Option<TimestampOffset>, ReadError>,
    ) {
        let Some((ticket, item)) = self.looking.remove(&read) else { return };
        let Some(operation) = self.lookups.get_mut(&ticket) else { return };
        let end = operation.ends.get(item).copied().unwrap_or(Offset::ZERO);
        let result = result.map(|found| below(found, end)).map_err(|error| lookup_error(&error));
        if let Some(slot) = operation.results.get_mut(item) {
            *slot = Some(result);
        }
        self.finish_lookup(work, ticket);
    }

    fn finish_lookup(&mut self, work: &mut Work<'_>, ticket: Ticket) {
        let done = self.lookups.get(&ticket).is_some_and(|operation| operation.results.iter().all(Option::is_some));
        if let Some(operation) = done.then(|| self.lookups.remove(&ticket)).flatten() {
            let results = operation.results.into_iter().flatten().collect();
            work.replies.push((ticket, Reply::ListOffsets(results)));
        }
    }

    /// Where an epoch ends (KIP-101).
    pub(super) fn epoch_end(&self, store: &LogStore, item: EpochEndItem) -> Result<(LeaderEpoch, Offset), ErrorCode> {
        let led = self.led(item.partition, item.current_leader_epoch)?;
        let found = store.epoch_end(item.partition, item.leader_epoch, led.leader_epoch).map_err(unavailable)?;
        // Nothing unflushed is told to anybody: what ends beyond it ends there.
        let visible_end = Self::high_watermark(store, item.partition)?;
        Ok(found.map_or((LeaderEpoch(-1), Offset(-1)), |(epoch, end)| (epoch, end.min(visible_end))))
    }

    /// The producers that a partition remembers.
    pub(super) fn producers(
        &self,
        store: &LogStore,
        partition: TopicPartition,
    ) -> Result<Vec<ProducerDescription>, ErrorCode> {
        self.led(partition, -1)?;
        store.producers(partition).map_err(unavailable)
    }

    /// Moves log starts.
    pub(super) fn delete_records(&mut self, work: &mut Work<'_>, ticket: Ticket, items: Vec<DeleteRecordsItem>) {
        let mut deletion = Deletion { results: Vec::new(), waiting: Vec::new() };
        for (index, item) in items.into_iter().enumerate() {
            match self.begin_deletion(work, item) {
                Ok((start, true)) => deletion.results.push(Some(Ok(start))),
                Ok((start, false)) => {
                    deletion.results.push(None);
                    deletion.waiting.push((index, item.partition, start));
                }
                Err(error) => deletion.results.push(Some(Err(error))),
            }
        }
        self.deletions.insert(ticket, deletion);
        self.finish_deletions(work);
    }

    /// Moves one log start; gives it, and whether it is durable already.
    fn begin_deletion(&self, work: &mut Work<'_>, item: DeleteRecordsItem) -> Result<(Offset, bool), ErrorCode> {
        self.led(item.partition, -1)?;
        let high_watermark = Self::high_watermark(work.store, item.partition)?;
        let to = if item.offset == Offset(-1) { high_watermark } else { item.offset };
        if to < Offset::ZERO || to > high_watermark {
            return Err(ErrorCode::OffsetOutOfRange);
        }
        work.store.delete_records(work.now, item.partition, to).map_err(unavailable)
    }

    /// A log start is durable.
    pub(super) fn records_deleted(&mut self, work: &mut Work<'_>, partition: TopicPartition, log_start: Offset) {
        for deletion in self.deletions.values_mut() {
            let results = &mut deletion.results;
            deletion.waiting.retain(|(item, at, start)| {
                let done = *at == partition && *start <= log_start;
                if done && let Some(slot) = results.get_mut(*item) {
                    *slot = Some(Ok(log_start));
                }
                !done
            });
        }
        self.finish_deletions(work);
    }

    /// A log start will not become durable.
    pub(super) fn fail_deletions(&mut self, work: &mut Work<'_>, partition: TopicPartition, error: ErrorCode) {
        for deletion in self.deletions.values_mut() {
            let results = &mut deletion.results;
            deletion.waiting.retain(|(item, at, _)| {
                if *at == partition
                    && let Some(slot) = results.get_mut(*item)
                {
                    *slot = Some(Err(error));
                }
                *at != partition
            });
        }
        self.finish_deletions(work);
    }

    fn finish_deletions(&mut self, work: &mut Work<'_>) {
        let done = self.deletions.iter().filter(|(_, deletion)| deletion.waiting.is_empty());
        let done: Vec<Ticket> = done.map(|(ticket, _)| *ticket).collect();
        for ticket in done {
            if let Some(deletion) = self.deletions.remove(&ticket) {
                let results = deletion.results.into_iter().flatten().collect();
                work.replies.push((ticket, Reply::DeleteRecords(results)));
            }
        }
    }

    /// The exclusive end of what is decided: no transaction that began before it is open.
    pub(super) fn last_stable_offset(store: &LogStore, partition: TopicPartition) -> Result<Offset, ErrorCode> {
        let high_watermark = Self::high_watermark(store, partition)?;
        Ok(store.first_unstable_offset(partition).map_or(high_watermark, |first| first.min(high_watermark)))
    }
}

/// What was found, where it is visible.
fn below(found: Option<TimestampOffset>, end: Offset) -> FoundOffset {
    found.filter(|found| found.offset < end).map_or(NOTHING, |found| FoundOffset {
        offset: found.offset,
        timestamp: found.timestamp,
        leader_epoch: found.leader_epoch,
    })
}

fn lookup_error(error: &ReadError) -> ErrorCode {
    match error {
        ReadError::Unavailable(why) => unavailable(*why),
        ReadError::OutOfRange { .. } | ReadError::Failed | ReadError::Damaged { .. } => ErrorCode::KafkaStorageError,
    }
}
