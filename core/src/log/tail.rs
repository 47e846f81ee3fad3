//! The ends of all logs of a shard that stay in memory for readers, under one budget.
//!
//! Invariants:
//! 1. What a log keeps is whole batches without a gap, up to its end.
//! 2. `held` is the sum of the charges of all batches that are kept, and is within the budget after each eviction.
//! 3. The batch that came first, over all logs, goes first.

use super::outcome::StoredBatch;
use crate::ids::{Offset, TopicPartition};
use alloc::collections::{BTreeMap, VecDeque};
use bytes::{Bytes, BytesMut};

/// What a batch costs beyond its bytes: its place in the two queues and the headers of its buffers.
const OVERHEAD_BYTES: usize = 192;

/// What a log keeps in memory of its end.
#[derive(Clone, Debug, Default)]
pub(super) struct LogTail {
    batches: VecDeque<TailBatch>,
    /// The sum of their charges.
    charge: usize,
}

#[derive(Clone, Debug)]
struct TailBatch {
    batch: StoredBatch,
    charge: usize,
    /// Its place among all batches that are kept.
    number: u64,
}

impl LogTail {
    /// The first offset that is kept.
    pub(super) fn first_offset(&self) -> Option<Offset> {
        self.batches.front().map(|first| first.batch.base_offset)
    }

    /// The batches from the one that has `offset` on. `None` where that one is not kept.
    pub(super) fn from(&self, offset: Offset) -> Option<impl Iterator<Item = &StoredBatch>> {
        if self.first_offset()? > offset {
            return None;
        }
        let start = self.batches.partition_point(|kept| kept.batch.last_offset < offset);
        Some(self.batches.range(start..).map(|kept| &kept.batch))
    }

    pub(super) fn check_invariants(&self, log_end: Offset) {
        if let Some(last) = self.batches.back() {
            assert_eq!(last.batch.last_offset.plus(1), log_end, "the tail reaches to the end of the log");
        }
    }

    /// The sum of the charges of its batches.
    pub(super) const fn charge(&self) -> usize {
        self.charge
    }
}

/// The budget, and the order in which batches came.
#[derive(Clone, Debug)]
pub(super) struct TailBudget {
    bytes_max: usize,
    held: usize,
    next: u64,
    order: BTreeMap<u64, TopicPartition>,
}

impl TailBudget {
    pub(super) const fn new(bytes_max: usize) -> Self {
        Self { bytes_max, held: 0, next: 0, order: BTreeMap::new() }
    }

    pub(super) const fn held(&self) -> usize {
        self.held
    }

    /// Keeps a batch that was appended. `backing_bytes` is the size of the buffer that it is a slice of: a batch that is
    /// less than half of it is copied, since keeping the slice would keep all of the buffer.
    pub(super) fn keep(
        &mut self,
        partition: TopicPartition,
        tail: &mut LogTail,
        mut batch: StoredBatch,
        backing_bytes: usize,
    ) {
        let mut charge = batch.len() + OVERHEAD_BYTES;
        if batch.parts[1].len() < backing_bytes / 2 {
            batch.parts[1] = Bytes::copy_from_slice(&batch.parts[1]);
        } else {
            charge = charge.max(backing_bytes + OVERHEAD_BYTES);
        }
        self.held += charge;
        tail.charge += charge;
        let number = self.next;
        self.next += 1;
        self.order.insert(number, partition);
        tail.batches.push_back(TailBatch { batch, charge, number });
    }

    /// The log whose first batch has to go next, where more is held than the budget has.
    pub(super) fn next_to_evict(&self) -> Option<TopicPartition> {
        let (_, partition) = self.order.first_key_value().filter(|_| self.held > self.bytes_max)?;
        Some(*partition)
    }

    /// Drops the first batch of a tail.
    pub(super) fn evict(&mut self, tail: &mut LogTail) {
        if let Some(gone) = tail.batches.pop_front() {
            self.held -= gone.charge;
            tail.charge -= gone.charge;
            assert!(!tail.batches.is_empty() || tail.charge == 0, "what is not kept is not charged");
            self.order.remove(&gone.number);
        }
    }

    /// Drops a whole tail.
    pub(super) fn clear(&mut self, tail: &mut LogTail) {
        while !tail.batches.is_empty() {
            self.evict(tail);
        }
    }
}

/// Puts the parts of a batch together, for whoever needs it in one piece.
pub(super) fn joined(parts: &[Bytes; 2]) -> Bytes {
    let mut whole = BytesMut::with_capacity(parts[0].len() + parts[1].len());
    whole.extend_from_slice(&parts[0]);
    whole.extend_from_slice(&parts[1]);
    whole.freeze()
}
