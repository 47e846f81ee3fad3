//! Reading records, and waiting for some.

use super::{ReadCall, ReadItem, ReadResult, Replicas, Reply, WatchItem, Work, unavailable};
use crate::ids::{LeaderEpoch, Offset, Ticket, TopicPartition};
use crate::log::{LogStore, ReadError, ReadOutcome, ReadRequest, ReadTicket, Records};
use alloc::vec::Vec;
use grete_protocol::ErrorCode;

/// A read of several partitions, one after the other, so that an answer is filled in the order asked for and never holds
/// more than its share.
#[derive(Clone, Debug)]
pub(super) struct Operation {
    items: Vec<ReadItem>,
    /// The results of the first items; the next one waits for the disk, or is about to be read.
    results: Vec<ReadResult>,
    plan: Plan,
}

/// How the items that are left are read.
#[derive(Clone, Copy, Debug)]
struct Plan {
    read_committed: bool,
    /// What may still be returned.
    bytes_left: u32,
    /// Whether no record was found yet: the first batch is returned whatever its size (KIP-74).
    empty: bool,
}

impl Plan {
    /// Takes a batch that was read from the disk and did not fit into what is left for the end of the answer: those of
    /// the items behind it would hardly fit either, and each would cost a read to learn so.
    fn close_if_full(&mut self, item: &ReadItem, fits: bool) {
        if !fits && !self.empty && i64::from(self.bytes_left) < i64::from(item.bytes_max) {
            self.bytes_left = 0;
        }
    }
}

/// How the read of an item goes on.
enum Begun {
    Done(ReadResult),
    Waits(ReadTicket),
}

/// What is visible of a partition.
#[derive(Clone, Copy, Debug)]
struct Visible {
    log_start: Offset,
    log_end: Offset,
    high_watermark: Offset,
    last_stable: Offset,
}

impl Replicas {
    /// Begins a read.
    pub(super) fn read(&mut self, work: &mut Work<'_>, ticket: Ticket, call: ReadCall) {
        let plan = Plan { read_committed: call.read_committed, bytes_left: call.bytes_max, empty: call.at_least_one };
        let results = Vec::with_capacity(call.items.len());
        self.reads.insert(ticket, Operation { items: call.items, results, plan });
        self.read_on(work, ticket);
    }

    /// A read that waited for the disk has ended.
    pub(super) fn read_done(&mut self, work: &mut Work<'_>, read: ReadTicket, result: Result<Records, ReadError>) {
        let Some(ticket) = self.reading.remove(&read) else { return };
        let Some(operation) = self.reads.get_mut(&ticket) else { return };
        let Some(&item) = operation.items.get(operation.results.len()) else { return };
        let fits = !result.as_ref().is_ok_and(|records| records.batches.is_empty());
        let done = match (result, visible(work.store, item.partition)) {
            (Ok(records), Ok(visible)) => found(work.store, &item, operation.plan, visible, records),
            (Err(error), _) => ReadResult::failed(read_error(&error)),
            (Ok(_), Err(error)) => ReadResult::failed(error),
        };
        operation.push(done);
        operation.plan.close_if_full(&item, fits);
        self.read_on(work, ticket);
    }

    /// Reads the items that are left, until one waits for the disk or all have their result.
    fn read_on(&mut self, work: &mut Work<'_>, ticket: Ticket) {
        while let Some(operation) = self.reads.get(&ticket) {
            let plan = operation.plan;
            let Some(item) = operation.items.get(operation.results.len()).copied() else {
                if let Some(operation) = self.reads.remove(&ticket) {
                    work.replies.push((ticket, Reply::Read(operation.results)));
                }
                return;
            };
            let begun =
                self.begin_read(work, &item, plan).unwrap_or_else(|error| Begun::Done(ReadResult::failed(error)));
            let Some(operation) = self.reads.get_mut(&ticket) else { return };
            match begun {
                Begun::Done(result) => operation.push(result),
                Begun::Waits(read) => {
                    self.reading.insert(read, ticket);
                    return;
                }
            }
        }
    }

    fn begin_read(&self, work: &mut Work<'_>, item: &ReadItem, plan: Plan) -> Result<Begun, ErrorCode> {
        let led = self.led(item.partition, item.current_leader_epoch)?;
        let visible = visible(work.store, item.partition)?;
        let log_end = visible.log_end;
        if let Some(diverging) = diverging(work.store, led.leader_epoch, item)? {
            return Ok(Begun::Done(ReadResult { diverging: Some(diverging), ..empty(visible) }));
        }
        if item.fetch_offset < visible.log_start || item.fetch_offset > log_end {
            return Err(ErrorCode::OffsetOutOfRange);
        }
        let end = if plan.read_committed { visible.last_stable } else { visible.high_watermark };
        if item.fetch_offset >= end {
            return Ok(Begun::Done(empty(visible)));
        }
        let bytes_max = u32::try_from(item.bytes_max).map_err(|_| ErrorCode::UnknownServerError)?.min(plan.bytes_left);
        if bytes_max == 0 && !plan.empty {
            return Ok(Begun::Done(empty(visible)));
        }
        let request = ReadRequest { offset: item.fetch_offset, end, bytes_max, at_least_one: plan.empty };
        match work.store.read(item.partition, request, work.effects) {
            ReadOutcome::Ready(records) => Ok(Begun::Done(found(work.store, item, plan, visible, records))),
            ReadOutcome::Pending(read) => Ok(Begun::Waits(read)),
            ReadOutcome::Failed(error) => Err(read_error(&error)),
        }
    }

