//! Deleting logs, the front of logs, and what retention lets go of.

use super::*;
use crate::log::{CleanupPolicy, Unavailable};
use alloc::collections::BTreeSet;

const CONFIG: fn() -> LogConfig =
    || LogConfig { segment_bytes: 350, index_interval_bytes: 100, file_delete_delay_ms: 1000, ..LogConfig::default() };

/// A log of ten batches of two records, three in a segment.
fn filled(config: &LogConfig) -> World {
    let mut world = World::with(LogStoreConfig { retention_check_interval_ms: 500, ..LogStoreConfig::default() });
    world.open(partition(0), config);
    for number in 0..10 {
        world
            .commit(partition(0), &BatchSpec { timestamp: 1_000_000 + 1000 * number, ..BatchSpec::new(2, 40) }.build());
    }
    world.store.advance_high_watermark(partition(0), Offset(20));
    world
}

fn segments(world: &World) -> Vec<i64> {
    let bases = world.disk.paths().into_iter().filter_map(|path| path.strip_suffix(".log")?.rsplit_once('/'));
    bases.map(|(_, base)| base.parse().expect("a base offset")).collect()
}

#[test]
fn a_deleted_log_is_renamed_at_once_and_removed_after_a_while() {
    let mut world = filled(&CONFIG());
    world.store.delete(world.now, partition(0), &mut world.effects);
    world.settle();
    assert_eq!(world.store.state(partition(0)), Err(Unavailable::Unknown));
    let mut after = world.clone();
    after.disk.lose_power();
    let gone = "orders-0.07070707070707070707070707070707-delete/";
    assert!(after.disk.paths().iter().all(|path| !path.starts_with("orders-0/")), "the new name is durable");
    assert!(world.disk.paths().iter().any(|path| path.starts_with(gone)));
    // The name is free for another topic at once.
    let other = TopicPartition { topic: TopicId([9; 16]), ..partition(0) };
    world.open(other, &CONFIG());
    world.commit(other, &BatchSpec::new(1, 0).build());
    world.wait_ms(1000);
    assert!(world.disk.paths().iter().all(|path| !path.starts_with(gone)), "{:?}", world.disk.paths());
    assert_eq!(world.disk.dirs(), ["orders-0"]);
    assert_eq!(world.store.state(other).map(|state| state.log_end), Ok(Offset(1)));
    assert_eq!(world.disk.notices, Vec::<alloc::string::String>::new());
}

#[test]
fn a_log_can_be_deleted_at_any_moment() {
    for completed in 0..40 {
        let mut world = World::new();
        world.open(partition(0), &CONFIG());
        for _ in 0..4 {
            world.append(partition(0), &BatchSpec::new(2, 40).build()).expect("appended");
        }
        world.now.instant = Instant(2_000_000);
        world.end_step();
        for _ in 0..completed {
            world.complete_one();
        }
        world.store.delete(world.now, partition(0), &mut world.effects);
        world.settle();
        world.open(partition(1), &CONFIG());
        world.commit(partition(1), &BatchSpec::new(1, 0).build());
        assert_eq!(world.store.durable_end(partition(1)), Ok(Offset(1)), "rounds go on after {completed}");
        world.store.delete(world.now, partition(1), &mut world.effects);
        world.settle();
        world.wait_ms(1000);
        let left: Vec<_> = world.disk.paths().into_iter().filter(|path| path.contains("orders")).collect();
        assert_eq!(left, Vec::<&str>::new(), "after {completed}");
        assert!(
            !world.events.iter().any(|event| matches!(event, LogEvent::DirOffline { .. })),
            "after {completed}: {:?}",
            world.events
        );
        assert_eq!(world.disk.dirs(), Vec::<&str>::new(), "after {completed}");
    }
}

#[test]
fn nothing_is_left_of_a_deleted_log_whatever_else_lies_beside_it() {
    let mut world = filled(&CONFIG());
    world.wait_ms(1000);
    world.disk.put("orders-0/notes", b"somebody's".to_vec());
    world.restart();
    world.open(partition(0), &CONFIG());
    world.settle();
    world.store.delete(world.now, partition(0), &mut world.effects);
    world.settle();
    // Somebody is faster with one of the files.
    world.disk.remove("orders-0.07070707070707070707070707070707-delete/00000000000000000006.log");
    world.wait_ms(1000);
    assert_eq!(world.disk.paths(), ["grete-flushed-0"]);
    assert_eq!(world.disk.dirs(), Vec::<&str>::new());
    assert_eq!(world.disk.notices, Vec::<alloc::string::String>::new());
}

#[test]
fn what_a_crash_left_of_a_deletion_is_removed_at_the_next_start() {
    let mut world = filled(&CONFIG());
    world.store.delete(world.now, partition(0), &mut world.effects);
    world.settle();
    world.restart();
    world.settle();
    world.store.strays(world.now, &BTreeSet::new(), &mut world.effects);
    world.wait_ms(0);
    assert_eq!(world.disk.paths(), ["grete-flushed-0"]);
    assert_eq!(world.disk.dirs(), Vec::<&str>::new());
}

#[test]
fn what_belongs_to_no_known_topic_is_kept_aside() {
    let mut world = filled(&CONFIG());
    let known = BTreeSet::from([(Arc::from("orders"), partition(0))]);
    world.restart();
    world.settle();
    world.store.strays(world.now, &known, &mut world.effects);
    world.settle();
    assert!(world.disk.dirs().contains(&"orders-0"), "another shard of this node opens it");
    world.restart();
    world.settle();
    world.store.strays(world.now, &BTreeSet::new(), &mut world.effects);
    world.settle();
    assert_eq!(world.disk.dirs(), ["orders-0.00000000000000000000000000000000-stray"]);
    assert!(world.disk.notices[0].contains("orders-0"));
    assert_eq!(segments(&world), [0, 6, 12, 18], "nothing is lost");
}

