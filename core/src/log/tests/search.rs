//! Searching by time.

use super::*;
use crate::log::{LookupOutcome, TimestampOffset, TimestampQuery};
use grete_protocol::records::{BatchBuilder, BatchOptions};

/// A batch with records of these times.
fn batch(timestamps: &[i64]) -> Bytes {
    let mut builder = BatchBuilder::new(BatchOptions::default());
    for &timestamp in timestamps {
        builder.try_append(timestamp, None, Some(&[7; 30]), core::iter::empty()).expect("it fits");
    }
    builder.build()
}

fn search(world: &mut World, query: TimestampQuery) -> Option<(i64, i64)> {
    let pair = |found: TimestampOffset| (found.offset.0, found.timestamp.0);
    match world.store.find_timestamp(partition(0), query, &mut world.effects) {
        LookupOutcome::Ready(found) => found.map(pair),
        LookupOutcome::Failed(error) => panic!("{error:?}"),
        LookupOutcome::Pending(ticket) => {
            world.settle();
            let result = world.events.iter().find_map(|event| match event {
                LogEvent::Lookup { ticket: found, result, .. } if *found == ticket => Some(result.clone()),
                _ => None,
            });
            result.expect("a search ends").expect("it does not fail").map(pair)
        }
    }
}

#[test]
fn the_first_record_that_is_not_older_is_found_everywhere() {
    let config = LogConfig { segment_bytes: 700, index_interval_bytes: 200, ..LogConfig::default() };
    for (tail_bytes_max, restarts) in [(1 << 20, false), (0, false), (0, true)] {
        let mut world = World::with(LogStoreConfig { tail_bytes_max, ..LogStoreConfig::default() });
        world.open(partition(0), &config);
        let mut records = Vec::new();
        for number in 0..40_i64 {
            // Times go back and forth within a batch and between batches.
            let base = 1000 + number * 10 - (number % 7) * 25;
            let times = [base, base + 15, base - 3];
            world.commit(partition(0), &batch(&times));
            records.extend(times);
        }
        if restarts {
            world.wait_ms(1000);
            world.restart();
            world.open(partition(0), &config);
            world.settle();
        }
        for wanted in (840..1420).step_by(7) {
            let expected = records.iter().enumerate().find(|(_, time)| **time >= wanted);
            let expected = expected.map(|(offset, time)| (offset as i64, *time));
            let found = search(&mut world, TimestampQuery::First(Timestamp(wanted)));
            assert_eq!(found, expected, "{wanted} {tail_bytes_max} {restarts}");
        }
        let max = *records.iter().max().expect("records");
        let first = records.iter().position(|time| *time == max).expect("there");
        assert_eq!(search(&mut world, TimestampQuery::Max), Some((first as i64, max)));
    }
}

#[test]
fn what_is_not_durable_and_what_was_deleted_is_not_found() {
    let mut world = World::new();
    world.open(partition(0), &LogConfig::default());
    assert_eq!(search(&mut world, TimestampQuery::Max), None);
    world.commit(partition(0), &batch(&[10, 20, 30]));
    world.append(partition(0), &batch(&[40])).expect("appended");
    assert_eq!(search(&mut world, TimestampQuery::First(Timestamp(31))), None);
    assert_eq!(search(&mut world, TimestampQuery::First(Timestamp(5))), Some((0, 10)));
    world.settle();
    assert_eq!(search(&mut world, TimestampQuery::First(Timestamp(31))), Some((3, 40)));
    world.store.delete_records(world.now, partition(0), Offset(2)).expect("deleted");
    assert_eq!(search(&mut world, TimestampQuery::First(Timestamp(5))), Some((2, 30)));
}

#[test]
fn the_leaders_epoch_begins_at_the_end_of_a_log_without_its_records() {
    let mut world = World::new();
    world.open(partition(0), &LogConfig::default());
    let end = |world: &World, asked: i32, current: i32| {
        let found = world.store.epoch_end(partition(0), LeaderEpoch(asked), LeaderEpoch(current)).expect("it is there");
        found.map(|(epoch, end)| (epoch.0, end.0))
    };
    assert_eq!(end(&world, 5, 5), Some((5, 0)));
    assert_eq!(
        [3, -2].map(|asked| end(&world, asked, 5)),
        [Some((3, 0)), Some((-2, 0))],
        "all that is older ends there"
    );
    assert_eq!([6, -1].map(|asked| end(&world, asked, 5)), [None, None]);
    world.commit(partition(0), &batch(&[1, 2]));
    assert_eq!(end(&world, 5, 5), Some((5, 2)));
    assert_eq!(end(&world, -2, 5), Some((-2, 0)), "older than the first record");
}
