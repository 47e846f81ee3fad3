//! Opening logs from the files of an earlier incarnation.

use super::*;
use crate::log::Unavailable;
use crate::log::files::producer_snapshot;

const LOG: &str = "orders-0/00000000000000000000.log";

/// A log of ten batches of 101 bytes and two records, recorded after the first `recorded` of them.
fn world(config: &LogConfig, recorded: i64) -> World {
    let mut world = World::with(LogStoreConfig { tail_bytes_max: 0, ..LogStoreConfig::default() });
    world.open(partition(0), config);
    for number in 0..10 {
        if number == recorded {
            world.wait_ms(1000);
        }
        world.commit(partition(0), &BatchSpec { timestamp: 100 + number, ..BatchSpec::new(2, 40) }.build());
    }
    if recorded == 10 {
        world.wait_ms(1000);
    }
    world
}

fn reopen(world: &mut World, config: &LogConfig) {
    world.restart();
    world.open(partition(0), config);
    world.settle();
}

fn log_end(world: &World) -> Option<i64> {
    world.store.state(partition(0)).ok().map(|state| state.log_end.0)
}

#[test]
fn all_that_was_flushed_is_there_after_a_power_loss() {
    let config = LogConfig { segment_bytes: 350, index_interval_bytes: 100, ..LogConfig::default() };
    for recorded in [0, 3, 7, 10] {
        let mut world = world(&config, recorded);
        let before = world.read_all(partition(0), Offset(0), 1000);
        for _ in 0..3 {
            world.disk.lose_power();
            reopen(&mut world, &config);
            assert_eq!(log_end(&world), Some(20), "recorded after {recorded}: {:?}", world.disk.notices);
            assert_eq!(world.store.state(partition(0)).map(|state| state.durable_end), Ok(Offset(20)));
            assert_eq!(world.read_all(partition(0), Offset(0), 1000), before);
        }
        world.commit(partition(0), &BatchSpec::new(2, 40).build());
        assert_eq!(world.store.state(partition(0)).map(|state| state.durable_end), Ok(Offset(22)));
        assert_eq!(world.disk.notices, Vec::<alloc::string::String>::new());
    }
}

#[test]
fn where_nothing_lies_behind_the_recorded_end_no_records_are_read() {
    let config = LogConfig::default();
    let mut world = world(&config, 10);
    reopen(&mut world, &config);
    assert_eq!(log_end(&world), Some(20));
    assert_eq!(world.disk.count("read"), 2, "the flushed ends and the leader epochs");
    assert_eq!(world.disk.count("write") + world.disk.count("sync") + world.disk.count("truncate"), 0);
}

#[test]
fn a_scan_begins_at_the_recorded_end() {
    let config = LogConfig::default();
    let mut world = world(&config, 7);
    // What lies before is not looked at: rot there is found when it is read.
    world.disk.change(LOG, |bytes| bytes[300] ^= 1);
    reopen(&mut world, &config);
    assert_eq!(log_end(&world), Some(20));
}

#[test]
fn a_torn_tail_is_cut_and_reported() {
    let config = LogConfig { index_interval_bytes: 100, ..LogConfig::default() };
    let mut world = world(&config, 7);
    world.disk.change(LOG, |bytes| bytes[8 * 101 + 70] ^= 1);
    reopen(&mut world, &config);
    assert_eq!(log_end(&world), Some(16));
    assert_eq!(world.disk.bytes(LOG).len(), 8 * 101);
    assert_eq!(
        world.disk.notices,
        [
            "partition orders-0 ends at offset 16: 202 bytes behind it were never acknowledged and are cut; among them 1 whole batches of 101 bytes"
        ]
    );
    assert_eq!(world.flushed(), [14, 16], "what was scanned counts once a round has covered it");
    let next = world.commit(partition(0), &BatchSpec::new(1, 0).build());
    assert_eq!(next.first_offset, Offset(16));
    reopen(&mut world, &config);
    assert_eq!(log_end(&world), Some(17));
}

