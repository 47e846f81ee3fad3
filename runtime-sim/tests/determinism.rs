//! The same seed twice is the same run, event by event; and with one request outstanding, the number of shards shows in
//! no byte of any answer.

use bytes::Bytes;
use core::time::Duration;
use grete_core::shard::Shard;
use grete_sim::broker::node_config;
use grete_sim::client::operations::{self, Producer};
use grete_sim::client::{Client, encode};
use grete_sim::disk::{DiskProfile, Profile, Survival};
use grete_sim::draw::WorldSeed;
use grete_sim::drive::Drive;
use grete_sim::node::NodeIndex;
use grete_sim::world::{World, WorldProfile};
use kafka_protocol::messages::create_topics_request::CreatableTopic;
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic};
use kafka_protocol::messages::offset_fetch_request::{OffsetFetchRequestGroup, OffsetFetchRequestTopics};
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::{
    ApiVersionsRequest, BrokerId, CreateTopicsRequest, DeleteGroupsRequest, DescribeGroupsRequest, FetchRequest,
    FindCoordinatorRequest, GroupId, InitProducerIdRequest, ListGroupsRequest, ListOffsetsRequest, MetadataRequest,
    OffsetCommitRequest, OffsetFetchRequest, ProduceRequest, TopicName,
};
use kafka_protocol::protocol::{Request, StrBytes};
use std::sync::Arc;

const BOOT: Duration = Duration::from_secs(10);
const ANSWER: Duration = Duration::from_secs(30);
const TIMESTAMP: i64 = 1_700_000_000_000;
const PARTITIONS: i32 = 5;

fn boot(seed: u64, shards: u16) -> (World<Shard>, NodeIndex) {
    let mut world = World::new(WorldSeed(seed), WorldProfile::default());
    let node = world.add_node(Arc::new(node_config(1)), shards, 1, &DiskProfile::default());
    assert!(world.start_and_wait(node, BOOT), "{:?} {:?}", world.state(node), world.notices(node));
    (world, node)
}

fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

fn topic(name: &str) -> TopicName {
    TopicName(text(name))
}

