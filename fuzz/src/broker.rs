//! A broker in the simulated world, with something in it, to begin each input with.

use bytes::Bytes;
use core::time::Duration;
use grete_core::shard::Shard;
use grete_sim::NetworkProfile;
use grete_sim::broker::node_config;
use grete_sim::client::Client;
use grete_sim::client::operations::{self, Producer};
use grete_sim::disk::DiskProfile;
use grete_sim::draw::WorldSeed;
use grete_sim::drive::Drive;
use grete_sim::node::{NodeIndex, NodeState};
use grete_sim::world::{World, WorldProfile};
use std::sync::Arc;

/// How long a broker may take to start, in its own time.
pub const BOOT: Duration = Duration::from_secs(60);
/// The topic that is there, with this many partitions.
pub const TOPIC: &str = "orders";
/// Its partitions.
pub const PARTITIONS: i32 = 2;
/// The group that is there.
pub const GROUP: &str = "shop";

/// A broker that serves, with a topic, records, a group with offsets, and an idempotent producer's state.
pub fn begin(shards: u16) -> (World<Shard>, NodeIndex) {
    let quick = WorldProfile {
        network: NetworkProfile { delay_micros: 1..=2, split_per_million: 0 },
        steps_per_check: 1,
        ..WorldProfile::default()
    };
    let mut world = World::new(WorldSeed(1), quick);
    let mut config = node_config(1);
    config.auto_create_topics = true;
    let node = world.add_node(Arc::new(config), shards, 1, &DiskProfile::default());
    assert!(world.start_and_wait(node, BOOT), "{:?}", world.state(node));
    let mut client = Client::connect(&mut world, node);
    operations::create_topic(&mut world, &mut client, TOPIC, PARTITIONS, &[("segment.bytes", "1048576")]).expect("new");
    let mut producer = operations::init_producer(&mut world, &mut client).expect("an id");
    for partition in 0..PARTITIONS {
        for number in 0..3 {
            let value = Bytes::from(format!("order {number}"));
            let who = if partition == 0 { producer } else { Producer::NONE };
            let batch = operations::batch(&[value.clone(), value], 1_700_000_000_000, who);
            operations::produce(&mut world, &mut client, TOPIC, partition, batch).expect("appended");
            if partition == 0 {
                producer.sequence += 2;
            }
        }
    }
    operations::find_coordinator(&mut world, &mut client, GROUP).expect("an answer");
    world.run_for(Duration::from_secs(1));
    operations::commit(&mut world, &mut client, GROUP, TOPIC, 0, 2).expect("committed");
    (world, node)
}

/// A broker that was asked to stop, or was killed, with what [`begin`] puts into it.
pub fn end(shards: u16, in_order: bool) -> (World<Shard>, NodeIndex) {
    let (mut world, node) = begin(shards);
    if in_order {
        assert!(world.shut_down_and_wait(node, BOOT), "{:?}", world.state(node));
    } else {
        world.kill(node);
    }
    (world, node)
}

/// Asserts that the broker still does its work for a client that has done nothing wrong.
pub fn check(world: &mut World<Shard>, node: NodeIndex) {
    assert_eq!(*world.state(node), NodeState::Serving, "{:?}", world.notices(node));
    world.check_invariants();
    let mut client = Client::connect(world, node);
    operations::topics(world, &mut client).expect("Metadata is answered");
}
