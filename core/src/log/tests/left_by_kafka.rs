//! What Kafka leaves in a log's directory beside segments: indexes of aborted transactions, and compactions that a crash has
//! interrupted.

use super::*;
use crate::ids::ProducerId;
use crate::log::Unavailable;
use crate::log::files::{partition_metadata, producer_snapshot};
use crate::log::header::{self, BatchHeader};
use crate::log::producer::ProducerState;
use alloc::string::String;
use grete_protocol::records;

macro_rules! fixture {
    ($name:literal) => {
        include_bytes!(concat!("../../../tests/data/kafka-4.3.1/fixture-0/", $name))
    };
}

const LOG: &[u8] = fixture!("00000000000000000000.log");
const ABORTED: &[u8] = fixture!("00000000000000000000.txnindex");
const ABORTED_ENTRY_BYTES: usize = 34;
const FIRST: &str = "orders-0/00000000000000000000";
const SECOND: &str = "orders-0/00000000000000000030";

/// A directory that Kafka has left in order, with nothing in the partition's yet.
fn directory() -> World {
    let mut world = World::with(LogStoreConfig { tail_bytes_max: 0, ..LogStoreConfig::default() });
    world.since = LeaderEpoch(2);
    world.clean = alloc::vec![LogDirIndex(0)];
    world.disk.make_dir("orders-0");
    world.disk.put("orders-0/partition.metadata", partition_metadata::encode(partition(0).topic).into());
    world.disk.put("recovery-point-offset-checkpoint", "0\n0\n".into());
    world.disk.sync_all_names();
    world
}

/// Kafka's log of sixty records with transactions, in two segments.
fn transactions() -> World {
    let mut world = directory();
    let first_bytes: usize = records::batches(LOG)
        .map(|batch| batch.unwrap().bytes())
        .take_while(|batch| base_offset(batch) < 30)
        .map(<[u8]>::len)
        .sum();
    let marker = |entry: &&[u8]| i64::from_be_bytes(entry[18..26].try_into().unwrap());
    let entries = || ABORTED.chunks(ABORTED_ENTRY_BYTES);
    let first = entries().filter(|entry| marker(entry) < 30).flatten().copied().collect::<Vec<u8>>();
    assert!(!first.is_empty() && first.len() < ABORTED.len(), "both segments have some");
    world.disk.put(&[FIRST, ".txnindex"].concat(), first.clone());
    world.disk.put(&[SECOND, ".txnindex"].concat(), ABORTED[first.len()..].to_vec());
    world.disk.put(&[FIRST, ".log"].concat(), LOG[..first_bytes].to_vec());
    world.disk.put(&[SECOND, ".log"].concat(), LOG[first_bytes..].to_vec());
    world.disk.put(&[SECOND, ".snapshot"].concat(), fixture!("00000000000000000030.snapshot").to_vec());
    world
}

fn base_offset(batch: &[u8]) -> i64 {
    BatchHeader::parse(batch).unwrap().base_offset.0
}

fn reopen(world: &mut World) {
    world.restart();
    world.open(partition(0), &LogConfig::default());
    world.settle();
}

fn aborted(world: &World) -> Vec<(ProducerId, Offset)> {
    world.store.aborted_transactions(partition(0), Offset(0), Offset(60))
}

fn kafkas() -> Vec<(ProducerId, Offset)> {
    let number = |entry: &[u8], at: usize| i64::from_be_bytes(entry[at..at + 8].try_into().unwrap());
    ABORTED.chunks(ABORTED_ENTRY_BYTES).map(|entry| (ProducerId(number(entry, 2)), Offset(number(entry, 10)))).collect()
}

#[test]
fn aborted_transactions_are_known_whether_their_segment_is_scanned_or_not() {
    for is_clean in [true, false] {
        let mut world = transactions();
        if !is_clean {
            world.clean.clear();
        }
        for start in 0..3 {
            reopen(&mut world);
            assert_eq!(world.store.state(partition(0)).map(|state| state.log_end), Ok(Offset(60)));
            assert_eq!(aborted(&world), kafkas(), "clean {is_clean}, start {start}: {:?}", world.disk.notices);
            world.disk.lose_power();
        }
        // Where the log begins later, what ended before is not told any more.
        world.restart();
        world.open(partition(0), &LogConfig::default());
        world.settle();
        world.store.delete_records(world.now, partition(0), Offset(35)).expect("the log is open");
        world.wait_ms(1000);
        let later = aborted(&world);
        assert!(!later.is_empty() && later.len() < kafkas().len());
        reopen(&mut world);
        assert_eq!(aborted(&world), later);
    }
}

