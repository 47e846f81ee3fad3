//! What a log remembers of its producers: the sequence numbers of idempotent ones (KIP-98) and open transactions.
//!
//! Invariants:
//! 1. Of each producer the newest epoch counts, and of that epoch the last [`BATCHES_MAX`] batches are known.
//! 2. Batches of one producer and epoch follow one another in sequence.
//! 3. Whatever is changed here is changed by a batch that is in the log, so that reading the log again gives the same state.
//!
//! A producer that is not known may begin with any sequence number: it may have been forgotten by age.

use super::files::producer_snapshot::ProducerEntry;
use super::files::txn_index::AbortedTxn;
use super::header::BatchHeader;
use crate::ids::{Offset, ProducerEpoch, ProducerId, Timestamp};
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::vec::Vec;
use grete_protocol::records::{EndTxnMarker, NO_SEQUENCE, sequence_decrement};

/// The batches of a producer that a retry may repeat: as many as it may have in flight.
pub(super) const BATCHES_MAX: usize = 5;

/// The producers of a log.
#[derive(Clone, Debug, Default)]
pub(super) struct ProducerState {
    producers: BTreeMap<ProducerId, Producer>,
    /// Open transactions by their first offset.
    open: BTreeMap<Offset, ProducerId>,
    /// Transactions that were decided, by their first offset, until the high watermark has passed their markers.
    decided: BTreeMap<Offset, Offset>,
    aborted: Vec<AbortedTransaction>,
    /// Producers that have changed since they were taken for recording.
    changed: BTreeSet<ProducerId>,
}

#[derive(Clone, Debug)]
struct Producer {
    epoch: ProducerEpoch,
    coordinator_epoch: i32,
    last_timestamp: Timestamp,
    /// The last batches, oldest first.
    batches: VecDeque<ProducedBatch>,
    transaction_start: Option<Offset>,
}

/// A batch that a producer may repeat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct ProducedBatch {
    last_sequence: i32,
    last_offset: Offset,
    offset_delta: i32,
    timestamp: Timestamp,
}

/// A transaction whose records readers of committed data skip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct AbortedTransaction {
    pub(super) producer: ProducerId,
    pub(super) first_offset: Offset,
    /// The offset of its marker.
    pub(super) last_offset: Offset,
    /// The last stable offset right after it.
    last_stable_offset: Offset,
}

impl From<AbortedTxn> for AbortedTransaction {
    fn from(found: AbortedTxn) -> Self {
        let AbortedTxn { producer, first_offset, last_offset, last_stable_offset } = found;
        Self { producer, first_offset, last_offset, last_stable_offset }
    }
}

/// What a batch of a producer is to the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is new.
    New,
    /// The log has it.
    Duplicate { first_offset: Offset, last_offset: Offset, timestamp: Timestamp },
}

/// Why a producer's batch is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ProducerError {
    OutOfOrder { found: i32, expected: i32 },
    OldEpoch { current: ProducerEpoch },
    CoordinatorFenced,
    NotInTransaction,
}

impl ProducerState {
    /// Judges a batch that a client has sent.
    pub(super) fn check(&self, header: &BatchHeader) -> Result<Verdict, ProducerError> {
        let Some(known) = self.producers.get(&header.producer) else { return Ok(Verdict::New) };
        if header.producer_epoch == known.epoch
            && let Some(batch) = known.batches.iter().find(|batch| batch.repeats(header))
        {
            return Ok(Verdict::Duplicate {
                first_offset: batch.last_offset.plus(-i64::from(batch.offset_delta)),
                last_offset: batch.last_offset,
                timestamp: batch.timestamp,
            });
        }
        if header.producer_epoch < known.epoch {
            return Err(ProducerError::OldEpoch { current: known.epoch });
        }
        let expected = if header.producer_epoch > known.epoch { 0 } else { known.next_sequence() };
        if header.base_sequence != expected {
            return Err(ProducerError::OutOfOrder { found: header.base_sequence, expected });
        }
        if known.transaction_start.is_some() && !header.is_transactional() {
            return Err(ProducerError::NotInTransaction);
        }
        Ok(Verdict::New)
    }

