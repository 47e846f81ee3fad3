//! Stopping in order.

use super::*;
use crate::log::Durability;

fn close(world: &mut World) {
    world.store.shutdown(world.now);
    world.settle();
    let closed = world.events.iter().filter(|event| matches!(event, LogEvent::Closed)).count();
    assert_eq!(closed, 1, "it is said once");
}

#[test]
fn after_an_orderly_stop_nothing_is_read_and_nothing_lost() {
    for durability in [Durability::Flushed, Durability::Os] {
        let config = LogConfig { segment_bytes: 350, index_interval_bytes: 100, durability, ..LogConfig::default() };
        let mut world = World::with(LogStoreConfig { tail_bytes_max: 0, ..LogStoreConfig::default() });
        (0..3).for_each(|number| world.open(partition(number), &config));
        for _ in 0..8 {
            world.append(partition(0), &BatchSpec::new(2, 40).build()).expect("appended");
            world.append(partition(1), &BatchSpec::new(1, 40).build()).expect("appended");
        }
        world.end_step();
        close(&mut world);
        world.disk.lose_power();
        world.restart();
        (0..3).for_each(|number| world.open(partition(number), &config));
        world.settle();
        let ends = [0, 1, 2].map(|number| world.store.state(partition(number)).map(|state| state.durable_end));
        assert_eq!(ends, [Ok(Offset(16)), Ok(Offset(8)), Ok(Offset(0))]);
        assert_eq!(world.disk.count("read"), 3, "the flushed ends, and the leader epochs of two logs");
        let files = world.disk.paths().into_iter().filter(|path| path.starts_with("orders-0/00000000000000000012"));
        assert_eq!(files.count(), 3, "the active segment has its indexes");
        close(&mut world);
        assert_eq!(world.disk.count("write"), 0, "nothing has changed");
    }
}

#[test]
fn entries_that_wait_for_an_index_are_written_before_the_end() {
    let config = LogConfig { index_interval_bytes: 50, ..LogConfig::default() };
    let mut world = World::new();
    world.open(partition(0), &config);
    for _ in 0..4 {
        world.commit(partition(0), &BatchSpec { timestamp: 5, ..BatchSpec::new(1, 40) }.build());
    }
    close(&mut world);
    world.restart();
    world.open(partition(0), &config);
    world.settle();
    for _ in 0..4 {
        world.commit(partition(0), &BatchSpec { timestamp: 6, ..BatchSpec::new(1, 40) }.build());
    }
    assert!(!world.store.logs[&partition(0)].segments[0].index.is_loaded());
    close(&mut world);
    let index = world.disk.bytes("orders-0/00000000000000000000.index");
    let entries: Vec<(u32, u32)> = index
        .chunks(8)
        .map(|entry| {
            let number = |at: usize| u32::from_be_bytes(entry[at..at + 4].try_into().expect("four bytes"));
            (number(0), number(4))
        })
        .collect();
    assert_eq!(entries, (1..8).filter(|n| *n != 4).map(|n| (n, 101 * n)).collect::<Vec<_>>());
    assert_eq!(world.disk.bytes("orders-0/00000000000000000000.timeindex").len(), 2 * 12);
}

#[test]
fn the_checkpoints_of_a_directory_have_what_kafka_wants() {
    let config = LogConfig { segment_bytes: 350, ..LogConfig::default() };
    let mut world = World::new();
    (0..2).for_each(|number| world.open(partition(number), &config));
    for _ in 0..8 {
        world.commit(partition(0), &BatchSpec::new(2, 40).build());
    }
    world.store.advance_high_watermark(partition(0), Offset(16));
    world.store.delete_records(world.now, partition(0), Offset(7)).expect("deleted");
    close(&mut world);
    let entries = world.store.checkpoint_entries(LogDirIndex(0)).expect("the directory works");
    assert_eq!(entries.len(), 1, "a log without files has no line");
    assert_eq!(entries[0].recovery_point, Offset(16));
    assert_eq!(entries[0].log_start, Some(Offset(7)));
    assert_eq!(entries[0].high_watermark, Offset(16));
}

#[test]
fn under_durability_os_what_is_written_counts_and_is_flushed_behind() {
    let config = LogConfig { durability: Durability::Os, flush_messages: 3, ..LogConfig::default() };
    let mut world = World::new();
    world.open(partition(0), &config);
    world.commit(partition(0), &BatchSpec::new(1, 0).build());
    let state = world.store.state(partition(0)).expect("open");
    assert_eq!((state.durable_end, state.flushed_end), (Offset(1), Offset(0)));
    assert_eq!(world.disk.count("sync"), 1, "only of partition.metadata");
    world.commit(partition(0), &BatchSpec::new(2, 0).build());
    assert_eq!(world.store.state(partition(0)).map(|state| state.flushed_end), Ok(Offset(3)), "flush.messages");
    world.commit(partition(0), &BatchSpec::new(1, 0).build());
    world.wait_ms(1000);
    assert_eq!(world.store.state(partition(0)).map(|state| state.flushed_end), Ok(Offset(4)), "with the recording");
    let config = LogConfig { flush_ms: 10, ..config };
    world.store.configure(partition(0), Arc::new(config)).expect("the log is there");
    world.commit(partition(0), &BatchSpec::new(1, 0).build());
    assert_eq!(world.store.next_deadline(), Some(Instant(1_010_000)));
    world.wait_ms(10);
    assert_eq!(world.store.state(partition(0)).map(|state| state.flushed_end), Ok(Offset(5)), "flush.ms");
}
