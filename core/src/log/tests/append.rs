//! Offsets, headers, segments and indexes.

use super::*;
use crate::log::TimestampType;

#[test]
fn batches_get_offsets_and_epoch_and_keep_their_bytes() {
    let mut world = World::new();
    world.open(partition(0), &LogConfig::default());
    let batch = BatchSpec::new(3, 40).build();
    let first = world.commit(partition(0), &batch);
    assert_eq!((first.first_offset, first.last_offset), (Offset(0), Offset(2)));
    let second = world.commit(partition(0), &batch);
    assert_eq!((second.first_offset, second.last_offset), (Offset(3), Offset(5)));
    let file = world.disk.bytes("orders-0/00000000000000000000.log");
    assert_eq!(file.len(), 2 * batch.len());
    let stored = &file[batch.len()..];
    assert_eq!(stored[..8], 3_i64.to_be_bytes());
    assert_eq!(stored[12..16], 4_i32.to_be_bytes());
    assert_eq!(stored[16..], batch[16..], "what the checksum covers is untouched");
    assert_eq!(world.disk.bytes("orders-0/partition.metadata"), b"version: 0\ntopic_id: BwcHBwcHBwcHBwcHBwcHBw");
}

#[test]
fn a_log_that_stamps_sets_time_type_and_checksum() {
    let mut world = World::new();
    world.open(partition(0), &LogConfig { timestamp_type: TimestampType::LogAppendTime, ..LogConfig::default() });
    let info = world.commit(partition(0), &BatchSpec::new(1, 10).build());
    assert_eq!(info.log_append_time, Timestamp(1_000_000));
    let file = world.disk.bytes("orders-0/00000000000000000000.log");
    assert_eq!(file[21..23], 8_i16.to_be_bytes());
    assert_eq!(file[35..43], 1_000_000_i64.to_be_bytes());
    assert!(crate::log::header::checksum_fits(file));
}

#[test]
fn records_that_are_no_batches_change_nothing() {
    let mut world = World::new();
    world.open(partition(0), &LogConfig { segment_bytes: 200, ..LogConfig::default() });
    let batch = BatchSpec::new(1, 40).build();
    for bad in [&b""[..], &batch[..60], &batch[..100], &[0; 61]] {
        assert_eq!(world.append(partition(0), &Bytes::copy_from_slice(bad)), Err(AppendError::Malformed));
    }
    let fits = BatchSpec::new(1, 200 - 61).build();
    let larger = BatchSpec::new(1, 201 - 61).build();
    assert_eq!(
        world.append(partition(0), &larger),
        Err(AppendError::LargerThanSegment { bytes: 201, segment_bytes: 200 })
    );
    world.settle();
    assert_eq!(world.disk.paths(), ["grete-flushed-0"], "nothing was appended, so there are no files");
    assert_eq!(world.commit(partition(0), &fits).first_offset, Offset(0));
}

#[test]
fn a_segment_is_rolled_by_size_and_its_indexes_are_complete() {
    let mut world = World::new();
    let config = LogConfig { segment_bytes: 1000, index_interval_bytes: 150, ..LogConfig::default() };
    world.open(partition(0), &config);
    for number in 0..12 {
        world.commit(partition(0), &BatchSpec { timestamp: 500 + number, ..BatchSpec::new(2, 39) }.build());
    }
    assert_eq!(
        world.disk.paths(),
        [
            "grete-flushed-0",
            "orders-0/00000000000000000000.index",
            "orders-0/00000000000000000000.log",
            "orders-0/00000000000000000000.timeindex",
            "orders-0/00000000000000000020.log",
            "orders-0/partition.metadata",
        ]
    );
    assert_eq!(world.disk.bytes("orders-0/00000000000000000000.log").len(), 1000);
    // An entry once more than 150 bytes have gone by: before the third batch, and each second one after it.
    let entries: Vec<u8> = [(5_u32, 200_u32), (9, 400), (13, 600), (17, 800)]
        .iter()
        .flat_map(|&(o, p)| [o.to_be_bytes(), p.to_be_bytes()])
        .flatten()
        .collect();
    assert_eq!(world.disk.bytes("orders-0/00000000000000000000.index"), entries);
    let times: Vec<u8> = [(502_i64, 5_u32), (504, 9), (506, 13), (508, 17), (509, 19)]
        .iter()
        .flat_map(|&(time, offset)| [&time.to_be_bytes()[..], &offset.to_be_bytes()].concat())
        .collect();
    assert_eq!(world.disk.bytes("orders-0/00000000000000000000.timeindex"), times);
}

#[test]
fn a_segment_is_rolled_by_the_time_of_its_records() {
    let mut world = World::new();
    world.open(partition(0), &LogConfig { segment_ms: 1000, ..LogConfig::default() });
    let at = |timestamp| BatchSpec { timestamp, ..BatchSpec::new(1, 10) }.build();
    for timestamp in [5000, 6000, 2000, 6001, 6500] {
        world.commit(partition(0), &at(timestamp));
    }
    let logs: Vec<_> = world.disk.paths().into_iter().filter(|path| path.ends_with(".log")).collect();
    assert_eq!(logs, ["orders-0/00000000000000000000.log", "orders-0/00000000000000000003.log"]);
}

#[test]
fn a_segment_is_rolled_when_its_index_is_full_and_when_offsets_do_not_fit() {
    let mut world = World::new();
    let config = LogConfig { segment_index_bytes: 36, index_interval_bytes: 0, ..LogConfig::default() };
    world.open(partition(0), &config);
    for _ in 0..10 {
        world.commit(partition(0), &BatchSpec::new(1, 10).build());
    }
    world.open(partition(1), &LogConfig::default());
    for _ in 0..2 {
        world.commit(partition(1), &BatchSpec::new(i32::MAX, 10).build());
    }
    let logs: Vec<_> = world.disk.paths().into_iter().filter(|path| path.ends_with(".log")).collect();
    assert_eq!(
        logs,
        [
            "orders-0/00000000000000000000.log",
            "orders-0/00000000000000000005.log",
            "orders-1/00000000000000000000.log",
            "orders-1/00000000002147483647.log",
        ]
    );
}

#[test]
fn an_index_goes_on_being_written_after_a_start() {
    let config = LogConfig { index_interval_bytes: 0, ..LogConfig::default() };
    let mut world = World::new();
    world.open(partition(0), &config);
    let append = |world: &mut World, batches: i64| {
        for _ in 0..batches {
            let timestamp = world.store.log_end(partition(0)).expect("open").0;
            world.commit(partition(0), &BatchSpec { timestamp, ..BatchSpec::new(1, 10) }.build());
        }
    };
    append(&mut world, 10);
    world.wait_ms(1000);
    world.restart();
    world.open(partition(0), &config);
    world.settle();
    append(&mut world, 1000);
    let segment = &world.store.logs[&partition(0)].segments[0];
    assert!(segment.index.unwritten() < 3 * crate::limits::LOG_INDEX_UNWRITTEN_MAX, "{}", segment.index.unwritten());
    let written = world.disk.bytes("orders-0/00000000000000000000.index");
    let entries: Vec<u64> = written.as_chunks::<8>().0.iter().map(|entry| u64::from_be_bytes(*entry) >> 32).collect();
    assert!(entries.len() > 500, "{} are written", entries.len());
    // The first batch after the start begins the interval anew, as the first of a segment does.
    let expected = (1..10).chain(11..).take(entries.len());
    assert!(entries.iter().copied().eq(expected), "{entries:?}");
}