    /// Judges the marker of a transaction.
    pub(super) fn check_marker(&self, header: &BatchHeader, marker: EndTxnMarker) -> Result<(), ProducerError> {
        let Some(known) = self.producers.get(&header.producer) else { return Ok(()) };
        if header.producer_epoch < known.epoch {
            return Err(ProducerError::OldEpoch { current: known.epoch });
        }
        if marker.coordinator_epoch < known.coordinator_epoch {
            return Err(ProducerError::CoordinatorFenced);
        }
        Ok(())
    }

    /// Takes up a batch of a producer that is in the log now, whether it has just been appended or is read again.
    pub(super) fn take_up(&mut self, header: &BatchHeader) {
        let producer = self.entry(header);
        producer.last_timestamp = header.max_timestamp;
        if producer.batches.len() == BATCHES_MAX {
            producer.batches.pop_front();
        }
        producer.batches.push_back(ProducedBatch {
            last_sequence: header.last_sequence(),
            last_offset: header.last_offset(),
            offset_delta: header.last_offset_delta,
            timestamp: header.max_timestamp,
        });
        if header.is_transactional() && producer.transaction_start.is_none() {
            producer.transaction_start = Some(header.base_offset);
            self.open.insert(header.base_offset, header.producer);
        }
    }

    /// Takes up the marker that ends a transaction.
    pub(super) fn take_up_marker(&mut self, header: &BatchHeader, marker: EndTxnMarker) {
        let producer = self.entry(header);
        producer.last_timestamp = header.max_timestamp;
        producer.coordinator_epoch = marker.coordinator_epoch;
        let Some(first_offset) = producer.transaction_start.take() else { return };
        self.open.remove(&first_offset);
        self.decided.insert(first_offset, header.last_offset());
        if !marker.is_commit {
            let (producer, last_offset) = (header.producer, header.last_offset());
            let last_stable_offset = self.open.first_key_value().map_or(last_offset.plus(1), |(first, _)| *first);
            self.aborted.push(AbortedTransaction { producer, first_offset, last_offset, last_stable_offset });
        }
    }

    /// The entry of a batch's producer, in the batch's epoch.
    fn entry(&mut self, header: &BatchHeader) -> &mut Producer {
        self.changed.insert(header.producer);
        let producer = self.producers.entry(header.producer).or_insert_with(|| Producer {
            epoch: header.producer_epoch,
            coordinator_epoch: -1,
            last_timestamp: Timestamp(-1),
            batches: VecDeque::new(),
            transaction_start: None,
        });
        if producer.epoch != header.producer_epoch {
            producer.epoch = header.producer_epoch;
            producer.batches.clear();
        }
        producer
    }

    /// Takes note of what all replicas have.
    pub(super) fn advance_high_watermark(&mut self, high_watermark: Offset) {
        self.decided.retain(|_, last_offset| *last_offset >= high_watermark);
    }

    /// The log begins here now.
    pub(super) fn advance_start(&mut self, log_start: Offset) {
        self.aborted.retain(|transaction| transaction.last_offset >= log_start);
    }

    /// The first offset whose transaction is open, or is decided by a marker that not all replicas have.
    pub(super) fn first_unstable_offset(&self) -> Option<Offset> {
        let open = self.open.first_key_value().map(|(first, _)| *first);
        open.into_iter().chain(self.decided.first_key_value().map(|(first, _)| *first)).min()
    }

    /// The transactions with records in a range of offsets that were aborted, as a reader of that range has to know them.
    pub(super) fn aborted_in(&self, from: Offset, to: Offset) -> impl Iterator<Item = &AbortedTransaction> {
        self.aborted.iter().filter(move |transaction| transaction.last_offset >= from && transaction.first_offset < to)
    }