#[test]
fn segments_behind_a_torn_one_are_removed() {
    let config = LogConfig { segment_bytes: 350, index_interval_bytes: 100, ..LogConfig::default() };
    let mut world = world(&config, 2);
    world.disk.change("orders-0/00000000000000000006.log", |bytes| bytes.truncate(150));
    reopen(&mut world, &config);
    assert_eq!(log_end(&world), Some(8));
    let left: Vec<_> = world.disk.paths().into_iter().filter(|path| path.contains("/0000")).collect();
    assert!(
        left.iter().all(|path| path.starts_with("orders-0/00000000000000000000")
            || path.starts_with("orders-0/00000000000000000006")),
        "{left:?}"
    );
    assert_eq!(world.disk.bytes("orders-0/00000000000000000006.log").len(), 101);
    for _ in 0..6 {
        world.commit(partition(0), &BatchSpec::new(2, 40).build());
    }
    assert_eq!(world.read_all(partition(0), Offset(0), 1000).len(), 10 * 101);
}

#[test]
fn damage_below_the_recorded_end_sets_the_log_aside_and_changes_nothing() {
    let config = LogConfig { segment_bytes: 350, ..LogConfig::default() };
    let damages: [fn(&mut World); 3] = [
        |world| world.disk.change("orders-0/00000000000000000018.log", |bytes| bytes.truncate(100)),
        |world| world.disk.remove("orders-0/00000000000000000018.log"),
        |world| world.disk.remove("orders-0/00000000000000000000.log"),
    ];
    for damage in damages {
        let mut world = world(&config, 10);
        damage(&mut world);
        let before = world.disk.clone();
        reopen(&mut world, &config);
        assert_eq!(world.store.state(partition(0)), Err(Unavailable::Damaged));
        assert!(world.events.iter().any(|event| matches!(event, LogEvent::Damaged { .. })));
        assert_eq!(before.paths(), world.disk.paths());
        let refused = world.append(partition(0), &BatchSpec::new(1, 0).build());
        assert_eq!(refused, Err(AppendError::Unavailable(Unavailable::Damaged)));
        // What is known of it is not lost by what others do.
        world.open(partition(1), &config);
        world.commit(partition(1), &BatchSpec::new(1, 0).build());
        world.wait_ms(1000);
        reopen(&mut world, &config);
        assert_eq!(world.store.state(partition(0)), Err(Unavailable::Damaged));
    }
}

#[test]
fn a_missing_directory_is_damage_where_records_were_flushed() {
    let config = LogConfig::default();
    let mut world = world(&config, 10);
    for path in world.disk.paths().into_iter().map(alloc::string::String::from).collect::<Vec<_>>() {
        if path.starts_with("orders-0/") {
            world.disk.remove(&path);
        }
    }
    world.disk.remove_dir("orders-0");
    reopen(&mut world, &config);
    assert_eq!(world.store.state(partition(0)), Err(Unavailable::Damaged));
}

#[test]
fn a_directory_of_another_topic_is_kept_aside() {
    let config = LogConfig::default();
    let mut world = world(&config, 10);
    let other = TopicPartition { topic: TopicId([9; 16]), ..partition(0) };
    world.restart();
    world.open(other, &config);
    world.settle();
    assert_eq!(world.store.state(other).map(|state| state.log_end), Ok(Offset(0)));
    let info = world.commit(other, &BatchSpec::new(1, 0).build());
    assert_eq!(info.first_offset, Offset(0));
    assert!(world.disk.paths().contains(&"orders-0.07070707070707070707070707070707-stray/00000000000000000000.log"));
    assert_eq!(world.disk.bytes(LOG).len(), 61);
}

#[test]
fn after_a_clean_stop_of_another_broker_the_active_segment_is_scanned() {
    let config = LogConfig { segment_bytes: 350, ..LogConfig::default() };
    let mut world = world(&config, 10);
    world.since = LeaderEpoch(2);
    world.clean = alloc::vec![LogDirIndex(0)];
    world.disk.put("orders-0/00000000000000000018.snapshot", producer_snapshot::encode(core::iter::empty()));
    world.disk.change("orders-0/00000000000000000012.log", |bytes| bytes[90] ^= 1);
    let mut damaged = world.clone();
    reopen(&mut world, &config);
    assert_eq!(log_end(&world), Some(20), "closed segments are not looked at");

    // All of it was flushed, so that nothing of it is cut, now and later, until it is as it was.
    let active = "orders-0/00000000000000000018.log";
    damaged.disk.change(active, |bytes| bytes[90] ^= 1);
    for _ in 0..3 {
        reopen(&mut damaged, &config);
        assert_eq!(damaged.store.state(partition(0)), Err(Unavailable::Damaged));
        assert_eq!(damaged.disk.bytes(active).len(), 101);
        assert!(damaged.store.is_proven(), "nothing waits for it");
        damaged.clean = Vec::new();
        damaged.disk.lose_power();
    }
    damaged.disk.change(active, |bytes| bytes[90] ^= 1);
    for _ in 0..2 {
        reopen(&mut damaged, &config);
        assert_eq!(log_end(&damaged), Some(20));
    }
}