fn values(texts: &[&'static str]) -> Vec<Bytes> {
    texts.iter().map(|text| Bytes::from_static(text.as_bytes())).collect()
}

/// A connection whose answers are kept as they came.
struct Raw {
    connection: grete_core::ids::ConnectionId,
    correlation: i32,
    answers: Vec<(String, Bytes)>,
}

impl Raw {
    fn ask<R: Request>(&mut self, world: &mut World<Shard>, request: &R, version: i16) {
        self.correlation += 1;
        let connection = self.connection;
        world.send(connection, encode(request, version, self.correlation));
        let mut answer = None;
        world.run_until(ANSWER, |world| {
            answer = world.take_frame(connection);
            answer.is_some()
        });
        let what = format!("request {} with key {} version {version}", self.correlation, R::KEY);
        let answer = answer.unwrap_or_else(|| panic!("{what} is not answered"));
        self.answers.push((what, answer));
    }
}

fn produce(values: &[Bytes], partitions: core::ops::Range<i32>) -> ProduceRequest {
    let data = |partition| {
        let batch = operations::batch(values, TIMESTAMP, Producer::NONE);
        PartitionProduceData::default().with_index(partition).with_records(Some(batch))
    };
    let orders =
        TopicProduceData::default().with_name(topic("orders")).with_partition_data(partitions.map(data).collect());
    ProduceRequest::default().with_acks(-1).with_timeout_ms(30_000).with_topic_data(vec![orders])
}

fn fetch(offset: i64) -> FetchRequest {
    bounded_fetch(offset, 16 << 20, 1 << 20)
}

/// A Fetch whose answer may hold so many bytes in all, and of each partition.
fn bounded_fetch(offset: i64, bytes_max: i32, partition_bytes_max: i32) -> FetchRequest {
    let asked = |partition| {
        FetchPartition::default()
            .with_partition(partition)
            .with_current_leader_epoch(-1)
            .with_fetch_offset(offset)
            .with_last_fetched_epoch(-1)
            .with_log_start_offset(-1)
            .with_partition_max_bytes(partition_bytes_max)
    };
    let orders =
        FetchTopic::default().with_topic(topic("orders")).with_partitions((0..PARTITIONS).map(asked).collect());
    FetchRequest::default()
        .with_replica_id(BrokerId(-1))
        .with_max_wait_ms(0)
        .with_max_bytes(bytes_max)
        .with_session_epoch(-1)
        .with_topics(vec![orders])
}

/// One request after the other, over all partitions at once where a request may name several; all answers.
fn answers(seed: u64, shards: u16) -> Vec<(String, Bytes)> {
    let (mut world, node) = boot(seed, shards);
    let connection = world.connect(node);
    let mut raw = Raw { connection, correlation: 0, answers: Vec::new() };
    let world = &mut world;
    raw.ask(world, &ApiVersionsRequest::default(), 4);
    let created = |name: &str, partitions| {
        CreatableTopic::default().with_name(topic(name)).with_num_partitions(partitions).with_replication_factor(1)
    };
    let create = CreateTopicsRequest::default().with_timeout_ms(30_000).with_topics(vec![
        created("orders", PARTITIONS),
        created("bills", 2),
        created("not/a/name", 1),
    ]);
    raw.ask(world, &create, 7);
    raw.ask(world, &create, 7);
    let named = |name| MetadataRequestTopic::default().with_name(Some(topic(name)));
    raw.ask(world, &MetadataRequest::default().with_topics(Some(vec![named("orders"), named("unknown")])), 12);
    for round in [&["a", "b"][..], &["c"][..]] {
        raw.ask(world, &produce(&values(round), 0..PARTITIONS), 12);
        // One partition more than there are.
        raw.ask(world, &produce(&values(round), 0..PARTITIONS + 1), 12);
    }
    raw.ask(world, &fetch(0), 12);
    raw.ask(world, &fetch(2), 12);
    raw.ask(world, &fetch(99), 12);
    // Batches have some eighty bytes: none fits, one does, or some do.
    for (bytes_max, partition_bytes_max) in [(1, 1), (100, 1), (100, 1 << 20), (1 << 20, 1), (1 << 20, 170), (250, 170)]
    {
        raw.ask(world, &bounded_fetch(0, bytes_max, partition_bytes_max), 12);
    }
    for timestamp in [-1, -2, TIMESTAMP] {
        let asked = |partition| {
            ListOffsetsPartition::default()
                .with_partition_index(partition)
                .with_current_leader_epoch(-1)
                .with_timestamp(timestamp)
        };
        let orders = ListOffsetsTopic::default()
            .with_name(topic("orders"))
            .with_partitions((0..=PARTITIONS).map(asked).collect());
        raw.ask(world, &ListOffsetsRequest::default().with_replica_id(BrokerId(-1)).with_topics(vec![orders]), 7);
    }
    // The first one asks for the offsets topic; the second one finds it.
    let coordinators = FindCoordinatorRequest::default().with_coordinator_keys(vec![text("g"), text("h")]);
    raw.ask(world, &coordinators, 4);
    world.run_for(Duration::from_secs(1));
    raw.ask(world, &coordinators, 4);
    for group in ["g", "h"] {
        let asked = |partition| {
            OffsetCommitRequestPartition::default()
                .with_partition_index(partition)
                .with_committed_offset(i64::from(partition))
                .with_committed_leader_epoch(-1)
        };
        let orders = OffsetCommitRequestTopic::default()
            .with_name(topic("orders"))
            .with_partitions((0..PARTITIONS).map(asked).collect());
        let commit = OffsetCommitRequest::default()
            .with_group_id(GroupId(text(group)))
            .with_generation_id_or_member_epoch(-1)
            .with_topics(vec![orders]);
        raw.ask(world, &commit, 9);
    }
    let fetched = |group: &str, topics| {
        OffsetFetchRequestGroup::default().with_group_id(GroupId(text(group))).with_topics(topics)
    };
    let orders = OffsetFetchRequestTopics::default().with_name(topic("orders")).with_partition_indexes(vec![1, 0, 77]);
    let fetched =
        vec![fetched("h", None), fetched("nobody", None), fetched("g", Some(vec![orders])), fetched("g", None)];
    raw.ask(world, &OffsetFetchRequest::default().with_groups(fetched), 8);
    let groups = |names: &[&str]| names.iter().map(|name| GroupId(text(name))).collect::<Vec<_>>();
    raw.ask(world, &DescribeGroupsRequest::default().with_groups(groups(&["h", "nobody", "g", "h"])), 5);
    raw.ask(world, &DeleteGroupsRequest::default().with_groups_names(groups(&["nobody", "h", "none", "h"])), 2);
    raw.ask(world, &ListGroupsRequest::default(), 5);
    for _ in 0..2 {
        let init = InitProducerIdRequest::default().with_transactional_id(None).with_transaction_timeout_ms(60_000);
        raw.ask(world, &init, 4);
    }
    world.check_invariants();
    raw.answers
}

#[test]
fn the_number_of_shards_shows_in_no_answer() {
    for seed in [1, 2] {
        let one = answers(seed, 1);
        for shards in [2, 4] {
            let several = answers(seed, shards);
            for ((what, one), (_, several)) in one.iter().zip(&several) {
                assert_eq!(one, several, "seed {seed}, 1 shard and {shards}: {what}");
            }
            assert_eq!(one.len(), several.len());
        }
    }
}

/// Several clients at once, requests in flight, a kill, a power loss, another number of shards.
fn busy_run(seed: u64) -> (u64, u64, u64) {
    let (mut world, node) = boot(seed, 2);
    let mut first = Client::connect(&mut world, node);
    operations::create_topic(&mut world, &mut first, "orders", 3, &[]).unwrap();
    let mut second = Client::connect(&mut world, node);
    for round in 0..8 {
        for partition in 0..3 {
            let batch = operations::batch(&values(&["one", "two"]), TIMESTAMP + round, Producer::NONE);
            let request = operations::produce_request("orders", partition, batch, -1);
            first.send(&mut world, &request, operations::PRODUCE_VERSION);
            second.send(&mut world, &request, operations::PRODUCE_VERSION);
        }
        world.run_for(Duration::from_millis(1));
    }
    world.kill(node);
    world.set_shards(node, 3);
    assert!(world.start_and_wait(node, BOOT));
    world.power_loss(node, Survival { seed: WorldSeed(seed), profile: Profile::ALL[2] });
    world.set_shards(node, 1);
    assert!(world.start_and_wait(node, BOOT));
    let mut client = Client::connect(&mut world, node);
    operations::fetch_all(&mut world, &mut client, "orders", 0).unwrap();
    assert!(world.shut_down_and_wait(node, BOOT));
    (world.hash(), world.effects(), world.now().0)
}

#[test]
fn the_same_seed_twice_is_the_same_run() {
    for seed in 0..5 {
        assert_eq!(busy_run(seed), busy_run(seed), "seed {seed}");
    }
    assert_ne!(busy_run(1).0, busy_run(2).0);
}

#[test]
fn a_copy_of_a_world_goes_on_as_the_original_does() {
    let (mut world, node) = boot(11, 2);
    let mut client = Client::connect(&mut world, node);
    operations::create_topic(&mut world, &mut client, "orders", 3, &[]).unwrap();
    let go_on = |mut world: World<Shard>, mut client: Client| {
        let batch = operations::batch(&values(&["one", "two"]), TIMESTAMP, Producer::NONE);
        assert_eq!(operations::produce(&mut world, &mut client, "orders", 1, batch), Ok(0));
        world.hash()
    };
    assert_eq!(go_on(world.clone(), client.clone()), go_on(world, client));
}
