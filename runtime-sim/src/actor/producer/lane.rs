//! The batches of one partition: their order, their sequence numbers, and when which of them may be sent.

use crate::client::operations::{self, Producer as Stamp};
use crate::clock::WorldTime;
use crate::history::{OperationId, Value};
use bytes::{BufMut, Bytes, BytesMut};
use std::collections::VecDeque;

/// Who an idempotent producer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) id: i64,
    pub(super) epoch: i16,
}

/// A batch that has not come to its end.
#[derive(Clone, Debug)]
pub(super) struct Batch {
    /// Names it within its producer.
    pub(super) number: u64,
    pub(super) operation: OperationId,
    pub(super) values: Vec<Value>,
    pub(super) record_bytes: u32,
    pub(super) deadline: WorldTime,
    pub(super) state: BatchState,
    /// The sequence number of its first record, where it has one.
    pub(super) sequence: Option<i32>,
    /// An attempt was sent of which nobody knows what came.
    pub(super) may_be_written: bool,
    /// An offset that had been acknowledged in its partition, to whomever, when it was sent again.
    pub(super) written_before: Option<i64>,
    /// Why it was not taken last.
    pub(super) error: Option<i16>,
    encoded: Option<Bytes>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BatchState {
    Waiting,
    UnderWay,
}

/// The batches of a partition, in the order in which they were to be sent.
#[derive(Clone, Debug, Default)]
pub(super) struct Lane {
    pub(super) batches: VecDeque<Batch>,
    /// Nothing is sent before.
    pub(super) not_before: WorldTime,
    /// As whom sequence numbers count here.
    pub(super) identity: Option<Identity>,
    next_sequence: i32,
    /// The sequence number of the last record that the broker has acknowledged.
    pub(super) last_acknowledged: Option<i32>,
    /// A batch with a sequence number was given up, and nobody knows whether it was written.
    pub(super) is_unresolved: bool,
    /// Sequence numbers begin anew, in another epoch, when nothing is under way here.
    pub(super) wants_bump: bool,
}

impl Batch {
    pub(super) fn new(
        number: u64,
        operation: OperationId,
        values: Vec<Value>,
        record_bytes: u32,
        deadline: WorldTime,
    ) -> Self {
        let (state, sequence) = (BatchState::Waiting, None);
        Self {
            number,
            operation,
            values,
            record_bytes,
            deadline,
            state,
            sequence,
            may_be_written: false,
            written_before: None,
            error: None,
            encoded: None,
        }
    }

    /// The sequence number of its last record.
    pub(super) fn last_sequence(&self) -> Option<i32> {
        self.sequence.map(|first| sequence_after(first, self.values.len() as i32 - 1))
    }

    /// Its bytes, the same for each attempt under one sequence number.
    pub(super) fn encode(&mut self, identity: Option<Identity>, wall_ms: i64) -> Bytes {
        let stamp = match (identity, self.sequence) {
            (Some(Identity { id, epoch }), Some(sequence)) => Stamp { id, epoch, sequence },
            _ => Stamp::NONE,
        };
        let record = |value: &Value| {
            let length = (self.record_bytes as usize).max(size_of::<u64>());
            let mut bytes = BytesMut::with_capacity(length);
            bytes.put_u64(value.0);
            bytes.resize(length, 0);
            bytes.freeze()
        };
        let values = &self.values;
        self.encoded
            .get_or_insert_with(|| {
                let records: Vec<Bytes> = values.iter().map(record).collect();
                operations::batch(&records, wall_ms, stamp)
            })
            .clone()
    }
}

impl Lane {
    /// The batch that may be sent now: its place.
    ///
    /// A retry waits until it is the first, so that those before it have come to their end; what has no sequence number yet
    /// follows at once where nothing before it waits. Without sequence numbers nothing waits for another, but for a producer
    /// that has one request under way.
    pub(super) fn sendable(&self, now: WorldTime, is_idempotent: bool, one_at_a_time: bool) -> Option<usize> {
        if self.wants_bump || self.not_before > now {
            return None;
        }
        let at = self.batches.iter().position(|batch| batch.state == BatchState::Waiting)?;
        let batch = &self.batches[at];
        let is_held = match is_idempotent {
            true => at > 0 && (batch.sequence.is_some() || self.is_unresolved),
            false => at > 0 && one_at_a_time,
        };
        (!is_held).then_some(at)
    }

    /// Gives a batch its sequence number, where it has none.
    pub(super) fn number(&mut self, at: usize) {
        let count = self.batches[at].values.len() as i32;
        if self.batches[at].sequence.is_none() {
            self.batches[at].sequence = Some(self.next_sequence);
            self.next_sequence = sequence_after(self.next_sequence, count);
        }
    }

    /// Takes a batch out that has come to its end.
    pub(super) fn remove(&mut self, number: u64) -> Option<Batch> {
        let at = self.position(number)?;
        self.batches.remove(at)
    }

    pub(super) fn position(&self, number: u64) -> Option<usize> {
        self.batches.iter().position(|batch| batch.number == number)
    }

    pub(super) fn is_under_way(&self) -> bool {
        self.batches.iter().any(|batch| batch.state == BatchState::UnderWay)
    }

    /// Whether no batch counts under the identity that the lane has.
    pub(super) fn is_unnumbered(&self) -> bool {
        self.batches.iter().all(|batch| batch.sequence.is_none())
    }

    /// Counts anew as `identity`. What may have been written under the old one must not be sent under the new one, or it
    /// would be there twice: it is taken out.
    pub(super) fn begin_anew(&mut self, identity: Identity) -> VecDeque<Batch> {
        assert!(!self.is_under_way(), "nothing is under way where sequences begin anew");
        let batches = std::mem::take(&mut self.batches);
        let (unknown, mut left): (VecDeque<Batch>, VecDeque<Batch>) =
            batches.into_iter().partition(|batch| batch.may_be_written);
        for batch in &mut left {
            batch.sequence = None;
            batch.encoded = None;
        }
        *self = Self { batches: left, not_before: self.not_before, identity: Some(identity), ..Self::default() };
        unknown
    }

    /// The broker has acknowledged all up to this sequence number.
    pub(super) fn acknowledged(&mut self, last_sequence: i32) {
        // Sequences wrap: what is ahead by less than half of them is later.
        let is_later = |last: i32| (last_sequence.wrapping_sub(last) & i32::MAX) < i32::MAX / 2;
        if self.last_acknowledged.is_none_or(is_later) {
            self.last_acknowledged = Some(last_sequence);
        }
    }

    /// Whether all that was numbered here was acknowledged, so that what was given up was written after all.
    pub(super) fn is_resolved(&self) -> bool {
        self.last_acknowledged.is_some_and(|last| sequence_after(last, 1) == self.next_sequence)
    }
}

/// The sequence number that comes `count` after another: they wrap to 0 after the largest.
fn sequence_after(sequence: i32, count: i32) -> i32 {
    let sum = i64::from(sequence) + i64::from(count);
    (sum % (i64::from(i32::MAX) + 1)) as i32
}