    /// Takes up what an index has of transactions that were aborted before all that was read so far.
    pub(super) fn restore_aborted(&mut self, aborted: impl Iterator<Item = AbortedTransaction>) {
        self.aborted.extend(aborted);
    }

    /// The index of the transactions whose abort markers lie in a range of offsets.
    pub(super) fn aborted_index(&self, from: Offset, to: Offset) -> Vec<u8> {
        let here = self.aborted.iter().filter(|aborted| (from..to).contains(&aborted.last_offset));
        let entry = |aborted: &AbortedTransaction| {
            let AbortedTransaction { producer, first_offset, last_offset, last_stable_offset } = *aborted;
            AbortedTxn { producer, first_offset, last_offset, last_stable_offset }.encode()
        };
        here.flat_map(entry).collect()
    }

    /// Forgets producers that have been silent for so long and have no open transaction.
    pub(super) fn expire(&mut self, now: Timestamp, expiration_ms: i64) {
        self.producers.retain(|_, producer| {
            producer.transaction_start.is_some() || now.0.saturating_sub(producer.last_timestamp.0) < expiration_ms
        });
    }

    pub(super) fn is_empty(&self) -> bool {
        self.producers.is_empty()
    }

    /// The producers as `DescribeProducers` and snapshots have them: by their last batch.
    pub(super) fn entries(&self) -> impl Iterator<Item = ProducerEntry> + '_ {
        self.producers.iter().map(|(id, producer)| producer.entry(*id, producer.batches.back()))
    }

    /// All producers with all batches that are known: one entry for each, oldest first.
    pub(super) fn all(&self) -> Vec<ProducerEntry> {
        self.producers.iter().flat_map(|(id, producer)| producer.all(*id)).collect()
    }

    /// As [`all`](Self::all), of the producers that have changed since this was called last.
    pub(super) fn take_changed(&mut self) -> Vec<ProducerEntry> {
        let changed = core::mem::take(&mut self.changed);
        let known = changed.into_iter().filter_map(|id| self.producers.get(&id).map(|producer| (id, producer)));
        known.flat_map(|(id, producer)| producer.all(id)).collect()
    }

    /// The state that was recorded or snapshotted. Entries of one producer are its batches, oldest first.
    pub(super) fn restore(entries: &[ProducerEntry]) -> Self {
        let mut state = Self::default();
        for entry in entries {
            let producer = state.producers.entry(entry.producer).or_insert_with(|| Producer {
                epoch: entry.epoch,
                coordinator_epoch: -1,
                last_timestamp: Timestamp(-1),
                batches: VecDeque::new(),
                transaction_start: None,
            });
            producer.epoch = entry.epoch;
            producer.coordinator_epoch = entry.coordinator_epoch;
            producer.last_timestamp = entry.timestamp;
            producer.transaction_start = entry.current_txn_first_offset;
            if entry.last_sequence != NO_SEQUENCE && producer.batches.len() < BATCHES_MAX {
                producer.batches.push_back(ProducedBatch {
                    last_sequence: entry.last_sequence,
                    last_offset: entry.last_offset,
                    offset_delta: entry.offset_delta,
                    timestamp: entry.timestamp,
                });
            }
            if let Some(first) = entry.current_txn_first_offset {
                state.open.insert(first, entry.producer);
            }
        }
        state
    }

    /// The state that a snapshot has, of which nothing is recorded.
    pub(super) fn restore_unrecorded(entries: &[ProducerEntry]) -> Self {
        let state = Self::restore(entries);
        Self { changed: state.producers.keys().copied().collect(), ..state }
    }

    /// Asserts the invariants.
    pub(super) fn check_invariants(&self) {
        for (id, producer) in &self.producers {
            assert!(producer.batches.len() <= BATCHES_MAX, "a bounded number of batches is known of a producer");
            if let Some(first) = producer.transaction_start {
                assert_eq!(self.open.get(&first), Some(id), "an open transaction is found by its first offset");
            }
        }
    }
}