#[test]
fn an_index_of_aborted_transactions_that_is_lost_or_damaged_is_made_anew() {
    type Damage = fn(&mut World, &str);
    let damages: [Damage; 4] = [
        |world, name| world.disk.remove(name),
        |world, name| world.disk.change(name, |bytes| bytes.truncate(20)),
        |world, name| world.disk.change(name, |bytes| bytes[1] = 9),
        |world, name| world.disk.change(name, |bytes| bytes.extend_from_within(..)),
    ];
    for (number, damage) in damages.into_iter().enumerate() {
        for segment in [FIRST, SECOND] {
            // A file that is not there says that there are no aborted transactions: Kafka has no better idea either.
            if number == 0 && segment == FIRST {
                continue;
            }
            let mut world = transactions();
            let name = [segment, ".txnindex"].concat();
            let whole = world.disk.bytes(&name).to_vec();
            damage(&mut world, &name);
            for _ in 0..2 {
                reopen(&mut world);
                assert_eq!(aborted(&world), kafkas(), "damage {number} of {segment}: {:?}", world.disk.notices);
                assert_eq!(world.disk.bytes(&name), whole);
                world.disk.lose_power();
            }
        }
    }
}

/// Where the segments of [`cut_within_transactions`] begin.
const CUTS: [i64; 3] = [0, 20, 35];

/// The same log in three segments. The marker of an aborted transaction is the first batch of the second one, and the third one
/// begins within one that is aborted there.
fn cut_within_transactions() -> World {
    let mut world = directory();
    let batches: Vec<&[u8]> = records::batches(LOG).map(|batch| batch.unwrap().bytes()).collect();
    for (at, base) in CUTS.into_iter().enumerate() {
        let end = CUTS.get(at + 1).copied().unwrap_or(i64::MAX);
        let here = |offset: i64| (base..end).contains(&offset);
        let log = batches.iter().filter(|batch| here(base_offset(batch))).copied().collect::<Vec<_>>().concat();
        let marker = |entry: &&[u8]| here(i64::from_be_bytes(entry[18..26].try_into().unwrap()));
        let index = ABORTED.chunks(ABORTED_ENTRY_BYTES).filter(marker).collect::<Vec<_>>().concat();
        assert!(!index.is_empty());
        world.disk.put(&name(base, ".log"), log);
        world.disk.put(&name(base, ".txnindex"), index);
        if base > 0 {
            let mut producers = ProducerState::default();
            for batch in batches.iter().filter(|batch| base_offset(batch) < base) {
                let header = BatchHeader::parse(batch).unwrap();
                match header::marker_in(&header, batch) {
                    Some(marker) => producers.take_up_marker(&header, marker),
                    None => producers.take_up(&header),
                }
            }
            let entries: Vec<_> = producers.entries().collect();
            world.disk.put(&name(base, ".snapshot"), producer_snapshot::encode(entries.into_iter()));
        }
    }
    world
}

#[test]
fn where_a_snapshot_of_producers_is_lost_or_torn_an_older_one_is_replayed_from() {
    type Damage = fn(&mut World, &str);
    let damages: [Damage; 4] = [
        |_, _| {},
        |world, name| world.disk.remove(name),
        |world, name| world.disk.change(name, |bytes| bytes.truncate(30)),
        |world, name| world.disk.change(name, |bytes| bytes.clear()),
    ];
    let cases = damages
        .into_iter()
        .enumerate()
        .flat_map(|damage| [(true, true), (true, false), (false, true), (false, false)].map(|how| (damage, how)));
    for ((number, damage), (is_clean, older_is_good)) in cases {
        let mut world = cut_within_transactions();
        if !is_clean {
            world.clean.clear();
            world.disk.put("recovery-point-offset-checkpoint", "0\n1\norders 0 40\n".into());
        }
        damage(&mut world, &name(35, ".snapshot"));
        if older_is_good {
            // Nothing is scanned before the segment with the snapshot.
            world.disk.change(&name(0, ".log"), |bytes| bytes[70] ^= 1);
        } else {
            damage(&mut world, &name(20, ".snapshot"));
        }
        let indexes = |world: &World| CUTS.map(|base| world.disk.bytes(&name(base, ".txnindex")).to_vec());
        let before = indexes(&world);
        for _ in 0..2 {
            reopen(&mut world);
            let told = alloc::format!("clean {is_clean}, damage {number}, {older_is_good}: {:?}", world.disk.notices);
            assert_eq!(world.store.state(partition(0)).map(|state| state.log_end), Ok(Offset(60)), "{told}");
            assert_eq!(aborted(&world), kafkas(), "{told}");
            assert!(indexes(&world) == before, "{told}");
            let open = world.store.producers(partition(0)).unwrap().into_iter();
            let open: Vec<_> = open.map(|producer| producer.current_transaction_start.0).collect();
            assert_eq!(open, [21, -1, 51, -1], "{told}");
            world.disk.lose_power();
        }
    }
}

