//! Stopping in order: the mark of a clean stop is there only where all that it vouches for is.

use bytes::Bytes;
use core::time::Duration;
use grete_core::log::files::{clean_shutdown, offset_checkpoint};
use grete_core::shard::Shard;
use grete_protocol::records::BatchView;
use grete_sim::broker::node_config;
use grete_sim::client::Client;
use grete_sim::client::operations::{self, Producer};
use grete_sim::disk::{DiskProfile, Fault, FaultRule, OpKind, Profile, Survival, When};
use grete_sim::draw::WorldSeed;
use grete_sim::drive::Drive;
use grete_sim::node::{Ended, NodeIndex, NodeState};
use grete_sim::world::{World, WorldProfile};
use std::sync::Arc;

const TIME: Duration = Duration::from_secs(30);
const NODE: NodeIndex = NodeIndex(0);

fn new_world(seed: u64, shards: u16) -> World<Shard> {
    let mut world = World::new(WorldSeed(seed), WorldProfile::default());
    world.add_node(Arc::new(node_config(1)), shards, 1, &DiskProfile::default());
    world
}

/// A world whose node has served some records and is about to stop.
fn used_world(seed: u64, shards: u16) -> World<Shard> {
    let mut world = new_world(seed, shards);
    assert!(world.start_and_wait(NODE, TIME));
    let mut client = Client::connect(&mut world, NODE);
    operations::create_topic(&mut world, &mut client, "orders", 3, &[]).expect("a new topic");
    for number in 0..9 {
        let batch = operations::batch(&[Bytes::from_static(b"value")], 1_700_000_000_000, Producer::NONE);
        let produced = operations::produce(&mut world, &mut client, "orders", number % 3, batch);
        assert_eq!(produced, Ok(i64::from(number / 3)));
    }
    world
}

/// What the disk says of a clean stop: whether there is the mark of one; panics where the mark vouches for what is not so.
fn has_mark(world: &World<Shard>) -> bool {
    let disk = world.disk(NODE, 0);
    let Some(mark) = disk.contents(clean_shutdown::NAME) else { return false };
    assert!(clean_shutdown::decode(&mark).is_ok_and(|mark| mark.broker_epoch.is_some()), "{mark:?}");
    let points = disk.contents(offset_checkpoint::RECOVERY_POINT).expect("it is written before the mark");
    let points = offset_checkpoint::decode(&points).expect("it is whole");
    assert_eq!(points.iter().filter(|point| point.topic == "orders").count(), 3);
    for name in [offset_checkpoint::LOG_START, offset_checkpoint::REPLICATION] {
        assert!(disk.contents(name).is_some_and(|bytes| offset_checkpoint::decode(&bytes).is_ok()), "{name}");
    }
    for point in points {
        let path = format!("{}-{}/00000000000000000000.log", point.topic, point.partition);
        let log = disk.contents(&path).unwrap_or_else(|| panic!("{path} is missing"));
        let (mut at, mut end) = (0, 0);
        while at < log.len() {
            let batch = BatchView::parse(&log[at..]).expect("nothing is torn");
            assert!(batch.crc_is_valid(), "{path}: the batch at {at}");
            end = batch.header().base_offset + i64::from(batch.header().last_offset_delta) + 1;
            at += batch.header().size_bytes();
        }
        assert_eq!(end, point.offset.0, "{path} ends where its recovery point is");
    }
    true
}

#[test]
fn a_power_loss_during_a_stop_leaves_no_mark_that_is_not_true() {
    let (mut marked, mut unmarked) = (0, 0);
    for (seed, shards) in [(1, 1), (2, 3)] {
        let mut world = used_world(seed, shards);
        world.shut_down(NODE);
        let limit = world.now().after(TIME);
        let mut version = world.disk_version(NODE);
        while *world.state(NODE) == NodeState::Stopping {
            assert!(world.advance(limit), "it stops");
            if world.disk_version(NODE) == version {
                continue;
            }
            version = world.disk_version(NODE);
            for profile in Profile::ALL {
                let mut lost = world.clone();
                lost.power_loss(NODE, Survival { seed: WorldSeed(version), profile });
                if has_mark(&lost) {
                    marked += 1
                } else {
                    unmarked += 1
                }
                assert!(lost.start_and_wait(NODE, TIME), "{:?}", lost.state(NODE));
                lost.power_loss(NODE, Survival { seed: WorldSeed(version), profile });
                assert!(!has_mark(&lost), "the mark goes before anything is written");
            }
        }
        assert_eq!(*world.state(NODE), NodeState::Down(Ended::Stopped));
        assert!(has_mark(&world), "and in the end it is there");
    }
    assert!(marked > 0 && unmarked > 50, "{marked} with the mark and {unmarked} without");
}

#[test]
fn a_stop_during_a_start_leaves_no_mark_that_is_not_true() {
    let mut world = used_world(3, 2);
    world.kill(NODE);
    world.start_node(NODE);
    let (mut marked, mut unmarked) = (0, 0);
    while *world.state(NODE) == NodeState::Booting {
        let mut stopped = world.clone();
        assert!(stopped.shut_down_and_wait(NODE, TIME), "{:?}", stopped.state(NODE));
        // At the last moments all logs are open, and the node does not know it yet.
        if has_mark(&stopped) {
            marked += 1
        } else {
            unmarked += 1
        }
        assert!(stopped.start_and_wait(NODE, TIME), "{:?}", stopped.state(NODE));
        world.advance(world.now().after(TIME));
    }
    assert!(unmarked > 10 && marked < unmarked, "{marked} with the mark and {unmarked} without");
}

#[test]
fn a_full_disk_keeps_a_node_from_starting_with_one_sentence() {
    // Wherever the space ends: from the first write on, or from one of the later ones.
    for write in 1..6 {
        let mut world = new_world(4, 2);
        world.add_disk_fault(NODE, 0, FaultRule::new(&[OpKind::Write], "", When::From(write), Fault::NoSpace));
        assert!(!world.start_and_wait(NODE, TIME));
        let NodeState::Down(Ended::Failed { reason }) = world.state(NODE) else { panic!("{:?}", world.state(NODE)) };
        assert!(reason.contains("/simulated/0") && reason.contains("no space left"), "{reason}");
        world.heal_disk(NODE, 0);
        assert!(world.start_and_wait(NODE, TIME), "with space it starts: {:?}", world.state(NODE));
    }
}
