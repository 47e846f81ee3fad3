//! Disks that fail: the log directory goes offline alone, and what was not made durable is never acknowledged.

use bytes::Bytes;
use core::time::Duration;
use grete_core::effect::Level;
use grete_core::shard::Shard;
use grete_sim::broker::node_config;
use grete_sim::client::operations::{self, Producer};
use grete_sim::client::{CallError, Client};
use grete_sim::disk::{DiskProfile, Fault, FaultRule, OpKind, Profile, Survival, When};
use grete_sim::draw::WorldSeed;
use grete_sim::drive::Drive;
use grete_sim::node::{Ended, NodeIndex, NodeState};
use grete_sim::world::{World, WorldProfile};
use std::sync::Arc;

const BOOT: Duration = Duration::from_secs(10);
const PARTITIONS: i32 = 6;
/// Kafka's code for a log directory that is out of order.
const KAFKA_STORAGE_ERROR: i16 = 56;
const LOG: &str = ".log";

/// A node with a topic whose partitions lie in `dirs` directories, each with one acknowledged record `first`.
fn begin(seed: u64, dirs: u16) -> (World<Shard>, NodeIndex, Client) {
    let mut world = World::new(WorldSeed(seed), WorldProfile::default());
    let node = world.add_node(Arc::new(node_config(dirs)), 2, dirs, &DiskProfile::default());
    assert!(world.start_and_wait(node, BOOT), "{:?} {:?}", world.state(node), world.notices(node));
    let mut client = Client::connect(&mut world, node);
    operations::create_topic(&mut world, &mut client, "orders", PARTITIONS, &[]).unwrap();
    for partition in 0..PARTITIONS {
        assert_eq!(produce(&mut world, &mut client, partition, "first"), Ok(0));
    }
    (world, node, client)
}

fn produce(
    world: &mut World<Shard>,
    client: &mut Client,
    partition: i32,
    value: &'static str,
) -> Result<i64, CallError> {
    let batch = operations::batch(&[Bytes::from_static(value.as_bytes())], 1_700_000_000_000, Producer::NONE);
    operations::produce(world, client, "orders", partition, batch)
}

fn read(world: &mut World<Shard>, client: &mut Client, partition: i32) -> Result<Vec<Bytes>, CallError> {
    let fetched = operations::fetch_all(world, client, "orders", partition)?;
    Ok(fetched.records.into_iter().map(|(_, value)| value).collect())
}

/// The directory that holds a partition.
fn dir_of(world: &World<Shard>, node: NodeIndex, dirs: u16, partition: i32) -> usize {
    let path = format!("orders-{partition}/00000000000000000000.log");
    (0..usize::from(dirs)).find(|dir| world.disk(node, *dir).contents(&path).is_some()).expect("each has a directory")
}

fn fired(world: &World<Shard>, node: NodeIndex, dir: usize) -> u64 {
    world.disk(node, dir).faults().iter().map(FaultRule::fired).sum()
}

#[test]
fn a_failed_sync_or_write_takes_its_directory_offline_for_all_shards_and_no_other() {
    for (seed, op) in [(1, OpKind::Sync), (2, OpKind::Write)] {
        let (mut world, node, mut client) = begin(seed, 2);
        // Only once: an operation that is tried again would succeed, and lie.
        world.add_disk_fault(node, 1, FaultRule::new(&[op], LOG, When::Nth(1), Fault::Error));
        let (mut lost, mut kept) = (0, 0);
        for partition in 0..PARTITIONS {
            let answer = produce(&mut world, &mut client, partition, "second");
            match dir_of(&world, node, 2, partition) {
                0 => {
                    assert_eq!(answer, Ok(1), "{op:?}, partition {partition}");
                    kept += 1;
                }
                _ => {
                    assert_eq!(answer, Err(CallError::Code(KAFKA_STORAGE_ERROR)), "{op:?}, partition {partition}");
                    lost += 1;
                }
            }
        }
        assert_eq!(fired(&world, node, 1), 1, "the fault has struck");
        assert!(lost > 1 && kept > 1, "both directories are tried: {lost} and {kept}");
        let told = world.notices(node).iter().filter(|notice| notice.level == Level::Error);
        assert_eq!(told.count(), 1, "the operator is told once: {:?}", world.notices(node));
        assert_eq!(*world.state(node), NodeState::Serving);
        world.check_invariants();

        // A new start trusts the disk again, and finds what was acknowledged.
        world.power_loss(node, Survival { seed: WorldSeed(seed), profile: Profile::Nothing });
        world.heal_disk(node, 1);
        assert!(world.start_and_wait(node, BOOT), "{:?}", world.state(node));
        client.reconnect(&mut world);
        for partition in 0..PARTITIONS {
            let expected = if dir_of(&world, node, 2, partition) == 0 { &["first", "second"][..] } else { &["first"] };
            assert_eq!(read(&mut world, &mut client, partition).unwrap(), expected, "partition {partition}");
        }
    }
}

