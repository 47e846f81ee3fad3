//! What a log remembers of its producers, against what Kafka made of the same log and against a list of all batches.

use crate::ids::{LeaderEpoch, Offset, ProducerEpoch, ProducerId, Timestamp};
use crate::log::files::producer_snapshot;
use crate::log::files::txn_index::TxnIndex;
use crate::log::header::{self, BatchHeader};
use crate::log::producer::{BATCHES_MAX, ProducerError, ProducerState, Verdict};
use alloc::vec::Vec;
use grete_protocol::records::{self, Attributes, EndTxnMarker, sequence_increment};
use proptest::prelude::*;

#[test]
fn kafkas_log_gives_kafkas_snapshots() {
    const LOG: &[u8] = include_bytes!("../../../tests/data/kafka-4.3.1/fixture-0/00000000000000000000.log");
    const SNAPSHOTS: [(i64, &[u8]); 2] = [
        (30, include_bytes!("../../../tests/data/kafka-4.3.1/fixture-0/00000000000000000030.snapshot")),
        (60, include_bytes!("../../../tests/data/kafka-4.3.1/fixture-0/00000000000000000060.snapshot")),
    ];
    const ABORTED: &[u8] = include_bytes!("../../../tests/data/kafka-4.3.1/fixture-0/00000000000000000000.txnindex");
    for (end, snapshot) in SNAPSHOTS {
        let state = taken_up(LOG, Offset(end));
        let mut entries = producer_snapshot::decode(snapshot).unwrap();
        // Kafka's order is that of a hash table.
        entries.sort_by_key(|entry| entry.producer);
        assert_eq!(state.entries().collect::<Vec<_>>(), entries, "as of {end}");
        let first_open = entries.iter().filter_map(|entry| entry.current_txn_first_offset).min();
        let mut state = state;
        state.advance_high_watermark(Offset(end));
        assert_eq!(state.first_unstable_offset(), first_open);
    }
    let state = taken_up(LOG, Offset(60));
    let aborted = state.aborted_in(Offset(0), Offset(60)).map(|txn| (txn.producer, txn.first_offset, txn.last_offset));
    let index = TxnIndex::decode(ABORTED, Offset(0)).unwrap();
    assert!(aborted.eq(index.iter().map(|txn| (txn.producer, txn.first_offset, txn.last_offset))));
    assert_eq!(state.aborted_index(Offset(0), Offset(60)), ABORTED);
}

/// The state after the batches of `log` before `end`.
fn taken_up(log: &[u8], end: Offset) -> ProducerState {
    let mut state = ProducerState::default();
    for batch in records::batches(log) {
        let bytes = batch.unwrap().bytes();
        let header = BatchHeader::parse(bytes).unwrap();
        if header.base_offset >= end {
            break;
        }
        match header::marker_in(&header, bytes) {
            Some(marker) => state.take_up_marker(&header, marker),
            None => state.take_up(&header),
        }
    }
    state
}

/// All batches of a log: what is to be remembered follows from them.
#[derive(Clone, Debug, Default)]
struct Model {
    log: Vec<(BatchHeader, Option<EndTxnMarker>)>,
    high_watermark: i64,
}

impl Model {
    fn of(
        &self,
        producer: ProducerId,
    ) -> impl DoubleEndedIterator<Item = &(BatchHeader, Option<EndTxnMarker>)> + Clone {
        self.log.iter().filter(move |(header, _)| header.producer == producer)
    }

    /// The data batches since the producer came to its present epoch, newest first.
    fn of_epoch(&self, producer: ProducerId, epoch: ProducerEpoch) -> impl Iterator<Item = &BatchHeader> {
        let epoch_long = self.of(producer).rev().take_while(move |(header, _)| header.producer_epoch == epoch);
        epoch_long.filter(|(_, marker)| marker.is_none()).map(|(header, _)| header)
    }

    fn epoch(&self, producer: ProducerId) -> Option<ProducerEpoch> {
        self.of(producer).next_back().map(|(header, _)| header.producer_epoch)
    }

    /// Where the producer's open transaction begins.
    fn open(&self, producer: ProducerId) -> Option<Offset> {
        let since_marker = self.of(producer).rev().take_while(|(_, marker)| marker.is_none());
        since_marker.filter(|(header, _)| header.is_transactional()).last().map(|(header, _)| header.base_offset)
    }

    fn check(&self, new: &BatchHeader) -> Result<Verdict, ProducerError> {
        let Some(current) = self.epoch(new.producer) else { return Ok(Verdict::New) };
        let mut expected = 0;
        if new.producer_epoch == current {
            for known in self.of_epoch(new.producer, current).take(BATCHES_MAX) {
                if (known.base_sequence, known.last_sequence()) == (new.base_sequence, new.last_sequence()) {
                    return Ok(Verdict::Duplicate {
                        first_offset: known.base_offset,
                        last_offset: known.last_offset(),
                        timestamp: known.max_timestamp,
                    });
                }
            }
            let last = self.of_epoch(new.producer, current).next();
            expected = last.map_or(0, |last| sequence_increment(last.last_sequence(), 1));
        } else if new.producer_epoch < current {
            return Err(ProducerError::OldEpoch { current });
        }
        if new.base_sequence != expected {
            return Err(ProducerError::OutOfOrder { found: new.base_sequence, expected });
        }
        if self.open(new.producer).is_some() && !new.is_transactional() {
            return Err(ProducerError::NotInTransaction);
        }
        Ok(Verdict::New)
    }