/// Has another broker compact the log: what was recorded of it does not fit any more.
fn compact_by_another(world: &mut World) {
    world.disk.change(LOG, |bytes| drop(bytes.drain(..101)));
    world.since = LeaderEpoch(2);
}

#[test]
fn what_was_recorded_before_another_broker_came_does_not_count() {
    use crate::log::config::CleanupPolicy;
    let cleanup = CleanupPolicy { delete: false, compact: true };
    let config = LogConfig { cleanup, ..LogConfig::default() };
    let mut world = world(&config, 10);
    compact_by_another(&mut world);
    let mut deluded = world.clone();
    deluded.since = LeaderEpoch(1);
    reopen(&mut deluded, &config);
    assert_eq!(deluded.store.state(partition(0)), Err(Unavailable::Damaged), "as if only Grete had been there");
    reopen(&mut world, &config);
    assert_eq!(log_end(&world), Some(20));
    assert_eq!(world.disk.bytes(LOG).len(), 9 * 101, "nothing is cut");
    assert_eq!(world.disk.notices, ["Another broker has used /data since: its logs are read anew."]);
    // Now it is recorded again, and nothing is read anew.
    world.commit(partition(0), &BatchSpec::new(2, 40).build());
    world.wait_ms(1000);
    reopen(&mut world, &config);
    assert_eq!((log_end(&world), world.disk.notices.len()), (Some(22), 1));
}

/// Takes a log of ten batches of 101 bytes and two records each, in segments of three, as another broker has compacted it:
/// without the second batch, the whole second segment and the first batch of the last segment but one.
fn compacted(config: &LogConfig, checkpoints: bool) -> World {
    let mut world = world(config, 10);
    world.since = LeaderEpoch(2);
    world.disk.change("orders-0/00000000000000000000.log", |bytes| drop(bytes.drain(101..202)));
    world.disk.remove("orders-0/00000000000000000006.log");
    world.disk.change("orders-0/00000000000000000012.log", |bytes| drop(bytes.drain(..101)));
    if checkpoints {
        world.disk.put("recovery-point-offset-checkpoint", "0\n0\n".into());
        world.disk.put("log-start-offset-checkpoint", "0\n1\norders 0 1\n".into());
    }
    world
}

#[test]
fn what_another_broker_has_compacted_is_not_cut_whatever_the_policy_is_now() {
    use crate::log::config::CleanupPolicy;
    for compact in [false, true] {
        let cleanup = CleanupPolicy { delete: !compact, compact };
        let config = LogConfig { segment_bytes: 350, index_interval_bytes: 100, cleanup, ..LogConfig::default() };
        let mut world = compacted(&config, false);
        reopen(&mut world, &config);
        assert_eq!(log_end(&world), Some(20), "compact {compact}: {:?}", world.disk.notices);
        let kept = world.read_all(partition(0), Offset(0), 1000);
        let offsets: Vec<i64> = kept.chunks(101).map(|batch| batch[7].into()).collect();
        assert_eq!(offsets, [0, 4, 14, 16, 18]);
        // What is appended now has no gaps: a later segment without the one before it was never acknowledged.
        for _ in 0..6 {
            world.commit(partition(0), &BatchSpec::new(2, 40).build());
        }
        let mut torn = world.clone();
        torn.disk.change("orders-0/00000000000000000024.log", |bytes| bytes.truncate(101));
        torn.disk.remove("grete-flushed-0");
        torn.disk.put("grete-flushed-0", compacted_ends(&mut compacted(&config, false), &config));
        reopen(&mut torn, &config);
        assert_eq!(log_end(&torn), Some(26), "compact {compact}");
    }
}