#[test]
fn a_node_whose_metadata_cannot_be_written_ends_whichever_shard_finds_it() {
    // The partitions' shards are drawn: in some of these worlds it is not the one with the metadata.
    for partition in 0..PARTITIONS {
        let (mut world, node, mut client) = begin(6, 1);
        let path = format!("orders-{partition}/");
        world.add_disk_fault(node, 0, FaultRule::new(&[OpKind::Sync], &path, When::Nth(1), Fault::Error));
        assert!(produce(&mut world, &mut client, partition, "second").is_err(), "partition {partition}");
        world.run_for(Duration::from_secs(1));
        let NodeState::Down(Ended::Failed { reason }) = world.state(node) else {
            panic!("partition {partition}: {:?}", world.state(node));
        };
        assert!(reason.contains("input/output error"), "{reason}");
    }
}

#[test]
fn a_full_disk_acknowledges_nothing_that_it_does_not_hold() {
    let (mut world, node, mut client) = begin(3, 1);
    world.add_disk_fault(node, 0, FaultRule::new(&[OpKind::Write], "orders", When::Always, Fault::NoSpace));
    for partition in 0..PARTITIONS {
        let answer = produce(&mut world, &mut client, partition, "second");
        assert!(matches!(answer, Err(CallError::Code(_) | CallError::Closed)), "partition {partition}: {answer:?}");
        if matches!(answer, Err(CallError::Closed)) {
            break;
        }
    }
    assert!(fired(&world, node, 0) > 0, "the fault has struck");
    world.kill(node);
    world.heal_disk(node, 0);
    assert!(world.start_and_wait(node, BOOT), "{:?}", world.state(node));
    client.reconnect(&mut world);
    for partition in 0..PARTITIONS {
        assert_eq!(read(&mut world, &mut client, partition).unwrap(), ["first"], "partition {partition}");
        assert_eq!(produce(&mut world, &mut client, partition, "third"), Ok(1), "partition {partition}");
    }
}

#[test]
fn a_sync_that_hangs_holds_back_its_answers_and_loses_none() {
    let (mut world, node, mut client) = begin(4, 1);
    world.add_disk_fault(node, 0, FaultRule::new(&[OpKind::Sync], "orders-3", When::Nth(1), Fault::Stuck));
    let batch = operations::batch(&[Bytes::from_static(b"second")], 1_700_000_000_000, Producer::NONE);
    let request = operations::produce_request("orders", 3, batch, -1);
    client.send(&mut world, &request, operations::PRODUCE_VERSION);
    world.run_for(Duration::from_secs(20));
    assert!(world.take_frame(client.connection()).is_none(), "nothing is acknowledged before it is durable");
    // Nor shown to anybody.
    let mut reader = Client::connect(&mut world, node);
    assert_eq!(read(&mut world, &mut reader, 3).unwrap(), ["first"]);
    world.heal_disk(node, 0);
    let answer = client.receive(&mut world, operations::PRODUCE_VERSION, Duration::from_secs(5)).unwrap();
    assert_eq!(operations::produced(&answer), Ok(1));
    assert_eq!(read(&mut world, &mut reader, 3).unwrap(), ["first", "second"]);
}