    /// Waits for something new, or says that there is already.
    pub(super) fn watch(&mut self, work: &mut Work<'_>, ticket: Ticket, items: &[WatchItem]) {
        let moved = |item: &WatchItem| match visible(work.store, item.partition) {
            Ok(now) => now.high_watermark != item.end && now.last_stable != item.end,
            Err(_) => true,
        };
        if items.iter().any(moved) {
            work.replies.push((ticket, Reply::Woken));
        } else {
            self.watches.add(ticket, items.iter().map(|item| (item.partition, item.end)).collect());
        }
    }

    /// Asserts that whoever waits for something new has seen all that there is.
    pub(super) fn check_waits(&self, store: &LogStore) {
        for (partition, end) in self.watches.awaited() {
            let has_seen = |now: Visible| now.high_watermark == end || now.last_stable == end;
            assert!(
                visible(store, partition).is_ok_and(has_seen),
                "a reader waits for something that is not there yet"
            );
        }
    }
}

impl Operation {
    fn push(&mut self, result: ReadResult) {
        let bytes: usize = result.batches.iter().map(crate::log::StoredBatch::len).sum();
        self.plan.bytes_left = self.plan.bytes_left.saturating_sub(u32::try_from(bytes).unwrap_or(u32::MAX));
        self.plan.empty &= bytes == 0;
        self.results.push(result);
    }
}

/// A result with these records.
fn found(store: &LogStore, item: &ReadItem, plan: Plan, visible: Visible, records: Records) -> ReadResult {
    let last = records.batches.last().map(|batch| batch.last_offset);
    let aborted = match last {
        Some(last) if plan.read_committed => store.aborted_transactions(item.partition, item.fetch_offset, last),
        Some(_) | None => Vec::new(),
    };
    ReadResult { aborted, batches: records.batches, ..empty(visible) }
}

/// A result without records.
fn empty(visible: Visible) -> ReadResult {
    ReadResult {
        error: ErrorCode::None,
        high_watermark: visible.high_watermark,
        last_stable_offset: visible.last_stable,
        log_start_offset: visible.log_start,
        diverging: None,
        aborted: Vec::new(),
        batches: Vec::new(),
    }
}

fn visible(store: &LogStore, partition: TopicPartition) -> Result<Visible, ErrorCode> {
    let bounds = store.bounds(partition).map_err(unavailable)?;
    // As `Replicas::high_watermark` and `last_stable_offset` have it.
    let high_watermark = bounds.durable_end;
    let last_stable = bounds.first_unstable.map_or(high_watermark, |first| first.min(high_watermark));
    Ok(Visible { log_start: bounds.log_start, log_end: bounds.log_end, high_watermark, last_stable })
}

/// Where the client's log parts from this one, by the epoch of the last record that it has (KIP-595).
fn diverging(
    store: &LogStore,
    leader_epoch: LeaderEpoch,
    item: &ReadItem,
) -> Result<Option<(LeaderEpoch, Offset)>, ErrorCode> {
    if item.last_fetched_epoch < 0 {
        return Ok(None);
    }
    let asked = LeaderEpoch(item.last_fetched_epoch);
    let found = store.epoch_end(item.partition, asked, leader_epoch).map_err(unavailable)?;
    let (epoch, end) = found.ok_or(ErrorCode::OffsetOutOfRange)?;
    Ok((epoch < asked || end < item.fetch_offset).then_some((epoch, end)))
}

fn read_error(error: &ReadError) -> ErrorCode {
    match error {
        ReadError::Unavailable(why) => unavailable(*why),
        ReadError::OutOfRange { .. } => ErrorCode::OffsetOutOfRange,
        ReadError::Failed => ErrorCode::KafkaStorageError,
        // Rot is never served, and never taken for the end of the log.
        ReadError::Damaged { .. } => ErrorCode::KafkaStorageError,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{PartitionIndex, TopicId};

    fn item(bytes_max: i32) -> ReadItem {
        let partition = TopicPartition { topic: TopicId([1; 16]), partition: PartitionIndex(0) };
        let fetch_offset = Offset(0);
        ReadItem { partition, fetch_offset, bytes_max, current_leader_epoch: -1, last_fetched_epoch: -1 }
    }

    #[test]
    fn an_answer_is_closed_by_its_own_bound_only() {
        let open = Plan { read_committed: false, bytes_left: 100, empty: false };
        let left = |plan: Plan, bytes_max, fits| {
            let mut plan = plan;
            plan.close_if_full(&item(bytes_max), fits);
            plan.bytes_left
        };
        assert_eq!(left(open, 1000, false), 0, "no more disk reads for what would hardly fit");
        assert_eq!(left(open, 1000, true), 100);
        assert_eq!(left(open, 50, false), 100, "the bound of one partition says nothing about the next");
        assert_eq!(left(Plan { empty: true, ..open }, 1000, false), 100, "the first batch comes whatever its size");
    }
}
