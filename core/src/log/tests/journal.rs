//! The journal: small rounds over several logs, and what is left of them by a power loss.

use super::*;
use crate::effect::IoOp;

const LOGS: i32 = 4;

fn small() -> LogStoreConfig {
    LogStoreConfig { tail_bytes_max: 0, journal_bytes: 16 << 10, ..LogStoreConfig::default() }
}

/// A store with some logs whose files are there, and a journal that is ready.
fn journaling(config: LogStoreConfig) -> World {
    let mut world = World::with(config);
    open_all(&mut world);
    for _ in 0..2 {
        append_to_all(&mut world);
        world.settle();
    }
    assert_eq!(journals(&world).len(), 2, "both halves are there");
    world.disk.counts.clear();
    world
}

fn open_all(world: &mut World) {
    (0..LOGS).for_each(|number| world.open(partition(number), &LogConfig::default()));
}

fn append_to_all(world: &mut World) {
    for number in 0..LOGS {
        world.append(partition(number), &BatchSpec::new(1, 10).build()).expect("appended");
    }
}

fn journals(world: &World) -> Vec<alloc::string::String> {
    let paths = world.disk.paths();
    paths.into_iter().filter(|path| path.starts_with("grete-journal-")).map(Into::into).collect()
}

fn ends(world: &World) -> Vec<i64> {
    (0..LOGS).map(|number| world.store.state(partition(number)).map_or(-1, |state| state.durable_end.0)).collect()
}

#[test]
fn a_round_over_several_logs_is_one_sync() {
    let mut world = journaling(small());
    append_to_all(&mut world);
    world.settle();
    assert_eq!(ends(&world), [3; 4]);
    assert_eq!((world.disk.count("write"), world.disk.count("sync")), (5, 1), "each log and the frame, and its sync");
}

#[test]
fn what_only_the_journal_has_durably_is_there_after_a_power_loss() {
    let mut world = journaling(LogStoreConfig { journal_bytes: 64 << 10, ..small() });
    for _ in 0..3 {
        append_to_all(&mut world);
        world.settle();
    }
    assert_eq!(ends(&world), [5; 4]);
    let log = "orders-2/00000000000000000000.log";
    let before = world.disk.bytes(log).to_vec();
    world.disk.lose_power();
    assert!(world.disk.bytes(log).len() < before.len(), "the file alone has less");
    world.restart();
    open_all(&mut world);
    world.settle();
    assert_eq!(ends(&world), [5; 4]);
    assert_eq!(world.disk.bytes(log), before, "byte for byte");
    assert!(world.store.is_proven(), "what was found there is recorded");
    // And once more: what was put into the files is durable there.
    world.disk.lose_power();
    world.restart();
    open_all(&mut world);
    world.settle();
    assert_eq!(ends(&world), [5; 4]);
}

/// Power is lost after each single completion, over rounds that fill the halves several times, and again while it recovers.
#[test]
fn nothing_reported_is_lost_whenever_the_power_goes() {
    let mut world = journaling(LogStoreConfig { record_interval_ms: 7, ..small() });
    let mut seen = 0;
    for round in 0..40_i32 {
        for number in 0..=round % LOGS {
            world
                .append(partition(number), &BatchSpec::new(1 + round % 3, 10 * round as usize).build())
                .expect("appended");
        }
        world.now.instant = Instant(world.now.instant.0 + 2_000);
        world.end_step();
        loop {
            let reported = ends(&world);
            let mut after = World { disk: world.disk.fork(), ..world.clone() };
            after.disk.lose_power();
            after.restart();
            open_all(&mut after);
            for _ in 0..round % 5 {
                after.complete_one();
            }
            if round % 3 == 0 {
                after.disk.lose_power();
                after.restart();
                open_all(&mut after);
            }
            after.settle();
            let there = ends(&after);
            assert!(
                there.iter().zip(&reported).all(|(there, reported)| there >= reported),
                "{there:?} of {reported:?}"
            );
            seen += 1;
            if !world.complete_one() {
                break;
            }
        }
    }
    assert!(seen > 300, "{seen} moments");
    let halves: Vec<_> = journals(&world).iter().map(|path| world.disk.bytes(path)[8 + 11]).collect();
    assert!(halves.iter().all(|generation| *generation > 2), "both halves were written anew: {halves:?}");
}

#[test]
fn a_log_that_lacks_what_the_journal_presupposes_is_set_aside() {
    let mut world = journaling(small());
    append_to_all(&mut world);
    world.settle();
    world.disk.lose_power();
    world.disk.change("orders-1/00000000000000000000.log", |bytes| bytes[100] ^= 1);
    world.restart();
    open_all(&mut world);
    world.settle();
    assert_eq!(ends(&world)[1], -1, "it is damaged");
    assert_eq!(world.store.proven_dirs().len(), 0, "and the journal is kept");
    assert_eq!([ends(&world)[0], ends(&world)[2]], [3, 3]);
}

#[test]
fn what_another_broker_came_after_does_not_count() {
    let mut world = journaling(small());
    append_to_all(&mut world);
    world.settle();
    world.disk.lose_power();
    world.since = LeaderEpoch(9);
    world.restart();
    open_all(&mut world);
    world.settle();
    assert_eq!(ends(&world), [2; 4], "the files say what there is");
}

#[test]
fn without_space_there_is_no_journal_and_nothing_else_changes() {
    let mut world = World::with(small());
    open_all(&mut world);
    world.disk.full = Some(|op| matches!(op, IoOp::Write { file, .. } if file.path.starts_with("grete-journal-")));
    for _ in 0..3 {
        append_to_all(&mut world);
        world.settle();
    }
    assert_eq!(ends(&world), [3; 4]);
    world.wait_ms(1);
    assert_eq!(journals(&world).len(), 0, "what was made of it is gone");
}
