//! Answers of a whole node that no part of it gives alone.

use core::time::Duration;
use grete_core::ids::ListenerIndex;
use grete_core::node::{Listener, ListenerRole, NodeConfig};
use grete_core::shard::Shard;
use grete_sim::broker::node_config;
use grete_sim::client::{CallError, Client};
use grete_sim::disk::DiskProfile;
use grete_sim::draw::WorldSeed;
use grete_sim::node::NodeIndex;
use grete_sim::world::{World, WorldProfile};
use kafka_protocol::messages::describe_quorum_request::{PartitionData, TopicData};
use kafka_protocol::messages::offset_fetch_request::OffsetFetchRequestTopic;
use kafka_protocol::messages::{
    ApiKey, ApiVersionsRequest, DeleteTopicsRequest, DescribeClusterRequest, DescribeQuorumRequest, GroupId,
    MetadataRequest, OffsetFetchRequest, OffsetFetchResponse, TopicName,
};
use kafka_protocol::protocol::StrBytes;
use std::sync::Arc;

const NOT_COORDINATOR: i16 = 16;

fn world() -> (World<Shard>, NodeIndex) {
    world_of(node_config(1))
}

fn world_of(config: NodeConfig) -> (World<Shard>, NodeIndex) {
    let mut world = World::new(WorldSeed(1), WorldProfile::default());
    let node = world.add_node(Arc::new(config), 2, 1, &DiskProfile::default());
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

/// A node with a listener of the controller's beside the broker's, which is the second.
fn with_controller() -> (World<Shard>, NodeIndex) {
    let mut config = node_config(1);
    config.listeners.push(Listener {
        name: "CONTROL".into(),
        role: ListenerRole::Controller,
        host: String::new(),
        advertised: None,
        port: 10_092,
    });
    world_of(config)
}

const BROKER: ListenerIndex = ListenerIndex(0);
const CONTROLLER: ListenerIndex = ListenerIndex(1);

#[test]
fn the_controllers_listener_answers_what_controllers_serve_and_closes_on_the_rest() {
    let (mut world, node) = with_controller();
    let mut told = |listener| {
        let mut client = Client::connect_by(&mut world, node, listener);
        let answer = client.call(&mut world, &ApiVersionsRequest::default(), 0).unwrap();
        answer.api_keys.iter().map(|api| api.api_key).collect::<Vec<i16>>()
    };
    let (brokers, controllers) = (told(BROKER), told(CONTROLLER));
    // All of what controllers serve is served by brokers, too.
    assert!(controllers.iter().all(|key| brokers.contains(key)) && controllers.len() < brokers.len());
    let is_told = |api: ApiKey| controllers.contains(&(api as i16));
    assert!([ApiKey::ApiVersions, ApiKey::CreateTopics, ApiKey::DescribeQuorum].into_iter().all(is_told));
    // Controllers fetch the metadata log of each other: that is not served yet.
    assert!(![ApiKey::Metadata, ApiKey::Produce, ApiKey::Fetch, ApiKey::FindCoordinator].into_iter().any(is_told));
    let mut client = Client::connect_by(&mut world, node, CONTROLLER);
    let answer = client.call(&mut world, &MetadataRequest::default(), 12);
    assert_eq!(answer.unwrap_err(), CallError::Closed);
    let notices: Vec<String> = world.notices(node).iter().map(|notice| notice.text.clone()).collect();
    assert!(
        notices.iter().any(|text| text.contains("Metadata is not served on the controller's listener")),
        "{notices:?}"
    );
}

#[test]
fn each_listener_tells_of_its_own_kind_of_endpoints() {
    let (mut world, node) = with_controller();
    let mut ask = |listener, kind: i8, version: i16| {
        let mut client = Client::connect_by(&mut world, node, listener);
        let request = DescribeClusterRequest::default().with_endpoint_type(kind);
        let answer = client.call(&mut world, &request, version).unwrap();
        let ports: Vec<i32> = answer.brokers.iter().map(|broker| broker.port).collect();
        (answer.error_code, answer.endpoint_type, ports)
    };
    const INVALID_REQUEST: i16 = 42;
    const MISMATCHED: i16 = 114;
    const UNSUPPORTED: i16 = 115;
    assert_eq!(ask(BROKER, 1, 1), (0, 1, vec![9092]));
    assert_eq!(ask(CONTROLLER, 2, 1), (0, 2, vec![10_092]));
    assert_eq!(ask(BROKER, 2, 1), (MISMATCHED, 1, vec![]));
    assert_eq!(ask(CONTROLLER, 1, 1), (MISMATCHED, 1, vec![]));
    assert_eq!(ask(CONTROLLER, 3, 1), (UNSUPPORTED, 1, vec![]));
    // Version 0 asks for brokers, and knows no such error.
    assert_eq!(ask(CONTROLLER, 1, 0), (INVALID_REQUEST, 1, vec![]));
}

#[test]
fn the_quorum_is_where_the_controller_listens_whoever_asks() {
    let nodes = |(mut world, node): (World<Shard>, NodeIndex), listener| {
        let mut client = Client::connect_by(&mut world, node, listener);
        let partition = PartitionData::default().with_partition_index(0);
        let name = TopicName(StrBytes::from_static_str("__cluster_metadata"));
        let topic = TopicData::default().with_topic_name(name).with_partitions(vec![partition]);
        let answer = client.call(&mut world, &DescribeQuorumRequest::default().with_topics(vec![topic]), 2).unwrap();
        let listeners = answer.nodes.iter().flat_map(|node| &node.listeners);
        listeners.map(|at| (at.name.to_string(), at.host.to_string(), at.port)).collect::<Vec<_>>()
    };
    let at = |name: &str, port: u16| vec![(name.to_owned(), "127.0.0.1".to_owned(), port)];
    assert_eq!(nodes(with_controller(), BROKER), at("CONTROL", 10_092));
    assert_eq!(nodes(with_controller(), CONTROLLER), at("CONTROL", 10_092));
    assert_eq!(nodes(world(), BROKER), at("CONTROLLER", 9092), "a node without such a listener");
}

#[test]
fn where_no_topic_may_be_deleted_nothing_else_is_looked_at() {
    let mut config = node_config(1);
    config.topics.delete_topics = false;
    let (mut world, node) = world_of(config);
    let mut client = Client::connect(&mut world, node);
    let name = |text| TopicName(StrBytes::from_static_str(text));
    const INVALID_REQUEST: i16 = 42;
    const TOPIC_DELETION_DISABLED: i16 = 73;
    for (version, error) in [(2, INVALID_REQUEST), (3, TOPIC_DELETION_DISABLED), (5, TOPIC_DELETION_DISABLED)] {
        let names = vec![name("not-there"), name("twice"), name("twice")];
        let request = DeleteTopicsRequest::default().with_topic_names(names.clone()).with_timeout_ms(0);
        let answer = client.call(&mut world, &request, version).unwrap();
        let answers: Vec<_> = answer.responses.iter().map(|one| (one.name.clone(), one.error_code)).collect();
        assert_eq!(answers, names.into_iter().map(|name| (Some(name), error)).collect::<Vec<_>>(), "version {version}");
        assert!(answer.responses.iter().all(|one| one.error_message.is_none()));
    }
}