#[test]
fn an_index_of_aborted_transactions_may_be_larger_than_what_is_read_at_once() {
    let mut world = transactions();
    reopen(&mut world);
    // Behind what is recorded it may say what it likes.
    let many = u64::from(crate::limits::LOG_INDEX_FILE_BYTES_MAX) / ABORTED_ENTRY_BYTES as u64 + 10;
    world.disk.change(&[FIRST, ".txnindex"].concat(), |bytes| {
        for marker in (1000..).take(many as usize) {
            let numbers = [0, marker - 1, marker, marker];
            bytes.extend([0; 2].into_iter().chain(numbers.into_iter().flat_map(i64::to_be_bytes)));
        }
    });
    let large = world.clone();
    reopen(&mut world);
    assert_eq!(aborted(&world), kafkas(), "{:?}", world.disk.notices);
    // All of it is looked at: also where one piece ends and the next begins, which has to go on where the one ended.
    let at_once = crate::limits::LOG_INDEX_FILE_BYTES_MAX as usize / ABORTED_ENTRY_BYTES * ABORTED_ENTRY_BYTES;
    for entry in [at_once, at_once + ABORTED_ENTRY_BYTES * 3] {
        let mut damaged = large.clone();
        damaged.disk.change(&[FIRST, ".txnindex"].concat(), |bytes| {
            let offsets = [1999_i64, 2000].map(i64::to_be_bytes).concat();
            bytes[entry + 10..entry + 26].copy_from_slice(&offsets);
        });
        reopen(&mut damaged);
        assert_eq!(damaged.store.state(partition(0)), Err(Unavailable::Damaged));
    }
}

#[test]
fn damage_of_aborted_transactions_in_a_recorded_log_sets_it_aside() {
    let mut world = transactions();
    reopen(&mut world);
    world.disk.change(&[FIRST, ".txnindex"].concat(), |bytes| bytes[1] = 9);
    reopen(&mut world);
    assert_eq!(world.store.state(partition(0)), Err(Unavailable::Damaged));
}

#[test]
fn a_deleted_log_takes_its_index_of_aborted_transactions_with_it() {
    let mut world = transactions();
    reopen(&mut world);
    world.store.delete(world.now, partition(0), &mut world.effects);
    world.wait_ms(100_000);
    assert!(!world.disk.paths().iter().any(|path| path.starts_with("orders-0")), "{:?}", world.disk.paths());
    assert_eq!(world.disk.dirs(), Vec::<&str>::new(), "{:?}", world.disk.notices);
}

/// A batch of two records at an offset.
fn batch(offset: u8) -> Vec<u8> {
    let mut batch = BatchSpec { fill: offset, ..BatchSpec::new(2, 40) }.build().to_vec();
    batch[7] = offset;
    batch
}

fn batches(offsets: &[u8]) -> Vec<u8> {
    offsets.iter().flat_map(|offset| batch(*offset)).collect()
}

/// A snapshot of producers as Kafka writes it of a log that has none.
fn no_producers() -> Vec<u8> {
    producer_snapshot::encode(core::iter::empty())
}

/// A log in four segments, of which the first two have been compacted to one and the third to one.
fn interrupted() -> World {
    let mut world = directory();
    world.clean.clear();
    for (base, offsets) in [(0, &[0, 2, 4][..]), (6, &[6, 8, 10]), (12, &[12, 14, 16]), (18, &[18, 20])] {
        world.disk.put(&name(base, ".log"), batches(offsets));
        world.disk.put(&name(base, ".index"), Vec::new());
    }
    world.disk.put(&name(18, ".snapshot"), no_producers());
    world.disk.put("recovery-point-offset-checkpoint", "0\n1\norders 0 18\n".into());
    for (base, offsets) in [(0, &[2, 10][..]), (12, &[14, 16])] {
        world.disk.put(&name(base, ".log.swap"), batches(offsets));
        world.disk.put(&name(base, ".index.swap"), Vec::new());
        world.disk.put(&name(base, ".timeindex.swap"), Vec::new());
    }
    world
}

