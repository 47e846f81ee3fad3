//! Commit rounds: what is durable when an end is reported.

use super::*;
use crate::effect::IoOp;
use crate::log::Unavailable;

#[test]
fn nothing_is_flushed_before_bytes_and_names_are_durable() {
    let mut world = World::new();
    world.open(partition(0), &LogConfig::default());
    let batch = BatchSpec::new(1, 10).build();
    world.append(partition(0), &batch).expect("appended");
    world.end_step();
    loop {
        let reported = !world.flushed().is_empty();
        let mut after = world.disk.clone();
        after.lose_power();
        let durable = after.paths().contains(&"orders-0/00000000000000000000.log")
            && after.bytes("orders-0/00000000000000000000.log").len() == batch.len()
            && after.paths().contains(&"orders-0/partition.metadata")
            && after.bytes("orders-0/partition.metadata").len() == 43;
        assert!(!reported || durable, "what is reported is durable");
        if !world.complete_one() {
            break;
        }
    }
    assert_eq!(world.flushed(), [1]);
}

#[test]
fn appends_of_one_step_are_one_write_and_what_comes_meanwhile_joins_the_next_round() {
    let mut world = World::new();
    world.open(partition(0), &LogConfig::default());
    let batch = BatchSpec::new(1, 10).build();
    world.commit(partition(0), &batch);
    let (writes, syncs) = (world.disk.count("write"), world.disk.count("sync"));
    for _ in 0..5 {
        world.append(partition(0), &batch).expect("appended");
    }
    world.end_step();
    assert_eq!((world.disk.count("write"), world.disk.count("sync")), (writes + 1, syncs + 1));
    for _ in 0..3 {
        world.append(partition(0), &batch).expect("appended");
        world.end_step();
    }
    assert_eq!((world.disk.count("write"), world.disk.count("sync")), (writes + 4, syncs + 1), "one round at most");
    world.settle();
    assert_eq!(world.disk.count("sync"), syncs + 2, "one more covers all that came meanwhile");
    assert_eq!(world.flushed(), [1, 6, 9]);
}

#[test]
fn many_new_partitions_are_one_round() {
    let mut world = World::new();
    for number in 0..50 {
        world.open(partition(number), &LogConfig::default());
        world.append(partition(number), &BatchSpec::new(1, 10).build()).expect("appended");
    }
    world.settle();
    assert_eq!(world.flushed(), [1; 50]);
    assert_eq!(world.disk.count("make dir"), 50);
    assert_eq!(world.disk.count("sync dir"), 51, "each new directory, and the one that holds them");
}

#[test]
fn completions_in_any_order_report_only_what_is_durable() {
    for seed in 0..200_u64 {
        let mut world = World::new();
        let config = LogConfig { segment_bytes: 300, index_interval_bytes: 100, ..LogConfig::default() };
        (0..3).for_each(|number| world.open(partition(number), &config));
        let mut draws = 0;
        let mut draw = |below: usize| {
            draws += 1;
            (crate::rng::Seed(seed).draw(crate::rng::Purpose::Choice, b"", draws) % below as u128) as usize
        };
        for _ in 0..60 {
            if draw(3) == 0 {
                let number = draw(3) as i32;
                world.append(partition(number), &BatchSpec::new(1, draw(100)).build()).expect("appended");
                world.end_step();
            } else if !world.disk.completions.is_empty() {
                let next = draw(world.disk.completions.len());
                world.disk.completions.swap(0, next);
                world.complete_one();
            }
            let mut after = world.disk.clone();
            after.lose_power();
            for number in 0..3 {
                let state = world.store.state(partition(number)).expect("open");
                let prefix = alloc::format!("orders-{number}/");
                let kept: usize = after
                    .paths()
                    .iter()
                    .filter(|path| path.starts_with(&prefix) && path.ends_with(".log"))
                    .map(|path| batches_in(after.bytes(path)))
                    .sum();
                assert!(kept as i64 >= state.durable_end.0, "seed {seed}: {kept} of {} are durable", state.durable_end);
            }
        }
        world.settle();
        let ends = (0..3).map(|number| world.store.state(partition(number)).expect("open"));
        ends.for_each(|state| assert_eq!(state.durable_end, state.log_end));
    }
}

fn batches_in(mut bytes: &[u8]) -> usize {
    let mut count = 0;
    while let Some(header) = crate::log::header::BatchHeader::parse(bytes).filter(|header| header.bytes <= bytes.len())
    {
        bytes = &bytes[header.bytes..];
        count += 1;
    }
    count
}

#[test]
fn a_failed_operation_takes_the_directory_offline_for_good() {
    let failures: [fn(&IoOp) -> bool; 4] = [
        |op| matches!(op, IoOp::Write { .. }),
        |op| matches!(op, IoOp::Sync { .. }),
        |op| matches!(op, IoOp::SyncDir { .. }),
        |op| matches!(op, IoOp::Create { .. }),
    ];
    for broken in failures {
        let mut world = World::new();
        let config = LogConfig { segment_bytes: 100, ..LogConfig::default() };
        (0..2).for_each(|number| world.open(partition(number), &config));
        let batch = BatchSpec::new(1, 30).build();
        world.commit(partition(0), &batch);
        world.disk.broken = Some(broken);
        world.append(partition(0), &batch).expect("appended");
        world.end_step();
        world.append(partition(0), &batch).expect("appended: nothing is known yet");
        world.settle();
        world.disk.broken = None;
        assert_eq!(world.flushed(), [1], "nothing in flight is acknowledged");
        let offline = world.events.iter().filter(|event| matches!(event, LogEvent::DirOffline { .. })).count();
        assert_eq!(offline, 1);
        for number in 0..2 {
            let refused = Err(AppendError::Unavailable(Unavailable::Offline));
            assert_eq!(world.append(partition(number), &batch), refused);
        }
    }
}

#[test]
fn an_idle_log_takes_little_memory() {
    use crate::log::log::Log;
    use crate::log::segment::Segment;
    assert!(size_of::<Log>() + size_of::<Segment>() <= 1200, "{} + {}", size_of::<Log>(), size_of::<Segment>());
}