/// What is recorded of the compacted log before anything is appended to it.
fn compacted_ends(world: &mut World, config: &LogConfig) -> Vec<u8> {
    reopen(world, config);
    world.wait_ms(1000);
    world.disk.bytes("grete-flushed-0").to_vec()
}

#[test]
fn an_offset_that_cannot_be_is_no_gap() {
    let config = LogConfig { segment_bytes: 350, ..LogConfig::default() };
    // The offset of the third batch says that it lies in or behind the next segment, or too far from its own one's start.
    for (file, offset, end) in
        [("orders-0/00000000000000000000.log", 6_i64, 2), ("orders-0/00000000000000000018.log", 18 + (1 << 31), 18)]
    {
        let mut world = world(&config, 10);
        world.since = LeaderEpoch(2);
        let at = if end == 2 { 101 } else { 0 };
        world.disk.change(file, |bytes| bytes[at..at + 8].copy_from_slice(&offset.to_be_bytes()));
        reopen(&mut world, &config);
        assert_eq!(log_end(&world), Some(end));
    }
}

#[test]
fn a_power_loss_while_logs_are_taken_over_loses_nothing_of_them() {
    let config = LogConfig { segment_bytes: 350, index_interval_bytes: 100, ..LogConfig::default() };
    let mut steps = 0;
    loop {
        let mut world = compacted(&config, true);
        world.restart();
        world.open(partition(0), &config);
        world.end_step();
        let ended = (0..steps).any(|_| !world.complete_one());
        world.disk.lose_power();
        reopen(&mut world, &config);
        let state = world.store.state(partition(0)).expect("it opens");
        assert_eq!((state.log_start, state.log_end), (Offset(1), Offset(20)), "after {steps} steps");
        assert!(world.store.is_proven());
        if ended {
            break;
        }
        steps += 1;
    }
    assert!(steps > 10, "{steps} steps");
}

#[test]
fn a_directory_that_fails_while_it_is_taken_over_is_not_taken_for_ours_later() {
    let config = LogConfig { segment_bytes: 350, index_interval_bytes: 100, ..LogConfig::default() };
    let mut world = compacted(&config, true);
    world.disk.broken = Some(|op| matches!(op, crate::effect::IoOp::Read { file, .. } if file.path.ends_with(".log")));
    reopen(&mut world, &config);
    assert_eq!(world.store.state(partition(0)), Err(Unavailable::Offline));
    assert!(world.disk.paths().contains(&"grete-flushed-0"), "there is a file of ours that says nothing of the log");
    assert!(world.store.is_proven(), "the node serves what others have");
    assert!(world.store.proven_dirs().is_empty(), "and the checkpoints stay");
    world.disk.broken = None;
    reopen(&mut world, &config);
    let state = world.store.state(partition(0)).expect("it opens");
    assert_eq!((state.log_start, state.log_end), (Offset(1), Offset(20)));
    assert_eq!(world.store.proven_dirs(), [LogDirIndex(0)].into());
}

#[test]
fn after_another_broker_crashed_its_recovery_point_bounds_the_scan() {
    let config = LogConfig { segment_bytes: 350, ..LogConfig::default() };
    for (checkpoint, end) in [("0\n1\norders 0 13\n", 14), ("0\n1\norders 1 13\n", 2), ("rotten", 2)] {
        let mut world = world(&config, 10);
        world.since = LeaderEpoch(2);
        world.disk.put("recovery-point-offset-checkpoint", checkpoint.into());
        world.disk.put("orders-0/00000000000000000012.snapshot", producer_snapshot::encode(core::iter::empty()));
        world.disk.change("orders-0/00000000000000000000.log", |bytes| bytes[190] ^= 1);
        world.disk.change("orders-0/00000000000000000012.log", |bytes| bytes[190] ^= 1);
        reopen(&mut world, &config);
        assert_eq!(log_end(&world), Some(end), "{checkpoint}");
    }
}

