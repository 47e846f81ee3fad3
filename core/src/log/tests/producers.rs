//! Idempotent producers on a log: across rolls, crashes and orderly stops.

use super::*;
use crate::ids::{ProducerEpoch, ProducerId};
use crate::log::files::producer_snapshot;
use grete_protocol::records::{BatchBuilder, BatchOptions, EndTxnMarker, Producer};

fn batch(epoch: i16, sequence: i32, records: i32) -> Bytes {
    let fill = sequence as u8;
    BatchSpec { producer: (7, epoch, sequence), fill, ..BatchSpec::new(records, 40) }.build()
}

#[test]
fn a_repeated_batch_gets_the_answer_of_the_first() {
    let mut world = World::new();
    world.open(partition(0), &LogConfig::default());
    let first = world.commit(partition(0), &batch(0, 0, 3));
    world.commit(partition(0), &batch(0, 3, 2));
    let again = world.commit(partition(0), &batch(0, 0, 3));
    assert_eq!(again, AppendInfo { duplicate: true, ..first });
    assert_eq!(world.store.state(partition(0)).map(|state| state.log_end), Ok(Offset(5)));
    let producer = ProducerId(7);
    let out_of_order = AppendError::OutOfOrderSequence { producer, found: 6, expected: 5 };
    assert_eq!(world.append(partition(0), &batch(0, 6, 1)), Err(out_of_order));
    world.commit(partition(0), &batch(1, 0, 1));
    let fenced = AppendError::InvalidProducerEpoch { producer, found: ProducerEpoch(0), current: ProducerEpoch(1) };
    assert_eq!(world.append(partition(0), &batch(0, 5, 1)), Err(fenced));
    let described = world.store.producers(partition(0)).expect("the log is open");
    assert_eq!((described.len(), described[0].producer_epoch, described[0].last_sequence), (1, ProducerEpoch(1), 0));
}

#[test]
fn nothing_is_doubled_by_a_retry_after_a_crash_at_any_moment() {
    for (recorded, completed) in (0..3).flat_map(|recorded| (0..25).map(move |completed| (recorded, completed))) {
        for loses_power in [false, true] {
            let config = LogConfig { segment_bytes: 350, ..LogConfig::default() };
            let mut world = World::new();
            world.open(partition(0), &config);
            for sequence in 0..3 {
                world.commit(partition(0), &batch(0, sequence, 1));
            }
            if recorded > 0 {
                world.wait_ms(1000);
            }
            for sequence in 3..8 {
                world.append(partition(0), &batch(0, sequence, 1)).expect("five are in flight");
                world.end_step();
            }
            if recorded > 1 {
                world.now.instant = Instant(world.now.instant.0 + 1_000_000);
            }
            for _ in 0..completed {
                world.complete_one();
            }
            if loses_power {
                world.disk.lose_power();
            }
            world.restart();
            world.open(partition(0), &config);
            world.settle();
            for sequence in 3..8 {
                let info = world
                    .append(partition(0), &batch(0, sequence, 1))
                    .unwrap_or_else(|error| panic!("a retry is taken: {error:?} {:?}", world.events));
                assert_eq!(info.first_offset, Offset(i64::from(sequence)), "{recorded} {completed} {loses_power}");
            }
            world.settle();
            assert_eq!(world.store.state(partition(0)).map(|state| state.durable_end), Ok(Offset(8)));
        }
    }
}