fn name(base: i64, suffix: &str) -> String {
    alloc::format!("orders-0/{base:020}{suffix}")
}

/// The offsets of the batches that the log has.
fn offsets(world: &mut World) -> Vec<u8> {
    let all = world.read_all(partition(0), Offset(0), 1000);
    all.chunks(101).map(|batch| batch[7]).collect()
}

fn files(world: &World) -> Vec<String> {
    let in_log = |path: &&str| path.starts_with("orders-0/0");
    world.disk.paths().into_iter().filter(in_log).map(|path| path[9..].trim_start_matches('0').into()).collect()
}

#[test]
fn a_compaction_that_was_interrupted_is_completed() {
    let mut world = interrupted();
    reopen(&mut world);
    assert_eq!(offsets(&mut world), [2, 10, 14, 16, 18, 20], "{:?}", world.disk.notices);
    let left =
        [".index", ".log", ".timeindex", "12.index", "12.log", "12.timeindex", "18.index", "18.log", "18.snapshot"];
    assert_eq!(files(&world), left);
    assert!(world.disk.notices.contains(&"A compaction of orders-0 that was interrupted is completed.".into()));
    world.disk.lose_power();
    reopen(&mut world);
    assert_eq!(offsets(&mut world), [2, 10, 14, 16, 18, 20]);
    let next = world.commit(partition(0), &BatchSpec::new(1, 0).build());
    assert_eq!(next.first_offset, Offset(22));
}

#[test]
fn a_compaction_is_completed_from_wherever_it_was_interrupted() {
    // All that was done before the crash: old segments marked, or gone; some files renamed.
    let stages: [fn(&mut World); 4] = [
        |world| world.disk.rename(&name(0, ".log"), &name(0, ".log.deleted")),
        |world| world.disk.remove(&name(6, ".log")),
        |world| {
            world.disk.remove(&name(6, ".log"));
            world.disk.rename(&name(0, ".log.swap"), &name(0, ".log"));
        },
        |world| {
            world.disk.remove(&name(6, ".log"));
            for suffix in [".log", ".index", ".timeindex"] {
                world.disk.rename(&name(0, &[suffix, ".swap"].concat()), &name(0, suffix));
            }
            world.disk.rename(&name(12, ".log.swap"), &name(12, ".log"));
        },
    ];
    for (number, stage) in stages.into_iter().enumerate() {
        let mut world = interrupted();
        stage(&mut world);
        reopen(&mut world);
        assert_eq!(offsets(&mut world), [2, 10, 14, 16, 18, 20], "stage {number}: {:?}", world.disk.notices);
        assert!(files(&world).iter().all(|file| !file.ends_with(".swap") && !file.ends_with(".deleted")));
    }
}

#[test]
fn a_split_that_was_not_complete_is_undone() {
    // A cleaned file from 12 on: what was to take its place with it is worth nothing, and what comes before is complete.
    let mut world = interrupted();
    world.disk.put(&name(12, ".txnindex.cleaned"), Vec::new());
    reopen(&mut world);
    assert_eq!(offsets(&mut world), [2, 10, 12, 14, 16, 18, 20], "{:?}", world.disk.notices);
    assert_eq!(
        files(&world),
        [".index", ".log", ".timeindex", "12.index", "12.log", "18.index", "18.log", "18.snapshot"]
    );
}

#[test]
fn a_split_stays_undone_whatever_a_power_loss_leaves_of_its_files() {
    let mut steps = 0;
    loop {
        let mut world = interrupted();
        world.disk.put(&name(12, ".txnindex.cleaned"), Vec::new());
        world.restart();
        world.open(partition(0), &LogConfig::default());
        world.end_step();
        let ended = (0..steps).any(|_| !world.complete_one());
        // What was removed and not synced may be gone, and here it is the one file that says what the others are.
        if !world.disk.paths().iter().any(|path| path.ends_with(".cleaned")) {
            world.disk.forget(&name(12, ".txnindex.cleaned"));
        }
        world.disk.lose_power();
        reopen(&mut world);
        assert_eq!(offsets(&mut world), [2, 10, 12, 14, 16, 18, 20], "after {steps} steps: {:?}", world.disk.notices);
        if ended {
            break;
        }
        steps += 1;
    }
    assert!(steps > 25, "{steps} steps");
}