#[test]
fn deleted_records_stay_deleted_once_it_is_said() {
    let mut world = filled(&CONFIG());
    world.wait_ms(1000);
    let deleted = world.store.delete_records(world.now, partition(0), Offset(13));
    assert_eq!(deleted, Ok((Offset(13), false)), "it is not durable yet");
    world.end_step();
    loop {
        let said =
            world.events.iter().any(|event| matches!(event, LogEvent::RecordsDeleted { log_start: Offset(13), .. }));
        let mut after = world.clone();
        after.disk.lose_power();
        after.restart();
        after.open(partition(0), &CONFIG());
        after.settle();
        let start = after.store.state(partition(0)).expect("it opens at any moment").log_start;
        assert!(start == Offset(13) || start == Offset(0) && !said, "{start} after {said}");
        assert_eq!(after.store.state(partition(0)).map(|state| state.log_end), Ok(Offset(20)));
        if !world.complete_one() {
            assert!(said);
            break;
        }
    }
    assert_eq!(segments(&world), [12, 18]);
    assert!(world.disk.paths().contains(&"orders-0/00000000000000000000.log.deleted"));
    world.wait_ms(1000);
    assert!(!world.disk.paths().iter().any(|path| path.ends_with(".deleted")), "{:?}", world.disk.paths());
    assert_eq!(world.store.delete_records(world.now, partition(0), Offset(5)), Ok((Offset(13), true)));
    let out_of_range = ReadError::OutOfRange { log_start: Offset(13), log_end: Offset(20) };
    assert_eq!(world.read(partition(0), request(Offset(12), Offset(20), 1000)), Err(out_of_range));
    assert_eq!(world.read_all(partition(0), Offset(13), 1000).len(), 4 * 101);
}

#[test]
fn all_records_can_be_deleted() {
    let mut world = filled(&CONFIG());
    world.store.delete_records(world.now, partition(0), Offset(20)).expect("deleted");
    world.settle();
    world.wait_ms(1000);
    assert_eq!(segments(&world), Vec::<i64>::new());
    for _ in 0..2 {
        world.disk.lose_power();
        world.restart();
        world.open(partition(0), &CONFIG());
        world.settle();
        let state = world.store.state(partition(0)).expect("open");
        assert_eq!((state.log_start, state.log_end, state.bytes), (Offset(20), Offset(20), 0));
    }
    assert_eq!(world.commit(partition(0), &BatchSpec::new(1, 0).build()).first_offset, Offset(20));
}

#[test]
fn retention_by_size_keeps_at_least_that_much_and_what_is_not_replicated() {
    let mut world = filled(&LogConfig { retention_bytes: 500, ..CONFIG() });
    world.wait_ms(500);
    assert_eq!(segments(&world), [6, 12, 18], "707 bytes are left, and 404 would be too few");
    assert_eq!(world.store.state(partition(0)).map(|state| state.log_start), Ok(Offset(6)));
    let mut world = World::with(LogStoreConfig { retention_check_interval_ms: 500, ..LogStoreConfig::default() });
    world.open(partition(0), &LogConfig { retention_bytes: 0, ..CONFIG() });
    for _ in 0..10 {
        world.commit(partition(0), &BatchSpec::new(2, 40).build());
    }
    world.store.advance_high_watermark(partition(0), Offset(13));
    world.wait_ms(500);
    assert_eq!(segments(&world), [12, 18], "the high watermark lies in the segment at 12");
}

#[test]
fn retention_by_time_goes_by_the_newest_record_of_a_segment() {
    let config = LogConfig { retention_ms: 10_000, ..CONFIG() };
    let mut world = filled(&config);
    // Segments end with records of 1,002,000, 1,005,000, 1,008,000 and 1,009,000.
    world.now.wall = Timestamp(1_017_500);
    world.wait_ms(500);
    assert_eq!(segments(&world), [12, 18], "a segment goes when it is older, not when it is as old");
    world.now.wall = Timestamp(1_018_500);
    world.wait_ms(500);
    assert_eq!(segments(&world), [18]);
    world.now.wall = Timestamp(1_030_000);
    world.restart();
    world.open(partition(0), &config);
    world.settle();
    world.store.advance_high_watermark(partition(0), Offset(20));
    world.wait_ms(500);
    world.wait_ms(500);
    assert_eq!(segments(&world), Vec::<i64>::new(), "where all is too old, all goes");
    assert_eq!(world.commit(partition(0), &BatchSpec::new(1, 0).build()).first_offset, Offset(20));

    let compacted = LogConfig { cleanup: CleanupPolicy { delete: false, compact: true }, ..config };
    let mut world = filled(&compacted);
    world.now.wall = Timestamp(2_000_000);
    world.wait_ms(500);
    assert_eq!(segments(&world), [0, 6, 12, 18]);
}

#[test]
fn retention_after_a_restart_reads_how_old_segments_are() {
    let config = LogConfig { retention_ms: 10_000, ..CONFIG() };
    let mut world = filled(&config);
    world.wait_ms(1000);
    world.restart();
    world.open(partition(0), &config);
    world.settle();
    world.store.advance_high_watermark(partition(0), Offset(20));
    for _ in 0..3 {
        world.now.wall = Timestamp(1_012_500);
        world.wait_ms(500);
    }
    assert_eq!(segments(&world), [6, 12, 18]);
}