#[test]
fn snapshots_are_written_at_a_roll_and_at_an_orderly_stop() {
    let config = LogConfig { segment_bytes: 350, ..LogConfig::default() };
    let mut world = World::new();
    world.open(partition(0), &config);
    for sequence in 0..8 {
        world.commit(partition(0), &batch(0, sequence, 1));
    }
    let snapshots = |world: &World| -> Vec<(i64, i32)> {
        let paths = world.disk.paths().into_iter().filter(|path| path.ends_with(".snapshot"));
        let read = |path: &str| {
            let entries = producer_snapshot::decode(world.disk.bytes(path)).expect("it is whole");
            (entries[0].last_offset.0, entries[0].last_sequence)
        };
        paths.map(read).collect()
    };
    assert_eq!(snapshots(&world), [(2, 2), (5, 5)]);
    world.store.shutdown(world.now);
    world.settle();
    assert_eq!(snapshots(&world), [(2, 2), (5, 5), (7, 7)]);
    world.restart();
    world.open(partition(0), &config);
    world.settle();
    assert!(world.append(partition(0), &batch(0, 4, 1)).expect("known").duplicate);
    world.commit(partition(0), &batch(0, 8, 1));
    world.restart();
    world.open(partition(0), &config);
    world.settle();
    assert_eq!(snapshots(&world), [(2, 2), (5, 5)], "what lies within a segment is superseded");
    assert!(world.append(partition(0), &batch(0, 8, 1)).expect("known").duplicate);
    world.store.delete_records(world.now, partition(0), Offset(7)).expect("deleted");
    world.settle();
    assert_eq!(snapshots(&world), [(5, 5)], "they go with their segments");
}

#[test]
fn silent_producers_are_forgotten() {
    let mut world = World::with(LogStoreConfig {
        retention_check_interval_ms: 1000,
        producer_id_expiration_ms: 5000,
        ..LogStoreConfig::default()
    });
    world.open(partition(0), &LogConfig::default());
    world.commit(partition(0), &batch(0, 0, 1));
    world.wait_ms(4000);
    assert_eq!(world.store.producers(partition(0)).map(|known| known.len()), Ok(1));
    world.wait_ms(1000);
    assert_eq!(world.store.producers(partition(0)).map(|known| known.len()), Ok(0));
}

#[test]
fn a_transaction_is_open_until_all_replicas_have_its_marker() {
    let mut world = World::new();
    world.open(partition(0), &LogConfig::default());
    let options = |base_sequence| BatchOptions {
        producer: Producer { id: 7, epoch: 0, base_sequence },
        is_transactional: true,
        ..BatchOptions::default()
    };
    world.commit(partition(0), &BatchSpec::new(1, 10).build());
    assert_eq!(world.store.first_unstable_offset(partition(0)), None);
    let mut builder = BatchBuilder::new(options(0));
    for _ in 0..2 {
        builder.try_append(1_000_000, None, Some(b"v"), core::iter::empty()).expect("it fits");
    }
    world.commit(partition(0), &builder.build());
    for _ in 0..2 {
        assert_eq!(world.store.first_unstable_offset(partition(0)), Some(Offset(1)));
        world.wait_ms(1000);
        world.restart();
        world.open(partition(0), &LogConfig::default());
        world.settle();
    }
    let plain = BatchSpec { producer: (7, 0, 2), ..BatchSpec::new(1, 10) }.build();
    assert_eq!(world.append(partition(0), &plain), Err(AppendError::InvalidTransactionState));

    let marker = |coordinator_epoch| EndTxnMarker { is_commit: false, coordinator_epoch }.batch(options(-1), 1_000_000);
    assert_eq!(world.commit(partition(0), &marker(3)).first_offset, Offset(3));
    assert_eq!(world.append(partition(0), &marker(2)), Err(AppendError::CoordinatorFenced));
    assert_eq!(world.store.first_unstable_offset(partition(0)), Some(Offset(1)), "a replica may lack the marker");
    world.store.advance_high_watermark(partition(0), Offset(4));
    assert_eq!(world.store.first_unstable_offset(partition(0)), None);
    let aborted = |from, to| world.store.aborted_transactions(partition(0), Offset(from), Offset(to));
    assert_eq!(aborted(0, 4), [(ProducerId(7), Offset(1))]);
    assert_eq!((aborted(0, 1), aborted(4, 9)), (Vec::new(), Vec::new()), "before its first record, behind its marker");
}
