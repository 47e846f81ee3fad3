//! Reads from memory and from disk.

use super::*;
use crate::log::Unavailable;

fn filled(store: LogStoreConfig, config: &LogConfig, batches: u8) -> (World, Vec<u8>) {
    let mut world = World::with(store);
    world.open(partition(0), config);
    for fill in 0..batches {
        let payload = 30 + usize::from(fill) * 7 % 90;
        world.commit(partition(0), &BatchSpec { fill, ..BatchSpec::new(2, payload) }.build());
    }
    let logs = world.disk.paths().into_iter().filter(|path| path.ends_with(".log"));
    let written = logs.flat_map(|path| world.disk.bytes(path)).copied().collect();
    (world, written)
}

#[test]
fn the_tail_is_read_from_memory_and_the_rest_from_disk() {
    let config = LogConfig { segment_bytes: 1500, index_interval_bytes: 300, ..LogConfig::default() };
    for tail_bytes_max in [0, 3000, 1 << 20] {
        let (mut world, written) = filled(LogStoreConfig { tail_bytes_max, ..LogStoreConfig::default() }, &config, 100);
        for bytes_max in [1, 200, 1000, 1 << 20] {
            assert_eq!(world.read_all(partition(0), Offset(0), bytes_max), written, "{tail_bytes_max} {bytes_max}");
        }
        assert_eq!(world.disk.count("read") == 0, tail_bytes_max == 1 << 20);
        let from_middle = world.read_all(partition(0), Offset(101), 500);
        assert!(written.ends_with(&from_middle));
        assert_eq!(from_middle[..8], 100_i64.to_be_bytes(), "the batch that contains the offset comes whole");
    }
}

#[test]
fn a_read_keeps_to_its_bounds() {
    for tail_bytes_max in [0, 1 << 20] {
        let store = LogStoreConfig { tail_bytes_max, ..LogStoreConfig::default() };
        let (mut world, _) = filled(store, &LogConfig::default(), 10);
        let mut read = |offset, end, bytes_max, at_least_one| {
            let request = ReadRequest { offset: Offset(offset), end: Offset(end), bytes_max, at_least_one };
            let records = world.read(partition(0), request)?;
            Ok::<_, ReadError>(records.batches.iter().map(|batch| batch.base_offset.0).collect::<Vec<_>>())
        };
        assert_eq!(read(0, 20, 91, false), Ok(alloc::vec![0]));
        assert_eq!(read(0, 20, 90, false), Ok(alloc::vec![]), "not one batch fits");
        assert_eq!(read(0, 20, 0, true), Ok(alloc::vec![0]), "but one comes where one must");
        assert_eq!(read(0, 20, 188, false), Ok(alloc::vec![0]));
        assert_eq!(read(0, 20, 189, false), Ok(alloc::vec![0, 2]));
        assert_eq!(read(2, 6, 10_000, false), Ok(alloc::vec![2, 4]), "nothing that begins at the end comes");
        assert_eq!(read(20, 20, 10_000, true), Ok(alloc::vec![]));
        assert_eq!(read(19, 20, 10_000, true), Ok(alloc::vec![18]));
        let out_of_range = ReadError::OutOfRange { log_start: Offset(0), log_end: Offset(20) };
        assert_eq!(read(21, 20, 10_000, true), Err(out_of_range.clone()));
        assert_eq!(read(-1, 20, 10_000, true), Err(out_of_range));
    }
}

#[test]
fn a_batch_larger_than_a_piece_is_read_whole() {
    let mut world = World::with(LogStoreConfig { tail_bytes_max: 0, ..LogStoreConfig::default() });
    world.open(partition(0), &LogConfig::default());
    let sizes = [100, 3 << 20, 200, 70_000];
    for payload in sizes {
        world.commit(partition(0), &BatchSpec::new(1, payload).build());
    }
    for (offset, payload) in sizes.into_iter().enumerate() {
        let records = world.read(partition(0), request(Offset(offset as i64), Offset(4), 1)).expect("it is read");
        assert_eq!((records.batches.len(), records.bytes()), (1, payload + 61));
    }
}