impl Producer {
    fn next_sequence(&self) -> i32 {
        match self.batches.back() {
            Some(ProducedBatch { last_sequence: i32::MAX, .. }) | None => 0,
            Some(batch) => batch.last_sequence + 1,
        }
    }

    fn entry(&self, id: ProducerId, batch: Option<&ProducedBatch>) -> ProducerEntry {
        ProducerEntry {
            producer: id,
            epoch: self.epoch,
            last_sequence: batch.map_or(NO_SEQUENCE, |batch| batch.last_sequence),
            last_offset: batch.map_or(Offset(-1), |batch| batch.last_offset),
            offset_delta: batch.map_or(0, |batch| batch.offset_delta),
            timestamp: self.last_timestamp,
            coordinator_epoch: self.coordinator_epoch,
            current_txn_first_offset: self.transaction_start,
        }
    }

    /// An entry for each batch, and a last one where something else has happened since.
    fn all(&self, id: ProducerId) -> impl Iterator<Item = ProducerEntry> + '_ {
        let is_last = self.batches.back().is_some_and(|batch| batch.timestamp == self.last_timestamp);
        let bare = (!is_last).then(|| self.entry(id, None));
        let batches = self
            .batches
            .iter()
            .map(move |batch| ProducerEntry { timestamp: batch.timestamp, ..self.entry(id, Some(batch)) });
        batches.chain(bare)
    }
}

