//! Answers of a whole node that no part of it gives alone.

use core::time::Duration;
use grete_core::shard::Shard;
use grete_sim::broker::node_config;
use grete_sim::client::Client;
use grete_sim::disk::DiskProfile;
use grete_sim::draw::WorldSeed;
use grete_sim::node::NodeIndex;
use grete_sim::world::{World, WorldProfile};
use kafka_protocol::messages::offset_fetch_request::OffsetFetchRequestTopic;
use kafka_protocol::messages::{GroupId, OffsetFetchRequest, OffsetFetchResponse, TopicName};
use kafka_protocol::protocol::StrBytes;
use std::sync::Arc;

const NOT_COORDINATOR: i16 = 16;

fn world() -> (World<Shard>, NodeIndex) {
    let mut world = World::new(WorldSeed(1), WorldProfile::default());
    let node = world.add_node(Arc::new(node_config(1)), 2, 1, &DiskProfile::default());
    assert!(world.start_and_wait(node, Duration::from_secs(10)), "{:?}", world.state(node));
    (world, node)
}

/// Version 1 tells errors with each partition, so that they must be there although nobody knows the group.
#[test]
fn offsets_of_a_group_without_a_coordinator_are_refused_in_every_version() {
    let (mut world, node) = world();
    let mut client = Client::connect(&mut world, node);
    let topic = OffsetFetchRequestTopic::default()
        .with_name(TopicName(StrBytes::from_static_str("orders")))
        .with_partition_indexes(vec![0, 1]);
    let request = OffsetFetchRequest::default()
        .with_group_id(GroupId(StrBytes::from_static_str("nobody")))
        .with_topics(Some(vec![topic]));
    for version in 1..8 {
        let response: OffsetFetchResponse = client.call(&mut world, &request, version).unwrap();
        let errors: Vec<i16> =
            response.topics.iter().flat_map(|topic| &topic.partitions).map(|partition| partition.error_code).collect();
        if version == 1 {
            assert_eq!(errors, [NOT_COORDINATOR; 2]);
        } else {
            assert_eq!((response.error_code, errors), (NOT_COORDINATOR, vec![]), "version {version}");
        }
    }
}
