//! The broker in the world: the first steps of a client, restarts, and the same seed twice.

use bytes::Bytes;
use core::time::Duration;
use grete_core::shard::Shard;
use grete_sim::broker::node_config;
use grete_sim::client::Client;
use grete_sim::client::operations::{self, Fetched, Producer};
use grete_sim::disk::{DiskProfile, Profile, Survival};
use grete_sim::draw::WorldSeed;
use grete_sim::drive::Drive;
use grete_sim::node::NodeIndex;
use grete_sim::world::{World, WorldProfile};
use std::sync::Arc;

const BOOT: Duration = Duration::from_secs(10);

fn world(seed: u64, shards: u16) -> (World<Shard>, NodeIndex) {
    let mut world = World::new(WorldSeed(seed), WorldProfile::default());
    let node = world.add_node(Arc::new(node_config(1)), shards, 1, &DiskProfile::default());
    assert!(world.start_and_wait(node, BOOT), "{:?} {:?}", world.state(node), world.notices(node));
    (world, node)
}

fn values(texts: &[&'static str]) -> Vec<Bytes> {
    texts.iter().map(|text| Bytes::from_static(text.as_bytes())).collect()
}

fn batch(texts: &[&'static str]) -> Bytes {
    operations::batch(&values(texts), 1_700_000_000_000, Producer::NONE)
}

fn first_steps(seed: u64, shards: u16) -> (World<Shard>, NodeIndex) {
    let (mut world, node) = world(seed, shards);
    let mut client = Client::connect(&mut world, node);
    operations::create_topic(&mut world, &mut client, "orders", 3, &[]).unwrap();
    for partition in 0..3 {
        assert_eq!(operations::produce(&mut world, &mut client, "orders", partition, batch(&["a", "b"])), Ok(0));
        assert_eq!(operations::produce(&mut world, &mut client, "orders", partition, batch(&["c"])), Ok(2));
    }
    (world, node)
}

fn check_first_steps(world: &mut World<Shard>, node: NodeIndex) {
    let mut client = Client::connect(world, node);
    for partition in 0..3 {
        let fetched = operations::fetch_all(world, &mut client, "orders", partition).unwrap();
        let records = (0..).zip(values(&["a", "b", "c"])).collect();
        assert_eq!(fetched, Fetched { records, high_watermark: 3, log_start: 0 });
    }
}

#[test]
fn what_was_produced_is_fetched() {
    for shards in [1, 2, 4] {
        let (mut world, node) = first_steps(1, shards);
        check_first_steps(&mut world, node);
        world.check_invariants();
    }
}

#[test]
fn what_was_acknowledged_survives_each_way_to_end() {
    let (world, node) = first_steps(2, 2);
    let mut killed = world.clone();
    killed.kill(node);
    let mut stopped = world.clone();
    assert!(stopped.shut_down_and_wait(node, BOOT));
    let without_power = Profile::ALL.map(|profile| {
        let mut world = world.clone();
        world.power_loss(node, Survival { seed: WorldSeed(5), profile });
        world
    });
    for (mut world, shards) in [killed, stopped].into_iter().chain(without_power).zip([1, 2, 3].into_iter().cycle()) {
        world.set_shards(node, shards);
        assert!(world.start_and_wait(node, BOOT), "{:?}", world.state(node));
        check_first_steps(&mut world, node);
    }
}

#[test]
fn the_same_seed_twice_is_the_same_run() {
    let run = |seed| {
        let (mut world, node) = first_steps(seed, 2);
        world.kill(node);
        assert!(world.start_and_wait(node, BOOT));
        check_first_steps(&mut world, node);
        (world.hash(), world.effects(), world.now())
    };
    assert_eq!(run(7), run(7));
    assert_ne!(run(7), run(8));
}

#[test]
fn what_a_client_sent_before_it_closed_takes_effect() {
    for (seed, shards) in (0..6).zip([1, 2, 4].into_iter().cycle()) {
        let (mut world, node) = world(seed, shards);
        let mut client = Client::connect(&mut world, node);
        operations::create_topic(&mut world, &mut client, "orders", 3, &[]).unwrap();
        operations::find_coordinator(&mut world, &mut client, "shop").unwrap();
        world.run_for(Duration::from_secs(1));
        for number in 0..10 {
            let (partition, acks) = (number % 3, if number == 7 { -1 } else { 0 });
            let request = operations::produce_request("orders", partition, batch(&["a"]), acks);
            client.send_only(&mut world, &request, operations::PRODUCE_VERSION);
        }
        operations::send_commit(&mut world, &mut client, "shop", "orders", 0, 2);
        let last = operations::produce_request("orders", 0, batch(&["last"]), 0);
        client.send_only(&mut world, &last, operations::PRODUCE_VERSION);
        world.close(client.connection());
        world.run_for(Duration::from_secs(1));
        world.check_invariants();
        let mut reader = Client::connect(&mut world, node);
        for (partition, count) in [5, 3, 3].into_iter().enumerate() {
            let fetched = operations::fetch_all(&mut world, &mut reader, "orders", partition as i32).unwrap();
            assert_eq!(fetched.records.len(), count, "seed {seed}, {shards} shards, partition {partition}");
        }
        assert_eq!(operations::committed(&mut world, &mut reader, "shop", "orders", 0), Ok(Some(2)));
    }
}