#[test]
fn after_another_broker_the_log_starts_where_its_checkpoint_says() {
    let config = LogConfig { segment_bytes: 350, ..LogConfig::default() };
    for (start, expected) in [(0, 0), (9, 9), (20, 20), (25, 20)] {
        let mut world = world(&config, 10);
        world.since = LeaderEpoch(2);
        let text = alloc::format!("0\n1\norders 0 {start}\n");
        world.disk.put("log-start-offset-checkpoint", text.into());
        reopen(&mut world, &config);
        assert_eq!(world.store.state(partition(0)).map(|state| state.log_start), Ok(Offset(expected)));
        assert!(world.store.is_proven(), "it is recorded at once");
        // And that does not depend on the checkpoint any more.
        world.disk.remove("log-start-offset-checkpoint");
        world.disk.lose_power();
        reopen(&mut world, &config);
        assert_eq!(world.store.state(partition(0)).map(|state| state.log_start), Ok(Offset(expected)));
    }
}

#[test]
fn a_newer_format_of_the_flushed_ends_is_refused() {
    let config = LogConfig::default();
    let mut world = world(&config, 10);
    world.disk.change("grete-flushed-0", |bytes| bytes[7] = b'3');
    world.restart();
    world.settle();
    assert_eq!(world.disk.notices, ["/data/grete-flushed-0 was written by a newer version of Grete"]);
}

#[test]
fn what_is_recorded_is_bounded_by_bytes() {
    let store = LogStoreConfig { recovery_debt_bytes_max: 2000, tail_bytes_max: 0, ..LogStoreConfig::default() };
    let mut world = World::with(store);
    let config = LogConfig::default();
    world.open(partition(0), &config);
    for _ in 0..100 {
        world.commit(partition(0), &BatchSpec::new(1, 40).build());
        assert!(world.store.dirs[0].ends.debt() <= 2000, "no time goes by");
        let mut after = world.clone();
        after.disk.lose_power();
        let scanned = after.disk.bytes(LOG).len() as u64;
        reopen(&mut after, &config);
        let flushed = after.flushed().first().copied().unwrap_or(0) as u64;
        assert!(scanned - flushed * 101 <= 2000, "that much is read again");
        assert_eq!(log_end(&after), log_end(&world));
    }
}

#[test]
fn any_number_of_shards_opens_what_another_has_left() {
    let config = LogConfig::default();
    let mut world = World::with(LogStoreConfig { tail_bytes_max: 0, ..LogStoreConfig::default() });
    for shards in [1_u16, 3, 2, 4, 1] {
        world.config.shards = shards;
        for shard in 0..shards {
            world.config.shard = crate::ids::ShardId(shard);
            world.restart();
            for number in (0..12).filter(|&number| partition(number).shard(shards).0 == shard) {
                world.open(partition(number), &config);
                world.settle();
                let before = world.store.state(partition(number)).expect("open").log_end;
                world.commit(partition(number), &BatchSpec::new(1, 40).build());
                assert_eq!(world.store.state(partition(number)).expect("open").log_end, before.plus(1));
            }
            world.wait_ms(1000);
            world.disk.lose_power();
        }
    }
    world.restart();
    for number in 0..12 {
        world.open(partition(number), &config);
        world.settle();
        assert_eq!(world.store.state(partition(number)).map(|state| state.log_end), Ok(Offset(5)));
    }
}