    fn check_marker(&self, new: &BatchHeader, marker: EndTxnMarker) -> Result<(), ProducerError> {
        match self.epoch(new.producer) {
            Some(current) if new.producer_epoch < current => return Err(ProducerError::OldEpoch { current }),
            Some(_) | None => {}
        }
        let last = self.of(new.producer).rev().find_map(|(_, marker)| *marker);
        match last {
            Some(last) if marker.coordinator_epoch < last.coordinator_epoch => Err(ProducerError::CoordinatorFenced),
            Some(_) | None => Ok(()),
        }
    }

    fn first_unstable_offset(&self) -> Option<Offset> {
        let first_of_decided = |at: usize| {
            let (header, marker) = &self.log[at];
            marker.filter(|_| header.base_offset.0 >= self.high_watermark)?;
            let before = Self { log: self.log[..at].to_vec(), high_watermark: 0 };
            before.open(header.producer)
        };
        let decided = (0..self.log.len()).filter_map(first_of_decided);
        PRODUCERS.iter().filter_map(|&id| self.open(ProducerId(id))).chain(decided).min()
    }
}

const PRODUCERS: [i64; 3] = [4, 7, 1000];

#[derive(Clone, Debug)]
enum Step {
    /// A batch with a sequence that is `skew` away from the next one.
    Batch {
        producer: usize,
        epoch_skew: i16,
        skew: i32,
        records: i32,
        transactional: bool,
    },
    Marker {
        producer: usize,
        epoch_skew: i16,
        coordinator_epoch: i32,
        is_commit: bool,
    },
    HighWatermark,
    /// A crash: the state is what was recorded.
    Restore,
}

fn step() -> impl Strategy<Value = Step> {
    let epoch_skew = || prop_oneof![8 => Just(0_i16), 1 => Just(1), 1 => Just(-1)];
    prop_oneof![
        12 => (0..PRODUCERS.len(), epoch_skew(), prop_oneof![6 => Just(0), 3 => -12_i32..3], 1..4_i32, any::<bool>())
            .prop_map(|(producer, epoch_skew, skew, records, transactional)| Step::Batch {
                producer, epoch_skew, skew, records, transactional
            }),
        3 => (0..PRODUCERS.len(), epoch_skew(), 0..4_i32, any::<bool>()).prop_map(
            |(producer, epoch_skew, coordinator_epoch, is_commit)| Step::Marker {
                producer, epoch_skew, coordinator_epoch, is_commit
            }
        ),
        1 => Just(Step::HighWatermark),
        1 => Just(Step::Restore),
    ]
}

/// A batch at the end of the log that follows what the producer has sent, apart from the skews.
fn next_batch(
    model: &Model,
    producer: ProducerId,
    epoch_skew: i16,
    skew: i32,
    records: i32,
    first: i32,
) -> BatchHeader {
    let end = model.log.last().map_or(0, |(header, _)| header.end().0);
    let epoch = model.epoch(producer).map_or(3, |epoch| epoch.0);
    let last = model.of_epoch(producer, ProducerEpoch(epoch)).next();
    let next = match last {
        Some(last) => sequence_increment(last.last_sequence(), 1),
        None if model.epoch(producer).is_none() => first,
        None => 0,
    };
    // Sequences are counted in 31 bits.
    let base_sequence = if epoch_skew == 1 { skew.max(0) } else { next.wrapping_add(skew) & i32::MAX };
    BatchHeader {
        base_offset: Offset(end),
        bytes: 100,
        leader_epoch: LeaderEpoch(0),
        attributes: Attributes(0),
        last_offset_delta: records - 1,
        max_timestamp: Timestamp(1000 + end),
        producer,
        producer_epoch: ProducerEpoch((epoch + epoch_skew).max(0)),
        base_sequence,
    }
}

proptest! {
    #[test]
    fn the_state_is_what_a_list_of_all_batches_says(
        steps in prop::collection::vec(step(), 1..60),
        first in prop_oneof![Just(0), Just(17), i32::MAX - 20..=i32::MAX],
    ) {
        let mut model = Model::default();
        let mut state = ProducerState::default();
        for step in steps {
            match step {
                Step::Batch { producer, epoch_skew, skew, records, transactional } => {
                    let producer = ProducerId(PRODUCERS[producer]);
                    let header = next_batch(&model, producer, epoch_skew, skew, records, first);
                    let header = BatchHeader { attributes: header.attributes.with_transactional(transactional), ..header };
                    let verdict = model.check(&header);
                    prop_assert_eq!(state.check(&header), verdict);
                    if verdict == Ok(Verdict::New) {
                        state.take_up(&header);
                        model.log.push((header, None));
                    }
                }
                Step::Marker { producer, epoch_skew, coordinator_epoch, is_commit } => {
                    let header = next_batch(&model, ProducerId(PRODUCERS[producer]), epoch_skew, 0, 1, first);
                    let header = BatchHeader { base_sequence: -1, ..header };
                    let marker = EndTxnMarker { is_commit, coordinator_epoch };
                    let verdict = model.check_marker(&header, marker);
                    prop_assert_eq!(state.check_marker(&header, marker), verdict);
                    if verdict.is_ok() {
                        state.take_up_marker(&header, marker);
                        model.log.push((header, Some(marker)));
                    }
                }
                Step::HighWatermark => {
                    model.high_watermark = model.log.last().map_or(0, |(header, _)| header.end().0);
                    state.advance_high_watermark(Offset(model.high_watermark));
                }
                Step::Restore => {
                    // Decided transactions are not recorded: what is recorded lies below the high watermark.
                    model.high_watermark = model.log.last().map_or(0, |(header, _)| header.end().0);
                    state = ProducerState::restore(&state.all());
                }
            }
            prop_assert_eq!(state.first_unstable_offset(), model.first_unstable_offset());
            state.check_invariants();
        }
    }
}