impl ProducedBatch {
    /// Whether a batch of the same producer and epoch is this one again.
    fn repeats(&self, header: &BatchHeader) -> bool {
        header.base_sequence == sequence_decrement(self.last_sequence, self.offset_delta)
            && header.last_sequence() == self.last_sequence
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::LeaderEpoch;
    use grete_protocol::records::{Attributes, sequence_increment};

    fn batch(epoch: i16, base_sequence: i32, records: i32, base_offset: i64) -> BatchHeader {
        BatchHeader {
            base_offset: Offset(base_offset),
            bytes: 100,
            leader_epoch: LeaderEpoch(0),
            attributes: Attributes(0),
            last_offset_delta: records - 1,
            max_timestamp: Timestamp(1000),
            producer: ProducerId(7),
            producer_epoch: ProducerEpoch(epoch),
            base_sequence,
        }
    }

    fn transactional(header: BatchHeader) -> BatchHeader {
        BatchHeader { attributes: header.attributes.with_transactional(true), ..header }
    }

    /// Ten records in batches of two, from sequence number `from` on.
    fn state(from: i32) -> ProducerState {
        let mut state = ProducerState::default();
        for number in 0..7 {
            state.take_up(&batch(3, sequence_increment(from, number * 2), 2, i64::from(number) * 2));
        }
        state
    }

    #[test]
    fn the_last_five_batches_may_be_repeated() {
        for from in [0, i32::MAX - 6] {
            let state = state(from);
            let check = |number: i32| state.check(&batch(3, sequence_increment(from, number), 2, 0));
            for number in [4, 6, 8, 10, 12] {
                let offset = i64::from(number);
                let (first_offset, last_offset) = (Offset(offset), Offset(offset + 1));
                let timestamp = Timestamp(1000);
                assert_eq!(check(number), Ok(Verdict::Duplicate { first_offset, last_offset, timestamp }));
            }
            assert_eq!(check(14), Ok(Verdict::New));
            for number in [0, 2, 13, 15, 16] {
                let found = sequence_increment(from, number);
                let expected = sequence_increment(from, 14);
                assert_eq!(check(number), Err(ProducerError::OutOfOrder { found, expected }), "{number}");
            }
        }
    }

    #[test]
    fn a_new_epoch_begins_at_zero_and_fences_the_old() {
        let mut state = state(0);
        assert_eq!(state.check(&batch(4, 1, 1, 0)), Err(ProducerError::OutOfOrder { found: 1, expected: 0 }));
        assert_eq!(state.check(&batch(4, 0, 1, 0)), Ok(Verdict::New));
        state.take_up(&batch(4, 0, 1, 20));
        assert_eq!(state.check(&batch(3, 14, 2, 0)), Err(ProducerError::OldEpoch { current: ProducerEpoch(4) }));
        assert_eq!(state.check(&batch(4, 1, 1, 0)), Ok(Verdict::New));
    }

    #[test]
    fn who_is_not_known_may_begin_anywhere_and_who_is_silent_is_forgotten() {
        let mut state = ProducerState::default();
        assert_eq!(state.check(&batch(3, 77, 1, 0)), Ok(Verdict::New));
        state.take_up(&batch(3, 77, 1, 0));
        state.expire(Timestamp(1999), 1000);
        assert!(!state.is_empty());
        state.expire(Timestamp(2000), 1000);
        assert!(state.is_empty());
    }

    #[test]
    fn what_was_recorded_is_restored() {
        let mut before = state(0);
        let all = before.all();
        assert_eq!(all.len(), 5);
        assert_eq!(before.take_changed(), all);
        assert_eq!(before.take_changed(), []);
        let after = ProducerState::restore(&all);
        assert_eq!(after.all(), all);
        assert_eq!(after.check(&batch(3, 4, 2, 0)), before.check(&batch(3, 4, 2, 0)));
        assert_eq!(ProducerState::restore(&before.entries().collect::<Vec<_>>()).all(), all[4..]);
    }

    #[test]
    fn transactions_hold_back_what_is_stable_until_their_marker_is_everywhere() {
        let mut state = ProducerState::default();
        state.take_up(&transactional(batch(0, 0, 2, 10)));
        state.take_up(&transactional(batch(0, 2, 2, 15)));
        assert_eq!(state.first_unstable_offset(), Some(Offset(10)));
        assert_eq!(state.check(&batch(0, 4, 1, 0)), Err(ProducerError::NotInTransaction));
        let restored = ProducerState::restore(&state.all());
        assert_eq!(restored.first_unstable_offset(), Some(Offset(10)));
        restored.check_invariants();

        let marker = EndTxnMarker { is_commit: false, coordinator_epoch: 5 };
        let header = batch(0, -1, 1, 20);
        assert_eq!(state.check_marker(&header, marker), Ok(()));
        state.take_up_marker(&header, marker);
        assert_eq!(state.first_unstable_offset(), Some(Offset(10)), "the marker is not everywhere");
        state.advance_high_watermark(Offset(21));
        assert_eq!(state.first_unstable_offset(), None);
        let aborted = |state: &ProducerState, from, to| state.aborted_in(Offset(from), Offset(to)).count();
        assert_eq!(
            [aborted(&state, 0, 10), aborted(&state, 0, 11), aborted(&state, 20, 30), aborted(&state, 21, 30)],
            [0, 1, 1, 0]
        );
        let older = EndTxnMarker { is_commit: true, coordinator_epoch: 4 };
        assert_eq!(state.check_marker(&header, older), Err(ProducerError::CoordinatorFenced));
        state.advance_start(Offset(21));
        assert_eq!(aborted(&state, 0, 30), 0);
        state.check_invariants();
    }

    #[test]
    fn the_time_of_a_marker_survives_recording() {
        let mut state = ProducerState::default();
        state.take_up(&transactional(batch(0, 0, 2, 0)));
        let marker = EndTxnMarker { is_commit: true, coordinator_epoch: 3 };
        state.take_up_marker(&BatchHeader { max_timestamp: Timestamp(5000), ..batch(0, -1, 1, 2) }, marker);
        let mut restored = ProducerState::restore(&state.all());
        assert_eq!(restored.all(), state.all());
        assert!(matches!(restored.check(&batch(0, 0, 2, 0)), Ok(Verdict::Duplicate { .. })));
        restored.expire(Timestamp(5500), 1000);
        assert!(!restored.is_empty(), "it was heard of at 5000");
    }
}
