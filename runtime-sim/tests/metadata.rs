//! The metadata log with its snapshots, in the world: short, and whole after every way to end.

use core::time::Duration;
use grete_core::node::NodeConfig;
use grete_core::shard::Shard;
use grete_sim::broker::node_config;
use grete_sim::client::Client;
use grete_sim::client::operations::{self, Producer};
use grete_sim::disk::{DiskProfile, Profile, Survival};
use grete_sim::draw::WorldSeed;
use grete_sim::node::NodeIndex;
use grete_sim::world::{World, WorldProfile};
use kafka_protocol::messages::describe_quorum_request::{PartitionData, TopicData};
use kafka_protocol::messages::{
    DescribeLogDirsRequest, DescribeLogDirsResponse, DescribeQuorumRequest, DescribeQuorumResponse, TopicName,
};
use kafka_protocol::protocol::StrBytes;
use std::collections::BTreeSet;
use std::sync::Arc;

const BOOT: Duration = Duration::from_secs(10);
const DIR: &str = "__cluster_metadata-0/";

/// A node that takes a snapshot after each 2 KiB of metadata.
fn world(seed: u64) -> (World<Shard>, NodeIndex) {
    let mut world = World::new(WorldSeed(seed), WorldProfile::default());
    let config = NodeConfig { metadata_snapshot_bytes: 2048, ..node_config(1) };
    let node = world.add_node(Arc::new(config), 2, 1, &DiskProfile::default());
    assert!(world.start_and_wait(node, BOOT), "{:?} {:?}", world.state(node), world.notices(node));
    (world, node)
}

fn names(world: &World<Shard>, node: NodeIndex) -> Vec<String> {
    let list = world.disk(node, 0).list();
    list.iter().filter_map(|entry| entry.path.strip_prefix(DIR).map(String::from)).collect()
}

fn topics(world: &mut World<Shard>, node: NodeIndex) -> BTreeSet<String> {
    let mut client = Client::connect(world, node);
    operations::topics(world, &mut client).unwrap().into_keys().collect()
}

/// Creates topics and deletes every third; gives those that are there.
fn churn(world: &mut World<Shard>, node: NodeIndex, round: u32, there: &mut BTreeSet<String>) {
    let mut client = Client::connect(world, node);
    for number in 0..20 {
        let name = format!("topic-{round}-{number}");
        operations::create_topic(world, &mut client, &name, 3, &[("retention.ms", "1000")]).unwrap();
        there.insert(name.clone());
        if number % 3 == 0 {
            operations::delete_topic(world, &mut client, &name).unwrap();
            there.remove(&name);
        }
    }
}

#[test]
fn snapshots_stand_for_the_log_before_them() {
    let (mut world, node) = world(1);
    let mut there = BTreeSet::new();
    for round in 0..9 {
        churn(&mut world, node, round, &mut there);
        let survival =
            Survival { seed: WorldSeed(u64::from(round)), profile: Profile::ALL[round as usize % Profile::ALL.len()] };
        match round % 3 {
            0 => drop(world.power_loss(node, survival)),
            1 => world.kill(node),
            _ => assert!(world.shut_down_and_wait(node, BOOT)),
        }
        assert!(world.start_and_wait(node, BOOT), "{:?} {:?}", world.state(node), world.notices(node));
        assert_eq!(topics(&mut world, node), there);
        world.check_invariants();
    }
    let names = names(&world, node);
    let snapshots = names.iter().filter(|name| name.ends_with(".checkpoint")).count();
    assert!((1..=2).contains(&snapshots), "two are kept: {names:?}");
    assert!(!names.contains(&"00000000000000000000.log".into()), "the log is short: {names:?}");
}

#[test]
fn no_partition_lies_in_a_directory_that_is_for_the_metadata_log_alone() {
    let mut world = World::new(WorldSeed(3), WorldProfile::default());
    let config = NodeConfig { metadata_dir_apart: true, ..node_config(2) };
    let node = world.add_node(Arc::new(config), 2, 2, &DiskProfile::default());
    assert!(world.start_and_wait(node, BOOT), "{:?} {:?}", world.state(node), world.notices(node));
    let mut client = Client::connect(&mut world, node);
    operations::create_topic(&mut world, &mut client, "wide", 8, &[]).unwrap();
    let partitions = |world: &World<Shard>, disk| {
        let homes = world.disk(node, disk).list().into_iter().filter(|entry| entry.path.starts_with("wide-"));
        homes.map(|entry| entry.path.split('/').next().unwrap_or_default().to_string()).collect::<BTreeSet<_>>().len()
    };
    for partition in 0..8 {
        let batch = operations::batch(&["a".into()], 1_700_000_000_000, Producer::NONE);
        assert_eq!(operations::produce(&mut world, &mut client, "wide", partition, batch), Ok(0));
    }
    assert_eq!((partitions(&world, 0), partitions(&world, 1)), (0, 8));
    let described: DescribeLogDirsResponse =
        client.call(&mut world, &DescribeLogDirsRequest::default().with_topics(None), 4).unwrap();
    let shown: Vec<_> = described.results.iter().map(|dir| (dir.log_dir.as_str(), dir.topics.len())).collect();
    assert_eq!(shown, [("/simulated/1", 1)]);
    let metadata = TopicData::default()
        .with_topic_name(TopicName(StrBytes::from_static_str("__cluster_metadata")))
        .with_partitions(vec![PartitionData::default()]);
    let quorum: DescribeQuorumResponse =
        client.call(&mut world, &DescribeQuorumRequest::default().with_topics(vec![metadata]), 2).unwrap();
    let voter = quorum.topics[0].partitions[0].current_voters[0].replica_directory_id;
    let meta = world.disk(node, 0).contents("meta.properties").unwrap().to_vec();
    let meta = String::from_utf8(meta).unwrap();
    let voter = grete_protocol::wire::Uuid(*voter.as_bytes());
    assert!(meta.contains(&format!("directory.id={voter}\n")), "{voter}: {meta}");
}

#[test]
fn a_damaged_snapshot_is_reported_and_the_one_before_it_taken() {
    let (mut world, node) = world(2);
    let mut there = BTreeSet::new();
    (0..3).for_each(|round| churn(&mut world, node, round, &mut there));
    world.kill(node);
    let snapshots: Vec<String> = names(&world, node).into_iter().filter(|n| n.ends_with(".checkpoint")).collect();
    assert!(snapshots.len() >= 2, "{snapshots:?}");
    let newest = format!("{DIR}{}", snapshots.last().unwrap());
    world.disk_mut(node, 0).rot(&newest, 300, 3);
    assert!(world.start_and_wait(node, BOOT), "{:?}", world.state(node));
    assert!(world.notices(node).iter().any(|notice| notice.text.contains(&newest)), "{:?}", world.notices(node));
    assert_eq!(topics(&mut world, node), there);
    // With both damaged, the start of the log is missing: the node says so instead of starting with less.
    world.kill(node);
    for snapshot in names(&world, node).into_iter().filter(|name| name.ends_with(".checkpoint")) {
        world.disk_mut(node, 0).rot(&format!("{DIR}{snapshot}"), 310, 3);
    }
    assert!(!world.start_and_wait(node, BOOT));
    let state = format!("{:?}", world.state(node));
    assert!(state.contains("no snapshot that is whole"), "{state}");
}