#[test]
fn rot_below_the_flushed_end_is_told_and_never_served() {
    let (mut world, node, mut client) = begin(5, 1);
    for _ in 0..20 {
        produce(&mut world, &mut client, 0, "more").unwrap();
    }
    assert!(world.shut_down_and_wait(node, BOOT));
    // The last byte of the first batch: within the record's value and headers.
    world.disk_mut(node, 0).rot("orders-0/00000000000000000000.log", 70, 3);
    world.kill(node);
    assert!(world.start_and_wait(node, BOOT), "{:?}", world.state(node));
    client.reconnect(&mut world);
    let answer = read(&mut world, &mut client, 0);
    assert!(matches!(answer, Err(CallError::Code(code)) if code != 0), "{answer:?}");
    for partition in 1..PARTITIONS {
        assert_eq!(read(&mut world, &mut client, partition).unwrap(), ["first"], "partition {partition}");
    }
}

#[test]
fn a_directory_that_fails_at_the_start_is_left_out_and_loses_nothing() {
    let late = [(OpKind::Read, "orders"), (OpKind::Sync, "orders")];
    for (ops, path) in [(OpKind::Read, "meta.properties"), (OpKind::SyncDir, "")].into_iter().chain(late) {
        let (mut world, node, _) = begin(6, 3);
        if path == "orders" {
            // Nothing that can be read says what is flushed, so that the start reads and syncs these logs.
            world.kill(node);
            let files: Vec<_> = world.disk(node, 1).list().into_iter().map(|entry| entry.path).collect();
            for file in files.iter().filter(|path| path.starts_with("grete-flushed")) {
                world.disk_mut(node, 1).rot(file, 20, 3);
            }
        } else {
            assert!(world.shut_down_and_wait(node, BOOT));
        }
        world.add_disk_fault(node, 1, FaultRule::new(&[ops], path, When::Always, Fault::Error));
        assert!(world.start_and_wait(node, BOOT), "{ops:?} {path}: {:?}", world.state(node));
        assert!(fired(&world, node, 1) > 0);
        let told = world.notices(node).iter().filter(|notice| notice.level == Level::Error).count();
        assert_eq!(told, 1, "the operator is told once: {:?}", world.notices(node));
        let mut client = Client::connect(&mut world, node);
        let mut failed = 0;
        for partition in 0..PARTITIONS {
            if dir_of(&world, node, 3, partition) == 1 {
                // It is not begun anew in another directory.
                let refused = Err(CallError::Code(KAFKA_STORAGE_ERROR));
                assert_eq!(produce(&mut world, &mut client, partition, "second"), refused);
                failed += 1;
            } else {
                assert_eq!(produce(&mut world, &mut client, partition, "second"), Ok(1));
            }
        }
        assert!((1..PARTITIONS).contains(&failed), "some partitions lie there, and some do not");
        world.kill(node);
        world.heal_disk(node, 1);
        assert!(world.start_and_wait(node, BOOT), "{:?}", world.state(node));
        let mut client = Client::connect(&mut world, node);
        for partition in 0..PARTITIONS {
            let expected: &[&str] =
                if dir_of(&world, node, 3, partition) == 1 { &["first"] } else { &["first", "second"] };
            assert_eq!(read(&mut world, &mut client, partition).unwrap(), expected, "partition {partition}");
        }
    }
}

#[test]
fn the_first_directory_failing_at_the_start_ends_it_with_a_reason() {
    let (mut world, node, _) = begin(7, 2);
    world.kill(node);
    world.add_disk_fault(node, 0, FaultRule::new(&[OpKind::Read], "meta.properties", When::Always, Fault::Error));
    assert!(!world.start_and_wait(node, BOOT));
    let state = format!("{:?}", world.state(node));
    assert!(state.contains("which holds the metadata, cannot be used"), "{state}");
}