#[test]
fn a_power_loss_while_a_compaction_is_completed_changes_nothing() {
    let mut steps = 0;
    loop {
        let mut world = interrupted();
        world.restart();
        world.open(partition(0), &LogConfig::default());
        world.end_step();
        let ended = (0..steps).any(|_| !world.complete_one());
        world.disk.lose_power();
        reopen(&mut world);
        assert_eq!(offsets(&mut world), [2, 10, 14, 16, 18, 20], "after {steps} steps: {:?}", world.disk.notices);
        if ended {
            break;
        }
        steps += 1;
    }
    assert!(steps > 25, "{steps} steps");
}

#[test]
fn a_damaged_swap_file_sets_the_log_aside_and_nothing_is_changed() {
    for damage in [|bytes: &mut Vec<u8>| bytes[190] ^= 1, |bytes: &mut Vec<u8>| bytes.truncate(150)] {
        let mut world = interrupted();
        world.disk.put("log-start-offset-checkpoint", "0\n1\norders 0 3\n".into());
        world.disk.change(&name(0, ".log.swap"), damage);
        let before = files(&world);
        reopen(&mut world);
        assert_eq!(world.store.state(partition(0)), Err(Unavailable::Damaged));
        assert_eq!(files(&world), before);
        assert!(world.store.is_proven());
        // The other broker's checkpoints go now, and what they said is not lost with them.
        world.disk.remove("recovery-point-offset-checkpoint");
        world.disk.remove("log-start-offset-checkpoint");
        for path in [".log.swap", ".index.swap", ".timeindex.swap"].map(|suffix| name(0, suffix)) {
            world.disk.remove(&path);
        }
        // Without it the log is as it was, but for what was compacted before.
        world.disk.change(&name(6, ".log"), |bytes| drop(bytes.drain(101..202)));
        reopen(&mut world);
        let state = world.store.state(partition(0));
        assert_eq!(state.map(|state| (state.log_start, state.log_end)), Ok((Offset(3), Offset(22))));
        let all = world.read_all(partition(0), Offset(3), 1000);
        let offsets: Vec<u8> = all.chunks(101).map(|batch| batch[7]).collect();
        assert_eq!(offsets, [2, 4, 6, 10, 14, 16, 18, 20], "{:?}", world.disk.notices);
    }
}

#[test]
fn a_file_that_has_become_shorter_ends_what_is_read_of_it() {
    for (file, suffix) in [(0, ".log.swap"), (12, ".log.swap"), (18, ".log")] {
        for left in [0, 101, 150] {
            let mut world = interrupted();
            world.restart();
            world.disk.change(&name(file, suffix), |bytes| bytes.truncate(left));
            world.open(partition(0), &LogConfig::default());
            world.end_step();
            let ended = (0..200).any(|_| !world.complete_one());
            assert!(ended, "{suffix} with {left} bytes is not read for ever");
        }
    }
}

#[test]
fn what_is_told_of_a_cut_depends_on_whose_log_it_was() {
    let mut world = interrupted();
    world.disk.change(&name(18, ".log"), |bytes| bytes.truncate(150));
    reopen(&mut world);
    let cut = world.disk.notices.iter().find(|notice| notice.contains("cut")).unwrap();
    assert!(
        cut.contains("49 bytes behind it, which the broker that wrote them had not noted as flushed, are cut"),
        "{cut}"
    );
}

#[test]
fn a_missing_directory_that_another_broker_left_in_order_is_told_as_such() {
    let mut world = transactions();
    world.disk.change(&[SECOND, ".log"].concat(), |bytes| bytes[30] ^= 1);
    reopen(&mut world);
    assert_eq!(world.store.state(partition(0)), Err(Unavailable::Damaged));
    let paths: Vec<String> = world.disk.paths().into_iter().map(String::from).collect();
    paths.iter().filter(|path| path.starts_with("orders-0/")).for_each(|path| world.disk.remove(path));
    world.disk.remove_dir("orders-0");
    reopen(&mut world);
    let reason = world.events.iter().find_map(|event| match event {
        LogEvent::Damaged { reason, .. } => Some(reason),
        _ => None,
    });
    let reason = reason.unwrap();
    assert!(reason.contains("its directory is missing, and another broker had flushed all of it"), "{reason}");
}

#[test]
fn a_log_that_is_deleted_while_a_compaction_is_completed_leaves_nothing() {
    for steps in 0..40 {
        let mut world = interrupted();
        world.restart();
        world.open(partition(0), &LogConfig::default());
        world.end_step();
        for _ in 0..steps {
            world.complete_one();
        }
        world.store.delete(world.now, partition(0), &mut world.effects);
        world.wait_ms(100_000);
        assert_eq!(world.disk.dirs(), Vec::<&str>::new(), "after {steps} steps: {:?}", world.disk.paths());
    }
}