#[test]
fn batches_larger_than_a_piece_are_passed_over_where_no_index_helps() {
    let mut world = World::with(LogStoreConfig { tail_bytes_max: 0, ..LogStoreConfig::default() });
    world.open(partition(0), &LogConfig { index_interval_bytes: 1 << 30, ..LogConfig::default() });
    for payload in [10, 3 << 20, 70_000, 50, 1 << 20, 20] {
        world.commit(partition(0), &BatchSpec::new(1, payload).build());
    }
    for offset in 0..6 {
        let records = world.read(partition(0), request(Offset(offset), Offset(6), 1)).expect("it is read");
        assert_eq!(records.batches[0].base_offset, Offset(offset));
    }
}

#[test]
fn indexes_read_first_are_forgotten_first_and_the_one_in_use_is_not() {
    let config = LogConfig { segment_bytes: 1500, index_interval_bytes: 300, ..LogConfig::default() };
    let store = LogStoreConfig { tail_bytes_max: 0, ..LogStoreConfig::default() };
    let (mut world, _) = filled(store, &config, 60);
    world.wait_ms(1000);
    world.restart();
    world.open(partition(0), &config);
    world.settle();
    let loaded = |world: &World| -> Vec<bool> {
        world.store.logs[&partition(0)].segments.iter().take(3).map(|segment| segment.index.is_loaded()).collect()
    };
    let bases: Vec<_> = world.store.logs[&partition(0)].segments.iter().map(|segment| segment.base).collect();
    let end = Offset(120);
    for base in &bases[..2] {
        world.read(partition(0), request(base.plus(4), end, 1)).expect("it is read");
    }
    assert_eq!(loaded(&world), [true, true, false]);
    // As if there were so many that they do not fit.
    world.store.reads.loaded_bytes += crate::limits::LOG_INDEX_BYTES_MAX;
    world.read(partition(0), request(bases[2].plus(4), end, 1)).expect("it is read");
    assert_eq!(loaded(&world), [false, false, true]);
}

#[test]
fn rot_is_never_served() {
    let (mut world, _) =
        filled(LogStoreConfig { tail_bytes_max: 0, ..LogStoreConfig::default() }, &LogConfig::default(), 10);
    world.disk.change("orders-0/00000000000000000000.log", |bytes| bytes[91 + 80] ^= 1);
    let before = world.read(partition(0), request(Offset(0), Offset(20), 10_000)).expect("what lies before");
    assert_eq!(before.batches.len(), 1);
    let damaged = world.read(partition(0), request(Offset(2), Offset(20), 10_000));
    assert_eq!(damaged, Err(ReadError::Damaged { offset: Offset(2) }));
    let behind = world.read(partition(0), request(Offset(0), Offset(20), 0));
    assert!(behind.is_ok());
    assert!(world.disk.notices[0].contains("damaged"));
}

#[test]
fn a_log_that_is_not_there_cannot_be_read() {
    let mut world = World::new();
    let unknown = world.read(partition(9), request(Offset(0), Offset(1), 1));
    assert_eq!(unknown, Err(ReadError::Unavailable(Unavailable::Unknown)));
}

#[test]
fn the_tail_keeps_to_its_budget_over_all_logs() {
    let mut world = World::with(LogStoreConfig { tail_bytes_max: 5000, ..LogStoreConfig::default() });
    (0..4).for_each(|number| world.open(partition(number), &LogConfig::default()));
    for round in 0..40 {
        world.append(partition(round % 4), &BatchSpec::new(1, 300).build()).expect("appended");
        world.end_step();
        assert!(world.store.tail.held() <= 5000);
    }
    let kept = (0..4).filter(|&number| world.store.logs[&partition(number)].tail.first_offset().is_some()).count();
    assert_eq!(kept, 4, "the oldest go first, over all logs");
}