#[test]
fn a_power_loss_at_any_moment_leaves_what_was_reported() {
    for seed in 0..60_u64 {
        let mut draws = 0;
        let mut draw = |below: usize| {
            draws += 1;
            (crate::rng::Seed(seed).draw(crate::rng::Purpose::Choice, b"", draws) % below as u128) as usize
        };
        let config = LogConfig { segment_bytes: 400, index_interval_bytes: 100, ..LogConfig::default() };
        let store = LogStoreConfig { recovery_debt_bytes_max: 600, tail_bytes_max: 500, ..LogStoreConfig::default() };
        let mut world = World::with(store);
        let mut acknowledged = [0; 3];
        let mut sent: [Vec<u8>; 3] = Default::default();
        for _ in 0..6 {
            (0..3).for_each(|number| world.open(partition(number), &config));
            world.settle();
            for number in 0..3 {
                let state = world.store.state(partition(number as i32)).expect("all logs open");
                assert!(state.log_end.0 >= acknowledged[number], "seed {seed}: what was acknowledged is there");
                let found = world.read_all(partition(number as i32), Offset(0), 5000);
                let fills = sent[number].get(..found.len() / 71);
                let stored: Vec<u8> = found.chunks(71).map(|batch| batch[70]).collect();
                assert_eq!(fills, Some(&stored[..]), "seed {seed}: and nothing else");
                sent[number].truncate(stored.len());
                acknowledged[number] = state.durable_end.0;
            }
            for _ in 0..draw(80) {
                match draw(4) {
                    0 => {
                        let number = draw(3);
                        let fill = draw(256) as u8;
                        sent[number].push(fill);
                        let batch = BatchSpec { fill, ..BatchSpec::new(1, 10) }.build();
                        world.append(partition(number as i32), &batch).expect("appended");
                        world.end_step();
                    }
                    1 => {
                        world.now.instant = Instant(world.now.instant.0 + 400_000);
                        world.store.tick(world.now, &mut world.effects);
                        world.end_step();
                    }
                    _ if !world.disk.completions.is_empty() => {
                        let next = draw(world.disk.completions.len());
                        world.disk.completions.swap(0, next);
                        world.complete_one();
                    }
                    _ => {}
                }
            }
            for (number, acknowledged) in acknowledged.iter_mut().enumerate() {
                *acknowledged = world.store.state(partition(number as i32)).expect("open").durable_end.0;
            }
            if draw(3) > 0 {
                world.disk.lose_power();
            }
            world.restart();
        }
        assert!(!world.disk.notices.iter().any(|notice| notice.contains("damage")), "{:?}", world.disk.notices);
    }
}

#[test]
fn the_directory_of_the_metadata_log_is_never_given_away() {
    let mut world = World::new();
    world.disk.make_dir("__cluster_metadata-0");
    world.restart();
    let config = Arc::new(LogConfig::default());
    let partition = TopicPartition::CLUSTER_METADATA;
    world.store.open(world.now, partition, "__cluster_metadata", LogDirIndex(0), config, &mut world.effects);
    world.settle();
    world.commit(partition, &BatchSpec::new(1, 0).build());
    assert_eq!(world.disk.dirs(), ["__cluster_metadata-0"]);
    assert_eq!(world.store.state(partition).map(|state| state.durable_end), Ok(Offset(1)));
}

#[test]
fn a_log_that_was_never_recorded_and_lacks_its_front_begins_anew() {
    let config = LogConfig { segment_bytes: 350, ..LogConfig::default() };
    let mut world = world(&config, 100);
    // The name of the first segment did not become durable.
    world.disk.remove(LOG);
    reopen(&mut world, &config);
    assert_eq!(log_end(&world), Some(0));
    assert_eq!(world.store.state(partition(0)).map(|state| state.log_start), Ok(Offset(0)));
    let left: Vec<_> = world.disk.paths().into_iter().filter(|path| path.ends_with(".log")).collect();
    assert!(left.is_empty(), "{left:?}");
    let info = world.commit(partition(0), &BatchSpec::new(1, 40).build());
    assert_eq!(info.first_offset, Offset(0));
}

#[test]
fn a_segment_that_was_recorded_empty_may_be_missing_before_later_ones() {
    // Each segment holds three batches; the fourth begins one at offset 6.
    let config = LogConfig { segment_bytes: 350, ..LogConfig::default() };
    let mut world = World::with(LogStoreConfig { tail_bytes_max: 0, ..LogStoreConfig::default() });
    world.open(partition(0), &config);
    for _ in 0..3 {
        world.commit(partition(0), &BatchSpec::new(2, 40).build());
    }
    world.store.advance_high_watermark(partition(0), Offset(6));
    world.store.delete_records(world.now, partition(0), Offset(6)).expect("the log is open");
    world.settle();
    world.wait_ms(1000);
    for _ in 0..6 {
        world.commit(partition(0), &BatchSpec::new(2, 40).build());
    }
    // Its name did not become durable.
    world.disk.remove("orders-0/00000000000000000006.log");
    reopen(&mut world, &config);
    assert_eq!(log_end(&world), Some(6), "{:?}", world.disk.notices);
    assert_eq!(world.store.state(partition(0)).map(|state| state.log_start), Ok(Offset(6)));
}
